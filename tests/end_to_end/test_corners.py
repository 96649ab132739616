"""Corners of the pipeline that take some arranging to reach."""

import json
from dataclasses import replace
from pathlib import Path

import oss2
import pytest

from handler import index
from scripts.localcloud.wire import Fault
from tests.end_to_end.warden_cloud import WardenCloud, context, earlier, picture

TAG_ONLY = (
    "version: 1\nname: tags\nrules: []\notherwise: {high: tag, medium: tag, low: pass, none: pass}\n"
    "failures: {unsupported: tag, too_large: tag, unreadable: tag, rejected: tag, unavailable: tag, symlink: tag}\n"
    "tags: {when_full: evict}\n"
)


def test_the_handler_starts_by_itself(cloud: WardenCloud) -> None:
    """Where no initializer is configured, the first invocation does its work."""
    index._instance.clear()  # noqa: SLF001
    record = cloud.upload("a.png", picture("GOOD"))
    index.handler(json.dumps({"events": [record]}).encode(), context())
    assert cloud.tags("uploads", "a.png")["moderation-status"] == "passed"


def test_a_policy_without_quarantine_looks_into_none(cloud: WardenCloud) -> None:
    """An upload that is gone is gone; there is no bucket to look into."""
    cloud.start(TAG_ONLY)
    record = cloud.upload("a.png", picture("NUDE"))
    cloud.bucket().delete_object("a.png")
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "gone"
    assert document["outcome"]["calls"]["oss"] == 1


def test_a_policy_that_lost_its_quarantine_says_so(cloud: WardenCloud) -> None:
    """No loaded policy quarantines without a bucket; should one come to, the object stays and the error names it."""
    warden = index._instance["warden"]  # noqa: SLF001
    warden.policy = replace(warden.policy, quarantine=None)
    document = cloud.moderate("a.png", picture("NUDE"))
    assert document["outcome"]["status"] == "failed"
    assert "quarantine.bucket" in document["outcome"]["error"]
    assert cloud.keys("uploads") == ["a.png"]


def test_a_key_too_long_for_a_link_is_rejected_not_passed(cloud: WardenCloud) -> None:
    """An overwritten version whose signed link is over the service's limit can't be judged: its failure applies."""
    key = "照" * 339 + ".png"
    record = cloud.upload(key, picture("GOOD", salt="1"), bucket="versioned")
    cloud.upload(key, picture("GOOD", salt="2"), bucket="versioned")
    (document,) = cloud.deliver(record)
    assert document["decision"]["failure"] == "rejected"
    assert document["outcome"]["status"] == "quarantined"
    assert "2048" in document["outcome"]["error"]
    assert cloud.body("versioned", key) == picture("GOOD", salt="2")


def test_what_vanishes_while_it_is_mended_is_gone(cloud: WardenCloud) -> None:
    """The bytes that took an upload's place go away too, between two looks."""
    record = cloud.upload("a.png", picture("GOOD", salt="1"))
    cloud.upload("a.png", picture("GOOD", salt="2"))
    cloud.watcher.interfere[1] = lambda: cloud.bucket().delete_object("a.png")
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["status"] == "gone"


def test_a_retry_count_that_is_no_number_is_the_first_delivery(cloud: WardenCloud) -> None:
    """The context's count is text of the platform's; what can't be read counts as the first delivery."""
    record = cloud.upload("a.png", picture("GOOD"))
    odd = context()
    odd.retry_count = "many"
    answer = json.loads(index.handler(json.dumps({"events": [record]}).encode(), odd))
    assert answer["outcomes"][0]["outcome"]["delivery"] == 1


@pytest.mark.parametrize("name", ["default.yml", "strict.yml", "tag-only.yml"])
def test_the_shipped_policies_run(cloud: WardenCloud, name: str) -> None:
    """Each shipped policy moderates every kind of picture without an error, and never passes a grave one."""
    cloud.start(Path(__file__).parent.parent.parent / "policies" / name)
    for word in ("GOOD", "NUDE", "GORE", "SPAM", "FLAG"):
        document = cloud.moderate(f"{word}.png", picture(word))
        assert cloud.error is None
        if word in {"NUDE", "GORE"}:
            assert document["outcome"]["status"] in {"quarantined", "deleted", "flagged"}
    cloud.moderate("empty.png", b"")
    cloud.bucket().put_symlink("GOOD.png", "link.png")
    cloud.deliver(cloud.records[-1])
    assert cloud.error is None


def test_a_suspended_bucket_is_a_bucket_without_versions(cloud: WardenCloud) -> None:
    """While versioning is suspended, bytes are overwritten in place: superseded, mended and acted on as such."""
    oss = cloud.bucket("versioned")
    oss.put_bucket_versioning(oss2.models.BucketVersioningConfig("Suspended"))
    record = earlier(cloud.upload("a.png", picture("NUDE", salt="1"), bucket="versioned"))
    second = cloud.upload("a.png", picture("GOOD", salt="2"), bucket="versioned")
    assert cloud.deliver(record)[0]["outcome"]["status"] == "superseded"
    assert cloud.deliver(second)[0]["outcome"]["status"] == "passed"
    gore = cloud.upload("b.png", picture("GORE"), bucket="versioned")
    assert cloud.deliver(gore)[0]["outcome"]["status"] == "deleted"
    assert cloud.versions("versioned", "b.png") == []
    nude = cloud.upload("c.png", picture("NUDE"), bucket="versioned")
    assert cloud.deliver(nude)[0]["outcome"]["status"] == "quarantined"
    assert cloud.versions("versioned", "c.png") == []


def test_a_version_from_before_the_suspension_is_still_judged(cloud: WardenCloud) -> None:
    """A bad version with an id of its own, hidden by a null version, is found and taken away."""
    record = cloud.upload("a.png", picture("NUDE"), bucket="versioned")
    cloud.bucket("versioned").put_bucket_versioning(oss2.models.BucketVersioningConfig("Suspended"))
    cloud.upload("a.png", picture("GOOD"), bucket="versioned")
    assert cloud.deliver(record)[0]["outcome"]["status"] == "quarantined"
    assert cloud.versions("versioned", "a.png") == ["null"]


def test_a_null_version_from_before_versioning_is_still_judged(cloud: WardenCloud) -> None:
    """A bad upload from before versioning was enabled, hidden by a newer version, is found and taken away."""
    record = cloud.upload("a.png", picture("NUDE"))
    cloud.bucket().put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    cloud.upload("a.png", picture("GOOD"))
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert document["upload"]["version_id"] == "null"
    assert len(cloud.versions("uploads", "a.png")) == 1
    assert cloud.body("uploads", "a.png") == picture("GOOD")


def test_a_decoded_key_is_found_in_quarantine_again(cloud: WardenCloud) -> None:
    """Delivered twice with an encoded key, an upload is quarantined once and found there the second time."""
    record = cloud.upload("a b.png", picture("NUDE"))
    record["oss"]["object"]["key"] = "a+b.png"
    (first,) = cloud.deliver(record)
    (again,) = cloud.deliver(record, delivery=2)
    assert again["outcome"]["status"] == "quarantined"
    assert again["outcome"]["location"] == first["outcome"]["location"]


def test_tags_that_cannot_be_read_stop_no_quarantine(cloud: WardenCloud) -> None:
    """A role without the right to read tags quarantines all the same; the outcome says what is not on the copy."""
    record = cloud.upload("a.png", picture("NUDE"), tags={"owner": "ann"})
    refused = Fault(status=403, code="AccessDenied")
    cloud.watcher.spoil = lambda call: refused if call.operation == "GetObjectTagging" else None
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert "tags are not on the copy" in document["outcome"]["tag_note"]
    ((key, _),) = cloud.held()
    assert cloud.tags("quarantine", key)["moderation-status"] == "quarantined"


def test_what_is_unreadable_because_it_went_away_is_not_waited_for(cloud: WardenCloud) -> None:
    """One call to the service tells that it can't read; one look tells why."""
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.watcher.interfere[1] = lambda: cloud.bucket().delete_object("a.png")
    (document,) = cloud.deliver(record, timeout_s=60)
    assert document["outcome"]["status"] == "gone"
    assert document["outcome"]["attempts"] == 1
