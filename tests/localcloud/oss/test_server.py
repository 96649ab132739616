"""The OSS stand-in, asked by the real oss2: objects, tags, ACLs, listings, multipart uploads, links, appends."""

import re
import socket
from collections.abc import Callable
from datetime import datetime, timezone
from urllib.parse import quote

import oss2
import pytest
import requests

from handler.adapters.oss.network import OssSession
from scripts.localcloud.oss.server import OssServer
from tests.localcloud.oss.oss_clients import OWNER, Connect, auth_of, close_session, drained, refusal

HEADERS = {
    "Content-Type": "image/png",
    "Cache-Control": "max-age=60",
    "Content-Disposition": "attachment; filename=a.png",
    "Content-Encoding": "identity",
    "Content-Language": "de",
    "Expires": "Wed, 01 Jan 2031 00:00:00 GMT",
    "x-oss-meta-author": "me",
}
PART = b"p" * 100 * 1024


def tagging(**tags: str) -> oss2.models.Tagging:
    """Build a Tagging without the SDK's own checks of length and number."""
    rule = oss2.models.TaggingRule()
    rule.tagging_rule.update(tags)
    return oss2.models.Tagging(rule)


def tags_of(bucket: oss2.Bucket, key: str, version_id: str | None = None) -> dict[str, str]:
    """Read the tags of an object."""
    parameters = {"versionId": version_id} if version_id else None
    tags: dict[str, str] = bucket.get_object_tagging(key, params=parameters).tag_set.tagging_rule
    return tags


def test_what_is_put_comes_back(bucket: oss2.Bucket) -> None:
    """GET gives the bytes, and HEAD the headers that OSS adds."""
    bucket.put_object("a.png", b"hello", headers=HEADERS)
    assert bucket.get_object("a.png").read() == b"hello"
    head = bucket.head_object("a.png").headers
    assert {name: head[name] for name in HEADERS} == HEADERS
    assert head["ETag"] == '"5D41402ABC4B2A76B9719D911017C592"'
    assert head["Content-Length"] == "5"
    assert head["x-oss-object-type"] == "Normal"
    assert head["x-oss-storage-class"] == "Standard"
    assert re.fullmatch(r"\d+", head["x-oss-hash-crc64ecma"])
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", head["Last-Modified"])
    assert "x-oss-version-id" not in head
    assert "x-oss-tagging-count" not in head


def test_other_letters_in_metadata(bucket: oss2.Bucket) -> None:
    """Values are bytes: UTF-8 ones come back unchanged, whatever byte they end in."""
    for value in ("\u5165\u2026", "\u00e0", "caf\u00e9"):
        url = bucket.sign_url("PUT", "a", 60, headers={"x-oss-meta-title": value})
        sent = requests.put(url, data=b"1", headers={"x-oss-meta-title": value.encode()}, timeout=10)
        assert sent.status_code == 200
        assert bucket.head_object("a").headers["x-oss-meta-title"].encode("latin-1").decode() == value


def test_a_body_of_unknown_length(bucket: oss2.Bucket) -> None:
    """A chunked upload arrives whole."""
    bucket.put_object("a", iter([b"1", b"23" * 5000, b"4"]))
    assert bucket.get_object("a").read() == b"1" + b"23" * 5000 + b"4"


def test_request_ids_are_unique(bucket: oss2.Bucket) -> None:
    """Every answer, errors too, carries 24 hexadecimal digits of its own."""
    ids = [bucket.put_object("a", b"").request_id for _ in range(3)]
    with pytest.raises(oss2.exceptions.NoSuchKey) as refused:
        bucket.head_object("none")
    ids.append(refused.value.request_id)
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9A-F]{24}", request_id) for request_id in ids)


def test_a_missing_bucket_and_a_missing_key_differ(bucket: oss2.Bucket, connect: Connect) -> None:
    """A HEAD, which has no body, still tells NoSuchBucket from NoSuchKey."""
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.head_object("none")
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        connect("nowhere").head_object("none")
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        connect("nowhere").put_object("a", b"")


def test_ranges(bucket: oss2.Bucket) -> None:
    """A range is answered with 206; one that cannot be satisfied with the whole object."""
    bucket.put_object("a", b"0123456789")
    part = bucket.get_object("a", byte_range=(2, 4))
    assert (part.status, part.read(), part.content_range) == (206, b"234", "bytes 2-4/10")
    assert bucket.get_object("a", byte_range=(None, 3)).read() == b"789"
    assert bucket.get_object("a", byte_range=(7, None)).read() == b"789"
    whole = bucket.get_object("a", byte_range=(50, 60))
    assert (whole.status, whole.read()) == (200, b"0123456789")


def test_conditional_reads(bucket: oss2.Bucket) -> None:
    """If-Match and its kin answer 412 and 304."""
    etag = bucket.put_object("a", b"1").etag
    assert bucket.get_object("a", headers={"If-Match": f'"{etag}"'}).read() == b"1"
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        bucket.get_object("a", headers={"If-Match": "0" * 32})
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.get_object("a", headers={"If-None-Match": etag})
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        bucket.head_object("a", headers={"If-Unmodified-Since": "Wed, 01 Jan 2020 00:00:00 GMT"})
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.head_object("a", headers={"If-Modified-Since": "Wed, 01 Jan 2080 00:00:00 GMT"})


def test_a_wrong_digest_is_refused(bucket: oss2.Bucket) -> None:
    """A Content-MD5 that is not the body's is an InvalidDigest, and nothing is written."""
    with pytest.raises(oss2.exceptions.InvalidDigest):
        bucket.put_object("a", b"1", headers={"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="})
    assert not bucket.object_exists("a")


def test_what_oss_refuses_to_store(bucket: oss2.Bucket) -> None:
    """An unknown ACL or storage class, and over 8 KB of metadata, are refused."""
    for headers in (
        {"x-oss-object-acl": "world"},
        {"x-oss-storage-class": "Cheap"},
        {"x-oss-meta-long": "x" * 9000},
    ):
        with pytest.raises(oss2.exceptions.InvalidArgument):
            bucket.put_object("a", b"1", headers=headers)


def test_tags_are_replaced_as_a_set(bucket: oss2.Bucket) -> None:
    """PutObjectTagging replaces, a new upload drops, DeleteObjectTagging empties; HEAD counts."""
    bucket.put_object("a", b"1", headers={"x-oss-tagging": "one=1&two=a%20b%2Bc"})
    assert tags_of(bucket, "a") == {"one": "1", "two": "a b+c"}
    assert bucket.head_object("a").headers["x-oss-tagging-count"] == "2"
    bucket.put_object_tagging("a", tagging(three="3"))
    assert tags_of(bucket, "a") == {"three": "3"}
    bucket.delete_object_tagging("a")
    assert tags_of(bucket, "a") == {}
    bucket.put_object_tagging("a", tagging(four="4"))
    bucket.put_object("a", b"2")
    assert tags_of(bucket, "a") == {}


@pytest.mark.parametrize(
    "tags",
    [{f"k{n}": "v" for n in range(11)}, {"k": "naïve"}, {"k": "a,b"}, {"k!": "v"}, {"k" * 129: "v"}, {"k": "v" * 257}],
    ids=["eleven", "not-ascii", "comma", "key", "long-key", "long-value"],
)
def test_illegal_tags_are_refused(bucket: oss2.Bucket, tags: dict[str, str]) -> None:
    """Neither a call nor a header gets tags past OSS's limits, and what was there stays."""
    bucket.put_object("a", b"1", headers={"x-oss-tagging": "k=v"})
    header = "&".join(f"{quote(key)}={quote(value)}" for key, value in tags.items())
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object_tagging("a", tagging(**tags))
    assert (refused.value.status, refused.value.code) == (400, "InvalidTag")
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object("a", b"2", headers={"x-oss-tagging": header})
    assert refused.value.code == "InvalidTag"
    assert tags_of(bucket, "a") == {"k": "v"}
    assert bucket.get_object("a").read() == b"1"


def test_acl(bucket: oss2.Bucket) -> None:
    """An ACL is set with the upload or later; without one it is `default`."""
    bucket.put_object("a", b"1")
    assert bucket.get_object_acl("a").acl == "default"
    bucket.put_object_acl("a", "private")
    assert bucket.get_object_acl("a").acl == "private"
    bucket.put_object("a", b"1", headers={"x-oss-object-acl": "public-read"})
    assert bucket.get_object_acl("a").acl == "public-read"


def test_listings_fold_and_page(bucket: oss2.Bucket) -> None:
    """Both listings give keys in byte order, fold at the delimiter, and page without loss or repetition."""
    keys = ["a/1", "a/2", "b", "c/1", "d e+f", "z"]
    for key in keys:
        bucket.put_object(key, b"1")
    for iterator in (oss2.ObjectIterator, oss2.ObjectIteratorV2):
        assert [entry.key for entry in iterator(bucket, max_keys=2)] == keys
        assert [entry.key for entry in iterator(bucket, delimiter="/", max_keys=2)] == ["a/", "b", "c/", "d e+f", "z"]
        assert [entry.key for entry in iterator(bucket, prefix="a/")] == ["a/1", "a/2"]
    entry = bucket.list_objects_v2(prefix="z").object_list[0]
    assert (entry.etag, entry.size, entry.type) == ("C4CA4238A0B923820DCC509A6F75849B", 1, "Normal")
    assert entry.storage_class == "Standard"
    with pytest.raises(oss2.exceptions.InvalidArgument):
        bucket.list_objects(max_keys=1001)


def test_buckets(server: OssServer, bucket: oss2.Bucket, connect: Connect) -> None:
    """A bucket is created, described, listed and deleted; a full one stays."""
    other = connect("another")
    other.create_bucket()
    service = oss2.Service(other.auth, server.endpoint, session=other.session, region="ap-southeast-1")
    assert [entry.name for entry in service.list_buckets().buckets] == ["another", "uploads", "versions"]
    assert other.get_bucket_location().location == "oss-ap-southeast-1"
    info = other.get_bucket_info()
    assert (info.name, info.versioning_status, info.location) == ("another", None, "oss-ap-southeast-1")
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        other.create_bucket()
    assert (refused.value.status, refused.value.code) == (409, "BucketAlreadyExists")
    other.delete_bucket()
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        other.get_bucket_info()
    bucket.put_object("a", b"1")
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        bucket.delete_bucket()


def test_multipart(bucket: oss2.Bucket) -> None:
    """Parts become one object with the headers and tags of the initiation and an ETag of MD5-N."""
    headers = HEADERS | {"x-oss-tagging": "a=b"}
    upload_id = bucket.init_multipart_upload("big", headers=headers).upload_id
    parts = []
    for number, body in ((1, PART), (2, b"end")):
        uploaded = bucket.upload_part("big", upload_id, number, body)
        parts.append(oss2.models.PartInfo(number, uploaded.etag, size=len(body), part_crc=uploaded.crc))
    assert [part.size for part in bucket.list_parts("big", upload_id).parts] == [len(PART), 3]
    completed = drained(bucket.complete_multipart_upload("big", upload_id, parts))
    assert re.fullmatch("[0-9A-F]{32}-2", completed.etag)
    got = bucket.get_object("big")
    assert got.read() == PART + b"end"
    assert got.headers["x-oss-object-type"] == "Multipart"
    assert got.headers["x-oss-meta-author"] == "me"
    assert tags_of(bucket, "big") == {"a": "b"}
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.list_parts("big", upload_id)


def test_multipart_refusals(bucket: oss2.Bucket) -> None:
    """Wrong order, unknown parts and small parts are refused; an aborted upload is gone."""
    upload_id = bucket.init_multipart_upload("big").upload_id
    etags = [bucket.upload_part("big", upload_id, number, b"small").etag for number in (1, 2)]
    info = [oss2.models.PartInfo(number, etag) for number, etag in enumerate(etags, start=1)]
    for parts, code in (
        (list(reversed(info)), "InvalidPartOrder"),
        ([oss2.models.PartInfo(3, etags[0])], "InvalidPart"),
        (info, "EntityTooSmall"),
    ):
        # oss2 sorts the parts, so the body is sent by hand.
        body = oss2.xml_utils.to_complete_upload_request(parts)
        url = bucket.sign_url("POST", "big", 60, params={"uploadId": upload_id})
        assert f"<Code>{code}</Code>" in requests.post(url, data=body, timeout=10).text
    with pytest.raises(oss2.exceptions.InvalidArgument):
        bucket.upload_part("big", upload_id, 10_001, b"x")
    bucket.abort_multipart_upload("big", upload_id)
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.upload_part("big", upload_id, 1, b"x")
    assert not bucket.object_exists("big")


def test_parts_are_listed_in_pages(bucket: oss2.Bucket) -> None:
    """By number, after the one where the last page ended."""
    upload_id = bucket.init_multipart_upload("big").upload_id
    for number in (3, 1, 10):
        bucket.upload_part("big", upload_id, number, b"x" * number)
    first = bucket.list_parts("big", upload_id, max_parts=2)
    assert ([part.part_number for part in first.parts], first.is_truncated, first.next_marker) == ([1, 3], True, "3")
    second = bucket.list_parts("big", upload_id, marker="3", max_parts=2)
    assert ([part.size for part in second.parts], second.is_truncated) == ([10], False)
    assert refusal(lambda: bucket.list_parts("big", upload_id, max_parts=1001)) == (400, "InvalidArgument")
    assert refusal(lambda: bucket.list_parts("big", upload_id, marker="x")) == (400, "InvalidArgument")


def test_unfinished_uploads_are_listed_in_pages(bucket: oss2.Bucket) -> None:
    """By key and id, with when they were begun; completed and aborted ones are gone."""
    before = int(datetime.now(timezone.utc).timestamp())
    begun = [(key, bucket.init_multipart_upload(key).upload_id) for key in ("a/b c", "a/b", "a/b", "b", "a", "a/b d")]
    gone = begun.pop()
    bucket.abort_multipart_upload(*gone)
    wanted = sorted(pair for pair in begun if pair[0].startswith("a/"))
    page = bucket.list_multipart_uploads(prefix="a/")
    assert [(upload.key, upload.upload_id) for upload in page.upload_list] == wanted
    assert all(0 <= upload.initiation_date - before < 60 for upload in page.upload_list)
    assert not page.is_truncated
    found: list[tuple[str, str]] = []
    markers = {"key_marker": "", "upload_id_marker": ""}
    for _ in wanted:
        page = bucket.list_multipart_uploads(prefix="a/", max_uploads=1, **markers)
        found += [(upload.key, upload.upload_id) for upload in page.upload_list]
        markers = {"key_marker": page.next_key_marker, "upload_id_marker": page.next_upload_id_marker}
    assert (found, page.is_truncated) == (wanted, False)
    rest = bucket.list_multipart_uploads(key_marker="a/b")
    assert [upload.key for upload in rest.upload_list] == ["a/b c", "b"]


def test_multipart_upload_can_be_refused_an_overwrite(bucket: oss2.Bucket) -> None:
    """At its beginning and at its end."""
    forbid = {"x-oss-forbid-overwrite": "true"}
    upload_id = bucket.init_multipart_upload("big", headers=forbid).upload_id
    parts = [oss2.models.PartInfo(1, bucket.upload_part("big", upload_id, 1, PART).etag)]
    bucket.put_object("big", b"1")
    taken = (409, "FileAlreadyExists")
    assert refusal(lambda: bucket.init_multipart_upload("big", headers=forbid)) == taken
    assert refusal(lambda: bucket.complete_multipart_upload("big", upload_id, parts, headers=forbid)) == taken
    drained(bucket.complete_multipart_upload("big", upload_id, parts))
    assert bucket.get_object("big").read() == PART


def test_append(bucket: oss2.Bucket) -> None:
    """An append must name the length; what is no appendable object refuses."""
    first = bucket.append_object("log", 0, b"one")
    assert first.next_position == 3
    second = bucket.append_object("log", 3, b"two", init_crc=first.crc)
    assert (second.next_position, bucket.get_object("log").read()) == (6, b"onetwo")
    assert bucket.head_object("log").headers["x-oss-object-type"] == "Appendable"
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as refused:
        bucket.append_object("log", 2, b"x")
    assert refused.value.next_position == 6
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength):
        bucket.append_object("new", 2, b"x")
    bucket.put_object("plain", b"1")
    with pytest.raises(oss2.exceptions.ObjectNotAppendable):
        bucket.append_object("plain", 1, b"x")


def test_a_link_answers_for_its_target(bucket: oss2.Bucket) -> None:
    """HEAD and GET of a link give the target's length, ETag and bytes; type, metadata and tags are the link's own."""
    etag = bucket.put_object("dir/a b+%41.jpg", b"hello", headers={"x-oss-tagging": "of=target"}).etag
    bucket.put_symlink("dir/a b+%41.jpg", "link", headers={"x-oss-meta-of": "link", "x-oss-tagging": "of=link"})
    head = bucket.head_object("link")
    assert (head.etag, head.content_length, head.object_type) == (etag, 5, "Symlink")
    assert head.headers["x-oss-meta-of"] == "link"
    assert bucket.get_object("link").read() == b"hello"
    assert bucket.get_symlink("link").target_key == "dir/a b+%41.jpg"
    assert tags_of(bucket, "link") == {"of": "link"}
    bucket.delete_object("link")
    assert bucket.get_object("dir/a b+%41.jpg").read() == b"hello"


def test_a_link_is_as_new_as_the_newer_of_both(bucket: oss2.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Last-Modified of a link is the later one of link and target."""
    bucket.put_object("target", b"1")
    bucket.put_symlink("target", "link")

    def modified_after(hour: int, write: Callable[[], object]) -> str:
        later = datetime(2080, 1, 1, hour, tzinfo=timezone.utc).replace(tzinfo=None)
        monkeypatch.setattr("moto.s3.models.utcnow", lambda: later)
        write()
        return str(bucket.head_object("link").headers["Last-Modified"])

    assert modified_after(8, lambda: bucket.put_object("target", b"2")) == "Mon, 01 Jan 2080 08:00:00 GMT"
    assert modified_after(9, lambda: bucket.put_symlink("target", "link")) == "Mon, 01 Jan 2080 09:00:00 GMT"


def test_links_that_lead_nowhere(bucket: oss2.Bucket) -> None:
    """A dangling link and a link to a link are told apart; GetSymlink and tags still work on them."""
    bucket.put_symlink("none", "dangling", headers={"x-oss-tagging": "a=b"})
    bucket.put_symlink("dangling", "twice")
    for read in (bucket.head_object, bucket.get_object):
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            read("dangling")
        assert (refused.value.status, refused.value.code) == (404, "SymlinkTargetNotExist")
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            read("twice")
        assert (refused.value.status, refused.value.code) == (400, "InvalidTargetType")
    assert bucket.get_symlink("dangling").target_key == "none"
    assert tags_of(bucket, "dangling") == {"a": "b"}
    bucket.put_object("plain", b"1")
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_symlink("plain")
    assert refused.value.code == "NotSymlink"


def test_unknown_operations_say_so(bucket: oss2.Bucket, server: OssServer) -> None:
    """What is not served is refused by name, never taken for something else."""
    assert refusal(lambda: bucket.batch_delete_objects(["a"])) == (400, "NotImplemented")
    assert requests.patch(f"{server.endpoint}/uploads/a", timeout=10).status_code == 405
    assert "InvalidObjectName" in requests.put(f"{server.endpoint}/uploads/%ff", timeout=10).text
    assert requests.get(server.endpoint, timeout=10).status_code == 403


def test_servers_share_nothing() -> None:
    """Two servers of one process may have buckets of one name, with different things in them."""
    session = OssSession()
    with OssServer([OWNER]) as one, OssServer([OWNER]) as two:
        clients = []
        for server in (one, two):
            server.create_bucket("uploads")
            client = oss2.Bucket(auth_of(OWNER), server.endpoint, "uploads", session=session, region=server.region)
            clients.append(client)
        clients[0].put_object("a", b"1")
        assert not clients[1].object_exists("a")
        two.reset()
        assert clients[0].get_object("a").read() == b"1"
    close_session(session)


@pytest.mark.parametrize(
    ("method", "parameters", "headers", "code"),
    [
        ("PUT", {"tagging": ""}, {}, "MalformedXML"),
        ("POST", {"uploadId": "UPLOAD"}, {}, "MalformedXML"),
        ("PUT", {}, {"x-oss-copy-source": "uploads/a"}, "InvalidArgument"),
        ("PUT", {"symlink": ""}, {}, "InvalidArgument"),
        ("POST", {"append": "", "position": "x"}, {}, "InvalidArgument"),
        ("PUT", {}, {"x-oss-tagging": "a=1&a=2"}, "InvalidTag"),
    ],
)
def test_malformed_requests(
    bucket: oss2.Bucket, method: str, parameters: dict[str, str], headers: dict[str, str], code: str
) -> None:
    """What no SDK would send is refused by its proper name."""
    upload_id = bucket.init_multipart_upload("a").upload_id
    asked = {key: value.replace("UPLOAD", upload_id) for key, value in parameters.items()}
    url = bucket.sign_url(method, "a", 60, headers=headers, params=asked)
    answer = requests.request(method, url, data=b"<not xml", headers=headers, timeout=10)
    assert f"<Code>{code}</Code>" in answer.text


def test_half_an_upload_is_none(server: OssServer, bucket: oss2.Bucket) -> None:
    """A client that goes away in the middle of a body leaves nothing behind."""
    port = int(server.endpoint.rpartition(":")[2])
    target = bucket.sign_url("PUT", "a", 60).removeprefix(server.endpoint)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert not bucket.object_exists("a")
