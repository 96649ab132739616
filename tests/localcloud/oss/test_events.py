"""What the OSS stand-in tells the trigger: one record for each finished upload."""

import base64
import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import oss2
import pytest
import requests

from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.oss.signature import sign
from tests.localcloud.oss.oss_clients import OWNER, Events, drained

PART = b"p" * 100 * 1024


def facts(record: dict[str, Any]) -> tuple[str, str, int, int]:
    """Give event, key, size and growth of a record."""
    stored = record["oss"]["object"]
    return record["eventName"].removeprefix("ObjectCreated:"), stored["key"], stored["size"], stored["deltaSize"]


def test_a_record_whole(bucket: oss2.Bucket, events: Events) -> None:
    """Field by field what the vendor's sample has; the key raw, the ETag bare, the request id the one answered."""
    put = bucket.put_object("a b+%41.jpg", b"hello")
    time = events[0]["eventTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert events == [
        {
            "eventName": "ObjectCreated:PutObject",
            "eventSource": "acs:oss",
            "eventTime": time,
            "eventVersion": "1.0",
            "oss": {
                "bucket": {
                    "arn": "acs:oss:ap-southeast-1:1234567890123456:uploads",
                    "name": "uploads",
                    "ownerIdentity": "1234567890123456",
                },
                "object": {
                    "deltaSize": 5,
                    "eTag": "5D41402ABC4B2A76B9719D911017C592",
                    "key": "a b+%41.jpg",
                    "size": 5,
                },
                "ossSchemaVersion": "1.0",
                "ruleId": hashlib.sha1(b"uploads", usedforsecurity=False).hexdigest(),
            },
            "region": "ap-southeast-1",
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"requestId": put.request_id},
            "userIdentity": {"principalId": "1234567890123456"},
        }
    ]


def test_growth_can_be_negative(bucket: oss2.Bucket, versions: oss2.Bucket, events: Events) -> None:
    """An overwrite counts the difference, unless the old bytes stay as a version."""
    for client in (bucket, versions):
        client.put_object("a", b"12345")
        client.put_object("a", b"12")
    assert [facts(record)[3] for record in events] == [5, -3, 5, 2]


def test_every_kind_of_upload_is_told(bucket: oss2.Bucket, events: Events) -> None:
    """Also the steps of a multipart upload, as OSS does; an append says where it began."""
    bucket.put_object("a", PART)
    drained(bucket.copy_object("uploads", "a", "b"))
    bucket.put_symlink("a", "link")
    bucket.append_object("log", 0, b"12")
    bucket.append_object("log", 2, b"345")
    upload_id = bucket.init_multipart_upload("big").upload_id
    parts = [oss2.models.PartInfo(1, bucket.upload_part("big", upload_id, 1, PART).etag)]
    copied = drained(bucket.upload_part_copy("uploads", "a", (0, 9), "big", upload_id, 2))
    parts.append(oss2.models.PartInfo(2, copied.etag))
    drained(bucket.complete_multipart_upload("big", upload_id, parts))
    size = len(PART)
    assert [facts(record) for record in events] == [
        ("PutObject", "a", size, size),
        ("CopyObject", "b", size, size),
        ("PutSymlink", "link", 0, 0),
        ("AppendObject", "log", 2, 2),
        ("AppendObject", "log", 5, 3),
        ("InitiateMultipartUpload", "big", 0, 0),
        ("UploadPart", "big", size, size),
        ("UploadPartCopy", "big", 10, 10),
        ("CompleteMultipartUpload", "big", size + 10, size + 10),
    ]
    assert [record["oss"]["object"].get("position") for record in events[3:5]] == [0, 2]


def test_nothing_else_is_told(bucket: oss2.Bucket, events: Events) -> None:
    """Neither reads, tags, ACLs and deletes nor uploads that were refused."""
    bucket.put_object("a", b"1")
    bucket.get_object("a").read()
    bucket.put_object_acl("a", "private")
    bucket.delete_object_tagging("a")
    with pytest.raises(oss2.exceptions.ServerError):
        bucket.put_object("a", b"2", headers={"x-oss-forbid-overwrite": "true"})
    bucket.delete_object("a")
    assert [facts(record)[0] for record in events] == ["PutObject"]


def post_form(server: OssServer, secret: str = OWNER.access_key_secret, **changes: str) -> requests.Response:
    """Upload by a form, as a browser does."""
    now = datetime.now(timezone.utc)
    expiration = changes.pop("expiration", (now + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    policy = base64.b64encode(json.dumps({"expiration": expiration, "conditions": []}).encode()).decode()
    scope = f"{now:%Y%m%d}/{server.region}/oss/aliyun_v4_request"
    fields = {
        "key": "form/${filename}",
        "policy": policy,
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": f"{OWNER.access_key_id}/{scope}",
        "x-oss-date": f"{now:%Y%m%dT%H%M%SZ}",
        "x-oss-security-token": OWNER.security_token or "",
        "x-oss-signature": sign(secret, scope, policy.encode()),
        "x-oss-meta-from": "a form",
        **changes,
    }
    files = {"file": ("a b.png", b"\r\n--bytes\r\n", "image/png")}
    return requests.post(f"{server.endpoint}/uploads", data=fields, files=files, timeout=10)


def test_a_form_uploads(server: OssServer, bucket: oss2.Bucket, events: Events) -> None:
    """PostObject keeps the bytes, the type and the metadata, and is told as PostObject."""
    assert post_form(server).status_code == 204
    got = bucket.get_object("form/a b.png")
    assert got.read() == b"\r\n--bytes\r\n"
    assert (got.headers["Content-Type"], got.headers["x-oss-meta-from"]) == ("image/png", "a form")
    assert facts(events[0]) == ("PostObject", "form/a b.png", 11, 11)
    assert post_form(server, success_action_status="201", key="b").status_code == 201


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"secret": "wrong"}, 403, "SignatureDoesNotMatch"),
        ({"expiration": "2020-01-01T00:00:00.000Z"}, 403, "AccessDenied"),
        ({"expiration": "soon"}, 400, "InvalidPolicyDocument"),
        ({"x-oss-security-token": "other"}, 403, "InvalidSecurityToken"),
    ],
)
def test_a_wrong_form_is_refused(
    server: OssServer, events: Events, changes: dict[str, str], status: int, code: str
) -> None:
    """A form is held to its signature, its token and its expiration."""
    answer = post_form(server, **changes)
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True)
    assert events == []


def test_what_is_no_form_is_refused(server: OssServer) -> None:
    """A POST on a bucket must be multipart/form-data with a signature and, last, a file."""
    url = f"{server.endpoint}/uploads"
    assert "MalformedPOSTRequest" in requests.post(url, data=b"x", timeout=10).text
    assert "MalformedPOSTRequest" in requests.post(url, files={"other": b"x"}, timeout=10).text
    assert "AccessDenied" in requests.post(url, files={"file": b"x"}, timeout=10).text
