"""What the OSS stand-in does where it replicates, looked at by the real oss2."""

import re
from collections.abc import Callable
from datetime import datetime, timezone

import oss2
import pytest

from scripts.localcloud.oss.protocol import OssError
from scripts.localcloud.oss.server import OssServer
from tests.localcloud.oss.oss_clients import Connect, Events, drained

PART = b"p" * 100 * 1024
HEADERS = {
    "Content-Type": "image/png",
    "Cache-Control": "max-age=60",
    "x-oss-meta-author": "me",
    "x-oss-storage-class": "IA",
    "x-oss-object-acl": "public-read",
    "x-oss-tagging": "a=b&c=d",
}
OF_THE_ANSWER = ("Date", "x-oss-request-id", "Connection", "Server")


def described(bucket: oss2.Bucket, key: str) -> dict[str, str]:
    """Give what HEAD answers of an object, without what is the answer's own."""
    headers = dict(bucket.head_object(key).headers)
    return {name: value for name, value in headers.items() if name not in OF_THE_ANSWER}


def put_parts(bucket: oss2.Bucket, key: str) -> object:
    """Upload in two parts, so that the ETag is not the MD5 of the bytes."""
    upload_id = bucket.init_multipart_upload(key, headers=HEADERS).upload_id
    etags = [bucket.upload_part(key, upload_id, number, PART).etag for number in (1, 2)]
    parts = [oss2.models.PartInfo(number, etag) for number, etag in enumerate(etags, 1)]
    return drained(bucket.complete_multipart_upload(key, upload_id, parts))


@pytest.mark.parametrize(
    "write",
    [
        lambda bucket: bucket.put_object("a", b"bytes", headers=HEADERS),
        lambda bucket: put_parts(bucket, "a"),
        lambda bucket: bucket.append_object("a", 0, b"bytes"),
    ],
    ids=["normal", "multipart", "appendable"],
)
@pytest.mark.parametrize("versioned", [False, True])
def test_a_replica_is_exact(
    server: OssServer,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[oss2.Bucket], object],
    *,
    versioned: bool,
) -> None:
    """Bytes, headers, metadata, tags, ACL, time and version id are the source's."""
    server.create_bucket("replicas", versioned=versioned)
    source, replicas = connect("versions" if versioned else "uploads"), connect("replicas")
    monkeypatch.setattr("moto.s3.models.utcnow", lambda: datetime(2020, 1, 1))  # noqa: DTZ001 -- as moto has it
    write(source)
    monkeypatch.undo()
    server.replicate(source.bucket_name, "a", "replicas")
    assert described(replicas, "a") == described(source, "a")
    assert replicas.head_object("a").headers["Last-Modified"] == "Wed, 01 Jan 2020 00:00:00 GMT"
    assert replicas.get_object("a").read() == source.get_object("a").read()
    assert replicas.get_object_acl("a").acl == source.get_object_acl("a").acl
    tags = [bucket.get_object_tagging("a").tag_set.tagging_rule for bucket in (replicas, source)]
    assert tags[0] == tags[1]


def test_a_link_is_replicated_as_one(server: OssServer, bucket: oss2.Bucket, connect: Connect) -> None:
    """Even one that leads nowhere."""
    server.create_bucket("replicas")
    etag = bucket.put_symlink("none", "link").headers["ETag"]
    server.replicate("uploads", "link", "replicas")
    replica = connect("replicas").get_symlink("link")
    assert (replica.target_key, replica.headers["ETag"]) == ("none", etag)


def test_a_replication_is_told(server: OssServer, bucket: oss2.Bucket, connect: Connect, events: Events) -> None:
    """As a creation, or as a modification of what was there, of the bucket that it went to; nothing else is told."""
    server.create_bucket("replicas")
    bucket.put_object("a", b"12345")
    server.replicate("uploads", "a", "replicas")
    bucket.put_object("a", b"12")
    server.replicate("uploads", "a", "replicas")
    connect("replicas").delete_object("a")
    server.replicate("uploads", "a", "replicas")
    told = [record for record in events if record["oss"]["bucket"]["name"] == "replicas"]
    assert [
        (record["eventName"], record["oss"]["object"]["size"], record["oss"]["object"]["deltaSize"]) for record in told
    ] == [
        ("ObjectReplication:ObjectCreated", 5, 5),
        ("ObjectReplication:ObjectModified", 2, -3),
        ("ObjectReplication:ObjectCreated", 2, 2),
    ]
    assert {record["oss"]["object"]["eTag"] for record in told[1:]} == {bucket.head_object("a").etag}
    assert {record["oss"]["object"]["key"] for record in told} == {"a"}
    ids = {record["responseElements"]["requestId"] for record in events}
    assert len(ids) == len(events) == 5
    assert all(re.fullmatch("[0-9A-F]{24}", request_id) for request_id in ids)
    assert datetime.fromisoformat(told[0]["eventTime"].replace("Z", "+00:00")).tzinfo == timezone.utc


def test_replicas_are_versions(server: OssServer, versions: oss2.Bucket, connect: Connect, events: Events) -> None:
    """Each source version becomes one of the destination, once; one that is there already is written anew."""
    server.create_bucket("replicas", versioned=True)
    replicas = connect("replicas")
    first = versions.put_object("a", b"1").versionid
    server.replicate("versions", "a", "replicas")
    second = versions.put_object("a", b"2").versionid
    server.replicate("versions", "a", "replicas")
    server.replicate("versions", "a", "replicas")
    assert [entry.versionid for entry in replicas.list_object_versions().versions] == [second, first]
    assert replicas.get_object("a", params={"versionId": first}).read() == b"1"
    names = [record["eventName"] for record in events if record["oss"]["bucket"]["name"] == "replicas"]
    assert [name.partition(":")[2] for name in names] == ["ObjectCreated", "ObjectModified", "ObjectModified"]


def test_what_cannot_be_replicated(server: OssServer, bucket: oss2.Bucket, events: Events) -> None:
    """Between buckets of different versioning, into a retained object, or what is not there: nothing is told."""
    bucket.put_object("a", b"1")
    server.create_bucket("replicas")
    server.replicate("uploads", "a", "replicas")
    server.retain("replicas")
    events.clear()
    with pytest.raises(ValueError, match="not from None to Enabled"):
        server.replicate("uploads", "a", "versions")
    for key, code in (("a", "FileImmutable"), ("none", "NoSuchKey")):
        with pytest.raises(OssError, match=code):
            server.replicate("uploads", key, "replicas")
    assert events == []
