"""A bucket of the OSS stand-in under a retention policy, asked by the real oss2."""

from collections.abc import Callable

import oss2
import pytest

from scripts.localcloud.oss.protocol import OssError
from scripts.localcloud.oss.server import OssServer
from tests.localcloud.oss.oss_clients import Events, drained, refusal

IMMUTABLE = (409, "FileImmutable")
STEPS = {"ObjectCreated:InitiateMultipartUpload", "ObjectCreated:UploadPart"}


def complete(bucket: oss2.Bucket, key: str) -> object:
    """Upload in one part."""
    upload_id = bucket.init_multipart_upload(key).upload_id
    etag = bucket.upload_part(key, upload_id, 1, b"other").etag
    return drained(bucket.complete_multipart_upload(key, upload_id, [oss2.models.PartInfo(1, etag)]))


@pytest.mark.parametrize(
    "write",
    [
        lambda bucket: bucket.put_object("kept", b"other"),
        lambda bucket: drained(bucket.copy_object("uploads", "log", "kept")),
        lambda bucket: complete(bucket, "kept"),
        lambda bucket: bucket.put_symlink("log", "kept"),
        lambda bucket: bucket.append_object("log", 3, b"more"),
        lambda bucket: bucket.delete_object("kept"),
        lambda bucket: bucket.delete_object("kept", params={"versionId": "null"}),
    ],
    ids=["put", "copy", "complete", "link", "append", "delete", "delete-null"],
)
def test_what_is_retained_stays(
    server: OssServer, bucket: oss2.Bucket, events: Events, write: Callable[[oss2.Bucket], object]
) -> None:
    """Whatever would overwrite, lengthen or delete is refused until the policy is lifted; the trigger hears nothing."""
    bucket.put_object("kept", b"judged")
    bucket.append_object("log", 0, b"one")
    server.retain("uploads")
    events.clear()
    assert refusal(lambda: write(bucket)) == IMMUTABLE
    assert (bucket.get_object("kept").read(), bucket.get_object("log").read()) == (b"judged", b"one")
    assert {event["eventName"] for event in events} <= STEPS
    server.retain("uploads", keep=False)
    write(bucket)


def test_new_keys_and_tags_work_under_retention(server: OssServer, bucket: oss2.Bucket) -> None:
    """A policy protects what is there, and only in its own bucket; deleting nothing is no loss."""
    server.create_bucket("elsewhere")
    server.retain("elsewhere")
    bucket.put_object("a", b"1")
    bucket.put_object("a", b"2")
    server.retain("uploads")
    bucket.put_object("new", b"1")
    complete(bucket, "big")
    bucket.put_symlink("new", "link")
    bucket.append_object("log", 0, b"one")
    rule = oss2.models.TaggingRule()
    rule.add("k", "v")
    bucket.put_object_tagging("a", oss2.models.Tagging(rule))
    assert bucket.get_object_tagging("a").tag_set.tagging_rule == {"k": "v"}
    assert bucket.delete_object("never").status == 204
    assert {entry.key for entry in bucket.list_objects().object_list} == {"a", "big", "link", "log", "new"}


def test_a_completion_that_was_refused_can_be_repeated(server: OssServer, bucket: oss2.Bucket) -> None:
    """The upload and its parts outlive the refusal."""
    bucket.put_object("a", b"1")
    upload_id = bucket.init_multipart_upload("a").upload_id
    parts = [oss2.models.PartInfo(1, bucket.upload_part("a", upload_id, 1, b"2").etag)]
    server.retain("uploads")
    assert refusal(lambda: bucket.complete_multipart_upload("a", upload_id, parts)) == IMMUTABLE
    server.retain("uploads", keep=False)
    drained(bucket.complete_multipart_upload("a", upload_id, parts))
    assert bucket.get_object("a").read() == b"2"


def test_retained_versions(server: OssServer, versions: oss2.Bucket) -> None:
    """With versioning only a named version can be lost: that is refused, a new version and a marker are not."""
    first = versions.put_object("a", b"1").versionid
    versions.append_object("log", 0, b"one")
    server.retain("versions")
    versions.put_object("a", b"2")
    marker = versions.delete_object("a").versionid
    assert refusal(lambda: versions.delete_object("a", params={"versionId": first})) == IMMUTABLE
    assert refusal(lambda: versions.append_object("log", 3, b"more")) == IMMUTABLE
    assert versions.get_object("a", params={"versionId": first}).read() == b"1"
    versions.delete_object("a", params={"versionId": marker})
    assert versions.get_object("a").read() == b"2"


def test_a_policy_goes_with_its_bucket(server: OssServer, bucket: oss2.Bucket) -> None:
    """A bucket of the same name begins without one, after a deletion as after a reset; no bucket, no policy."""
    server.retain("uploads")
    bucket.delete_bucket()
    server.create_bucket("uploads")
    bucket.put_object("a", b"1")
    bucket.put_object("a", b"2")
    server.retain("uploads")
    server.reset()
    server.create_bucket("uploads")
    bucket.put_object("a", b"1")
    bucket.put_object("a", b"2")
    with pytest.raises(OssError, match="NoSuchBucket"):
        server.retain("nowhere")
