"""Each action, end to end over the stand-ins."""

import pytest

from tests.end_to_end.warden_cloud import WardenCloud, picture


def test_a_harmless_picture_is_marked_passed(cloud: WardenCloud) -> None:
    """A picture without risk stays, with its own tags and ours."""
    document = cloud.moderate("a.png", picture("GOOD"), tags={"owner": "ann"})
    assert cloud.error is None
    assert document["outcome"]["status"] == "passed"
    assert document["outcome"]["location"] == "uploads/a.png"
    tags = cloud.tags("uploads", "a.png")
    assert tags["owner"] == "ann"
    assert tags["moderation-status"] == "passed"
    assert tags["moderation-policy"].startswith("end-to-end:")
    assert tags["moderation-labels"] == "nonLabel"
    assert {k: v for k, v in tags.items() if k.startswith("moderation-")} == document["outcome"]["tags"]


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_what_is_quarantined_moves(cloud: WardenCloud, bucket: str) -> None:
    """A quarantined picture is in the quarantine bucket only, with where it came from."""
    body = picture("NUDE")
    document = cloud.moderate("a b/p.png", body, bucket=bucket)
    assert document["outcome"]["status"] == "quarantined"
    ((key, held),) = cloud.held()
    assert held == body
    assert document["outcome"]["location"] == f"quarantine/{key}"
    assert cloud.keys(bucket) == []
    assert cloud.versions(bucket, "a b/p.png") == []
    assert cloud.tags("quarantine", key)["moderation-status"] == "quarantined"
    assert cloud.tags("quarantine", key)["moderation-queue"] == "legal"
    headers = cloud.bucket("quarantine").head_object(key).headers
    assert headers["x-oss-meta-warden-source"] == f"{bucket}/a%20b/p.png"
    assert cloud.bucket("quarantine").get_object_acl(key).acl == "private"


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_what_is_deleted_is_gone(cloud: WardenCloud, bucket: str) -> None:
    """A deleted picture leaves no bytes behind, in a versioned bucket neither."""
    document = cloud.moderate("p.png", picture("GORE"), bucket=bucket)
    assert document["outcome"]["status"] == "deleted"
    assert document["outcome"]["location"] is None
    assert cloud.versions(bucket, "p.png") == []
    assert cloud.keys(bucket) == []
