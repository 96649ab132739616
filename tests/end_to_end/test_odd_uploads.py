"""Bad input at the bucket: odd keys, odd bytes, odd kinds of object. Each gets its documented outcome."""

import oss2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.end_to_end.warden_cloud import FUNCTION, Record, WardenCloud, calls, earlier, picture

KEYS = {
    "spaces": " a  b .png",
    "plus": "a+b.png",
    "percent": "a%41%2F.png",
    "cjk": "照片/图.png",
    "emoji": "📷🔥.png",
    "longest": "k" * 1019 + ".png",
    "longest of four bytes": "📷" * 255 + "abc",
    "parent": "../../etc/passwd",
    "inner parent": "a/../b/./c.png",
    "double slash": "a//b///c.png",
    "leading dot": ".hidden.png",
    "control": "a\x01\x1b[31m\x7f.png",
    "newline": "a\nb\r\n.png",
    "markup": "[red]<script>alert(1)</script>&amp;.png",
    "question": "?versionId=x&acl.png",
    "hash": "#a.png",
    "c1 control": "a\x9b31m\u2028\u202e.png",
    "only spaces": "   ",
}


UNLINKABLE = {"longest of four bytes", "only spaces"}


@pytest.mark.parametrize("word", ["GOOD", "NUDE", "GORE"])
@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
@pytest.mark.parametrize("name", KEYS)
def test_an_odd_key_is_moderated_like_any_other(cloud: WardenCloud, name: str, bucket: str, word: str) -> None:
    """The key is data: the same outcome, the same bytes, and one line of plain ASCII in the log.

    Where only a link would name the version and none can be signed, or it is too long for the service, the upload is
    held as rejected, and reported.
    """
    key, body = KEYS[name], picture(word)
    if bucket == "versioned" and name in UNLINKABLE:
        assert cloud.moderate(key, body, bucket=bucket)["decision"]["failure"] == "rejected"
        assert cloud.error is not None
        assert [held for _, held in cloud.held()] == [body]
        return
    document = cloud.moderate(key, body, bucket=bucket)
    assert cloud.error is None
    assert document["upload"]["key"] == key
    assert document["outcome"]["status"] == {"GOOD": "passed", "NUDE": "quarantined", "GORE": "deleted"}[word]
    assert (key in cloud.keys(bucket)) == (word == "GOOD")
    if word == "NUDE":
        assert [held for _, held in cloud.held()] == [body]
    assert cloud.log.getvalue().isascii()
    assert not any(ord(character) < 32 for line in cloud.log.getvalue().splitlines() for character in line)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_key_is_moderated(cloud: WardenCloud, key: str) -> None:
    """Whatever OSS takes as a key ends in quarantine when its bytes are bad, and nothing is lost."""
    body = picture("NUDE")
    try:
        record = cloud.upload(key, body)
    except oss2.exceptions.OssError:
        return  # OSS itself, or its client, does not take this key
    (document,) = cloud.deliver(record)
    if key in {".", ".."}:
        assert "can't be named" in document["outcome"]["error"]
        return
    assert document["outcome"]["status"] == "quarantined"
    assert body in [held for _, held in cloud.held()]
    assert cloud.keys("uploads") == []


def test_an_encoded_key_is_found_by_its_etag(cloud: WardenCloud) -> None:
    """Should an event carry an encoded key, the decoded one is taken where its etag is the event's, and only there."""
    record = cloud.upload("a b.png", picture("NUDE"))
    record["oss"]["object"]["key"] = "a%20b.png"
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert document["upload"]["key"] == "a b.png"
    innocent = cloud.upload("c d.png", picture("GOOD"))
    innocent["oss"]["object"]["key"] = "c+d.png"
    innocent["oss"]["object"]["eTag"] = "0" * 32
    assert cloud.deliver(innocent)[0]["outcome"]["status"] == "gone"


@pytest.mark.parametrize(
    ("body", "failure", "green"),
    [
        (b"", "unsupported", 0),
        (bytes(20 * 1024 * 1024 + 1), "too_large", 0),
        (b"plain text", "unsupported", 1),
        (b"%PDF-1.7 not a picture", "unsupported", 1),
        (picture("GOOD")[:20], "unsupported", 1),
    ],
    ids=["empty", "20 MB + 1", "text", "pdf", "truncated"],
)
def test_what_is_no_image_gets_its_failure(cloud: WardenCloud, body: bytes, failure: str, green: int) -> None:
    """What can't be judged is quarantined, never passed; what the event alone rules out costs no call."""
    document = cloud.moderate("photo.jpg", body, headers={"Content-Type": "image/jpeg"})
    assert document["outcome"]["status"] == "quarantined"
    assert document["decision"]["failure"] == failure
    assert document["outcome"]["calls"]["green"] == green
    assert document["outcome"]["calls"]["billed"] == 0
    assert [held for _, held in cloud.held()] == [body]
    assert cloud.error is None


def test_an_image_of_just_20_mb_is_judged(cloud: WardenCloud) -> None:
    """The limit itself is within the limit."""
    body = picture("GOOD")
    document = cloud.moderate("big.png", body + bytes(20 * 1024 * 1024 - len(body)))
    assert document["outcome"]["status"] == "passed"


def test_an_image_named_txt_is_judged(cloud: WardenCloud) -> None:
    """Content decides, not the name."""
    assert cloud.moderate("a.txt", picture("NUDE"))["outcome"]["status"] == "quarantined"


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_link_goes_and_its_target_stays(cloud: WardenCloud, bucket: str) -> None:
    """A symlink is deleted without a call to the service; what it points to is untouched."""
    cloud.upload("target.png", picture("GOOD"), bucket=bucket)
    cloud.bucket(bucket).put_symlink("target.png", "link.png")
    (document,) = cloud.deliver(cloud.records[-1])
    assert document["outcome"]["status"] == "deleted"
    assert document["decision"]["failure"] == "symlink"
    assert document["outcome"]["calls"]["green"] == 0
    assert cloud.keys(bucket) == ["target.png"]
    assert cloud.tags(bucket, "target.png") == {}
    assert cloud.body(bucket, "target.png") == picture("GOOD")


def test_a_link_into_nothing_goes_too(cloud: WardenCloud) -> None:
    """A dangling link is a link."""
    cloud.bucket().put_symlink("nowhere.png", "link.png")
    (document,) = cloud.deliver(cloud.records[-1])
    assert document["outcome"]["status"] == "deleted"
    with pytest.raises(oss2.exceptions.NoSuchKey):
        cloud.bucket().get_symlink("link.png")


def is_without_links(cloud: WardenCloud, bucket: str) -> bool:
    """Whether no version in the bucket is a link."""
    return "Symlink" not in [version.type for version in cloud.bucket(bucket).list_object_versions().versions]


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_link_over_an_upload_hides_nothing(cloud: WardenCloud, bucket: str) -> None:
    """A link put over bad bytes, to a target of the very same bytes, gets neither the target moved nor followed."""
    body = picture("NUDE")
    target = cloud.upload("target.png", body, bucket=bucket)
    record = cloud.upload("a.png", body, bucket=bucket)
    cloud.bucket(bucket).put_symlink("target.png", "a.png")
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == ("quarantined" if bucket == "versioned" else "gone")
    assert len(document["outcome"]["links"]) == 1
    assert is_without_links(cloud, bucket)
    assert cloud.body(bucket, "target.png") == body
    assert cloud.deliver(target)[0]["outcome"]["status"] == "quarantined"


def test_a_link_that_was_overwritten_is_superseded(cloud: WardenCloud) -> None:
    """A picture put where the link was has its own event; a link that is gone is gone."""
    cloud.bucket().put_symlink("t.png", "a.png")
    link = cloud.records[-1]
    cloud.upload("a.png", picture("GOOD"))
    assert cloud.deliver(link)[0]["outcome"]["status"] == "superseded"
    assert cloud.deliver(link, delivery=2)[0]["outcome"]["status"] == "passed"
    cloud.bucket().delete_object("a.png")
    assert cloud.deliver(link)[0]["outcome"]["status"] == "gone"


def test_a_link_over_a_superseded_upload_is_mended(cloud: WardenCloud) -> None:
    """An upload that a newer link replaced is superseded: that link has an event, which settles it."""
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.bucket().put_symlink("elsewhere.png", "a.png")
    link = cloud.records[-1]
    cloud.upload("elsewhere.png", picture("GOOD"))
    assert cloud.deliver(earlier(record))[0]["outcome"]["status"] == "superseded"
    assert cloud.deliver(earlier(record), delivery=2)[0]["outcome"]["status"] == "superseded"
    (document,) = cloud.deliver(link)
    assert document["outcome"]["status"] == "deleted"
    assert cloud.keys("uploads") == ["elsewhere.png"]


def test_a_tagged_link_keeps_its_status_whatever_its_tags(cloud: WardenCloud) -> None:
    """With `symlink: tag` a link is marked unverified, and a user's tag gives way."""
    cloud.start(
        "version: 1\nname: links\nrules: []\nfailures: {symlink: tag}\nquarantine: {bucket: quarantine, prefix: h/}\n"
    )
    tags = "&".join(f"t{n}={n}" for n in range(10))
    cloud.bucket().put_symlink("t.png", "link.png", headers={"x-oss-tagging": tags})
    (document,) = cloud.deliver(cloud.records[-1])
    assert document["outcome"]["status"] == "unverified"
    assert cloud.tags("uploads", "link.png")["moderation-status"] == "unverified"


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_an_appended_object_is_judged_as_it_is_now(cloud: WardenCloud, bucket: str) -> None:
    """Each append is an upload; an older state is superseded, the newest is judged, and quarantined without loss."""
    head, tail = picture("NUDE"), b"more"
    oss = cloud.bucket(bucket)
    oss.append_object("a.png", 0, head)
    first = cloud.records[-1]
    oss.append_object("a.png", len(head), tail)
    second = cloud.records[-1]
    assert cloud.deliver(earlier(first))[0]["outcome"]["status"] == "superseded"
    (document,) = cloud.deliver(second)
    assert document["outcome"]["status"] == "quarantined"
    assert [held for _, held in cloud.held()] == [head + tail]
    assert cloud.keys(bucket) == []


def test_an_archived_object_is_kept_and_reported(cloud: WardenCloud) -> None:
    """What is archived at upload can't be read or copied: it stays where it is, and the operator hears of it."""
    record = cloud.upload("a.png", picture("NUDE"), headers={"x-oss-storage-class": "Archive"})
    (document,) = cloud.deliver(record, delivery=3, timeout_s=2)
    assert document["outcome"]["status"] == "failed"
    assert "InvalidObjectState" in document["outcome"]["error"]
    assert cloud.keys("uploads") == ["a.png"]


def test_a_copied_and_a_posted_object_are_judged(cloud: WardenCloud) -> None:
    """A copy within the bucket is an upload too."""
    cloud.upload("a.png", picture("NUDE"))
    cloud.bucket().copy_object("uploads", "a.png", "b.png")
    (document,) = cloud.deliver(cloud.records[-1])
    assert document["upload"]["event_name"] == "ObjectCreated:CopyObject"
    assert document["outcome"]["status"] == "quarantined"
    assert cloud.keys("uploads") == ["a.png"]


def test_what_is_out_of_scope_costs_nothing(cloud: WardenCloud) -> None:
    """An excluded key is recorded, without a call of any kind."""
    document = cloud.moderate("thumbnails/a.png", picture("NUDE"))
    assert document["outcome"]["status"] == "out-of-scope"
    assert document["outcome"]["calls"] == calls()


def test_shadow_mode_touches_nothing(cloud: WardenCloud) -> None:
    """In shadow everything is judged, decided and logged, and nothing changes."""
    cloud.start("version: 1\nname: s\nmode: shadow\nrules: []\nquarantine: {bucket: quarantine, prefix: h/}\n")
    for word in ("NUDE", "GORE", "GOOD", "SPAM"):
        document = cloud.moderate(f"{word}.png", picture(word))
        assert document["outcome"]["status"] == "shadow"
        assert document["outcome"]["action"] is None
        assert document["decision"]["mode"] == "shadow"
        assert cloud.tags("uploads", f"{word}.png") == {}
    assert cloud.keys("quarantine") == []
    assert {c.operation for c in cloud.watcher.calls if c.access_key_id == FUNCTION.access_key_id} == {
        "HeadObject",
        "ImageModeration",
    }


def test_a_redelivery_finds_its_own_quarantine(cloud: WardenCloud) -> None:
    """Delivered again after it was quarantined, an upload is reported where it is, without a call to the service."""
    record = cloud.upload("a.png", picture("NUDE"))
    (first,) = cloud.deliver(record)
    (again,) = cloud.deliver(record, delivery=2)
    assert again["outcome"]["status"] == "quarantined"
    assert again["outcome"]["location"] == first["outcome"]["location"]
    assert again["outcome"]["calls"]["green"] == 0


def test_the_same_bytes_twice_are_two_uploads(cloud: WardenCloud) -> None:
    """Without a ledger both versions of the same bad bytes go with the first event, each to a copy of its own."""
    records: list[Record] = [cloud.upload("a.png", picture("NUDE"), bucket="versioned") for _ in range(2)]
    statuses = [document["outcome"]["status"] for document in cloud.deliver(*reversed(records))]
    assert statuses == ["quarantined", "gone"]
    assert cloud.versions("versioned", "a.png") == []
    assert [body for _, body in cloud.held()] == [picture("NUDE"), picture("NUDE")]
