"""The ledger as one upload sees it: its entry (what was claimed, paid for and done), and how that is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import uuid4

from handler.errors import BadRecord, StoreUnavailable
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
    read_claim,
    read_release,
    read_verdict,
    release_name,
    verdict_record,
)

# A restore writes by one of these: only such an upload is worth a look for a release.
RESTORING_EVENTS = frozenset({"ObjectCreated:CopyObject", "ObjectCreated:CompleteMultipartUpload"})

Value = TypeVar("Value")


@dataclass(slots=True)
class LenientLedger:
    """Asks the ledger for one upload; where it is down, this says so once, and all goes on as if there were none.

    `warn` logs: an event's name, then facts. `doing` names a call in that log, as what was skipped.
    Every method raises OperatorError where the ledger refuses us.
    """

    ledger: Ledger
    upload: Upload
    warn: Callable[..., object]
    is_down: bool = False
    _ignored: set[str] = field(default_factory=set)

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
        """List the records of a folder; none where the ledger is down."""
        return self._ask(doing, lambda: self.ledger.look(folder), default=Listing(0.0, {}))

    def _ask(self, doing: str, call: Callable[[], Value], default: Value) -> Value:
        """Make a call to the ledger; once it is down, none more for this upload."""
        if self.is_down:
            return default
        try:
            return call()
        except StoreUnavailable as exc:
            self.is_down = True
            self._warn("ledger.unavailable", skipped=doing, error=str(exc))
            return default

    def _warn(self, event: str, **facts: Any) -> None:  # noqa: ANN401  (whatever JSON can hold)
        self.warn(event, v=1, bucket=self.upload.bucket, key=self.upload.key, **facts)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of one upload, as its event names it, and the hold that this delivery has on it.

    `claim_number` counts from 1; 0: it is not claimed, or nobody can tell. `has_verdict`: an earlier delivery left
    one. `token` is of this one run and of no other. Every method raises OperatorError where the ledger refuses us.
    """

    upload: Upload
    delivery: Delivery
    ledger: LenientLedger
    claim_number: int = 0
    has_verdict: bool = False
    token: str = field(default_factory=lambda: uuid4().hex)

    @property
    def folder(self) -> str:
        """Where its records are."""
        return folder_of(self.delivery.function, self.upload)

    @property
    def is_takeover(self) -> bool:
        """Whether another delivery was at work on this upload, and may have been killed at any point of it."""
        return self.claim_number > 1

    def create_claim(self, number: int) -> "Entry | None":
        """Create a claim; None where it is another's. Where the ledger is down, all goes on, but without a claim."""
        name = self.folder + claim_name(number)
        if not self.ledger.create("claim", name, claim_record(self.upload, self.delivery, self.token)):
            return None
        return self if self.ledger.is_down else replace(self, claim_number=number)

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

    def find_verdict(self, found: StoredObject | None, service: str) -> Verdict | None:
        """The verdict that an earlier delivery paid for, where it is of these very bytes and of this service.

        Where nothing is found any more, of the bytes that the event names.
        """
        if not self.has_verdict:
            return None

        def read(record: Document) -> PaidVerdict:
            return read_verdict(record, self.upload)

        paid = self.ledger.read(f"read of {VERDICT}", self.folder + VERDICT, read)
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
        name = release_name(*named)
        return self.ledger.read(f"read of {name}", name, lambda record: read_release(record, *named))

    def keep_verdict(self, found: StoredObject, verdict: Verdict, *, is_exact: bool) -> None:
        """Write down what was paid for, before anything is done with it."""
        record = verdict_record(self.upload, found, verdict, is_exact=is_exact)
        self.ledger.write("verdict", self.folder + VERDICT, record)

    def close(self, outcome: Outcome) -> None:
        """Write down how it ended; where that is not final, give the claim back, so that the next may begin at once."""
        if not self.claim_number:
            return
        ending = document(outcome, details=False)
        if outcome.status.is_final:
            self.ledger.write("outcome", self.folder + OUTCOME, ending)
            return
        claim = claim_record(self.upload, self.delivery, self.token, GIVEN_BACK)
        name = self.folder + claim_name(self.claim_number)
        self.ledger.write("give back", name, {**claim, "outcome": ending["outcome"]})
