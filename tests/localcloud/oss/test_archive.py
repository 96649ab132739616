"""Archived objects of the OSS stand-in, and their restoration, asked by the real oss2."""

from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import oss2
import pytest

from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Identity
from tests.localcloud.oss.oss_clients import Connect, Events, drained, refusal

FROZEN = (403, "InvalidObjectState")
PART = b"p" * 100 * 1024


def freeze(bucket: oss2.Bucket, key: str, body: bytes = b"1", storage_class: str = "Archive") -> str | None:
    """Upload an archived object and give its version id, if it has one."""
    version_id: str | None = bucket.put_object(key, body, headers={"x-oss-storage-class": storage_class}).versionid
    return version_id


def days(number: int) -> oss2.models.RestoreConfiguration:
    """Ask for that many."""
    return oss2.models.RestoreConfiguration(number)


@pytest.mark.parametrize("storage_class", ["Archive", "ColdArchive", "DeepColdArchive"])
def test_archived_objects(bucket: oss2.Bucket, storage_class: str) -> None:
    """Neither read nor copied; looked at, tagged and deleted they can be."""
    freeze(bucket, "cold", storage_class=storage_class)
    upload_id = bucket.init_multipart_upload("warm").upload_id
    for read in (
        lambda: bucket.get_object("cold"),
        lambda: bucket.copy_object("uploads", "cold", "warm"),
        lambda: bucket.upload_part_copy("uploads", "cold", None, "warm", upload_id, 1),
    ):
        assert refusal(read) == FROZEN
    head = bucket.head_object("cold").headers
    assert (head["x-oss-storage-class"], "x-oss-restore" in head) == (storage_class, False)
    assert bucket.list_objects().object_list[0].restore_info is None
    rule = oss2.models.TaggingRule()
    rule.add("a", "b")
    bucket.put_object_tagging("cold", oss2.models.Tagging(rule))
    assert bucket.get_object_tagging("cold").tag_set.tagging_rule == {"a": "b"}
    assert bucket.delete_object("cold").status == 204


@pytest.mark.parametrize(("storage_class", "asked"), [("Archive", 7), ("ColdArchive", 365), ("DeepColdArchive", 365)])
def test_a_restored_object_is_read_and_copied(
    bucket: oss2.Bucket, events: Events, storage_class: str, asked: int
) -> None:
    """HEAD and the listings say until when; the class stays, a copy has its own, and no event tells of it."""
    freeze(bucket, "cold", b"bytes", storage_class)
    events.clear()
    assert bucket.restore_object("cold", input=days(asked)).status == 202
    assert events == []
    head = bucket.head_object("cold").headers
    ongoing, _, expiry = head["x-oss-restore"].partition(', expiry-date="')
    left = parsedate_to_datetime(expiry.rstrip('"')) - datetime.now(timezone.utc)
    assert (ongoing, head["x-oss-storage-class"]) == ('ongoing-request="false"', storage_class)
    assert timedelta(days=asked - 1) < left <= timedelta(days=asked)
    assert bucket.list_objects().object_list[0].restore_info == head["x-oss-restore"]
    assert bucket.get_object("cold").read() == b"bytes"
    drained(bucket.copy_object("uploads", "cold", "warm"))
    copied = bucket.head_object("warm").headers
    assert (copied["x-oss-storage-class"], "x-oss-restore" in copied) == ("Standard", False)


def test_a_restoration_ends(bucket: oss2.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a day, the default, the object is frozen again; a second request (200) prolongs it."""
    start = datetime(2080, 1, 1)  # noqa: DTZ001 -- moto's times have no zone
    hours = 0
    monkeypatch.setattr("scripts.localcloud.oss.archive.utcnow", lambda: start + timedelta(hours=hours))
    freeze(bucket, "cold")
    assert bucket.restore_object("cold").status == 202
    hours = 23
    assert bucket.get_object("cold").read() == b"1"
    assert bucket.restore_object("cold").status == 200
    hours = 46
    assert bucket.get_object("cold").read() == b"1"
    hours = 47
    assert refusal(lambda: bucket.get_object("cold")) == FROZEN
    assert "x-oss-restore" not in bucket.head_object("cold").headers
    assert bucket.restore_object("cold").status == 202


def test_one_version_is_restored(versions: oss2.Bucket) -> None:
    """The current version, or the one that is named: the other stays frozen."""
    old, new = freeze(versions, "cold", b"old"), freeze(versions, "cold", b"new")
    restored = versions.restore_object("cold", params={"versionId": old})
    assert (restored.status, restored.headers["x-oss-version-id"]) == (202, old)
    assert versions.get_object("cold", params={"versionId": old}).read() == b"old"
    assert refusal(lambda: versions.get_object("cold")) == FROZEN
    shown = {entry.versionid: entry.restore_info is not None for entry in versions.list_object_versions().versions}
    assert shown == {old: True, new: False}


def test_a_link_to_an_archived_object(bucket: oss2.Bucket) -> None:
    """It can be read when its target can."""
    freeze(bucket, "cold", b"bytes")
    bucket.put_symlink("cold", "link")
    assert refusal(lambda: bucket.get_object("link")) == FROZEN
    assert bucket.head_object("link").headers["x-oss-storage-class"] == "Archive"
    assert refusal(lambda: bucket.restore_object("link")) == (400, "OperationNotSupported")
    bucket.restore_object("cold")
    assert bucket.get_object("link").read() == b"bytes"
    assert bucket.head_object("link").headers["x-oss-restore"] == bucket.head_object("cold").headers["x-oss-restore"]


def test_what_cannot_be_restored(bucket: oss2.Bucket) -> None:
    """An object that is not archived, none at all, and a wrong number of days are refused; nothing is thawed."""
    bucket.put_object("warm", b"1")
    freeze(bucket, "cold")
    assert refusal(lambda: bucket.restore_object("warm")) == (400, "OperationNotSupported")
    assert refusal(lambda: bucket.restore_object("none")) == (404, "NoSuchKey")
    assert refusal(lambda: bucket.restore_object("cold", input=days(0))) == (400, "InvalidArgument")
    assert refusal(lambda: bucket.restore_object("cold", input=days(8))) == (400, "InvalidArgument")
    assert refusal(lambda: bucket.restore_object("cold", input="<not xml")) == (400, "MalformedXML")
    assert refusal(lambda: bucket.get_object("cold")) == FROZEN


def test_a_new_upload_is_not_restored(bucket: oss2.Bucket) -> None:
    """The restoration was the overwritten object's."""
    freeze(bucket, "cold")
    bucket.restore_object("cold")
    freeze(bucket, "cold")
    assert refusal(lambda: bucket.get_object("cold")) == FROZEN


def test_restoring_is_a_right_of_its_own(server: OssServer, versions: oss2.Bucket, connect: Connect) -> None:
    """oss:RestoreObject, and for a named version oss:RestoreObjectVersion too."""
    version_id = freeze(versions, "cold")
    reader = Identity("LTAIreader", "secret", None, frozenset({("oss:GetObject", "*")}))
    restorer = Identity("LTAIrestorer", "secret", None, frozenset({("oss:RestoreObject", "versions/*")}))
    server.add_identity(reader)
    server.add_identity(restorer)
    assert refusal(lambda: connect("versions", reader).restore_object("cold")) == (403, "AccessDenied")
    named = {"versionId": version_id}
    assert refusal(lambda: connect("versions", restorer).restore_object("cold", params=named)) == (403, "AccessDenied")
    assert connect("versions", restorer).restore_object("cold").status == 202
