"""Which release counts for which upload: for one object, and never for what only looks like it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import BadRecord, StoreUnavailable
from handler.model import Delivery, Upload
from handler.ports import Listing, NoLedger, StoredObject
from handler.upload.ledger import Entry, LenientLedger
from handler.upload.releases import (
    LATEST,
    MOST_READ,
    OLD_LAYOUT_S,
    Landed,
    Release,
    choose,
    counts_by_time,
    is_of,
    newest_first,
    old_release_name,
    read_old_release,
    read_release,
    release_folder,
    release_name,
    release_record,
)
from tests.upload.sample import UPLOAD

RESTORED_AT = datetime(2026, 11, 22, 11, 0, tzinfo=timezone.utc)
NOW = RESTORED_AT.timestamp()
LAST_MODIFIED = format_datetime(RESTORED_AT, usegmt=True)
THERE = StoredObject("uploads", "a.png", "E1", LAST_MODIFIED, 5, crc64="77")
PINNED = replace(THERE, version_id="v1")
RESTORE = "5A-OF-THE-RESTORE"
SHA256, OTHER_SHA256 = "ab" * 32, "cd" * 32
INTENT = Release("uploads", "a.png", "quarantine/held/x", "E1", "77", 5, SHA256, NOW + 900, "ann", "a statue")
COPY_EVENT = replace(
    UPLOAD, event_name="ObjectCreated:CopyObject", request_id=RESTORE, uploaded_at=RESTORED_AT.isoformat()
)
OLDER_EVENT = UPLOAD
STRANGER = replace(COPY_EVENT, request_id="5A-OF-A-STRANGER")


def completed(there: StoredObject, request_id: str = RESTORE) -> Release:
    """The release of that object."""
    landed = Landed(request_id, there.etag, there.crc64, there.version_id, there.last_modified)
    return msgspec.structs.replace(INTENT, landed=landed)


def ask(
    *releases: Release,
    upload: Upload = COPY_EVENT,
    found: StoredObject = THERE,
    now: float = NOW,
    sha256: str | None = SHA256,
) -> object:
    """What is chosen; `sha256` is that of the bytes, None where they are not to be read."""

    def read() -> str:
        assert sha256 is not None
        return sha256

    return choose(releases, upload, found, now=now, read=read)


every_event = pytest.mark.parametrize("upload", [COPY_EVENT, STRANGER, OLDER_EVENT], ids=["own", "other", "older"])


@every_event
@pytest.mark.parametrize("there", [THERE, replace(THERE, crc64=None)], ids=["CRC-64", "no CRC-64"])
def test_what_can_be_overwritten_passes_by_its_bytes(there: StoredObject, upload: Upload) -> None:
    """Whose event it is matters not: etag, CRC-64, size and second are forged, and a SHA-256 is not."""
    release = completed(there)
    assert ask(release, upload=upload, found=there) == release
    assert ask(release, upload=upload, found=there, sha256=OTHER_SHA256) is None


@every_event
def test_a_version_passes_unread(upload: Upload) -> None:
    """The restore has compared its bytes, and they are the same for ever."""
    release = completed(PINNED)
    assert ask(release, upload=upload, found=PINNED, sha256=None) == release


@pytest.mark.parametrize("change", [{"storage_class": "Archive"}, {"size_bytes": 1024**3 + 1}])
def test_what_can_not_be_read_passes_for_the_restores_own_request(change: dict[str, Any]) -> None:
    """By nobody, or not within a delivery; a version is the same for ever all the same."""
    there = replace(THERE, **change)
    release = msgspec.structs.replace(completed(there), size_bytes=there.size_bytes)
    assert ask(release, upload=COPY_EVENT, found=there, sha256=None) == release
    assert ask(release, upload=STRANGER, found=there, sha256=None) is None
    nameless = msgspec.structs.replace(release, landed=completed(there, request_id="").landed)
    assert ask(nameless, upload=replace(COPY_EVENT, request_id=""), found=there, sha256=None) is None
    pinned = replace(PINNED, **change)
    assert ask(completed(pinned), upload=STRANGER, found=pinned, sha256=None)


def test_an_object_of_no_time_has_no_release_of_the_old_layout() -> None:
    """What OSS says can't be read."""
    assert not counts_by_time(NOW, replace(THERE, last_modified="soon"))


CHANGES: dict[str, dict[str, Any]] = {
    "an MD5 twin": {"crc64": "78"},
    "other bytes": {"etag": "E2"},
    "another size": {"size_bytes": 6},
    "the same bytes, written again": {
        "last_modified": format_datetime(RESTORED_AT + timedelta(seconds=1), usegmt=True)
    },
    "no CRC-64 any more": {"crc64": None},
    "a version": {"version_id": "v2"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_object_is_judged(change: str) -> None:
    """Etag, size, time and CRC-64 have to be the same all together, before anything is read."""
    assert ask(completed(THERE), found=replace(THERE, **CHANGES[change]), sha256=None) is None


def test_a_version_is_known_by_its_id_alone() -> None:
    """The same bytes in another version are another upload."""
    release = completed(PINNED)
    assert ask(release, found=replace(PINNED, version_id="v2")) is None
    assert ask(release, upload=OLDER_EVENT, found=replace(PINNED, crc64=None)) == release


def test_what_was_written_before_versioning_is_the_null_version() -> None:
    """Versioning that is switched on later does not unmake a release."""
    release = completed(THERE)
    assert ask(release, upload=OLDER_EVENT, found=replace(THERE, version_id="null")) == release


@pytest.mark.parametrize("found", [THERE, PINNED, replace(THERE, crc64=None)], ids=["plain", "pinned", "no CRC-64"])
@pytest.mark.parametrize("upload", [COPY_EVENT, STRANGER, OLDER_EVENT])
def test_while_a_restore_is_under_way_such_bytes_wait(found: StoredObject, upload: Upload) -> None:
    """Neither judged nor passed: the message says whom for, and until when."""
    with pytest.raises(StoreUnavailable, match=r"by 'ann' is under way until 2026-11-22T11:15:00\+00:00"):
        ask(INTENT, upload=upload, found=found)


@pytest.mark.parametrize("change", [{"crc64": "78"}, {"size_bytes": 6}])
def test_other_bytes_do_not_wait(change: dict[str, Any]) -> None:
    """What can't be the copy is judged at once."""
    assert ask(INTENT, upload=COPY_EVENT, found=replace(THERE, **change)) is None


def test_an_intent_is_void_after_its_time() -> None:
    """A restore that was killed holds nothing up for ever, and frees nothing."""
    assert ask(INTENT, upload=COPY_EVENT, found=THERE, now=INTENT.until) is None
    assert not is_of(INTENT, THERE)


def test_what_passes_needs_not_wait() -> None:
    """A second restore that was begun over a completed one changes nothing for the first."""
    release = completed(THERE)
    assert ask(INTENT, release, upload=COPY_EVENT, found=THERE) == release


def test_older_releases_are_not_read_where_a_newer_one_decides() -> None:
    """Each costs a call."""
    read: list[Release] = []

    def releases() -> Any:  # noqa: ANN401  (a generator)
        for release in (completed(THERE), INTENT):
            read.append(release)
            yield release

    assert choose(releases(), COPY_EVENT, THERE, now=NOW, read=lambda: SHA256)
    assert len(read) == 1


def test_no_more_than_the_newest_are_read() -> None:
    """Restores are made by hand: what lies below these costs an upload no more calls, and frees it no more."""
    read: list[str] = []

    class Shelf(NoLedger):
        """Releases without end, of which one far below is the right one."""

        def look(self, folder: str) -> Listing:
            """See Ledger."""
            return Listing(NOW, {release_name(number): NOW for number in range(1, 101)} if folder.endswith("/") else {})

        def read(self, name: str) -> dict[str, Any] | None:
            """See Ledger."""
            read.append(name)
            return release_record(completed(THERE) if name.endswith(f"/{below}.json") else completed(PINNED))

    def find() -> Release | None:
        ledger = LenientLedger(Shelf(), COPY_EVENT, lambda *_, **__: None)
        delivery = Delivery(1, request_id="1-a")
        return Entry.begin(COPY_EVENT, delivery, ledger, lambda: 0.0, 60).find_release(
            COPY_EVENT, THERE, lambda: SHA256
        )

    below = 100 - MOST_READ
    assert find() is None
    assert [int(name.rpartition("/")[2].removesuffix(".json")) for name in read] == list(range(100, below, -1))
    below += 1
    assert find() == completed(THERE)


texts, sums = st.sampled_from(["E1", "E2"]), st.sampled_from([None, "77", "78"])
objects = st.builds(
    StoredObject,
    st.just("uploads"),
    st.just("a.png"),
    texts,
    st.sampled_from([LAST_MODIFIED, CHANGES["the same bytes, written again"]["last_modified"]]),
    st.sampled_from([5, 6]),
    version_id=st.sampled_from([None, "null", "v1", "v2"]),
    crc64=sums,
)
uploads = st.sampled_from([COPY_EVENT, STRANGER, OLDER_EVENT, replace(STRANGER, uploaded_at="2027-01-01T00:00:00Z")])
releases = st.lists(
    st.one_of(
        st.just(INTENT), st.builds(completed, objects, st.sampled_from([RESTORE, ""])), st.just(completed(THERE, "5A"))
    ),
    max_size=4,
)


@given(objects, uploads, releases, st.sampled_from([NOW, NOW + 3600]), st.sampled_from([SHA256, OTHER_SHA256]))
def test_nothing_passes_that_is_not_the_restored_object(
    found: StoredObject, upload: Upload, known: list[Release], now: float, sha256: str
) -> None:
    """Whatever is in the ledger and whoever asks: what passes is that very object, a version or these very bytes."""
    try:
        chosen = ask(*known, upload=upload, found=found, now=now, sha256=sha256)
    except StoreUnavailable:
        assert INTENT in known
        assert now < INTENT.until
        return
    if chosen is None:
        return
    assert isinstance(chosen, Release)
    landed = chosen.landed
    assert landed is not None
    assert (landed.version_id or "null") == (found.version_id or "null")
    assert found.is_pinned or (landed.etag, landed.crc64, sha256) == (found.etag, found.crc64, SHA256)


def test_the_numbers_of_releases() -> None:
    """Newest first, by number and not by text; other names are none."""
    assert newest_first(["2.json", "10.json", "1.json", "0.json", "x.json", "3.json.bak", ""]) == [10, 2, 1]
    assert newest_first(release_name(number) for number in (1, 2)) == [2, 1]


@given(
    one=st.tuples(st.text(max_size=3), st.text(max_size=3)), other=st.tuples(st.text(max_size=3), st.text(max_size=3))
)
def test_two_keys_never_share_their_releases(one: tuple[str, str], other: tuple[str, str]) -> None:
    """However bucket and key are cut; and the old layout's names are none of the new."""
    assert (release_folder(*one) == release_folder(*other)) == (one == other)
    assert release_folder(*one).startswith("release/")
    assert not old_release_name(*one, "E1").startswith(release_folder(*one))


@pytest.mark.parametrize("release", [INTENT, completed(THERE), completed(replace(THERE, crc64=None))])
def test_a_record_is_read_back(release: Release) -> None:
    """What was written, to the last field."""
    record = msgspec.json.decode(msgspec.json.encode(release_record(release)))
    assert read_release(record, "uploads", "a.png") == release


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record | {"v": 2},
        lambda _: {"v": 1},
        lambda record: {"v": 1, "release": record["release"] | {"key": "b.png"}},
        lambda record: {"v": 1, "release": record["release"] | {"until": LATEST + 1.0}},
        lambda record: {"v": 1, "release": record["release"] | {"landed": {}}},
    ],
)
def test_a_record_of_something_else_is_refused(spoil: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Of another version, of another key, of no time, of nothing."""
    with pytest.raises(BadRecord):
        read_release(spoil(release_record(INTENT)), "uploads", "a.png")


def test_an_old_release_of_something_else_is_refused() -> None:
    """One that was copied to another name releases nothing."""
    record = {"v": 1, "release": {"bucket": "b", "key": "k", "etag": "e", "by": "ann", "reason": "r"}, "source": "q/x"}
    release = read_old_release(record, "b", "k", "e")
    assert (release.by, release.reason, release.source, release.landed) == ("ann", "r", "q/x", None)
    with pytest.raises(BadRecord, match="something else"):
        read_old_release(record, "b", "k", "f")


@pytest.mark.parametrize("seconds", [-OLD_LAYOUT_S - 1, -OLD_LAYOUT_S, 0, OLD_LAYOUT_S, OLD_LAYOUT_S + 1])
def test_an_old_release_counts_for_an_hour(seconds: float) -> None:
    """It names an etag only, so it is for what was written about when it was."""
    assert counts_by_time(NOW + seconds, THERE) == (abs(seconds) <= OLD_LAYOUT_S)


@given(st.text(), st.text(), st.text())
def test_old_names_are_of_bucket_key_and_etag(bucket: str, key: str, etag: str) -> None:
    """Each of them makes another name."""
    names = {old_release_name(bucket, key, etag), old_release_name(bucket, key, etag + "x")}
    assert len(names | {old_release_name(bucket + "x", key, etag), old_release_name(bucket, key + "x", etag)}) == 4
