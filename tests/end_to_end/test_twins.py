"""The same bytes several times under one key within a moment, in a bucket with versions: each event has a version.

An event names no version. With a ledger each takes one of its own, so that n uploads are n verdicts, n outcomes and n
paid calls. Without one the nearest in time is taken, and a harmless twin may stay unmarked: that is stated.
"""

from collections.abc import Callable
from typing import Any

import oss2
import pytest

from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_arrivals import replicate
from tests.end_to_end.test_crash_matrix import Again, new_invocation, same_invocation, seldom
from tests.end_to_end.warden_cloud import Document, Record, WardenCloud, picture

KEY = "a.png"
STATUS_OF = {"GOOD": "passed", "SPAM": "flagged", "NUDE": "quarantined", "GORE": "deleted"}
ORDERS: dict[str, Callable[[list[Record]], list[Record]]] = {
    "in order": list,
    "reversed": lambda records: records[::-1],
    "from the middle": lambda records: records[len(records) // 2 :] + records[: len(records) // 2],
}


def put_twins(cloud: WardenCloud, word: str, count: int, key: str = KEY) -> list[Record]:
    """Put the same bytes so many times, each with an owner of its own in metadata, header and tag."""
    return [
        cloud.upload(
            key,
            picture(word),
            bucket="versioned",
            headers={"x-oss-meta-owner": f"owner{n}", "Cache-Control": f"max-age={n}"},
            tags={"owner": f"owner{n}"},
        )
        for n in range(count)
    ]


def statuses(documents: list[Document]) -> list[str]:
    """How they ended."""
    return [document["outcome"]["status"] for document in documents]


def assert_each_settled(cloud: WardenCloud, word: str, count: int, key: str = KEY) -> None:
    """Every twin is where its verdict says, with its own metadata, header and tags; none is there twice."""
    owners = sorted(f"owner{n}" for n in range(count))
    found = [("versioned", key, version) for version in cloud.versions("versioned", key)]
    if word in {"NUDE", "GORE"}:
        assert found == []
        found = [("quarantine", name, None) for name in cloud.keys("quarantine")]  # type: ignore[misc]
    if word == "GORE":
        assert found == []
        return
    described = [describe(cloud, *place) for place in found]
    assert sorted(owner for owner, _, _ in described) == owners
    assert all(owner == tagged and owner == f"owner{age}" for owner, tagged, age in described)
    marks = {cloud.tags(*place).get("moderation-status") for place in found}
    assert marks == {STATUS_OF[word]}


def describe(cloud: WardenCloud, bucket: str, key: str, version: str | None) -> tuple[str, str, str]:
    """Whose it is: by its metadata, by its tag, and by the number in its header."""
    params = {"versionId": version} if version else None
    headers = cloud.bucket(bucket).head_object(key, params=params).headers
    owner, age = headers["x-oss-meta-owner"], headers["Cache-Control"].removeprefix("max-age=")
    return owner, cloud.tags(bucket, key, version)["owner"], age


@pytest.mark.parametrize("word", STATUS_OF)
@pytest.mark.parametrize("order", ORDERS)
def test_each_twin_is_dealt_with_once(ledgered: Ledgered, order: str, word: str) -> None:
    """In whatever order their events come: as many verdicts as uploads, none without a mark, nothing lost."""
    cloud = ledgered.cloud
    records = put_twins(cloud, word, 4)
    documents = cloud.deliver(*ORDERS[order](records), timeout_s=30)
    assert statuses(documents) == [STATUS_OF[word]] * 4
    assert cloud.error is None
    assert len({document["upload"]["version_id"] for document in documents}) == 4
    assert ledgered.billed == 4
    assert_each_settled(cloud, word, 4)
    again = cloud.deliver(*records, delivery=2, timeout_s=30)
    assert statuses(again) == ["duplicate"] * 4
    assert ledgered.billed == 4


@pytest.mark.exhaustive
@pytest.mark.parametrize("word", ["GOOD", "NUDE"])
def test_twenty_twins_are_paid_twenty_times(ledgered: Ledgered, word: str) -> None:
    """What is paid grows with the uploads, and not with their square; so do the calls to OSS."""
    cloud = ledgered.cloud
    records = put_twins(cloud, word, 20)
    cloud.watcher.calls.clear()
    documents = cloud.deliver(*records, timeout_s=120)
    assert statuses(documents) == [STATUS_OF[word]] * 20
    assert ledgered.billed == 20
    assert cloud.watcher.operations.count("ListObjectVersions") <= 20
    assert_each_settled(cloud, word, 20)


@pytest.mark.exhaustive
@pytest.mark.parametrize("word", ["GOOD", "NUDE", seldom("SPAM"), seldom("GORE")])
def test_twins_at_work_at_once_in_any_gap(ledgered: Ledgered, word: str) -> None:
    """The events of two twins are dealt with in each gap of a third's: each has a version, each is paid once."""
    cloud = ledgered.cloud
    gap, happened = 0, True
    while happened:
        gap += 1
        key, before = f"{gap}.png", ledgered.billed
        records = put_twins(cloud, word, 3, key)
        inner: list[Document] = []
        documents = deliver_inside(cloud, records, gap, inner)
        happened = bool(inner)
        documents += inner or cloud.deliver(*records[1:], timeout_s=30)
        assert statuses(documents) == [STATUS_OF[word]] * 3, f"in gap {gap}"
        assert ledgered.billed == before + 3
        assert_each_settled(cloud, word, 3, key)
        empty(cloud, key)
    assert gap > 5


def deliver_inside(cloud: WardenCloud, records: list[Record], gap: int, inner: list[Document]) -> list[Document]:
    """Deliver the first event, and the others, to another instance, right after the first one's call of that number."""
    cloud.watcher.calls.clear()
    cloud.watcher.interfere = {
        gap: lambda: inner.extend(cloud.deliver(*records[1:], timeout_s=30, request_id="1-other"))
    }
    documents = cloud.deliver(records[0], timeout_s=30)
    cloud.watcher.interfere = {}
    # Both log into one place: what is logged last is the outer's.
    return documents[-1:]


def empty(cloud: WardenCloud, key: str) -> None:
    """Make room for the next gap."""
    for held in cloud.keys("quarantine"):
        cloud.bucket("quarantine").delete_object(held)
    for version in cloud.versions("versioned", key):
        cloud.bucket("versioned").delete_object(key, params={"versionId": version})


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("word", "again"),
    [
        ("GOOD", new_invocation),
        ("NUDE", same_invocation),
        seldom("SPAM", same_invocation),
        seldom("SPAM", new_invocation),
        seldom("GOOD", same_invocation),
        seldom("NUDE", new_invocation),
        seldom("GORE", same_invocation),
        seldom("GORE", new_invocation),
    ],
)
def test_twins_and_a_kill_after_any_call(ledgered: Ledgered, word: str, again: Again) -> None:
    """Killed with one twin, the other's event comes first: neither is taken from the other, none stays unseen."""
    cloud = ledgered.cloud
    kill, documents = 0, None
    while documents is None:
        kill += 1
        key, before = f"{kill}.png", ledgered.billed
        records = put_twins(cloud, word, 3, key)
        documents = ledgered.deliver(records[0], kill_after=kill, timeout_s=30, **again(1))
        was_killed = documents is None
        if was_killed:
            ledgered.age(minutes=2)
        others = deliver_until_done(cloud, records[1:], again)
        ends = statuses(deliver_until_done(cloud, records[:1], again) + others)
        # Once how it ended was written down, it is a duplicate.
        assert set(ends) <= {STATUS_OF[word], "duplicate"}, f"killed after call {kill}"
        assert ledgered.billed - before <= 3 + was_killed
        assert_each_settled(cloud, word, 3, key)
        empty(cloud, key)
    assert kill > 5


def deliver_until_done(cloud: WardenCloud, records: list[Record], again: Again) -> list[Document]:
    """Deliver each event until its invocation succeeds; the last document of each."""
    documents = []
    for record in records:
        for number in (2, 3, 4):
            how: dict[str, Any] = {**again(number), "delivery": min(again(number)["delivery"], 2)}
            (document,) = cloud.deliver(record, timeout_s=30, **how)
            if cloud.error is None:
                break
        assert cloud.error is None
        documents.append(document)
    return documents


@pytest.mark.parametrize("word", ["NUDE", "GORE"])
@pytest.mark.parametrize("order", ORDERS)
def test_without_a_ledger_bad_twins_go_too(cloud: WardenCloud, order: str, word: str) -> None:
    """The first event removes them all, each after a verdict of its own; the events of the others find nothing."""
    before = cloud.green.billed
    records = put_twins(cloud, word, 4)
    documents = cloud.deliver(*ORDERS[order](records), timeout_s=30)
    assert statuses(documents) == [STATUS_OF[word], "gone", "gone", "gone"]
    assert cloud.error is None
    assert cloud.green.billed - before == 4
    assert_each_settled(cloud, word, 4)


def test_without_a_ledger_a_harmless_twin_may_stay_unmarked(cloud: WardenCloud) -> None:
    """Stated: nothing tells the events apart, so each deals with the nearest; as many calls as uploads."""
    before = cloud.green.billed
    documents = cloud.deliver(*put_twins(cloud, "GOOD", 3), timeout_s=30)
    assert statuses(documents) == ["passed"] * 3
    assert cloud.green.billed - before == 3
    marks = [cloud.tags("versioned", KEY, version) for version in cloud.versions("versioned", KEY)]
    assert sorted(mark["owner"] for mark in marks) == ["owner0", "owner1", "owner2"]
    assert {mark.get("moderation-status") for mark in marks} <= {"passed", None}


def test_a_twin_of_what_was_judged_before_has_a_verdict_of_its_own(ledgered: Ledgered) -> None:
    """The same bytes an hour later are another upload: another take, another paid call, another copy."""
    cloud = ledgered.cloud
    (first,) = put_twins(cloud, "NUDE", 1)
    cloud.deliver(first)
    ledgered.age(hours=1)
    (second,) = put_twins(cloud, "NUDE", 1)
    (document,) = cloud.deliver(second)
    assert document["outcome"]["status"] == "quarantined"
    assert ledgered.billed == 2
    assert len(cloud.held()) == 2


@pytest.mark.parametrize("word", STATUS_OF)
@pytest.mark.parametrize("order", ["in order", "reversed"])
def test_a_twin_from_before_the_suspension_is_dealt_with_too(ledgered: Ledgered, order: str, word: str) -> None:
    """One has a version id and the other none, and every event fits both: neither is left to nobody."""
    cloud = ledgered.cloud
    first = put_twins(cloud, word, 1)
    cloud.bucket("versioned").put_bucket_versioning(oss2.models.BucketVersioningConfig("Suspended"))
    second = put_twins(cloud, word, 1)
    documents = cloud.deliver(*ORDERS[order](first + second), timeout_s=30)
    assert statuses(documents) == [STATUS_OF[word]] * 2
    assert ledgered.billed == 2
    assert {document["upload"]["version_id"] for document in documents} > {"null"}
    if word in {"NUDE", "GORE"}:
        assert cloud.versions("versioned", KEY) == []


@pytest.mark.parametrize("word", STATUS_OF)
@pytest.mark.parametrize("order", ["in order", "reversed"])
@pytest.mark.parametrize("hours", [0, 1])
def test_a_replica_and_an_upload_of_the_same_bytes(ledgered: Ledgered, order: str, word: str, hours: float) -> None:
    """Its event fits the upload too, and may take it, below another: the replica is left to the upload's event."""
    cloud = ledgered.cloud
    uploads = put_twins(cloud, word, 1)
    replica = replicate(ledgered, word, "versioned", hours=hours)
    cloud.upload(KEY, picture("FLAG"), bucket="versioned")
    documents = cloud.deliver(*ORDERS[order]([*uploads, replica]), timeout_s=30)
    assert statuses(documents) == [STATUS_OF[word]] * 2
    assert ledgered.billed == 2
    assert len({document["upload"]["version_id"] for document in documents}) == 2
    if word in {"NUDE", "GORE"}:
        assert len(cloud.versions("versioned", KEY)) == 1


@pytest.mark.parametrize("word", STATUS_OF)
def test_in_a_bucket_without_versions_twins_are_one_object(ledgered: Ledgered, word: str) -> None:
    """The same bytes twice under one name are one object: dealt with, and no event of the two fails."""
    cloud = ledgered.cloud
    records = [cloud.upload(KEY, picture(word)) for _ in range(2)]
    documents = [document for record in records for document in cloud.deliver(record)]
    assert statuses(documents)[0] == STATUS_OF[word]
    assert statuses(documents)[1] in {STATUS_OF[word], "gone"}
    assert ledgered.billed <= 2
    assert (KEY in cloud.keys("uploads")) == (word in {"GOOD", "SPAM"})
