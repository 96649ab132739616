"""Copies in parts, and how the next delivery carries them on: the real SDK over real sockets against the stand-in."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Literal

import oss2
import pytest

from handler.adapters.oss import parts as parts_module
from handler.adapters.oss.copying import OssQuarantine
from handler.adapters.oss.parts import PartsCopier
from handler.adapters.oss.store import OssStore
from handler.errors import CannotCopy, ObjectChanged, ObjectGone, OperatorError, PlaceTaken, StoreUnavailable
from handler.meter import Meter
from handler.ports import Copied, StoredObject
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Fault
from tests.adapters.oss.oss_world import (
    EVERY_HEADER,
    Connect,
    Owner,
    Script,
    body,
    copy_to,
    exists,
    hold,
    look,
    refusal,
    without,
)

PART_BYTES = 102_400
# Four parts, however much larger than that the parts of a source are.
LARGE = bytes(range(250)) * 1400
OTHER = LARGE[::-1]
KMS = {"x-oss-server-side-encryption": "KMS", "x-oss-server-side-encryption-key-id": "key-1"}


def upload(owner: Owner, bucket: str, data: bytes = LARGE, headers: dict[str, str] | None = None) -> None:
    """A large object."""
    owner(bucket).put_object("a.jpg", data, headers)


def append(owner: Owner, bucket: str, data: bytes = LARGE, headers: dict[str, str] | None = None) -> None:
    """A large object that can grow."""
    owner(bucket).append_object("a.jpg", 0, data, headers)


Source = tuple[str, Callable[..., None], dict[str, str]]
SOURCES: dict[str, Source] = {
    "plain": ("uploads", upload, {}),
    "versioned": ("versions", upload, {}),
    "encrypted": ("uploads", upload, KMS),
    "appendable": ("uploads", append, {}),
    "appendable, versioned": ("versions", append, {}),
}
every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def make(owner: Owner, store: OssStore, source: Source = SOURCES["plain"]) -> StoredObject:
    """A source, as it is found."""
    bucket, write, headers = source
    write(owner, bucket, headers=headers)
    return look(store, bucket)


def in_parts(store: OssStore, **changes: Any) -> OssQuarantine:  # noqa: ANN401  (any setting of it)
    """Copies nothing at once."""
    return OssQuarantine(store, single_copy_bytes=2, part_bytes=PART_BYTES, **changes)


def unfinished(owner: Owner, key: str = "k.jpg") -> list[str]:
    """The uploads to a key that are neither completed nor aborted."""
    return [begun.upload_id for begun in owner("held").list_multipart_uploads().upload_list if begun.key == key]


@dataclass
class Clock:
    """Time for so many more parts."""

    parts: int
    asked: int = field(default=0)

    def keep_going(self) -> None:
        """Raise when it is used up."""
        if self.asked == self.parts:
            raise StoreUnavailable("no time left")
        self.asked += 1


def sent_parts(script: Script) -> int:
    """How many parts were asked for."""
    return script.operations.count("UploadPartCopy") + script.operations.count("UploadPart")


def test_large_object_is_copied_in_parts(
    store: OssStore, script: Script, owner: Owner, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same headers, metadata, tags and ACL as one copied at once; the ACL goes with the last request."""
    sent: list[Any] = []
    send = oss2.Session.do_request

    def note(session: oss2.Session, req: Any, timeout: Any) -> Any:  # noqa: ANN401  (oss2 has no types)
        sent.append(req)
        return send(session, req, timeout)

    monkeypatch.setattr(oss2.Session, "do_request", note)
    upload(owner, "uploads", headers={"x-oss-object-acl": "public-read"})
    found = look(store, "uploads")
    copy = copy_to(headers=EVERY_HEADER, metadata={"album": "summer"}, tags={"a": "b c"})
    copied = hold(in_parts(store), found, copy)
    assert script.operations[1:] == [
        "ListMultipartUploads",
        "InitiateMultipartUpload",
        *["UploadPartCopy"] * 4,
        "CompleteMultipartUpload",
        "HeadObject",
    ]
    assert copied == Copied(None, meter.oss_request_ids[-2], is_tagged=True)
    assert body(owner, "held", "k.jpg") == LARGE
    held = look(store, "held", "k.jpg")
    assert (held.headers, held.metadata, held.crc64) == (copy.headers, copy.metadata, found.crc64)
    assert store.read_tags(held) == copy.tags
    [completed] = [req for req in sent if req.method == "POST" and "uploadId" in req.params]
    assert completed.headers["x-oss-object-acl"] == "private"


@pytest.mark.parametrize("bucket", ["uploads", "versions"])
def test_large_appendable_object_is_read_and_written(
    store: OssStore, script: Script, owner: Owner, bucket: str
) -> None:
    """Part by part, without asking OSS for a copy; as stored, whatever its uploader declared it to be."""
    append(owner, bucket, headers={"Content-Encoding": "gzip"})
    hold(in_parts(store), look(store, bucket), copy_to())
    assert script.operations[2:] == [
        "InitiateMultipartUpload",
        *["GetObject", "UploadPart"] * 4,
        "CompleteMultipartUpload",
        "HeadObject",
    ]
    assert body(owner, "held", "k.jpg") == LARGE


def test_part_that_oss_does_not_copy_is_carried(store: OssStore, script: Script, owner: Owner) -> None:
    """Whatever the reason."""
    found = make(owner, store)
    script.faults = {"UploadPartCopy": [Fault(status=400, code="OperationNotSupported")] * 2}
    hold(in_parts(store), found, copy_to())
    assert script.operations.count("UploadPart") == 2
    assert body(owner, "held", "k.jpg") == LARGE


@pytest.mark.parametrize("write", [upload, append], ids=["normal", "appendable"])
def test_archived_object_can_not_be_copied_in_parts(
    store: OssStore, script: Script, owner: Owner, write: Callable[..., None]
) -> None:
    """Nor read; and what was begun is given up."""
    write(owner, "uploads", headers={"x-oss-storage-class": "Archive"})
    message = refusal(lambda: hold(in_parts(store), look(store, "uploads"), copy_to()), CannotCopy)
    assert "has to be restored first" in message
    assert len(script.operations) == 5
    assert unfinished(owner) == []


def test_parts_are_as_large_as_their_number_allows(store: OssStore) -> None:
    """At most 10,000 parts, however small they were wished."""
    copier = PartsCopier(store.connection, part_bytes=1, resumes=True)
    found = StoredObject("uploads", "a.jpg", "E", "Sat, 13 Aug 2022 06:45:43 GMT", 10_000 * 70 + 1)
    assert 71 <= copier.part_bytes(found) <= 71 + 71 // 8
    usual = PartsCopier(store.connection, part_bytes=parts_module.PART_BYTES, resumes=True)
    assert parts_module.PART_BYTES <= usual.part_bytes(found) <= 128 * 1024**2
    for terabytes in (46, 48):
        huge = replace(found, size_bytes=terabytes * 1024**4)
        sizes = {usual.part_bytes(replace(huge, key=str(number))) for number in range(100)}
        assert huge.size_bytes / 10_000 <= min(sizes) < max(sizes) <= 5 * 1024**3


# --- the next delivery goes on ---


@pytest.mark.exhaustive
@every_source
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_copy_is_carried_on(
    connect: Connect, script: Script, owner: Owner, source: Source, moment: Literal["before", "after"]
) -> None:
    """At each request, before or after it had its effect: the next delivery sends what is missing, and leaves none."""
    found = make(owner, connect(), source)
    requests_a_part = 2 if source[1] is append else 1
    for at in range(1, 5 + 4 * requests_a_part):
        store, key = connect(), f"killed-{at}.jpg"
        kill(store, at, moment)
        with pytest.raises(SystemExit):
            hold(in_parts(store), found, copy_to(key, encryption=found.encryption))
        script.operations.clear()
        hold(in_parts(connect()), found, copy_to(key, encryption=found.encryption))
        assert body(owner, "held", key) == LARGE
        assert look(store, "held", key).encryption == found.encryption
        assert unfinished(owner, key) == []
        # Two requests come before the parts.
        done = (at - 3 + (moment == "after")) // requests_a_part
        assert sent_parts(script) == 4 - min(4, max(0, done))


def kill(store: OssStore, at: int, moment: Literal["before", "after"]) -> None:
    """End the process at that request of this store, as Function Compute does at a timeout."""
    session, sent = store.connection.session, [0]
    send = session.do_request

    def count(req: Any, timeout: Any) -> Any:  # noqa: ANN401  (oss2 has no types)
        sent[0] += 1
        if sent[0] == at and moment == "before":
            raise SystemExit
        answer = send(req, timeout)
        if sent[0] == at:
            answer.response.close()
            raise SystemExit
        return answer

    session.do_request = count  # type: ignore[method-assign]


@every_source
@pytest.mark.parametrize("done", range(4))
def test_used_up_time_leaves_the_rest_to_the_next_delivery(
    store: OssStore, script: Script, owner: Owner, source: Source, done: int
) -> None:
    """Nothing is given up, nothing is done twice, and the error says how far it came."""
    found = make(owner, store, source)
    message = refusal(
        lambda: in_parts(store).hold(found, copy_to(), keep_going=Clock(done).keep_going), StoreUnavailable
    )
    assert message == f"no time left; {done} of 4 parts are copied; the next delivery goes on"
    assert not exists(owner, "held", "k.jpg")
    assert len(unfinished(owner)) == 1
    copied = hold(in_parts(store), found, copy_to())
    # With which tags it was begun, if any, nobody knows.
    assert (bool(copied.request_id), copied.is_tagged) == (True, False)
    assert sent_parts(script) == 4
    assert body(owner, "held", "k.jpg") == LARGE
    assert unfinished(owner) == []


@pytest.mark.parametrize("failing", ["UploadPartCopy", "ListParts", "CompleteMultipartUpload", "HeadObject"])
def test_failing_store_leaves_the_rest_to_the_next_delivery(
    store: OssStore, script: Script, owner: Owner, failing: str
) -> None:
    """A fault of OSS is no reason to begin anew."""
    found = make(owner, store)
    refusal(lambda: in_parts(store).hold(found, copy_to(), keep_going=Clock(2).keep_going), StoreUnavailable)
    script.faults = {failing: [Fault(status=503, code="ServiceUnavailable")] * 3}
    refusal(lambda: hold(in_parts(store), found, copy_to()), StoreUnavailable)
    script.operations.clear()
    hold(in_parts(store), found, copy_to())
    assert sent_parts(script) == (0 if failing == "CompleteMultipartUpload" else 2)
    assert body(owner, "held", "k.jpg") == LARGE


@every_source
def test_lost_answers_do_not_matter(connect: Connect, script: Script, owner: Owner, source: Source) -> None:
    """Each request may have had its effect unseen: it is sent again, and the copy is whole."""
    found = make(owner, connect(), source)
    script.operations.clear()
    hold(in_parts(connect()), found, copy_to("whole.jpg"))
    for operation in sorted(set(script.operations)):
        script.faults = {operation: [Fault(drop="after")]}
        copied = hold(in_parts(connect()), found, copy_to(f"{operation}.jpg"))
        assert bool(copied.request_id) is (operation != "CompleteMultipartUpload")
        assert body(owner, "held", f"{operation}.jpg") == LARGE
        # One that was begun unseen has no parts, and costs nothing.
        assert len(unfinished(owner, f"{operation}.jpg")) == (operation == "InitiateMultipartUpload")


def test_parts_are_listed_page_by_page(
    store: OssStore, script: Script, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OSS gives a thousand at once."""
    monkeypatch.setattr(parts_module, "PARTS_A_PAGE", 2)
    found = make(owner, store)
    refusal(lambda: in_parts(store).hold(found, copy_to(), keep_going=Clock(3).keep_going), StoreUnavailable)
    hold(in_parts(store), found, copy_to())
    assert script.operations.count("ListParts") == 2
    assert sent_parts(script) == 4


def test_first_of_several_is_carried_on(store: OssStore, script: Script, owner: Owner) -> None:
    """Two deliveries may both have begun: both go on with the same, and the other is given up in the end."""
    found = make(owner, store)
    refusal(lambda: in_parts(store).hold(found, copy_to(), keep_going=Clock(2).keep_going), StoreUnavailable)
    [first] = unfinished(owner)
    second = first
    while second <= first:
        # Of the same second, the lower id is first.
        second = owner("held").init_multipart_upload("k.jpg").upload_id
        if second < first:
            owner("held").abort_multipart_upload("k.jpg", second)
    assert len(unfinished(owner)) == 2
    hold(in_parts(store), found, copy_to())
    assert sent_parts(script) == 4
    assert unfinished(owner) == []


def test_upload_to_another_key_is_left_alone(store: OssStore, owner: Owner) -> None:
    """Listed beside ours where its key begins with ours."""
    owner("held").init_multipart_upload("k.jpg.other")
    hold(in_parts(store), make(owner, store), copy_to())
    assert len(unfinished(owner, "k.jpg.other")) == 1


def test_refused_list_is_the_operators(connect: Connect, server: OssServer, owner: Owner) -> None:
    """Each right by its name."""
    found = make(owner, connect())
    server.add_identity(without("oss:ListMultipartUploads"))
    assert "your own user) oss:ListMultipartUploads " in refusal(
        lambda: hold(in_parts(connect()), found, copy_to()), OperatorError
    )
    server.add_identity(without("oss:ListParts"))
    owner("held").init_multipart_upload("k.jpg")
    assert "your own user) oss:ListParts " in refusal(
        lambda: hold(in_parts(connect()), found, copy_to()), OperatorError
    )


# --- what does not fit is begun anew ---


@pytest.mark.parametrize("bucket", ["uploads", "versions"])
@pytest.mark.parametrize("data", [OTHER, LARGE + b"more"], ids=["same size", "other size"])
def test_parts_of_other_bytes_are_not_carried_on(
    store: OssStore, script: Script, owner: Owner, bucket: str, data: bytes
) -> None:
    """The place may be the same, and the source another: an overwrite, or the next of two twins."""
    upload(owner, bucket)
    first = look(store, bucket)
    refusal(lambda: in_parts(store).hold(first, copy_to(), keep_going=Clock(2).keep_going), StoreUnavailable)
    upload(owner, bucket, data)
    script.operations.clear()
    hold(in_parts(store), look(store, bucket), copy_to())
    assert "AbortMultipartUpload" in script.operations
    assert sent_parts(script) == 4
    assert body(owner, "held", "k.jpg") == data
    assert unfinished(owner) == []


@pytest.mark.parametrize("is_older", [False, True], ids=["not older", "older"])
def test_upload_begun_before_its_source_is_not_carried_on(  # noqa: PLR0913  (fixtures)
    store: OssStore,
    server: OssServer,
    script: Script,
    owner: Owner,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_older: bool,
) -> None:
    """Who tries for long enough makes two sources of which the parts have one size; time goes one way."""
    monkeypatch.setattr(parts_module, "SPREAD", 10**9)
    found = make(owner, store)
    refusal(lambda: in_parts(store).hold(found, copy_to(), keep_going=Clock(2).keep_going), StoreUnavailable)
    [begun] = unfinished(owner)
    if is_older:
        server._store._begun_at[begun] = datetime(2020, 1, 1, tzinfo=timezone.utc)  # noqa: SLF001
    script.operations.clear()
    hold(in_parts(store), found, copy_to())
    assert sent_parts(script) == (4 if is_older else 2)
    assert ("AbortMultipartUpload" in script.operations) is is_older


def test_version_says_by_itself_what_its_parts_are(store: OssStore, server: OssServer, owner: Owner) -> None:
    """Its bytes never change, whenever the copy was begun."""
    found = make(owner, store, SOURCES["versioned"])
    refusal(lambda: in_parts(store).hold(found, copy_to(), keep_going=Clock(2).keep_going), StoreUnavailable)
    [begun] = unfinished(owner)
    server._store._begun_at[begun] = datetime(2020, 1, 1, tzinfo=timezone.utc)  # noqa: SLF001
    clock = Clock(3)
    in_parts(store).hold(found, copy_to(), keep_going=clock.keep_going)
    assert clock.asked == 3


# --- what can never be finished is given up ---


@every_source
def test_copy_of_a_changed_source_is_given_up(store: OssStore, script: Script, owner: Owner, source: Source) -> None:
    """Parts that nobody completes are billed for ever. The source changes after the second part."""
    bucket, write, _ = source
    found = make(owner, store, source)
    kept = found.is_pinned

    def change() -> None:
        if write is append:
            owner(bucket).append_object("a.jpg", len(LARGE), b"more")
        elif kept:
            owner(bucket).delete_object("a.jpg", params={"versionId": found.version_id})
        else:
            owner(bucket).put_object("a.jpg", OTHER)

    clock = Clock(4)

    def keep_going() -> None:
        clock.keep_going()
        if clock.asked == 3:
            change()

    expected = ObjectGone if kept else ObjectChanged
    refusal(lambda: in_parts(store).hold(found, copy_to(), keep_going=keep_going), expected)
    assert script.operations[-1] == "AbortMultipartUpload"
    assert unfinished(owner) == []
    assert not exists(owner, "held", "k.jpg")


def test_abort_that_fails_hides_nothing(store: OssStore, script: Script, owner: Owner) -> None:
    """The reason of the failure is what is said."""
    found = make(owner, store)
    upload(owner, "uploads", OTHER)
    script.faults = {"AbortMultipartUpload": [Fault(drop="before")]}
    refusal(lambda: hold(in_parts(store), found, copy_to()), ObjectChanged)


# --- a copy that is there already ---


def test_copy_in_parts_that_is_there_is_done(store: OssStore, script: Script, owner: Owner) -> None:
    """OSS refuses the beginning: no part is copied."""
    found = make(owner, store)
    hold(in_parts(store), found, copy_to())
    script.operations.clear()
    assert hold(in_parts(store), found, copy_to(tags={"a": "b"})) == Copied()
    assert script.operations == ["ListMultipartUploads", "InitiateMultipartUpload", "HeadObject"]


def test_unfinished_copy_that_is_there_is_done(store: OssStore, script: Script, owner: Owner) -> None:
    """Another delivery finished before us: ours is given up, not carried on."""
    found = make(owner, store)
    refusal(lambda: in_parts(store).hold(found, copy_to(), keep_going=Clock(2).keep_going), StoreUnavailable)
    owner("held").put_object("k.jpg", LARGE)
    script.operations.clear()
    assert hold(in_parts(store), found, copy_to()) == Copied()
    assert script.operations == ["ListMultipartUploads", "HeadObject", "AbortMultipartUpload"]
    assert unfinished(owner) == []


@pytest.mark.parametrize("operation", ["InitiateMultipartUpload", "CompleteMultipartUpload"])
@pytest.mark.parametrize("data", [LARGE, OTHER], ids=["same bytes", "other bytes"])
def test_place_that_is_taken_meanwhile_is_looked_at(
    store: OssStore, script: Script, owner: Owner, operation: str, data: bytes
) -> None:
    """A retention policy refuses as what is there does; nothing is left of what can't be completed."""
    found = make(owner, store)
    owner("held").put_object("k.jpg", data)
    if operation == "CompleteMultipartUpload":
        owner("held").delete_object("k.jpg")
        script.afterwards = {"UploadPartCopy": lambda: owner("held").put_object("k.jpg", data)}
    else:
        script.faults = {operation: [Fault(status=409, code="FileImmutable")]}
    if data == LARGE:
        assert hold(in_parts(store), found, copy_to()) == Copied()
    else:
        refusal(lambda: hold(in_parts(store), found, copy_to()), PlaceTaken)
    assert sent_parts(script) == (4 if operation == "CompleteMultipartUpload" else 0)
    assert body(owner, "held", "k.jpg") == data
    assert unfinished(owner) == []


def test_upload_that_is_gone_at_its_end_is_no_copy(store: OssStore, script: Script, owner: Owner) -> None:
    """Someone gave it up: the next delivery begins anew."""
    found = make(owner, store)

    def abort() -> None:
        owner("held").abort_multipart_upload("k.jpg", unfinished(owner)[0])

    clock = Clock(4)

    def keep_going() -> None:
        clock.keep_going()
        if clock.asked == 4:
            script.afterwards = {"UploadPartCopy": abort}

    refusal(lambda: in_parts(store).hold(found, copy_to(), keep_going=keep_going), StoreUnavailable)
    hold(in_parts(store), found, copy_to())
    assert body(owner, "held", "k.jpg") == LARGE


# --- where others write too ---


def test_stranger_can_not_begin_our_copy(store: OssStore, script: Script, owner: Owner) -> None:
    """A restore goes to where uploaders write: their parts never become the copy, and are not ours to give up."""
    found = make(owner, store)
    stranger = owner("held").init_multipart_upload("k.jpg", {"Content-Type": "text/html"}).upload_id
    sizes = PartsCopier(store.connection, part_bytes=PART_BYTES, resumes=True).part_bytes(found)
    owner("held").upload_part("k.jpg", stranger, 1, OTHER[:sizes])
    hold(in_parts(store, resumes=False), found, copy_to())
    assert "ListMultipartUploads" not in script.operations
    assert body(owner, "held", "k.jpg") == LARGE
    assert unfinished(owner) == [stranger]


@pytest.mark.parametrize("failing", ["UploadPartCopy", "CompleteMultipartUpload"])
def test_what_is_not_carried_on_is_given_up(store: OssStore, script: Script, owner: Owner, failing: str) -> None:
    """Whatever the reason: nobody will look for it."""
    found = make(owner, store)
    script.faults = {failing: [Fault(status=503, code="ServiceUnavailable")] * 3}
    message = refusal(lambda: hold(in_parts(store, resumes=False), found, copy_to()), StoreUnavailable)
    assert "the next delivery" not in message
    assert unfinished(owner) == []
    assert not exists(owner, "held", "k.jpg")


def test_replaced_source_is_another(store: OssStore) -> None:
    """By whatever tells two sources apart; not by where a null version has its name from."""
    copier = PartsCopier(store.connection, part_bytes=100 * 1024**2, resumes=True)
    found = StoredObject("uploads", "a.jpg", "E", "Sat, 13 Aug 2022 06:45:43 GMT", 10**9)
    others = [{"key": "b.jpg"}, {"etag": "F"}, {"last_modified": "Sat, 13 Aug 2022 06:45:44 GMT"}, {"version_id": "1"}]
    sizes = {copier.part_bytes(replace(found, **other)) for other in ({}, *others)}  # type: ignore[arg-type] # each a field of it
    assert len(sizes) == 5
    assert copier.part_bytes(replace(found, version_id="null")) == copier.part_bytes(found)
