"""Who may do what at the OSS stand-in: V4 signatures in header and URL, tokens, rights, observers and faults."""

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable

import oss2
import pytest
import requests

from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Fault, Identity, WireCall
from tests.localcloud.oss.oss_clients import OWNER, Connect, auth_of, drained, refusal

GUEST = Identity("LTAIguest", "guest-secret")


class Recorder:
    """An Observer that notes every call and spoils the operations it is told to."""

    def __init__(self, faults: dict[str, Fault] | None = None) -> None:
        self.faults = faults or {}
        self.before_calls: list[WireCall] = []
        self.after_calls: list[tuple[str, int]] = []

    def before(self, call: WireCall) -> Fault | None:
        """Note the call, and spoil it if asked to."""
        self.before_calls.append(call)
        return self.faults.get(call.operation)

    def after(self, call: WireCall, status: int) -> None:
        """Note how it ended."""
        self.after_calls.append((call.operation, status))


@pytest.mark.parametrize(
    ("identity", "code"),
    [
        (Identity(OWNER.access_key_id, "wrong", OWNER.security_token), "SignatureDoesNotMatch"),
        (Identity("LTAInobody", "secret"), "InvalidAccessKeyId"),
        (Identity(OWNER.access_key_id, OWNER.access_key_secret, "other"), "InvalidSecurityToken"),
        (Identity(OWNER.access_key_id, OWNER.access_key_secret), "InvalidSecurityToken"),
    ],
    ids=["secret", "key", "token", "no-token"],
)
def test_wrong_credentials(connect: Connect, identity: Identity, code: str) -> None:
    """Each is refused with OSS's own code, by header and by URL, and nothing is written."""
    stranger = connect(identity=identity)
    assert refusal(lambda: stranger.put_object("a", b"1")) == (403, code)
    answer = requests.get(stranger.sign_url("GET", "a", 60), timeout=10)
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (403, True)
    assert not connect().object_exists("a")


def test_an_expired_token(server: OssServer, bucket: oss2.Bucket) -> None:
    """A token that ended is told from a wrong one, until the identity is renewed."""
    server.expire_identity(OWNER.access_key_id)
    assert refusal(lambda: bucket.put_object("a", b"1")) == (403, "SecurityTokenExpired")
    server.add_identity(OWNER)
    bucket.put_object("a", b"1")


def test_another_region_is_refused(connect: Connect) -> None:
    """A signature for another region's OSS is none for this one."""
    client = connect(region="cn-hangzhou")
    assert refusal(lambda: client.put_object("a", b"1")) == (403, "SignatureDoesNotMatch")


def test_a_clock_far_off_is_refused(bucket: oss2.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over fifteen minutes between the signature and now are too many."""
    now_s = time.time()
    monkeypatch.setattr("scripts.localcloud.oss.signature.time.time", lambda: now_s + 1000)
    assert refusal(lambda: bucket.put_object("a", b"1")) == (403, "RequestTimeTooSkewed")


def test_unsigned_and_otherwise_signed_requests(server: OssServer) -> None:
    """Without a V4 signature nothing is served."""
    for headers in ({}, {"Authorization": "OSS key:c2ln"}, {"Authorization": "OSS4-HMAC-SHA256 nonsense"}):
        answer = requests.get(f"{server.endpoint}/uploads/a", headers=headers, timeout=10)
        assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)


@pytest.mark.parametrize("slash_safe", [True, False])
def test_a_signed_url_reads_and_writes(bucket: oss2.Bucket, slash_safe: bool) -> None:  # noqa: FBT001 -- a parameter of the SDK
    """With token, odd characters and additional signed headers, until one character of it is changed."""
    key = "dir/a b+%41 中.jpg"
    url = bucket.sign_url("PUT", key, 60, headers={"Content-Type": "image/png"}, slash_safe=slash_safe)
    assert requests.put(url, data=b"1", headers={"Content-Type": "image/png"}, timeout=10).status_code == 200
    assert requests.put(url, data=b"2", headers={"Content-Type": "image/gif"}, timeout=10).status_code == 403
    reading = bucket.sign_url("GET", key, 60, slash_safe=slash_safe)
    assert requests.get(reading, timeout=10).content == b"1"
    assert requests.get(reading.replace("a%20b", "a%20c"), timeout=10).status_code == 403
    assert requests.delete(reading, timeout=10).status_code == 403
    signed_host = bucket.sign_url(
        "GET", key, 60, headers={"Range": "bytes=0-0"}, additional_headers=["Range"], slash_safe=slash_safe
    )
    assert requests.get(signed_host, headers={"Range": "bytes=0-0"}, timeout=10).status_code == 206
    assert requests.get(signed_host, timeout=10).status_code == 403


def test_a_signed_url_names_a_version(versions: oss2.Bucket) -> None:
    """The version is part of what is signed."""
    old = versions.put_object("a", b"old").versionid
    new = versions.put_object("a", b"new").versionid
    url = versions.sign_url("GET", "a", 60, params={"versionId": old})
    assert requests.get(url, timeout=10).content == b"old"
    assert requests.get(url.replace(old, new), timeout=10).status_code == 403


def test_a_signed_url_expires(bucket: oss2.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time, or with a time beyond seven days, a URL is AccessDenied."""
    bucket.put_object("a", b"1")
    url, long = bucket.sign_url("GET", "a", 60), bucket.sign_url("GET", "a", 8 * 24 * 3600)
    assert requests.get(url, timeout=10).status_code == 200
    assert "<Code>AccessDenied</Code>" in requests.get(long, timeout=10).text
    now_s = time.time()
    monkeypatch.setattr("scripts.localcloud.oss.signature.time.time", lambda: now_s + 61)
    assert "Request has expired" in requests.get(url, timeout=10).text


@pytest.mark.parametrize(
    ("act", "needed"),
    [
        (lambda b: b.get_object("a").read(), {"oss:GetObject"}),
        (lambda b: b.head_object("a"), {"oss:GetObject"}),
        (lambda b: b.get_symlink("link"), {"oss:GetObject"}),
        (lambda b: b.put_object("a", b"1"), {"oss:PutObject"}),
        (
            lambda b: b.put_object("a", b"1", headers={"x-oss-tagging": "a=b"}),
            {"oss:PutObject", "oss:PutObjectTagging"},
        ),
        (lambda b: drained(b.copy_object("uploads", "a", "a")), {"oss:GetObject", "oss:PutObject"}),
        (lambda b: b.put_symlink("a", "link"), {"oss:PutObject"}),
        (lambda b: b.append_object("log", 0, b"1"), {"oss:PutObject"}),
        (lambda b: b.init_multipart_upload("b"), {"oss:PutObject"}),
        (lambda b: b.delete_object("a"), {"oss:DeleteObject"}),
        (lambda b: b.get_object_tagging("a"), {"oss:GetObjectTagging"}),
        (lambda b: b.delete_object_tagging("a"), {"oss:DeleteObjectTagging"}),
        (lambda b: b.get_object_acl("a"), {"oss:GetObjectAcl"}),
        (lambda b: b.put_object_acl("a", "private"), {"oss:PutObjectAcl"}),
        (lambda b: b.get_object("a", params={"versionId": "null"}).read(), {"oss:GetObject", "oss:GetObjectVersion"}),
        (lambda b: b.delete_object("a", params={"versionId": "null"}), {"oss:DeleteObject", "oss:DeleteObjectVersion"}),
    ],
)
def test_rights(
    server: OssServer, connect: Connect, bucket: oss2.Bucket, act: Callable[[oss2.Bucket], object], needed: set[str]
) -> None:
    """Each operation works with just its actions, and is AccessDenied without any one of them."""
    bucket.put_object("a", b"1")
    bucket.put_symlink("a", "link")
    for missing in needed:
        allowed = frozenset((action, "uploads/*") for action in needed - {missing})
        server.add_identity(Identity(GUEST.access_key_id, GUEST.access_key_secret, rights=allowed))
        assert refusal(lambda: act(connect(identity=GUEST))) == (403, "AccessDenied")
    allowed = frozenset((action, "uploads/*") for action in needed)
    server.add_identity(Identity(GUEST.access_key_id, GUEST.access_key_secret, rights=allowed))
    act(connect(identity=GUEST))


def test_rights_end_at_their_resource(server: OssServer, connect: Connect) -> None:
    """A pattern covers keys with newlines, and no other prefix or bucket; listings are rights on the bucket."""
    rights = frozenset({("oss:PutObject", "uploads/in/*"), ("oss:ListObjects", "uploads")})
    server.add_identity(Identity(GUEST.access_key_id, GUEST.access_key_secret, rights=rights))
    guest = connect(identity=GUEST)
    guest.put_object("in/a\nb", b"1")
    assert [entry.key for entry in guest.list_objects_v2().object_list] == ["in/a\nb"]
    assert refusal(lambda: guest.put_object("out/a", b"1")) == (403, "AccessDenied")
    assert refusal(lambda: connect("versions", GUEST).put_object("in/a", b"1")) == (403, "AccessDenied")
    assert refusal(guest.list_object_versions) == (403, "AccessDenied")


def test_signed_urls_with_broken_fields(bucket: oss2.Bucket) -> None:
    """Another algorithm, a date that is none and a key that is no UTF-8 are refused before anything is done."""
    url = bucket.sign_url("GET", "a", 60)
    for broken in (url.replace("OSS4-HMAC-SHA256", "OSS9"), re.sub(r"(x-oss-date=\d{8})T", r"\1X", url)):
        assert "<Code>AccessDenied</Code>" in requests.get(broken, timeout=10).text


def test_the_tagging_count_needs_its_right(server: OssServer, connect: Connect, bucket: oss2.Bucket) -> None:
    """Who may not read tags is not told how many there are."""
    bucket.put_object("a", b"1", headers={"x-oss-tagging": "a=b"})
    seen = []
    for rights in ({"oss:GetObject"}, {"oss:GetObject", "oss:GetObjectTagging"}):
        allowed = frozenset((action, "*") for action in rights)
        server.add_identity(Identity(GUEST.access_key_id, GUEST.access_key_secret, rights=allowed))
        seen.append(connect(identity=GUEST).head_object("a").headers.get("x-oss-tagging-count"))
    assert seen == [None, "1"]


def test_an_observer_sees_every_allowed_call(server: OssServer, bucket: oss2.Bucket, connect: Connect) -> None:
    """It is told operation, actions, key, version and identity; a refused signature is no call."""
    server.observer = recorder = Recorder()
    drained(bucket.put_object("b", b"1"))
    drained(bucket.copy_object("uploads", "b", "a", params={"versionId": "null"}))
    assert refusal(lambda: bucket.head_object("none"))[0] == 404
    stranger = connect(identity=Identity(OWNER.access_key_id, "wrong", OWNER.security_token))
    assert refusal(lambda: stranger.head_object("a"))[0] == 403
    actions = (
        ("oss:GetObject", "uploads/b"),
        ("oss:GetObjectVersion", "uploads/b"),
        ("oss:PutObject", "uploads/a"),
    )
    assert recorder.before_calls[1] == WireCall("oss", "CopyObject", actions, "uploads", "a", None, OWNER.access_key_id)
    assert recorder.after_calls == [("PutObject", 200), ("CopyObject", 200), ("HeadObject", 404)]


def test_faults(server: OssServer, bucket: oss2.Bucket) -> None:
    """A call can be refused, garbled, or cut off before or after its effect."""
    server.observer = Recorder({"PutObject": Fault(status=503, code="ServiceUnavailable", delay_s=0.001)})
    assert refusal(lambda: bucket.put_object("a", b"1")) == (503, "ServiceUnavailable")
    server.observer = Recorder({"PutObject": Fault(drop="before")})
    with pytest.raises(oss2.exceptions.RequestError):
        bucket.put_object("a", b"1")
    assert not bucket.object_exists("a")
    server.observer = Recorder({"PutObject": Fault(drop="after"), "GetObjectTagging": Fault(garbage=True)})
    with pytest.raises(oss2.exceptions.RequestError):
        bucket.put_object("a", b"1")
    assert bucket.get_object("a").read() == b"1"
    with pytest.raises(ET.ParseError):
        bucket.get_object_tagging("a")


def test_an_observer_may_call_the_server(server: OssServer, connect: Connect, bucket: oss2.Bucket) -> None:
    """No lock is held while it runs: it can overwrite an object in the middle of another's call."""
    meddler = connect()

    class Swapper(Recorder):
        def before(self, call: WireCall) -> Fault | None:
            if call.operation == "CopyObject":
                meddler.put_object("a", b"swapped")
            return super().before(call)

    etag = bucket.put_object("a", b"judged").etag
    server.observer = Swapper()
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        bucket.copy_object("uploads", "a", "b", headers={"x-oss-copy-source-if-match": etag})


def test_auth_of_the_owner_is_not_kept_in_answers(server: OssServer, bucket: oss2.Bucket) -> None:
    """Neither token nor content hash of the request comes back with the object."""
    bucket.put_object("a", b"1")
    head = bucket.head_object("a").headers
    assert not {"x-oss-security-token", "x-oss-content-sha256", "x-oss-date", "x-oss-object-acl"} & set(head)
    service = oss2.Service(auth_of(OWNER), server.endpoint, session=bucket.session, region=server.region)
    assert len(service.list_buckets().buckets) == 2
