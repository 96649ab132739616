"""Many pieces of work at once, each by itself, and Ctrl-C between two of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock, local
from typing import TypeVar

from scripts.operations.account import Account

# Far below what OSS takes of one account (vendor's page on limits: 10,000 requests a second); each has a connection.
WORKERS = 8

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def work_through(
    account: Account,
    items: Sequence[Item],
    work: Callable[[Account, Item], Answer],
    show: Callable[[Item, Answer], None] = lambda _item, _answer: None,
) -> list[Answer | None]:
    """Do it for each, at most WORKERS at once; `show` gets every answer, in the order of the items.

    Where Ctrl-C comes, what is under way is brought to its end and shown, and the answers of the rest are None. Raises
    what `work` raises. The calls are counted by the meter of `account`.
    """
    answers: list[Answer | None] = []
    futures: list[Future[Answer]] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            futures.extend(pool.submit(_by_fork(account, work), item) for item in items)
            for item, future in zip(items, futures, strict=True):
                answers.append(future.result())
                _show(show, item, answers[-1])
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            for item, future in list(zip(items, futures, strict=False))[len(answers) :]:
                answers.append(None if future.cancelled() else future.result())
                _show(show, item, answers[-1])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return answers + [None] * (len(items) - len(answers))


def _show(show: Callable[[Item, Answer], None], item: Item, answer: Answer | None) -> None:
    if answer is not None:
        show(item, answer)


def _by_fork(account: Account, work: Callable[[Account, Item], Answer]) -> Callable[[Item], Answer]:
    """The work with the thread's own account; its calls are added up."""

    def do(item: Item) -> Answer:
        fork = _fork_of(account)
        before = fork.meter.oss
        try:
            return work(fork, item)
        finally:
            with _COUNTING:
                account.meter.oss += fork.meter.oss - before

    return do


_COUNTING = Lock()
_OF_THREAD = local()


def _fork_of(account: Account) -> Account:
    """The pool's threads end with it, and what is local to them too."""
    if not hasattr(_OF_THREAD, "account"):
        _OF_THREAD.account = account.fork()
    fork: Account = _OF_THREAD.account
    return fork
