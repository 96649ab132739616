"""Objects of the OSS stand-in that have no CRC-64, asked by the real oss2 (which checks the sums that it is given)."""

import oss2
import pytest

from scripts.localcloud.oss.server import OssServer
from tests.localcloud.oss.oss_clients import Connect, drained

CRC = "x-oss-hash-crc64ecma"
REPLACED = {"x-oss-metadata-directive": "REPLACE", "x-oss-meta-new": "1"}


def crcs_of(bucket: oss2.Bucket, key: str, version_id: str | None = None) -> set[str | None]:
    """Give what HEAD, GET and GetObjectMeta answer for the sum."""
    parameters = {"versionId": version_id} if version_id else None
    read = bucket.get_object(key, params=parameters)
    assert read.read()
    answers = (bucket.head_object(key, params=parameters), bucket.get_object_meta(key, params=parameters), read)
    return {answer.headers.get(CRC) for answer in answers}


def test_an_object_without_a_sum(server: OssServer, bucket: oss2.Bucket) -> None:
    """It is read as ever, a link to it has none either, and a new upload has one again."""
    bucket.put_object("a", b"123456789")
    bucket.put_symlink("a", "link")
    assert crcs_of(bucket, "a") == crcs_of(bucket, "link") == {"11051210869376104954"}
    server.forget_crc("uploads", "a")
    assert crcs_of(bucket, "a") == crcs_of(bucket, "link") == {None}
    server.forget_crc("uploads", "a")
    bucket.put_object("a", b"123456789")
    assert crcs_of(bucket, "a") == {"11051210869376104954"}


def test_one_version_without_a_sum(server: OssServer, versions: oss2.Bucket) -> None:
    """The others keep theirs."""
    old = versions.put_object("a", b"1").versionid
    new = versions.put_object("a", b"2").versionid
    server.forget_crc("versions", "a", old)
    assert crcs_of(versions, "a", old) == {None}
    assert None not in crcs_of(versions, "a", new)


@pytest.mark.parametrize("headers", [{}, REPLACED], ids=["as-it-is", "replaced"])
def test_a_copy_has_no_sum_where_its_source_has_none(
    server: OssServer, bucket: oss2.Bucket, headers: dict[str, str]
) -> None:
    """Neither its answer nor its object; the copy of another object does."""
    bucket.put_object("a", b"1")
    bucket.put_object("b", b"1")
    server.forget_crc("uploads", "a")
    copied = {key: drained(bucket.copy_object("uploads", key, f"{key}-copy", headers=headers)) for key in "ab"}
    assert CRC not in copied["a"].headers
    assert crcs_of(bucket, "a-copy") == {None}
    assert crcs_of(bucket, "b-copy") == crcs_of(bucket, "b") == {copied["b"].headers[CRC]}


def test_copies_without_sums(server: OssServer, bucket: oss2.Bucket) -> None:
    """Can be had of every copy, until the server is reset; uploads have theirs all the same."""
    server.copies_have_crc = False
    bucket.put_object("a", b"1")
    drained(bucket.copy_object("uploads", "a", "b"))
    assert crcs_of(bucket, "b") == {None}
    assert None not in crcs_of(bucket, "a")
    server.reset()
    assert server.copies_have_crc


def test_an_append_to_an_object_without_a_sum(server: OssServer, bucket: oss2.Bucket) -> None:
    """Makes none."""
    bucket.append_object("log", 0, b"one")
    server.forget_crc("uploads", "log")
    assert CRC not in bucket.append_object("log", 3, b"two").headers
    assert crcs_of(bucket, "log") == {None}


def test_a_replica_has_a_sum_where_its_source_has_one(server: OssServer, bucket: oss2.Bucket, connect: Connect) -> None:
    """Whatever copies have: a replica is none."""
    server.create_bucket("replicas")
    bucket.put_object("a", b"1")
    bucket.put_object("b", b"1")
    server.forget_crc("uploads", "a")
    server.copies_have_crc = False
    for key in "ab":
        server.replicate("uploads", key, "replicas")
    replicas = connect("replicas")
    assert (crcs_of(replicas, "a"), crcs_of(replicas, "b")) == ({None}, crcs_of(bucket, "b"))
