"""What was judged bad and can't be moved or removed: marked where it is, both places named, the true reason told.

Each delivery costs few calls and none pays again; once an operator has mended what kept it, the next one finishes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from handler import index
from handler.adapters.oss.copying import OssQuarantine
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import PART_BYTES, seldom
from tests.end_to_end.warden_cloud import Document, WardenCloud, picture

BUCKETS = ["uploads", "versioned"]
# Of one delivery to OSS, the ledger's among them, and those of a retry that looks what the delivery before had
# taken, and sees to the tags of a copy that was there.
MOST_OSS_CALLS = 23
Spoil = Callable[[WireCall], Fault | None]


def refuse(status: int, code: str, *operations: str, bucket: str = "") -> Spoil:
    """Refuse these operations, on that bucket or on any but the ledger."""

    def spoil(call: WireCall) -> Fault | None:
        is_meant = call.operation in operations and (call.bucket == bucket if bucket else call.bucket != "ledger")
        return Fault(status=status, code=code) if is_meant else None

    return spoil


def change_nothing(cloud: WardenCloud, bucket: str) -> None:
    """The cloud is as it is."""
    del cloud, bucket


@dataclass(frozen=True)
class Obstacle:
    """What keeps an object where it is: how it comes about, how it is mended, and what the outcome says of it.

    `has_copy`: it is held all the same, so that it is in two places.
    """

    reason: str
    has_copy: bool
    spoil: Spoil = lambda _: None
    begin: Callable[[WardenCloud, str], object] = change_nothing
    mend: Callable[[WardenCloud, str], object] = change_nothing


OBSTACLES = {
    "retention": Obstacle(
        "retention policy",
        has_copy=True,
        begin=lambda cloud, bucket: cloud.oss.retain(bucket),
        mend=lambda cloud, bucket: cloud.oss.retain(bucket, keep=False),
    ),
    "no right to remove": Obstacle(
        "oss:DeleteObject", has_copy=True, spoil=refuse(403, "AccessDenied", "DeleteObject")
    ),
    "no right to copy": Obstacle(
        "oss:PutObject",
        has_copy=False,
        spoil=refuse(403, "AccessDenied", "CopyObject", "PutObject", bucket="quarantine"),
    ),
    "no quarantine": Obstacle(
        "create the bucket",
        has_copy=False,
        begin=lambda cloud, _: cloud.bucket("quarantine").delete_bucket(),
        mend=lambda cloud, _: cloud.oss.create_bucket("quarantine"),
    ),
}


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("name", OBSTACLES)
def test_what_can_not_be_held_is_marked(ledgered: Ledgered, name: str, bucket: str) -> None:
    """At each delivery the same, few calls, one payment in all; and it is finished once it can be."""
    cloud, obstacle = ledgered.cloud, OBSTACLES[name]
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket, tags={"owner": "ann"})
    obstacle.begin(cloud, bucket)
    cloud.watcher.spoil = obstacle.spoil
    for delivery in (1, 2, 3):
        cloud.watcher.calls.clear()
        (document,) = cloud.deliver(record, delivery=delivery)
        assert_told_and_marked(cloud, document, obstacle, bucket)
        assert len(cloud.watcher.calls) <= MOST_OSS_CALLS
        assert cloud.watcher.operations.count("CopyObject") <= 2
    assert ledgered.billed == 1
    cloud.watcher.spoil = lambda _: None
    obstacle.mend(cloud, bucket)
    (document,) = cloud.deliver(record, delivery=4, request_id="1-redriven")
    assert (document["outcome"]["status"], cloud.error) == ("quarantined", None)
    assert cloud.versions(bucket, "a.png") == []
    ((held, body),) = cloud.held()
    assert body == picture("NUDE")
    assert cloud.tags("quarantine", held)["owner"] == "ann"
    assert ledgered.billed == 1


def assert_told_and_marked(cloud: WardenCloud, document: Document, obstacle: Obstacle, bucket: str) -> None:
    """The outcome and the marks say what is so."""
    outcome = document["outcome"]
    assert outcome["status"] == "failed"
    assert cloud.error is not None
    assert obstacle.reason in outcome["error"]
    assert "no fault of the object" not in outcome["error"]
    tags = cloud.tags(bucket, "a.png")
    assert (tags["moderation-status"], tags["moderation-queue"], tags["owner"]) == ("flagged", "legal", "ann")
    assert outcome["tags"]["moderation-status"] == "flagged"
    assert cloud.body(bucket, "a.png") == picture("NUDE")
    held = cloud.held() if obstacle.has_copy else []
    if not held:
        assert outcome["location"] == f"{bucket}/a.png"
        return
    ((key, body),) = held
    assert body == picture("NUDE")
    assert outcome["location"] == f"quarantine/{key}"
    assert f"held at 'quarantine/{key}'" in outcome["error"]
    assert f"still at '{bucket}/a.png'" in outcome["error"]


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("name", ["retention", "no right to remove"])
def test_what_can_not_be_deleted_is_marked(ledgered: Ledgered, name: str, bucket: str) -> None:
    """Delete has no copy to name: it is where it was, marked, with the reason; and it goes once it can."""
    cloud, obstacle = ledgered.cloud, OBSTACLES[name]
    record = cloud.upload("a.png", picture("GORE"), bucket=bucket)
    obstacle.begin(cloud, bucket)
    cloud.watcher.spoil = obstacle.spoil
    for delivery in (1, 2, 3):
        (document,) = cloud.deliver(record, delivery=delivery)
        assert (document["outcome"]["status"], document["outcome"]["location"]) == ("failed", f"{bucket}/a.png")
        assert obstacle.reason in document["outcome"]["error"]
        assert cloud.tags(bucket, "a.png")["moderation-status"] == "flagged"
    assert (ledgered.billed, cloud.held()) == (1, [])
    cloud.watcher.spoil = lambda _: None
    obstacle.mend(cloud, bucket)
    assert cloud.deliver(record, delivery=4)[0]["outcome"]["status"] == "deleted"
    assert cloud.versions(bucket, "a.png") == []


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("name", ["retention", "no right to copy"])
def test_what_was_not_judged_is_marked_unverified(ledgered: Ledgered, name: str, bucket: str) -> None:
    """Where there is no verdict, the mark says that nobody looked, and not that somebody found something."""
    cloud, obstacle = ledgered.cloud, OBSTACLES[name]
    record = cloud.upload("a.png", b"no picture", bucket=bucket)
    obstacle.begin(cloud, bucket)
    cloud.watcher.spoil = obstacle.spoil
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "failed"
    assert document["decision"]["failure"] == "unsupported"
    assert cloud.tags(bucket, "a.png")["moderation-status"] == "unverified"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_what_can_be_neither_moved_nor_marked_says_both(ledgered: Ledgered, bucket: str) -> None:
    """The outcome is all that is left, and it tells both reasons."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    cloud.watcher.spoil = refuse(403, "AccessDenied", "DeleteObject", "PutObjectTagging")
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "failed"
    assert document["outcome"]["tags"] == {}
    assert "oss:DeleteObject" in document["outcome"]["error"]
    assert "nor could it be marked" in document["outcome"]["error"]
    assert "oss:PutObjectTagging" in document["outcome"]["error"]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("bucket", "metadata_bytes"), [("uploads", 0), ("versioned", 7900), seldom("uploads", 7900), seldom("versioned", 0)]
)
def test_a_quarantine_under_retention_is_no_obstacle(ledgered: Ledgered, bucket: str, metadata_bytes: int) -> None:
    """Held for good ("it may be proof"): killed after any call, the next delivery finds its copy, and finishes."""
    cloud = ledgered.cloud
    # More than the copy has room for goes to a sidecar.
    headers = {"x-oss-meta-long": "x" * metadata_bytes}
    cloud.oss.retain("quarantine")
    kill, documents = 0, None
    while documents is None:
        kill += 1
        key = f"{kill}.png"
        record = cloud.upload(key, picture("NUDE", salt=key), bucket=bucket, headers=headers)
        documents = ledgered.deliver(record, kill_after=kill)
        if documents is None:
            (document,) = cloud.deliver(record, delivery=2)
            assert document["outcome"]["status"] in {"quarantined", "duplicate"}, f"killed after call {kill}"
        assert cloud.error is None
        assert cloud.versions(bucket, key) == []
    assert kill > 6
    bodies = [picture("NUDE", salt=f"{number}.png") for number in range(1, kill + 1)]
    assert sorted(body for _, body in cloud.held()) == sorted(bodies)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_copy_slower_than_a_call_may_be_is_found(ledgered: Ledgered, bucket: str) -> None:
    """OSS carries it out, and its answer is lost each time: the copy is looked for, and taken for what it is."""
    cloud = ledgered.cloud
    cloud.watcher.spoil = lambda call: Fault(drop="after") if call.operation == "CopyObject" else None
    document = cloud.moderate("a.png", picture("NUDE"), bucket=bucket)
    assert (document["outcome"]["status"], cloud.error) == ("quarantined", None)
    assert len(cloud.held()) == 1
    assert cloud.versions(bucket, "a.png") == []


@pytest.mark.parametrize("bucket", BUCKETS)
def test_other_bytes_at_the_copys_place_are_not_overwritten(ledgered: Ledgered, bucket: str) -> None:
    """They may be all that is left of a picture: the copy goes beside them, and both are there in the end."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    (first,) = cloud.deliver(record)
    place = first["outcome"]["location"].removeprefix("quarantine/")
    cloud.bucket("quarantine").put_object(place, b"somebody else's")
    for key in cloud.keys("ledger"):
        cloud.bucket("ledger").delete_object(key)
    cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    (second,) = cloud.deliver(record)
    assert (second["outcome"]["status"], cloud.error) == ("quarantined", None)
    assert sorted(body for _, body in cloud.held()) == sorted([b"somebody else's", picture("NUDE")])


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("size_bytes", [0, 3 * PART_BYTES], ids=["at once", "in parts"])
def test_an_appendable_object_is_held(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch, bucket: str, size_bytes: int
) -> None:
    """OSS does not copy it in a bucket with versions: it is read and written, in parts where it is large."""
    in_parts = partial(OssQuarantine, single_copy_bytes=PART_BYTES, part_bytes=PART_BYTES)
    monkeypatch.setattr(index, "OssQuarantine", in_parts)
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET="ledger")
    body = picture("NUDE") + bytes(size_bytes)
    cloud.bucket(bucket).append_object("a.png", 0, body)
    cloud.watcher.calls.clear()
    (document,) = cloud.deliver(cloud.records[-1])
    assert (document["outcome"]["status"], cloud.error) == ("quarantined", None)
    assert [held for _, held in cloud.held()] == [body]
    assert cloud.versions(bucket, "a.png") == []
    assert (cloud.watcher.operations.count("UploadPart") >= 3) == bool(size_bytes)
