"""Keys are raw UTF-8 and come back byte for byte, whatever they hold."""

import oss2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.localcloud.oss.protocol import OssError
from scripts.localcloud.oss.server import OssServer
from tests.localcloud.oss.oss_clients import drained

ODD_KEYS = [
    "a b.jpg",
    "a+b.jpg",
    "%41.jpg",
    "a%2Fb",
    "中文/图片.jpg",
    "😀",
    "x" * 1023,
    "中" * 341,
    "../../etc/passwd",
    "a/../b",
    "a//b///c",
    ".hidden",
    "...",
    "tab\there",
    "line\nbreak\r\n",
    "\x01\x7f\x1b[31m",
    "[red]bold[/red]",
    "<script>alert('&\"')</script>",
    "a?versionId=null#fragment",
    "a&b=c;d",
    "back\\slash",
    "ends/",
    "e\u0301 is not \u00e9",
]


def round_trip(bucket: oss2.Bucket, key: str) -> None:
    """Do with the key everything that a client can do with one."""
    etag = bucket.put_object(key, b"1", headers={"x-oss-tagging": "a=b"}).etag
    assert bucket.head_object(key).etag == etag
    assert bucket.get_object(key).read() == b"1"
    assert bucket.get_object_tagging(key).tag_set.tagging_rule == {"a": "b"}
    for listing in (bucket.list_objects(), bucket.list_objects_v2(), bucket.list_objects(prefix=key)):
        assert [entry.key for entry in listing.object_list] == [key]
    assert [entry.key for entry in bucket.list_object_versions().versions] == [key]
    drained(bucket.copy_object(bucket.bucket_name, key, "copy", headers={"x-oss-copy-source-if-match": etag}))
    assert bucket.get_object_tagging("copy").tag_set.tagging_rule == {"a": "b"}
    bucket.put_symlink(key, "link")
    assert bucket.get_symlink("link").target_key == key
    for name in (key, "copy", "link"):
        bucket.delete_object(name)
    assert bucket.list_objects().object_list == []


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys(bucket: oss2.Bucket, key: str) -> None:
    """Every known troublemaker survives."""
    round_trip(bucket, key)


def is_legal(key: str) -> bool:
    """Tell whether OSS takes the key; `.` and `..` alone never leave the client, whose URLs they dissolve in."""
    return len(key.encode()) <= 1023 and not key.startswith(("/", "\\")) and key not in (".", "..")


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300).filter(is_legal)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=KEYS)
def test_any_key(bucket: oss2.Bucket, key: str) -> None:
    """Any legal key survives."""
    round_trip(bucket, key)


@pytest.mark.parametrize("key", ["x" * 1024, "中" * 342, "/a", "\\a"])
def test_keys_that_oss_refuses(bucket: oss2.Bucket, key: str) -> None:
    """Over 1,023 bytes, or a slash or backslash in front."""
    with pytest.raises(oss2.exceptions.InvalidObjectName):
        bucket.put_object(key, b"1")


@pytest.mark.parametrize("name", ["ab", "Capital", "under_score", "x" * 64, "-a-", "b\u00fccket"])
def test_bucket_names_that_oss_refuses(server: OssServer, name: str) -> None:
    """3 to 63 of lower-case letters, digits and inner hyphens. The SDKs refuse most by themselves."""
    with pytest.raises(OssError, match="InvalidBucketName"):
        server.create_bucket(name)
