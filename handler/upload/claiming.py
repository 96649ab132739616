"""One upload's entry in the ledger: who works on it, what was paid for it, how it ended.

`duplicate` only ever follows a final outcome. A claim is taken over where its delivery gave it back, where it is
certain that its invocation is over, or where the lease, by the ledger's own clock, has ended.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, TypeVar
from uuid import uuid4

from handler.errors import BadRecord, ClaimHeld, StoreUnavailable
from handler.json_form import Document, check_upload, check_version, document, read_ending
from handler.model import Delivery, Earlier, Outcome, Upload, Verdict
from handler.ports import Ledger, Listing, StoredObject
from handler.upload.records import (
    GIVEN_BACK,
    OUTCOME,
    VERDICT,
    Claim,
    PaidVerdict,
    Release,
    claim_name,
    claim_record,
    folder_of,
    newest_claim,
    read_claim,
    read_release,
    read_verdict,
    release_name,
    verdict_record,
)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
# Time of writing is cut to seconds.
CLOCK_STEP_S = 1.0
# A restore writes by one of these: only such an upload is worth a look for a release.
RESTORING_EVENTS = frozenset({"ObjectCreated:CopyObject", "ObjectCreated:CompleteMultipartUpload"})

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Entry:
    """What the ledger knows of one upload, as its event names it.

    `deadline` is on `clock`, in seconds: until then it may wait for another delivery. `warn` logs: an event's name,
    then facts. Where the ledger is down, this says so once, and all goes on as if there were none.
    Every method raises OperatorError where the ledger refuses us.
    """

    upload: Upload
    delivery: Delivery
    ledger: Ledger
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    deadline: float
    warn: Callable[..., object]
    claim_number: int = 0
    _token: str = field(default_factory=lambda: uuid4().hex)
    _folder: str = ""
    _is_down: bool = False
    _has_verdict: bool = False
    _ignored: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._folder = folder_of(self.delivery.function, self.upload)

    @property
    def is_takeover(self) -> bool:
        """Whether another delivery was at work on this upload, and may have been killed at any point of it."""
        return self.claim_number > 1

    def claim(self) -> Earlier | None:
        """Claim the upload; answers with how it ended where an earlier delivery brought it to its end.

        Raises ClaimHeld where another delivery has it for longer than there is time to wait.
        """
        if self._take(1):
            return None
        earlier = self._read_outcome()
        pause_s = FIRST_PAUSE_S
        while earlier is None:
            listing = self._ask("claim", lambda: self.ledger.look(self._folder), Listing(0.0, {}))
            if OUTCOME in listing.written_at and (earlier := self._read_outcome()):
                break
            newest = newest_claim(list(listing.written_at))
            holder = self._read(claim_name(newest), lambda record: read_claim(record, self.upload))
            wait_s = self._wait_s(holder, listing, newest)
            if wait_s <= 0 and self._take_over(newest, holder, listing):
                return None
            if wait_s > 0:
                self._wait(min(wait_s, pause_s), holder, listing.now + wait_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return earlier

    def find_verdict(self, found: StoredObject | None, service: str) -> Verdict | None:
        """The verdict that an earlier delivery paid for, where it is of these very bytes and of this service.

        Where nothing is found any more, of the bytes that the event names.
        """
        if not self._has_verdict:
            return None
        paid: PaidVerdict | None = self._read(VERDICT, lambda record: read_verdict(record, self.upload))
        if paid is None or paid.verdict.service != service:
            return None
        if not (paid.is_of(found) if found is not None else paid.found.etag == self.upload.etag):
            return None
        return replace(paid.verdict, billed=0)

    def find_release(self, upload: Upload, found: StoredObject) -> Release | None:
        """The release of these bytes under this key; looked for only where a restore may have put them there."""
        if found.is_symlink or not (self.is_takeover or upload.event_name in RESTORING_EVENTS):
            return None
        named = (found.bucket, found.key, found.etag)
        return self._read(release_name(*named), lambda record: read_release(record, *named), folder="")

    def keep_verdict(self, found: StoredObject, verdict: Verdict, *, is_exact: bool) -> None:
        """Write down what was paid for, before anything is done with it."""
        record = verdict_record(self.upload, found, verdict, is_exact=is_exact)
        self._ask("verdict", lambda: self.ledger.write(self._folder + VERDICT, record), None)

    def close(self, outcome: Outcome) -> None:
        """Write down how it ended; where that is not final, give the claim back, so that the next may begin at once."""
        if not self.claim_number:
            return
        ending = document(outcome, details=False)
        if outcome.status.is_final:
            self._ask("outcome", lambda: self.ledger.write(self._folder + OUTCOME, ending), None)
            return
        record = {**claim_record(self.upload, self.delivery, self._token, GIVEN_BACK), "outcome": ending["outcome"]}
        name = self._folder + claim_name(self.claim_number)
        self._ask("give back", lambda: self.ledger.write(name, record), None)

    def _take(self, number: int) -> bool:
        """Create a claim; True too where the ledger is down, but then it is none of ours."""
        name = self._folder + claim_name(number)
        record = claim_record(self.upload, self.delivery, self._token)
        taken = self._ask("claim", lambda: self.ledger.create(name, record), default=True)
        if taken and not self._is_down:
            self.claim_number = number
        return taken

    def _take_over(self, newest: int, holder: Claim | None, listing: Listing) -> bool:
        """Go on in place of who gave up or was killed. False where another delivery was faster."""
        if self._is_down:
            return True
        self._has_verdict = VERDICT in listing.written_at
        if holder is not None and holder.token == self._token:
            # Our own: the answer to its creation was lost on the way.
            self.claim_number = newest
            return True
        return self._take(newest + 1)

    def _wait_s(self, holder: Claim | None, listing: Listing, newest: int) -> float:
        """How long the claim is good for yet, in seconds; 0 or less where it may be taken over.

        A retry comes after the end of the delivery that it repeats. Only a higher number under the same id is one:
        the same number twice may be one event delivered twice, both at work.
        """
        if holder is None or holder.state == GIVEN_BACK or holder.token == self._token:
            return 0.0
        if holder.invocation == self.delivery.request_id and holder.delivery < self.delivery.number:
            return 0.0
        return listing.written_at[claim_name(newest)] + holder.lease_s + CLOCK_STEP_S - listing.now

    def _wait(self, pause_s: float, holder: Claim | None, free_at: float) -> None:
        if holder is not None and self.clock() + pause_s > self.deadline:
            until = datetime.fromtimestamp(free_at, timezone.utc).isoformat(timespec="seconds")
            raise ClaimHeld(
                f"held by invocation {holder.invocation!r} until {until} at the latest (clock of OSS); "
                "it waits for the next delivery"
            )
        self.sleep(pause_s)

    def _read_outcome(self) -> Earlier | None:
        def read(record: Document) -> Earlier:
            written = check_version(record)
            check_upload(written, self.upload)
            status, location = read_ending(written)
            return Earlier(status, location, self._folder + OUTCOME)

        return self._read(OUTCOME, read)

    def _read(self, name: str, convert: Callable[[Document], Answer], folder: str | None = None) -> Answer | None:
        """Read a record; one that is corrupt, of another version or not ours is logged, and ignored."""
        full = (self._folder if folder is None else folder) + name
        try:
            record = self._ask(f"read of {name}", lambda: self.ledger.read(full), None)
            return None if record is None else convert(record)
        except BadRecord as exc:
            if full not in self._ignored:
                self._ignored.add(full)
                self._warn("ledger.record-ignored", record=full, error=str(exc))
            return None

    def _ask(self, doing: str, call: Callable[[], Answer], default: Answer) -> Answer:
        """Make a call to the ledger; once it is down, none more for this upload."""
        if self._is_down:
            return default
        try:
            return call()
        except StoreUnavailable as exc:
            self._is_down = True
            self._warn("ledger.unavailable", skipped=doing, error=str(exc))
            return default

    def _warn(self, event: str, **facts: Any) -> None:  # noqa: ANN401  (whatever JSON can hold)
        self.warn(event, v=1, bucket=self.upload.bucket, key=self.upload.key, **facts)
