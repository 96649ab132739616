"""Waiting for what another delivery has: with growing pauses, and no longer than there is time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from handler.errors import ClaimHeld
from handler.upload.records import GIVEN_BACK, Claim

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
# Time of writing is cut to seconds.
CLOCK_STEP_S = 1.0


@dataclass(slots=True)
class Waiting:
    """Waits until `deadline_s` on `clock`, in seconds; `sleep` takes seconds."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    deadline_s: float
    _pause_s: float = FIRST_PAUSE_S

    def wait(self, wait_s: float, holder: Claim, now: float) -> None:
        """Pause, for `wait_s` at the most: so long the claim is good for yet. `now` is the time of the ledger's clock.

        Raises ClaimHeld where that would be too late.
        """
        nap_s = min(wait_s, self._pause_s)
        if self.clock() + nap_s > self.deadline_s:
            until = datetime.fromtimestamp(now + wait_s, timezone.utc).isoformat(timespec="seconds")
            raise ClaimHeld(
                f"held by invocation {holder.invocation!r} until {until}, unless it renews that (clock of OSS); "
                "it waits for the next delivery"
            )
        self.sleep(nap_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


def good_for_s(claim: Claim | None, written_at: float, now: float) -> float:
    """How long a claim is good for yet, in seconds; 0 or less: it may be taken over. Times by the ledger's clock."""
    if claim is None or claim.state == GIVEN_BACK:
        return 0.0
    return written_at + claim.lease_s + CLOCK_STEP_S - now
