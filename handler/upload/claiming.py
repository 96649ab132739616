"""The first step: whether an upload is ours to judge, and that no other delivery of it is at work.

`duplicate` only ever follows a final outcome. A claim is taken over where its delivery gave it back, where it is
certain that its invocation is over, or where the lease, by the ledger's own clock, has ended.
"""

from collections.abc import Callable
from dataclasses import replace

from handler.events import JUDGED_EVENTS, spellings
from handler.model import Earlier, Outcome, Status
from handler.ports import Listing
from handler.upload.ledger import Entry
from handler.upload.progress import Progress, Run
from handler.upload.records import OUTCOME, VERDICT, Claim, claim_name, newest_claim
from handler.upload.waiting import Waiting, good_for_s


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
    waiting = Waiting(clock, sleep, deadline_s)
    taken = entry.create_claim(1) or entry.read_outcome()
    while taken is None:
        listing = entry.look()
        if OUTCOME in listing.written_at and (earlier := entry.read_outcome()):
            return earlier
        newest = newest_claim(listing.written_at)
        holder = entry.read_claim(newest)
        wait_s = _wait_s(entry, holder, listing, newest)
        if holder is None or wait_s <= 0:
            taken = _take_over(entry, newest, holder, listing)
            continue
        waiting.wait(wait_s, holder, listing.now)
    return taken


def _take_over(entry: Entry, newest: int, holder: Claim | None, listing: Listing) -> Entry | Earlier | None:
    """Go on in place of who gave up or was killed. None where another delivery was faster.

    Also after the listing that says so, a holder that was only slow may have paid or ended: that tells a look back.
    """
    if entry.ledger.is_down:
        return entry
    first_at = holder.first_at if holder and holder.first_at else listing.written_at.get(claim_name(1), listing.now)
    entry = replace(
        entry,
        first_at=first_at,
        has_lasted_s=listing.now - first_at,
        listed_to=holder.listed_to if holder else None,
    )
    if holder is not None and holder.token == entry.token:
        # Our own: the answer to its creation was lost on the way.
        return _remember(replace(entry, claim_number=newest), listing)
    taken = entry.create_claim(newest + 1)
    if taken is None:
        return None
    listing = taken.look()
    return (taken.read_outcome() if OUTCOME in listing.written_at else None) or _remember(taken, listing)


def _remember(entry: Entry, listing: Listing) -> Entry:
    return replace(entry, known=entry.read_known() if VERDICT in listing.written_at else None)


def _wait_s(entry: Entry, holder: Claim | None, listing: Listing, newest: int) -> float:
    """How long the claim is good for yet, in seconds; 0 or less where it may be taken over.

    A retry comes after the end of the delivery that it repeats. Only a higher number under the same id is one:
    the same number twice may be one event delivered twice, both at work.
    """
    if holder is not None and (holder.token == entry.token or _is_over(entry, holder)):
        return 0.0
    return good_for_s(holder, listing.written_at.get(claim_name(newest), 0.0), listing.now)


def _is_over(entry: Entry, holder: Claim) -> bool:
    return holder.invocation == entry.delivery.request_id and holder.delivery < entry.delivery.number
