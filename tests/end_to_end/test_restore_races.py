"""What others do, and what OSS does not do, while a restore is at work, and right after it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.operator_cloud import REASON, event_of_the_copy, quarantine, run
from tests.end_to_end.warden_cloud import Document, WardenCloud, picture

pytestmark = pytest.mark.usefixtures("operator")
both = pytest.mark.parametrize("bucket", ["uploads", "versioned"])
RELEASED = ("passed", "(release)")


def ending(document: Document) -> tuple[str, str]:
    """How it ended, and by which rule."""
    return document["outcome"]["status"], document["decision"]["rule"]


@dataclass
class Between:
    """What happens before the operator's calls of one operation; a Fault spoils the call."""

    operation: str
    happen: Callable[[], Fault | None]
    times: int = 1

    def before(self, call: WireCall) -> Fault | None:
        """See Observer."""
        if call.operation != self.operation or not self.times:
            return None
        self.times -= 1
        return self.happen()

    def after(self, call: WireCall, status: int) -> None:
        """See Observer."""


def restore(cloud: WardenCloud, location: str, between: Between, code: int = 0) -> str:
    """Restore while that happens; what the command said."""
    watcher, cloud.oss.observer = cloud.oss.observer, between
    try:
        return run("restore", location, *REASON, "--yes", code=code).output
    finally:
        cloud.oss.observer = watcher


def restores_in(cloud: WardenCloud, bucket: str) -> list[Any]:
    """The event of every object that a restore has put there."""
    events = [record for record in cloud.records if record["oss"]["bucket"]["name"] == bucket]
    return [record for record in events if record["eventName"] == "ObjectCreated:CompleteMultipartUpload"]


@both
def test_a_lost_answer_makes_no_second_copy(ledgered: Ledgered, bucket: str) -> None:
    """OSS made the copy and its answer was lost: one object, one event."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    restore(cloud, location, Between("CompleteMultipartUpload", lambda: Fault(drop="after")))
    assert len(restores_in(cloud, bucket)) == 1


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
