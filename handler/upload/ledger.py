"""The ledger as one upload sees it: its entry (what was claimed, paid for and done), and how that is asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import uuid4

from handler.errors import BadRecord, ClaimHeld, NoVerdict, OutOfTime, StoreUnavailable
from handler.json_form import Document, check_upload, check_version, document, read_ending
from handler.model import Delivery, Earlier, Outcome, Upload, Verdict
from handler.ports import Ledger, Listing, NoLedger, StoredObject
from handler.upload.records import (
    GIVEN_BACK,
    HELD,
    LONGEST_LEASE_S,
    OUTCOME,
    VERDICT,
    Claim,
    Known,
    claim_name,
    claim_record,
    folder_of,
    known_record,
    newest_claim,
    read_claim,
    read_known,
)
from handler.upload.releases import (
    MOST_READ,
    Release,
    choose,
    counts_by_time,
    newest_first,
    old_release_name,
    read_old_release,
    read_release,
    release_folder,
    release_name,
)

# A restore writes by one of these: only such an upload is worth a look for a release.
RESTORING_EVENTS = frozenset({"ObjectCreated:CopyObject", "ObjectCreated:CompleteMultipartUpload"})
# Of the time that an upload has in a delivery: a retry must be able to wait until a dead claim has ended, and has to
# have time left for its own work.
LEASE_SHARE = 1 / 3
SHORTEST_LEASE_S = 1.0
# From one look at the lease to the next there is at most the wait for a turn at the service (5 s), a call (10 s) and a
# pause (5 s). An upload with less than 80 s has no lease that is so much longer: a quarter of it is not renewed.
LONGEST_STEP_S = 20.0

Value = TypeVar("Value")


@dataclass(slots=True)
class LenientLedger:
    """Asks the ledger for one upload; where it is down, this says so once, and all goes on as if there were none.

    `warn` logs: an event's name, then facts. `doing` names a call in that log, as what was skipped.
    Every method raises OperatorError where the ledger refuses us, and OutOfTime.
    """

    ledger: Ledger
    upload: Upload
    warn: Callable[..., object]
    is_down: bool = False
    _ignored: set[str] = field(default_factory=set)

    @property
    def is_kept(self) -> bool:
        """Whether there is a ledger that answers."""
        return not self.is_down and not isinstance(self.ledger, NoLedger)

    def create(self, doing: str, name: str, record: Document) -> bool:
        """Write a record that is not there yet; True too where the ledger is down."""
        return self._ask(doing, lambda: self.ledger.create(name, record), default=True)

    def write(self, doing: str, name: str, record: Document) -> None:
        """Write a record, over what is there."""
        self._ask(doing, lambda: self.ledger.write(name, record), default=None)

    def read(self, doing: str, name: str, convert: Callable[[Document], Value]) -> Value | None:
        """Read a record; one that is corrupt, of another version or not ours is logged, and ignored."""
        try:
            record = self._ask(doing, lambda: self.ledger.read(name), default=None)
            return None if record is None else convert(record)
        except BadRecord as exc:
            if name not in self._ignored:
                self._ignored.add(name)
                self._warn("ledger.record-ignored", record=name, error=str(exc))
            return None

    def look(self, doing: str, folder: str) -> Listing:
        """List the records whose names begin so; none where the ledger is down."""
        return self._ask(doing, lambda: self.ledger.look(folder), default=Listing(0.0, {}))

    def _ask(self, doing: str, call: Callable[[], Value], default: Value) -> Value:
        """Make a call to the ledger; once it is down, none more for this upload."""
        if self.is_down:
            return default
        try:
            return call()
        except OutOfTime:
            # The upload's time is used up, which says nothing of the ledger: it is there for giving the claim back.
            raise
        except StoreUnavailable as exc:
            self.is_down = True
            self._warn("ledger.unavailable", skipped=doing, error=str(exc))
            return default

    def _warn(self, event: str, **facts: Any) -> None:  # noqa: ANN401  (whatever JSON can hold)
        self.warn(event, v=1, bucket=self.upload.bucket, key=self.upload.key, **facts)


@dataclass(slots=True)
class Lease:
    """How long a claim holds: `length_s` from when it was written last. `clock` counts seconds."""

    clock: Callable[[], float]
    length_s: float
    since_s: float = 0.0

    def begin(self) -> None:
        """The claim is about to be written: it holds at least that long from now."""
        self.since_s = self.clock()

    @property
    def is_running_out(self) -> bool:
        """Whether it should be renewed before anything that takes long."""
        rest_s = max(self.length_s / 4, self.length_s - LONGEST_STEP_S)
        return self.clock() - self.since_s > min(self.length_s / 2, rest_s)

    @property
    def has_ended(self) -> bool:
        """Whether another delivery may have taken the claim over."""
        return self.clock() - self.since_s > self.length_s


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of one upload, as its event names it, and the hold that this delivery has on it.

    `claim_number` counts from 1; 0: it is not claimed, or nobody can tell. `first_at` and `listed_to` are those of the
    claim that was taken over. `known`: what an earlier delivery left. `token` is of this one run and of no other.
    `has_lasted_s`: since the first claim, by the ledger's clock.
    Every method raises OperatorError where the ledger refuses us.
    """

    upload: Upload
    delivery: Delivery
    ledger: LenientLedger
    lease: Lease
    claim_number: int = 0
    first_at: float | None = None
    has_lasted_s: float = 0.0
    listed_to: str | None = None
    known: Known | None = None
    token: str = field(default_factory=lambda: uuid4().hex)

    @classmethod
    def begin(
        cls, upload: Upload, delivery: Delivery, ledger: LenientLedger, clock: Callable[[], float], share_s: float
    ) -> "Entry":
        """The entry before anything is known of it; the upload has `share_s` seconds in this delivery."""
        lease_s = min(max(share_s * LEASE_SHARE, SHORTEST_LEASE_S), LONGEST_LEASE_S)
        return cls(upload, delivery, ledger, Lease(clock, lease_s))

    @property
    def folder(self) -> str:
        """Where its records are."""
        return folder_of(self.delivery.function, self.upload)

    @property
    def is_takeover(self) -> bool:
        """Whether another delivery was at work on this upload, and may have been killed at any point of it."""
        return self.claim_number > 1

    def create_claim(self, number: int) -> "Entry | None":
        """Create a claim; None where it is another's. Without a ledger that answers, all goes on without a claim."""
        if not self.ledger.is_kept:
            return self
        self.lease.begin()
        if not self.ledger.create("claim", self.folder + claim_name(number), self._claim(HELD)):
            return None
        return self if self.ledger.is_down else replace(self, claim_number=number)

    def keep_hold(self) -> None:
        """Renew the claim where its lease runs out, so that nobody takes it while there is work.

        Raises ClaimHeld where it had run out, as of an instance that was frozen, and was taken over.
        """
        if not (self.claim_number and self.ledger.is_kept and self.lease.is_running_out):
            return
        had_ended = self.lease.has_ended
        self.lease.begin()
        self.ledger.write("renewal of the claim", self.folder + claim_name(self.claim_number), self._claim(HELD))
        if had_ended and newest_claim(self.look().written_at) > self.claim_number:
            raise ClaimHeld("it held still for longer than its claim, and was taken over: the other delivery goes on")

    def look(self) -> Listing:
        """List its records."""
        return self.ledger.look("claim", self.folder)

    def read_claim(self, number: int) -> Claim | None:
        """Who holds, or held, that claim; None where nobody can tell."""
        name = claim_name(number)
        return self.ledger.read(f"read of {name}", self.folder + name, lambda record: read_claim(record, self.upload))

    def read_outcome(self) -> Earlier | None:
        """How an earlier delivery brought it to its end, where one did."""

        def read(record: Document) -> Earlier:
            written = check_version(record)
            check_upload(written, self.upload)
            status, location = read_ending(written)
            return Earlier(status, location, self.folder + OUTCOME)

        return self.ledger.read(f"read of {OUTCOME}", self.folder + OUTCOME, read)

    def read_known(self) -> Known | None:
        """What an earlier delivery knew of the bytes that it was about to act on."""
        return self.ledger.read(
            f"read of {VERDICT}", self.folder + VERDICT, lambda record: read_known(record, self.upload)
        )

    def find_verdict(self, found: StoredObject | None, service: str) -> Verdict | None:
        """The verdict that an earlier delivery paid for, where it is of these very bytes and of this service.

        Where nothing is found any more, of the bytes that the event names.
        """
        known = self.known
        if known is None or known.verdict is None or known.verdict.service != service:
            return None
        if not (known.is_of(found) if found is not None else known.found.etag == self.upload.etag):
            return None
        return replace(known.verdict, billed=0)

    def find_release(self, upload: Upload, found: StoredObject, read: Callable[[], str]) -> Release | None:
        """The release by which the upload passes; looked for only where a restore may have put the bytes there.

        So not for an ordinary upload, for which it would be one call more; but for what stands in the place of one.
        `read` answers with the SHA-256 of what was found. Raises what that raises, and StoreUnavailable while a restore
        of such bytes is under way.
        """
        is_ordinary = upload.event_name not in RESTORING_EVENTS and upload.etag == self.upload.etag
        if found.is_symlink or (is_ordinary and not self.is_takeover):
            return None
        listing = self.ledger.look("release", release_folder(found.bucket, found.key))
        releases = self._read_releases(found, listing)
        release = choose(releases, upload, found, now=listing.now, read=read)
        return release or self._find_old_release(found)

    def _read_releases(self, found: StoredObject, listing: Listing) -> Iterator[Release]:
        """Read what is listed, the newest first, each only when it is asked for."""
        for number in newest_first(listing.written_at)[:MOST_READ]:
            name = release_folder(found.bucket, found.key) + release_name(number)
            release = self.ledger.read(
                f"read of {name}", name, lambda record: read_release(record, found.bucket, found.key)
            )
            if release is not None:
                yield release

    def _find_old_release(self, found: StoredObject) -> Release | None:
        """The release of the old layout, where these bytes were written about when it was."""
        named = (found.bucket, found.key, found.etag)
        name = old_release_name(*named)
        # Listed by its whole name, there is nothing left of it.
        written_at = self.ledger.look("release", name).written_at.get("")
        if written_at is None or not counts_by_time(written_at, found):
            return None
        return self.ledger.read(f"read of {name}", name, lambda record: read_old_release(record, *named))

    def keep(self, found: StoredObject, said: Verdict | NoVerdict, *, is_exact: bool) -> None:
        """Write down what was paid for, or which version it is about, before anything is done with it."""
        verdict, failure = (said, None) if isinstance(said, Verdict) else (None, said.kind)
        record = known_record(self.upload, Known(verdict, failure, found, is_exact))
        self.ledger.write("verdict", self.folder + VERDICT, record)

    def close(self, outcome: Outcome, listed_to: str | None) -> None:
        """Write down how it ended; where that is not final, give the claim back, so that the next may begin at once."""
        if not self.claim_number:
            return
        ending = document(outcome, details=False)
        if outcome.is_final:
            self.ledger.write("outcome", self.folder + OUTCOME, ending)
            return
        claim = replace(self, listed_to=listed_to)._claim(GIVEN_BACK)  # noqa: SLF001  (its own)
        name = self.folder + claim_name(self.claim_number)
        self.ledger.write("give back", name, {**claim, "outcome": ending["outcome"]})

    def _claim(self, state: str) -> Document:
        delivery = self.delivery
        named = (delivery.request_id, delivery.number, self.token, self.lease.length_s, state)
        return claim_record(self.upload, Claim(*named, first_at=self.first_at, listed_to=self.listed_to))
