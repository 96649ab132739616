"""`warden find` and `warden restore`, run against the stand-ins."""

import json
import os
from typing import Any

import pytest
from click.testing import CliRunner, Result

from handler.adapters.ledger import OssLedger
from handler.adapters.oss.copying import OssQuarantine
from scripts.cli.__main__ import warden
from scripts.localcloud.wire import Fault
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import APP, Record, WardenCloud, picture

REASON = ("--reason", "a statue", "--by", "ann")


@pytest.fixture(autouse=True)
def operator(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's environment."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", APP.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", APP.access_key_secret)
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
    monkeypatch.setenv("OSS_ENDPOINT", ledgered.cloud.oss.endpoint)
    monkeypatch.delenv("WATCHED_BUCKETS")
    assert os.environ["LEDGER_BUCKET"] == "ledger"


def run(*arguments: str, code: int = 0) -> Result:
    """Run a command; it has to end with that code."""
    result = CliRunner().invoke(warden, arguments)
    assert result.exit_code == code, result.output
    return result


def find(key: str, *arguments: str, bucket: str = "uploads", code: int = 0) -> Any:  # noqa: ANN401
    """What `find --json` says."""
    return json.loads(run("find", key, "--bucket", bucket, "--json", *arguments, code=code).stdout)


def quarantine(cloud: WardenCloud, key: str = "a/ä b.png", bucket: str = "uploads", **uploaded: Any) -> str:  # noqa: ANN401
    """Have a picture quarantined; where it is held."""
    document = cloud.moderate(key, picture("NUDE"), bucket=bucket, **uploaded)
    assert document["outcome"]["status"] == "quarantined"
    return str(document["outcome"]["location"])


def event_of_the_copy(cloud: WardenCloud) -> Record:
    """The event of the restored copy."""
    record = cloud.records[-1]
    assert record["eventName"] == "ObjectCreated:CopyObject"
    return record


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
            if call.operation == "CopyObject" and cloud.oss.observer is self:
                cloud.oss.observer = cloud.watcher
                cloud.upload("a.png", picture("GOOD"))
            return None

        def after(self, call: Any, status: int) -> None:  # noqa: ANN401
            del call, status

    cloud.oss.observer = Late()
    result = run("restore", location, *REASON, "--yes", code=1)
    assert "FileAlreadyExists" in result.stderr
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
    """Copied in parts it gets another etag; it is released under that one too."""
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


def test_a_large_object_judged_before_its_release_is_told(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one gap of a copy in parts: its etag is known only when it is there. The second restore holds."""
    cloud = ledgered.cloud
    (document,) = cloud.deliver(cloud.upload("a.png", picture("NUDE") + bytes(250 * 1024)))
    defaults = OssQuarantine.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "single_copy_bytes", 100 * 1024)
    monkeypatch.setitem(defaults, "part_bytes", 100 * 1024)
    location = document["outcome"]["location"]
    write, times = OssLedger.write, []

    def write_late(self: OssLedger, name: str, record: dict[str, Any]) -> None:
        """The function is faster than the second release."""
        if name.startswith("release/"):
            times.append(name)
            if len(times) == 2:
                (again,) = cloud.deliver(cloud.records[-1])
                assert again["outcome"]["status"] == "quarantined"
        write(self, name, record)

    monkeypatch.setattr(OssLedger, "write", write_late)
    assert "restore it once more" in run("restore", location, *REASON, "--yes", code=1).stderr
    run("restore", location, *REASON, "--yes")
    (last,) = cloud.deliver(latest_upload(cloud))
    assert last["outcome"]["status"] == "passed"
    assert cloud.keys("uploads") == ["a.png"]


def test_a_redelivery_of_the_first_upload_leaves_the_restored_copy_alone(ledgered: Ledgered) -> None:
    """A delivery that was killed before its last record comes back after the restore: the restored bytes stay."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    assert ledgered.deliver(record, kill_after=8) is None
    ((key, _),) = cloud.held()
    assert cloud.keys("uploads") == []
    run("restore", f"quarantine/{key}", *REASON, "--yes")
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["status"] == "passed"
    assert cloud.body("uploads", "a.png") == picture("NUDE")


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
    record = cloud.records[-1]
    (name,) = [key for key in cloud.keys("ledger") if key.startswith("release/")]
    release = json.loads(cloud.body("ledger", name))
    release["release"]["key"] = "other.png"
    cloud.bucket("ledger").put_object(name, json.dumps(release))
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert any(line["event"] == "ledger.record-ignored" for line in cloud.log_lines())


def test_a_location_that_is_not_ours_is_left_alone(ledgered: Ledgered) -> None:
    """Named, with what is wrong; nothing is changed."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png", headers={"x-oss-meta-long": "x" * 8000})
    bucket = cloud.bucket("quarantine")
    bucket.put_object("strange.png", b"x")
    bucket.put_object("forged.png", b"x", headers={"x-oss-meta-warden-source": "uploads/victim.png"})
    wrong = {
        "quarantine/nothing.png": "nothing is at",
        "quarantine": "is no location",
        "quarantine/strange.png": "says nothing of where it came from",
        "quarantine/forged.png": "claims to be uploads/'victim.png'",
        location + ".metadata.json": "is a sidecar",
        "nowhere-at-all/x": "NoSuchBucket",
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
    assert [trace["status"] for trace in found["traces"]] == ["passed", "quarantined", "deleted", "waits"]
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
    ledgered.deliver(cloud.records[-1], kill_after=1)
    first, second = find("a.png")["traces"]
    assert first["release"] == {"by": "ann", "reason": "a statue"}
    assert second["status"] == "at work"
    assert "by ann: a statue" in run("find", "a.png", "--bucket", "uploads").stdout


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
