"""The OSS adapter: the real SDK over real sockets against the stand-in."""

import logging
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import oss2
import pytest

from handler.adapters.oss.copying import OssQuarantine
from handler.adapters.oss.store import OssStore
from handler.errors import (
    ObjectGone,
    OperatorError,
    StoreUnavailable,
)
from handler.log import set_up_log
from handler.meter import Meter
from handler.ports import StoredObject
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Fault, Identity
from tests.adapters.oss.oss_world import (
    EVERY_HEADER,
    ODD_KEYS,
    ROLE,
    SECRETS,
    Connect,
    Owner,
    Script,
    body,
    copy_to,
    exists,
    hold,
    look,
    pause_versioning,
    refusal,
    without,
)

# --- head, link, versions ---


def test_head_tells_everything_of_an_object(store: OssStore, owner: Owner, meter: Meter) -> None:
    """One call: etag, time, size, sum, tags, headers and metadata."""
    headers = {**EVERY_HEADER, "x-oss-meta-Album": "a  b", "x-oss-meta-empty": "", "x-oss-tagging": "a=b&c=d"}
    owner("uploads").put_object("a.jpg", b"hello", headers)
    found = look(store, "uploads")
    assert found == StoredObject(
        bucket="uploads",
        key="a.jpg",
        etag="5D41402ABC4B2A76B9719D911017C592",
        last_modified=found.last_modified,
        size_bytes=5,
        version_id=None,
        crc64="11177612005948864433",
        tag_count=2,
        headers=EVERY_HEADER,
        metadata={"album": "a  b", "empty": ""},
    )
    assert found.last_modified.endswith(" GMT")
    assert meter.oss == 1
    assert len(meter.oss_request_ids) == 1


def test_head_of_nothing_is_nothing(store: OssStore) -> None:
    """In a plain and in a versioned bucket."""
    assert store.head("uploads", "a.jpg") is None
    assert store.head("versions", "a.jpg") is None
    assert store.head("versions", "a.jpg", "no-such-version") is None


def test_head_names_a_version(store: OssStore, owner: Owner) -> None:
    """The current one, an older one, and the deletion that hides both."""
    first = owner("versions").put_object("a.jpg", b"first").versionid
    second = owner("versions").put_object("a.jpg", b"second!").versionid
    assert look(store, "versions").version_id == second
    assert look(store, "versions", version_id=first).size_bytes == 5
    owner("versions").delete_object("a.jpg")
    marker = look(store, "versions")
    assert (marker.is_deletion, marker.is_pinned, marker.etag) == (True, True, "")
    assert look(store, "versions", version_id=second).size_bytes == 7


def test_head_in_a_suspended_bucket_answers_null(store: OssStore, owner: Owner) -> None:
    """Such a version is not pinned: the next upload replaces it."""
    pause_versioning(owner)
    owner("paused").put_object("a.jpg", b"second")
    found = look(store, "paused")
    assert (found.version_id, found.is_pinned) == ("null", False)
    assert [version.size_bytes for version in store.versions("paused", "a.jpg").versions] == [6, 5]


def test_link_answers_for_itself(store: OssStore, owner: Owner) -> None:
    """The head is the target's, the link is the link's; an object is no link."""
    owner("uploads").put_object("a.jpg", b"hello")
    owner("uploads").put_symlink("a.jpg", "link.jpg")
    assert look(store, "uploads", "link.jpg").is_symlink
    assert look(store, "uploads", "link.jpg").size_bytes == 5
    link = store.link("uploads", "link.jpg")
    assert link is not None
    assert (link.is_symlink, link.size_bytes, link.bucket, link.key) == (True, 0, "uploads", "link.jpg")
    assert store.link("uploads", "a.jpg") is None
    assert store.link("uploads", "nothing.jpg") is None


@pytest.mark.parametrize("target", ["nowhere.jpg", "another-link.jpg"])
def test_link_that_leads_nowhere_hides_no_version(store: OssStore, owner: Owner, target: str) -> None:
    """Put over bad bytes, it would else have them taken for gone; deleted later, they would be back unjudged."""
    bucket = owner("versions")
    bucket.put_symlink("nowhere.jpg", "another-link.jpg")
    first = bucket.put_object("a.jpg", b"bad bytes").versionid
    bucket.put_symlink(target, "a.jpg")
    found = look(store, "versions")
    assert (found.is_symlink, found.is_pinned) == (True, True)
    assert found.version_id not in {None, first}
    assert look(store, "versions", version_id=found.version_id) == found
    assert [version.version_id for version in store.versions("versions", "a.jpg").versions] == [found.version_id, first]


def test_link_removed_between_two_looks_is_nothing(store: OssStore, owner: Owner, script: Script) -> None:
    """The head still met the link, the second look no more."""
    owner("uploads").put_symlink("nowhere.jpg", "a.jpg")
    script.faults = {"HeadObject": [Fault(status=404, code="SymlinkTargetNotExist")]}
    owner("uploads").delete_object("a.jpg")
    assert store.head("uploads", "a.jpg") is None
    assert script.operations == ["HeadObject", "GetSymlink"]


def test_versions_are_of_exactly_this_key(store: OssStore, owner: Owner) -> None:
    """Newest first, deletions left out; `a.jpg.bak` is no version of `a.jpg`."""
    bucket = owner("versions")
    first = bucket.put_object("a.jpg", b"first").versionid
    bucket.put_object("a.jpg.bak", b"other")
    bucket.put_object("a.jp", b"other")
    second = bucket.put_object("a.jpg", b"second").versionid
    bucket.delete_object("a.jpg")
    versions = store.versions("versions", "a.jpg").versions
    assert [(version.version_id, version.is_current) for version in versions] == [(second, False), (first, False)]
    head = look(store, "versions", version_id=first)
    assert (versions[1].etag, versions[1].last_modified) == (head.etag, head.last_modified)
    assert (versions[1].size_bytes, versions[1].object_type) == (5, "Normal")


def test_current_version_is_marked(store: OssStore, owner: Owner) -> None:
    """The newest, unless it is deleted."""
    owner("versions").put_object("a.jpg", b"first")
    owner("versions").put_object("a.jpg", b"second")
    assert [version.is_current for version in store.versions("versions", "a.jpg").versions] == [True, False]


def test_versions_are_read_page_by_page(store: OssStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """OSS parts the versions of one key too; behind the last of them no page is asked for."""
    markers: list[tuple[str, str]] = []

    def page(
        bucket: object, *, prefix: str, max_keys: int, key_marker: str = "", versionid_marker: str = ""
    ) -> SimpleNamespace:
        """Two versions a page, five of the key, then another key."""
        del bucket
        assert max_keys == 999
        markers.append((key_marker, versionid_marker))
        start = int(versionid_marker or -1) + 1
        shown = [listed(prefix if i < 5 else prefix + ".bak", i) for i in range(start, start + 2)]
        return SimpleNamespace(
            versions=shown, is_truncated=True, next_key_marker=shown[-1].key, next_versionid_marker=str(start + 1)
        )

    monkeypatch.setattr(oss2.Bucket, "list_object_versions", page)
    pages = [store.versions("versions", "a.jpg")]
    while pages[-1].after is not None:
        pages.append(store.versions("versions", "a.jpg", pages[-1].after))
    assert [[version.version_id for version in page.versions] for page in pages] == [["0", "1"], ["2", "3"], ["4"]]
    assert markers == [("", ""), ("a.jpg", "1"), ("a.jpg", "3")]


def listed(key: str, number: int) -> SimpleNamespace:
    """A version as oss2 lists it."""
    return SimpleNamespace(
        key=key,
        etag='"e"',
        last_modified=1660373143,
        size=5,
        versionid=str(number),
        is_latest=number == 0,
        type=None,
    )


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: repr(key)[:24])
def test_odd_keys_are_exact_in_every_call(store: OssStore, owner: Owner, key: str) -> None:
    """Looked at, listed, tagged, copied and removed: this object and no other."""
    bucket = owner("versions")
    bucket.put_object(key, b"hello")
    found = look(store, "versions", key)
    assert [version.version_id for version in store.versions("versions", key).versions] == [found.version_id]
    store.write_tags(found, {"a": "b"})
    assert store.read_tags(found) == {"a": "b"}
    hold(OssQuarantine(store), found, copy_to())
    assert body(owner, "held", "k.jpg") == b"hello"
    store.delete(found)
    assert store.head("versions", key) is None


@pytest.mark.parametrize("key", [".", ".."])
def test_keys_that_http_can_not_name_are_the_operators(store: OssStore, key: str, meter: Meter) -> None:
    """A client resolves them before it sends: the call would go to the bucket itself."""
    for call in (store.head, store.link):
        assert "remove it by hand" in refusal(lambda call=call: call("uploads", key), OperatorError)  # type: ignore[misc]
    assert meter.oss == 0


# --- tags ---


def test_tags_are_replaced_as_a_whole(store: OssStore, owner: Owner) -> None:
    """Every allowed character and an empty value arrive."""
    owner("uploads").put_object("a.jpg", b"hello", {"x-oss-tagging": "old=1"})
    found = look(store, "uploads")
    tags = {"a b+c-d=e._:/": " +-=._:/x", "empty": "", "k" * 128: "v" * 256}
    store.write_tags(found, tags)
    assert store.read_tags(found) == tags
    assert look(store, "uploads").tag_count == 3
    store.write_tags(found, {})
    assert store.read_tags(found) == {}


def test_tags_are_of_exactly_this_version(store: OssStore, owner: Owner) -> None:
    """An older version is tagged, the newer one is not."""
    first = owner("versions").put_object("a.jpg", b"first").versionid
    owner("versions").put_object("a.jpg", b"second")
    store.write_tags(look(store, "versions", version_id=first), {"a": "b"})
    assert store.read_tags(look(store, "versions", version_id=first)) == {"a": "b"}
    assert store.read_tags(look(store, "versions")) == {}


def test_tags_of_what_is_gone(store: OssStore, owner: Owner) -> None:
    """Neither read nor written."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    owner("uploads").delete_object("a.jpg")
    refusal(lambda: store.read_tags(found), ObjectGone)
    refusal(lambda: store.write_tags(found, {"a": "b"}), ObjectGone)


def test_eleven_tags_are_refused(store: OssStore, owner: Owner) -> None:
    """By OSS; it is never the object's fault."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    refusal(lambda: store.write_tags(found, {str(i): "x" for i in range(11)}), OperatorError)


def test_tag_too_long_for_the_sdk_is_the_operators(store: OssStore, owner: Owner) -> None:
    """The SDK refuses it before it is sent."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    refusal(lambda: store.write_tags(found, {"k" * 129: "x"}), OperatorError)


# --- delete ---


def test_delete_removes_the_object(store: OssStore, owner: Owner) -> None:
    """And once more: a missing object counts as done."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    store.delete(found)
    store.delete(found)
    assert not exists(owner, "uploads")


def test_delete_removes_exactly_the_version(store: OssStore, owner: Owner) -> None:
    """No deletion marker is left, and the other version stays."""
    first = owner("versions").put_object("a.jpg", b"first").versionid
    second = owner("versions").put_object("a.jpg", b"second").versionid
    store.delete(look(store, "versions", version_id=first))
    assert [version.version_id for version in store.versions("versions", "a.jpg").versions] == [second]
    assert exists(owner, "versions")


def test_delete_in_a_suspended_bucket_removes_the_null_version(store: OssStore, owner: Owner) -> None:
    """Its bytes are gone, the older version stays."""
    pause_versioning(owner)
    owner("paused").put_object("a.jpg", b"second")
    store.delete(look(store, "paused"))
    assert [version.size_bytes for version in store.versions("paused", "a.jpg").versions] == [5]


@pytest.mark.parametrize("bucket", ["uploads", "paused"])
def test_delete_without_a_version_is_asked_once(store: OssStore, owner: Owner, script: Script, bucket: str) -> None:
    """Its answer was lost, and other bytes came: asking again would remove these, unjudged."""
    if bucket == "paused":
        pause_versioning(owner)
    owner(bucket).put_object("a.jpg", b"hello")
    found = look(store, bucket)
    script.faults = {"DeleteObject": [Fault(drop="after")]}
    script.afterwards = {"DeleteObject": lambda: owner(bucket).put_object("a.jpg", b"others")}
    refusal(lambda: store.delete(found), StoreUnavailable)
    assert script.operations.count("DeleteObject") == 1
    assert body(owner, bucket) == b"others"


def test_delete_of_a_link_leaves_its_target(store: OssStore, owner: Owner) -> None:
    """The link goes, never what it points to."""
    owner("uploads").put_object("a.jpg", b"hello")
    owner("uploads").put_symlink("a.jpg", "link.jpg")
    link = store.link("uploads", "link.jpg")
    assert link is not None
    store.delete(link)
    assert not exists(owner, "uploads", "link.jpg")
    assert body(owner, "uploads") == b"hello"


# --- signed URLs ---


def fetch(url: str) -> bytes:
    """What anybody gets who has the URL."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  (the stand-in's own URL)
        return bytes(answer.read())


@pytest.mark.parametrize("key", [key for key in ODD_KEYS if key.strip()], ids=lambda key: repr(key)[:24])
def test_signed_url_reads_exactly_the_version(store: OssStore, owner: Owner, meter: Meter, key: str) -> None:
    """With a role's token, an older version, and any key; signing costs no call."""
    first = owner("versions").put_object(key, b"first").versionid
    owner("versions").put_object(key, b"second")
    found = look(store, "versions", key, first)
    before = meter.oss
    url = store.sign(found, expires_s=60)
    assert meter.oss == before
    assert fetch(url) == b"first"
    assert url.isascii()


def test_signed_url_of_a_plain_object(store: OssStore, owner: Owner) -> None:
    """Without a version the key is what is read; whoever alters the URL reads nothing."""
    owner("uploads").put_object("a.jpg", b"hello")
    owner("uploads").put_object("b.jpg", b"other")
    url = store.sign(look(store, "uploads"), expires_s=60)
    assert fetch(url) == b"hello"
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        fetch(url.replace("a.jpg", "b.jpg"))
    caught.value.close()


def test_signed_url_is_for_the_public_network(connect: Connect, owner: Owner) -> None:
    """The moderation service reads from outside: the bucket is a name in front of the public endpoint."""
    owner("uploads").put_object("a/b.jpg", b"hello")
    store = connect(public_endpoint="https://oss-ap-southeast-1.aliyuncs.com")
    url = store.sign(look(store, "uploads", "a/b.jpg"), expires_s=60)
    assert url.startswith("https://uploads.oss-ap-southeast-1.aliyuncs.com/a/b.jpg?")
    assert "x-oss-expires=60" in url


def test_signed_url_goes_by_the_buckets_own_domain(connect: Connect, owner: Owner) -> None:
    """The bucket is no part of it; other buckets keep the public endpoint."""
    owner("uploads").put_object("a/b.jpg", b"hello")
    owner("versions").put_object("a.jpg", b"hello")
    store = connect(
        public_endpoint="https://oss-cn-hangzhou.aliyuncs.com", custom_domains={"uploads": "https://pics.example"}
    )
    url = store.sign(look(store, "uploads", "a/b.jpg"), expires_s=60)
    assert url.startswith("https://pics.example/a/b.jpg?")
    other = store.sign(look(store, "versions"), expires_s=60)
    assert other.startswith("https://versions.oss-cn-hangzhou.aliyuncs.com/a.jpg?")


# The SDK signs no blank ones, and its HTTP client folds dot segments before it asks.
SIGNED_AND_ASKED_KEYS = [key for key in ODD_KEYS if key.strip() and not {".", ".."} & {*key.split("/")}]


@pytest.fixture
def domain(server: OssServer, own_domain: str) -> str:
    """A domain of the bucket `versions` alone, which leads to the stand-in: its URL."""
    host = f"{own_domain}:{server.endpoint.rpartition(':')[2]}"
    server.map_domain(host, "versions")
    return f"http://{host}"


@pytest.mark.parametrize("key", SIGNED_AND_ASKED_KEYS, ids=lambda key: repr(key)[:24])
def test_links_by_a_domain_are_read_where_the_default_ones_are_refused(
    connect: Connect, server: OssServer, owner: Owner, domain: str, key: str
) -> None:
    """As OSS does in mainland regions: a version of any key, with a role's token."""
    version = owner("versions").put_object(key, b"hello").versionid
    server.is_public_endpoint_open = False
    by_default = connect()
    message = refusal(lambda: by_default.check_link(look(by_default, "versions", key, version)), OperatorError)
    assert "PublicEndpointForbidden" in message
    assert "map a domain of your own to the bucket, and name it in OSS_CUSTOM_DOMAINS" in message
    store = connect(custom_domains={"versions": domain})
    found = look(store, "versions", key, version)
    store.check_link(found)
    assert fetch(store.sign(found, expires_s=60)) == b"hello"


@pytest.mark.parametrize("url", ["http://no-such-host.invalid", "http://127.0.0.1:1", "https://127.0.0.1:{port}"])
def test_a_domain_that_does_not_answer_says_nothing_of_links(
    connect: Connect, server: OssServer, owner: Owner, meter: Meter, url: str
) -> None:
    """The function's own network may be why; it counts as one call, and is not tried again."""
    version = owner("versions").put_object("a.jpg", b"hello").versionid
    url = url.format(port=server.endpoint.rpartition(":")[2])
    store = connect(custom_domains={"versions": url})
    found, before = look(store, "versions", "a.jpg", version), meter.oss
    store.check_link(found)
    assert meter.oss == before + 1


def test_only_a_refusal_of_the_account_speaks_against_links(connect: Connect, server: OssServer, owner: Owner) -> None:
    """What is gone, and what may not be read, says nothing of links: an uploader can bring both about."""
    owner("uploads").put_object("a.jpg", b"hello")
    store = connect()
    found = look(store, "uploads")
    owner("uploads").delete_object("a.jpg")
    store.check_link(found)
    server.add_identity(without("oss:GetObject"))
    connect().check_link(found)


@pytest.mark.parametrize("key", [" ", "\n", "\t \r"])
def test_blank_key_can_not_be_signed(store: OssStore, owner: Owner, key: str) -> None:
    """The SDK refuses it: the message says of which object."""
    owner("uploads").put_object(key, b"hello")
    found = look(store, "uploads", key)
    assert repr(key) in refusal(lambda: store.sign(found, expires_s=60), OperatorError)


# --- rights ---


@pytest.mark.parametrize(
    ("missing", "call"),
    [
        ("oss:GetObject", lambda store, _: store.head("uploads", "a.jpg")),
        ("oss:GetObject", lambda store, _: store.link("uploads", "a.jpg")),
        ("oss:ListObjectVersions", lambda store, _: store.versions("uploads", "a.jpg").versions),
        ("oss:GetObjectTagging", lambda store, found: store.read_tags(found)),
        ("oss:PutObjectTagging", lambda store, found: store.write_tags(found, {"a": "b"})),
        ("oss:DeleteObject", lambda store, found: store.delete(found)),
        ("oss:PutObject", lambda store, found: hold(OssQuarantine(store), found, copy_to())),
        ("oss:PutObject", lambda store, found: hold(OssQuarantine(store), found, copy_to(sidecar=b"{}"))),
    ],
)
def test_missing_right_is_the_operators(
    connect: Connect, server: OssServer, owner: Owner, missing: str, call: Callable[[OssStore, StoredObject], object]
) -> None:
    """Each call says which object it was refused on, and that the role is to be mended."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(connect(), "uploads")
    server.add_identity(without(missing))
    message = refusal(lambda: call(connect(), found), OperatorError)
    assert "AccessDenied" in message
    assert "your own user) oss:" in message


@pytest.mark.parametrize(
    ("identity", "code"),
    [
        (Identity("STS.nobody", "s", "t"), "InvalidAccessKeyId"),
        (Identity(ROLE.access_key_id, "wrong-secret", ROLE.security_token), "SignatureDoesNotMatch"),
    ],
)
def test_wrong_keys_are_the_operators(connect: Connect, identity: Identity, code: str) -> None:
    """Also on a HEAD, whose answer has no body."""
    assert code in refusal(lambda: connect(identity).head("uploads", "a.jpg"), OperatorError)


def test_expired_token_is_the_operators(connect: Connect, server: OssServer) -> None:
    """Function Compute renews it with the next instance."""
    server.expire_identity(ROLE.access_key_id)
    assert "the token has run out" in refusal(lambda: connect().head("uploads", "a.jpg"), OperatorError)


def test_missing_bucket_is_the_operators(store: OssStore, owner: Owner) -> None:
    """A quarantine that is not there is no object that is gone: the source must stay."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    message = refusal(lambda: hold(OssQuarantine(store), found, copy_to(bucket="nowhere")), OperatorError)
    assert "create the bucket" in message
    refusal(lambda: store.head("nowhere", "a.jpg"), OperatorError)


@pytest.mark.parametrize("name", ["No_Bucket", "a b", "", "é" * 5])
def test_name_that_no_bucket_has_is_the_operators(store: OssStore, owner: Owner, name: str) -> None:
    """The SDK refuses it before it is sent."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    refusal(lambda: hold(OssQuarantine(store), found, copy_to(bucket=name, sidecar=b"{}")), OperatorError)
    refusal(lambda: hold(OssQuarantine(store), found, copy_to(bucket=name)), OperatorError)
    refusal(lambda: store.delete(replace(found, bucket=name)), OperatorError)


def test_sdk_logs_no_secret(connect: Connect, owner: Owner, caplog: pytest.LogCaptureFixture) -> None:
    """Not even where the runtime shows everything: OSS answers a wrong signature with all that was signed."""
    caplog.set_level(logging.DEBUG)
    set_up_log("DEBUG")
    owner("uploads").put_object("a.jpg", b"hello")
    store = connect()
    hold(OssQuarantine(store), look(store, "uploads"), copy_to())
    store.sign(look(store, "uploads"), expires_s=60)
    wrong = Identity(ROLE.access_key_id, "wrong-secret", ROLE.security_token)
    refusal(lambda: connect(wrong).versions("uploads", "a.jpg"), OperatorError)
    assert not [secret for secret in SECRETS if secret in caplog.text]


# --- faults ---

CALLS: dict[str, Callable[[OssStore, StoredObject], object]] = {
    "HeadObject": lambda store, found: store.head(found.bucket, found.key),
    "GetSymlink": lambda store, found: store.link(found.bucket, found.key),
    "ListObjectVersions": lambda store, found: store.versions(found.bucket, found.key).versions,
    "GetObjectTagging": lambda store, found: store.read_tags(found),
    "PutObjectTagging": lambda store, found: store.write_tags(found, {"a": "b"}),
    "DeleteObject": lambda store, found: store.delete(found),
    "CopyObject": lambda store, found: hold(OssQuarantine(store), found, copy_to()),
    "PutObject": lambda store, found: hold(OssQuarantine(store), found, copy_to(sidecar=b"{}")),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500, code="InternalError"),
        Fault(status=503, code="QpsLimitExceeded"),
        Fault(drop="before"),
        Fault(drop="after"),
    ],
    ids=["500", "503", "dropped unheard", "dropped unanswered"],
)
def test_two_faults_are_waited_out(
    connect: Connect, script: Script, owner: Owner, operation: str, fault: Fault
) -> None:
    """Each call may be repeated: a third try succeeds, after two pauses of a second at most; each try is counted."""
    pauses: list[float] = []
    meter = Meter()
    store = connect(sleep=pauses.append, meter=meter)
    owner("versions").put_object("a.jpg", b"hello")
    found = look(store, "versions")
    script.faults = {operation: [fault] * 2}
    script.operations.clear()
    meter.start()
    CALLS[operation](store, found)
    assert script.operations.count(operation) == 3
    assert meter.oss == len(script.operations)
    assert len(pauses) == 2
    assert all(0 <= pause <= 1.0 for pause in pauses)


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("fault", [Fault(status=503, code="ServiceUnavailable"), Fault(drop="before")])
def test_lasting_fault_is_for_the_next_delivery(
    store: OssStore, script: Script, owner: Owner, operation: str, fault: Fault
) -> None:
    """After three tries, and a look whether the copy was made; the message names the object and no secret."""
    owner("versions").put_object("a.jpg", b"hello")
    found = look(store, "versions")
    script.faults = {operation: [fault] * 3}
    script.operations.clear()
    message = refusal(lambda: CALLS[operation](store, found), StoreUnavailable)
    assert message.startswith("could not ")
    assert script.operations == [operation] * 3 + ["HeadObject"] * (operation == "CopyObject")


@pytest.mark.parametrize("operation", ["ListObjectVersions", "GetObjectTagging"])
def test_body_of_another_shape_is_no_answer(store: OssStore, script: Script, owner: Owner, operation: str) -> None:
    """Asked again; and never taken for an empty list."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {operation: [Fault(garbage=True)] * 3}
    message = refusal(lambda: CALLS[operation](store, found), StoreUnavailable)
    assert message.endswith("no readable answer of OSS (ParseError)")
    script.faults = {operation: [Fault(garbage=True)]}
    CALLS[operation](store, found)


def test_head_without_an_etag_is_no_answer(store: OssStore, script: Script, owner: Owner) -> None:
    """Some proxy's 200 would else be an object of other bytes, and the upload superseded."""
    owner("uploads").put_object("a.jpg", b"hello")
    script.faults = {"HeadObject": [Fault(garbage=True)]}
    assert "has no ETag" in refusal(lambda: store.head("uploads", "a.jpg"), StoreUnavailable)


def answer_by_half(listener: socket.socket, times: int) -> None:
    """Promise more than is sent."""
    for _ in range(times):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n<Tagging>")


def test_answer_that_breaks_off_is_no_answer(connect: Connect, meter: Meter) -> None:
    """A connection lost in the middle of a body is asked again, then left to the next delivery."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        breaking_off = threading.Thread(target=answer_by_half, args=(listener, 3))
        breaking_off.start()
        found = StoredObject("uploads", "a.jpg", "E", "T", 5)
        message = refusal(lambda: connect(endpoint=endpoint).read_tags(found), StoreUnavailable)
        breaking_off.join()
    assert message.startswith("could not read the tags of uploads/'a.jpg': no readable answer of OSS (")
    assert meter.oss == 3
