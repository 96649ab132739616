"""The account's queries per second, as a token bucket that all callers share."""

import threading
from collections.abc import Callable


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
