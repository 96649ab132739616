"""A copy is never less protected than its source, into quarantine and back: encryption, ACL and class.

What `restore` does with odd provenance is tested in test_find_restore.py; here a whole way there and back.
"""

import os

import pytest
from click.testing import CliRunner

from scripts.cli.__main__ import warden
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import seldom
from tests.end_to_end.warden_cloud import APP, WardenCloud, picture, refusing

BUCKETS = ["uploads", "versioned"]
METHOD = "x-oss-server-side-encryption"
KEY_ID = "x-oss-server-side-encryption-key-id"
ENCRYPTIONS = {
    "AES256": {METHOD: "AES256"},
    "SM4": {METHOD: "SM4"},
    "KMS": {METHOD: "KMS"},
    "KMS and a key": {METHOD: "KMS", KEY_ID: "key-of-the-uploads"},
}


def encryption(cloud: WardenCloud, bucket: str, key: str) -> dict[str, str]:
    """How an object is encrypted."""
    headers = cloud.bucket(bucket).head_object(key).headers
    return {name.lower(): value for name, value in headers.items() if name.lower().startswith(METHOD)}


def restore(cloud: WardenCloud, location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring it back, as an operator does."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", APP.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", APP.access_key_secret)
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
    monkeypatch.setenv("OSS_ENDPOINT", cloud.oss.endpoint)
    monkeypatch.delenv("WATCHED_BUCKETS")
    assert os.environ["LEDGER_BUCKET"] == "ledger"
    result = CliRunner().invoke(warden, ["restore", location, "--reason", "a statue", "--by", "ann", "--yes"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("name", ENCRYPTIONS)
def test_encryption_goes_along_and_comes_back(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch, name: str, bucket: str
) -> None:
    """Encrypted at its place, encrypted in quarantine, encrypted when it is back; by the same key."""
    cloud, asked = ledgered.cloud, ENCRYPTIONS[name]
    document = cloud.moderate("a.png", picture("NUDE"), bucket=bucket, headers=asked)
    ((held, _),) = cloud.held()
    assert encryption(cloud, "quarantine", held) == asked
    restore(cloud, document["outcome"]["location"], monkeypatch)
    assert encryption(cloud, bucket, "a.png") == asked
    assert cloud.body(bucket, "a.png") == picture("NUDE")


def test_the_sidecar_is_encrypted_as_its_copy(cloud: WardenCloud) -> None:
    """What has no room in the copy's metadata is no less the user's."""
    asked = ENCRYPTIONS["KMS and a key"]
    document = cloud.moderate("a.png", picture("NUDE"), headers={**asked, "x-oss-meta-story": "x" * 8000})
    held = document["outcome"]["location"].partition("/")[2]
    assert encryption(cloud, "quarantine", held + ".metadata.json") == asked


@pytest.mark.parametrize("default", [{}, {METHOD: "KMS", KEY_ID: "key-of-the-quarantine"}], ids=["none", "KMS"])
def test_what_was_not_encrypted_is_as_its_bucket_does(ledgered: Ledgered, default: dict[str, str]) -> None:
    """The quarantine's own default is not undone, and none is invented."""
    cloud = ledgered.cloud
    if default:
        cloud.oss.encrypt_by_default("quarantine", default[METHOD], default[KEY_ID])
    cloud.moderate("a.png", picture("NUDE"))
    ((held, _),) = cloud.held()
    assert encryption(cloud, "quarantine", held) == default


def test_encryption_by_the_buckets_default_goes_along(ledgered: Ledgered) -> None:
    """Its uploader asked for nothing; its bucket did."""
    cloud = ledgered.cloud
    cloud.oss.encrypt_by_default("uploads", "KMS", "key-of-the-uploads")
    cloud.moderate("a.png", picture("NUDE"))
    ((held, _),) = cloud.held()
    assert encryption(cloud, "quarantine", held) == {METHOD: "KMS", KEY_ID: "key-of-the-uploads"}


@pytest.mark.parametrize(
    ("storage_class", "acl", "bucket"),
    [
        ("IA", "public-read", "uploads"),
        ("Standard", "default", "versioned"),
        *(
            seldom(storage_class, acl, bucket)
            for storage_class in ("Standard", "IA")
            for acl in ("default", "private", "public-read")
            for bucket in BUCKETS
        ),
    ],
)
def test_acl_and_class_come_back(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch, storage_class: str, acl: str, bucket: str
) -> None:
    """In quarantine nobody but its owner reads it, whoever could before; when it is back, they can again."""
    cloud = ledgered.cloud
    headers = {"x-oss-object-acl": acl, "x-oss-storage-class": storage_class}
    document = cloud.moderate("a.png", picture("NUDE"), bucket=bucket, headers=headers)
    ((held, _),) = cloud.held()
    assert cloud.bucket("quarantine").get_object_acl(held).acl == "private"
    restore(cloud, document["outcome"]["location"], monkeypatch)
    assert cloud.bucket(bucket).get_object_acl("a.png").acl == acl
    assert cloud.bucket(bucket).head_object("a.png").headers["x-oss-storage-class"] == storage_class


def test_an_acl_that_can_not_be_read_stops_no_quarantine(cloud: WardenCloud) -> None:
    """Only a restore needs it."""
    cloud.watcher.spoil = refusing("GetObjectAcl", "uploads")
    document = cloud.moderate("a.png", picture("NUDE"))
    assert document["outcome"]["status"] == "quarantined"
    assert "its ACL is not known" in document["outcome"]["tag_note"]
