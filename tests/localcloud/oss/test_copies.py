"""The OSS stand-in's versions, copies and conditions, asked by the real oss2."""

import threading
from collections.abc import Callable

import oss2
import pytest

from tests.localcloud.oss.oss_clients import Connect, drained

PART = b"p" * 100 * 1024


def version_ids(bucket: oss2.Bucket) -> list[tuple[str, bool]]:
    """List every version of every key, with whether it is the latest, newest first; markers start with a dash."""
    listing = bucket.list_object_versions()
    found = [(entry.versionid, entry.is_latest) for entry in listing.versions]
    return found + [(f"-{entry.versionid}", entry.is_latest) for entry in listing.delete_marker]


def at(version_id: str) -> dict[str, str]:
    """Name a version in a request."""
    return {"versionId": version_id}


def test_each_put_makes_a_version(versions: oss2.Bucket) -> None:
    """Every version can be read, tagged and looked at by its id; the last one is current."""
    first, second = (versions.put_object("a", body).versionid for body in (b"1", b"2"))
    assert version_ids(versions) == [(second, True), (first, False)]
    assert versions.get_object("a", params=at(first)).read() == b"1"
    assert versions.get_object("a").read() == b"2"
    assert versions.head_object("a").versionid == second
    rule = oss2.models.TaggingRule()
    rule.add("k", "v")
    versions.put_object_tagging("a", oss2.models.Tagging(rule), params=at(first))
    assert versions.get_object_tagging("a", params=at(first)).tag_set.tagging_rule == {"k": "v"}
    assert versions.get_object_tagging("a").tag_set.tagging_rule == {}
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        versions.head_object("a", params=at("none"))
    assert (refused.value.status, refused.value.code) == (404, "NoSuchVersion")


def test_a_delete_without_version_leaves_a_marker(versions: oss2.Bucket) -> None:
    """The key is gone, its bytes are not; the marker can neither be read nor looked at, only deleted."""
    version = versions.put_object("a", b"1").versionid
    deleted = versions.delete_object("a")
    assert deleted.delete_marker
    with pytest.raises(oss2.exceptions.NoSuchKey) as refused:
        versions.get_object("a")
    assert refused.value.headers["x-oss-delete-marker"] == "true"
    assert versions.list_objects().object_list == []
    assert version_ids(versions) == [(version, False), (f"-{deleted.versionid}", True)]
    with pytest.raises(oss2.exceptions.ServerError) as not_allowed:
        versions.head_object("a", params=at(deleted.versionid))
    assert (not_allowed.value.status, not_allowed.value.code) == (405, "MethodNotAllowed")
    assert versions.get_object("a", params=at(version)).read() == b"1"
    assert versions.delete_object("a", params=at(deleted.versionid)).delete_marker
    assert versions.get_object("a").read() == b"1"


def test_deleting_the_current_version_promotes_the_one_before(versions: oss2.Bucket) -> None:
    """That exact version goes for good."""
    first, second = (versions.put_object("a", body).versionid for body in (b"1", b"2"))
    assert versions.delete_object("a", params=at(second)).versionid == second
    assert versions.get_object("a").read() == b"1"
    versions.delete_object("a", params=at(first))
    assert version_ids(versions) == []
    assert versions.delete_object("a", params=at(first)).status == 204
    assert versions.delete_object("never").status == 204


def test_suspended_versioning_keeps_old_versions(versions: oss2.Bucket) -> None:
    """While suspended, puts and deletes replace only the null version."""
    first = versions.put_object("a", b"1").versionid
    versions.put_bucket_versioning(oss2.models.BucketVersioningConfig("Suspended"))
    assert versions.get_bucket_versioning().status == "Suspended"
    assert versions.put_object("a", b"2", headers={"x-oss-tagging": "a=b"}).versionid == "null"
    versions.put_object("a", b"3")
    assert version_ids(versions) == [("null", True), (first, False)]
    assert versions.get_object_tagging("a").tag_set.tagging_rule == {}
    assert versions.delete_object("a").versionid == "null"
    assert version_ids(versions) == [(first, False), ("-null", True)]
    assert versions.get_object("a", params=at(first)).read() == b"1"
    with pytest.raises(oss2.exceptions.InvalidArgument):
        versions.put_bucket_versioning(oss2.models.BucketVersioningConfig("Off"))


def test_version_listings_fold_and_page(versions: oss2.Bucket) -> None:
    """Prefix, delimiter and key marker work as in the other listings."""
    for key in ("a/1", "a/2", "b", "b", "c"):
        versions.put_object(key, b"1")
    folded = versions.list_object_versions(delimiter="/")
    assert folded.common_prefix == ["a/"]
    assert [entry.key for entry in folded.versions] == ["b", "b", "c"]
    page = versions.list_object_versions(max_keys=2)
    assert page.is_truncated
    rest = versions.list_object_versions(key_marker=page.next_key_marker)
    assert [entry.key for entry in (*page.versions, *rest.versions)] == ["a/1", "a/2", "b", "b", "c"]
    assert [entry.key for entry in versions.list_object_versions(prefix="a/2").versions] == ["a/2"]


def test_a_copy_keeps_headers_and_tags(bucket: oss2.Bucket) -> None:
    """Unless told otherwise a copy has the source's headers, metadata and tags, and never its ACL."""
    headers = {"Cache-Control": "max-age=1", "Content-Type": "image/png", "x-oss-meta-author": "me"}
    more = {"x-oss-tagging": "a=b", "x-oss-object-acl": "public-read"}
    etag = bucket.put_object("a", b"1", headers=headers | more).etag
    assert drained(bucket.copy_object("uploads", "a", "b")).etag == etag
    copy = bucket.head_object("b")
    assert {name: copy.headers[name] for name in headers} == headers
    assert bucket.get_object_tagging("b").tag_set.tagging_rule == {"a": "b"}
    assert bucket.get_object_acl("b").acl == "default"


def test_a_copy_replaces_what_it_is_told_to(bucket: oss2.Bucket) -> None:
    """Directives exchange metadata and tags; an object may be copied onto itself."""
    bucket.put_object("a", b"1", headers={"x-oss-meta-old": "1", "x-oss-tagging": "old=1"})
    drained(
        bucket.copy_object(
            "uploads",
            "a",
            "a",
            headers={
                "x-oss-metadata-directive": "REPLACE",
                "x-oss-meta-new": "2",
                "x-oss-tagging-directive": "Replace",
                "x-oss-tagging": "new=2",
                "x-oss-object-acl": "private",
            },
        )
    )
    head = bucket.head_object("a")
    assert head.headers["x-oss-meta-new"] == "2"
    assert "x-oss-meta-old" not in head.headers
    assert bucket.get_object_tagging("a").tag_set.tagging_rule == {"new": "2"}
    assert bucket.get_object_acl("a").acl == "private"
    assert bucket.get_object("a").read() == b"1"


def test_a_copy_names_a_version(versions: oss2.Bucket, bucket: oss2.Bucket) -> None:
    """A version that is no longer current can be copied, and its id is answered."""
    old = versions.put_object("a", b"old").versionid
    versions.put_object("a", b"new")
    copied = drained(bucket.copy_object("versions", "a", "kept", params=at(old)))
    assert bucket.get_object("kept").read() == b"old"
    assert copied.headers["x-oss-copy-source-version-id"] == old
    marker = versions.delete_object("a").versionid
    for parameters in (None, at(marker), at("none")):
        with pytest.raises(oss2.exceptions.ServerError):
            drained(bucket.copy_object("versions", "a", "kept", params=parameters))
    assert bucket.get_object("kept").read() == b"old"


def test_copy_conditions(bucket: oss2.Bucket) -> None:
    """A condition that does not hold refuses the copy and leaves the destination as it is."""
    etag = bucket.put_object("a", b"1").etag
    bucket.put_object("b", b"before")
    for headers, status in (
        ({"x-oss-copy-source-if-match": "0" * 32}, 412),
        ({"x-oss-copy-source-if-unmodified-since": "Wed, 01 Jan 2020 00:00:00 GMT"}, 412),
        ({"x-oss-copy-source-if-none-match": f'"{etag}"'}, 304),
        ({"x-oss-copy-source-if-modified-since": "Wed, 01 Jan 2080 00:00:00 GMT"}, 304),
        ({"x-oss-forbid-overwrite": "true"}, 409),
    ):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            drained(bucket.copy_object("uploads", "a", "b", headers=headers))
        assert refused.value.status == status
    assert bucket.get_object("b").read() == b"before"
    drained(bucket.copy_object("uploads", "a", "b", headers={"x-oss-copy-source-if-match": f'"{etag}"'}))
    assert bucket.get_object("b").read() == b"1"


def test_a_copied_link_is_a_link(bucket: oss2.Bucket) -> None:
    """The link is copied, not what it leads to; even a dangling one."""
    etag = bucket.put_symlink("none", "link", headers={"x-oss-tagging": "a=b"}).headers["ETag"]
    drained(bucket.copy_object("uploads", "link", "copy"))
    copied = bucket.get_symlink("copy")
    assert (copied.target_key, copied.headers["ETag"]) == ("none", etag)
    assert bucket.get_object_tagging("copy").tag_set.tagging_rule == {"a": "b"}
    drained(bucket.copy_object("uploads", "link", "again", headers={"x-oss-metadata-directive": "REPLACE"}))
    assert bucket.get_symlink("again").target_key == "none"


def test_appendable_objects_of_versioned_buckets_cannot_be_copied(versions: oss2.Bucket, bucket: oss2.Bucket) -> None:
    """They can be where versioning was never on; there the copy is an ordinary object."""
    versions.append_object("log", 0, b"1")
    with pytest.raises(oss2.exceptions.OperationNotSupported):
        drained(bucket.copy_object("versions", "log", "copy"))
    bucket.append_object("log", 0, b"1")
    drained(bucket.copy_object("uploads", "log", "copy"))
    assert bucket.head_object("copy").object_type == "Normal"


def test_parts_are_copied_under_conditions(bucket: oss2.Bucket) -> None:
    """UploadPartCopy takes a range, a version and the conditions of CopyObject."""
    etag = bucket.put_object("a", PART + b"tail").etag
    upload_id = bucket.init_multipart_upload("b").upload_id
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        drained(
            bucket.upload_part_copy(
                "uploads", "a", (0, 9), "b", upload_id, 1, headers={"x-oss-copy-source-if-match": "0" * 32}
            )
        )
    size, parts = len(PART), []
    for number, span in ((1, (0, size - 1)), (2, (size, size + 3))):
        headers = {"x-oss-copy-source-if-match": etag}
        copied = drained(bucket.upload_part_copy("uploads", "a", span, "b", upload_id, number, headers=headers))
        parts.append(oss2.models.PartInfo(number, copied.etag))
    drained(bucket.complete_multipart_upload("b", upload_id, parts))
    assert bucket.get_object("b").read() == PART + b"tail"


def test_forbid_overwrite(bucket: oss2.Bucket, versions: oss2.Bucket) -> None:
    """It creates only what is absent, and has no effect where versioning is on or suspended."""
    forbid = {"x-oss-forbid-overwrite": "true"}
    bucket.put_object("a", b"1", headers=forbid)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("a", b"2", headers=forbid)
    assert (refused.value.status, refused.value.code) == (409, "FileAlreadyExists")
    assert bucket.get_object("a").read() == b"1"
    for status in ("Enabled", "Suspended"):
        versions.put_bucket_versioning(oss2.models.BucketVersioningConfig(status))
        for _ in range(2):
            versions.put_object("a", b"1", headers=forbid)


def test_one_of_many_racing_creators_wins(connect: Connect) -> None:
    """`x-oss-forbid-overwrite` is atomic: of four threads exactly one creates each key."""
    clients, keys = [connect() for _ in range(4)], [f"claim-{number}" for number in range(10)]
    start = threading.Barrier(len(clients))
    won: list[tuple[str, int]] = []

    def claim(number: int) -> None:
        start.wait()
        won.extend((key, number) for key in keys if created(clients[number], key, str(number).encode()))

    run_together(claim, len(clients))
    assert sorted(key for key, _ in won) == keys
    assert all(clients[0].get_object(key).read() == str(number).encode() for key, number in won)


def test_a_conditional_copy_never_takes_other_bytes(connect: Connect) -> None:
    """A copy with if-match against an overwriting thread copies the bytes named, or fails with 412."""
    writer, copier = connect(), connect()
    etag = writer.put_object("a", b"judged").etag
    start, outcomes = threading.Barrier(2), set()

    def act(number: int) -> None:
        start.wait()
        for turn in range(20):
            if number == 0:
                writer.put_object("a", b"judged" if turn % 2 else b"swapped")
                continue
            try:
                drained(
                    copier.copy_object("uploads", "a", f"copy-{turn}", headers={"x-oss-copy-source-if-match": etag})
                )
            except oss2.exceptions.PreconditionFailed:
                outcomes.add(b"judged")
            else:
                outcomes.add(copier.get_object(f"copy-{turn}").read())

    run_together(act, 2)
    assert outcomes == {b"judged"}


def created(client: oss2.Bucket, key: str, body: bytes) -> bool:
    """Create an object, or say that somebody else did."""
    try:
        client.put_object(key, body, headers={"x-oss-forbid-overwrite": "true"})
    except oss2.exceptions.ServerError:
        return False
    return True


def run_together(act: Callable[[int], None], count: int) -> None:
    """Run `act` in that many threads, each with its number."""
    threads = [threading.Thread(target=act, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
