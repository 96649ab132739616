"""What others do, and what OSS does not do, while a restore is at work, and right after it."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from handler.adapters.ledger import OssLedger
from handler.adapters.oss.copying import OssQuarantine
from handler.errors import StoreUnavailable
from handler.ports import Copied
from scripts.localcloud.wire import Fault, WireCall
from scripts.operations.account import Account
from scripts.operations.releases import Grounds
from scripts.operations.restores import Job, Result, State, restore_all
from scripts.operations.restoring import Where
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.operator_cloud import (
    REASON,
    event_of_the_copy,
    quarantine,
    releases,
    run,
    stored,
    twin_of,
)
from tests.end_to_end.warden_cloud import Document, Record, WardenCloud, picture

pytestmark = pytest.mark.usefixtures("operator")
both = pytest.mark.parametrize("bucket", ["uploads", "versioned"])
RELEASED = ("passed", "(release)")


def ending(document: Document) -> tuple[str, str]:
    """How it ended, and by which rule."""
    return document["outcome"]["status"], document["decision"]["rule"]


@dataclass
class Between:
    """What happens once, before or after the operator's call of that operation; a Fault before it spoils it."""

    operation: str
    happen: Callable[[], Fault | None]
    is_after: bool = False
    has_happened: bool = False

    def before(self, call: WireCall) -> Fault | None:
        """See Observer."""
        return None if self.is_after else self._happen(call)

    def after(self, call: WireCall, status: int) -> None:
        """See Observer."""
        del status
        if self.is_after:
            self._happen(call)

    def _happen(self, call: WireCall) -> Fault | None:
        if self.has_happened or call.operation != self.operation:
            return None
        self.has_happened = True
        return self.happen()


def restore(cloud: WardenCloud, location: str, between: Between, code: int = 0) -> str:
    """Restore while that happens; what the command said."""
    watcher, cloud.oss.observer = cloud.oss.observer, between
    try:
        return run("restore", location, *REASON, "--yes", code=code).output
    finally:
        cloud.oss.observer = watcher


def restores_in(cloud: WardenCloud, bucket: str) -> list[Record]:
    """The event of every object that a restore has put there."""
    return events_in(cloud, bucket, "CompleteMultipartUpload")


def events_in(cloud: WardenCloud, bucket: str, operation: str) -> list[Record]:
    """The event of every object that was so created there."""
    created = [record for record in cloud.records if record["eventName"] == f"ObjectCreated:{operation}"]
    return [record for record in created if record["oss"]["bucket"]["name"] == bucket]


@both
def test_a_lost_answer_makes_no_second_copy(ledgered: Ledgered, bucket: str) -> None:
    """OSS made the copy and its answer was lost: one object, one event, and that passes."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    restore(cloud, location, Between("CompleteMultipartUpload", lambda: Fault(drop="after")))
    (copied,) = restores_in(cloud, bucket)
    (document,) = cloud.deliver(copied)
    assert ending(document) == RELEASED
    assert cloud.keys(bucket) == ["a.png"]


@both
def test_operators_who_restore_the_same_at_once_all_succeed(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    """Each copy that OSS made of it passes by a release of its own, whichever lies on top; none is held again."""
    cloud, names = ledgered.cloud, ("ann", "bob", "cid")
    location = quarantine(cloud, "a.png", bucket=bucket)
    together, hold = Barrier(len(names), timeout=60), OssQuarantine.hold

    def hold_together(self: OssQuarantine, *args: Any, **named: Any) -> Copied:  # noqa: ANN401
        together.wait()
        try:
            return hold(self, *args, **named)
        finally:
            together.wait()

    def restore_as(name: str) -> list[Result]:
        account = Account.from_env(os.environ, cloud.oss.endpoint, "ap-southeast-1")
        where = Where("quarantine", "held/", "ledger", "moderation-")
        job = Job(where, Grounds(name, "a statue"), {}, is_older_meant=False)
        return restore_all(account, job, [location], lambda _: None, yes=True)

    with monkeypatch.context() as patch, ThreadPoolExecutor(len(names)) as pool:
        patch.setattr(OssQuarantine, "hold", hold_together)
        results = [result for results in pool.map(restore_as, names) for result in results]
    assert [(result.state, result.error) for result in results] == [(State.RESTORED, None)] * len(names)
    documents = [document for record in restores_in(cloud, bucket) for document in cloud.deliver(record)]
    assert {ending(document) for document in documents} == {RELEASED}
    assert cloud.body(bucket, "a.png") == picture("NUDE")
    assert [key for key in cloud.keys("quarantine") if not key.endswith(".json")] == [location.partition("/")[2]]


@both
def test_what_oss_does_not_copy_is_carried_and_stays(ledgered: Ledgered, bucket: str) -> None:
    """It is read and written instead; that event is looked up too."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    restore(cloud, location, Between("UploadPartCopy", lambda: Fault(status=409, code="OperationNotSupported")))
    (document,) = cloud.deliver(*restores_in(cloud, bucket))
    assert ending(document) == RELEASED
    assert cloud.body(bucket, "a.png") == picture("NUDE")


@pytest.mark.parametrize("is_below", [True, False])
@pytest.mark.parametrize("is_first", [True, False])
def test_the_same_picture_put_in_the_moment_of_its_restore(
    ledgered: Ledgered,
    is_below: bool,  # noqa: FBT001
    is_first: bool,  # noqa: FBT001
) -> None:
    """Each event has its own version, whichever lies on top and whichever is delivered first."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket="versioned")
    put = cloud.upload("a.png", picture("NUDE"), bucket="versioned") if is_below else None
    run("restore", location, *REASON, "--yes")
    restored = cloud.versions("versioned", "a.png")[0]
    put = put or cloud.upload("a.png", picture("NUDE"), bucket="versioned")
    copied = event_of_the_copy(cloud)
    documents = [cloud.deliver(record)[0] for record in ((put, copied) if is_first else (copied, put))]
    assert sorted(map(ending, documents)) == [RELEASED, ("quarantined", "nudity")]
    assert cloud.versions("versioned", "a.png") == [restored]


def forge(cloud: WardenCloud, bucket: str, location: str) -> None:
    """Put other bytes there, with size and CRC-64 of what is held; the stand-in is told to say so."""
    cloud.upload("a.png", twin_of(picture("NUDE")), bucket=bucket)
    held = stored(cloud, *location.split("/", 1))
    stored(cloud, bucket, "a.png").metadata["x-oss-hash-crc64ecma"] = held.metadata["x-oss-hash-crc64ecma"]


# Put before it, a version lies beneath the copy, and has its own event.
@pytest.mark.parametrize(("bucket", "is_after"), [("uploads", False), ("uploads", True), ("versioned", True)])
def test_what_comes_to_the_place_of_the_copy_is_not_released(
    ledgered: Ledgered, bucket: str, *, is_after: bool
) -> None:
    """Size and CRC-64 are made on purpose: the bytes are compared before the release is complete."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    between = Between("CompleteMultipartUpload", lambda: forge(cloud, bucket, location), is_after=is_after)
    assert "another upload came over it" in restore(cloud, location, between, code=1)
    assert [release["landed"] for release in releases(cloud)] == [None]


def test_the_same_bytes_put_over_the_copy_are_not_released(ledgered: Ledgered) -> None:
    """They are another upload's, and judged: the release is for the version that the copy's answer names."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket="versioned")

    def put() -> None:
        cloud.upload("a.png", picture("NUDE"), bucket="versioned")

    said = restore(cloud, location, Between("CompleteMultipartUpload", put, is_after=True), code=1)
    assert "another upload came over it" in said
    assert [release["landed"] for release in releases(cloud)] == [None]


@both
def test_a_restore_that_was_refused_keeps_no_copy_waiting(ledgered: Ledgered, bucket: str) -> None:
    """A right is missing, and that is certain: the same picture, copied there, is judged at once."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    refused = Between("CompleteMultipartUpload", lambda: Fault(status=403, code="AccessDenied"))
    assert "AccessDenied" in restore(cloud, location, refused, code=1)
    cloud.upload("b.png", picture("NUDE"), bucket=bucket)
    cloud.bucket(bucket).copy_object(bucket, "b.png", "a.png")
    (document,) = cloud.deliver(events_in(cloud, bucket, "CopyObject")[-1])
    assert ending(document) == ("quarantined", "nudity")


def test_why_it_failed_is_said_where_the_ledger_is_down_too(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only that the intent could not be given up: another upload is there, and that is what matters."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")

    def refuse(*_: object) -> None:
        raise StoreUnavailable("could not write ledger/'release/…'")

    monkeypatch.setattr(OssLedger, "write", refuse)
    between = Between("CompleteMultipartUpload", lambda: forge(cloud, "uploads", location), is_after=True)
    said = restore(cloud, location, between, code=1)
    assert "another upload came over it" in said
    assert "could not write ledger" in said


@pytest.mark.exhaustive
@both
def test_what_took_the_place_of_the_copy_is_judged_at_once(ledgered: Ledgered, bucket: str) -> None:
    """A restore that knows it has failed keeps nobody waiting, at a redelivery either."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    between = Between("CompleteMultipartUpload", lambda: forge(cloud, bucket, location), is_after=True)
    restore(cloud, location, between, code=1)
    put = events_in(cloud, bucket, "PutObject")[-1]
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    cloud.deliver(put)
    cloud.watcher.spoil = lambda _: None
    (document,) = cloud.deliver(put, delivery=2)
    assert document["decision"]["rule"] == "nudity"


@pytest.mark.exhaustive
@pytest.mark.parametrize("is_own", [True, False])
def test_a_forgery_within_the_second_of_the_restore_is_judged(ledgered: Ledgered, *, is_own: bool) -> None:
    """Etag, size, CRC-64 and time are those of the restored object; whichever event finds it, and however often."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    run("restore", location, *REASON, "--yes")
    restored = event_of_the_copy(cloud)
    modified = stored(cloud, "uploads", "a.png").last_modified
    forge(cloud, "uploads", location)
    put, forged = cloud.records[-1], stored(cloud, "uploads", "a.png")
    put["oss"]["object"]["eTag"] = restored["oss"]["object"]["eTag"]
    forged._etag, forged.last_modified = restored["oss"]["object"]["eTag"].lower(), modified  # noqa: SLF001
    event = restored if is_own else put
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    (waits,) = cloud.deliver(event)
    assert waits["outcome"]["status"] == "failed"
    cloud.watcher.spoil = lambda _: None
    (document,) = cloud.deliver(event, delivery=2)
    assert document["decision"]["rule"] == "nudity"


@both
def test_an_upload_that_went_leaves_the_restored_object_alone(ledgered: Ledgered, bucket: str) -> None:
    """Its event finds the restored one in its place, at its first delivery: that passes too."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    put = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    version_id = stored(cloud, bucket, "a.png").version_id if bucket == "versioned" else None
    cloud.bucket(bucket).delete_object("a.png", params={"versionId": version_id} if version_id else None)
    run("restore", location, *REASON, "--yes")
    documents = [cloud.deliver(record)[0] for record in (put, event_of_the_copy(cloud))]
    assert ("quarantined", "nudity") not in [ending(document) for document in documents if document["decision"]]
    assert cloud.body(bucket, "a.png") == picture("NUDE")


@both
def test_what_comes_while_it_is_copied_stays_on_top(ledgered: Ledgered, bucket: str) -> None:
    """It is looked at once more right before the copy is there: what users see by now is not replaced."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)

    def put() -> None:
        cloud.upload("a.png", picture("GOOD"), bucket=bucket)

    said = restore(cloud, location, Between("UploadPartCopy", put), code=1)
    assert "got another upload meanwhile" in said
    assert cloud.body(bucket, "a.png") == picture("GOOD")
    assert cloud.bucket(bucket).list_multipart_uploads().upload_list == []


@both
@pytest.mark.parametrize("operation", ["UploadPartCopy", "CompleteMultipartUpload"])
def test_a_link_to_the_same_bytes_is_not_what_was_restored(ledgered: Ledgered, bucket: str, operation: str) -> None:
    """OSS answers for its target, which is its owner's to replace; before the copy is there or after."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)

    def link() -> None:
        cloud.upload("b.png", picture("NUDE"), bucket=bucket)
        cloud.bucket(bucket).put_symlink("b.png", "a.png")

    between = Between(operation, link, is_after=operation == "CompleteMultipartUpload")
    assert "another upload" in restore(cloud, location, between, code=1)
    assert [release["landed"] for release in releases(cloud)] == [None]


@both
def test_the_same_picture_uploaded_again_completes_no_failed_restore(ledgered: Ledgered, bucket: str) -> None:
    """Its event is an upload's and looks for no release: it would be held again after `restored` was said."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)

    def put() -> None:
        cloud.upload("a.png", picture("GOOD"), bucket=bucket)

    restore(cloud, location, Between("UploadPartCopy", put), code=1)
    cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    stored(cloud, bucket, "a.png").last_modified += timedelta(seconds=5)
    assert "upload" in run("restore", location, *REASON, "--yes", code=1).output
    assert [release["landed"] for release in releases(cloud)] == [None]


def test_what_lay_there_before_is_no_late_upload(ledgered: Ledgered) -> None:
    """An older version that the plan knows stays below."""
    cloud = ledgered.cloud
    cloud.deliver(cloud.upload("a.png", picture("GOOD"), bucket="versioned"))
    location = quarantine(cloud, "a.png", bucket="versioned")
    run("restore", location, *REASON, "--yes")
    assert cloud.body("versioned", "a.png") == picture("NUDE")
