"""What other upload scanners get wrong, each as it must go here: nine reproduced defects, and the reported ones."""

import oss2
import pytest

from scripts.localcloud.green.answer import Answer
from tests.end_to_end.warden_cloud import FUNCTION, WardenCloud, earlier, picture

TEN_TAGS = {f"t{n}": str(n) for n in range(10)}


def test_1_ten_tags_do_not_stop_the_judging(cloud: WardenCloud) -> None:
    """An object with 10 tags is judged and acted on; a flagged one without room for a status is quarantined."""
    assert cloud.moderate("bad.png", picture("NUDE"), tags=TEN_TAGS)["outcome"]["status"] == "quarantined"
    assert cloud.moderate("spam.png", picture("SPAM"), tags=TEN_TAGS)["outcome"]["status"] == "quarantined"
    passed = cloud.moderate("good.png", picture("GOOD"), tags=TEN_TAGS)
    assert passed["outcome"]["status"] == "passed"
    assert passed["outcome"]["tag_note"].startswith("untagged")
    assert cloud.tags("uploads", "good.png") == TEN_TAGS


def test_1_when_full_evict_makes_room(cloud: WardenCloud) -> None:
    """With `when_full: evict` a user's tag gives way to the status, and the outcome says which."""
    cloud.start(
        "version: 1\nname: evicting\nrules: []\ntags: {when_full: evict}\n"
        "quarantine: {bucket: quarantine, prefix: h/}\n"
    )
    document = cloud.moderate("good.png", picture("GOOD"), tags=TEN_TAGS)
    tags = cloud.tags("uploads", "good.png")
    assert tags.pop("moderation-status") == "passed"
    assert tags.items() <= TEN_TAGS.items()
    assert len(tags) == 9
    assert "t9" in document["outcome"]["tag_note"]


@pytest.mark.parametrize("count", [8, 9, 10])
def test_2_tags_never_save_an_object_from_deletion(cloud: WardenCloud, count: int) -> None:
    """Acting comes first: whatever its tags, what is to be deleted is deleted."""
    tags = dict(list(TEN_TAGS.items())[:count])
    assert cloud.moderate("bad.png", picture("GORE"), tags=tags)["outcome"]["status"] == "deleted"
    assert cloud.keys("uploads") == []


@pytest.mark.parametrize("count", [6, 7, 8, 9, 10])
def test_3_the_quarantine_copy_keeps_what_tags_there_is_room_for(cloud: WardenCloud, count: int) -> None:
    """The copy succeeds with 10 tags at most, the status first, then the user's own."""
    tags = dict(list(TEN_TAGS.items())[:count])
    document = cloud.moderate("bad.png", picture("NUDE"), tags=tags)
    ((key, _),) = cloud.held()
    held = cloud.tags("quarantine", key)
    assert held["moderation-status"] == "quarantined"
    assert len(held) == min(10, count + 4)
    assert len(held.items() & tags.items()) == min(count, 9)
    if count > 6:
        assert document["outcome"]["tag_note"]


def test_4_an_overwrite_is_never_acted_on_with_the_old_verdict(cloud: WardenCloud) -> None:
    """Bad bytes overwritten by good ones while they are judged: superseded, and the good ones get their own verdict."""
    bad = cloud.upload("a.png", picture("NUDE"))
    records = []
    cloud.watcher.interfere[2] = lambda: records.append(cloud.upload("a.png", picture("GOOD")))
    (first,) = cloud.deliver(earlier(bad))
    assert first["outcome"]["status"] == "superseded"
    (second,) = cloud.deliver(*records)
    assert second["outcome"]["status"] == "passed"
    assert cloud.body("uploads", "a.png") == picture("GOOD")
    assert cloud.keys("quarantine") == []


def test_5_a_deletion_in_a_versioned_bucket_leaves_no_bytes(cloud: WardenCloud) -> None:
    """That version is gone, not hidden behind a marker, and an older one is untouched."""
    older = cloud.moderate("a.png", picture("GOOD"), bucket="versioned")
    cloud.moderate("a.png", picture("GORE"), bucket="versioned")
    assert cloud.versions("versioned", "a.png") == [older["upload"]["version_id"]]
    assert cloud.body("versioned", "a.png") == picture("GOOD")


def test_6_all_headers_survive_quarantine(cloud: WardenCloud) -> None:
    """Standard headers and the user's metadata are on the copy."""
    headers = {
        "Content-Type": "image/png",
        "Cache-Control": "max-age=60",
        "Content-Disposition": 'attachment; filename="a.png"',
        "Content-Encoding": "identity",
        "Content-Language": "de",
        "Expires": "Fri, 01 Jan 2027 00:00:00 GMT",
        "x-oss-meta-camera": "Leica",
    }
    cloud.moderate("a.png", picture("NUDE"), headers=headers)
    ((key, _),) = cloud.held()
    held = cloud.bucket("quarantine").head_object(key).headers
    assert {name: held[name] for name in headers} == headers


def test_7_keys_are_exact(cloud: WardenCloud) -> None:
    """A key that another begins with is another object, in versions too."""
    cloud.upload("a.txt.bak", picture("GOOD"), bucket="versioned")
    bad = cloud.upload("a.txt", picture("NUDE"), bucket="versioned")
    cloud.upload("a.txt", picture("GOOD"), bucket="versioned")
    (document,) = cloud.deliver(bad)
    assert document["outcome"]["status"] == "quarantined"
    assert len(cloud.versions("versioned", "a.txt")) == 1
    assert len(cloud.versions("versioned", "a.txt.bak")) == 1
    assert cloud.tags("versioned", "a.txt.bak") == {}


def test_8_every_record_is_handled_and_keys_are_raw(cloud: WardenCloud) -> None:
    """All records of an event end in an Outcome; `a+b.jpg` stays `a+b.jpg`, beside `a b.jpg`."""
    records = [
        cloud.upload("a+b.jpg", picture("NUDE", salt="1")),
        cloud.upload("a b.jpg", picture("GOOD")),
        cloud.upload("a%41.jpg", picture("NUDE", salt="2")),
        cloud.upload("aA.jpg", picture("GOOD")),
    ]
    statuses = [document["outcome"]["status"] for document in cloud.deliver(*records)]
    assert statuses == ["quarantined", "passed", "quarantined", "passed"]
    assert cloud.keys("uploads") == ["a b.jpg", "aA.jpg"]


def test_9_a_deletion_while_it_is_judged_is_no_error(cloud: WardenCloud) -> None:
    """An owner who removes a picture meanwhile is told `gone`."""
    record = cloud.upload("a.png", picture("NUDE"))
    cloud.watcher.interfere[2] = lambda: cloud.bucket().delete_object("a.png")
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "gone"
    assert cloud.error is None


def test_9_an_uploaders_tag_means_nothing(cloud: WardenCloud) -> None:
    """Tags, metadata and headers that look like our verdict change nothing."""
    forged = {"moderation-status": "passed", "moderation-policy": "end-to-end:00000000"}
    headers = {"x-oss-meta-warden-source": "quarantine/x", "x-oss-meta-warden-policy": "forged"}
    document = cloud.moderate("a.png", picture("NUDE"), tags=forged, headers=headers)
    assert document["outcome"]["status"] == "quarantined"
    ((key, _),) = cloud.held()
    assert cloud.tags("quarantine", key)["moderation-status"] == "quarantined"
    assert cloud.bucket("quarantine").head_object(key).headers["x-oss-meta-warden-source"] == "uploads/a.png"


def test_also_the_users_tags_are_kept(cloud: WardenCloud) -> None:
    """Marking an object passed adds to its tags."""
    cloud.moderate("a.png", picture("GOOD"), tags={"owner": "ann", "album": "x=y & z"[:3]})
    assert {"owner": "ann", "album": "x=y"}.items() <= cloud.tags("uploads", "a.png").items()


def test_also_a_file_over_the_limit_is_no_success(cloud: WardenCloud) -> None:
    """20 MB and one byte is quarantined as too large, without a call."""
    document = cloud.moderate("big.png", picture("GOOD") + bytes(20 * 1024 * 1024))
    assert document["outcome"]["status"] == "quarantined"
    assert document["decision"]["failure"] == "too_large"
    assert document["outcome"]["calls"]["green"] == 0


def test_also_a_key_is_never_a_command(cloud: WardenCloud) -> None:
    """A key made of shell, format strings and markup is data all the way."""
    key = "$(touch hacked);`id`|{0.__class__}%s[red]<script>.png"
    assert cloud.moderate(key, picture("NUDE"))["outcome"]["status"] == "quarantined"
    assert cloud.keys("uploads") == []


def test_also_what_is_throttled_is_not_silently_unscanned(cloud: WardenCloud) -> None:
    """Throttling fails the invocation, is tried again, and ends marked unverified, never passed."""
    cloud.answers = {"GOOD": Answer(code=403)}
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.deliver(record, timeout_s=2)
    assert cloud.error is not None
    (last,) = cloud.deliver(record, delivery=3, timeout_s=2)
    assert last["outcome"]["status"] == "unverified"
    cloud.answers = {}
    assert cloud.deliver(record, delivery=4)[0]["outcome"]["status"] == "passed"
    assert cloud.tags("uploads", "a.png")["moderation-status"] == "passed"


@pytest.mark.parametrize("key", ["picture", "picture.txt", "picture.PNG.exe", ".png", "dir/", "a.jpeg.pdf"])
def test_also_a_suffix_skips_nothing(cloud: WardenCloud, key: str) -> None:
    """A wrong suffix or none, and a wrong content type, are judged like any other."""
    document = cloud.moderate(key, picture("NUDE"), headers={"Content-Type": "text/plain"})
    assert document["outcome"]["status"] == "quarantined"


def test_also_a_multipart_upload_is_judged_once(cloud: WardenCloud) -> None:
    """The events of a multipart upload's parts are recorded and ignored; its completion is judged."""
    bucket = cloud.bucket()
    body = picture("NUDE") + bytes(300 * 1024)
    started = bucket.init_multipart_upload("big.png")
    parts = []
    for number, start in enumerate(range(0, len(body), 128 * 1024), start=1):
        part = body[start : start + 128 * 1024]
        parts.append(oss2.models.PartInfo(number, bucket.upload_part("big.png", started.upload_id, number, part).etag))
    bucket.complete_multipart_upload("big.png", started.upload_id, parts)
    statuses = [document["outcome"]["status"] for document in cloud.deliver(*cloud.records)]
    assert statuses == ["ignored-event"] * 4 + ["quarantined"]
    assert len([call for call in cloud.watcher.calls if call.service == "green"]) == 1
    assert [held for _, held in cloud.held()] == [body]


def test_also_a_quarantine_inside_the_watched_bucket_does_not_loop(cloud: WardenCloud) -> None:
    """Where the quarantine is a prefix of the watched bucket itself, our own copies are out of scope."""
    cloud.start(
        "version: 1\nname: inside\nscope: {exclude: ['held/**']}\nrules: []\n"
        "quarantine: {bucket: uploads, prefix: held/}\n"
    )
    cloud.moderate("a.png", picture("NUDE"))
    copied = cloud.records[-1]
    assert copied["eventName"] == "ObjectCreated:CopyObject"
    (document,) = cloud.deliver(copied)
    assert document["outcome"]["status"] == "out-of-scope"
    assert document["outcome"]["calls"]["oss"] == 0


def test_also_the_quarantine_bucket_s_own_events_do_not_loop(cloud: WardenCloud) -> None:
    """A trigger set on the quarantine bucket by mistake moves nothing again."""
    cloud.moderate("a.png", picture("NUDE"))
    (document,) = cloud.deliver(cloud.records[-1])
    assert document["outcome"]["status"] == "out-of-scope"
    assert len(cloud.held()) == 1


def test_also_a_restored_picture_is_judged_and_held_afresh_without_loss(cloud: WardenCloud) -> None:
    """Put back by hand, a picture is a new upload: judged once more, its first copy untouched.

    That it stays is the work of a release, which the ledger will hold.
    """
    cloud.moderate("a.png", picture("NUDE"))
    ((key, body),) = cloud.held()
    cloud.bucket().copy_object("quarantine", key, "a.png")
    (document,) = cloud.deliver(cloud.records[-1])
    assert document["outcome"]["status"] == "quarantined"
    assert [held for _, held in cloud.held()] == [body, body]


def test_also_the_function_never_reads_the_picture(cloud: WardenCloud) -> None:
    """The service reads straight from the bucket; the function moves no bytes through itself."""
    for word in ("GOOD", "SPAM", "NUDE", "GORE"):
        cloud.moderate(f"{word}.png", picture(word))
    assert "GetObject" not in cloud.watcher.operations
    assert {call.access_key_id for call in cloud.watcher.calls} == {FUNCTION.access_key_id}
