"""How the OSS stand-in pages through versions, and what links, appends and switches do to them, by the real oss2."""

import oss2
import pytest
import requests

from tests.localcloud.oss.oss_clients import refusal

Entry = tuple[str, str, bool]


def write_history(bucket: oss2.Bucket) -> list[Entry]:
    """Write three keys, one of them with five entries; give what a whole listing shows, markers and versions."""
    written = [("a", bucket.put_object("a", b"1").versionid)]
    written += [("b", bucket.put_object("b", str(n).encode()).versionid) for n in range(3)]
    written.append(("b", bucket.delete_object("b").versionid))
    written.append(("b", bucket.put_object("b", b"again").versionid))
    written.append(("c", bucket.put_object("c", b"1").versionid))
    newest = dict(written)
    ordered = [entry for name in "abc" for entry in reversed(written) if entry[0] == name]
    return [(key, version_id, newest[key] == version_id) for key, version_id in ordered]


def entries_of(page: oss2.models.ListObjectVersionsResult) -> list[Entry]:
    """Give the versions and delete markers of a page; oss2 keeps the two apart, so the order among them is lost."""
    return [(entry.key, entry.versionid, entry.is_latest) for entry in (*page.versions, *page.delete_marker)]


def read_pages(bucket: oss2.Bucket, size: int, **asked: str) -> list[oss2.models.ListObjectVersionsResult]:
    """Read a listing to its end."""
    pages = [bucket.list_object_versions(max_keys=size, **asked)]
    while pages[-1].is_truncated:
        key, version_id = pages[-1].next_key_marker, pages[-1].next_versionid_marker
        pages.append(bucket.list_object_versions(max_keys=size, key_marker=key, versionid_marker=version_id, **asked))
        assert (pages[-1].key_marker, pages[-1].versionid_marker) == (key, version_id)
    return pages


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_pages_count_versions_and_part_a_key(versions: oss2.Bucket, size: int) -> None:
    """Whatever its size, each page but the last is full, and all of them together are the whole listing, in order."""
    history = write_history(versions)
    pages = [entries_of(page) for page in read_pages(versions, size)]
    assert [sorted(page) for page in pages] == [
        sorted(history[start : start + size]) for start in range(0, len(history), size)
    ]


def test_a_page_may_begin_in_the_middle_of_a_key(versions: oss2.Bucket) -> None:
    """Both markers name what was seen last; without a version the whole key counts as seen."""
    history = write_history(versions)
    key, seen, _ = history[2]
    assert sorted(entries_of(versions.list_object_versions(key_marker=key, versionid_marker=seen))) == sorted(
        history[3:]
    )
    assert entries_of(versions.list_object_versions(key_marker=key)) == history[-1:]
    oldest = history[5][1]
    assert entries_of(versions.list_object_versions(key_marker=key, versionid_marker=oldest)) == history[-1:]


def test_a_version_marker_needs_its_key(versions: oss2.Bucket) -> None:
    """Alone it is an InvalidArgument."""
    assert refusal(lambda: versions.list_object_versions(versionid_marker="1")) == (400, "InvalidArgument")


def test_a_page_goes_on_where_its_marker_was_deleted(versions: oss2.Bucket) -> None:
    """Somebody else may delete a version between two pages: nothing is shown twice or left out."""
    history = write_history(versions)
    key, seen, _ = history[3]
    versions.delete_object(key, params={"versionId": seen})
    assert entries_of(versions.list_object_versions(key_marker=key, versionid_marker=seen)) == history[4:]


def test_a_null_version_has_its_place(bucket: oss2.Bucket) -> None:
    """It is a marker like the others; once gone, it marks no place, and its key begins again."""
    bucket.put_object("a", b"before")
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    newest = bucket.put_object("a", b"after").versionid
    assert [page.versions[0].versionid for page in read_pages(bucket, 1)] == [newest, "null"]
    assert entries_of(bucket.list_object_versions(key_marker="a", versionid_marker="null")) == []
    bucket.delete_object("a", params={"versionId": "null"})
    assert entries_of(bucket.list_object_versions(key_marker="a", versionid_marker="null")) == [("a", newest, True)]


def test_folders_count_and_are_shown_once(versions: oss2.Bucket) -> None:
    """A folder takes one place of a page, however many versions are in it; a prefix keeps others out."""
    for key in ("a/1", "a/1", "a/2", "b", "b", "c/", "c/"):
        versions.put_object(key, b"1")
    pages = read_pages(versions, 1, delimiter="/")
    assert [(page.common_prefix, [entry.key for entry in page.versions]) for page in pages] == [
        (["a/"], []),
        ([], ["b"]),
        ([], ["b"]),
        (["c/"], []),
    ]
    shown = [[entry.key for entry in page.versions] for page in read_pages(versions, 2, prefix="a/")]
    assert shown == [["a/1", "a/1"], ["a/2"]]


def switch(bucket: oss2.Bucket, status: str) -> None:
    """Enable or suspend versioning."""
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig(status))


def at(version_id: str) -> dict[str, str]:
    """Name a version in a request."""
    return {"versionId": version_id}


def all_ids(bucket: oss2.Bucket, key: str) -> list[tuple[str, bool]]:
    """Give the ids under a key and whether each is a delete marker, newest first."""
    pages = read_pages(bucket, 1, prefix=key)
    return [(entry.versionid, page.versions == []) for page in pages for entry in (*page.versions, *page.delete_marker)]


def test_versioning_is_switched_on_off_and_on(bucket: oss2.Bucket) -> None:
    """There is one null version at most, wherever it stands; what has an id of its own stays, and HEAD names both."""
    bucket.put_object("a", b"before")
    assert "x-oss-version-id" not in bucket.head_object("a").headers
    switch(bucket, "Enabled")
    assert bucket.head_object("a").versionid == "null"
    first = bucket.put_object("a", b"on").versionid
    switch(bucket, "Suspended")
    bucket.put_object("a", b"off")
    switch(bucket, "Enabled")
    second = bucket.put_object("a", b"on again").versionid
    assert all_ids(bucket, "a") == [(second, False), ("null", False), (first, False)]
    bodies = [bucket.get_object("a", params=at(version_id)).read() for version_id in (second, "null", first)]
    assert bodies == [b"on again", b"off", b"on"]


def test_delete_markers_pile_up(versions: oss2.Bucket) -> None:
    """Each delete adds one while versioning is enabled; while it is suspended there is one null marker."""
    version_id = versions.put_object("a", b"1").versionid
    markers = [versions.delete_object("a").versionid for _ in range(2)]
    switch(versions, "Suspended")
    assert [versions.delete_object("a").versionid for _ in range(2)] == ["null", "null"]
    piled = [(marker, True) for marker in reversed(markers)]
    assert all_ids(versions, "a") == [("null", True), *piled, (version_id, False)]


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_appending_makes_no_versions(versions: oss2.Bucket, status: str) -> None:
    """An appendable object grows under its one id; over a delete marker a new one begins, at position 0."""
    switch(versions, status)
    first = versions.append_object("log", 0, b"one").headers["x-oss-version-id"]
    assert versions.append_object("log", 3, b"two").headers["x-oss-version-id"] == first
    assert (first == "null") == (status == "Suspended")
    assert all_ids(versions, "log") == [(first, False)]
    versions.delete_object("log")
    assert refusal(lambda: versions.append_object("log", 6, b"three")) == (409, "PositionNotEqualToLength")
    versions.append_object("log", 0, b"again")
    assert versions.get_object("log").read() == b"again"


def test_an_appendable_version_that_is_no_longer_current_is_closed(versions: oss2.Bucket) -> None:
    """It stays as it is, under whatever came after it; an append names no version."""
    old = versions.append_object("log", 0, b"one").headers["x-oss-version-id"]
    versions.put_object("log", b"1")
    assert refusal(lambda: versions.append_object("log", 3, b"two")) == (409, "ObjectNotAppendable")
    # oss2 cannot say this, so the request is made by hand.
    url = versions.sign_url("POST", "log", 60, params={"append": "", "position": "3", **at(old)})
    assert "<Code>InvalidArgument</Code>" in requests.post(url, data=b"two", timeout=10).text
    assert versions.get_object("log", params=at(old)).read() == b"one"


def test_an_object_with_an_id_grows_while_versioning_is_suspended(versions: oss2.Bucket) -> None:
    """Its current version does, whatever its id."""
    version_id = versions.append_object("log", 0, b"one").headers["x-oss-version-id"]
    switch(versions, "Suspended")
    assert versions.append_object("log", 3, b"two").headers["x-oss-version-id"] == version_id
    assert versions.get_object("log", params=at(version_id)).read() == b"onetwo"
    versions.put_object("log", b"1")
    assert all_ids(versions, "log") == [("null", False), (version_id, False)]


def test_links_have_versions(versions: oss2.Bucket) -> None:
    """Each leads to the current version of its own target; type, id, metadata and tags are that link's."""
    targets = {"x": b"first", "y": b"second"}
    for target, body in targets.items():
        versions.put_object(target, b"older")
        versions.put_object(target, body)
    links = {
        versions.put_symlink(target, "link", headers={"x-oss-meta-to": target}).versionid: target for target in targets
    }
    assert list(links) == [version_id for version_id, _ in reversed(all_ids(versions, "link"))]
    for version_id, target in links.items():
        got = versions.get_symlink("link", params=at(version_id))
        assert (got.target_key, got.headers["x-oss-version-id"]) == (target, version_id)
        head = versions.head_object("link", params=at(version_id))
        assert (head.object_type, head.versionid, head.headers["x-oss-meta-to"]) == ("Symlink", version_id, target)
        assert (head.etag, head.content_length) == (versions.head_object(target).etag, len(targets[target]))
        assert versions.get_object("link", params=at(version_id)).read() == targets[target]
    assert versions.get_symlink("link").target_key == "y"


def test_a_deleted_link(versions: oss2.Bucket) -> None:
    """Its marker is current: that is 404, and says so; its versions stay. A link to a marker leads nowhere."""
    versions.put_object("target", b"1")
    version_id = versions.put_symlink("target", "link").versionid
    marker = versions.delete_object("link").versionid
    with pytest.raises(oss2.exceptions.NoSuchKey) as refused:
        versions.get_symlink("link")
    shown = (refused.value.headers["x-oss-delete-marker"], refused.value.headers["x-oss-version-id"])
    assert shown == ("true", marker)
    assert versions.get_object("link", params=at(version_id)).read() == b"1"
    versions.delete_object("target")
    assert refusal(lambda: versions.head_object("link", params=at(version_id))) == (404, "SymlinkTargetNotExist")
    assert versions.get_symlink("link", params=at(version_id)).target_key == "target"


def test_links_while_versioning_is_suspended(versions: oss2.Bucket) -> None:
    """A link takes the place of the null version, as any object does."""
    switch(versions, "Suspended")
    versions.put_object("target", b"1")
    versions.put_object("link", b"bytes")
    assert versions.put_symlink("target", "link").versionid == "null"
    assert all_ids(versions, "link") == [("null", False)]
    assert versions.get_symlink("link", params=at("null")).target_key == "target"
