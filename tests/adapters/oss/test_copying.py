"""Copies into and out of quarantine: the real SDK over real sockets against the stand-in."""

import gzip
import json
from dataclasses import replace
from typing import Any

import oss2
import pytest

from handler.adapters.oss import copying
from handler.adapters.oss.copying import BROKEN_READ, OssQuarantine
from handler.adapters.oss.store import OssStore
from handler.errors import (
    CannotCopy,
    ObjectChanged,
    ObjectGone,
    OperatorError,
    PlaceTaken,
    StoreUnavailable,
)
from handler.meter import Meter
from handler.model import Action, Decision, Upload
from handler.ports import Copied, StoredObject
from handler.upload.holding import held_copy
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Fault
from tests.adapters.oss.oss_world import (
    EVERY_HEADER,
    REGION,
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
    assert hold(OssQuarantine(store), found, copy).note is None
    assert meter.oss - before == 2
    held = OssQuarantine(store).find("held", "k.jpg")
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
    front = server._listener  # noqa: SLF001  (the only place that sees connections)
    accept = front.process_request

    def note(request: object, client: object) -> None:
        opened.append(client)
        accept(request, client)

    monkeypatch.setattr(front, "process_request", note)
    for _ in range(5):
        hold(OssQuarantine(store), found, copy_to())
        OssQuarantine(store).find("held", "k.jpg")
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
    assert hold(OssQuarantine(store), found, copy).note is None
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
    hold(OssQuarantine(store), look(store, "versions", version_id=first), copy_to())
    assert body(owner, "held", "k.jpg") == b"first"


def test_copy_in_a_suspended_bucket_is_conditional(store: OssStore, owner: Owner) -> None:
    """A null version can be overwritten: its id alone does not name bytes."""
    pause_versioning(owner)
    owner("paused").put_object("a.jpg", b"second")
    found = look(store, "paused")
    hold(OssQuarantine(store), found, copy_to())
    assert body(owner, "held", "k.jpg") == b"second"
    refusal(
        lambda: hold(OssQuarantine(store), replace(found, last_modified="Sat, 13 Aug 2022 06:45:43 GMT"), copy_to()),
        ObjectChanged,
    )
    owner("paused").put_object("a.jpg", b"third")
    refusal(lambda: hold(OssQuarantine(store), found, copy_to()), ObjectChanged)


def test_copy_again_is_the_same_copy(store: OssStore, owner: Owner) -> None:
    """A redelivery that finds the source still there writes the same."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    hold(OssQuarantine(store), found, copy_to(tags={"a": "1"}))
    hold(OssQuarantine(store), found, copy_to(tags={"a": "1"}))
    assert store.read_tags(look(store, "held", "k.jpg")) == {"a": "1"}


def test_nothing_held_is_nothing(store: OssStore, owner: Owner) -> None:
    """Nor is a deletion in a versioned quarantine bucket."""
    assert OssQuarantine(store).find("held", "k.jpg") is None
    owner("versions").put_object("k.jpg", b"hello")
    owner("versions").delete_object("k.jpg")
    assert OssQuarantine(store).find("versions", "k.jpg") is None


def test_sidecar_is_written_first(store: OssStore, owner: Owner, script: Script) -> None:
    """What the copy can't carry is safe before the copy, and private."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    sidecar = json.dumps({"v": 1, "metadata": {"a": "é"}, "headers": {}}).encode()
    hold(OssQuarantine(store), found, copy_to(sidecar=sidecar))
    assert script.operations == ["HeadObject", "PutObject", "CopyObject", "HeadObject"]
    assert body(owner, "held", "k.jpg.metadata.json") == sidecar
    assert owner("held").get_object_acl("k.jpg.metadata.json").acl == "private"


@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
def test_changed_source_is_not_copied(connect: Connect, script: Script, owner: Owner, parts: bool) -> None:  # noqa: FBT001
    """OSS compares the etag at the copy, not we before it."""
    store = connect()
    quarantine = OssQuarantine(store, single_copy_bytes=2 if parts else 1000)
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    owner("uploads").put_object("a.jpg", b"other")
    refusal(lambda: hold(quarantine, found, copy_to()), ObjectChanged)
    assert not exists(owner, "held", "k.jpg")
    assert ("AbortMultipartUpload" in script.operations) is parts


@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
def test_source_rewritten_with_the_same_bytes_is_not_copied(connect: Connect, owner: Owner, parts: bool) -> None:  # noqa: FBT001
    """Another upload of the same picture: same etag, later Last-Modified."""
    store = connect()
    quarantine = OssQuarantine(store, single_copy_bytes=2 if parts else 1000)
    owner("uploads").put_object("a.jpg", b"hello")
    found = replace(look(store, "uploads"), last_modified="Sat, 13 Aug 2022 06:45:43 GMT")
    refusal(lambda: hold(quarantine, found, copy_to()), ObjectChanged)


def test_pinned_version_needs_no_time(store: OssStore, owner: Owner) -> None:
    """The version id names the bytes for ever."""
    owner("versions").put_object("a.jpg", b"hello")
    found = replace(look(store, "versions"), last_modified="Sat, 13 Aug 2022 06:45:43 GMT")
    hold(OssQuarantine(store), found, copy_to())
    assert body(owner, "held", "k.jpg") == b"hello"


def test_missing_source_is_gone(store: OssStore, owner: Owner) -> None:
    """Nothing is held of it."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    owner("uploads").delete_object("a.jpg")
    refusal(lambda: hold(OssQuarantine(store), found, copy_to()), ObjectGone)
    assert not exists(owner, "held", "k.jpg")


def test_spoilt_copy_is_noticed(store: OssStore, owner: Owner, script: Script) -> None:
    """Other bytes of the same length under the copy's key: the source must stay."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.afterwards = {"CopyObject": lambda: owner("held").put_object("k.jpg", b"spoil")}
    message = refusal(lambda: hold(OssQuarantine(store), found, copy_to()), StoreUnavailable)
    assert "does not hold the same bytes; the source stays where it is" in message


def test_vanished_copy_is_noticed(store: OssStore, owner: Owner, script: Script) -> None:
    """A 200 to a copy is not believed."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.afterwards = {"CopyObject": lambda: owner("held").delete_object("k.jpg")}
    refusal(lambda: hold(OssQuarantine(store), found, copy_to()), StoreUnavailable)


def test_copy_answered_with_something_else_is_noticed(store: OssStore, owner: Owner, script: Script) -> None:
    """OSS may answer 200 and an error in the body: nothing was copied."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {"CopyObject": [Fault(garbage=True)]}
    refusal(lambda: hold(OssQuarantine(store), found, copy_to()), StoreUnavailable)


def test_copy_of_another_size_is_noticed(store: OssStore, owner: Owner) -> None:
    """Sums can collide; a size beside them makes it harder."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = replace(look(store, "uploads"), size_bytes=4)
    refusal(lambda: hold(OssQuarantine(store), found, copy_to()), StoreUnavailable)


@pytest.mark.parametrize("bucket", ["uploads", "versions"])
@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_appendable_object_is_carried(
    store: OssStore, owner: Owner, script: Script, encoding: str | None, bucket: str
) -> None:
    """Through the function, without asking OSS for a copy: bytes as stored, with headers, metadata, tags and ACL."""
    packed = gzip.compress(b"hello")
    headers = {"Content-Type": "image/png"} | ({"Content-Encoding": encoding} if encoding else {})
    owner(bucket).append_object("a.jpg", 0, packed, headers)
    found = look(store, bucket)
    assert found.object_type == "Appendable"
    copy = copy_to(headers=found.headers, metadata={"a": "b"}, tags={"c": "d"})
    assert hold(OssQuarantine(store), found, copy).note is None
    assert script.operations[1:] == ["GetObject", "PutObject", "HeadObject"]
    assert body(owner, "held", "k.jpg") == packed
    held = look(store, "held", "k.jpg")
    assert (held.headers, held.metadata) == (found.headers, {"a": "b"})
    assert store.read_tags(held) == {"c": "d"}
    assert owner("held").get_object_acl("k.jpg").acl == "private"


def test_false_gzip_does_not_save_an_appendable_object(store: OssStore, owner: Owner) -> None:
    """An uploader who declares plain bytes to be gzip talks nobody past."""
    owner("versions").append_object("a.jpg", 0, b"no gzip at all", {"Content-Encoding": "gzip"})
    hold(OssQuarantine(store), look(store, "versions"), copy_to())
    assert body(owner, "held", "k.jpg") == b"no gzip at all"


def test_empty_appendable_object_is_carried(store: OssStore, owner: Owner) -> None:
    """Nothing is something too."""
    owner("versions").append_object("a.jpg", 0, b"")
    hold(OssQuarantine(store), look(store, "versions"), copy_to())
    assert look(store, "held", "k.jpg").size_bytes == 0


def test_appendable_object_that_grew_is_not_carried(store: OssStore, owner: Owner) -> None:
    """The read is conditional too."""
    owner("versions").append_object("a.jpg", 0, b"hello")
    found = look(store, "versions")
    owner("versions").append_object("a.jpg", 5, b" world")
    refusal(lambda: hold(OssQuarantine(store), found, copy_to()), ObjectChanged)
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
    hold(OssQuarantine(store), found, copy_to())
    assert body(owner, "held", "k.jpg") == b"hello" * 10_000


@pytest.mark.parametrize("appendable", [False, True], ids=["normal", "appendable"])
def test_archived_object_can_not_be_copied(store: OssStore, owner: Owner, script: Script, *, appendable: bool) -> None:
    """It must be restored first, by whoever may; what can't be copied can't be read."""
    headers = {"x-oss-storage-class": "Archive"}
    if appendable:
        owner("uploads").append_object("a.jpg", 0, b"hello", headers)
    else:
        owner("uploads").put_object("a.jpg", b"hello", headers)
    found = look(store, "uploads")
    message = refusal(lambda: hold(OssQuarantine(store), found, copy_to()), CannotCopy)
    assert "InvalidObjectState" in message
    assert "has to be restored first" in message
    assert script.operations[1:] == ["GetObject" if appendable else "CopyObject"]


def test_what_oss_does_not_copy_is_carried(store: OssStore, owner: Owner, script: Script) -> None:
    """Whatever kind of object that is; the reason why nothing is done says no more than OSS did."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {"CopyObject": [Fault(status=400, code="OperationNotSupported")]}
    hold(OssQuarantine(store), found, copy_to())
    assert body(owner, "held", "k.jpg") == b"hello"
    refused = [Fault(status=400, code="OperationNotSupported")]
    script.faults = {"CopyObject": [*refused], "PutObject": [*refused]}
    message = refusal(lambda: hold(OssQuarantine(store), found, copy_to("other.jpg")), CannotCopy)
    assert message.endswith("; OSS does not copy an object of this kind")


@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
def test_refused_tags_do_not_stop_a_copy(
    connect: Connect,
    server: OssServer,
    owner: Owner,
    parts: bool,  # noqa: FBT001
) -> None:
    """Act first, tag second: the copy goes without tags, and the note says so."""
    server.add_identity(without("oss:PutObjectTagging"))
    store = connect()
    quarantine = OssQuarantine(store, single_copy_bytes=2 if parts else 1000)
    owner("uploads").put_object("a.jpg", b"hello")
    note = hold(quarantine, look(store, "uploads"), copy_to(tags={"a": "b"})).note
    assert note is not None
    assert note.startswith("the copy is untagged: could not copy ")
    assert "AccessDenied" in note
    assert body(owner, "held", "k.jpg") == b"hello"


# --- a copy that is there already ---


def append(owner: Owner, bucket: str, data: bytes) -> None:
    """An appendable object."""
    owner(bucket).append_object("a.jpg", 0, data)


def put(owner: Owner, bucket: str, data: bytes) -> None:
    """A plain one."""
    owner(bucket).put_object("a.jpg", data)


WRITERS = {"CopyObject": put, "PutObject": append}


@pytest.mark.parametrize("writer", WRITERS)
def test_lost_answer_is_no_failed_copy(store: OssStore, owner: Owner, script: Script, writer: str) -> None:
    """A copy slower than the time that a call has is asked for again, and found to be there."""
    WRITERS[writer](owner, "uploads", b"hello")
    found = look(store, "uploads")
    script.faults = {writer: [Fault(drop="after")]}
    assert hold(OssQuarantine(store), found, copy_to(tags={"a": "b"})) == Copied(None, request_id="")
    assert script.operations.count(writer) == 2
    assert body(owner, "held", "k.jpg") == b"hello"


@pytest.mark.parametrize("writer", WRITERS)
def test_copy_whose_every_answer_is_lost_is_done(store: OssStore, owner: Owner, script: Script, writer: str) -> None:
    """Where each try takes longer than a call may, the refusals too, what is there says that it was made."""
    WRITERS[writer](owner, "uploads", b"hello")
    found = look(store, "uploads")
    script.faults = {writer: [Fault(drop="after")] * 3}
    assert hold(OssQuarantine(store), found, copy_to()) == Copied()
    assert script.operations.count(writer) == 3


def test_copy_that_failed_is_tried_later(store: OssStore, owner: Owner, script: Script) -> None:
    """The error that is told is that of the copy."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {"CopyObject": [Fault(status=503, code="ServiceUnavailable")] * 3}
    message = refusal(lambda: hold(OssQuarantine(store), found, copy_to()), StoreUnavailable)
    assert message.startswith("could not copy uploads/'a.jpg': OSS says ServiceUnavailable")


@pytest.mark.parametrize("writer", WRITERS)
def test_copy_says_which_request_made_it(
    store: OssStore, owner: Owner, script: Script, meter: Meter, writer: str
) -> None:
    """Its event names the same id."""
    WRITERS[writer](owner, "uploads", b"hello")
    found = look(store, "uploads")
    copied = hold(OssQuarantine(store), found, copy_to())
    assert copied.request_id == meter.oss_request_ids[script.operations.index(writer)] != ""


@pytest.mark.parametrize("writer", WRITERS)
def test_copy_that_retention_keeps_is_done(store: OssStore, owner: Owner, script: Script, writer: str) -> None:
    """A quarantine under a retention policy refuses the second copy in other words."""
    WRITERS[writer](owner, "uploads", b"hello")
    found = look(store, "uploads")
    hold(OssQuarantine(store), found, copy_to())
    script.faults = {writer: [Fault(status=409, code="FileImmutable")]}
    assert hold(OssQuarantine(store), found, copy_to()) == Copied()


@pytest.mark.parametrize("code", ["FileAlreadyExists", "FileImmutable"])
def test_other_bytes_are_not_overwritten(store: OssStore, owner: Owner, script: Script, code: str) -> None:
    """They may be all that is left of a picture; not even without the tags is it tried."""
    owner("uploads").put_object("a.jpg", b"hello")
    owner("held").put_object("k.jpg", b"other")
    found = look(store, "uploads")
    script.faults = {"CopyObject": [Fault(status=409, code=code)]}
    message = refusal(lambda: hold(OssQuarantine(store), found, copy_to(tags={"a": "b"})), PlaceTaken)
    assert "held/'k.jpg' holds another object than 'uploads/a.jpg'" in message
    assert script.operations[1:] == ["CopyObject", "HeadObject"]
    assert body(owner, "held", "k.jpg") == b"other"


def test_place_that_is_empty_again_is_tried_later(store: OssStore, owner: Owner, script: Script) -> None:
    """What was in the way is gone: that is no other picture."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {"CopyObject": [Fault(status=409, code="FileAlreadyExists")]}
    message = refusal(lambda: hold(OssQuarantine(store), found, copy_to()), StoreUnavailable)
    assert message.endswith("and now nothing is at held/'k.jpg'")


@pytest.mark.parametrize("code", ["FileAlreadyExists", "FileImmutable"])
def test_sidecar_that_is_there_stays(store: OssStore, owner: Owner, script: Script, code: str) -> None:
    """An earlier delivery wrote the same; any other refusal is one."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    hold(OssQuarantine(store), found, copy_to(sidecar=b"{}"))
    script.faults = {"PutObject": [Fault(status=409, code=code)]}
    assert hold(OssQuarantine(store), found, copy_to(sidecar=b"{}")) == Copied()
    script.faults = {"PutObject": [Fault(status=400, code="InvalidArgument")]}
    refusal(lambda: hold(OssQuarantine(store), found, copy_to(sidecar=b"{}")), OperatorError)


def test_versioned_quarantine_takes_a_second_version(store: OssStore, owner: Owner) -> None:
    """OSS does not heed the wish to overwrite nothing there, and nothing is lost."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    for _ in range(2):
        assert hold(OssQuarantine(store), found, copy_to(bucket="versions")).request_id
    assert [version.size_bytes for version in store.versions("versions", "k.jpg").versions] == [5, 5]


# --- without a CRC-64 ---


@pytest.fixture
def uncounted(store: OssStore, owner: Owner) -> StoredObject:
    """A source of which OSS gives no CRC-64."""
    owner("uploads").put_object("a.jpg", b"hello")
    return replace(look(store, "uploads"), crc64=None)


def test_copy_without_a_crc_is_compared_by_reading(store: OssStore, script: Script, uncounted: StoredObject) -> None:
    """Both are read, to the end."""
    assert hold(OssQuarantine(store), uncounted, copy_to()).request_id
    assert script.operations[1:] == ["CopyObject", "HeadObject", "GetObject", "GetObject"]


def test_same_etag_proves_nothing(store: OssStore, server: OssServer, uncounted: StoredObject) -> None:
    """Two files of one MD5 are made in seconds."""
    kept = {"x-oss-object-type": "Normal", "x-oss-storage-class": "Standard", "x-oss-object-acl": "private"}
    server._store.put("held", "k.jpg", b"other", kept, etag=uncounted.etag.lower())  # noqa: SLF001
    assert look(store, "held", "k.jpg").etag == uncounted.etag
    refusal(lambda: hold(OssQuarantine(store), uncounted, copy_to()), PlaceTaken)


def test_comparison_is_asked_whether_there_is_time(
    store: OssStore, uncounted: StoredObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each piece of both; the copy stays, and is compared by the next delivery."""
    monkeypatch.setattr(copying, "PIECE_BYTES", 2)
    asked: list[None] = []

    def keep_going() -> None:
        asked.append(None)
        if len(asked) == 4:
            raise StoreUnavailable("no time left")

    quarantine = OssQuarantine(store)
    assert refusal(lambda: quarantine.hold(uncounted, copy_to(), keep_going=keep_going), StoreUnavailable)
    assert quarantine.hold(uncounted, copy_to(), keep_going=keep_going) == Copied()
    assert len(asked) == 4 + 2 * 3


@pytest.mark.parametrize("fault", [Fault(status=503, code="Unavailable"), Fault(drop="before"), Fault(garbage=True)])
def test_comparison_is_tried_again(store: OssStore, script: Script, uncounted: StoredObject, fault: Fault) -> None:
    """What was read of a spoilt answer counts for nothing."""
    script.faults = {"GetObject": [fault]}
    assert hold(OssQuarantine(store), uncounted, copy_to()).request_id


@pytest.mark.parametrize("is_short", [False, True], ids=["broken", "short"])
def test_broken_body_is_read_again(
    store: OssStore, uncounted: StoredObject, monkeypatch: pytest.MonkeyPatch, *, is_short: bool
) -> None:
    """A connection can break in the middle, with or without an error."""
    read, spoilt = oss2.utils.SizedFileAdapter.read, [True]

    def spoil(body: Any, amt: int | None = None) -> Any:  # noqa: ANN401  (oss2 has no types)
        if not spoilt:
            return read(body, amt)
        spoilt.clear()
        if is_short:
            return b""
        raise BROKEN_READ

    monkeypatch.setattr(oss2.utils.SizedFileAdapter, "read", spoil)
    assert hold(OssQuarantine(store), uncounted, copy_to()).request_id
    assert not spoilt


def test_copy_that_changes_under_the_comparison_is_no_changed_source(
    store: OssStore, owner: Owner, script: Script, uncounted: StoredObject
) -> None:
    """The source is judged, and stays for the next delivery."""
    script.afterwards = {"HeadObject": lambda: owner("held").put_object("k.jpg", b"other")}
    message = refusal(lambda: hold(OssQuarantine(store), uncounted, copy_to()), StoreUnavailable)
    assert message.startswith("the copy changed while it was compared: ")


def test_source_that_changes_before_the_comparison_is_changed(
    store: OssStore, owner: Owner, script: Script, uncounted: StoredObject
) -> None:
    """Then the copy can't be compared any more, and other bytes are under the key."""
    script.afterwards = {"CopyObject": lambda: owner("uploads").put_object("a.jpg", b"other")}
    refusal(lambda: hold(OssQuarantine(store), uncounted, copy_to()), ObjectChanged)


# --- encryption and class ---

AES = {"x-oss-server-side-encryption": "AES256"}
KMS = {"x-oss-server-side-encryption": "KMS", "x-oss-server-side-encryption-key-id": "key-1"}
SM4 = {**KMS, "x-oss-server-side-data-encryption": "SM4"}


@pytest.mark.parametrize("single_copy_bytes", [2, 1000], ids=["in parts", "at once"])
@pytest.mark.parametrize("appendable", [False, True], ids=["normal", "appendable"])
@pytest.mark.parametrize("encryption", [{}, AES, KMS, SM4], ids=["none", "AES256", "KMS", "SM4 by KMS"])
def test_copy_is_encrypted_as_its_source(
    store: OssStore, owner: Owner, encryption: dict[str, str], single_copy_bytes: int, *, appendable: bool
) -> None:
    """OSS does not do so by itself; the class is asked for where one is."""
    if appendable:
        owner("uploads").append_object("a.jpg", 0, b"hello", encryption)
    else:
        owner("uploads").put_object("a.jpg", b"hello", encryption)
    found = look(store, "uploads")
    assert found.encryption == encryption
    quarantine = OssQuarantine(store, single_copy_bytes=single_copy_bytes)
    hold(quarantine, found, copy_to(encryption=found.encryption, storage_class="IA"))
    held = look(store, "held", "k.jpg")
    assert (held.encryption, held.storage_class) == (encryption, "IA")
    assert body(owner, "held", "k.jpg") == b"hello"


@pytest.mark.parametrize("single_copy_bytes", [2, 1000], ids=["in parts", "at once"])
def test_copy_that_asks_for_nothing_gets_what_the_bucket_does(
    store: OssStore, server: OssServer, owner: Owner, single_copy_bytes: int
) -> None:
    """The default of the quarantine bucket."""
    server.encrypt_by_default("held", "KMS", "key-2")
    owner("uploads").put_object("a.jpg", b"hello")
    hold(OssQuarantine(store, single_copy_bytes=single_copy_bytes), look(store, "uploads"), copy_to())
    held = look(store, "held", "k.jpg")
    assert (held.encryption, held.storage_class) == (
        {**KMS, "x-oss-server-side-encryption-key-id": "key-2"},
        "Standard",
    )


@pytest.mark.parametrize("single_copy_bytes", [2, 1000], ids=["in parts", "at once"])
@pytest.mark.parametrize("missing", ["kms:Decrypt", "kms:GenerateDataKey", None])
def test_missing_right_to_a_key_is_named(
    connect: Connect, server: OssServer, owner: Owner, missing: str | None, single_copy_bytes: int
) -> None:
    """OSS says AccessDenied, and not that it is the key's."""
    keys = {("kms:Decrypt", "key-1"), ("kms:GenerateDataKey", "key-1")}
    role = without()
    rights = frozenset((role.rights or frozenset()) | {key for key in keys if key[0] != missing})
    server.add_identity(replace(role, rights=rights))
    store = connect()
    owner("uploads").put_object("a.jpg", b"hello", KMS)
    found = look(store, "uploads")
    quarantine = OssQuarantine(store, single_copy_bytes=single_copy_bytes)
    copy = copy_to(encryption=found.encryption)
    if missing is None:
        hold(quarantine, found, copy)
        return
    message = refusal(lambda: hold(quarantine, found, copy), OperatorError)
    assert "kms:Decrypt and kms:GenerateDataKey on the key" in message
