"""The versions of a key, looked through in bounds."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.events import REPLICA_EVENTS, SYMLINK_EVENT
from handler.model import Upload
from handler.ports import StoredObject, VersionPage
from handler.upload.scanning import MOST_PAGES, MOST_TWINS, Scan, age, fits, is_earlier, is_later, scan
from tests.upload.sample import UPLOAD

LAW = settings(deadline=None)  # a busy machine breaks no law
PAGE = 3
EVENT_TIME = datetime.fromisoformat(UPLOAD.uploaded_at.replace("Z", "+00:00"))
IN_PARTS = replace(UPLOAD, event_name="ObjectCreated:CompleteMultipartUpload")


class Pages:
    """A store that only lists, and notes where each page began."""

    def __init__(self, versions: Iterable[StoredObject]) -> None:
        self.kept = list(versions)
        self.began_at: list[int] = []

    def versions(self, bucket: str, key: str, after: str | None = None) -> VersionPage:
        """A page of three; a marker is the number of versions before it."""
        assert (bucket, key) == ("uploads", "a.png")
        begin = int(after or 0)
        self.began_at.append(begin)
        end = begin + PAGE
        return VersionPage(self.kept[begin:end], str(end) if end < len(self.kept) else None)


def version(n: int, later_s: int, *, etag: str = "E1", object_type: str = "Normal") -> StoredObject:
    """The n-th version, written so long after the event."""
    written_at = format_datetime(EVENT_TIME + timedelta(seconds=later_s), usegmt=True)
    return StoredObject("uploads", "a.png", etag, written_at, 5, version_id=f"v{n}", object_type=object_type)


HISTORIES = st.lists(
    st.tuples(st.integers(-9, 9), st.sampled_from(["E1", "E2"]), st.sampled_from(["Normal", "Symlink"])), max_size=60
).map(
    lambda facts: [
        version(n, later_s, etag=etag, object_type=object_type)
        for n, (later_s, etag, object_type) in enumerate(sorted(facts, key=lambda fact: -fact[0]))
    ]
)


def scan_to_the_end(store: Any, upload: Upload = UPLOAD) -> list[Scan]:  # noqa: ANN401  (it only lists)
    """What each delivery sees, until one is done."""
    scans = [scan(upload, store, None)]
    while scans[-1].listed_to is not None:
        scans.append(scan(upload, store, scans[-1].listed_to))
    return scans


def names(versions: Iterable[StoredObject]) -> list[str]:
    """Their ids, in order."""
    return sorted(str(found.version_id) for found in versions)


def ages(versions: Iterable[StoredObject], upload: Upload) -> list[timedelta]:
    """How far each is from the event."""
    return [abs(age(found, upload)) for found in versions]


@LAW
@given(history=HISTORIES, upload=st.sampled_from([UPLOAD, IN_PARTS]))
def test_all_that_may_concern_an_event_is_seen_and_nothing_else(history: list[StoredObject], upload: Upload) -> None:
    """In the end, over as many deliveries as it takes, each version once; nearest first those of one delivery."""
    scans = scan_to_the_end(Pages(history), upload)
    fitting = [found for one in scans for found in one.fitting]
    links = [found for one in scans for found in one.links]
    assert names(fitting) == names(found for found in history if fits(found, upload))
    for one in scans:
        assert ages(one.fitting, upload) == sorted(ages(one.fitting, upload))
        assert ages(one.twins, upload) == sorted(ages(one.twins, upload))
        assert len(one.twins) <= MOST_TWINS
        assert all((found.etag, found.object_type) == (upload.etag, "Normal") for found in one.twins)
        assert all(is_earlier(found, upload) for found in one.twins)
    reached = [found for found in history if not is_earlier(found, upload)]
    assert links == [found for found in reached if found.is_symlink and not is_later(found, upload)]


@LAW
@given(history=HISTORIES)
def test_a_delivery_lists_ten_pages_and_the_next_goes_on_where_it_stopped(history: list[StoredObject]) -> None:
    """No page is listed twice, and none after the first version that is older than the event."""
    store = Pages(history)
    scans = scan_to_the_end(store)
    assert store.began_at == [n * PAGE for n in range(len(store.began_at))]
    assert len(store.began_at) <= len(scans) * MOST_PAGES
    young = sum(not is_earlier(found, UPLOAD) for found in history)
    assert store.began_at[-1] <= young


def test_a_key_that_is_overwritten_all_the_time_is_left_after_ten_pages() -> None:
    """However many versions it has."""
    store: Any = Pages(version(n, 9) for n in range(1000))
    assert scan(UPLOAD, store, None) == Scan((), (), (), listed_to="30")
    assert len(store.began_at) == MOST_PAGES
    assert scan(UPLOAD, store, "30").listed_to == "60"


@pytest.mark.parametrize(
    ("later_s", "may_be"), [(-3, False), (-2, True), (0, True), (2, True), (3, False), (86_400, False)]
)
def test_a_version_fits_by_etag_and_moment(later_s: int, *, may_be: bool) -> None:
    """Two seconds are the same moment: Last-Modified is cut to seconds."""
    assert fits(version(1, later_s), UPLOAD) is may_be
    assert not fits(version(1, later_s, etag="E2"), UPLOAD)


@pytest.mark.parametrize("event_name", sorted(REPLICA_EVENTS | {"ObjectCreated:CompleteMultipartUpload"}))
def test_what_may_have_begun_long_before_its_event_fits_at_any_age(event_name: str) -> None:
    """But never what was written after it."""
    upload = replace(UPLOAD, event_name=event_name)
    assert fits(version(1, -86_400), upload)
    assert not fits(version(1, 3), upload)


@pytest.mark.parametrize("change", [{"version_id": None}, {"version_id": "null"}, {"object_type": "Appendable"}])
def test_what_changes_under_one_name_fits_by_its_etag_alone(change: dict[str, Any]) -> None:
    """There is one such object, whenever it was written last."""
    assert fits(replace(version(1, 86_400), **change), UPLOAD)


@pytest.mark.parametrize("object_type", ["Symlink", "DeleteMarker"])
def test_a_link_and_a_deletion_are_nobodys_bytes(object_type: str) -> None:
    """A link answers with the etag of its target."""
    assert not fits(version(1, 0, object_type=object_type), UPLOAD)


def test_the_event_of_a_link_has_no_bytes() -> None:
    """Its etag is of nothing that lies under the key."""
    assert not fits(version(1, 0), replace(UPLOAD, event_name=SYMLINK_EVENT))
