"""The world of the chaos test: what was uploaded, what is on its way, what spoils it, and what must hold in the end."""

import hashlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import oss2
from moto.s3.models import FakeKey

from scripts.localcloud.green.answer import Answer, Asked
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import FUNCTION, SERVICE, Document, Record, WardenCloud, picture

MAX_DELIVERIES = 3
APPENDED = "log.png"
# Without versions, with versions, one whose versioning is switched on and suspended, and one under retention.
BUCKETS = ("uploads", "versioned", "switched", "retained")
# Nobody watches these: OSS replicates from them, between buckets of one versioning.
SOURCES = {"uploads": "source", "versioned": "source-versioned"}
# What an upload in which the service sees this is marked in the end; what is not here does not stay.
MARKS = {"GOOD": "passed", "SPAM": "flagged", "FLAG": None}
# What can't go is marked where it is: held by a retention policy, or archived, so that nobody can read or copy it.
UNMOVABLE, UNREADABLE = "flagged", "unverified"
SECRETS = (FUNCTION.access_key_secret, str(FUNCTION.security_token), SERVICE.access_key_secret, "ignature=")
READ_ANSWERS = frozenset({"CopyObject", "GetObject", "GetObjectTagging", "ListObjectsV2", "ListObjectVersions"})
# What OSS answers an owner who overwrites what is retained, or copies what is archived or appendable.
REFUSALS = frozenset({"FileImmutable", "InvalidObjectState", "OperationNotSupported"})
# Longer than the lease of any delivery here.
LEASE_OVER_S = 60
USERS_TAG = "owner"


@dataclass(frozen=True, slots=True)
class Blob:
    """One upload: its bytes, which may be uploaded again; `word` is what the service sees in them."""

    bucket: str
    key: str
    word: str
    body: bytes
    request_id: str
    owner: str | None = None
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """One copy of an event on its way: which delivery comes next, under which invocation id."""

    record: Record
    invocation: str
    delivery: int = 1

    @property
    def place(self) -> tuple[str, str]:
        """The bucket and the key that it is about."""
        return self.record["oss"]["bucket"]["name"], self.record["oss"]["object"]["key"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is put in a delivery's way.

    `faults` spoil its wire calls by their number (from 1); the service answers its first `throttled` calls 403; the
    function is killed after the call `kill_after` (0: never); `meanwhile` happens right after the call of that number.
    Should it fail, then the retry comes under another invocation id where it `loses_id`.
    """

    faults: dict[int, Fault] = field(default_factory=dict)
    throttled: int = 0
    kill_after: int = 0
    meanwhile: tuple[int, Callable[[], object]] | None = None
    loses_id: bool = False


@dataclass(slots=True)
class Figures:
    """What many histories saw: `steps` by bucket, and how long events took to converge once all faults had stopped."""

    histories: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    longest_deliveries: int = 0

    def __str__(self) -> str:
        counted = ", ".join(f"{name} {number}" for name, number in sorted((self.steps + self.events).items()))
        return f"{self.histories} histories; longest {self.longest_deliveries} deliveries to converge; {counted}"


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
    """A clock that sleeping puts forward at no cost; `on_sleep` is told how far, in seconds."""

    def __init__(self, on_sleep: Callable[[float], object] = lambda _: None) -> None:
        self._slept_s = 0.0
        self._on_sleep = on_sleep

    def now(self) -> float:
        """Seconds, real ones and slept ones."""
        return time.monotonic() + self._slept_s

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._slept_s += seconds
        self._on_sleep(seconds)


class World:
    """All that was uploaded, what is on its way, and what may be gone because its owner wanted that.

    `unanswered` are the calls to the service so far of which the function got no answer, whoever lost it. Without
    `has_ledger` nothing that was paid for is remembered.
    """

    def __init__(self, ledgered: Ledgered, unanswered: list[object], figures: Figures, *, has_ledger: bool) -> None:
        self.ledgered = ledgered
        self.unanswered = unanswered
        self.figures = figures
        self.has_ledger = has_ledger
        self.cloud: WardenCloud = ledgered.cloud
        self.blobs: list[Blob] = []
        self.pending: list[Pending] = []
        self.settled: set[str] = set()
        self.dead: dict[str, Pending] = {}
        self.may_be_gone: set[bytes] = set()
        self.looks: Counter[bytes] = Counter()
        self.excuses: Counter[tuple[str, str]] = Counter()
        self._numbers = itertools.count(1)
        self._asked = 0
        self._answered_before = len(self.cloud.green.calls)
        self._refusals = Refusals()
        self.cloud.green.limiter = self._refusals
        self.cloud.green.eyes = self._see
        figures.histories += 1

    # What an application does.

    def put(self, bucket: str, key: str, word: str, *, is_archived: bool = False) -> None:
        """Upload a picture that was never there before."""
        number = next(self._numbers)
        self._put(bucket, key, word, picture(word, salt=f" {number}"), f"user-{number}", is_archived=is_archived)

    def put_again(self, bucket: str, key: str) -> None:
        """Upload what was uploaded there last, as a client does that got no answer; its user tags it otherwise."""
        last = [blob for blob in self.blobs if (blob.bucket, blob.key) == (bucket, key) and blob.key != APPENDED]
        if last:
            owner = f"user-{next(self._numbers)}"
            self._put(bucket, key, last[-1].word, last[-1].body, owner, is_archived=last[-1].is_archived)

    def _put(  # noqa: PLR0913  (all that an upload is)
        self, bucket: str, key: str, word: str, body: bytes, owner: str, *, is_archived: bool
    ) -> None:
        headers = {"x-oss-storage-class": "Archive"} if is_archived else {}
        tags = {USERS_TAG: owner}
        if self._does(bucket, key, lambda: self.cloud.upload(key, body, bucket=bucket, headers=headers, tags=tags)):
            self._expect(bucket, key, word, body, owner=owner, is_archived=is_archived)

    def append(self, bucket: str, word: str) -> None:
        """Lengthen the appendable object, or begin it; what the service sees in it is what it began with."""
        number = next(self._numbers)
        now = self._current(bucket, APPENDED)
        before = now.value if now is not None else b""
        added = b" %d" % number if before else picture(word, salt=f" {number}")
        if self._does(bucket, APPENDED, lambda: self.cloud.bucket(bucket).append_object(APPENDED, len(before), added)):
            seen = next((blob.word for blob in self.blobs if before and blob.body == before), word)
            self._expect(bucket, APPENDED, seen, before + added)

    def link(self, bucket: str, key: str, target: str) -> None:
        """Put a link under the key."""
        if self._does(bucket, key, lambda: self.cloud.bucket(bucket).put_symlink(target, key)):
            self._queue(self.cloud.records[-1])

    def copy(self, bucket: str, key: str, source: str) -> None:
        """Copy within a bucket: a link is copied as a link, and with an object go its tags, ours among them."""
        now = self._current(bucket, source)
        if now is None:
            return
        body, is_link = now.value, _is_link(now)
        seen = next((blob.word for blob in self.blobs if blob.body == body), "")
        owner = self._tags(now).get(USERS_TAG)
        if not self._does(bucket, key, lambda: self.cloud.bucket(bucket).copy_object(bucket, source, key)):
            return
        if is_link:
            self._queue(self.cloud.records[-1])
        else:
            self._expect(bucket, key, seen, body, owner=owner)

    def replicate(self, bucket: str, key: str, word: str, age_s: float) -> None:
        """Let OSS replicate a picture that was uploaded elsewhere, so long ago."""
        source, number = SOURCES[bucket], next(self._numbers)
        body = picture(word, salt=f" {number}")
        self.cloud.upload(key, body, bucket=source)
        there = self._current(source, key)
        assert there is not None
        there.last_modified -= timedelta(seconds=age_s)
        if self._does(bucket, key, lambda: self.cloud.oss.replicate(source, key, bucket)):
            self._expect(bucket, key, word, body)

    def remove(self, bucket: str, key: str) -> None:
        """Delete as the owner does."""
        self._does(bucket, key, lambda: self.cloud.bucket(bucket).delete_object(key))

    def switch(self) -> None:
        """Enable versioning, or suspend it."""
        bucket = self.cloud.oss._store.bucket("switched")  # noqa: SLF001
        bucket.versioning_status = "Suspended" if bucket.versioning_status == "Enabled" else "Enabled"

    def _does(self, bucket: str, key: str, do: Callable[[], object]) -> bool:
        """What the owner replaces or deletes may be gone; False where OSS refuses it."""
        before = self._bodies(bucket, key)
        try:
            do()
        except oss2.exceptions.ServerError as exc:
            if exc.code not in REFUSALS:
                raise
            return False
        self.may_be_gone |= before - self._bodies(bucket, key)
        return True

    def _bodies(self, bucket: str, key: str) -> set[bytes]:
        return {version.value for there, version in self._stored(bucket) if there == key and not _is_link(version)}

    def _expect(  # noqa: PLR0913  (all that an upload is)
        self, bucket: str, key: str, word: str, body: bytes, *, owner: str | None = None, is_archived: bool = False
    ) -> None:
        record = self.cloud.records[-1]
        request_id = record["responseElements"]["requestId"]
        self.blobs.append(Blob(bucket, key, word, body, request_id, owner, is_archived))
        self._queue(record)

    def _queue(self, record: Record) -> None:
        self.pending.append(Pending(record, f"1-invocation-{next(self._numbers)}"))

    # What a cloud does.

    def deliver_again(self, index: int) -> None:
        """Queue another copy of an event: Function Compute delivers at least once."""
        self._queue(self.pending[index % len(self.pending)].record)

    def deliver(self, index: int, trouble: Trouble) -> None:
        """Deliver one of the copies that wait; one that fails or is killed waits again, three times in all."""
        copy = self.pending.pop(index % len(self.pending))
        self._settle(copy, self._run(copy, trouble), trouble)

    def _run(self, copy: Pending, trouble: Trouble) -> list[Document] | None:
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
            self.excuses[copy.place] += 1
            self.figures.events["interrupted"] += 1
            self._excuse_the_stated_window(trouble.meanwhile[0], self.blobs[blobs_before:])
        watcher.spoil = lambda _: None
        watcher.interfere = {}
        self._refusals.left = 0
        self.excuses[copy.place] += self._count_excuses() - excuses_before + (not self.has_ledger)
        self.figures.events["deliveries"] += 1
        self.figures.events["throttled"] += bool(trouble.throttled)
        if documents is None:
            self.figures.events["kills"] += 1
            self.excuses[copy.place] += self._is_call_lost(copy, trouble.kill_after)
        else:
            self.excuses[copy.place] += documents[0]["outcome"]["superseded"] is not None
        return documents

    def settle(self) -> None:
        """Deliver what waits, undisturbed, leases over, until each copy has succeeded or was given up."""
        needed: Counter[str] = Counter()
        while self.pending:
            self.ledgered.age(seconds=LEASE_OVER_S)
            needed[self.pending[0].invocation] += 1
            self.deliver(0, Trouble())
        self.figures.longest_deliveries = max([self.figures.longest_deliveries, *needed.values()])
        # A call that the function gave up may still be at work, and would look at the pictures of the next history.
        while len(self.cloud.green.calls) - self._answered_before < self._asked:
            time.sleep(0.01)

    def redrive(self) -> None:
        """Send every dead letter again, as an operator does: no copy of it is to be given up for good."""
        for request_id, copy in self.dead.items():
            self.ledgered.age(seconds=LEASE_OVER_S)
            self.cloud.watcher.calls.clear()
            event = json.dumps({"redriven": True, "events": [copy.record]}).encode()
            (document,) = self.cloud.deliver_bytes(event, request_id=f"1-redriven-{next(self._numbers)}")
            self.figures.events["redriven"] += 1
            self.excuses[copy.place] += (not self.has_ledger) + (document["outcome"]["superseded"] is not None)
            # A failure that no delivery mends has its error again, and its mark.
            self.settled.add(request_id)

    def _settle(self, copy: Pending, documents: list[Document] | None, trouble: Trouble) -> None:
        request_id = copy.record["responseElements"]["requestId"]
        if documents is not None:
            assert len(documents) == 1, "one record has one outcome"
            outcome = documents[0]["outcome"]
            if self.cloud.error is None:
                assert outcome["status"] not in {"failed", "unverified"}
                self.settled.add(request_id)
                return
        if copy.delivery < MAX_DELIVERIES:
            number = next(self._numbers)
            invocation = f"1-invocation-{number}" if trouble.loses_id else copy.invocation
            self.pending.append(Pending(copy.record, invocation, copy.delivery + 1))
        else:
            self.dead[request_id] = copy

    def _count_excuses(self) -> int:
        """What costs a call that nothing can save: an answer that never came, and a ledger that is down or unread."""
        logged = self.cloud.log.getvalue()
        return len(self.unanswered) + sum(map(logged.count, ('"ledger.unavailable"', '"ledger.record-ignored"')))

    def _is_call_lost(self, copy: Pending, call: int) -> bool:
        """Whether a kill after that call took the answer along, or one on bytes that have an event of their own."""
        operations = self.cloud.watcher.operations
        now = self._current(*copy.place)
        etag = hashlib.md5(now.value if now else b"").hexdigest().upper()  # noqa: S324  (OSS's etag)
        is_of_these = etag == copy.record["oss"]["object"]["eTag"]
        return "ImageModeration" in operations and (operations[call - 1] == "ImageModeration" or not is_of_these)

    def _spoil(self, call: WireCall, trouble: Trouble) -> Fault | None:
        if call.operation == "GetBucketVersioning":
            return None  # another start of the function, after a kill
        self._asked += call.service == "green"
        fault = trouble.faults.get(len(self.cloud.watcher.calls))
        if fault is None or not _is_possible(fault, call):
            return None
        kind = fault.code or ("garbage" if fault.garbage else f"drop {fault.drop}" if fault.drop else "delay")
        self.figures.events[f"{call.service} {kind}"] += 1
        return fault

    def _excuse_the_stated_window(self, number: int, new: list[Blob]) -> None:
        """What comes between the last look and the DELETE is lost; OSS gives no means to close it.

        Not what has a version of its own; what is appended to keeps its one.
        """
        (following, *_) = [*self.cloud.watcher.calls[number : number + 1], None]
        if following is None or following.operation != "DeleteObject":
            return
        if following.bucket in {"uploads", "switched"} or following.key == APPENDED:
            self.may_be_gone.update(blob.body for blob in new)

    def _see(self, image: bytes, asked: Asked) -> Answer:
        self.looks[image] += 1
        return self.cloud._see(image, asked)  # noqa: SLF001  (the eyes of the cloud, watched)

    # What is there: looked at in the store itself, for what is archived no request reads.

    def _stored(self, bucket: str) -> Iterator[tuple[str, FakeKey]]:
        for key, versions in self.cloud.oss._store.iterate(bucket):  # noqa: SLF001
            yield from ((key, version) for version in list(versions) if isinstance(version, FakeKey))

    def _current(self, bucket: str, key: str) -> FakeKey | None:
        return self.cloud.oss._store.current(bucket, key)  # noqa: SLF001

    def _tags(self, version: FakeKey) -> dict[str, str]:
        return self.cloud.oss._store.tags(version)  # noqa: SLF001

    # What must hold once nothing waits any more.

    def check(self) -> None:
        """Check the invariants of G1 to G9 that a settled world has to show.

        What a dead letter names may wait for its operator.
        """
        given_up = {copy.place for request_id, copy in self.dead.items() if request_id not in self.settled}
        there: Counter[bytes] = Counter()
        for bucket in BUCKETS:
            for key, version in self._stored(bucket):
                there[version.value] += 1
                if _is_link(version):
                    self._check_link(bucket, key, version, given_up)
                else:
                    self._check_stored(bucket, key, version, given_up)
        held: Counter[bytes] = Counter()
        for key, copy in self._stored("quarantine"):
            if not key.endswith(".metadata.json"):
                held[copy.value] += 1
                self._check_owner(copy)
        for blob in self.blobs:
            self._check_nothing_is_lost(blob, there, held)
            self._check_payment(blob)
        log = self.cloud.log.getvalue()
        assert not [secret for secret in SECRETS if secret in log]

    def _check_stored(self, bucket: str, key: str, version: FakeKey, given_up: set[tuple[str, str]]) -> None:
        """What is still there carries its verdict."""
        where = f"{bucket}/{key}?{version.version_id}"
        (word, *_) = [blob.word for blob in self.blobs if blob.body == version.value]
        mark = self._tags(version).get("moderation-status")
        self._check_owner(version)
        if version.metadata["x-oss-storage-class"] == "Archive":
            expected: str | None = UNREADABLE
            assert mark != "passed", f"{where} was never read and is marked passed"
        else:
            expected = MARKS.get(word, UNMOVABLE if bucket == "retained" else "")
        if (bucket, key) in given_up:
            return
        assert expected != "", f"bad bytes are still in {where}"
        if not self.has_ledger and mark is None and self._is_twin(bucket, key, version):
            return  # stated: without a ledger nothing tells twins' events apart
        assert mark == expected, f"{where} ({word}) is marked {mark}"
        assert mark != "passed" or version.value in self.looks, f"{where} was passed unjudged"

    def _is_twin(self, bucket: str, key: str, version: FakeKey) -> bool:
        same = [blob for blob in self.blobs if (blob.bucket, blob.key, blob.body) == (bucket, key, version.value)]
        return len(same) > 1

    def _check_link(self, bucket: str, key: str, version: FakeKey, given_up: set[tuple[str, str]]) -> None:
        """Links go, also those that came to light again from below a version that went; none is marked passed."""
        mark = self._tags(version).get("moderation-status")
        assert mark != "passed", f"the link {bucket}/{key} is marked passed"
        if (bucket, key) not in given_up:
            assert (bucket, mark) == ("retained", UNREADABLE), f"the link {bucket}/{key} is still there"

    def _check_owner(self, version: FakeKey) -> None:
        """No user's tag is on another's bytes."""
        owner = self._tags(version).get(USERS_TAG)
        owners = {blob.owner for blob in self.blobs if blob.body == version.value}
        assert owner is None or owner in owners, f"{version.name} carries the tags of {owner}"

    def _check_nothing_is_lost(self, blob: Blob, there: Counter[bytes], held: Counter[bytes]) -> None:
        is_judged = blob.body in self.looks
        if blob.body in held:
            assert (blob.word, is_judged) == ("NUDE", True), f"unjudged bytes of {blob.bucket}/{blob.key} were held"
        if blob.body in there or blob.body in held or blob.body in self.may_be_gone:
            return
        assert (blob.word, is_judged) == ("GORE", True), f"{blob.bucket}/{blob.key} lost its bytes"

    def _check_payment(self, blob: Blob) -> None:
        """One look of the service at each upload's bytes, and more only for the reasons that G2 and G4 name.

        These are: bytes that changed meanwhile or took an upload's place under the key, a ledger that was down or is
        not kept, and an answer that was lost on its way or with the function.
        """
        same = [other for other in self.blobs if other.body == blob.body]
        excused = sum(self.excuses[place] for place in {(other.bucket, other.key) for other in same})
        assert self.looks[blob.body] <= len(same) + excused, f"{blob.bucket}/{blob.key} was paid for too often"


def _is_link(version: FakeKey) -> bool:
    return bool(version.metadata["x-oss-object-type"] == "Symlink")
