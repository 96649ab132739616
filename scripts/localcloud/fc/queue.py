"""The queue of asynchronous invocations: deliveries that wait for an instance, or for the time of their retry."""

import random
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one delivery.

    `payload` is what the function returned, or the runtime's JSON description of what went wrong (errorMessage, and
    errorType and stackTrace for an exception). `function_error` is None where the function returned. `retry_count` is
    None on the first delivery.
    """

    request_id: str
    retry_count: int | None
    payload: bytes
    function_error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An invocation on its way to an instance.

    `answer` is there where somebody waits: such a delivery is synchronous, not retried and never a dead letter.
    """

    payload: bytes
    request_id: str
    retry_count: int | None = None
    answer: Future[Answer] | None = None


class DeliveryQueue:
    """First come, first served among what is due; with a `shuffle_seed`, any order among what is due."""

    def __init__(self, shuffle_seed: int | None = None) -> None:
        self._random = None if shuffle_seed is None else random.Random(shuffle_seed)  # noqa: S311 - repeatable on purpose
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, Delivery]] = []
        self._unfinished = 0
        self._held = self._closed = False

    def put(self, delivery: Delivery, *, delay_s: float = 0.0) -> None:
        """Queue a delivery, due after `delay_s`."""
        with self._changed:
            self._waiting.append((time.monotonic() + delay_s, delivery))
            self._unfinished += 1
            self._changed.notify_all()

    def get(self) -> Delivery | None:
        """Wait for a delivery that is due; None once the queue is closed. Call `done` after each."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                due = [entry for entry in self._waiting if entry[0] <= now and self._may_go(entry[1])]
                if due:
                    entry = self._random.choice(due) if self._random else min(due, key=_due_at)
                    self._waiting.remove(entry)
                    return entry[1]
                later = [at for at, _ in self._waiting if at > now]
                self._changed.wait(min(later) - now if later else None)
            return None

    def done(self) -> None:
        """One delivery from `get` is finished; put its retry before this, or the queue looks idle in between."""
        with self._changed:
            self._unfinished -= 1
            self._changed.notify_all()

    def hold(self) -> None:
        """Keep asynchronous deliveries back until `release`."""
        with self._changed:
            self._held = True

    def release(self) -> None:
        """Let go of what was held."""
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is queued, delayed or running; False if that takes longer than `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._unfinished == 0, timeout_s)

    def close(self) -> list[Delivery]:
        """End all waiting in `get`; what was never delivered is returned."""
        with self._changed:
            self._closed = True
            left = [delivery for _, delivery in self._waiting]
            self._waiting.clear()
            self._unfinished -= len(left)
            self._changed.notify_all()
            return left

    def _may_go(self, delivery: Delivery) -> bool:
        return not self._held or delivery.answer is not None


def _due_at(entry: tuple[float, Delivery]) -> float:
    return entry[0]
