"""Work on many things at once: in order, each once, and stopped between two of them."""

import signal
from threading import Barrier, Lock

import pytest

from handler.credentials import Credentials
from handler.meter import Meter
from scripts.operations.account import Account
from scripts.operations.crew import WORKERS, work_through


@pytest.fixture
def account() -> Account:
    """Nobody's; nothing is asked."""
    return Account(Credentials("LTAIoperator", "operator-secret"), "http://127.0.0.1:1", "ap-southeast-1", Meter())


def test_answers_come_in_the_order_of_the_items(account: Account) -> None:
    """Also where they are found in another; the calls of all are counted, and no two threads share a connection."""
    together, forks = Barrier(WORKERS), set()

    def work(fork: Account, item: int) -> int:
        if item < WORKERS:
            together.wait()
        forks.add(id(fork))
        fork.meter.oss += 2
        return item * item

    shown: list[int] = []
    answers = work_through(account, range(50), work, lambda _, answer: shown.append(answer))
    assert answers == shown == [item * item for item in range(50)]
    assert account.meter.oss == 100
    assert len(forks) == WORKERS


@pytest.mark.exhaustive
def test_a_fault_of_ours_stops_the_rest(account: Account) -> None:
    """It is raised, and what was not begun is not."""
    begun: list[int] = []

    def work(_: Account, item: int) -> int:
        begun.append(item)
        if not item:
            raise ZeroDivisionError
        return item

    with pytest.raises(ZeroDivisionError):
        work_through(account, range(100_000), work)
    assert len(begun) < 100_000


@pytest.mark.exhaustive
def test_ctrl_c_lets_end_what_was_begun(account: Account) -> None:
    """Every item that was begun has its answer shown, once; no other has one."""
    begun: set[int] = set()
    lock = Lock()

    def work(_: Account, item: int) -> int:
        with lock:
            begun.add(item)
            if len(begun) == 20:
                signal.raise_signal(signal.SIGINT)
        return item

    shown: list[int] = []
    answers = work_through(account, range(100_000), work, lambda item, _: shown.append(item))
    assert len(answers) == 100_000
    assert set(shown) == begun
    assert len(shown) == len(begun) < 100_000
    assert {answer for answer in answers if answer is not None} == begun
