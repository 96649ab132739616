"""The world of the chaos test: what was uploaded, what is on its way, what spoils it, and what must hold in the end."""

import hashlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import oss2

from scripts.localcloud.green.answer import Answer, Asked
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import FUNCTION, SERVICE, Document, Record, WardenCloud, picture

MAX_DELIVERIES = 3
APPENDED = "log.png"
# What an upload in which the service sees this is marked in the end; what is not here does not stay.
MARKS = {"GOOD": "passed", "SPAM": "flagged", "FLAG": None}
SECRETS = (FUNCTION.access_key_secret, str(FUNCTION.security_token), SERVICE.access_key_secret, "ignature=")
READ_ANSWERS = frozenset({"CopyObject", "GetObject", "GetObjectTagging", "ListObjectsV2", "ListObjectVersions"})
# Longer than the lease of any delivery here.
LEASE_OVER_S = 60


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that were uploaded once, and never the same again; `word` is what the service sees in them."""

    bucket: str
    key: str
    word: str
    body: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class Pending:
    """One copy of an event on its way: which delivery comes next, under which invocation id."""

    record: Record
    invocation: str
    delivery: int = 1


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is put in a delivery's way.

    `faults` spoil its wire calls by their number (from 1); the service answers its first `throttled` calls 403; the
    function is killed after the call `kill_after` (0: never); `meanwhile` happens right after the call of that number.
    """

    faults: dict[int, Fault] = field(default_factory=dict)
    throttled: int = 0
    kill_after: int = 0
    meanwhile: tuple[int, Callable[[], object]] | None = None


def _is_possible(fault: Fault, call: WireCall) -> bool:
    """Whether a call can go wrong so.

    Only the service's time-out is short enough to wait for, and rubbish shows only where an answer is read: nobody can
    tell that a DELETE answered 200 was not carried out.
    """
    if call.service == "green":
        return True
    return not fault.delay_s and (not fault.garbage or call.operation in READ_ANSWERS)


class Refusals:
    """A limiter that refuses as many calls as it is told to."""

    def __init__(self) -> None:
        self.left = 0

    def take(self) -> bool:
        """Whether this call may pass."""
        self.left -= 1
        return self.left < 0


class VirtualClock:
    """A clock that sleeping puts forward at no cost."""

    def __init__(self) -> None:
        self._slept_s = 0.0

    def now(self) -> float:
        """Seconds, real ones and slept ones."""
        return time.monotonic() + self._slept_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._slept_s += seconds


class World:
    """All that was uploaded, what is on its way, and what may be gone because its owner wanted that.

    `unanswered` are the calls to the service so far of which the function got no answer, whoever lost it.
    """

    def __init__(self, ledgered: Ledgered, unanswered: list[object]) -> None:
        self.ledgered = ledgered
        self.unanswered = unanswered
        self.cloud: WardenCloud = ledgered.cloud
        self.blobs: list[Blob] = []
        self.pending: list[Pending] = []
        self.settled: set[str] = set()
        self.dead: set[str] = set()
        self.may_be_gone: set[bytes] = set()
        self.looks: Counter[bytes] = Counter()
        self.excuses: Counter[tuple[str, str]] = Counter()
        self._under: dict[tuple[str, str], bytes] = {}
        self._numbers = itertools.count(1)
        self._asked = 0
        self._answered_before = len(self.cloud.green.calls)
        self._refusals = Refusals()
        self.cloud.green.limiter = self._refusals
        self.cloud.green.eyes = self._see

    def put(self, bucket: str, key: str, word: str) -> None:
        """Upload a picture that was never there before."""
        body = picture(word, salt=f" {next(self._numbers)}")
        self._give_up(bucket, key)
        self._expect(bucket, key, word, body, self.cloud.upload(key, body, bucket=bucket))

    def append(self, word: str) -> None:
        """Lengthen the appendable object, or begin it; what the service sees in it is what it began with."""
        before = self._give_up("uploads", APPENDED)
        number = next(self._numbers)
        added = b" %d" % number if before else picture(word, salt=f" {number}")
        self.cloud.bucket().append_object(APPENDED, len(before), added)
        seen = next((blob.word for blob in self.blobs if before and blob.body == before), word)
        self._expect("uploads", APPENDED, seen, before + added, self.cloud.records[-1])

    def link(self, bucket: str, key: str, target: str) -> None:
        """Put a link under the key."""
        self._give_up(bucket, key)
        self.cloud.bucket(bucket).put_symlink(target, key)
        self._queue(self.cloud.records[-1])

    def remove(self, bucket: str, key: str) -> None:
        """Delete as the owner does."""
        self._give_up(bucket, key)
        self.cloud.bucket(bucket).delete_object(key)

    def deliver_again(self, index: int) -> None:
        """Queue another copy of an event: Function Compute delivers at least once."""
        self._queue(self.pending[index % len(self.pending)].record)

    def deliver(self, index: int, trouble: Trouble) -> None:
        """Deliver one of the copies that wait; one that fails or is killed waits again, three times in all."""
        copy = self.pending.pop(index % len(self.pending))
        key = copy.record["oss"]["bucket"]["name"], copy.record["oss"]["object"]["key"]
        excuses_before = self._count_excuses()
        watcher = self.cloud.watcher
        self._refusals.left = trouble.throttled
        watcher.spoil = lambda call: self._spoil(call, trouble)
        blobs_before = len(self.blobs)
        if trouble.meanwhile:
            watcher.interfere = {trouble.meanwhile[0]: trouble.meanwhile[1]}
        documents = self.ledgered.deliver(
            copy.record, kill_after=trouble.kill_after, delivery=copy.delivery, request_id=copy.invocation
        )
        if trouble.meanwhile and not watcher.interfere:
            self.excuses[key] += 1
            self._excuse_the_stated_window(trouble.meanwhile[0], self.blobs[blobs_before:])
        watcher.spoil = lambda _: None
        watcher.interfere = {}
        self._refusals.left = 0
        self.excuses[key] += self._count_excuses() - excuses_before
        if documents is None:
            self.excuses[key] += self._is_call_lost(copy, trouble.kill_after)
        else:
            self.excuses[key] += documents[0]["outcome"]["superseded"] is not None
        self._settle(copy, documents)

    def settle(self) -> None:
        """Deliver what waits, undisturbed, leases over, until each copy has succeeded or was given up."""
        while self.pending:
            self.ledgered.age(seconds=LEASE_OVER_S)
            self.deliver(0, Trouble())
        # A call that the function gave up may still be at work, and would look at the pictures of the next history.
        while len(self.cloud.green.calls) - self._answered_before < self._asked:
            time.sleep(0.01)

    def _settle(self, copy: Pending, documents: list[Document] | None) -> None:
        request_id = copy.record["responseElements"]["requestId"]
        if documents is not None:
            assert len(documents) == 1, "one record has one outcome"
            outcome = documents[0]["outcome"]
            if self.cloud.error is None:
                assert outcome["status"] not in {"failed", "unverified"}
                self.settled.add(request_id)
                return
        if copy.delivery < MAX_DELIVERIES:
            self.pending.append(Pending(copy.record, copy.invocation, copy.delivery + 1))
        else:
            self.dead.add(request_id)

    def _count_excuses(self) -> int:
        """What costs a call that nothing can save: an answer that never came, and a ledger that is down."""
        return len(self.unanswered) + self.cloud.log.getvalue().count('"ledger.unavailable"')

    def _is_call_lost(self, copy: Pending, call: int) -> bool:
        """Whether a kill after that call took the answer along, or one on bytes that have an event of their own."""
        operations = self.cloud.watcher.operations
        stored = copy.record["oss"]
        now = self._under.get((stored["bucket"]["name"], stored["object"]["key"]), b"")
        is_of_these = hashlib.md5(now).hexdigest().upper() == stored["object"]["eTag"]  # noqa: S324  (OSS's etag)
        return "ImageModeration" in operations and (operations[call - 1] == "ImageModeration" or not is_of_these)

    def _spoil(self, call: WireCall, trouble: Trouble) -> Fault | None:
        if call.operation == "GetBucketVersioning":
            return None  # another start of the function, after a kill
        self._asked += call.service == "green"
        fault = trouble.faults.get(len(self.cloud.watcher.calls))
        if fault is None or not _is_possible(fault, call):
            return None
        return fault

    def _excuse_the_stated_window(self, number: int, new: list[Blob]) -> None:
        """Without versions, what comes between the last look and the DELETE is lost; OSS gives no means to close it."""
        following = self.cloud.watcher.calls[number : number + 1]
        if [(call.operation, call.bucket) for call in following] == [("DeleteObject", "uploads")]:
            self.may_be_gone.update(blob.body for blob in new)

    def _see(self, image: bytes, asked: Asked) -> Answer:
        self.looks[image] += 1
        return self.cloud._see(image, asked)  # noqa: SLF001  (the eyes of the cloud, watched)

    def _expect(self, bucket: str, key: str, word: str, body: bytes, record: Record) -> None:
        self.blobs.append(Blob(bucket, key, word, body, record["responseElements"]["requestId"]))
        self._under[bucket, key] = body
        self._queue(record)

    def _queue(self, record: Record) -> None:
        self.pending.append(Pending(record, f"1-invocation-{next(self._numbers)}"))

    def _give_up(self, bucket: str, key: str) -> bytes:
        """What the owner is about to replace or delete, and means to lose where there are no versions."""
        body = self._under.pop((bucket, key), b"")
        if not body or bucket == "versioned" or key not in self.cloud.keys(bucket):
            return b""
        self.may_be_gone.add(body)
        return body

    # What must hold once nothing waits any more.

    def check(self) -> None:
        """Check the invariants of G1 to G9 that a settled world has to show."""
        marks = dict(self._marks())
        held = {body for _, body in self.cloud.held()}
        for blob in self.blobs:
            self._check_nothing_is_lost(blob, marks, held)
            self._check_only_judged_bytes_were_touched(blob, marks, held)
            self._check_payment(blob)
            if blob.request_id in self.settled and blob.body in marks:
                assert blob.word in MARKS, f"bad bytes are still in {blob.bucket}/{blob.key}"
                assert marks[blob.body] == MARKS[blob.word], f"{blob.key} ({blob.word}): {marks[blob.body]}"
        self._check_links_are_gone()
        log = self.cloud.log.getvalue()
        assert not [secret for secret in SECRETS if secret in log]

    def _check_nothing_is_lost(self, blob: Blob, marks: dict[bytes, str | None], held: set[bytes]) -> None:
        if blob.body not in marks and blob.body not in held and blob.body not in self.may_be_gone:
            assert (blob.word, blob.body in self.looks) == ("GORE", True), f"{blob.bucket}/{blob.key} lost its bytes"

    def _check_only_judged_bytes_were_touched(
        self, blob: Blob, marks: dict[bytes, str | None], held: set[bytes]
    ) -> None:
        if blob.body in held:
            assert (blob.word, blob.body in self.looks) == ("NUDE", True), "unjudged bytes were quarantined"
        if marks.get(blob.body) == "passed" and not self._is_given_up(blob):
            assert (blob.word, blob.body in self.looks) == ("GOOD", True), "unjudged bytes were marked passed"

    def _is_given_up(self, blob: Blob) -> bool:
        """Whether a dead letter asks an operator to look at this key."""
        neighbours = {other.request_id for other in self.blobs if other.key == blob.key}
        return bool(neighbours & (self.dead - self.settled))

    def _check_links_are_gone(self) -> None:
        """Also those that came to light again from below a version that went."""
        if not self.dead - self.settled:
            for bucket in ("uploads", "versioned"):
                assert "Symlink" not in [found.type for found in oss2.ObjectIterator(self.cloud.bucket(bucket))]

    def _check_payment(self, blob: Blob) -> None:
        """One look of the service at each upload's bytes, and more only for the reasons that G2 and G4 name.

        These are: bytes that changed meanwhile or took an upload's place under the key, a ledger that was down, and an
        answer that was lost on its way or with the function.
        """
        assert self.looks[blob.body] <= 1 + self.excuses[blob.bucket, blob.key], f"{blob.key} was paid for twice"

    def _marks(self) -> Iterator[tuple[bytes, str | None]]:
        """Every body that can be read in the watched buckets, old versions too, with its mark."""
        for key in self.cloud.keys("uploads"):
            if not self._is_link("uploads", key):
                yield self.cloud.body("uploads", key), self.cloud.tags("uploads", key).get("moderation-status")
        listed = self.cloud.bucket("versioned").list_object_versions(max_keys=1000).versions
        for version in listed:
            if version.type != "Symlink":
                named = ("versioned", version.key, version.versionid)
                yield self.cloud.body(*named), self.cloud.tags(*named).get("moderation-status")

    def _is_link(self, bucket: str, key: str) -> bool:
        try:
            self.cloud.bucket(bucket).get_symlink(key)
        except oss2.exceptions.ServerError:
            return False
        return True
