"""G7 and G2 against an uploader who knows how the function works, and against bad timing."""

from collections.abc import Callable

import oss2
import pytest

from scripts.localcloud.green.answer import Answer
from scripts.localcloud.wire import Fault
from tests.end_to_end.warden_cloud import Record, WardenCloud, earlier, picture

COVERS = {
    "a link": lambda cloud: cloud.bucket("versioned").put_symlink("good.png", "a.png"),
    "a picture that is deleted": lambda cloud: cloud.upload("a.png", picture("GORE"), bucket="versioned"),
    "a picture that is quarantined": lambda cloud: cloud.upload("a.png", picture("NUDE", salt="2"), bucket="versioned"),
    "a flagged one without a free tag": lambda cloud: cloud.upload(
        "a.png", picture("SPAM"), bucket="versioned", tags={f"t{n}": "x" for n in range(10)}
    ),
}
SYMLINK_TO_NOWHERE = "nowhere.png"


def tag(cloud: WardenCloud, bucket: str, key: str, tags: dict[str, str]) -> None:
    """Tag as the application does."""
    rule = oss2.models.TaggingRule()
    for name, value in tags.items():
        rule.add(name, value)
    cloud.bucket(bucket).put_object_tagging(key, oss2.models.Tagging(rule))


@pytest.mark.parametrize("name", COVERS)
def test_a_cover_that_we_remove_ourselves_shields_nothing(cloud: WardenCloud, name: str) -> None:
    """Bad bytes covered while the service looks, by something that the function takes away again, are still judged."""
    cloud.upload("good.png", picture("GOOD"), bucket="versioned")
    bad = cloud.upload("a.png", picture("NUDE"), bucket="versioned")
    cloud.watcher.interfere = {1: lambda: COVERS[name](cloud), 2: lambda: cloud.deliver(cloud.records[-1])}
    cloud.deliver(bad)
    bodies = [cloud.body("versioned", "a.png", version) for version in cloud.versions("versioned", "a.png")]
    assert picture("NUDE") not in bodies
    assert picture("NUDE") in [body for _, body in cloud.held()]


@pytest.mark.parametrize("word", ["NUDE", "GORE"])
@pytest.mark.parametrize("gap", [1, 2, 3, 4])
def test_a_picture_put_twice_at_once_leaves_nothing(cloud: WardenCloud, word: str, gap: int) -> None:
    """A client's own retry within the second: both events at work at once, and no version stays."""
    first = cloud.upload("a.png", picture(word), bucket="versioned")
    second = cloud.upload("a.png", picture(word), bucket="versioned")
    cloud.watcher.interfere = {gap: lambda: cloud.deliver(second)}
    cloud.deliver(first)
    assert cloud.versions("versioned", "a.png") == []


def append(cloud: WardenCloud, body: bytes, position: int = 0) -> Record:
    """Append to a.png in the versioned bucket."""
    cloud.bucket("versioned").append_object("a.png", position, body)
    return cloud.records[-1]


@pytest.mark.parametrize(("word", "gap"), [("GOOD", 2), ("GOOD", 3), ("GORE", 2), ("NUDE", 2)])
def test_what_is_appended_meanwhile_is_not_taken_for_judged(cloud: WardenCloud, word: str, gap: int) -> None:
    """An appendable object grows under the same version id: neither passed nor deleted nor moved unjudged."""
    base = picture(word)
    record = append(cloud, base)
    later: list[Record] = []
    cloud.watcher.interfere = {gap: lambda: later.append(append(cloud, b"SPAM", len(base)))}
    cloud.answers = {"SPAM": cloud.answers["SPAM"], **cloud.answers}
    cloud.deliver(record)
    cloud.deliver(*later)
    assert cloud.body("versioned", "a.png") == base + b"SPAM"
    assert cloud.tags("versioned", "a.png")["moderation-status"] == "flagged"


def test_an_older_state_of_an_appended_object_is_superseded(cloud: WardenCloud) -> None:
    """The event of an earlier append finds its bytes continued."""
    record = append(cloud, picture("GOOD"))
    append(cloud, b"MORE", len(picture("GOOD")))
    assert cloud.deliver(earlier(record))[0]["outcome"]["status"] == "superseded"


@pytest.mark.parametrize("action", ["quarantine", "delete"])
def test_an_owners_deletion_is_never_undone(cloud: WardenCloud, action: str) -> None:
    """A delete marker is no empty picture: it is not judged, and not removed."""
    cloud.start(
        f"version: 1\nname: d\nrules: []\nfailures: {{unsupported: {action}}}\n"
        "quarantine: {bucket: quarantine, prefix: h/}\n"
    )
    cloud.moderate("a.png", picture("GOOD"), bucket="versioned")
    cloud.bucket("versioned").put_symlink("good.png", "a.png")
    link = cloud.records[-1]
    cloud.bucket("versioned").delete_object("a.png")
    (document,) = cloud.deliver(link, delivery=2)
    assert document["outcome"]["status"] == "deleted"
    assert "a.png" not in cloud.keys("versioned")
    assert len(cloud.versions("versioned", "a.png")) == 1


def test_a_deletion_while_versioning_is_suspended_is_gone(cloud: WardenCloud) -> None:
    """A null delete marker between two looks is a deletion."""
    cloud.upload("a.png", picture("GOOD", salt="0"), bucket="versioned")
    oss = cloud.bucket("versioned")
    oss.put_bucket_versioning(oss2.models.BucketVersioningConfig("Suspended"))
    record = cloud.upload("a.png", picture("GOOD"), bucket="versioned")
    cloud.upload("a.png", picture("SPAM"), bucket="versioned")
    cloud.watcher.interfere = {2: lambda: oss.delete_object("a.png")}
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["status"] == "gone"
    assert "a.png" not in cloud.keys("versioned")


def test_a_link_below_a_newer_version_goes_too(cloud: WardenCloud) -> None:
    """A link to an excluded key, hidden by a bad picture, does not come back when that one goes."""
    cloud.upload("thumbnails/bad.png", picture("NUDE"), bucket="versioned")
    cloud.bucket("versioned").put_symlink("thumbnails/bad.png", "a.png")
    link = cloud.records[-1]
    newer = cloud.upload("a.png", picture("NUDE", salt="2"), bucket="versioned")
    statuses = [document["outcome"]["status"] for document in cloud.deliver(link, newer)]
    assert statuses == ["deleted", "quarantined"]
    assert "a.png" not in cloud.keys("versioned")


def test_a_link_below_a_deletion_goes_too(cloud: WardenCloud) -> None:
    """Its owner deleted it, the version is still there: it goes, and the deletion stays."""
    cloud.bucket("versioned").put_symlink(SYMLINK_TO_NOWHERE, "a.png")
    link = cloud.records[-1]
    cloud.bucket("versioned").delete_object("a.png")
    assert cloud.deliver(link)[0]["outcome"]["status"] == "deleted"
    assert cloud.versions("versioned", "a.png") == []


def test_a_link_that_left_no_version_is_gone(cloud: WardenCloud) -> None:
    """Delivered again, a link's event finds neither link nor version of it, and leaves what came after alone."""
    cloud.bucket("versioned").put_symlink(SYMLINK_TO_NOWHERE, "a.png")
    link = cloud.records[-1]
    cloud.deliver(link)
    cloud.upload("a.png", picture("GOOD"), bucket="versioned")
    assert cloud.deliver(link)[0]["outcome"]["status"] == "gone"
    assert cloud.keys("versioned") == ["a.png"]


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
@pytest.mark.parametrize("word", ["GOOD", "SPAM", "NUDE"])
def test_tags_set_while_the_service_looks_are_kept(cloud: WardenCloud, bucket: str, word: str) -> None:
    """An application that puts, then tags, loses nothing; on a versioned quarantine copy the tags are as found."""
    record = cloud.upload("a.png", picture(word), bucket=bucket)
    cloud.watcher.interfere = {2: lambda: tag(cloud, bucket, "a.png", {"owner": "ann"})}
    cloud.deliver(record)
    if word != "NUDE":
        assert cloud.tags(bucket, "a.png")["owner"] == "ann"
    elif bucket == "uploads":
        tags = cloud.tags("quarantine", cloud.held()[0][0])
        assert (tags["owner"], tags["moderation-status"]) == ("ann", "quarantined")


def copy_with_tags(cloud: WardenCloud, word: str, bucket: str) -> Record:
    """Copy a picture that has our tags already, from a bucket in which every tag is the uploader's to set."""
    cloud.oss.create_bucket("his-own")
    cloud.upload("b.png", picture(word), bucket="his-own", tags={"moderation-status": "passed", "album": "7"})
    cloud.bucket(bucket).copy_object("his-own", "b.png", "a.png")
    return cloud.records[-1]


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
@pytest.mark.parametrize(("word", "status"), [("NUDE", "quarantined"), ("SPAM", "flagged"), ("GOOD", "passed")])
def test_tags_that_a_copy_brings_along_are_taken_for_no_verdict(
    cloud: WardenCloud, word: str, status: str, bucket: str
) -> None:
    """It is judged as any upload is, by a call; what then stands there is ours, and the user's own tag."""
    record = copy_with_tags(cloud, word, bucket)
    (document,) = cloud.deliver(record)
    assert (document["outcome"]["status"], document["outcome"]["calls"]["billed"]) == (status, 1)
    if status != "quarantined":
        tags = cloud.tags(bucket, "a.png")
        assert (tags["moderation-status"], tags["album"]) == (status, "7")


@pytest.mark.exhaustive
def test_tags_that_a_copy_brings_along_stand_until_there_is_an_end(cloud: WardenCloud) -> None:
    """Stated: while the service is out nobody has judged it, and a reader by tag alone would be shown it."""
    record = copy_with_tags(cloud, "NUDE", "versioned")
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    said = []
    for delivery in (1, 2, 3):
        cloud.deliver(record, delivery=delivery)
        said.append(cloud.tags("versioned", "a.png")["moderation-status"])
    assert said == ["passed", "passed", "unverified"]


def test_provenance_cannot_be_forged(cloud: WardenCloud) -> None:
    """No metadata of the uploader's stands on the copy under our names; what was displaced is in the sidecar."""
    forged = {"version": "v0", "labels": "nonLabel", "green-request-id": "X", "restored": "yes"}
    headers = {f"x-oss-meta-warden-{name}": value for name, value in forged.items()}
    cloud.moderate("a.png", b"", headers=headers)
    ((key, _),) = cloud.held()
    written = cloud.bucket("quarantine").head_object(key).headers
    assert not set(forged.values()) & {value for name, value in written.items() if "warden" in name.lower()}
    assert b"green-request-id" in cloud.body("quarantine", key + ".metadata.json")


def test_a_decoded_spelling_does_not_leave_the_scope(cloud: WardenCloud) -> None:
    """Nobody gets an excluded object moved by uploading its bytes under an encoded name and removing that."""
    cloud.upload("thumbnails/a.png", picture("NUDE"))
    record = cloud.upload("thumbnails%2Fa.png", picture("NUDE"))
    cloud.bucket().delete_object("thumbnails%2Fa.png")
    assert cloud.deliver(record)[0]["outcome"]["status"] == "out-of-scope"
    assert cloud.keys("uploads") == ["thumbnails/a.png"]


def test_an_encoded_key_is_in_scope_by_its_decoded_name(cloud: WardenCloud) -> None:
    """Should keys arrive encoded, an `include` with a space in it still looks at them."""
    cloud.start(
        "version: 1\nname: s\nrules: []\nscope: {include: ['ann b/**']}\nquarantine: {bucket: quarantine, prefix: h/}\n"
    )
    record = cloud.upload("ann b/a.png", picture("NUDE"))
    record["oss"]["object"]["key"] = "ann%20b/a.png"
    assert cloud.deliver(record)[0]["outcome"]["status"] == "quarantined"


def test_a_key_that_decodes_to_a_dot_is_gone_when_it_is(cloud: WardenCloud) -> None:
    """`%2E` decodes to a name that HTTP can't carry: that spelling is not tried."""
    record = cloud.upload("%2E", picture("GOOD"))
    cloud.bucket().delete_object("%2E")
    assert cloud.deliver(record)[0]["outcome"]["status"] == "gone"


@pytest.mark.parametrize("content_type", ["image/svg+xml", "image/svg+xml; charset=utf-8", "IMAGE/SVG+XML"])
def test_a_content_type_is_a_type_however_it_is_written(cloud: WardenCloud, content_type: str) -> None:
    """Neither case nor parameters of a content type get around a rule on it."""
    cloud.start(
        "version: 1\nname: svg\nrules:\n  - {name: svg, match: {content_types: [image/SVG+xml]}, action: quarantine}\n"
        "quarantine: {bucket: quarantine, prefix: h/}\n"
    )
    document = cloud.moderate("a.png", picture("GOOD"), headers={"Content-Type": content_type})
    assert document["decision"]["rule"] == "svg"


def test_an_answer_without_a_verdict_is_paid_once_a_delivery(cloud: WardenCloud) -> None:
    """A changed answer of the vendor's does not become a bill of one call after the other."""
    cloud.answers = {"GOOD": Answer(())}
    record = cloud.upload("a.png", picture("GOOD"))
    (document,) = cloud.deliver(record, timeout_s=20)
    assert document["outcome"]["status"] == "failed"
    assert document["outcome"]["calls"]["billed"] == 1


def test_shadow_mode_mends_no_marks_that_it_never_made(cloud: WardenCloud) -> None:
    """A superseded redelivery in shadow costs no paid call."""
    cloud.start("version: 1\nname: s\nmode: shadow\nrules: []\nquarantine: {bucket: quarantine, prefix: h/}\n")
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.upload("a.png", picture("NUDE"))
    (document,) = cloud.deliver(earlier(record), delivery=2)
    assert document["outcome"]["status"] == "superseded"
    assert document["outcome"]["calls"]["billed"] == 0


MESSAGES: dict[str, tuple[Callable[[WardenCloud], None], str]] = {
    "throttled": (lambda cloud: cloud.answers.update(GOOD=Answer(code=403)), "calls a second"),
    "not downloaded": (lambda cloud: cloud.answers.update(GOOD=Answer(code=404)), "could not download"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_operator_reads_what_a_code_means(cloud: WardenCloud, name: str) -> None:
    """A bare number is no message at night."""
    arrange, words = MESSAGES[name]
    arrange(cloud)
    (document,) = cloud.deliver(cloud.upload("a.png", picture("GOOD")), timeout_s=2)
    assert words in document["outcome"]["error"]


def test_held_for_want_of_a_tag_says_so(cloud: WardenCloud) -> None:
    """Nobody has to guess why a flagged picture went to quarantine."""
    document = cloud.moderate("a.png", picture("SPAM"), tags={f"t{n}": "x" for n in range(10)})
    assert document["outcome"]["status"] == "quarantined"
    assert "tags.when_full" in document["outcome"]["tag_note"]


def test_what_stays_says_where(cloud: WardenCloud) -> None:
    """An upload out of scope is where it was."""
    assert cloud.moderate("thumbnails/a.png", picture("GOOD"))["outcome"]["location"] == "uploads/thumbnails/a.png"


def test_every_upload_has_its_line_at_every_level(cloud: WardenCloud) -> None:
    """LOG_LEVEL never silences what became of an upload."""
    cloud.start(LOG_LEVEL="ERROR")
    assert cloud.moderate("a.png", picture("GOOD"))["outcome"]["status"] == "passed"


def test_versioning_enabled_meanwhile_leaves_no_bytes(cloud: WardenCloud) -> None:
    """What is quarantined while its bucket gets versions is removed, not hidden behind a marker."""
    record = cloud.upload("a.png", picture("NUDE"))
    enabled = oss2.models.BucketVersioningConfig("Enabled")
    cloud.watcher.interfere = {2: lambda: cloud.bucket().put_bucket_versioning(enabled)}
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert cloud.versions("uploads", "a.png") == []


def test_tags_that_cannot_follow_stop_no_quarantine(cloud: WardenCloud) -> None:
    """Tags set while the service looked, which OSS does not let onto the copy: held all the same, and said."""
    record = cloud.upload("a.png", picture("NUDE"))
    cloud.watcher.interfere = {2: lambda: tag(cloud, "uploads", "a.png", {"owner": "ann"})}
    refused = Fault(status=403, code="AccessDenied")
    cloud.watcher.spoil = lambda call: refused if call.operation == "PutObjectTagging" else None
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert "latest tags are not on the copy" in document["outcome"]["tag_note"]
    assert cloud.keys("uploads") == []
