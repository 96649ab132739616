"""The first step: whether an upload is ours to judge, and that no other delivery of it is at work.

`duplicate` only ever follows a final outcome. A claim is taken over where its delivery gave it back, where it is
certain that its invocation is over, or where the lease, by the ledger's own clock, has ended.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

from handler.errors import ClaimHeld
from handler.events import JUDGED_EVENTS, spellings
from handler.model import Earlier, Outcome, Status
from handler.ports import Listing
from handler.upload.ledger import Entry
from handler.upload.progress import Progress, Run
from handler.upload.records import GIVEN_BACK, OUTCOME, VERDICT, Claim, claim_name, newest_claim

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
# Time of writing is cut to seconds.
CLOCK_STEP_S = 1.0


def claim(progress: Progress, run: Run) -> Progress:
    """Claim the upload; it ends here where nothing of it is to be judged, or an earlier delivery brought it to its end.

    Raises what take_claim raises.
    """
    upload = progress.upload
    if upload.event_name not in JUDGED_EVENTS:
        return progress.end(Status.IGNORED_EVENT)
    if not any(run.is_ours_to_judge(replace(upload, key=key)) for key in spellings(upload.key)):
        return progress.end(Status.OUT_OF_SCOPE, location=f"{upload.bucket}/{upload.key}")
    taken = take_claim(progress.entry, run.services.clock, run.services.sleep, run.deadline_s)
    if isinstance(taken, Earlier):
        return progress.end_as(Outcome(upload, Status.DUPLICATE, location=taken.location, earlier=taken))
    # A delivery before this one may have been killed between a tag and the look back at it.
    has_forerunner = taken.is_takeover or run.delivery.number > 1
    return replace(progress, entry=taken, may_have_marked=has_forerunner and run.is_enforced)


def take_claim(
    entry: Entry, clock: Callable[[], float], sleep: Callable[[float], None], deadline_s: float
) -> Entry | Earlier:
    """Take the claim, waiting for it until the deadline on the clock; or say how the upload ended before.

    Raises ClaimHeld where another delivery has it for longer than there is time to wait, and OperatorError.
    """
    taken = entry.create_claim(1) or entry.read_outcome()
    pause_s = FIRST_PAUSE_S
    while taken is None:
        listing = entry.look()
        if OUTCOME in listing.written_at and (earlier := entry.read_outcome()):
            return earlier
        newest = newest_claim(list(listing.written_at))
        holder = entry.read_claim(newest)
        wait_s = _wait_s(entry, holder, listing, newest)
        if wait_s <= 0:
            taken = _take_over(entry, newest, holder, listing)
            continue
        nap_s = min(wait_s, pause_s)
        if holder is not None and clock() + nap_s > deadline_s:
            raise _held(holder, listing.now + wait_s)
        sleep(nap_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    return taken


def _take_over(entry: Entry, newest: int, holder: Claim | None, listing: Listing) -> Entry | None:
    """Go on in place of who gave up or was killed. None where another delivery was faster."""
    if entry.ledger.is_down:
        return entry
    entry = replace(entry, has_verdict=VERDICT in listing.written_at)
    if holder is not None and holder.token == entry.token:
        # Our own: the answer to its creation was lost on the way.
        return replace(entry, claim_number=newest)
    return entry.create_claim(newest + 1)


def _wait_s(entry: Entry, holder: Claim | None, listing: Listing, newest: int) -> float:
    """How long the claim is good for yet, in seconds; 0 or less where it may be taken over.

    A retry comes after the end of the delivery that it repeats. Only a higher number under the same id is one:
    the same number twice may be one event delivered twice, both at work.
    """
    if holder is None or holder.state == GIVEN_BACK or holder.token == entry.token:
        return 0.0
    if holder.invocation == entry.delivery.request_id and holder.delivery < entry.delivery.number:
        return 0.0
    return listing.written_at[claim_name(newest)] + holder.lease_s + CLOCK_STEP_S - listing.now


def _held(holder: Claim, free_at: float) -> ClaimHeld:
    until = datetime.fromtimestamp(free_at, timezone.utc).isoformat(timespec="seconds")
    return ClaimHeld(
        f"held by invocation {holder.invocation!r} until {until} at the latest (clock of OSS); "
        "it waits for the next delivery"
    )
