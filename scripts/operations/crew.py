"""Many pieces of work at once, each by itself, and Ctrl-C between two of them."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from threading import Event, Lock, current_thread, local, main_thread
from typing import TypeVar

from scripts.operations.account import Account

# Far below what OSS takes of one account (vendor's page on limits: 10,000 requests a second); each has a connection.
WORKERS = 8

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_counting = Lock()
_of_thread = local()


def work_through(
    account: Account,
    items: Sequence[Item],
    work: Callable[[Account, Item], Answer],
    show: Callable[[Item, Answer], None] = lambda _item, _answer: None,
    stopped: Event | None = None,
) -> list[Answer | None]:
    """Do it for each, at most WORKERS at once; `show` gets every answer, in the order of the items.

    Where Ctrl-C comes, what was begun is brought to its end and shown, and the answers of the rest are None; a second
    one is as ever. `stopped` is what stopped_by_ctrl_c gave, where that is to hold for more than this. Raises what
    `work` raises. The calls are counted by the meter of `account`.
    """
    answers: list[Answer | None] = []
    with nullcontext(stopped) if stopped else stopped_by_ctrl_c() as stop, ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(_do, account, work, item, stop) for item in items]
        try:
            for item, future in zip(items, futures, strict=True):
                answer = future.result()
                answers.append(answer)
                if answer is not None:
                    show(item, answer)
        except BaseException:
            stop.set()
            raise
    return answers


@contextmanager
def stopped_by_ctrl_c() -> Iterator[Event]:
    """What Ctrl-C sets, so that it can come in the middle of nothing; only a process's main thread hears of it."""
    stop = Event()
    if current_thread() is not main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def heed(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, heed)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _do(account: Account, work: Callable[[Account, Item], Answer], item: Item, stop: Event) -> Answer | None:
    """The work with the thread's own account, whose calls are added up; None where it is not to be begun any more."""
    if stop.is_set():
        return None
    fork = _fork_of(account)
    before = fork.meter.oss
    try:
        return work(fork, item)
    finally:
        with _counting:
            account.meter.oss += fork.meter.oss - before


def _fork_of(account: Account) -> Account:
    """The pool's threads end with it, and what is local to them too."""
    if not hasattr(_of_thread, "account"):
        _of_thread.account = account.fork()
    fork: Account = _of_thread.account
    return fork
