"""What a hostile reading broke: objects that can't be moved, deliveries that seem to be the last, tags that stray."""

from types import SimpleNamespace
from typing import Any

import oss2
import pytest

from handler import index
from handler.errors import InvocationFailed
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import SERVICE, WardenCloud, context, picture


def refusing(operation: str, bucket: str, status: int = 403, code: str = "AccessDenied") -> Any:  # noqa: ANN401
    """A fault of every such call."""

    def spoil(call: WireCall) -> Fault | None:
        is_it = (call.operation, call.bucket) == (operation, bucket)
        return Fault(status=status, code=code) if is_it else None

    return spoil


def tag(cloud: WardenCloud, key: str, **tags: str) -> None:
    """Tag as the application does."""
    rule = oss2.models.TaggingRule()
    for name, value in tags.items():
        rule.add(name, value)
    cloud.bucket().put_object_tagging(key, oss2.models.Tagging(rule))


@pytest.mark.parametrize("word", ["NUDE", "GORE"])
@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_what_a_retention_policy_keeps_is_marked_where_it_stays(ledgered: Ledgered, word: str, bucket: str) -> None:
    """Paid once, in few calls each time; the outcome names both places, and the reason."""
    cloud = ledgered.cloud
    cloud.oss.retain(bucket)
    record = cloud.upload("a.png", picture(word), bucket=bucket)
    for delivery in (1, 2, 3):
        cloud.watcher.calls.clear()
        (document,) = cloud.deliver(record, delivery=delivery)
        assert document["outcome"]["status"] == "failed"
        assert "retention policy" in document["outcome"]["error"]
        assert f"{bucket}/'a.png'" in document["outcome"]["error"]
        assert len(cloud.watcher.calls) <= 22
    assert cloud.tags(bucket, "a.png")["moderation-status"] == "flagged"
    assert [body for _, body in cloud.held()] == ([picture(word)] if word == "NUDE" else [])
    assert ledgered.billed == 1


def test_what_can_not_even_be_marked_says_so(cloud: WardenCloud) -> None:
    """Neither moved nor tagged: both reasons are told."""
    cloud.watcher.spoil = lambda call: (
        refusing("CopyObject", "quarantine")(call) or refusing("PutObjectTagging", "uploads")(call)
    )
    document = cloud.moderate("a.png", picture("NUDE"))
    assert document["outcome"]["status"] == "failed"
    assert "nor could it be marked" in document["outcome"]["error"]


@pytest.mark.parametrize(("delivery", "mark"), [(1, None), (3, "flagged")])
def test_what_fails_to_be_copied_is_marked_when_no_delivery_will_follow(
    cloud: WardenCloud, delivery: int, mark: str | None
) -> None:
    """A fault of OSS may pass; after the last delivery nobody comes back."""
    record = cloud.upload("a.png", picture("NUDE"))
    cloud.watcher.spoil = refusing("CopyObject", "quarantine", 503, "ServiceUnavailable")
    (document,) = cloud.deliver(record, delivery=delivery)
    assert document["outcome"]["status"] == "failed"
    assert cloud.tags("uploads", "a.png").get("moderation-status") == mark


def test_a_link_that_may_not_be_removed_is_an_error(cloud: WardenCloud) -> None:
    """It is marked as not verified, and delivered again."""
    cloud.bucket().put_symlink("t.png", "a.png")
    cloud.watcher.spoil = refusing("DeleteObject", "uploads")
    (document,) = cloud.deliver(cloud.records[-1])
    assert (document["outcome"]["status"], cloud.error is not None) == ("failed", True)
    assert document["outcome"]["links"] == ["uploads/a.png"]
    assert cloud.tags("uploads", "a.png")["moderation-status"] == "unverified"


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_an_archived_object_costs_nothing_and_is_marked(cloud: WardenCloud, bucket: str) -> None:
    """HEAD tells the class: no call to the service, and no waiting."""
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket, headers={"x-oss-storage-class": "Archive"})
    for delivery in (1, 2, 3):
        (document,) = cloud.deliver(record, delivery=delivery, timeout_s=120)
        assert document["outcome"]["calls"]["green"] == 0
        assert document["outcome"]["calls"]["oss"] <= 12
        assert (document["outcome"]["status"], document["decision"]["failure"]) == ("failed", "archived")
    assert cloud.tags(bucket, "a.png")["moderation-status"] == "unverified"


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_copied_link_goes(cloud: WardenCloud, bucket: str) -> None:
    """CopyObject of a link makes a link, out of reach of PutSymlink's event."""
    cloud.upload("target.png", picture("NUDE"), bucket=bucket)
    cloud.bucket(bucket).put_symlink("target.png", "link.png")
    cloud.bucket(bucket).copy_object(bucket, "link.png", "me.png").resp.read()
    (document,) = cloud.deliver(cloud.records[-1])
    assert document["outcome"]["status"] == "deleted"
    assert "me.png" not in cloud.keys(bucket)


def test_a_mark_of_a_failure_goes_with_the_verdict(ledgered: Ledgered) -> None:
    """Marked as not verified at the last delivery, judged by a redelivery, and then to be left alone."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("FLAG"), tags={"owner": "ann"})
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    for delivery in (1, 2, 3):
        cloud.deliver(record, delivery=delivery, timeout_s=20)
    assert cloud.tags("uploads", "a.png")["moderation-status"] == "unverified"
    cloud.watcher.spoil = lambda _: None
    (document,) = cloud.deliver(record, request_id="1-redriven")
    assert document["outcome"]["status"] == "left-alone"
    assert cloud.tags("uploads", "a.png") == {"owner": "ann"}


def test_a_first_try_that_is_counted_as_the_last_moves_nothing(ledgered: Ledgered) -> None:
    """Refusals for concurrency may be counted as deliveries: the ledger knows of none."""
    cloud = ledgered.cloud
    cloud.start(
        "version: 1\nname: n\nrules: []\nfailures: {unavailable: delete}\n"
        "quarantine: {bucket: quarantine, prefix: held/}\n",
        LEDGER_BUCKET="ledger",
    )
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    record = cloud.upload("a.png", picture("GOOD"))
    (document,) = cloud.deliver(record, delivery=3, timeout_s=20)
    assert document["outcome"]["status"] == "unverified"
    assert "only marked" in document["decision"]["reason"]
    assert cloud.keys("uploads") == ["a.png"]
    # Delivered again, it is the last indeed.
    (document,) = cloud.deliver(record, delivery=4, timeout_s=20)
    assert document["outcome"]["status"] == "deleted"


@pytest.mark.parametrize("later_by_s", [0, 3600])
def test_without_a_count_the_claims_are_counted(ledgered: Ledgered, later_by_s: float) -> None:
    """And an hour after the first of them it is the last, however few there were."""
    cloud = ledgered.cloud
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    record = cloud.upload("a.png", picture("GOOD"))
    statuses = []
    for _ in range(2 if later_by_s else 3):
        (document,) = cloud.deliver(record, timeout_s=20)
        statuses.append(document["outcome"]["status"])
        ledgered.age(seconds=later_by_s)
    assert statuses == ["failed"] * (len(statuses) - 1) + ["unverified"]


def test_what_is_redriven_is_never_the_last(ledgered: Ledgered) -> None:
    """An operator has just sent it."""
    cloud = ledgered.cloud
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    record = cloud.upload("a.png", picture("GOOD"))
    event = oss2.compat.json.dumps({"redriven": True, "events": [record]}).encode()
    (document,) = cloud.deliver_bytes(event, delivery=3, timeout_s=20)
    assert document["outcome"]["status"] == "failed"


def test_a_successor_never_carries_its_predecessor_s_tags(cloud: WardenCloud) -> None:
    """Overwritten between our read and our write: the tags that strayed are taken off, and that is said."""
    cloud.moderate("warm.png", picture("GOOD"))
    record = cloud.upload("a.png", picture("GOOD", salt="1"), tags={"owner": "ann"})
    cloud.watcher.calls.clear()
    # HEAD, the service, HEAD, the tags; then the overwrite, and only then our write.
    cloud.watcher.interfere = {4: lambda: cloud.upload("a.png", picture("SPAM", salt="2"), tags={"owner": "bob"})}
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "flagged"
    assert "owner" not in cloud.tags("uploads", "a.png")
    assert "its own are lost" in document["outcome"]["tag_note"]


def test_tags_that_came_while_it_was_judged_and_can_not_be_read_are_told(cloud: WardenCloud) -> None:
    """The copy is whole, but for them."""
    record = cloud.upload("a.png", picture("NUDE"))
    cloud.watcher.interfere = {2: lambda: tag(cloud, "a.png", owner="ann")}
    cloud.watcher.spoil = refusing("PutObjectTagging", "quarantine")
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert "latest tags" in document["outcome"]["tag_note"]


@pytest.mark.parametrize("raised", [RuntimeError, SystemExit])
def test_no_chain_of_exceptions_leaves_the_function(
    cloud: WardenCloud, monkeypatch: pytest.MonkeyPatch, raised: type[BaseException]
) -> None:
    """Function Compute would log all of it, and an SDK's exception prints what was answered."""
    del cloud

    def fail(*_: object) -> str:
        raise raised("no") from oss2.exceptions.ServerError(403, {}, b"", {"Message": SERVICE.access_key_secret})

    monkeypatch.setattr(index, "_handle", fail)
    expected = InvocationFailed if raised is RuntimeError else raised
    with pytest.raises(expected) as caught:
        index.handler(b"{}", SimpleNamespace(**vars(context())))
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_an_acl_that_can_not_be_read_stops_no_quarantine(cloud: WardenCloud) -> None:
    """Only a restore needs it."""
    cloud.watcher.spoil = refusing("GetObjectAcl", "uploads")
    document = cloud.moderate("a.png", picture("NUDE"))
    assert document["outcome"]["status"] == "quarantined"
    assert "its ACL is not known" in document["outcome"]["tag_note"]


def test_a_redelivery_of_what_is_left_alone_leaves_its_tags_alone(cloud: WardenCloud) -> None:
    """Only a mark of a failure is taken back; the user's tags are no business of a policy that says `none`."""
    record = cloud.upload("a.png", picture("FLAG"), tags={"owner": "ann"})
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["status"] == "left-alone"
    assert "PutObjectTagging" not in cloud.watcher.operations
    assert cloud.tags("uploads", "a.png") == {"owner": "ann"}
