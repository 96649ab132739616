"""Which bytes in the store an upload is."""

from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.adapters.policy_file import load_policy
from handler.errors import ClaimHeld, ObjectGone
from handler.events import SYMLINK_EVENT
from handler.meter import Meter
from handler.model import Delivery, Finding, Outcome, Status, Upload, Verdict
from handler.ports import NoLedger, StoredObject, VersionPage
from handler.upload.claiming import claim
from handler.upload.locating import locate_next
from handler.upload.progress import Progress, Run, name_of
from scripts.environment.making import ROOT
from tests.upload.shelf import Shelf

LAW = settings(deadline=None)  # a busy machine breaks no law
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
BEFORE = "Sat, 13 Aug 2022 06:40:43 GMT"
REPLICA = "ObjectReplication:ObjectCreated"
LATER = "Sat, 13 Aug 2022 06:45:46 GMT"
MUCH_LATER = "Sat, 13 Aug 2022 07:45:43 GMT"
POLICY = load_policy(ROOT / "policies/default.yml", {"QUARANTINE_BUCKET": "quarantine"}, ("uploads",))
VERDICT = Verdict("service", "none", (Finding("nonLabel"),))


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
    """Holds the versions of keys, newest first, and records what was asked; it is the quarantine too."""

    def __init__(self, *kept: StoredObject, page_size: int = 999) -> None:
        self.kept = list(kept)
        self.page_size = page_size
        self.asked: list[tuple[str, ...]] = []
        self.held: StoredObject | None = None

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """The newest of the key, or that version."""
        self.asked.append(("head", bucket, key) if version_id is None else ("head", bucket, key, version_id))
        named = (one for one in self.kept if one.key == key and version_id in {None, one.version_id})
        return next(named, None)

    def link(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """The link, if that is what is there."""
        self.asked.append(("link", bucket, key))
        found = next((one for one in self.kept if one.key == key and version_id in {None, one.version_id}), None)
        return found if found is not None and found.is_symlink else None

    def versions(self, bucket: str, key: str, after: str | None = None) -> VersionPage:
        """The versions of the key but deletions."""
        self.asked.append(("versions", bucket, key))
        own = [one for one in self.kept if one.key == key and not one.is_deletion]
        start = int(after or 0)
        page = [replace(one, is_current=one is self.kept[0]) for one in own[start : start + self.page_size]]
        is_all = start + self.page_size >= len(own)
        return VersionPage(page, None if is_all else str(start + self.page_size))

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """The copy in quarantine."""
        self.asked.append(("find", bucket, key))
        return self.held


@dataclass
class Place:
    """A function that looks for uploads in a store; without a shelf, it keeps no ledger."""

    store: FakeStore
    shelf: Shelf | None = None

    def begin(self, upload: Upload = UPLOAD, number: int = 1, request_id: str = "1-a") -> tuple[Progress, Run]:
        """A delivery, its upload claimed."""
        shelf = self.shelf
        now = (lambda: shelf.now) if shelf else (lambda: 0.0)
        services: Any = SimpleNamespace(
            store=self.store,
            quarantine=self.store,
            ledger=self.shelf or NoLedger(),
            warn=lambda *_, **__: None,
            clock=now,
            sleep=self.shelf.sleep if self.shelf else (lambda _: None),
            meter=Meter(now),
        )
        delivery = Delivery(number, request_id=request_id, function="f", most=6)
        run = Run.begin(POLICY, services, delivery, 300)
        return claim(Progress.begin(upload, run), run), run

    def locate(self, upload: Upload = UPLOAD, number: int = 1) -> tuple[Progress, StoredObject | None]:
        """What is to be dealt with next for a fresh delivery."""
        progress, run = self.begin(upload, number)
        self.store.asked.clear()
        return locate_next(progress, run)


def status_of(progress: Progress) -> Status:
    """How it ended."""
    assert progress.is_over
    return progress.ending.status


def test_upload_is_found_and_completed() -> None:
    """One call tells what the event could not: version, content type, size."""
    store = FakeStore(stored(version_id="v1"))
    progress, found = Place(store).locate()
    upload = progress.upload
    assert (upload.version_id, upload.content_type, upload.size_bytes) == ("v1", "image/jpeg", 5)
    assert found == stored(version_id="v1")
    assert store.asked == [("head", "uploads", "a.jpg")]


def test_missing_content_type_stays_unknown() -> None:
    """No type is made up."""
    assert Place(FakeStore(stored(headers={}))).locate()[0].upload.content_type is None


def test_nothing_under_the_key_is_gone() -> None:
    """A plain key is looked at once, and then for its copy."""
    store = FakeStore()
    progress, _ = Place(store).locate()
    assert status_of(progress) is Status.GONE
    assert [call[0] for call in store.asked] == ["head", "find"]


def test_a_copy_in_quarantine_tells_where_it_went() -> None:
    """A delivery before this one held it."""
    store = FakeStore()
    store.held = stored(bucket="quarantine", key="held/x")
    progress, _ = Place(store).locate()
    assert (status_of(progress), progress.ending.location) == (Status.QUARANTINED, "quarantine/held/x")


def test_newer_bytes_without_versions_are_a_successor() -> None:
    """Their own event judges them."""
    store = FakeStore(stored(etag="E2", last_modified=LATER))
    assert status_of(Place(store).locate()[0]) is Status.SUPERSEDED
    assert store.asked == [("head", "uploads", "a.jpg")]


@pytest.mark.parametrize("last_modified", [ON_TIME, BEFORE])
def test_other_bytes_that_are_not_newer_are_judged_in_its_place(last_modified: str) -> None:
    """Another etag alone proves no successor."""
    there = stored(etag="E2", last_modified=last_modified)
    progress, found = Place(FakeStore(there)).locate()
    assert (found, progress.superseded, progress.upload.etag) == (there, "E1", "E2")


def test_what_may_carry_a_tag_of_ours_is_judged_whatever_its_age() -> None:
    """A redelivery: the one before may have been killed between its tag and the look back."""
    newer = stored(etag="E2", last_modified=LATER)
    progress, found = Place(FakeStore(newer)).locate(number=2)
    assert (found, progress.superseded) == (newer, "E1")


def test_same_bytes_written_again_without_versions_are_the_same() -> None:
    """There is one object, whichever event came first."""
    there = stored(last_modified=MUCH_LATER)
    assert Place(FakeStore(there)).locate()[1] == there


def test_older_version_is_found_below_a_newer_one() -> None:
    """In a versioned bucket every upload's own version is judged."""
    store = FakeStore(stored(version_id="v2", etag="E2"), stored(version_id="v1"))
    progress, found = Place(store).locate()
    assert found is not None
    assert (progress.upload.version_id, found.version_id, found.is_current) == ("v1", "v1", False)
    assert store.asked == [
        ("head", "uploads", "a.jpg"),
        ("versions", "uploads", "a.jpg"),
        ("head", "uploads", "a.jpg", "v1"),
    ]


def version_found(store: FakeStore, upload: Upload = UPLOAD) -> str | None:
    """The id of the version that is found."""
    found = Place(store).locate(upload)[1]
    return None if found is None else found.version_id


def test_older_version_is_found_below_a_deletion() -> None:
    """A delete marker hides bytes, it does not remove them."""
    marker = stored(version_id="v2", etag="", object_type="DeleteMarker")
    assert version_found(FakeStore(marker, stored(version_id="v1"))) == "v1"


def test_null_version_is_found_below_a_newer_one() -> None:
    """Bytes from before versioning was enabled are a version too."""
    store = FakeStore(stored(version_id="v2", etag="E2"), stored(version_id="null"))
    assert version_found(store) == "null"


@pytest.mark.parametrize("etag", ["E9", "E1"])
def test_a_link_that_is_not_newer_comes_first(etag: str) -> None:
    """With the etag of its target too, which may be that of the upload; then the bytes below it."""
    link = stored(version_id="v2", object_type="Symlink", etag=etag)
    place = Place(FakeStore(link, stored(version_id="v1")))
    progress, run = place.begin()
    progress, found = locate_next(progress, run)
    assert found == link
    progress, found = locate_next(replace(progress, links=(name_of(link),)), run)
    assert found is not None
    assert found.version_id == "v1"


def test_a_newer_link_is_left_to_its_own_event() -> None:
    """In a versioned bucket the upload is found below it; without versions the link took its place."""
    link = stored(object_type="Symlink", etag="", last_modified=LATER)
    below = stored(version_id="v1")
    assert version_found(FakeStore(replace(link, version_id="v2"), below)) == "v1"
    assert status_of(Place(FakeStore(link)).locate()[0]) is Status.SUPERSEDED
    assert status_of(Place(FakeStore(link)).locate(number=2)[0]) is Status.SUPERSEDED


def test_links_below_are_dealt_with_too() -> None:
    """Of two identical links, one hides the other."""
    top, *links = (
        stored(version_id="v9", etag="E9"),
        *(stored(version_id=f"v{n}", object_type="Symlink", etag="") for n in (2, 1)),
    )
    place = Place(FakeStore(top, *links))
    progress, run = place.begin(replace(UPLOAD, event_name=SYMLINK_EVENT))
    for link in links:
        progress, found = locate_next(progress, run)
        assert found is not None
        assert found.version_id == link.version_id
        progress = replace(progress, links=(*progress.links, name_of(found)))
    assert locate_next(progress, run)[1] is None


@pytest.mark.parametrize(
    "top",
    [
        {"version_id": "v2", "etag": "E2", "last_modified": LATER},
        {"version_id": "v2", "etag": "", "object_type": "DeleteMarker"},
        {"version_id": "null", "etag": "", "object_type": "DeleteMarker"},
    ],
)
def test_removed_version_is_gone(top: dict[str, Any]) -> None:
    """Where every version keeps its bytes, what is not listed was removed."""
    assert status_of(Place(FakeStore(stored(**top))).locate()[0]) is Status.GONE


def test_same_bytes_uploaded_twice_are_told_apart_by_time() -> None:
    """Each of two uploads of one picture is judged as its own version."""
    first, second = stored(version_id="v1"), stored(version_id="v2", last_modified=MUCH_LATER)
    assert version_found(FakeStore(second, first)) == "v1"
    later = replace(UPLOAD, uploaded_at="2022-08-13T07:45:43.000Z")
    assert version_found(FakeStore(second, first), later) == "v2"


def test_the_same_bytes_of_long_before_are_judged_where_nothing_is_newer() -> None:
    """Nothing proves that anybody ever looked at them; they count as the upload's own."""
    place = Place(FakeStore(stored(version_id="v1", last_modified=BEFORE)), Shelf())
    progress, found = place.locate()
    assert found is not None
    assert (found.version_id, progress.superseded) == ("v1", None)


@pytest.mark.parametrize("event_name", ["ObjectCreated:CompleteMultipartUpload", "ObjectReplication:ObjectCreated"])
def test_what_may_be_older_than_its_event_is_found_all_the_same(event_name: str) -> None:
    """Whether Last-Modified is when an upload in parts began is not documented; a replica keeps its source's."""
    store = FakeStore(
        stored(version_id="v2", etag="E2", last_modified=BEFORE), stored(version_id="v1", last_modified=BEFORE)
    )
    assert version_found(store, replace(UPLOAD, event_name=event_name)) == "v1"


def test_an_old_replica_on_top_hides_nothing() -> None:
    """It keeps the time of its source: what lies below it may be younger, and is found before the listing ends."""
    replica = stored(version_id="r", etag="E2", last_modified=BEFORE)
    assert version_found(FakeStore(replica, stored(version_id="v1"))) == "v1"
    newer = [stored(version_id=f"n{n}", etag="E9", last_modified=LATER) for n in range(5)]
    assert version_found(FakeStore(replica, *newer, stored(version_id="v1"), page_size=3)) == "v1"


def test_version_removed_while_it_is_looked_for_gives_way_to_the_next() -> None:
    """The list may be older than the look."""

    class Vanishing(FakeStore):
        def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
            found = super().head(bucket, key, version_id)
            return None if version_id == "v1" else found

    top = stored(version_id="v3", etag="E3", last_modified=LATER)
    assert version_found(Vanishing(top, stored(version_id="v2"), stored(version_id="v1"))) == "v2"
    assert status_of(Place(Vanishing(top, stored(version_id="v1"))).locate()[0]) is Status.GONE


@pytest.mark.parametrize(
    ("uploaded_at", "last_modified"),
    [
        ("", ON_TIME),
        ("yesterday", ON_TIME),
        ("2022-08-13T06:45:43", ON_TIME),
        ("9999-12-31T23:59:59-23:59", ON_TIME),
        (UPLOAD.uploaded_at, ""),
        (UPLOAD.uploaded_at, "soon"),
        (UPLOAD.uploaded_at, "Sat, 13 Aug 99999 06:45:43 GMT"),
        (UPLOAD.uploaded_at, "Sat, 13 Aug 2022 06:45:43 +99999999999999"),
    ],
)
def test_unreadable_times_break_nothing(uploaded_at: str, last_modified: str) -> None:
    """Where a time can't be read, the bytes under the key are taken."""
    store = FakeStore(stored(version_id="v1", last_modified=last_modified))
    assert version_found(store, replace(UPLOAD, uploaded_at=uploaded_at)) == "v1"


def test_no_more_is_listed_than_the_age_of_the_event_asks_for() -> None:
    """A key that is overwritten every second has millions of versions."""
    newer = [stored(version_id=f"n{n}", etag="E9", last_modified=LATER) for n in range(5)]
    older = [stored(version_id=f"o{n}", etag="E8", last_modified=BEFORE) for n in range(50)]
    store = FakeStore(*newer, stored(version_id="v1"), *older, page_size=3)
    assert version_found(store) == "v1"
    assert [call[0] for call in store.asked].count("versions") == 3


def test_a_listing_that_is_too_long_is_gone_on_with_by_the_next_delivery() -> None:
    """Ten pages a delivery; nothing is given up, and nothing listed twice."""
    newer = [stored(version_id=f"n{n}", etag="E9", last_modified=LATER) for n in range(25)]
    store = FakeStore(*newer, stored(version_id="v1"), page_size=1)
    place = Place(store, Shelf())
    listed = []
    for number in (1, 2, 3):
        progress, run = place.begin(number=number)
        store.asked.clear()
        progress, found = locate_next(progress, run)
        listed.append([call[0] for call in store.asked].count("versions"))
        if found is None:
            assert status_of(progress) is Status.FAILED
            assert "the next delivery looks on" in str(progress.ending.error)
            progress.entry.close(progress.ending, progress.listed_to)
    assert found is not None
    assert (found.version_id, listed) == ("v1", [10, 10, 6])


@pytest.mark.parametrize(
    ("sent", "real"), [("a%20b.jpg", "a b.jpg"), ("a+b.jpg", "a b.jpg"), ("a%2Bb+c.jpg", "a+b c.jpg")]
)
def test_encoded_key_is_decoded_where_the_etag_agrees(sent: str, real: str) -> None:
    """Should a key arrive encoded, the object under the decoded key must be the very upload."""
    progress, found = Place(FakeStore(stored(key=real))).locate(replace(UPLOAD, key=sent))
    assert found is not None
    assert (progress.upload.key, found.key) == (real, real)


def test_raw_key_comes_first() -> None:
    """A key with a plus is the key with a plus, whatever else there is."""
    store = FakeStore(stored(key="a b.jpg"), stored(key="a+b.jpg"))
    assert Place(store).locate(replace(UPLOAD, key="a+b.jpg"))[0].upload.key == "a+b.jpg"
    assert len(store.asked) == 1


def test_decoded_key_of_another_upload_is_left_alone() -> None:
    """A stranger's object under the decoded key is not judged in this one's place."""
    store = FakeStore(stored(key="a b.jpg", etag="E2"))
    assert status_of(Place(store).locate(replace(UPLOAD, key="a+b.jpg"))[0]) is Status.GONE


@pytest.mark.parametrize("object_type", ["Normal", "Symlink"])
def test_a_folder_holds_no_picture(object_type: str) -> None:
    """No bytes, and a key that ends in a slash; but a link of that name is a link."""
    progress, found = Place(FakeStore(stored(key="a/", size_bytes=0, etag="", object_type=object_type))).locate(
        replace(UPLOAD, key="a/", etag="", event_name="ObjectCreated:CopyObject")
    )
    assert (found is not None) is (object_type == "Symlink")
    assert found is not None or status_of(progress) is Status.OUT_OF_SCOPE


def test_link_is_found_as_the_link() -> None:
    """Never as its target, also where that is missing."""
    link = stored(object_type="Symlink", etag="")
    store = FakeStore(link)
    assert Place(store).locate(replace(UPLOAD, event_name=SYMLINK_EVENT))[1] == link
    assert store.asked == [("link", "uploads", "a.jpg")]


@pytest.mark.parametrize(
    ("there", "status"),
    [((), Status.GONE), ((stored(),), Status.SUPERSEDED), ((stored(version_id="v1"),), Status.GONE)],
)
def test_a_link_that_is_none_any_more_leaves_nothing_to_judge(there: tuple[StoredObject, ...], status: Status) -> None:
    """What took its place has an event of its own."""
    assert status_of(Place(FakeStore(*there)).locate(replace(UPLOAD, event_name=SYMLINK_EVENT))[0]) is status


# Of versions that several events fit, each event takes one.


def twins(n: int) -> list[Upload]:
    """Events of n identical uploads."""
    return [replace(UPLOAD, request_id=f"R{i}") for i in range(n)]


@LAW
@given(order=st.permutations(range(5)), twice=st.integers(0, 4))
def test_of_n_twins_each_event_takes_one(order: list[int], twice: int) -> None:
    """In whatever order they come; and a redelivery goes on with the one that its event took."""
    place = Place(FakeStore(*(stored(version_id=f"v{n}") for n in range(5))), Shelf())
    uploads = twins(5)
    taken: dict[int, str | None] = {}
    for i in order:
        _, found = place.locate(uploads[i])
        assert found is not None
        taken[i] = found.version_id
        if i == order[twice]:  # killed, and delivered again
            _, again = place.locate(uploads[i], number=2)
            assert again is not None
            assert again.version_id == found.version_id
    assert sorted(map(str, taken.values())) == [f"v{n}" for n in range(5)]


# When versions of the same bytes were written, before or at the moment of their events, in seconds.
WHEN = st.lists(st.sampled_from([0, 1, 60, 3600]), min_size=1, max_size=5)


@LAW
@given(ages_s=WHEN, kinds=st.lists(st.sampled_from(["put", "replica", "null"]), min_size=5, max_size=5), data=st.data())
def test_of_the_same_bytes_each_has_an_event_however_these_fit(ages_s: list[int], kinds: list[str], data: Any) -> None:  # noqa: ANN401
    """A replica keeps its source's time and fits any older version; what has no id of its own fits every event."""
    replicas: list[StoredObject] = []
    puts: list[StoredObject] = []
    events: list[Upload] = []
    # Not both: nothing is replicated into a bucket whose versioning is suspended.
    has_replicas = "replica" in kinds[: len(ages_s)]
    for n, (age_s, kind) in enumerate(sorted(zip(ages_s, kinds, strict=False))):
        event = replace(UPLOAD, request_id=f"R{n}", uploaded_at=iso_ago(age_s))
        if kind == "replica":
            replicas.append(stored(version_id=f"v{n}", last_modified=ago(age_s)))
            event = replace(event, event_name=REPLICA, uploaded_at=iso_ago(0))
        else:
            is_null = kind == "null" and not puts and not has_replicas
            puts.append(stored(version_id="null" if is_null else f"v{n}", last_modified=ago(age_s)))
        events.append(event)
    # A replica arrives when all else is there, in no order.
    versions = [*replicas, *puts]
    place = Place(FakeStore(*versions), Shelf())
    dealt_with = set()
    for upload in data.draw(st.permutations(events)):
        progress, found = place.locate(upload)
        assert found is not None
        dealt_with.add(found.version_id)
        end(replace(progress, upload=replace(progress.upload, version_id=found.version_id)))
    assert dealt_with == {found.version_id for found in versions}


def ago(seconds: float) -> str:
    """Last-Modified of what was written so long before the event."""
    return format_datetime(parsedate_to_datetime(ON_TIME) - timedelta(seconds=seconds), usegmt=True)


def iso_ago(seconds: float) -> str:
    """The time of such an event."""
    return (parsedate_to_datetime(ON_TIME) - timedelta(seconds=seconds)).isoformat()


def test_a_version_that_its_owner_removed_leaves_another_to_its_event() -> None:
    """A replica's event took it and dealt with it: the replica, an hour older by its source, is left to this one."""
    place = Place(FakeStore(stored(version_id="r", last_modified=ago(3600))), Shelf())
    place.store.kept.insert(0, stored(version_id="v9", etag="E9", last_modified=LATER))
    _, found = place.locate()
    assert found is not None
    assert found.version_id == "r"


def test_one_listing_serves_all_links_of_a_delivery() -> None:
    """An uploader can put a thousand of them in a second."""
    links = [stored(version_id=f"l{n}", object_type="Symlink", etag="") for n in range(20)]
    store = FakeStore(stored(version_id="v9", etag="E9"), *links, stored(version_id="v1"))
    progress, run = Place(store, Shelf()).begin()
    for _ in links:
        progress, found = locate_next(progress, run)
        assert found is not None
        progress = replace(progress, links=(*progress.links, name_of(found)))
    _, found = locate_next(progress, run)
    assert found is not None
    assert (found.version_id, [call[0] for call in store.asked].count("versions")) == ("v1", 1)


def test_what_changes_among_the_last_links_begins_no_second_look_at_its_own_bytes() -> None:
    """They were dealt with: it has ended as they did, once no link is left."""
    place = Place(FakeStore(stored(version_id="v2", etag="E9"), stored(version_id="v1", is_current=False)), Shelf())
    progress, run = place.begin()
    progress = replace(progress.end_own(Outcome(UPLOAD, Status.PASSED)), must_look=True)
    progress, found = locate_next(progress.look_again(ObjectGone("a link went")), run)
    assert (found, progress.is_over, progress.ending.status) == (None, True, Status.PASSED)


def end(progress: Progress, status: Status = Status.PASSED) -> None:
    """Bring a delivery to its end."""
    progress.entry.close(Outcome(progress.upload, status, location="uploads/a.jpg"), None)


def test_of_many_twins_only_the_one_that_is_taken_is_looked_at() -> None:
    """An uploader can put thousands of them within the same seconds."""
    store = FakeStore(*(stored(version_id=f"v{n}") for n in range(500)))
    place = Place(store, Shelf())
    first, second = twins(2)
    place.locate(first)
    _, found = place.locate(second)
    assert found is not None
    assert [call[0] for call in store.asked].count("head") == 2


def test_a_version_that_is_removed_while_it_is_taken_is_looked_for_again() -> None:
    """The list may be older than the look: the next round finds the other."""
    store = FakeStore(stored(version_id="v9", etag="E9", last_modified=LATER), stored(version_id="v1"))
    place = Place(store, Shelf())
    progress, run = place.begin()
    versions = store.versions

    def list_and_remove(bucket: str, key: str, after: str | None = None) -> VersionPage:
        page = versions(bucket, key, after)
        store.kept = [one for one in store.kept if one.version_id != "v1"]
        return page

    store.versions = list_and_remove  # type: ignore[method-assign]
    with pytest.raises(ObjectGone, match="versionId=v1") as gone:
        locate_next(progress, run)
    progress = progress.look_again(gone.value)
    store.kept.append(stored(version_id="v2"))
    _, found = locate_next(progress, run)
    assert found is not None
    assert found.version_id == "v2"


def test_a_takeover_goes_on_with_what_was_taken_although_another_is_current() -> None:
    """A replica's event fits every older version: what a delivery without an answer took is not left to nobody."""
    replica = replace(UPLOAD, event_name=REPLICA, request_id="R1")
    store = FakeStore(stored(version_id="r", last_modified=ago(3600)))
    place = Place(store, Shelf())
    progress, found = place.locate(replica)
    assert found is not None
    end(progress, Status.FAILED)
    store.kept.insert(0, stored(version_id="v1"))
    _, again = place.locate(replica, number=2)
    assert again is not None
    assert again.version_id == found.version_id == "r"


def test_one_more_event_than_versions_is_a_duplicate() -> None:
    """Its version was removed, or its twin's event dealt with it: all that fit are done with."""
    place = Place(FakeStore(stored(version_id="v1")), Shelf())
    first, second = twins(2)
    end(place.locate(first)[0])
    progress, _ = place.locate(second)
    assert status_of(progress) is Status.DUPLICATE
    earlier = progress.ending.earlier
    assert earlier is not None
    assert (earlier.status, earlier.location) == (Status.PASSED, "uploads/a.jpg")


def test_twins_that_are_done_with_are_no_end_while_there_is_more_to_list() -> None:
    """The event's own may be among the versions that this delivery did not list."""
    store = FakeStore(stored(version_id="v2"), page_size=1)
    place = Place(store, Shelf())
    first, second = twins(2)
    end(place.locate(first)[0])
    newer = [stored(version_id=f"n{n}", etag="E9", last_modified=LATER) for n in range(9)]
    store.kept = [*newer, stored(version_id="v2"), stored(version_id="v1")]
    progress, _ = place.locate(second)
    assert status_of(progress) is Status.FAILED
    progress.entry.close(progress.ending, progress.listed_to)
    _, found = place.locate(second, number=2)
    assert found is not None
    assert found.version_id == "v1"


def test_twins_that_are_done_with_leave_the_end_of_a_link_as_it_is() -> None:
    """The event told of the link; what lies below it was another's."""
    store = FakeStore(stored(version_id="v1"))
    place = Place(store, Shelf())
    first, second = twins(2)
    end(place.locate(first)[0])
    store.kept.insert(0, stored(version_id="v2", object_type="Symlink"))
    progress, run = place.begin(replace(second, event_name="ObjectCreated:CopyObject"))
    progress, link = locate_next(progress, run)
    assert link is not None
    deleted = Outcome(progress.upload, Status.DELETED)
    progress = replace(progress, links=(name_of(link),), ending=deleted, must_look=True)
    assert status_of(locate_next(progress, run)[0]) is Status.DELETED


def test_what_another_is_at_work_on_is_waited_for() -> None:
    """As for a claim: it may be killed, and then somebody has to deal with it."""
    shelf = Shelf()
    place = Place(FakeStore(stored(version_id="v1")), shelf)
    first, second = twins(2)
    place.locate(first)
    _, found = place.locate(second)
    assert found is not None
    assert shelf.now >= 1101


def test_what_was_given_back_is_free_at_once() -> None:
    """A delivery that failed says so."""
    shelf = Shelf()
    place = Place(FakeStore(stored(version_id="v1")), shelf)
    first, second = twins(2)
    end(place.locate(first)[0], Status.FAILED)
    _, found = place.locate(second)
    assert found is not None
    assert shelf.now == 1000
    # The first comes back, and finds that another has it: it waits, and takes over what is given up.
    _, found = place.locate(first, number=2)
    assert found is not None
    assert shelf.now >= 1101


def test_it_is_held_for_longer_than_there_is_time() -> None:
    """Then the next delivery waits on."""
    shelf = Shelf()
    place = Place(FakeStore(stored(version_id="v1")), shelf)
    first, second = twins(2)
    progress, _ = place.locate(first)
    shelf.on_sleep = lambda: shelf.write(
        progress.entry.folder + "claim-1.json", shelf.records[progress.entry.folder + "claim-1.json"]
    )
    with pytest.raises(ClaimHeld):
        place.locate(second)


def test_a_version_that_an_ended_upload_only_took_is_free() -> None:
    """A killed delivery took one version, the next one of the same event dealt with another."""
    shelf = Shelf()
    place = Place(FakeStore(stored(version_id="v1")), shelf)
    first, second = twins(2)
    progress, _ = place.locate(first)
    end(replace(progress, upload=replace(progress.upload, version_id="v2")))
    _, again = place.locate(second)
    assert again is not None
    assert shelf.now == 1000


def test_records_that_tell_nothing_keep_nobody_off() -> None:
    """A take or a claim that can't be read is nobody's."""
    shelf = Shelf()
    place = Place(FakeStore(stored(version_id="v1")), shelf)
    first, second = twins(2)
    place.locate(first)
    takes = [name for name in shelf.records if "/versions/" in name]
    for name in takes:
        shelf.records[name] = {"bad": True}
    assert place.locate(second)[1] is not None


def test_a_takeover_begins_with_the_version_that_was_taken() -> None:
    """Also where another is current by now."""
    shelf = Shelf()
    store = FakeStore(stored(version_id="v1"))
    place = Place(store, shelf)
    progress, found = place.locate()
    assert found is not None
    progress.entry.keep(found, VERDICT, is_exact=True)
    store.kept.insert(0, stored(version_id="v2"))
    _, again = place.locate(number=2)
    assert again is not None
    assert again.version_id == "v1"
    # And where it is gone, nothing else is looked for.
    store.kept.pop()
    progress, _ = place.locate(number=3)
    assert status_of(progress) is Status.GONE


def test_a_takeover_whose_version_another_has_looks_for_one_more() -> None:
    """Its lease ended, and a twin's event dealt with it meanwhile."""
    shelf = Shelf()
    store = FakeStore(stored(version_id="v1"))
    place = Place(store, shelf)
    first, second = twins(2)
    progress, found = place.locate(first)
    assert found is not None
    progress.entry.keep(found, VERDICT, is_exact=True)
    shelf.now += 200
    end(place.locate(second)[0])
    store.kept.append(stored(version_id="v2"))
    _, again = place.locate(first, number=2)
    assert again is not None
    assert again.version_id == "v2"


def test_what_is_judged_in_the_place_of_another_is_told_so_again() -> None:
    """By the delivery that takes over, too."""
    shelf = Shelf()
    place = Place(FakeStore(stored(version_id="v1", etag="E9", last_modified=BEFORE)), shelf)
    progress, found = place.locate()
    assert found is not None
    progress.entry.keep(found, VERDICT, is_exact=True)
    progress, found = place.locate(number=2)
    assert found is not None
    assert (progress.superseded, progress.upload.etag) == ("E1", "E9")


def test_what_another_event_has_is_not_judged_in_its_place() -> None:
    """It is dealt with there."""
    place = Place(FakeStore(stored(version_id="v1", etag="E9", last_modified=BEFORE)), Shelf())
    first, second = twins(2)
    end(place.locate(first)[0])
    assert status_of(place.locate(second)[0]) is Status.GONE


def test_the_same_bytes_of_long_before_are_judged_once_their_taker_gave_them_up() -> None:
    """What another event took is dealt with there, but not where its delivery failed."""
    shelf = Shelf()
    place = Place(FakeStore(stored(version_id="v1", last_modified=BEFORE)), shelf)
    first, second = twins(2)
    end(place.locate(first)[0], Status.FAILED)
    progress, found = place.locate(second)
    assert found is not None
    assert (found.version_id, progress.superseded) == ("v1", None)


def test_who_is_too_slow_for_a_version_that_was_given_up_waits_again() -> None:
    """Another event was faster between our look and our take."""
    shelf = Shelf()
    place = Place(FakeStore(stored(version_id="v1")), shelf)
    first, second, third = twins(3)
    end(place.locate(first)[0], Status.FAILED)
    create = shelf.create
    faster: list[Upload] = []

    def create_late(name: str, record: dict[str, Any]) -> bool:
        if name.endswith("-2.json") and "/versions/" in name and not faster:
            faster.append(third)
            place.locate(third)
        return create(name, record)

    shelf.create = create_late  # type: ignore[method-assign]
    _, found = place.locate(second)
    assert (found is not None, faster) == (True, [third])
    assert shelf.now >= 1101


def test_an_outcome_that_can_not_be_read_keeps_nobody_off() -> None:
    """Nobody can tell whether the version was dealt with: it is looked at again."""
    shelf = Shelf()
    place = Place(FakeStore(stored(version_id="v1")), shelf)
    first, second = twins(2)
    progress, _ = place.locate(first)
    end(progress)
    shelf.records[progress.entry.folder + "outcome.json"] = {"bad": True}
    assert place.locate(second)[1] is not None
