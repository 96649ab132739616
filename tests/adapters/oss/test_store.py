"""The OSS adapter: the real SDK over real sockets against the stand-in."""

import gzip
import json
import logging
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import oss2
import pytest
from oss2.models import BucketVersioningConfig

from handler.adapters.oss.store import OssStore
from handler.credentials import Credentials
from handler.errors import (
    CannotCopy,
    ObjectChanged,
    ObjectGone,
    OperatorError,
    StoreUnavailable,
    WardenError,
)
from handler.log import set_up_log
from handler.meter import Meter
from handler.model import Action, Decision, Upload
from handler.ports import HeldCopy, StoredObject
from handler.upload.holding import held_copy
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Bystander, Fault, Identity, WireCall

REGION = "ap-southeast-1"
ROLE = Identity("STS.role-id", "role-secret", "role+token/with=signs&more")
SECRETS = (
    ROLE.access_key_id,
    ROLE.access_key_secret,
    str(ROLE.security_token),
    "OSS4-HMAC",
    "Signature=",
    "signature=",
)
BUCKETS = ("uploads", "versions", "paused", "held")
EVERY_HEADER = {
    "Content-Type": "image/png; charset=x",
    "Cache-Control": "max-age=1, private",
    "Content-Disposition": 'attachment; filename="a b.png"',
    "Content-Encoding": "identity",
    "Content-Language": "de",
    "Expires": "Sat, 13 Aug 2022 06:45:43 GMT",
}
LONG_KEY = "🎉" * 255 + "abc"
ODD_KEYS = [
    "a b+c.jpg",
    "a%20b%2B.jpg",
    "?x",
    "?versionId=1",
    " ",
    "a//b",
    "a/../b",
    "./a",
    "...",
    "\n",
    "a\x01b",
    "&b=c#d",
    "~",
    "a\\b",
    '"<&>',
    LONG_KEY,
]

Connect = Callable[..., OssStore]


class Script(Bystander):
    """Spoils calls of an operation, as often as told; runs something after one; notes the operations."""

    def __init__(self) -> None:
        self.faults: dict[str, list[Fault]] = {}
        self.afterwards: dict[str, Callable[[], object]] = {}
        self.operations: list[str] = []
        self.calls: list[WireCall] = []

    def before(self, call: WireCall) -> Fault | None:
        """Spoil the next call of that operation."""
        if call.access_key_id == ROLE.access_key_id:
            self.operations.append(call.operation)
            self.calls.append(call)
            waiting = self.faults.get(call.operation)
            if waiting:
                return waiting.pop(0)
        return None

    def after(self, call: WireCall, status: int) -> None:
        """Interfere once."""
        del status
        interfere = self.afterwards.pop(call.operation, None) if call.access_key_id == ROLE.access_key_id else None
        if interfere:
            interfere()


OWNER = Identity("LTAIowner", "owner-secret")


@pytest.fixture(scope="module")
def running() -> Iterator[OssServer]:
    """One server for all tests of the module."""
    with OssServer([OWNER, ROLE]) as server:
        yield server


@pytest.fixture
def server(running: OssServer) -> OssServer:
    """Empty buckets: plain, versioned, suspended, and the quarantine."""
    running.reset()
    running.observer = Bystander()
    running.add_identity(ROLE)
    for name in BUCKETS:
        running.create_bucket(name, versioned=name == "versions")
    return running


@pytest.fixture
def script(server: OssServer) -> Script:
    """Watches the role's calls."""
    script = Script()
    server.observer = script
    return script


@pytest.fixture(scope="module")
def owner(running: OssServer) -> Callable[[str], oss2.Bucket]:
    """The owner's own clients, which no script watches."""
    keys = oss2.credentials.StaticCredentialsProvider(OWNER.access_key_id, OWNER.access_key_secret)
    session = oss2.Session()

    def bucket(name: str) -> oss2.Bucket:
        return oss2.Bucket(
            oss2.ProviderAuthV4(keys), running.endpoint, name, session=session, region=REGION, is_path_style=True
        )

    return bucket


@pytest.fixture
def meter() -> Meter:
    """A count that starts at nothing."""
    return Meter()


@pytest.fixture
def connect(server: OssServer, meter: Meter) -> Connect:
    """A maker of stores, the role's unless told otherwise."""

    def make(identity: Identity = ROLE, **changes: Any) -> OssStore:  # noqa: ANN401  (any setting of it)
        keys = Credentials(identity.access_key_id, identity.access_key_secret, identity.security_token or "")
        usual = {"endpoint": server.endpoint, "public_endpoint": server.endpoint, "region": REGION, "meter": meter}
        return OssStore(keys, **{**usual, "sleep": lambda _: None, **changes})

    return make


@pytest.fixture
def store(connect: Connect, script: Script) -> OssStore:
    """The role's store, watched."""
    del script
    return connect()


Owner = Callable[[str], oss2.Bucket]


def look(store: OssStore, bucket: str, key: str = "a.jpg", version_id: str | None = None) -> StoredObject:
    """What must be there."""
    found = store.head(bucket, key, version_id)
    assert found is not None
    return found


def body(owner: Owner, bucket: str, key: str = "a.jpg", version_id: str | None = None) -> bytes:
    """The bytes of an object, as stored."""
    answer = owner(bucket).get_object(key, params={"versionId": version_id} if version_id else None)
    with answer:
        return bytes(answer.resp.response.raw.read())


def exists(owner: Owner, bucket: str, key: str = "a.jpg") -> bool:
    """Whether a GET would find something."""
    return bool(owner(bucket).object_exists(key))


def pause_versioning(owner: Owner, name: str = "paused") -> None:
    """Enable versioning, put one version, and suspend it."""
    owner(name).put_bucket_versioning(BucketVersioningConfig("Enabled"))
    owner(name).put_object("a.jpg", b"first")
    owner(name).put_bucket_versioning(BucketVersioningConfig("Suspended"))


def copy_to(key: str = "k.jpg", **changes: Any) -> HeldCopy:  # noqa: ANN401  (any field of it)
    """A plain copy to the quarantine."""
    usual: dict[str, Any] = {"bucket": "held", "key": key, "headers": {}, "metadata": {}, "tags": {}}
    return HeldCopy(**(usual | changes))


def refusal(call: Callable[[], object], expected: type[WardenError]) -> str:
    """The message with which the call is refused; checked for secrets, whatever the test is about."""
    with pytest.raises(WardenError) as caught:
        call()
    said = f"{caught.value} {caught.value!r}"
    assert type(caught.value) is expected, said
    assert not [secret for secret in SECRETS if secret in said]
    return str(caught.value)


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
    assert [version.size_bytes for version in store.versions("paused", "a.jpg")] == [6, 5]


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
    assert [version.version_id for version in store.versions("versions", "a.jpg")] == [found.version_id, first]


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
    versions = store.versions("versions", "a.jpg")
    assert [(version.version_id, version.is_current) for version in versions] == [(second, False), (first, False)]
    head = look(store, "versions", version_id=first)
    assert (versions[1].etag, versions[1].last_modified) == (head.etag, head.last_modified)
    assert (versions[1].size_bytes, versions[1].object_type) == (5, "Normal")


def test_current_version_is_marked(store: OssStore, owner: Owner) -> None:
    """The newest, unless it is deleted."""
    owner("versions").put_object("a.jpg", b"first")
    owner("versions").put_object("a.jpg", b"second")
    assert [version.is_current for version in store.versions("versions", "a.jpg")] == [True, False]


def test_versions_are_read_page_by_page(store: OssStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """OSS parts the versions of one key too; behind the last of them no page is asked for."""
    markers: list[tuple[str, str]] = []

    def page(bucket: object, *, prefix: str, max_keys: int, key_marker: str, versionid_marker: str) -> SimpleNamespace:
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
    assert [version.version_id for version in store.versions("versions", "a.jpg")] == ["0", "1", "2", "3", "4"]
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
    assert [version.version_id for version in store.versions("versions", key)] == [found.version_id]
    store.write_tags(found, {"a": "b"})
    assert store.read_tags(found) == {"a": "b"}
    store.hold(found, copy_to())
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
    assert [version.version_id for version in store.versions("versions", "a.jpg")] == [second]
    assert exists(owner, "versions")


def test_delete_in_a_suspended_bucket_removes_the_null_version(store: OssStore, owner: Owner) -> None:
    """Its bytes are gone, the older version stays."""
    pause_versioning(owner)
    owner("paused").put_object("a.jpg", b"second")
    store.delete(look(store, "paused"))
    assert [version.size_bytes for version in store.versions("paused", "a.jpg")] == [5]


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


@pytest.mark.parametrize("key", [" ", "\n", "\t \r"])
def test_blank_key_can_not_be_signed(store: OssStore, owner: Owner, key: str) -> None:
    """The SDK refuses it: the message says of which object."""
    owner("uploads").put_object(key, b"hello")
    found = look(store, "uploads", key)
    assert repr(key) in refusal(lambda: store.sign(found, expires_s=60), OperatorError)


# --- hold and find ---


def test_copy_keeps_all_that_travels_with_the_bytes(store: OssStore, owner: Owner, meter: Meter) -> None:
    """Headers, metadata and tags; private whatever the source was; in two calls."""
    owner("uploads").put_object("a.jpg", b"hello", {"x-oss-object-acl": "public-read", "x-oss-meta-old": "1"})
    found = look(store, "uploads")
    copy = copy_to(
        headers=EVERY_HEADER,
        metadata={"album": "a  b", "empty": "", "warden-source": "uploads/a%20b"},
        tags={"a b": "c/d=e+f", "empty": ""},
    )
    before = meter.oss
    assert store.hold(found, copy) is None
    assert meter.oss - before == 2
    held = store.find("held", "k.jpg")
    assert held is not None
    assert (held.headers, held.metadata) == (copy.headers, copy.metadata)
    assert (held.size_bytes, held.crc64, held.etag) == (5, found.crc64, found.etag)
    assert store.read_tags(held) == copy.tags
    assert owner("held").get_object_acl("k.jpg").acl == "private"
    assert exists(owner, "uploads")


def test_copies_use_one_connection(
    store: OssStore, owner: Owner, server: OssServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is read to its end: a new connection would cost a handshake."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    opened: list[object] = []
    front = server._front  # noqa: SLF001  (the only place that sees connections)
    accept = front.process_request

    def note(request: object, client: object) -> None:
        opened.append(client)
        accept(request, client)

    monkeypatch.setattr(front, "process_request", note)
    for _ in range(5):
        store.hold(found, copy_to())
        store.find("held", "k.jpg")
        store.write_tags(found, {"a": "b"})
        store.versions("uploads", "a.jpg")
    assert opened == []


def test_hostile_headers_survive_or_go_to_the_sidecar(store: OssStore, owner: Owner) -> None:
    """What a raw request can put into headers is held too: bytes beyond ASCII beside the copy, the rest on it."""
    hostile = {
        "Content-Type": "image/jpeg\t; x=<script>%0d%0ax-oss-object-acl: public-read",
        "Content-Disposition": 'attachment; filename="caf\xe9"',
        "x-oss-meta-quote": "\"';--{}%s",
        "x-oss-meta-warden-rule": "none",
        "x-oss-meta-big": "x" * 7000,
    }
    owner("uploads").put_object("a.jpg", b"hello", hostile)
    found = look(store, "uploads")
    upload = Upload("uploads", "a.jpg", found.etag, None, 5, None, REGION, "n", "t", "R-1")
    decision = Decision("p:0", Action.QUARANTINE, "r", 1, "because")
    copy = held_copy(found, bucket="held", key="k.jpg", tags={"a": "b"}, upload=upload, decision=decision, verdict=None)
    assert store.hold(found, copy) is None
    held = look(store, "held", "k.jpg")
    assert held.metadata == copy.metadata
    assert held.metadata["warden-rule"] == "r"
    assert held.metadata["quote"] == hostile["x-oss-meta-quote"]
    assert owner("held").get_object_acl("k.jpg").acl == "private"
    beside = json.loads(body(owner, "held", "k.jpg.metadata.json"))
    assert beside["metadata"]["warden-rule"] == "none"
    assert {**copy.headers, **beside["headers"]} == found.headers
    assert "Content-Disposition" in beside["headers"]


def test_copy_is_of_exactly_the_version(store: OssStore, owner: Owner) -> None:
    """An older version is held, whatever lies over it."""
    first = owner("versions").put_object("a.jpg", b"first").versionid
    owner("versions").put_object("a.jpg", b"second")
    store.hold(look(store, "versions", version_id=first), copy_to())
    assert body(owner, "held", "k.jpg") == b"first"


def test_copy_in_a_suspended_bucket_is_conditional(store: OssStore, owner: Owner) -> None:
    """A null version can be overwritten: its id alone does not name bytes."""
    pause_versioning(owner)
    owner("paused").put_object("a.jpg", b"second")
    found = look(store, "paused")
    store.hold(found, copy_to())
    assert body(owner, "held", "k.jpg") == b"second"
    refusal(lambda: store.hold(replace(found, last_modified="Sat, 13 Aug 2022 06:45:43 GMT"), copy_to()), ObjectChanged)
    owner("paused").put_object("a.jpg", b"third")
    refusal(lambda: store.hold(found, copy_to()), ObjectChanged)


def test_copy_again_is_the_same_copy(store: OssStore, owner: Owner) -> None:
    """A redelivery that finds the source still there writes the same."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    store.hold(found, copy_to(tags={"a": "1"}))
    store.hold(found, copy_to(tags={"a": "1"}))
    assert store.read_tags(look(store, "held", "k.jpg")) == {"a": "1"}


def test_nothing_held_is_nothing(store: OssStore, owner: Owner) -> None:
    """Nor is a deletion in a versioned quarantine bucket."""
    assert store.find("held", "k.jpg") is None
    owner("versions").put_object("k.jpg", b"hello")
    owner("versions").delete_object("k.jpg")
    assert store.find("versions", "k.jpg") is None


def test_sidecar_is_written_first(store: OssStore, owner: Owner, script: Script) -> None:
    """What the copy can't carry is safe before the copy, and private."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    sidecar = json.dumps({"v": 1, "metadata": {"a": "é"}, "headers": {}}).encode()
    store.hold(found, copy_to(sidecar=sidecar))
    assert script.operations == ["HeadObject", "PutObject", "CopyObject", "HeadObject"]
    assert body(owner, "held", "k.jpg.metadata.json") == sidecar
    assert owner("held").get_object_acl("k.jpg.metadata.json").acl == "private"


@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
def test_changed_source_is_not_copied(connect: Connect, script: Script, owner: Owner, parts: bool) -> None:  # noqa: FBT001
    """OSS compares the etag at the copy, not we before it."""
    store = connect(single_copy_bytes=2 if parts else 1000)
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    owner("uploads").put_object("a.jpg", b"other")
    refusal(lambda: store.hold(found, copy_to()), ObjectChanged)
    assert not exists(owner, "held", "k.jpg")
    assert ("AbortMultipartUpload" in script.operations) is parts


@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
def test_source_rewritten_with_the_same_bytes_is_not_copied(connect: Connect, owner: Owner, parts: bool) -> None:  # noqa: FBT001
    """Another upload of the same picture: same etag, later Last-Modified."""
    store = connect(single_copy_bytes=2 if parts else 1000)
    owner("uploads").put_object("a.jpg", b"hello")
    found = replace(look(store, "uploads"), last_modified="Sat, 13 Aug 2022 06:45:43 GMT")
    refusal(lambda: store.hold(found, copy_to()), ObjectChanged)


def test_pinned_version_needs_no_time(store: OssStore, owner: Owner) -> None:
    """The version id names the bytes for ever."""
    owner("versions").put_object("a.jpg", b"hello")
    found = replace(look(store, "versions"), last_modified="Sat, 13 Aug 2022 06:45:43 GMT")
    store.hold(found, copy_to())
    assert body(owner, "held", "k.jpg") == b"hello"


def test_missing_source_is_gone(store: OssStore, owner: Owner) -> None:
    """Nothing is held of it."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    owner("uploads").delete_object("a.jpg")
    refusal(lambda: store.hold(found, copy_to()), ObjectGone)
    assert not exists(owner, "held", "k.jpg")


def test_spoilt_copy_is_noticed(store: OssStore, owner: Owner, script: Script) -> None:
    """Other bytes of the same length under the copy's key: the source must stay."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.afterwards = {"CopyObject": lambda: owner("held").put_object("k.jpg", b"spoil")}
    message = refusal(lambda: store.hold(found, copy_to()), StoreUnavailable)
    assert "does not hold the same bytes; the source stays where it is" in message


def test_vanished_copy_is_noticed(store: OssStore, owner: Owner, script: Script) -> None:
    """A 200 to a copy is not believed."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.afterwards = {"CopyObject": lambda: owner("held").delete_object("k.jpg")}
    refusal(lambda: store.hold(found, copy_to()), StoreUnavailable)


def test_copy_answered_with_something_else_is_noticed(store: OssStore, owner: Owner, script: Script) -> None:
    """OSS may answer 200 and an error in the body: nothing was copied."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {"CopyObject": [Fault(garbage=True)]}
    refusal(lambda: store.hold(found, copy_to()), StoreUnavailable)


def test_copy_of_another_size_is_noticed(store: OssStore, owner: Owner) -> None:
    """Sums can collide; a size beside them makes it harder."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = replace(look(store, "uploads"), size_bytes=4)
    refusal(lambda: store.hold(found, copy_to()), StoreUnavailable)


def test_copy_without_a_crc_is_compared_by_etag(store: OssStore, owner: Owner) -> None:
    """Objects from before OSS kept sums have none."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = replace(look(store, "uploads"), crc64=None)
    assert store.hold(found, copy_to()) is None


def test_large_object_is_copied_in_parts(
    connect: Connect, script: Script, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same headers, metadata, tags and ACL as one copied at once; the ACL goes with the last request."""
    sent: list[Any] = []
    send = oss2.Session.do_request

    def note(session: oss2.Session, req: Any, timeout: Any) -> Any:  # noqa: ANN401  (oss2 has no types)
        sent.append(req)
        return send(session, req, timeout)

    monkeypatch.setattr(oss2.Session, "do_request", note)
    store = connect(single_copy_bytes=200_000, part_bytes=102_400)
    large = bytes(range(256)) * 1000
    owner("uploads").put_object("a.jpg", large, {"x-oss-object-acl": "public-read"})
    found = look(store, "uploads")
    copy = copy_to(headers=EVERY_HEADER, metadata={"album": "summer"}, tags={"a": "b c"})
    assert store.hold(found, copy) is None
    assert script.operations[1:] == [
        "InitiateMultipartUpload",
        *["UploadPartCopy"] * 3,
        "CompleteMultipartUpload",
        "HeadObject",
    ]
    assert body(owner, "held", "k.jpg") == large
    held = look(store, "held", "k.jpg")
    assert (held.headers, held.metadata, held.crc64) == (copy.headers, copy.metadata, found.crc64)
    assert store.read_tags(held) == copy.tags
    [completed] = [req for req in sent if req.method == "POST" and "uploadId" in req.params]
    assert completed.headers["x-oss-object-acl"] == "private"


def test_parts_are_as_large_as_their_number_allows(connect: Connect, owner: Owner) -> None:
    """At most 10,000 parts, however small they were wished."""
    store = connect(single_copy_bytes=1, part_bytes=1)
    owner("uploads").put_object("a.jpg", b"x" * 100)
    found = replace(look(store, "uploads"), size_bytes=10_000 * 7 + 1)
    assert store._part_size(found) == 8  # noqa: SLF001  (an upload of that many parts takes too long here)


@pytest.mark.parametrize("failing", ["UploadPartCopy", "CompleteMultipartUpload"])
def test_failed_copy_in_parts_leaves_no_upload(connect: Connect, script: Script, owner: Owner, failing: str) -> None:
    """Parts that nobody completes would be billed for ever."""
    store = connect(single_copy_bytes=2, part_bytes=102_400)
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {failing: [Fault(status=503, code="ServiceUnavailable")] * 3}
    refusal(lambda: store.hold(found, copy_to()), StoreUnavailable)
    assert script.operations[-1] == "AbortMultipartUpload"
    assert not exists(owner, "held", "k.jpg")


def test_abort_that_fails_hides_nothing(connect: Connect, script: Script, owner: Owner) -> None:
    """The reason of the failure is what is said."""
    store = connect(single_copy_bytes=2)
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    owner("uploads").put_object("a.jpg", b"other")
    script.faults = {"AbortMultipartUpload": [Fault(drop="before")]}
    refusal(lambda: store.hold(found, copy_to()), ObjectChanged)


def test_completed_copy_whose_answer_was_lost_converges(connect: Connect, script: Script, owner: Owner) -> None:
    """The upload is completed, and then unknown: the next delivery copies again and is done."""
    store = connect(single_copy_bytes=2)
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {"CompleteMultipartUpload": [Fault(drop="after")]}
    refusal(lambda: store.hold(found, copy_to()), StoreUnavailable)
    store.hold(found, copy_to())
    assert body(owner, "held", "k.jpg") == b"hello"


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_appendable_object_in_a_versioned_bucket_is_carried(
    store: OssStore, owner: Owner, script: Script, encoding: str | None
) -> None:
    """OSS does not copy it, so it goes through the function: bytes as stored, with headers, metadata, tags and ACL."""
    packed = gzip.compress(b"hello")
    headers = {"Content-Type": "image/png"} | ({"Content-Encoding": encoding} if encoding else {})
    owner("versions").append_object("a.jpg", 0, packed, headers)
    found = look(store, "versions")
    assert found.object_type == "Appendable"
    copy = copy_to(headers=found.headers, metadata={"a": "b"}, tags={"c": "d"})
    assert store.hold(found, copy) is None
    assert script.operations[1:] == ["CopyObject", "GetObject", "PutObject", "HeadObject"]
    assert body(owner, "held", "k.jpg") == packed
    held = look(store, "held", "k.jpg")
    assert (held.headers, held.metadata) == (found.headers, {"a": "b"})
    assert store.read_tags(held) == {"c": "d"}
    assert owner("held").get_object_acl("k.jpg").acl == "private"


def test_false_gzip_does_not_save_an_appendable_object(store: OssStore, owner: Owner) -> None:
    """An uploader who declares plain bytes to be gzip talks nobody past."""
    owner("versions").append_object("a.jpg", 0, b"no gzip at all", {"Content-Encoding": "gzip"})
    store.hold(look(store, "versions"), copy_to())
    assert body(owner, "held", "k.jpg") == b"no gzip at all"


def test_empty_appendable_object_is_carried(store: OssStore, owner: Owner) -> None:
    """Nothing is something too."""
    owner("versions").append_object("a.jpg", 0, b"")
    store.hold(look(store, "versions"), copy_to())
    assert look(store, "held", "k.jpg").size_bytes == 0


def test_appendable_object_that_grew_is_not_carried(store: OssStore, owner: Owner) -> None:
    """The read is conditional too."""
    owner("versions").append_object("a.jpg", 0, b"hello")
    found = look(store, "versions")
    owner("versions").append_object("a.jpg", 5, b" world")
    refusal(lambda: store.hold(found, copy_to()), ObjectChanged)
    assert not exists(owner, "held", "k.jpg")


def test_appendable_object_that_grows_between_copy_and_read_is_not_carried(
    store: OssStore, owner: Owner, script: Script
) -> None:
    """The read compares the etag by itself: nothing else than the judged bytes is ever written."""
    owner("versions").append_object("a.jpg", 0, b"hello")
    found = look(store, "versions")
    script.afterwards = {"CopyObject": lambda: owner("versions").append_object("a.jpg", 5, b" world")}
    refusal(lambda: store.hold(found, copy_to()), ObjectChanged)
    assert not exists(owner, "held", "k.jpg")


@pytest.mark.parametrize("spoilt", ["GetObject", "PutObject"])
@pytest.mark.parametrize("fault", [Fault(status=503, code="ServiceUnavailable"), Fault(drop="before")])
def test_carrying_is_tried_again_from_the_start(
    store: OssStore, owner: Owner, script: Script, spoilt: str, fault: Fault
) -> None:
    """A broken read or write starts over, and the copy is whole."""
    owner("versions").append_object("a.jpg", 0, b"hello" * 10_000)
    found = look(store, "versions")
    script.faults = {spoilt: [fault]}
    store.hold(found, copy_to())
    assert body(owner, "held", "k.jpg") == b"hello" * 10_000


def test_archived_object_can_not_be_copied(store: OssStore, owner: Owner) -> None:
    """It must be restored first, by whoever may."""
    owner("uploads").put_object("a.jpg", b"hello", {"x-oss-storage-class": "Archive"})
    found = look(store, "uploads")
    assert "InvalidObjectState" in refusal(lambda: store.hold(found, copy_to()), CannotCopy)


# --- rights ---


def without(*actions: str) -> Identity:
    """The role without some rights."""
    every = {"oss:GetObject", "oss:GetObjectTagging", "oss:PutObject", "oss:PutObjectTagging", "oss:DeleteObject"}
    rights = frozenset((action, "*") for action in every - set(actions))
    return Identity(ROLE.access_key_id, ROLE.access_key_secret, ROLE.security_token, rights)


@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
def test_refused_tags_do_not_stop_a_copy(
    connect: Connect,
    server: OssServer,
    owner: Owner,
    parts: bool,  # noqa: FBT001
) -> None:
    """Act first, tag second: the copy goes without tags, and the note says so."""
    server.add_identity(without("oss:PutObjectTagging"))
    store = connect(single_copy_bytes=2 if parts else 1000)
    owner("uploads").put_object("a.jpg", b"hello")
    note = store.hold(look(store, "uploads"), copy_to(tags={"a": "b"}))
    assert note is not None
    assert note.startswith("the copy is untagged: could not copy ")
    assert "AccessDenied" in note
    assert body(owner, "held", "k.jpg") == b"hello"


@pytest.mark.parametrize(
    ("missing", "call"),
    [
        ("oss:GetObject", lambda store, _: store.head("uploads", "a.jpg")),
        ("oss:GetObject", lambda store, _: store.link("uploads", "a.jpg")),
        ("oss:ListObjectVersions", lambda store, _: store.versions("uploads", "a.jpg")),
        ("oss:GetObjectTagging", lambda store, found: store.read_tags(found)),
        ("oss:PutObjectTagging", lambda store, found: store.write_tags(found, {"a": "b"})),
        ("oss:DeleteObject", lambda store, found: store.delete(found)),
        ("oss:PutObject", lambda store, found: store.hold(found, copy_to())),
        ("oss:PutObject", lambda store, found: store.hold(found, copy_to(sidecar=b"{}"))),
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
    assert "give the function's role oss:" in message


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
    message = refusal(lambda: store.hold(found, copy_to(bucket="nowhere")), OperatorError)
    assert "create the bucket" in message
    refusal(lambda: store.head("nowhere", "a.jpg"), OperatorError)


@pytest.mark.parametrize("name", ["No_Bucket", "a b", "", "é" * 5])
def test_name_that_no_bucket_has_is_the_operators(store: OssStore, owner: Owner, name: str) -> None:
    """The SDK refuses it before it is sent."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    refusal(lambda: store.hold(found, copy_to(bucket=name, sidecar=b"{}")), OperatorError)
    refusal(lambda: store.hold(found, copy_to(bucket=name)), OperatorError)
    refusal(lambda: store.delete(replace(found, bucket=name)), OperatorError)


def test_sdk_logs_no_secret(connect: Connect, owner: Owner, caplog: pytest.LogCaptureFixture) -> None:
    """Not even where the runtime shows everything: OSS answers a wrong signature with all that was signed."""
    caplog.set_level(logging.DEBUG)
    set_up_log("DEBUG")
    owner("uploads").put_object("a.jpg", b"hello")
    store = connect()
    store.hold(look(store, "uploads"), copy_to())
    store.sign(look(store, "uploads"), expires_s=60)
    wrong = Identity(ROLE.access_key_id, "wrong-secret", ROLE.security_token)
    refusal(lambda: connect(wrong).versions("uploads", "a.jpg"), OperatorError)
    assert not [secret for secret in SECRETS if secret in caplog.text]


# --- faults ---

CALLS: dict[str, Callable[[OssStore, StoredObject], object]] = {
    "HeadObject": lambda store, found: store.head(found.bucket, found.key),
    "GetSymlink": lambda store, found: store.link(found.bucket, found.key),
    "ListObjectVersions": lambda store, found: store.versions(found.bucket, found.key),
    "GetObjectTagging": lambda store, found: store.read_tags(found),
    "PutObjectTagging": lambda store, found: store.write_tags(found, {"a": "b"}),
    "DeleteObject": lambda store, found: store.delete(found),
    "CopyObject": lambda store, found: store.hold(found, copy_to()),
    "PutObject": lambda store, found: store.hold(found, copy_to(sidecar=b"{}")),
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
    """After three tries; the message names the object and no secret."""
    owner("versions").put_object("a.jpg", b"hello")
    found = look(store, "versions")
    script.faults = {operation: [fault] * 3}
    script.operations.clear()
    message = refusal(lambda: CALLS[operation](store, found), StoreUnavailable)
    assert message.startswith("could not ")
    assert script.operations == [operation] * 3


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
