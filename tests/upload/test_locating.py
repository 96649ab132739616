"""Which bytes in the store an upload is."""

from dataclasses import replace
from typing import Any

import pytest

from handler.errors import ObjectChanged, ObjectGone
from handler.events import SYMLINK_EVENT
from handler.model import Upload
from handler.ports import StoredObject
from handler.upload.locating import locate

UPLOAD = Upload(
    bucket="uploads",
    key="a.jpg",
    etag="E1",
    version_id=None,
    size_bytes=5,
    content_type=None,
    region="ap-southeast-1",
    event_name="ObjectCreated:PutObject",
    uploaded_at="2022-08-13T06:45:43.000Z",
    request_id="58F9",
)
ON_TIME = "Sat, 13 Aug 2022 06:45:43 GMT"
LATER = "Sat, 13 Aug 2022 06:45:46 GMT"
MUCH_LATER = "Sat, 13 Aug 2022 07:45:43 GMT"


def stored(**changes: Any) -> StoredObject:  # noqa: ANN401  (any field of it)
    """The upload's own bytes, in a bucket without versions."""
    usual: dict[str, Any] = {
        "bucket": "uploads",
        "key": "a.jpg",
        "etag": "E1",
        "last_modified": ON_TIME,
        "size_bytes": 5,
        "headers": {"Content-Type": "image/jpeg"},
    }
    return StoredObject(**(usual | changes))


class FakeStore:
    """Holds the versions of keys, newest first, and records what was asked."""

    def __init__(self, *kept: StoredObject, link: StoredObject | None = None) -> None:
        self.kept = list(kept)
        self.the_link = link
        self.asked: list[tuple[str, ...]] = []

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """The newest of the key, or that version."""
        self.asked.append(("head", bucket, key) if version_id is None else ("head", bucket, key, version_id))
        named = (one for one in self.kept if one.key == key and version_id in {None, one.version_id})
        return next(named, None)

    def link(self, bucket: str, key: str) -> StoredObject | None:
        """The link, if there is one."""
        self.asked.append(("link", bucket, key))
        return self.the_link

    def versions(self, bucket: str, key: str) -> list[StoredObject]:
        """All versions of the key but deletions."""
        self.asked.append(("versions", bucket, key))
        own = [one for one in self.kept if one.key == key and not one.is_deletion]
        return [replace(one, is_current=one is self.kept[0]) for one in own]

    def delete(self, found: StoredObject) -> None:
        """Nobody who looks deletes."""
        raise AssertionError(found)

    def sign(self, found: StoredObject, *, expires_s: int) -> str:
        """Nobody who looks signs."""
        raise AssertionError(found, expires_s)


def test_upload_is_found_and_completed() -> None:
    """One call tells what the event could not: version, content type, size."""
    store = FakeStore(stored(version_id="v1"))
    upload, found = locate(UPLOAD, store)
    assert (upload.version_id, upload.content_type, upload.size_bytes) == ("v1", "image/jpeg", 5)
    assert found == stored(version_id="v1")
    assert store.asked == [("head", "uploads", "a.jpg")]


def test_missing_content_type_stays_unknown() -> None:
    """No type is made up."""
    assert locate(UPLOAD, FakeStore(stored(headers={})))[0].content_type is None


def test_nothing_under_the_key_is_gone() -> None:
    """A plain key is looked at once."""
    store = FakeStore()
    with pytest.raises(ObjectGone, match=r"nothing at uploads/'a.jpg' any more"):
        locate(UPLOAD, store)
    assert store.asked == [("head", "uploads", "a.jpg")]


def test_other_bytes_without_versions_are_another_upload() -> None:
    """Their own event judges them."""
    store = FakeStore(stored(etag="E2"))
    with pytest.raises(ObjectChanged, match="holds other bytes by now"):
        locate(UPLOAD, store)
    assert store.asked == [("head", "uploads", "a.jpg")]


def test_same_bytes_written_again_without_versions_are_the_same() -> None:
    """There is one object, whichever event came first."""
    assert locate(UPLOAD, FakeStore(stored(last_modified=MUCH_LATER)))[1].last_modified == MUCH_LATER


def test_older_version_is_found_below_a_newer_one() -> None:
    """In a versioned bucket every upload's own version is judged."""
    store = FakeStore(stored(version_id="v2", etag="E2"), stored(version_id="v1"))
    upload, found = locate(UPLOAD, store)
    assert (upload.version_id, found.version_id, found.is_current) == ("v1", "v1", False)
    assert store.asked == [
        ("head", "uploads", "a.jpg"),
        ("versions", "uploads", "a.jpg"),
        ("head", "uploads", "a.jpg", "v1"),
    ]


def test_older_version_is_found_below_a_deletion() -> None:
    """A delete marker hides bytes, it does not remove them."""
    marker = stored(version_id="v2", etag="", object_type="DeleteMarker")
    assert locate(UPLOAD, FakeStore(marker, stored(version_id="v1")))[1].version_id == "v1"


@pytest.mark.parametrize(
    "above",
    [
        {"etag": "E9"},
        {"etag": "E1"},
        {"etag": "", "last_modified": LATER, "size_bytes": 0},
    ],
    ids=["of other bytes", "of the very bytes", "without a target"],
)
def test_older_version_is_found_below_a_link(above: dict[str, Any]) -> None:
    """A link answers for its target; even with the upload's etag it is not the upload."""
    link = stored(version_id="v2", object_type="Symlink", **above)
    assert locate(UPLOAD, FakeStore(link, stored(version_id="v1")))[1].version_id == "v1"


def test_null_version_is_found_below_a_newer_one() -> None:
    """Bytes from before versioning was enabled are a version too."""
    store = FakeStore(stored(version_id="v2", etag="E2"), stored(version_id="null"))
    assert locate(UPLOAD, store)[1].version_id == "null"


def test_overwritten_null_version_is_another_upload() -> None:
    """While versioning is suspended an upload replaces the null version."""
    with pytest.raises(ObjectChanged):
        locate(UPLOAD, FakeStore(stored(version_id="null", etag="E2")))


@pytest.mark.parametrize(
    "top", [{"version_id": "v2", "etag": "E2"}, {"version_id": "v2", "etag": "", "object_type": "DeleteMarker"}]
)
def test_removed_version_is_gone(top: dict[str, Any]) -> None:
    """Where every version keeps its bytes, what is not listed was removed."""
    with pytest.raises(ObjectGone, match=r"no version of 'uploads/a.jpg' holds these bytes any more"):
        locate(UPLOAD, FakeStore(stored(**top)))


def test_deletion_without_a_version_is_gone() -> None:
    """A null deletion marker, while versioning is suspended."""
    with pytest.raises(ObjectGone):
        locate(UPLOAD, FakeStore(stored(version_id="null", etag="", object_type="DeleteMarker")))


def test_same_bytes_uploaded_twice_are_told_apart_by_time() -> None:
    """Each of two uploads of one picture is judged as its own version."""
    first, second = stored(version_id="v1"), stored(version_id="v2", last_modified=MUCH_LATER)
    assert locate(UPLOAD, FakeStore(second, first))[1].version_id == "v1"
    later = replace(UPLOAD, uploaded_at="2022-08-13T07:45:43.000Z")
    assert locate(later, FakeStore(second, first))[1].version_id == "v2"


def test_second_upload_stands_in_where_the_first_version_was_removed() -> None:
    """The same bytes are still there, and nobody else is sure to judge them."""
    second = stored(version_id="v2", last_modified=MUCH_LATER)
    assert locate(UPLOAD, FakeStore(second))[1].version_id == "v2"


def test_version_removed_while_it_is_looked_for_gives_way_to_the_next() -> None:
    """The list may be older than the look."""

    class Vanishing(FakeStore):
        def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
            found = super().head(bucket, key, version_id)
            return None if version_id == "v1" else found

    top = stored(version_id="v3", etag="E3")
    both = Vanishing(top, stored(version_id="v2", last_modified=MUCH_LATER), stored(version_id="v1"))
    assert locate(UPLOAD, both)[1].version_id == "v2"
    with pytest.raises(ObjectGone):
        locate(UPLOAD, Vanishing(top, stored(version_id="v1")))


@pytest.mark.parametrize(
    ("uploaded_at", "last_modified"),
    [
        ("", ON_TIME),
        ("yesterday", ON_TIME),
        ("2022-08-13T06:45:43", ON_TIME),
        ("9999-12-31T23:59:59-23:59", ON_TIME),
        ("0001-01-01T00:00:00+23:59", MUCH_LATER),
        (UPLOAD.uploaded_at, ""),
        (UPLOAD.uploaded_at, "soon"),
        (UPLOAD.uploaded_at, "Sat, 13 Aug 99999 06:45:43 GMT"),
        (UPLOAD.uploaded_at, "Sat, 13 Aug 2022 06:45:43 +99999999999999"),
    ],
)
def test_unreadable_times_break_nothing(uploaded_at: str, last_modified: str) -> None:
    """Where a time can't be read, the bytes under the key are taken."""
    store = FakeStore(stored(version_id="v1", last_modified=last_modified))
    assert locate(replace(UPLOAD, uploaded_at=uploaded_at), store)[1].version_id == "v1"


@pytest.mark.parametrize(
    ("sent", "real"), [("a%20b.jpg", "a b.jpg"), ("a+b.jpg", "a b.jpg"), ("a%2Bb+c.jpg", "a+b c.jpg")]
)
def test_encoded_key_is_decoded_where_the_etag_agrees(sent: str, real: str) -> None:
    """Should a key arrive encoded, the object under the decoded key must be the very upload."""
    upload, found = locate(replace(UPLOAD, key=sent), FakeStore(stored(key=real)))
    assert (upload.key, found.key) == (real, real)


def test_raw_key_comes_first() -> None:
    """A key with a plus is the key with a plus, whatever else there is."""
    store = FakeStore(stored(key="a b.jpg"), stored(key="a+b.jpg"))
    assert locate(replace(UPLOAD, key="a+b.jpg"), store)[0].key == "a+b.jpg"
    assert len(store.asked) == 1


def test_decoded_key_of_another_upload_is_left_alone() -> None:
    """A stranger's object under the decoded key is not judged in this one's place."""
    store = FakeStore(stored(key="a b.jpg", etag="E2"))
    with pytest.raises(ObjectGone):
        locate(replace(UPLOAD, key="a+b.jpg"), store)
    assert store.asked == [("head", "uploads", "a+b.jpg"), ("head", "uploads", "a b.jpg")]


def test_link_is_found_as_the_link() -> None:
    """Never as its target, also where that is missing."""
    link = stored(object_type="Symlink", etag="")
    store = FakeStore(link=link)
    upload = replace(UPLOAD, event_name=SYMLINK_EVENT)
    assert locate(upload, store) == (upload, link)
    assert store.asked == [("link", "uploads", "a.jpg")]


def test_link_that_went_away_is_gone() -> None:
    """Nothing is there any more."""
    with pytest.raises(ObjectGone, match="no link at"):
        locate(replace(UPLOAD, event_name=SYMLINK_EVENT), FakeStore())


def test_link_that_an_object_replaced_is_superseded() -> None:
    """The object's own event judges it."""
    with pytest.raises(ObjectChanged, match="is no link any more"):
        locate(replace(UPLOAD, event_name=SYMLINK_EVENT), FakeStore(stored()))
