"""G4 and G5: the function is killed after every wire call of every action, and delivered again.

The calls are counted in an undisturbed run, so that a new step of the code joins by itself. Here the function dies
inside this process (nothing of it runs after the call at which it is killed); test_crash_processes.py kills processes.
"""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from handler.adapters.oss.copying import OssQuarantine
from handler.upload.releases import Landed, Release, release_folder, release_record
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import Record, WardenCloud, picture

State = tuple[object, ...]
Again = Callable[[int], dict[str, Any]]
# The smallest part that OSS takes.
PART_BYTES = 100 * 1024
BUCKETS = ("uploads", "versioned")


@dataclass(frozen=True)
class Case:
    """What is uploaded (`make` takes the cloud, a bucket and a key), and what becomes of it."""

    make: Callable[[WardenCloud, str, str], Record]
    status: str
    pays: int = 1


def upload(word: str, **how: Any) -> Callable[[WardenCloud, str, str], Record]:  # noqa: ANN401
    """A picture with that word in it."""
    return lambda cloud, bucket, key: cloud.upload(key, picture(word), bucket=bucket, **how)


def upload_empty(cloud: WardenCloud, bucket: str, key: str) -> Record:
    """No bytes: no verdict is asked for."""
    return cloud.upload(key, b"", bucket=bucket)


def upload_large(cloud: WardenCloud, bucket: str, key: str) -> Record:
    """A picture of three parts."""
    return cloud.upload(key, picture("NUDE") + bytes(2 * PART_BYTES), bucket=bucket)


def link(cloud: WardenCloud, bucket: str, key: str) -> Record:
    """A link to a picture."""
    cloud.upload("target.png", picture("GOOD"), bucket=bucket)
    cloud.bucket(bucket).put_symlink("target.png", key)
    return cloud.records[-1]


def restore(cloud: WardenCloud, bucket: str, key: str) -> Record:
    """A picture that was quarantined, and brought back by somebody who wrote a release."""
    record = cloud.upload("source.png", picture("NUDE"), bucket=bucket)
    cloud.bucket(bucket).copy_object(bucket, "source.png", key)
    copied, stored = cloud.records[-1], record["oss"]["object"]
    head = cloud.bucket(bucket).head_object(key).headers
    version_id, crc64 = head.get("x-oss-version-id"), head["x-oss-hash-crc64ecma"]
    landed = Landed(copied["responseElements"]["requestId"], stored["eTag"], crc64, version_id, head["Last-Modified"])
    digest = sha256(picture("NUDE")).hexdigest()
    release = Release(
        bucket, key, "quarantine/x", stored["eTag"], crc64, stored["size"], digest, 0.0, "ann", "a statue", landed
    )
    cloud.bucket("ledger").put_object(release_folder(bucket, key) + "1.json", json.dumps(release_record(release)))
    return copied


CASES = {
    "pass": Case(upload("GOOD"), "passed"),
    "pass, user tags": Case(upload("GOOD", tags={"owner": "ann"}), "passed"),
    "tag": Case(upload("SPAM"), "flagged"),
    "quarantine": Case(upload("NUDE"), "quarantined"),
    "quarantine, user tags and sidecar": Case(
        upload("NUDE", tags={"owner": "ann"}, headers={"x-oss-meta-long": "x" * 7900}), "quarantined"
    ),
    "delete": Case(upload("GORE"), "deleted"),
    "none": Case(upload("FLAG"), "left-alone"),
    "no verdict": Case(upload_empty, "quarantined", pays=0),
    "link": Case(link, "deleted", pays=0),
    "release": Case(restore, "passed", pays=0),
    "out of scope": Case(lambda cloud, bucket, key: upload("NUDE")(cloud, bucket, "thumbnails/" + key), "", pays=0),
}


class Matrix:
    """One case on one kind of bucket, run again and again, each time with other kills."""

    def __init__(self, ledgered: Ledgered, case: Case, bucket: str) -> None:
        self.ledgered = ledgered
        self.cloud = ledgered.cloud
        self.case = case
        self.bucket = bucket

    def run(self, *kills: int, delivery: Callable[[int], dict[str, Any]]) -> tuple[State, int, int]:
        """Deliver until it is done, killed after those calls; answers with the end, the kills, and what was paid."""
        self.empty()
        record = self.case.make(self.cloud, self.bucket, "a.png")
        before = self.ledgered.billed
        died = 0
        for number, kill in enumerate([*kills, 0], start=1):
            documents = self.ledgered.deliver(record, kill_after=kill, **delivery(number))
            if documents is not None:
                break
            died += 1
            self.ledgered.age(hours=2)
        assert self.cloud.error is None
        return self.state(record), died, self.ledgered.billed - before

    def count_calls(self) -> int:
        """The wire calls of an undisturbed run."""
        self.run(delivery=same_invocation)
        return len(self.cloud.watcher.calls)

    def state(self, record: Record) -> State:
        """All that a person could see: objects with bytes, tags and headers, and how the upload ended."""
        outcomes = [record for name, record in self.ledgered.records().items() if name == "outcome.json"]
        assert len(outcomes) == bool(self.case.status), "exactly one final outcome"
        request_id = record["responseElements"]["requestId"]
        endings = [
            (o["outcome"]["status"], o["outcome"]["action"], o["decision"] and o["decision"]["rule"]) for o in outcomes
        ]
        held = [
            (key.replace(request_id, "ID"), *self.describe("quarantine", key)) for key in self.cloud.keys("quarantine")
        ]
        return (
            tuple(endings),
            tuple((key, *self.describe(self.bucket, key, version)) for key, version in self.versions()),
            tuple(held),
        )

    def describe(self, bucket: str, key: str, version: str | None = None) -> tuple[object, ...]:
        """The bytes and the tags."""
        return (
            self.cloud.body(bucket, key, version),
            tuple(sorted(self.cloud.tags(bucket, key, version).items())),
        )

    def versions(self) -> list[tuple[str, str | None]]:
        """Every version of every key, the deletions left out; without versions, every key."""
        if self.bucket == "uploads":
            return [(key, None) for key in self.cloud.keys(self.bucket)]
        listed = self.cloud.bucket(self.bucket).list_object_versions().versions
        return [(version.key, version.versionid) for version in listed]

    def empty(self) -> None:
        """Begin afresh."""
        self.cloud.oss.reset()
        for name in ("uploads", "versioned", "quarantine", "ledger"):
            self.cloud.oss.create_bucket(name, versioned=name == "versioned")


def same_invocation(number: int) -> dict[str, Any]:
    """A retry that keeps the request id of its invocation."""
    return {"delivery": number, "request_id": "1-same"}


def new_invocation(number: int) -> dict[str, Any]:
    """Another copy of the event, or a retry with an id of its own: only the end of the lease tells."""
    return {"delivery": 1, "request_id": f"1-number-{number}"}


def seldom(*combination: object) -> Any:  # noqa: ANN401  (a row of parameters)
    """What is left for `scripts/test --all`."""
    return pytest.param(*combination, marks=pytest.mark.exhaustive)


# Every action and every kind of failure once, each kind of bucket and of retry several times.
OFTEN: tuple[tuple[str, str, Again], ...] = (
    ("pass, user tags", "uploads", same_invocation),
    ("tag", "versioned", new_invocation),
    ("quarantine, user tags and sidecar", "uploads", new_invocation),
    ("quarantine", "versioned", same_invocation),
    ("delete", "uploads", same_invocation),
    ("delete", "versioned", new_invocation),
    ("none", "uploads", new_invocation),
    ("no verdict", "versioned", same_invocation),
    ("link", "uploads", same_invocation),
    ("release", "versioned", new_invocation),
    ("out of scope", "uploads", same_invocation),
)
ALL = itertools.product(CASES, BUCKETS, (same_invocation, new_invocation))


@pytest.mark.parametrize(
    ("name", "bucket", "again"), [*OFTEN, *(seldom(*combination) for combination in ALL if combination not in OFTEN)]
)
def test_a_kill_after_every_call(ledgered: Ledgered, name: str, bucket: str, again: Again) -> None:
    """One kill, then redelivery: the same end, no bytes lost, and at most one more call paid."""
    case = CASES[name]
    matrix = Matrix(ledgered, case, bucket)
    calls = matrix.count_calls()
    undisturbed, _, paid = matrix.run(delivery=again)
    assert paid == case.pays
    for kill in range(1, calls + 1):
        state, died, paid = matrix.run(kill, delivery=again)
        assert died == 1
        assert state == undisturbed, f"killed after call {kill} of {calls}"
        assert paid <= case.pays + 1, f"killed after call {kill} of {calls}"


@pytest.mark.parametrize(
    ("name", "bucket"),
    [seldom(name, bucket) for name in ("pass", "quarantine", "delete") for bucket in BUCKETS],
)
def test_a_kill_in_the_takeover_too(ledgered: Ledgered, name: str, bucket: str) -> None:
    """A kill after any call, and another after any call of the delivery that takes over: the same."""
    case = CASES[name]
    matrix = Matrix(ledgered, case, bucket)
    calls = matrix.count_calls()
    undisturbed, _, _ = matrix.run(delivery=same_invocation)
    for first in range(1, calls + 1):
        second = died = 2
        while died == 2:
            state, died, paid = matrix.run(first, second, delivery=same_invocation)
            assert state == undisturbed, f"killed after calls {first} and {second}"
            assert paid <= case.pays + died, f"killed after calls {first} and {second}"
            second += 1


@pytest.mark.parametrize("bucket", ["uploads", seldom("versioned")])
def test_a_kill_in_a_copy_by_parts(ledgered: Ledgered, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large object is copied part by part; a kill between two parts costs nothing but these."""
    defaults = OssQuarantine.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "single_copy_bytes", PART_BYTES)
    monkeypatch.setitem(defaults, "part_bytes", PART_BYTES)
    ledgered.cloud.drop_clients()
    matrix = Matrix(ledgered, Case(upload_large, "quarantined"), bucket)
    calls = matrix.count_calls()
    assert "UploadPartCopy" in ledgered.cloud.watcher.operations
    undisturbed, _, _ = matrix.run(delivery=same_invocation)
    for kill in range(1, calls + 1):
        state, _, paid = matrix.run(kill, delivery=same_invocation)
        assert state == undisturbed, f"killed after call {kill} of {calls}"
        assert paid <= 2
