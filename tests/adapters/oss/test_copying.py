"""Copies into and out of quarantine: the real SDK over real sockets against the stand-in."""

import gzip
import json
from dataclasses import replace
from typing import Any

import oss2
import pytest

from handler.adapters.oss.copying import OssQuarantine
from handler.adapters.oss.store import OssStore
from handler.errors import (
    CannotCopy,
    ObjectChanged,
    ObjectGone,
    StoreUnavailable,
)
from handler.meter import Meter
from handler.model import Action, Decision, Upload
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
    assert OssQuarantine(store).hold(found, copy) is None
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
    front = server._front  # noqa: SLF001  (the only place that sees connections)
    accept = front.process_request

    def note(request: object, client: object) -> None:
        opened.append(client)
        accept(request, client)

    monkeypatch.setattr(front, "process_request", note)
    for _ in range(5):
        OssQuarantine(store).hold(found, copy_to())
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
    assert OssQuarantine(store).hold(found, copy) is None
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
    OssQuarantine(store).hold(look(store, "versions", version_id=first), copy_to())
    assert body(owner, "held", "k.jpg") == b"first"


def test_copy_in_a_suspended_bucket_is_conditional(store: OssStore, owner: Owner) -> None:
    """A null version can be overwritten: its id alone does not name bytes."""
    pause_versioning(owner)
    owner("paused").put_object("a.jpg", b"second")
    found = look(store, "paused")
    OssQuarantine(store).hold(found, copy_to())
    assert body(owner, "held", "k.jpg") == b"second"
    refusal(
        lambda: OssQuarantine(store).hold(replace(found, last_modified="Sat, 13 Aug 2022 06:45:43 GMT"), copy_to()),
        ObjectChanged,
    )
    owner("paused").put_object("a.jpg", b"third")
    refusal(lambda: OssQuarantine(store).hold(found, copy_to()), ObjectChanged)


def test_copy_again_is_the_same_copy(store: OssStore, owner: Owner) -> None:
    """A redelivery that finds the source still there writes the same."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    OssQuarantine(store).hold(found, copy_to(tags={"a": "1"}))
    OssQuarantine(store).hold(found, copy_to(tags={"a": "1"}))
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
    OssQuarantine(store).hold(found, copy_to(sidecar=sidecar))
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
    refusal(lambda: quarantine.hold(found, copy_to()), ObjectChanged)
    assert not exists(owner, "held", "k.jpg")
    assert ("AbortMultipartUpload" in script.operations) is parts


@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
def test_source_rewritten_with_the_same_bytes_is_not_copied(connect: Connect, owner: Owner, parts: bool) -> None:  # noqa: FBT001
    """Another upload of the same picture: same etag, later Last-Modified."""
    store = connect()
    quarantine = OssQuarantine(store, single_copy_bytes=2 if parts else 1000)
    owner("uploads").put_object("a.jpg", b"hello")
    found = replace(look(store, "uploads"), last_modified="Sat, 13 Aug 2022 06:45:43 GMT")
    refusal(lambda: quarantine.hold(found, copy_to()), ObjectChanged)


def test_pinned_version_needs_no_time(store: OssStore, owner: Owner) -> None:
    """The version id names the bytes for ever."""
    owner("versions").put_object("a.jpg", b"hello")
    found = replace(look(store, "versions"), last_modified="Sat, 13 Aug 2022 06:45:43 GMT")
    OssQuarantine(store).hold(found, copy_to())
    assert body(owner, "held", "k.jpg") == b"hello"


def test_missing_source_is_gone(store: OssStore, owner: Owner) -> None:
    """Nothing is held of it."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    owner("uploads").delete_object("a.jpg")
    refusal(lambda: OssQuarantine(store).hold(found, copy_to()), ObjectGone)
    assert not exists(owner, "held", "k.jpg")


def test_spoilt_copy_is_noticed(store: OssStore, owner: Owner, script: Script) -> None:
    """Other bytes of the same length under the copy's key: the source must stay."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.afterwards = {"CopyObject": lambda: owner("held").put_object("k.jpg", b"spoil")}
    message = refusal(lambda: OssQuarantine(store).hold(found, copy_to()), StoreUnavailable)
    assert "does not hold the same bytes; the source stays where it is" in message


def test_vanished_copy_is_noticed(store: OssStore, owner: Owner, script: Script) -> None:
    """A 200 to a copy is not believed."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.afterwards = {"CopyObject": lambda: owner("held").delete_object("k.jpg")}
    refusal(lambda: OssQuarantine(store).hold(found, copy_to()), StoreUnavailable)


def test_copy_answered_with_something_else_is_noticed(store: OssStore, owner: Owner, script: Script) -> None:
    """OSS may answer 200 and an error in the body: nothing was copied."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {"CopyObject": [Fault(garbage=True)]}
    refusal(lambda: OssQuarantine(store).hold(found, copy_to()), StoreUnavailable)


def test_copy_of_another_size_is_noticed(store: OssStore, owner: Owner) -> None:
    """Sums can collide; a size beside them makes it harder."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = replace(look(store, "uploads"), size_bytes=4)
    refusal(lambda: OssQuarantine(store).hold(found, copy_to()), StoreUnavailable)


def test_copy_without_a_crc_is_compared_by_etag(store: OssStore, owner: Owner) -> None:
    """Objects from before OSS kept sums have none."""
    owner("uploads").put_object("a.jpg", b"hello")
    found = replace(look(store, "uploads"), crc64=None)
    assert OssQuarantine(store).hold(found, copy_to()) is None


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
    store = connect()
    quarantine = OssQuarantine(store, single_copy_bytes=200_000, part_bytes=102_400)
    large = bytes(range(256)) * 1000
    owner("uploads").put_object("a.jpg", large, {"x-oss-object-acl": "public-read"})
    found = look(store, "uploads")
    copy = copy_to(headers=EVERY_HEADER, metadata={"album": "summer"}, tags={"a": "b c"})
    assert quarantine.hold(found, copy) is None
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
    store = connect()
    quarantine = OssQuarantine(store, single_copy_bytes=1, part_bytes=1)
    owner("uploads").put_object("a.jpg", b"x" * 100)
    found = replace(look(store, "uploads"), size_bytes=10_000 * 7 + 1)
    assert quarantine._part_size(found) == 8  # noqa: SLF001  (an upload of that many parts takes too long here)


@pytest.mark.parametrize("failing", ["UploadPartCopy", "CompleteMultipartUpload"])
def test_failed_copy_in_parts_leaves_no_upload(connect: Connect, script: Script, owner: Owner, failing: str) -> None:
    """Parts that nobody completes would be billed for ever."""
    store = connect()
    quarantine = OssQuarantine(store, single_copy_bytes=2, part_bytes=102_400)
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {failing: [Fault(status=503, code="ServiceUnavailable")] * 3}
    refusal(lambda: quarantine.hold(found, copy_to()), StoreUnavailable)
    assert script.operations[-1] == "AbortMultipartUpload"
    assert not exists(owner, "held", "k.jpg")


def test_abort_that_fails_hides_nothing(connect: Connect, script: Script, owner: Owner) -> None:
    """The reason of the failure is what is said."""
    store = connect()
    quarantine = OssQuarantine(store, single_copy_bytes=2)
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    owner("uploads").put_object("a.jpg", b"other")
    script.faults = {"AbortMultipartUpload": [Fault(drop="before")]}
    refusal(lambda: quarantine.hold(found, copy_to()), ObjectChanged)


def test_completed_copy_whose_answer_was_lost_converges(connect: Connect, script: Script, owner: Owner) -> None:
    """The upload is completed, and then unknown: the next delivery copies again and is done."""
    store = connect()
    quarantine = OssQuarantine(store, single_copy_bytes=2)
    owner("uploads").put_object("a.jpg", b"hello")
    found = look(store, "uploads")
    script.faults = {"CompleteMultipartUpload": [Fault(drop="after")]}
    refusal(lambda: quarantine.hold(found, copy_to()), StoreUnavailable)
    quarantine.hold(found, copy_to())
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
    assert OssQuarantine(store).hold(found, copy) is None
    assert script.operations[1:] == ["CopyObject", "GetObject", "PutObject", "HeadObject"]
    assert body(owner, "held", "k.jpg") == packed
    held = look(store, "held", "k.jpg")
    assert (held.headers, held.metadata) == (found.headers, {"a": "b"})
    assert store.read_tags(held) == {"c": "d"}
    assert owner("held").get_object_acl("k.jpg").acl == "private"


def test_false_gzip_does_not_save_an_appendable_object(store: OssStore, owner: Owner) -> None:
    """An uploader who declares plain bytes to be gzip talks nobody past."""
    owner("versions").append_object("a.jpg", 0, b"no gzip at all", {"Content-Encoding": "gzip"})
    OssQuarantine(store).hold(look(store, "versions"), copy_to())
    assert body(owner, "held", "k.jpg") == b"no gzip at all"


def test_empty_appendable_object_is_carried(store: OssStore, owner: Owner) -> None:
    """Nothing is something too."""
    owner("versions").append_object("a.jpg", 0, b"")
    OssQuarantine(store).hold(look(store, "versions"), copy_to())
    assert look(store, "held", "k.jpg").size_bytes == 0


def test_appendable_object_that_grew_is_not_carried(store: OssStore, owner: Owner) -> None:
    """The read is conditional too."""
    owner("versions").append_object("a.jpg", 0, b"hello")
    found = look(store, "versions")
    owner("versions").append_object("a.jpg", 5, b" world")
    refusal(lambda: OssQuarantine(store).hold(found, copy_to()), ObjectChanged)
    assert not exists(owner, "held", "k.jpg")


def test_appendable_object_that_grows_between_copy_and_read_is_not_carried(
    store: OssStore, owner: Owner, script: Script
) -> None:
    """The read compares the etag by itself: nothing else than the judged bytes is ever written."""
    owner("versions").append_object("a.jpg", 0, b"hello")
    found = look(store, "versions")
    script.afterwards = {"CopyObject": lambda: owner("versions").append_object("a.jpg", 5, b" world")}
    refusal(lambda: OssQuarantine(store).hold(found, copy_to()), ObjectChanged)
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
    OssQuarantine(store).hold(found, copy_to())
    assert body(owner, "held", "k.jpg") == b"hello" * 10_000


def test_archived_object_can_not_be_copied(store: OssStore, owner: Owner) -> None:
    """It must be restored first, by whoever may."""
    owner("uploads").put_object("a.jpg", b"hello", {"x-oss-storage-class": "Archive"})
    found = look(store, "uploads")
    assert "InvalidObjectState" in refusal(lambda: OssQuarantine(store).hold(found, copy_to()), CannotCopy)


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
    note = quarantine.hold(look(store, "uploads"), copy_to(tags={"a": "b"}))
    assert note is not None
    assert note.startswith("the copy is untagged: could not copy ")
    assert "AccessDenied" in note
    assert body(owner, "held", "k.jpg") == b"hello"
