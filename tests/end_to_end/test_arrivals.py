"""What comes another way than by an upload of a picture: folders that consoles make, and what replication brings."""

from collections.abc import Callable

import oss2
import pytest

from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import seldom
from tests.end_to_end.warden_cloud import Record, WardenCloud, calls, picture

BUCKETS = ["uploads", "versioned"]
WORDS = {"GOOD": "passed", "SPAM": "flagged", "NUDE": "quarantined", "GORE": "deleted", "FLAG": "left-alone"}


def in_parts(cloud: WardenCloud, bucket: str, key: str) -> Record:
    """Upload nothing, in one part."""
    to = cloud.bucket(bucket)
    upload_id = to.init_multipart_upload(key).upload_id
    etag = to.upload_part(key, upload_id, 1, b"").etag
    to.complete_multipart_upload(key, upload_id, [oss2.models.PartInfo(1, etag)]).resp.read()
    return cloud.records[-1]


def copied(cloud: WardenCloud, bucket: str, key: str) -> Record:
    """Copy a folder, as a console does that renames it."""
    cloud.upload("thumbnails/", b"", bucket=bucket)
    cloud.bucket(bucket).copy_object(bucket, "thumbnails/", key).resp.read()
    return cloud.records[-1]


FOLDERS: dict[str, Callable[[WardenCloud, str, str], Record]] = {
    "put": lambda cloud, bucket, key: cloud.upload(key, b"", bucket=bucket),
    "in parts": in_parts,
    "copied": copied,
}


@pytest.mark.parametrize("ledger", ["", "ledger"], ids=["no ledger", "ledger"])
@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("way", FOLDERS)
def test_a_folder_stays(ledgered: Ledgered, way: str, bucket: str, ledger: str) -> None:
    """It holds no picture: out of scope, without a call to the service, a copy or a tag."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET=ledger)
    record = FOLDERS[way](cloud, bucket, "photos/2026/")
    (document,) = cloud.deliver(record)
    assert (document["outcome"]["status"], cloud.error) == ("out-of-scope", None)
    assert document["outcome"]["calls"] == calls(oss=document["outcome"]["calls"]["oss"])
    assert "photos/2026/" in cloud.keys(bucket)
    assert (cloud.tags(bucket, "photos/2026/"), cloud.held()) == ({}, [])


@pytest.mark.parametrize("bucket", BUCKETS)
def test_only_what_is_empty_and_ends_so_is_a_folder(ledgered: Ledgered, bucket: str) -> None:
    """Bytes under such a key are judged, and nothing under any other key is an unsupported file."""
    cloud = ledgered.cloud
    assert cloud.moderate("photos/", picture("NUDE"), bucket=bucket)["outcome"]["status"] == "quarantined"
    document = cloud.moderate("photos", b"", bucket=bucket)
    assert (document["outcome"]["status"], document["decision"]["failure"]) == ("quarantined", "unsupported")


@pytest.mark.parametrize("bucket", BUCKETS)
def test_bytes_that_came_over_a_folder_are_judged(ledgered: Ledgered, bucket: str) -> None:
    """The event tells of an empty object; what is read from the store decides."""
    cloud = ledgered.cloud
    record = cloud.upload("photos/", b"", bucket=bucket)
    bad = cloud.upload("photos/", picture("NUDE"), bucket=bucket)
    for event in (record, bad):
        cloud.deliver(event)
        assert cloud.error is None
    assert picture("NUDE") in [body for _, body in cloud.held()]
    assert all(cloud.body(bucket, key) != picture("NUDE") for key in cloud.keys(bucket))


def replicate(ledgered: Ledgered, word: str, bucket: str, *, hours: float = 0) -> Record:
    """Put a picture into another bucket, so long ago, and let OSS replicate it."""
    cloud = ledgered.cloud
    cloud.oss.create_bucket("origin", versioned=bucket == "versioned")
    cloud.bucket("origin").put_object("a.png", picture(word), headers={"x-oss-tagging": "owner=ann"})
    for _, versions in cloud.oss._store.iterate("origin"):  # noqa: SLF001  (no request can do this)
        for version in versions:
            version.last_modified = version.last_modified.replace(year=2020) if hours else version.last_modified
    cloud.oss.replicate("origin", "a.png", bucket)
    return cloud.records[-1]


@pytest.mark.parametrize(
    ("word", "bucket", "hours"),
    [
        ("GOOD", "uploads", 0),
        ("GOOD", "versioned", 24),
        ("NUDE", "uploads", 24),
        ("NUDE", "versioned", 0),
        ("GORE", "versioned", 24),
        *(seldom(word, bucket, hours) for word in WORDS for bucket in BUCKETS for hours in (0, 24)),
    ],
)
def test_a_replica_is_judged(ledgered: Ledgered, word: str, bucket: str, hours: float) -> None:
    """It keeps its source's time and version id, and has one event only: dealt with where it is."""
    cloud = ledgered.cloud
    record = replicate(ledgered, word, bucket, hours=hours)
    assert record["eventName"] == "ObjectReplication:ObjectCreated"
    (document,) = cloud.deliver(record)
    assert (document["outcome"]["status"], cloud.error) == (WORDS[word], None)
    assert ledgered.billed == 1
    assert ("a.png" in cloud.keys(bucket)) == (word in {"GOOD", "SPAM", "FLAG"})
    assert cloud.body("origin", "a.png") == picture(word)
    if word in {"GOOD", "SPAM"}:
        assert cloud.tags(bucket, "a.png")["owner"] == "ann"
    assert cloud.deliver(record, delivery=2)[0]["outcome"]["status"] == "duplicate"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_replica_over_another_object_is_judged(ledgered: Ledgered, bucket: str) -> None:
    """Bad bytes over good ones, by replication: its own name, and its own verdict."""
    cloud = ledgered.cloud
    first = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    cloud.deliver(first)
    record = replicate(ledgered, "NUDE", bucket, hours=24)
    assert record["eventName"] == "ObjectReplication:ObjectModified"
    (document,) = cloud.deliver(record)
    assert (document["outcome"]["status"], cloud.error) == ("quarantined", None)
    assert [body for _, body in cloud.held()] == [picture("NUDE")]
    assert (cloud.keys(bucket) == ["a.png"]) == (bucket == "versioned")


def test_a_replica_of_what_is_in_quarantine_is_no_upload(ledgered: Ledgered) -> None:
    """A quarantine that is replicated into itself elsewhere makes no loop: our copies are known by where they are."""
    cloud = ledgered.cloud
    cloud.moderate("a.png", picture("NUDE"))
    ((held, body),) = cloud.held()
    cloud.oss.create_bucket("origin")
    cloud.bucket("origin").put_object(held, body)
    cloud.bucket("quarantine").delete_object(held)
    cloud.oss.replicate("origin", held, "quarantine")
    (document,) = cloud.deliver(cloud.records[-1])
    assert document["outcome"]["status"] == "out-of-scope"
    assert cloud.held() == [(held, body)]
