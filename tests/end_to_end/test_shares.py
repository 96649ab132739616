"""Each record of an event has its share of all the time, whatever takes it; what is big is carried on, never lost."""

import json
import re
import time
from functools import partial

import pytest

from handler import index
from handler.adapters.oss.copying import OssQuarantine
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.chaos_world import VirtualClock
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import PART_BYTES, seldom
from tests.end_to_end.warden_cloud import Document, Record, WardenCloud, picture

BUCKETS = ["uploads", "versioned"]
PARTS = 10
PART_S = 20.0
# Five parts of it for a record that is alone: with two in an event each has half.
TIMEOUT_S = 120.0


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("operation", "bucket"),
    [
        ("HeadObject", "uploads"),
        ("CopyObject", "versioned"),
        seldom("DeleteObject", "uploads"),
        seldom("GetObjectAcl", "versioned"),
        seldom("ImageModeration", "uploads"),
        seldom("GetObjectTagging", "versioned"),
    ],
)
def test_a_slow_call_leaves_the_others_their_share(ledgered: Ledgered, operation: str, bucket: str) -> None:
    """One call of the first record is not answered in time: the second is dealt with in the same delivery."""
    cloud = ledgered.cloud
    first = cloud.upload("first.png", picture("NUDE", salt="1"), bucket=bucket, tags={"owner": "ann"})
    second = cloud.upload("second.png", picture("NUDE", salt="2"), bucket=bucket)

    def slow(call: WireCall) -> Fault | None:
        is_of_the_first = all(made.key != "second.png" for made in cloud.watcher.calls)
        return Fault(delay_s=2.0) if call.operation == operation and is_of_the_first else None

    cloud.watcher.spoil = slow
    began_s = time.monotonic()
    documents = cloud.deliver(first, second, timeout_s=2.4)
    took_s = time.monotonic() - began_s
    assert [document["outcome"]["status"] for document in documents] == ["failed", "quarantined"]
    assert took_s < 2.4
    cloud.watcher.spoil = lambda _: None
    (document,) = cloud.deliver(first, delivery=2)
    assert (document["outcome"]["status"], cloud.error) == ("quarantined", None)


@pytest.fixture
def in_parts(ledgered: Ledgered, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> WardenCloud:
    """A function that copies in small parts, each of which takes OSS a while."""
    cloud = ledgered.cloud
    small = partial(OssQuarantine, single_copy_bytes=PART_BYTES, part_bytes=PART_BYTES)
    monkeypatch.setattr(index, "OssQuarantine", small)
    cloud.start(LEDGER_BUCKET="ledger")

    def take_time(call: WireCall) -> None:
        if call.operation in {"UploadPartCopy", "UploadPart"}:
            clock.sleep(PART_S)

    cloud.watcher.spoil = take_time
    return cloud


def big(cloud: WardenCloud, bucket: str) -> tuple[Record, bytes]:
    """A bad picture of about PARTS parts."""
    body = picture("NUDE")
    body += bytes(PARTS * PART_BYTES - len(body))
    return cloud.upload("big.png", body, bucket=bucket), body


def parts_of(document: Document) -> int:
    """How many parts it says that there are; their size is a matter of the source's identity."""
    said = re.search(r"[0-9]+ of ([0-9]+) parts are copied; the next delivery goes on", document["outcome"]["error"])
    assert said is not None
    return int(said[1])


def redrive(cloud: WardenCloud, record: Record) -> Document:
    """Send it again, as an operator does."""
    event = json.dumps({"redriven": True, "events": [record]}).encode()
    (document,) = cloud.deliver_bytes(event, timeout_s=TIMEOUT_S, request_id="1-redriven")
    return document


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_big_copy_is_carried_on_from_delivery_to_delivery(
    in_parts: WardenCloud, ledgered: Ledgered, bucket: str
) -> None:
    """Each sends what its time allows and says how far it came; no part is sent twice, and nothing is paid twice."""
    cloud = in_parts
    record, body = big(cloud, bucket)
    cloud.watcher.calls.clear()
    (first,) = cloud.deliver(record, timeout_s=TIMEOUT_S)
    assert first["outcome"]["status"] == "failed"
    for delivery in (2, 3):
        (document,) = cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S)
        if cloud.error is None:
            break
    assert document["outcome"]["status"] == "quarantined"
    assert cloud.watcher.operations.count("UploadPartCopy") == parts_of(first) > 5
    assert [held for _, held in cloud.held()] == [body]
    assert cloud.versions(bucket, "big.png") == []
    assert ledgered.billed == 1


@pytest.mark.parametrize("bucket", BUCKETS)
def test_at_the_last_delivery_it_is_said_and_marked_and_a_redrive_goes_on(
    in_parts: WardenCloud, ledgered: Ledgered, bucket: str
) -> None:
    """What does not fit the deliveries that there are is marked where it stays; sent again, it begins where it was."""
    cloud = in_parts
    cloud.start(LEDGER_BUCKET="ledger", MAX_DELIVERIES="2")
    record, body = big(cloud, bucket)
    cloud.watcher.calls.clear()
    for delivery in (1, 2):
        (document,) = cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S / 2)
        assert document["outcome"]["status"] == "failed"
        parts = parts_of(document)
    assert cloud.tags(bucket, "big.png")["moderation-status"] == "flagged"
    assert cloud.body(bucket, "big.png") == body
    assert cloud.held() == []
    documents = [redrive(cloud, record) for _ in range(2)]
    assert documents[-1]["outcome"]["status"] in {"quarantined", "duplicate"}
    assert [held for _, held in cloud.held()] == [body]
    assert cloud.versions(bucket, "big.png") == []
    assert cloud.watcher.operations.count("UploadPartCopy") == parts
    assert ledgered.billed == 1


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_big_copy_leaves_the_others_their_share(in_parts: WardenCloud, bucket: str) -> None:
    """It comes first in its event, and what comes after it is dealt with all the same."""
    cloud = in_parts
    record, _ = big(cloud, bucket)
    others = [cloud.upload(f"{word}.png", picture(word), bucket=bucket) for word in ("NUDE", "GOOD")]
    documents = cloud.deliver(record, *others, timeout_s=TIMEOUT_S)
    assert [document["outcome"]["status"] for document in documents] == ["failed", "quarantined", "passed"]
