"""Between the last look at bytes without a version of their own and their DELETE lies one round trip, on every path.

OSS has no conditional DELETE: what arrives in between is lost, and README says so. What arrives before is kept. Each
path is run once to see its calls, and once more with an upload right before that last look.
"""

from collections.abc import Callable
from dataclasses import dataclass

import oss2
import pytest

from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import seldom
from tests.end_to_end.warden_cloud import Record, WardenCloud, picture

LOOKS = {"HeadObject", "GetSymlink"}


def tag(cloud: WardenCloud, bucket: str, key: str, tags: dict[str, str]) -> None:
    """Tag as the application does."""
    rule = oss2.models.TaggingRule()
    for name, value in tags.items():
        rule.add(name, value)
    cloud.bucket(bucket).put_object_tagging(key, oss2.models.Tagging(rule))


def tag_meanwhile(cloud: WardenCloud, bucket: str, key: str) -> None:
    """Tag it while the service looks."""

    def spoil(call: WireCall) -> None:
        if call.service == "green":
            tag(cloud, bucket, key, {"owner": "ann"})

    cloud.watcher.spoil = spoil


def put(body: bytes) -> Callable[[WardenCloud, str], Record]:
    """Upload these bytes."""
    return lambda cloud, key: cloud.upload(key, body)


def put_link(cloud: WardenCloud, key: str) -> Record:
    """Put a link."""
    cloud.bucket().put_symlink("target.png", key)
    return cloud.records[-1]


def append(cloud: WardenCloud, key: str) -> Record:
    """Append to nothing."""
    cloud.bucket().append_object(key, 0, picture("NUDE"))
    return cloud.records[-1]


@dataclass(frozen=True)
class Path:
    """One way to a DELETE: what is uploaded; whether tags are set while the service looks; what went before.

    `kill_after` of the first delivery, by the name of the call it dies after; its redelivery is what is looked at.
    """

    upload: Callable[[WardenCloud, str], Record]
    is_tagged: bool = False
    kill_after: str = ""


PATHS = {
    "quarantine": Path(put(picture("NUDE"))),
    "quarantine, tags taken over": Path(put(picture("NUDE")), is_tagged=True),
    "quarantine, copied before": Path(put(picture("NUDE")), kill_after="CopyObject"),
    "quarantine, verdict before": Path(put(picture("NUDE")), kill_after="ImageModeration"),
    "delete": Path(put(picture("GORE"))),
    "delete, tags set": Path(put(picture("GORE")), is_tagged=True),
    "delete, verdict before": Path(put(picture("GORE")), kill_after="ImageModeration"),
    "a failure": Path(put(b"no picture")),
    "an empty one": Path(put(b"")),
    "a link": Path(put_link),
    "an appended one": Path(append),
}
OFTEN = [
    ("quarantine", ""),
    ("quarantine, tags taken over", "ledger"),
    ("quarantine, copied before", "ledger"),
    ("delete", "ledger"),
    ("delete, verdict before", "ledger"),
    ("a link", "ledger"),
    ("a failure", ""),
]


def deliver(ledgered: Ledgered, path: Path, key: str, before: int, happen: Callable[[], object] | None) -> list[str]:
    """Take this path; the last delivery's calls on the watched bucket, with something right after that of a number."""
    cloud = ledgered.cloud
    record = path.upload(cloud, key)
    if path.kill_after:
        die = kill_number(ledgered, path)
        assert ledgered.deliver(record, kill_after=die) is None
    cloud.watcher.calls.clear()
    if path.is_tagged:
        tag_meanwhile(cloud, "uploads", key)
    if happen is not None:
        cloud.watcher.interfere = {before: happen}
    cloud.deliver(record, delivery=2 if path.kill_after else 1)
    cloud.watcher.spoil = lambda _: None
    assert not cloud.watcher.interfere
    assert cloud.error is None
    return cloud.watcher.operations


def kill_number(ledgered: Ledgered, path: Path) -> int:
    """The number of the call to die after: that, and what the ledger is told of it."""
    cloud = ledgered.cloud
    probe = path.upload(cloud, "probe.png")
    cloud.watcher.calls.clear()
    cloud.deliver(probe)
    return cloud.watcher.operations.index(path.kill_after) + (2 if path.kill_after == "ImageModeration" else 1)


@pytest.mark.parametrize(
    ("name", "ledger"),
    [
        *OFTEN,
        *(
            seldom(name, ledger)
            for name, path in PATHS.items()
            for ledger in ("", "ledger")
            if (name, ledger) not in OFTEN and (ledger or not path.kill_after)
        ),
    ],
)
def test_the_last_look_is_right_before_the_delete(ledgered: Ledgered, name: str, ledger: str) -> None:
    """No call of any kind lies between the two; what is uploaded before that look stays, and is not lost."""
    cloud, path = ledgered.cloud, PATHS[name]
    cloud.start(LEDGER_BUCKET=ledger)
    cloud.warm_up()
    cloud.upload("target.png", picture("GOOD"))
    operations = deliver(ledgered, path, "a.png", 0, None)
    place = operations.index("DeleteObject")
    assert operations[place - 1] in LOOKS
    successor = picture("GOOD", salt="2")
    records: list[Record] = []
    deliver(ledgered, path, "b.png", place - 1, lambda: records.append(cloud.upload("b.png", successor)))
    assert cloud.body("uploads", "b.png") == successor
    assert cloud.deliver(*records)[0]["outcome"]["status"] == "passed"
    assert successor not in [body for _, body in cloud.held()]


@pytest.mark.parametrize("word", ["NUDE", "GORE"])
@pytest.mark.parametrize("is_tagged", [False, True], ids=["as it was", "tagged meanwhile"])
def test_a_version_needs_no_look(ledgered: Ledgered, word: str, *, is_tagged: bool) -> None:
    """Its id names the bytes for ever: the DELETE names it, and whatever arrives at any time stays."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture(word), bucket="versioned")
    if is_tagged:
        tag_meanwhile(cloud, "versioned", "a.png")
    (version,) = cloud.versions("versioned", "a.png")
    cloud.watcher.calls.clear()
    cloud.deliver(record)
    ((deleted),) = [call.version_id for call in cloud.watcher.calls if call.operation == "DeleteObject"]
    assert deleted == version


@pytest.mark.parametrize("word", ["NUDE", "GORE"])
def test_a_delete_that_is_not_answered_is_not_sent_twice(ledgered: Ledgered, word: str) -> None:
    """A second DELETE could meet other bytes: the next delivery looks first."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture(word))
    successor = picture("GOOD", salt="2")
    cloud.watcher.spoil = lambda call: Fault(drop="after") if call.operation == "DeleteObject" else None
    cloud.deliver(record)
    assert cloud.error is not None
    assert cloud.watcher.operations.count("DeleteObject") == 1
    cloud.upload("a.png", successor)
    cloud.watcher.spoil = lambda _: None
    cloud.deliver(record, delivery=2)
    assert cloud.body("uploads", "a.png") == successor


@pytest.mark.exhaustive
@pytest.mark.parametrize(("word", "status"), [("NUDE", "quarantined"), ("GORE", "deleted")])
@pytest.mark.parametrize("is_deletion", [True, False])
def test_what_its_owner_covers_meanwhile_goes_all_the_same(
    ledgered: Ledgered, word: str, status: str, *, is_deletion: bool
) -> None:
    """In a bucket with versions an appendable object, which has no version of its own, lies on below what covers it."""
    cloud = ledgered.cloud
    bucket, gap, happened = cloud.bucket("versioned"), 0, True
    while happened:
        gap += 1
        key = f"{gap}.png"
        bucket.append_object(key, 0, picture(word))
        record = cloud.records[-1]
        cloud.watcher.calls.clear()

        def cover(key: str = key) -> None:
            bucket.delete_object(key) if is_deletion else bucket.put_object(key, picture("GOOD"))

        cloud.watcher.interfere = {gap: cover}
        (document,) = cloud.deliver(record, timeout_s=30)
        happened = not cloud.watcher.interfere
        assert document["outcome"]["status"] == status, f"in gap {gap}"
        bodies = [cloud.body("versioned", key, version) for version in cloud.versions("versioned", key)]
        assert picture(word) not in bodies, f"in gap {gap}"
    assert gap > 5
