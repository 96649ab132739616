"""`warden find` and `warden restore`, run against the stand-ins."""

import itertools
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from oss2.models import Tagging, TaggingRule

from handler import index
from handler.adapters.ledger import OssLedger
from handler.adapters.oss.connection import MeteredSession
from handler.adapters.oss.copying import OssQuarantine
from handler.ports import Copied
from handler.upload.releases import old_release_name, release_folder
from scripts.cli.__main__ import warden
from scripts.localcloud.wire import Fault
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.operator_cloud import (
    REASON,
    event_of_the_copy,
    quarantine,
    releases,
    run,
    stored,
    twin_of,
)
from tests.end_to_end.warden_cloud import Record, WardenCloud, picture

pytestmark = pytest.mark.usefixtures("operator")


class Interrupted(BaseException):
    """The operator's command was killed."""


# The steps of a restore after its intent.
COPYING, COMPLETING = (OssQuarantine, "hold"), (OssLedger, "write")


def interrupt(monkeypatch: pytest.MonkeyPatch, location: str, killed_at: tuple[type[Any], str]) -> None:
    """Restore, and be killed right before that method."""

    def die(*_: Any, **__: Any) -> None:  # noqa: ANN401
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(*killed_at, die)
        with pytest.raises(Interrupted):
            CliRunner().invoke(warden, ["restore", location, *REASON, "--yes"])


def write_old_release(cloud: WardenCloud, key: str, etag: str) -> None:
    """Write a release as the first layout had it."""
    release = {"bucket": "uploads", "key": key, "etag": etag, "by": "ann", "reason": "a statue"}
    record = {"v": 1, "release": release, "source": "quarantine/held/x"}
    cloud.bucket("ledger").put_object(old_release_name("uploads", key, etag), json.dumps(record))


def find(key: str, *arguments: str, bucket: str = "uploads", code: int = 0) -> Any:  # noqa: ANN401
    """What `find --json` says."""
    return json.loads(run("find", key, "--bucket", bucket, "--json", *arguments, code=code).stdout)


def latest_upload(cloud: WardenCloud) -> Record:
    """The latest event of the watched bucket."""
    return next(record for record in reversed(cloud.records) if record["oss"]["bucket"]["name"] == "uploads")


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_restored_object_stays(ledgered: Ledgered, bucket: str) -> None:
    """Quarantined, restored, looked at a second time: it stays, marked passed, and no call is paid."""
    cloud = ledgered.cloud
    headers = {"Content-Type": "image/png", "Cache-Control": "max-age=1", "x-oss-meta-owner": "ann"}
    location = quarantine(cloud, bucket=bucket, headers=headers, tags={"team": "art"})
    run("restore", location, *REASON, "--yes")
    tags = cloud.tags(bucket, "a/ä b.png")
    assert tags == {"team": "art", "moderation-status": "passed"}
    assert cloud.body(bucket, "a/ä b.png") == picture("NUDE")
    back = cloud.bucket(bucket).head_object("a/ä b.png").headers
    assert {name: back[name] for name in headers} == headers
    assert [name for name in back if name.startswith("x-oss-meta-")] == ["x-oss-meta-owner"]
    assert cloud.bucket(bucket).get_object_acl("a/ä b.png").acl == "default"
    paid = ledgered.billed
    (document,) = cloud.deliver(event_of_the_copy(cloud))
    assert document["outcome"]["status"] == "passed"
    assert document["decision"]["rule"] == "(release)"
    assert document["decision"]["reason"] == "released by ann: a statue"
    assert document["verdict"] is None
    assert ledgered.billed == paid
    assert cloud.tags(bucket, "a/ä b.png")["moderation-status"] == "passed"
    assert cloud.tags(bucket, "a/ä b.png")["team"] == "art"


def test_without_yes_nothing_is_changed(ledgered: Ledgered) -> None:
    """The dry run says what would be done, and how to do it."""
    cloud = ledgered.cloud
    location = quarantine(cloud)
    before = (cloud.keys("uploads"), cloud.keys("ledger"), cloud.keys("quarantine"))
    result = run("restore", location, *REASON)
    assert "would restore" in result.stdout
    assert "uploads/a/ä b.png" in result.stdout
    assert "--yes" in result.stdout
    assert (cloud.keys("uploads"), cloud.keys("ledger"), cloud.keys("quarantine")) == before


def test_a_copy_in_parts_is_found(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its etag is another than the upload's; it is there all the same."""
    cloud = ledgered.cloud
    monkeypatch.setattr(index, "OssQuarantine", lambda store: OssQuarantine(store, single_copy_bytes=0))
    cloud.drop_clients()
    location = quarantine(cloud, "a.png")
    (trace,) = find("a.png")["traces"]
    assert (trace["location"], trace["is_there"]) == (location, True)


def test_a_restore_is_repeatable(ledgered: Ledgered) -> None:
    """Done twice, the second finds it done."""
    location = quarantine(ledgered.cloud)
    run("restore", location, *REASON, "--yes")
    again = json.loads(run("restore", location, *REASON, "--yes", "--json").stdout)
    assert (again["was_done_before"], again["done"]) == (True, False)
    assert "is back already" in run("restore", location, *REASON, "--yes").stdout


def test_a_newer_upload_is_not_overwritten(ledgered: Ledgered) -> None:
    """Where the key holds another upload by now, nothing is done, and the message says what is there."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    cloud.upload("a.png", picture("GOOD"))
    result = run("restore", location, *REASON, "--yes", code=1)
    assert "holds another upload by now" in result.stderr
    assert cloud.body("uploads", "a.png") == picture("GOOD")
    assert [key for key in cloud.keys("ledger") if key.startswith("release/")] == []


def test_an_upload_that_comes_meanwhile_is_not_overwritten(ledgered: Ledgered) -> None:
    """Also what arrives between the look and the copy stays: OSS itself refuses."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")

    class Late:
        """Uploads right before the copy."""

        def before(self, call: Any) -> Fault | None:  # noqa: ANN401
            if call.operation == "CompleteMultipartUpload" and cloud.oss.observer is self:
                cloud.oss.observer = cloud.watcher
                cloud.upload("a.png", picture("GOOD"))
            return None

        def after(self, call: Any, status: int) -> None:  # noqa: ANN401
            del call, status

    cloud.oss.observer = Late()
    result = run("restore", location, *REASON, "--yes", code=1)
    assert "holds another object than" in result.stderr
    assert cloud.body("uploads", "a.png") == picture("GOOD")


def test_in_a_versioned_bucket_older_versions_stay_below(ledgered: Ledgered) -> None:
    """A version that came to light when the upload went to quarantine is no newer upload."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"), bucket="versioned")
    cloud.deliver(record)
    for versions in cloud.oss._store.versions("versioned", "a.png"):  # noqa: SLF001
        versions.last_modified = versions.last_modified.replace(year=2020)
    location = quarantine(cloud, "a.png", bucket="versioned")
    assert "comes over" in run("restore", location, *REASON).stdout
    run("restore", location, *REASON, "--yes")
    assert cloud.body("versioned", "a.png") == picture("NUDE")
    assert len(cloud.versions("versioned", "a.png")) == 2


def test_in_a_versioned_bucket_a_newer_version_stays_on_top(ledgered: Ledgered) -> None:
    """What users see by now is not replaced."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket="versioned")
    cloud.upload("a.png", picture("GOOD"), bucket="versioned")
    for version in cloud.oss._store.versions("versioned", "a.png"):  # noqa: SLF001
        version.last_modified = version.last_modified.replace(year=2099)
    assert "holds a newer upload" in run("restore", location, *REASON, "--yes", code=1).stderr


def test_what_had_no_room_comes_back_too(ledgered: Ledgered) -> None:
    """Metadata that the copy could not carry is in the sidecar; what HTTP can't carry is said."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", headers={"x-oss-meta-long": "x" * 8000})
    run("restore", location, *REASON, "--yes")
    assert cloud.bucket().head_object("a.png").headers["x-oss-meta-long"] == "x" * 8000


def test_a_large_object_is_restored_in_parts(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied in parts it gets another etag, and it is that object which is released."""
    cloud = ledgered.cloud
    body = picture("NUDE") + bytes(250 * 1024)
    (document,) = cloud.deliver(cloud.upload("a.png", body))
    defaults = OssQuarantine.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "single_copy_bytes", 100 * 1024)
    monkeypatch.setitem(defaults, "part_bytes", 100 * 1024)
    run("restore", document["outcome"]["location"], *REASON, "--yes")
    record = latest_upload(cloud)
    assert record["eventName"] == "ObjectCreated:CompleteMultipartUpload"
    assert record["oss"]["object"]["eTag"] != document["upload"]["etag"]
    (again,) = cloud.deliver(record)
    assert (again["outcome"]["status"], again["decision"]["rule"]) == ("passed", "(release)")
    assert cloud.body("uploads", "a.png") == body


def test_a_redelivery_of_the_first_upload_leaves_the_restored_copy_alone(ledgered: Ledgered) -> None:
    """A delivery that was killed before its last record comes back after the restore: the restored bytes stay."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    assert ledgered.deliver(record, kill_after=10) is None
    ((key, _),) = cloud.held()
    assert cloud.keys("uploads") == []
    run("restore", f"quarantine/{key}", *REASON, "--yes")
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["status"] == "passed"
    assert cloud.body("uploads", "a.png") == picture("NUDE")


def test_a_redelivery_of_the_first_upload_frees_no_twin(ledgered: Ledgered) -> None:
    """It finds other bytes of the same etag, size and second in the place of the restored ones: they are judged."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    assert ledgered.deliver(record, kill_after=10) is None
    ((key, _),) = cloud.held()
    run("restore", f"quarantine/{key}", *REASON, "--yes")
    copy_over(cloud, twin_of(picture("NUDE")), like=event_of_the_copy(cloud))
    (document,) = cloud.deliver(record, delivery=2)
    # Where it can be held is not told here: the place has the first one's bytes.
    assert (document["decision"]["rule"], document["decision"]["action"]) == ("nudity", "quarantine")


def test_a_release_is_only_of_these_bytes_under_this_key(ledgered: Ledgered) -> None:
    """Copied elsewhere, or with other bytes, an upload is judged like any other."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    run("restore", location, *REASON, "--yes")
    cloud.bucket().copy_object("uploads", "a.png", "b.png")
    (elsewhere,) = cloud.deliver(cloud.records[-1])
    assert elsewhere["outcome"]["status"] == "quarantined"
    cloud.upload("source.png", picture("NUDE", salt="2"))
    cloud.bucket().copy_object("uploads", "source.png", "a.png")
    (other,) = cloud.deliver(cloud.records[-1])
    assert other["outcome"]["status"] == "quarantined"


def test_a_broken_release_releases_nothing(ledgered: Ledgered) -> None:
    """A release that is corrupt or of something else is logged, and the upload judged."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    run("restore", location, *REASON, "--yes")
    record = event_of_the_copy(cloud)
    (name,) = [key for key in cloud.keys("ledger") if key.startswith("release/")]
    release = json.loads(cloud.body("ledger", name))
    release["release"]["key"] = "other.png"
    cloud.bucket("ledger").put_object(name, json.dumps(release))
    assert any("it releases something else" in line for line in find("a.png")["strange"])
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert any(line["event"] == "ledger.record-ignored" for line in cloud.log_lines())


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_release_is_of_the_object_that_landed(ledgered: Ledgered, bucket: str) -> None:
    """Its record says by which request, which bytes, which version and when."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    run("restore", location, *REASON, "--yes")
    head = cloud.bucket(bucket).head_object("a.png").headers
    (release,) = releases(cloud)
    assert release["landed"] == {
        "request_id": event_of_the_copy(cloud)["responseElements"]["requestId"],
        "etag": head["ETag"].strip('"'),
        "crc64": head["x-oss-hash-crc64ecma"],
        "version_id": head.get("x-oss-version-id"),
        "last_modified": head["Last-Modified"],
    }
    assert (release["source"], release["by"], release["reason"]) == (location, "ann", "a statue")
    assert release["size_bytes"] == int(head["Content-Length"])
    assert cloud.keys("ledger").count(release_folder(bucket, "a.png") + "1.json") == 1


def copy_over(cloud: WardenCloud, body: bytes, *, like: Record) -> Record:
    """Copy other bytes over `a.png`, with the etag and the time of what that event is of; no two real ones are needed.

    Whoever wants to makes files of one MD5 in seconds; the stand-in is told to say so.
    """
    cloud.upload("source.png", body)
    modified = stored(cloud, "uploads", "a.png").last_modified
    cloud.bucket().copy_object("uploads", "source.png", "a.png")
    twin = stored(cloud, "uploads", "a.png")
    twin._etag, twin.last_modified = like["oss"]["object"]["eTag"].lower(), modified  # noqa: SLF001
    record = cloud.records[-1]
    record["oss"]["object"]["eTag"] = like["oss"]["object"]["eTag"]
    return record


def test_an_md5_twin_of_a_restored_object_is_judged(ledgered: Ledgered) -> None:
    """Etag, size and even Last-Modified are the same, and only the CRC-64 differs: no event passes for it."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    run("restore", location, *REASON, "--yes")
    restored = event_of_the_copy(cloud)
    twin = copy_over(cloud, twin_of(picture("NUDE")), like=restored)
    head = cloud.bucket().head_object("a.png").headers
    (release,) = releases(cloud)
    landed = release["landed"]
    assert (head["ETag"].strip('"'), head["Last-Modified"]) == (landed["etag"], landed["last_modified"])
    assert head["x-oss-hash-crc64ecma"] != landed["crc64"]
    paid = ledgered.billed
    (document,) = cloud.deliver(restored)
    assert (document["outcome"]["status"], document["decision"]["rule"]) == ("quarantined", "nudity")
    assert ledgered.billed == paid + 1
    assert cloud.deliver(twin)[0]["outcome"]["status"] != "passed"
    assert cloud.keys("uploads") == ["source.png"]


def test_the_same_bytes_put_again_are_judged(ledgered: Ledgered) -> None:
    """A release is for what landed: what is written over it a second later is another upload."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    run("restore", location, *REASON, "--yes")
    again = copy_over(cloud, picture("NUDE"), like=event_of_the_copy(cloud))
    stored(cloud, "uploads", "a.png").last_modified += timedelta(seconds=1)
    (document,) = cloud.deliver(again)
    assert (document["outcome"]["status"], document["decision"]["rule"]) == ("quarantined", "nudity")


class BeforeTheRelease:
    """The function is faster than the restore: it has the copy's event before the release is complete."""

    def __init__(self, cloud: WardenCloud, monkeypatch: pytest.MonkeyPatch) -> None:
        write = OssLedger.write
        self.documents: list[Any] = []

        def write_late(ledger: OssLedger, name: str, record: dict[str, Any]) -> None:
            if name.startswith("release/"):
                monkeypatch.setattr(OssLedger, "write", write)
                self.documents = cloud.deliver(event_of_the_copy(cloud))
            write(ledger, name, record)

        monkeypatch.setattr(OssLedger, "write", write_late)


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_an_event_before_the_release_is_complete_waits(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    """It fails, unpaid and with nothing done, and passes when it is delivered again."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    paid = ledgered.billed
    early = BeforeTheRelease(cloud, monkeypatch)
    run("restore", location, *REASON, "--yes")
    (document,) = early.documents
    assert document["outcome"]["status"] == "failed"
    assert "is under way until" in document["outcome"]["error"]
    (again,) = cloud.deliver(event_of_the_copy(cloud), delivery=2)
    assert (again["outcome"]["status"], again["decision"]["rule"]) == ("passed", "(release)")
    assert ledgered.billed == paid


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_restore_killed_after_its_copy_is_run_again(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    """The copy's event waits; run again, the restore copies nothing and completes the release; the event passes."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", bucket=bucket)
    interrupt(monkeypatch, location, COMPLETING)
    record, written = event_of_the_copy(cloud), len(cloud.records)
    assert find("a.png", bucket=bucket)["traces"][0]["release"]["state"] == "restore begun"
    (waits,) = cloud.deliver(record)
    assert (waits["outcome"]["status"], cloud.error is not None) == ("failed", True)
    said = json.loads(run("restore", location, *REASON, "--json").stdout)
    assert (said["was_interrupted"], said["was_done_before"]) == (True, False)
    assert any("only its release was missing" in note for note in said["notes"])
    run("restore", location, *REASON, "--yes")
    assert len([r for r in cloud.records[written:] if r["oss"]["bucket"]["name"] == bucket]) == 0
    (release,) = releases(cloud)
    assert release["landed"]["request_id"] == ""
    (again,) = cloud.deliver(record, delivery=2)
    assert (again["outcome"]["status"], again["decision"]["rule"]) == ("passed", "(release)")
    assert "is back already" in run("restore", location, *REASON, "--yes").stdout
    assert find("a.png", bucket=bucket)["traces"][0]["release"]["state"] == "restored"


def test_a_restore_killed_before_its_copy_is_run_again(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its intent is left behind and harms nothing: the next restore has a number of its own."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    interrupt(monkeypatch, location, COPYING)
    assert cloud.keys("uploads") == []
    run("restore", location, *REASON, "--yes")
    assert [release["landed"] is None for release in releases(cloud)] == [True, False]
    (document,) = cloud.deliver(event_of_the_copy(cloud))
    assert (document["outcome"]["status"], document["decision"]["rule"]) == ("passed", "(release)")


@pytest.mark.exhaustive
@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_restore_killed_before_any_of_its_calls_is_run_again(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    """Wherever it died, it ends alike: one object that stays, one release that counts, the held copy tagged."""
    cloud, send = ledgered.cloud, MeteredSession.do_request
    left, is_killed = 0, True

    def die(self: MeteredSession, *args: Any, **named: Any) -> Any:  # noqa: ANN401
        nonlocal left
        left -= 1
        if left < 0:
            raise Interrupted
        return send(self, *args, **named)

    for number in itertools.count():
        key, left, is_killed = f"{number}.png", number, False
        location = quarantine(cloud, key, bucket=bucket)
        with monkeypatch.context() as patch:
            patch.setattr(MeteredSession, "do_request", die)
            try:
                CliRunner().invoke(warden, ["restore", location, *REASON, "--yes"])
            except Interrupted:
                is_killed = True
        run("restore", location, *REASON, "--yes")
        made = [record for record in cloud.records if record["oss"]["object"]["key"] == key]
        (copy,) = (record for record in made if record["eventName"] == "ObjectCreated:CompleteMultipartUpload")
        (document,) = cloud.deliver(copy)
        assert (document["outcome"]["status"], document["decision"]["rule"]) == ("passed", "(release)"), number
        assert sum(bool(release["landed"]) for release in releases(cloud) if release["key"] == key) == 1
        assert cloud.tags("quarantine", location.partition("/")[2])["moderation-status"] == "restored"
        assert bucket == "uploads" or len(cloud.versions(bucket, key)) == 1
        if not is_killed:
            break
    assert number > 15


def test_an_interrupted_restore_frees_nothing_in_the_end(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody runs it again: after its time the copy is judged like any upload."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    interrupt(monkeypatch, location, COMPLETING)
    (name,) = [key for key in cloud.keys("ledger") if key.startswith("release/")]
    record = json.loads(cloud.body("ledger", name))
    record["release"]["until"] = 1.0
    cloud.bucket("ledger").put_object(name, json.dumps(record))
    (document,) = cloud.deliver(event_of_the_copy(cloud))
    assert (document["outcome"]["status"], document["decision"]["rule"]) == ("quarantined", "nudity")


def test_what_came_to_the_place_of_an_interrupted_copy_is_not_released(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size, CRC-64 and etag can be made on purpose: the bytes are read before an old intent is completed."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    interrupt(monkeypatch, location, COMPLETING)
    copy_over(cloud, twin_of(picture("NUDE")), like=event_of_the_copy(cloud))
    twin, held = stored(cloud, "uploads", "a.png"), stored(cloud, *location.split("/", 1))
    twin.metadata["x-oss-hash-crc64ecma"] = held.metadata["x-oss-hash-crc64ecma"]
    assert "holds another upload by now" in run("restore", location, *REASON, "--yes", code=1).stderr
    assert [release["landed"] for release in releases(cloud)] == [None]


def test_a_second_restore_of_the_dead_does_not_unname_the_living(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two run at once: what one completes with the copy's request stays so."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    write = OssLedger.write

    def write_after_another(self: OssLedger, name: str, record: dict[str, Any]) -> None:
        monkeypatch.setattr(OssLedger, "write", write)
        run("restore", location, *REASON, "--yes")
        write(self, name, record)

    monkeypatch.setattr(OssLedger, "write", write_after_another)
    run("restore", location, *REASON, "--yes")
    (document,) = cloud.deliver(event_of_the_copy(cloud))
    assert document["outcome"]["status"] == "passed"


def test_an_upload_on_top_of_the_copy_is_told(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes over the copy before its release is complete is not released."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    hold = OssQuarantine.hold

    def hold_slowly(self: OssQuarantine, *args: Any, **named: Any) -> Copied:  # noqa: ANN401
        copied = hold(self, *args, **named)
        cloud.upload("a.png", picture("GORE"))
        return copied

    monkeypatch.setattr(OssQuarantine, "hold", hold_slowly)
    assert "another upload came over it" in run("restore", location, *REASON, "--yes", code=1).stderr
    assert [release["landed"] for release in releases(cloud)] == [None]


def test_a_copy_that_goes_at_once_is_told(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restore that ends well has looked last."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    write = OssLedger.write

    def write_and_lose(self: OssLedger, name: str, record: dict[str, Any]) -> None:
        write(self, name, record)
        cloud.bucket().delete_object("a.png")

    monkeypatch.setattr(OssLedger, "write", write_and_lose)
    assert "is gone again" in run("restore", location, *REASON, "--yes", code=1).stderr


def test_numbers_that_are_taken_are_passed_over(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another restore has the number, the next is taken; where all are, it is said and nothing is copied."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    create, taken = OssLedger.create, {"1"}

    def create_late(self: OssLedger, name: str, record: dict[str, Any]) -> bool:
        number = name.rpartition("/")[2].partition(".")[0]
        return number not in taken and create(self, name, record)

    monkeypatch.setattr(OssLedger, "create", create_late)
    taken.update("2345")
    assert "is restored by others" in run("restore", location, *REASON, "--yes", code=1).stderr
    assert cloud.keys("uploads") == []
    taken.remove("3")
    run("restore", location, *REASON, "--yes")
    assert cloud.keys("ledger").count(release_folder("uploads", "a.png") + "3.json") == 1


@pytest.mark.parametrize(("hours", "status"), [(0, "passed"), (2, "quarantined")])
def test_a_release_of_the_old_layout_counts_for_an_hour(ledgered: Ledgered, hours: int, status: str) -> None:
    """It names an MD5 only, so it is good for what was written about when it was, and for nothing else ever after."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    write_old_release(cloud, "a.png", str(cloud.records[0]["oss"]["object"]["eTag"]))
    cloud.bucket().copy_object("quarantine", location.partition("/")[2], "a.png")
    copied = cloud.records[-1]
    ledgered.age(hours=hours)
    again = run("restore", location, *REASON, code=0 if status == "passed" else 1)
    assert ("is back already" in again.stdout) == (status == "passed")
    assert find("a.png")["traces"][0]["release"] == {"state": "restored", "by": "ann", "reason": "a statue"}
    (document,) = cloud.deliver(copied)
    assert document["outcome"]["status"] == status


def test_a_release_of_the_old_layout_that_is_corrupt_counts_for_nothing(ledgered: Ledgered) -> None:
    """Like every record."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    etag = str(cloud.records[0]["oss"]["object"]["eTag"])
    cloud.bucket("ledger").put_object(old_release_name("uploads", "a.png", etag), b"{")
    cloud.bucket().copy_object("quarantine", location.partition("/")[2], "a.png")
    assert "holds another upload" in run("restore", location, *REASON, code=1).stderr
    assert find("a.png")["traces"][0]["release"] is None


def test_what_http_cannot_carry_is_said(ledgered: Ledgered) -> None:
    """A title in Chinese, as another client than oss2 can write it: the rest comes back, and a note names it."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"), headers={"x-oss-meta-owner": "ann"})
    stored(cloud, "uploads", "a.png").metadata["x-oss-meta-title"] = "照片".encode().decode("latin-1")
    location = cloud.deliver(record)[0]["outcome"]["location"]
    said = json.loads(run("restore", location, *REASON, "--yes", "--json").stdout)
    assert "'title' can't be written in an HTTP header and is left out" in said["notes"]
    head = cloud.bucket().head_object("a.png").headers
    assert (head["x-oss-meta-owner"], "x-oss-meta-title" in head) == ("ann", False)


def test_what_was_its_own_comes_back(ledgered: Ledgered) -> None:
    """ACL, storage class and encryption: what the copy says of them is asked for, and nothing is noted."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    write_provenance(cloud, location, {"acl": "public-read", "storage-class": "IA"})
    said = json.loads(run("restore", location, *REASON, "--yes", "--json").stdout)
    assert (said["object"]["acl"], said["object"]["storage_class"], said["notes"]) == ("public-read", "IA", [])
    assert cloud.bucket().get_object_acl("a.png").acl == "public-read"


@pytest.mark.parametrize(
    ("facts", "acl", "storage_class", "noted"),
    [
        ({}, "default", None, ["which ACL it had (nothing)", "which storage class it had (nothing)"]),
        ({"acl": "all-mine", "storage-class": "Tape"}, "default", None, ["(all-mine)", "(Tape)"]),
        ({"acl": "default", "storage-class": "Archive"}, "default", "Archive", ["as it was, Archive"]),
    ],
)
def test_what_does_not_come_back_is_said(
    ledgered: Ledgered, facts: dict[str, str], acl: str, storage_class: str | None, noted: list[str]
) -> None:
    """An older copy says nothing of these; and what comes back archived can't be read at once."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    write_provenance(cloud, location, facts)
    said = json.loads(run("restore", location, *REASON, "--json").stdout)
    assert (said["object"]["acl"], said["object"]["storage_class"]) == (acl, storage_class)
    assert len(said["notes"]) == len(noted)
    assert all(text in note for text, note in zip(noted, said["notes"], strict=True))
    text = run("restore", location, *REASON).stdout
    assert text.count("note  ") == len(noted)


def test_a_key_of_the_quarantine_stays_there(ledgered: Ledgered) -> None:
    """Its bucket encrypts by default what was not encrypted: that comes back as it was, for whoever could read it."""
    cloud = ledgered.cloud
    cloud.oss.encrypt_by_default("quarantine", "KMS", "key-of-the-quarantine")
    location = quarantine(cloud, "a.png")
    said = json.loads(run("restore", location, *REASON, "--yes", "--json").stdout)
    assert (said["object"]["encryption"], said["notes"]) == ({}, [])
    assert encryption_of(cloud, "uploads") == {}


def test_a_key_that_may_be_the_quarantines_is_said(ledgered: Ledgered) -> None:
    """An older copy does not say what its source had: never less protected, and a note names the key."""
    cloud = ledgered.cloud
    cloud.oss.encrypt_by_default("quarantine", "KMS", "key-of-the-quarantine")
    location = quarantine(cloud, "a.png")
    del stored(cloud, *location.split("/", 1)).metadata["x-oss-meta-warden-encryption"]
    (note,) = json.loads(run("restore", location, *REASON, "--yes", "--json").stdout)["notes"]
    assert "encrypted as the copy is (KMS, key-of-the-quarantine)" in note
    assert encryption_of(cloud, "uploads")["x-oss-server-side-encryption-key-id"] == "key-of-the-quarantine"


def encryption_of(cloud: WardenCloud, bucket: str) -> dict[str, str]:
    """How OSS encrypted `a.png`."""
    head = cloud.bucket(bucket).head_object("a.png").headers
    return {name: value for name, value in head.items() if name.startswith("x-oss-server-side-")}


TEN_TAGS = {f"t{number}": "x" for number in range(10)}


def test_a_tag_that_gave_way_at_the_quarantine_is_said(ledgered: Ledgered) -> None:
    """OSS allows ten, and one of ours was needed: the copy remembers whose place it took."""
    location = quarantine(ledgered.cloud, "a.png", tags=TEN_TAGS)
    said = json.loads(run("restore", location, *REASON, "--json").stdout)
    assert said["notes"] == ["the user's tag 't9' gave way to ours when it was quarantined, and does not come back"]


def test_a_copy_without_tags_is_said(ledgered: Ledgered) -> None:
    """A role that may tag nothing in the quarantine holds it all the same; what the user had set is lost by that."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    cloud.bucket("quarantine").delete_object_tagging(location.partition("/")[2])
    (note,) = json.loads(run("restore", location, *REASON, "--json").stdout)["notes"]
    assert note.startswith("the copy carries no tags")


def test_a_tag_that_gives_way_at_the_restore_is_said(ledgered: Ledgered) -> None:
    """Where the copy got more tags meanwhile, the note names what is left out before anything is done."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    cloud.bucket("quarantine").put_object_tagging(location.partition("/")[2], tagging(TEN_TAGS))
    said = json.loads(run("restore", location, *REASON, "--json").stdout)
    assert said["notes"] == ["the user's tags 't9' are left out: OSS allows 10, with ours"]
    assert said["object"]["tags"] == {"moderation-status": "passed", **dict.fromkeys(sorted(TEN_TAGS)[:9], "x")}


def tagging(tags: dict[str, str]) -> Tagging:
    """As oss2 wants them."""
    rule = TaggingRule()
    for name, value in tags.items():
        rule.add(name, value)
    return Tagging(rule)


def write_provenance(cloud: WardenCloud, location: str, facts: dict[str, str]) -> None:
    """Let the copy say exactly that of its ACL and its class."""
    held = stored(cloud, *location.split("/", 1))
    for name in ("acl", "storage-class"):
        held.metadata.pop(f"x-oss-meta-warden-{name}", None)
    held.metadata.update({f"x-oss-meta-warden-{name}": value for name, value in facts.items()})


def test_a_quarantine_inside_the_watched_bucket(ledgered: Ledgered) -> None:
    """A layout that `policy check` accepts: its copies are found, restored, and stay."""
    cloud = ledgered.cloud
    policy = """
        version: 1
        name: inside
        rules: [{name: nudity, match: {labels: [pornographic_adultContent]}, action: quarantine}]
        scope: {exclude: ["held/**"]}
        quarantine: {bucket: uploads, prefix: held/}
    """
    cloud.start(policy, LEDGER_BUCKET="ledger")
    location = quarantine(cloud, "a.png")
    assert location.startswith("uploads/held/uploads/")
    here = ("--quarantine", "uploads")
    (trace,) = find("a.png", "--ledger", "", *here)["traces"]
    assert trace["location"] == location
    run("restore", location, *REASON, *here, "--yes")
    (document,) = cloud.deliver(event_of_the_copy(cloud))
    assert (document["outcome"]["status"], document["decision"]["rule"]) == ("passed", "(release)")
    assert cloud.body("uploads", "a.png") == picture("NUDE")


def test_what_is_not_in_the_quarantine_is_not_restored(ledgered: Ledgered) -> None:
    """An uploader plants a copy that says it came from another bucket; whoever is talked into restoring it is told."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    bucket, _, key = location.partition("/")
    cloud.bucket("versioned").copy_object(bucket, key, key)
    cloud.bucket(bucket).copy_object(bucket, key, key.removeprefix("held/"))
    for place in (f"versioned/{key}", f"{bucket}/{key.removeprefix('held/')}"):
        said = run("restore", place, *REASON, "--yes", code=1).stderr
        assert "is not in the quarantine, quarantine/held/" in said
    assert (
        "is not in the quarantine, quarantine/other/"
        in run("restore", location, *REASON, "--prefix", "other/", code=1).stderr
    )
    assert cloud.keys("uploads") == []


def test_a_location_that_is_not_ours_is_left_alone(ledgered: Ledgered) -> None:
    """Named, with what is wrong; nothing is changed."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", headers={"x-oss-meta-long": "x" * 8000})
    bucket = cloud.bucket("quarantine")
    bucket.put_object("held/strange.png", b"x")
    bucket.put_object("held/forged.png", b"x", headers={"x-oss-meta-warden-source": "uploads/victim.png"})
    wrong = {
        "quarantine/held/nothing.png": "nothing is at",
        "quarantine": "is no location",
        "quarantine/held/strange.png": "says nothing of where it came from",
        "quarantine/held/forged.png": "claims to be uploads/'victim.png'",
        location + ".metadata.json": "is a sidecar",
        "nowhere-at-all/held/x": "is not in the quarantine",
    }
    for place, said in wrong.items():
        assert said in run("restore", place, *REASON, "--yes", code=1).stderr
    bucket.put_object(location.partition("/")[2] + ".metadata.json", b"{")
    assert "is no sidecar" in run("restore", location, *REASON, "--yes", code=1).stderr
    assert cloud.keys("uploads") == []


def test_a_reason_is_needed(ledgered: Ledgered) -> None:
    """Who asks later wants to know why."""
    location = quarantine(ledgered.cloud)
    run("restore", location, "--yes", code=2)
    run("restore", location, "--yes", "--reason", " ", code=2)
    assert "say who" in run("restore", location, "--yes", "--reason", "a statue", "--by", " ", code=2).output


def test_a_system_without_names_of_users_asks_for_one(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is a number only."""
    location = quarantine(ledgered.cloud)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    assert "--by: say who" in run("restore", location, "--reason", "a statue", code=2).output


@pytest.mark.parametrize("prefix", ["mod-", "", "moderation"])
def test_another_prefix_of_tags_is_told(ledgered: Ledgered, prefix: str) -> None:
    """Our own tags would come back as the user's: `quarantined` beside `passed`."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    said = run("restore", location, *REASON, "--tag-prefix", prefix, "--yes", code=1).stderr
    assert "its tag 'moderation-status' is 'quarantined'" in said
    assert "tags.prefix" in said
    assert cloud.keys("uploads") == []
    assert cloud.tags("quarantine", location.partition("/")[2])["moderation-status"] == "quarantined"


def test_a_ledger_that_is_the_uploads_bucket_is_refused(ledgered: Ledgered) -> None:
    """Its release would never be read, and the copy be judged again."""
    location = quarantine(ledgered.cloud)
    said = run("restore", location, *REASON, "--ledger", "uploads", "--yes", code=1).stderr
    assert "--ledger names the bucket of the uploads" in said
    assert ledgered.cloud.keys("uploads") == []


def test_find_knows_every_upload_of_a_key(ledgered: Ledgered) -> None:
    """Passed, quarantined, deleted, failed: each with what was judged, decided and done, and where it is now."""
    cloud = ledgered.cloud
    cloud.moderate("a.png", picture("GOOD"))
    cloud.moderate("a.png", picture("NUDE"))
    cloud.moderate("a.png", picture("GORE"))
    cloud.moderate("a.png.bak", picture("GOOD"))
    record = cloud.upload("a.png", picture("SPAM"))
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    cloud.deliver(record, timeout_s=2)
    found = find("a.png")
    assert [trace["status"] for trace in found["traces"]] == ["passed", "quarantined", "deleted", "failed"]
    assert [trace["is_there"] for trace in found["traces"]] == [False, True, None, True]
    assert "Down" in found["traces"][3]["error"]
    assert found["traces"][1]["document"]["decision"]["rule"] == "nudity"
    assert found["current"]["etag"] == record["oss"]["object"]["eTag"]
    text = run("find", "a.png", "--bucket", "uploads").output
    assert "quarantine by nudity" in text
    assert "(no longer there)" in text
    assert "pornographic_adultContent 97.2 (high)" in text


def test_find_costs_what_its_help_says(ledgered: Ledgered) -> None:
    """One call a day, and three for each upload, whatever else the ledger holds."""
    cloud = ledgered.cloud
    for number in range(5):
        cloud.moderate(f"{number}.png", picture("GOOD"))
    said = run("find", "3.png", "--bucket", "uploads", "--days", "10").stderr
    calls = int(said.split("asked OSS ")[1].split()[0])
    assert calls <= 11 + 3 + 3


def test_find_sees_a_delivery_at_work_and_a_release(ledgered: Ledgered) -> None:
    """A claim without an outcome is somebody at work; a restored upload says who released it."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    run("restore", location, *REASON, "--yes")
    ledgered.deliver(event_of_the_copy(cloud), kill_after=1)
    first, second = find("a.png")["traces"]
    assert first["release"] == second["release"] == {"state": "restored", "by": "ann", "reason": "a statue"}
    assert second["status"] == "at work"
    assert "restored by ann: a statue" in run("find", "a.png", "--bucket", "uploads").stdout


def test_find_without_a_ledger_asks_the_buckets(ledgered: Ledgered) -> None:
    """The copy's own provenance tells where it came from and why."""
    location = quarantine(ledgered.cloud, "a.png")
    found = find("a.png", "--ledger", "")
    (trace,) = found["traces"]
    assert (trace["location"], trace["document"]["provenance"]["rule"]) == (location, "nudity")
    assert "rule=nudity" in run("find", "a.png", "--bucket", "uploads", "--ledger", "").stdout


def test_find_says_what_it_could_not_read(ledgered: Ledgered) -> None:
    """Strange records are named, and do not hide the others."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    ledgered.write("outcome.json", b"{")
    key = location.partition("/")[2]
    cloud.bucket("quarantine").put_object(key.replace(".png", ".gif"), b"x")
    found = find("a.png")
    assert len(found["strange"]) == 2
    assert [trace["status"] for trace in found["traces"]] == ["quarantined"]
    assert "not read" in run("find", "a.png", "--bucket", "uploads").stdout


def test_find_says_when_there_is_nothing(ledgered: Ledgered) -> None:
    """Exit code 1, and a sentence."""
    del ledgered
    assert "nothing is there now" in run("find", "never.png", "--bucket", "uploads", code=1).stdout
    assert "choose one" in run("find", "x", "--bucket", "a,b", code=2).output


def test_no_keys_are_said(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without keys the message names the variables."""
    del ledgered
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    said = run("find", "x", "--bucket", "uploads", code=1).stderr
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in said


def exported(cloud: WardenCloud, path: Path) -> str:
    """What the log service gives of the function's log: entries in a list, after one of the platform's own."""
    lines = ["FC Invoke Start RequestId: 1-fc", *cloud.log.getvalue().splitlines()]
    path.write_text(json.dumps([{"__time__": "1764000000", "message": line} for line in lines], indent=1))
    return str(path)


def test_a_log_tells_of_what_the_ledger_does_not(ledgered: Ledgered, tmp_path: Path) -> None:
    """Each upload of that key as its last line says, once, however often it was delivered; others' keys never."""
    cloud = ledgered.cloud
    key = "照片/ann's.png"
    record = cloud.upload(key, picture("GOOD"))
    cloud.deliver(record)
    cloud.deliver(record, request_id="2-fc-request")
    cloud.moderate("b.png", picture("GOOD"))
    log = exported(cloud, tmp_path / "log")
    (trace,) = find(key, "--log", log)["traces"]
    (known,) = find(key, "--ledger", "", "--log", log)["traces"]
    assert (known["status"], known["request_id"]) == ("passed", trace["request_id"])
    assert known["location"] == f"uploads/{key}"
    assert known["is_there"]


MISFITS: dict[str, list[Any]] = {
    "outcome": [{}, None, [], {"status": 7}, {"status": "passed", "location": 7}],
    "upload": ["a.png", {"bucket": "uploads", "key": "a.png"}],
    "verdict": ["", {"findings": [{}]}, {"findings": None}],
    "decision": [[], {"action": "pass"}],
    "v": [2, None, "1x"],
    "time": [7],
}


@pytest.mark.exhaustive
def test_lines_of_a_log_that_are_not_read_are_told(ledgered: Ledgered, tmp_path: Path) -> None:
    """What was found is shown; that it may not be all is said, and the exit code is 1."""
    cloud = ledgered.cloud
    cloud.moderate("a.png", picture("GOOD"))
    path = tmp_path / "log"
    whole = cloud.log.getvalue().splitlines()[-1]
    path.write_text(whole + whole[:200] + "\n")
    found = find("a.png", "--log", str(path), code=1)
    assert (found["unread"], len(found["traces"])) == (1, 1)
    assert found["strange"] == ["1 lines of the log: not JSON, or cut short"]
    for name, value in ((name, value) for name, values in MISFITS.items() for value in values):
        path.write_text(json.dumps({**json.loads(whole), name: value}))
        found = find("a.png", "--ledger", "", "--log", str(path), code=1)
        assert (found["unread"], found["traces"]) == (1, []), (name, value)
        assert "lines of the log" in run("find", "a.png", "--bucket", "uploads", "--log", str(path), code=1).stdout
