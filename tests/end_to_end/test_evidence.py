"""`superseded` and `gone` need evidence: something written after the event, or nothing at all.

What is there and is of the event's moment or older is judged, whatever its etag: nothing else proves that anybody ever
looked at it.
"""

import pytest

from handler.adapters.oss import store as oss_store
from handler.upload import scanning
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import seldom
from tests.end_to_end.warden_cloud import Record, WardenCloud, earlier, picture

BUCKETS = ["uploads", "versioned"]
OTHER_ETAG = "0" * 32
STATUS_OF = {"GOOD": "passed", "SPAM": "flagged", "NUDE": "quarantined", "GORE": "deleted", "FLAG": "left-alone"}


def of_other_bytes(record: Record) -> Record:
    """The event of an upload whose bytes nobody finds: another etag, another request, the same key and moment."""
    told = record["oss"]["object"] | {"eTag": OTHER_ETAG}
    return {**record, "oss": record["oss"] | {"object": told}, "responseElements": {"requestId": "5B" * 12}}


def suspend(cloud: WardenCloud) -> None:
    """Suspend versioning: what is written from now on is the null version."""
    cloud.oss._store.bucket("versioned").versioning_status = "Suspended"  # noqa: SLF001


@pytest.mark.parametrize(
    ("word", "bucket", "ledger", "seconds"),
    [
        ("NUDE", "uploads", "", 0),
        ("NUDE", "versioned", "ledger", 0),
        ("GORE", "uploads", "ledger", -1),
        ("GORE", "versioned", "", -1),
        ("GOOD", "uploads", "ledger", -3600),
        ("GOOD", "versioned", "ledger", -3600),
        ("SPAM", "versioned", "", -3600),
        ("FLAG", "uploads", "", 1),
        *(
            seldom(word, bucket, ledger, seconds)
            for word in STATUS_OF
            for bucket in BUCKETS
            for ledger in ("", "ledger")
            for seconds in (1, 0, -1, -10)
        ),
    ],
)
def test_what_is_not_newer_is_judged(ledgered: Ledgered, word: str, bucket: str, ledger: str, seconds: float) -> None:
    """An event whose bytes are not there judges what is, unless that came after it; and says whose place it took.

    `seconds`: how much earlier than what is there the event is.
    """
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET=ledger)
    record = cloud.upload("a.png", picture(word), bucket=bucket)
    (document,) = cloud.deliver(earlier(of_other_bytes(record), seconds))
    assert (document["outcome"]["status"], cloud.error) == (STATUS_OF[word], None)
    assert document["outcome"]["superseded"] == OTHER_ETAG
    assert document["upload"]["etag"] == record["oss"]["object"]["eTag"]
    assert ("a.png" in cloud.keys(bucket)) == (word in {"GOOD", "SPAM", "FLAG"})


@pytest.mark.parametrize("ledger", ["", "ledger"], ids=["no ledger", "ledger"])
@pytest.mark.parametrize(("bucket", "status"), [("uploads", "superseded"), ("versioned", "gone")])
def test_what_is_newer_is_evidence(ledgered: Ledgered, bucket: str, status: str, ledger: str) -> None:
    """It has an event of its own: this one ends without a call to the service, and touches nothing."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET=ledger)
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    (document,) = cloud.deliver(earlier(of_other_bytes(record), 4))
    assert (document["outcome"]["status"], cloud.error) == (status, None)
    assert document["outcome"]["calls"]["green"] == 0
    assert cloud.body(bucket, "a.png") == picture("NUDE")
    assert cloud.tags(bucket, "a.png") == {}
    assert cloud.held() == []


@pytest.mark.parametrize("bucket", BUCKETS)
def test_nothing_at_all_is_evidence(ledgered: Ledgered, bucket: str) -> None:
    """A key that holds nothing, or a deletion, of whatever time: gone."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    for version in cloud.versions(bucket, "a.png"):
        cloud.bucket(bucket).delete_object("a.png", params={"versionId": version} if bucket == "versioned" else None)
    assert cloud.deliver(record)[0]["outcome"]["status"] == "gone"
    cloud.upload("b.png", picture("NUDE", salt="b"), bucket=bucket)
    deleted = of_other_bytes(cloud.records[-1])
    cloud.bucket(bucket).delete_object("b.png")
    assert cloud.deliver(deleted)[0]["outcome"]["status"] == "gone"
    assert cloud.keys(bucket) == []


def test_the_null_version_of_a_suspended_bucket_is_judged(ledgered: Ledgered) -> None:
    """It is overwritten in place like any object of a bucket without versions, and is no more evidence."""
    cloud = ledgered.cloud
    suspend(cloud)
    record = cloud.upload("a.png", picture("NUDE"), bucket="versioned")
    (document,) = cloud.deliver(of_other_bytes(record))
    assert document["outcome"]["status"] == "quarantined"
    assert cloud.keys("versioned") == []


@pytest.mark.parametrize("time", ["yesterday", "", "2026-01-01"])
@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_time_that_can_not_be_read_is_no_evidence(ledgered: Ledgered, bucket: str, time: str) -> None:
    """Where nobody can tell which was first, what is there is judged."""
    cloud = ledgered.cloud
    record = of_other_bytes(cloud.upload("a.png", picture("NUDE"), bucket=bucket))
    (document,) = cloud.deliver({**record, "eventTime": time})
    assert document["outcome"]["status"] == "quarantined"


@pytest.mark.parametrize("word", ["GOOD", "NUDE"])
def test_a_version_that_was_judged_in_place_is_its_own_events_duplicate(ledgered: Ledgered, word: str) -> None:
    """Judged under a take: its own event finds that, and pays nothing."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture(word), bucket="versioned")
    assert cloud.deliver(of_other_bytes(record))[0]["outcome"]["status"] == STATUS_OF[word]
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == ("duplicate" if word == "GOOD" else "gone")
    assert (ledgered.billed, cloud.error) == (1, None)


@pytest.mark.parametrize("word", ["GOOD", "SPAM", "FLAG"])
def test_a_version_with_a_final_outcome_is_not_judged_again(ledgered: Ledgered, word: str) -> None:
    """What its own event has dealt with is nobody else's: no call, and its mark stays as it is."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture(word), bucket="versioned")
    cloud.deliver(record)
    marks = cloud.tags("versioned", "a.png")
    (document,) = cloud.deliver(of_other_bytes(record))
    assert (document["outcome"]["status"], ledgered.billed) == ("gone", 1)
    assert cloud.tags("versioned", "a.png") == marks


@pytest.mark.parametrize("word", ["GOOD", "SPAM"])
def test_what_is_not_pinned_is_judged_by_each(ledgered: Ledgered, word: str) -> None:
    """No record is shared on what an uploader can forge: one more paid call, and it is counted."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture(word))
    documents = [cloud.deliver(event)[0] for event in (of_other_bytes(record), record)]
    assert [document["outcome"]["status"] for document in documents] == [STATUS_OF[word]] * 2
    assert sum(document["outcome"]["calls"]["billed"] for document in documents) == ledgered.billed == 2


@pytest.mark.parametrize("bucket", BUCKETS)
def test_two_uploads_within_a_second_are_both_settled(ledgered: Ledgered, bucket: str) -> None:
    """Bad bytes over good ones at once, only the first one's event arriving: no time tells them apart, so it judges."""
    cloud = ledgered.cloud
    first = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    second = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    (document,) = cloud.deliver(first)
    if bucket == "uploads":
        assert document["outcome"]["status"] == "quarantined"
        assert cloud.keys(bucket) == []
        assert cloud.deliver(second)[0]["outcome"]["status"] == "gone"
        return
    assert document["outcome"]["status"] == "passed"
    assert cloud.deliver(second)[0]["outcome"]["status"] == "quarantined"
    assert cloud.body(bucket, "a.png") == picture("GOOD")


def test_a_listing_of_a_hot_key_stops_at_the_events_age(ledgered: Ledgered) -> None:
    """However many versions are older or newer, no more pages are read than there may be of use; later ones later."""
    cloud = ledgered.cloud
    store = cloud.oss._store  # noqa: SLF001  (so many uploads by requests would take minutes)
    cloud.upload("a.png", b"x", bucket="versioned")
    current = store.current("versioned", "a.png")
    assert current is not None
    for _ in range(3000):
        store.put("versioned", "a.png", b"x", dict(current.metadata))
    ledgered.age(hours=1)
    for _, versions in store.iterate("versioned"):
        for version in versions:
            version.last_modified = version.last_modified.replace(year=2020)
    record = cloud.upload("a.png", picture("NUDE"), bucket="versioned")
    cloud.upload("a.png", picture("GOOD"), bucket="versioned")
    cloud.watcher.calls.clear()
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert cloud.watcher.operations.count("ListObjectVersions") == 1


def test_a_listing_that_is_too_long_is_carried_on(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery reads so many pages and no more; the next begins where it ended, and none is read twice."""
    monkeypatch.setattr(oss_store, "VERSIONS_A_PAGE", 2)
    monkeypatch.setattr(scanning, "MOST_PAGES", 2)
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"), bucket="versioned")
    for number in range(9):
        cloud.upload("a.png", picture("GOOD", salt=str(number)), bucket="versioned")
    statuses = []
    for delivery in (1, 2, 3):
        cloud.watcher.calls.clear()
        (document,) = cloud.deliver(record, delivery=delivery)
        statuses.append(document["outcome"]["status"])
        assert cloud.watcher.operations.count("ListObjectVersions") <= 2
        assert (cloud.error is None) == (delivery == 3)
    assert statuses == ["failed", "failed", "quarantined"]
    assert ledgered.billed == 1
    assert [held for _, held in cloud.held()] == [picture("NUDE")]
    assert len(cloud.versions("versioned", "a.png")) == 9
