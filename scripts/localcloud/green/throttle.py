"""The account's queries per second, shared by all callers.

The vendor's pages say how many (20, or 50), not how they are counted: a token bucket is assumed, the other two are
there to measure what would be if it were otherwise.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol


class Limiter(Protocol):
    """Decides call by call."""

    def take(self) -> bool:
        """Whether this call is within the limit; if so, it counts."""


class TokenBucket:
    """Holds `per_second` tokens at most, begins full, and gains `per_second` of them a second. Thread-safe.

    `clock` returns seconds and never goes back.
    """

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        if per_second <= 0:
            raise ValueError(f"per_second is {per_second!r}; it must be above 0")
        self._per_second = per_second
        self._clock = clock
        self._tokens = max(1.0, per_second)
        self._at_s = clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take a token; False where there is none."""
        with self._lock:
            now_s = self._clock()
            refilled = self._tokens + (now_s - self._at_s) * self._per_second
            self._tokens = min(refilled, max(1.0, self._per_second))
            self._at_s = now_s
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class FixedSecond:
    """Lets `per_second` calls (at least 1) through in each whole second of `clock`. Thread-safe."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second = max(1.0, per_second)
        self._clock = clock
        self._second = -1
        self._taken = 0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one of this second's calls; False where none is left."""
        with self._lock:
            second = int(self._clock())
            if second != self._second:
                self._second, self._taken = second, 0
            if self._taken + 1 > self._per_second:
                return False
            self._taken += 1
            return True


class SlidingSecond:
    """Lets `per_second` calls (at least 1) through in any span of one second. Thread-safe."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second = max(1.0, per_second)
        self._clock = clock
        self._taken_at_s: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one of the calls of the second that ends now; False where none is left."""
        with self._lock:
            now_s = self._clock()
            while self._taken_at_s and self._taken_at_s[0] <= now_s - 1:
                self._taken_at_s.popleft()
            if len(self._taken_at_s) + 1 > self._per_second:
                return False
            self._taken_at_s.append(now_s)
            return True


LIMITERS: dict[str, Callable[[float, Callable[[], float]], Limiter]] = {
    "token-bucket": TokenBucket,
    "fixed-second": FixedSecond,
    "sliding-second": SlidingSecond,
}
