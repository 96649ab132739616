"""The OSS stand-in, asked by an SDK that shares no code with oss2: alibabacloud-oss-v2."""

from collections.abc import Iterator
from datetime import timedelta

import alibabacloud_oss_v2 as oss
import pytest
import requests

from scripts.localcloud.oss.server import OssServer
from tests.localcloud.oss.oss_clients import OWNER

KEY = "dir//a b+%41&中😀.jpg"


def client_of(server: OssServer, secret: str = OWNER.access_key_secret) -> tuple[oss.Client, requests.Session]:
    """Make a client, and the session that carries it."""
    session = requests.Session()
    config = oss.config.load_default()
    config.region = server.region
    config.endpoint = server.endpoint
    config.use_path_style = True
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(
        OWNER.access_key_id, secret, OWNER.security_token
    )
    config.http_client = oss.transport.RequestsHttpClient(session=session)
    return oss.Client(config), session


@pytest.fixture
def client(server: OssServer) -> Iterator[oss.Client]:
    """The owner's client."""
    client, session = client_of(server)
    yield client
    session.close()


def test_put_head_get_delete(client: oss.Client) -> None:
    """An object goes there and back, with its headers."""
    put = oss.PutObjectRequest(
        bucket="uploads", key=KEY, body=b"hello", content_type="image/png", metadata={"author": "me"}, tagging="a=b"
    )
    written = client.put_object(put)
    assert (written.status_code, written.etag) == (200, '"5D41402ABC4B2A76B9719D911017C592"')
    head = client.head_object(oss.HeadObjectRequest(bucket="uploads", key=KEY))
    assert (head.content_length, head.content_type, head.object_type) == (5, "image/png", "Normal")
    assert (head.metadata, head.tagging_count, head.hash_crc64) == ({"author": "me"}, 1, written.hash_crc64)
    got = client.get_object(oss.GetObjectRequest(bucket="uploads", key=KEY, range_header="bytes=1-2"))
    assert got.body.content == b"el"
    assert client.delete_object(oss.DeleteObjectRequest(bucket="uploads", key=KEY)).status_code == 204
    with pytest.raises(oss.exceptions.OperationError) as refused:
        client.head_object(oss.HeadObjectRequest(bucket="uploads", key=KEY))
    assert refused.value.unwrap().code == "NoSuchKey"


def test_tags_copies_and_lists(client: oss.Client) -> None:
    """Tags are set and read, copies are conditional, listings give the keys back."""
    etag = client.put_object(oss.PutObjectRequest(bucket="uploads", key=KEY, body=b"1")).etag
    tagging = oss.Tagging(tag_set=oss.TagSet(tags=[oss.Tag(key="k", value="v")]))
    client.put_object_tagging(oss.PutObjectTaggingRequest(bucket="uploads", key=KEY, tagging=tagging))
    copy = {"bucket": "versions", "key": "copy", "source_bucket": "uploads", "source_key": KEY}
    copied = client.copy_object(oss.CopyObjectRequest(**copy, if_match=etag))
    assert (copied.etag, bool(copied.version_id)) == (etag, True)
    with pytest.raises(oss.exceptions.OperationError) as refused:
        client.copy_object(oss.CopyObjectRequest(**copy, if_match='"0"'))
    assert refused.value.unwrap().code == "PreconditionFailed"
    tags = client.get_object_tagging(oss.GetObjectTaggingRequest(bucket="versions", key="copy")).tag_set.tags
    assert [(tag.key, tag.value) for tag in tags] == [("k", "v")]
    listed = client.list_objects_v2(oss.ListObjectsV2Request(bucket="uploads", encoding_type="url", max_keys=1))
    assert [entry.key for entry in listed.contents] == [KEY]
    found = client.list_object_versions(oss.ListObjectVersionsRequest(bucket="versions"))
    assert [entry.version_id for entry in found.version] == [copied.version_id]


def test_presigned(client: oss.Client) -> None:
    """Its presigned URLs write, and read one version."""
    writing = client.presign(oss.PutObjectRequest(bucket="versions", key=KEY), expires=timedelta(minutes=1))
    versions = [requests.put(writing.url, data=body, timeout=10).headers["x-oss-version-id"] for body in (b"1", b"2")]
    reading = client.presign(oss.GetObjectRequest(bucket="versions", key=KEY, version_id=versions[0]))
    assert requests.get(reading.url, timeout=10).content == b"1"
    assert requests.get(reading.url.replace(versions[0], versions[1]), timeout=10).status_code == 403


def test_a_wrong_secret_is_refused(server: OssServer) -> None:
    """Its signatures are verified too."""
    client, session = client_of(server, "wrong")
    with pytest.raises(oss.exceptions.OperationError) as refused:
        client.put_object(oss.PutObjectRequest(bucket="uploads", key=KEY, body=b"1"))
    assert refused.value.unwrap().code == "SignatureDoesNotMatch"
    session.close()


def test_bucket_calls(client: oss.Client) -> None:
    """It understands what it is told of buckets."""
    assert client.get_bucket_versioning(oss.GetBucketVersioningRequest(bucket="versions")).version_status == "Enabled"
    info = client.get_bucket_info(oss.GetBucketInfoRequest(bucket="uploads")).bucket_info
    assert (info.name, info.location) == ("uploads", "oss-ap-southeast-1")
