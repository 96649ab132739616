"""The count of wire calls made for the upload under way, and the time that it has left for them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from handler.errors import OutOfTime
from handler.model import Calls, RequestIds

# With less than this no call is worth starting.
SHORTEST_CALL_S = 0.05


@dataclass(slots=True)
class Meter:
    """Filled by the adapters, one count for each request sent; an instance serves one upload at a time.

    `ends_s` is when the upload's share of this delivery is used up, on `clock`, in seconds.
    """

    clock: Callable[[], float] = time.monotonic
    oss: int = 0
    green: int = 0
    billed: int = 0
    maybe_billed: int = 0
    oss_request_ids: list[str] = field(default_factory=list)
    green_request_ids: list[str] = field(default_factory=list)
    ends_s: float = float("inf")

    def start(self, ends_s: float = float("inf")) -> None:
        """Begin the count of the next upload, which may call until then."""
        self.oss = self.green = self.billed = self.maybe_billed = 0
        self.oss_request_ids = []
        self.green_request_ids = []
        self.ends_s = ends_s

    def time_left_s(self) -> float:
        """How long a call that begins now may take. Raises OutOfTime where that is too little to begin."""
        left_s = self.ends_s - self.clock()
        if left_s < SHORTEST_CALL_S:
            raise OutOfTime("no time is left for this upload in this delivery; the next one goes on")
        return left_s

    def calls(self) -> Calls:
        """Return the calls counted so far."""
        return Calls(oss=self.oss, green=self.green, billed=self.billed, maybe_billed=self.maybe_billed)

    def request_ids(self, fc: str) -> RequestIds:
        """Return the ids of the answers so far."""
        return RequestIds(fc=fc, oss=tuple(self.oss_request_ids), green=tuple(self.green_request_ids))
