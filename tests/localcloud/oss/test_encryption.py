"""Encryption at the OSS stand-in: what an object answers with, and who needs which right to which key."""

from collections.abc import Callable
from functools import partial

import oss2
import pytest

from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Identity
from tests.localcloud.oss.oss_clients import Connect, drained, refusal

METHOD = "x-oss-server-side-encryption"
KEY_ID = "x-oss-server-side-encryption-key-id"
AES = {METHOD: "AES256"}
KMS = {METHOD: "KMS", KEY_ID: "key-1"}


def in_one_part(bucket: oss2.Bucket, headers: dict[str, str]) -> None:
    """A multipart upload."""
    upload_id = bucket.init_multipart_upload("a", headers=headers).upload_id
    parts = [oss2.models.PartInfo(1, bucket.upload_part("a", upload_id, 1, b"1").etag)]
    drained(bucket.complete_multipart_upload("a", upload_id, parts))


def from_source(bucket: oss2.Bucket, headers: dict[str, str]) -> None:
    """A copy of something that is not encrypted."""
    bucket.put_object("source", b"1", {METHOD: "AES256"})
    drained(bucket.copy_object("uploads", "source", "a", headers))


WRITERS: dict[str, Callable[[oss2.Bucket, dict[str, str]], object]] = {
    "PutObject": lambda bucket, headers: bucket.put_object("a", b"1", headers),
    "AppendObject": lambda bucket, headers: bucket.append_object("a", 0, b"1", headers),
    "CompleteMultipartUpload": in_one_part,
    "CopyObject": from_source,
}
every_writer = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


def encryption_of(bucket: oss2.Bucket) -> dict[str, str]:
    """What HEAD says, and GET too."""
    head, got = bucket.head_object("a").headers, bucket.get_object("a")
    assert got.read() == b"1"
    said = {name.lower(): value for name, value in head.items() if "server-side" in name.lower()}
    assert said == {name.lower(): value for name, value in got.headers.items() if "server-side" in name.lower()}
    return said


@every_writer
@pytest.mark.parametrize("asked", [{}, AES, KMS, {**KMS, "x-oss-server-side-data-encryption": "SM4"}])
def test_object_is_encrypted_as_asked(
    bucket: oss2.Bucket, write: Callable[[oss2.Bucket, dict[str, str]], object], asked: dict[str, str]
) -> None:
    """Whatever a copy's source was."""
    write(bucket, asked)
    assert encryption_of(bucket) == asked


@every_writer
def test_bucket_has_a_default(
    bucket: oss2.Bucket, server: OssServer, write: Callable[[oss2.Bucket, dict[str, str]], object]
) -> None:
    """For what asks for nothing."""
    server.encrypt_by_default("uploads", "KMS", "key-2")
    write(bucket, {})
    assert encryption_of(bucket) == {METHOD: "KMS", KEY_ID: "key-2"}
    bucket.delete_object("a")
    server.encrypt_by_default("uploads", "SM4")
    write(bucket, {})
    assert encryption_of(bucket) == {METHOD: "SM4"}
    bucket.delete_object("a")
    write(bucket, AES)
    assert encryption_of(bucket) == AES


def test_link_is_not_encrypted(bucket: oss2.Bucket, server: OssServer) -> None:
    """It has no bytes."""
    server.encrypt_by_default("uploads", "AES256")
    bucket.put_symlink("gone", "link")
    assert METHOD not in bucket.get_symlink("link").headers


@every_writer
def test_unknown_method_is_refused(bucket: oss2.Bucket, write: Callable[[oss2.Bucket, dict[str, str]], object]) -> None:
    """Also a key without a method."""
    for asked in ({METHOD: "ROT13"}, {KEY_ID: "key-1"}):
        assert refusal(partial(write, bucket, asked)) == (400, "InvalidEncryptionAlgorithmError")


READERS: dict[str, Callable[[oss2.Bucket], object]] = {
    "GetObject": lambda bucket: bucket.get_object("a").read(),
    "CopyObject": lambda bucket: drained(bucket.copy_object("uploads", "a", "b")),
    "UploadPartCopy": lambda bucket: drained(
        bucket.upload_part_copy("uploads", "a", (0, 0), "c", bucket.init_multipart_upload("c").upload_id, 1)
    ),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("key_id", ["key-1", ""])
def test_reading_needs_the_key(
    connect: Connect, server: OssServer, read: Callable[[oss2.Bucket], object], key_id: str
) -> None:
    """To look at it needs none; who has all rights has that too; a key of the account's own is one by its alias."""
    connect().put_object("a", b"1", {METHOD: "KMS"} | ({KEY_ID: key_id} if key_id else {}))
    plain = {("oss:GetObject", "*"), ("oss:PutObject", "*")}
    server.add_identity(Identity("LTAIrole", "secret", None, frozenset(plain)))
    role = connect(identity=Identity("LTAIrole", "secret"))
    assert role.head_object("a").headers[METHOD] == "KMS"
    assert refusal(lambda: read(role)) == (403, "AccessDenied")
    with_key = plain | {("kms:Decrypt", key_id or "alias/acs/oss")}
    server.add_identity(Identity("LTAIrole", "secret", None, frozenset(with_key)))
    assert read(role)


@every_writer
@pytest.mark.parametrize(("asked", "key_id"), [(KMS, "key-1"), ({}, "key-2")], ids=["asked for", "by default"])
def test_writing_needs_the_key(
    connect: Connect,
    server: OssServer,
    write: Callable[[oss2.Bucket, dict[str, str]], object],
    asked: dict[str, str],
    key_id: str,
) -> None:
    """Whether the upload asks for KMS or its bucket does."""
    server.encrypt_by_default("uploads", "KMS", "key-2")
    plain = {("oss:GetObject", "*"), ("oss:PutObject", "*"), ("kms:Decrypt", "*")}
    server.add_identity(Identity("LTAIrole", "secret", None, frozenset(plain)))
    role = connect(identity=Identity("LTAIrole", "secret"))
    assert refusal(lambda: write(role, asked)) == (403, "AccessDenied")
    with_key = plain | {("kms:GenerateDataKey", key_id)}
    server.add_identity(Identity("LTAIrole", "secret", None, frozenset(with_key)))
    write(role, asked)
    assert encryption_of(role)[KEY_ID] == key_id
