"""`warden restore` of many locations: each by itself, none over a newer upload, none twice, whatever comes between."""

import csv
import gzip
import io
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oss2.models import BucketVersioningConfig

from handler.adapters.oss.store import OssStore
from handler.errors import OperatorError
from scripts.localcloud.wire import Fault
from scripts.operations import locations as locations_module
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.operator_cloud import REASON, event_of_the_copy, quarantine, releases, run, stored
from tests.end_to_end.test_find import KEYS
from tests.end_to_end.test_find_restore import tagging
from tests.end_to_end.warden_cloud import WardenCloud, picture

pytestmark = pytest.mark.usefixtures("operator")

Rows = list[dict[str, str]]


def hold(cloud: WardenCloud, *keys: str) -> dict[str, str]:
    """Have a picture quarantined under each key; where they are held."""
    return {key: quarantine(cloud, key) for key in keys}


def restore(*arguments: str, code: int = 0) -> tuple[dict[str, Any], str]:
    """What `restore --json` says of each location, and on standard error."""
    result = run("restore", *arguments, *REASON, "--json", code=code)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line["from"]: line for line in lines}, result.stderr


def states(told: dict[str, Any]) -> list[str]:
    """How each ended, in the order given."""
    return [line["state"] for line in told.values()]


def rows_of(held: dict[str, str]) -> Rows:
    """What query 9 answers."""
    return [
        {"bucket": "uploads", "key": key, "location": location, "logged_at": "2026-11-25T10:00:00.000Z"}
        for key, location in held.items()
    ]


def as_csv(rows: Rows) -> str:
    """As the console downloads it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


FORMS: dict[str, Callable[[Rows], bytes]] = {
    "list": lambda rows: json.dumps(rows, indent=1).encode(),
    "lines": lambda rows: "\n".join(map(json.dumps, rows)).encode(),
    "answer": lambda rows: json.dumps({"meta": {"count": len(rows)}, "data": rows}).encode(),
    "csv": lambda rows: as_csv(rows).encode(),
    "csv with other columns first": lambda rows: as_csv([dict(reversed(row.items())) for row in rows]).encode(),
    "gzip": lambda rows: gzip.compress(as_csv(rows).encode()),
    "utf-16": lambda rows: as_csv(rows).encode("utf-16"),
    "bom": lambda rows: as_csv(rows).encode("utf-8-sig"),
    "places": lambda rows: "\n".join(f'  "oss://{row["location"]}" ' for row in rows).encode(),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_file_is_read(ledgered: Ledgered, tmp_path: Path, form: str) -> None:
    """Whatever keys are beside the locations; all go back, each with its own result and a release."""
    cloud = ledgered.cloud
    held = hold(cloud, *KEYS[:4], "a,b.png")
    file = tmp_path / "query-9"
    file.write_bytes(FORMS[form](rows_of(held)))
    told, said = restore("--from", str(file), "--yes")
    assert list(told) == list(held.values())
    assert {line["to"].partition("/")[2] for line in told.values()} == set(held)
    assert states(told) == ["restored"] * len(held)
    assert f"{len(held)} locations: {len(held)} restored" in said
    assert sorted(cloud.keys("uploads")) == sorted(held)
    assert len(releases(cloud)) == len(held)


@pytest.mark.exhaustive
@pytest.mark.parametrize("key", KEYS)
def test_any_key_goes_back(ledgered: Ledgered, key: str) -> None:
    """As it was named."""
    cloud = ledgered.cloud
    location = quarantine(cloud, key)
    run("restore", location, *REASON, "--yes")
    assert cloud.body("uploads", key) == picture("NUDE")
    (document,) = cloud.deliver(event_of_the_copy(cloud))
    assert document["outcome"]["status"] == "passed"


def spelled(location: str) -> list[str]:
    """The place as it comes from a screen."""
    bucket, _, key = location.partition("/")
    encoded = f"{bucket}/{key.replace('/', '%2F')}"
    return [location, f"oss://{location}", f"  {location}\t", f"'{location}'", f'"oss://{location}" ', encoded]


def test_a_place_given_twice_is_restored_once(ledgered: Ledgered, tmp_path: Path) -> None:
    """However it is spelled, on the command line and in files."""
    location = quarantine(ledgered.cloud, "a.png")
    file = tmp_path / "places"
    file.write_text("\n\n".join(spelled(location)) + "\r\n")
    told, said = restore(*spelled(location), "--from", str(file), "--yes")
    assert states(told) == ["restored"]
    assert "11 were given more than once" in said
    assert len(releases(ledgered.cloud)) == 1


def test_without_yes_many_are_only_looked_at(ledgered: Ledgered) -> None:
    """A line each, and how to do it."""
    cloud = ledgered.cloud
    held = hold(cloud, "a.png", "b.png")
    before = [cloud.keys(bucket) for bucket in ("uploads", "ledger", "quarantine")]
    result = run("restore", *held.values(), *REASON)
    assert result.stdout.count("would restore ") == 2
    assert "add --yes" in result.stdout
    assert "2 locations: 2 would restore" in result.stderr
    assert [cloud.keys(bucket) for bucket in ("uploads", "ledger", "quarantine")] == before


def test_one_that_fails_stops_no_other(ledgered: Ledgered) -> None:
    """A copy that is gone, another bucket's, a newer upload under the key, no place at all: each with its own cause."""
    cloud = ledgered.cloud
    held = hold(cloud, "gone.png", "taken.png", "a.png", "done.png")
    run("restore", held["done.png"], *REASON, "--yes")
    cloud.bucket("quarantine").delete_object(held["gone.png"].partition("/")[2])
    cloud.upload("taken.png", picture("GOOD"))
    told, said = restore(*held.values(), "versioned/held/uploads/x.png", "nonsense", "--yes", code=1)
    assert states(told) == [
        "not restored",
        "not restored",
        "restored",
        "is back already",
        "not restored",
        "not restored",
    ]
    causes = [line["error"] for line in told.values() if line["error"]]
    for cause, text in zip(
        causes, ("nothing is at", "another upload", "not in the quarantine", "no location"), strict=True
    ):
        assert text in cause
        assert cause in said
    assert "6 locations: 1 restored, 1 is back already, 4 not restored" in said
    assert cloud.body("uploads", "taken.png") == picture("GOOD")


def test_run_again_nothing_is_restored_twice(ledgered: Ledgered) -> None:
    """No copy, and no second release."""
    held = hold(ledgered.cloud, "a.png", "b.png")
    restore(*held.values(), "--yes")
    copied = len(ledgered.cloud.records)
    told, _ = restore(*held.values(), "--yes")
    assert states(told) == ["is back already"] * 2
    assert (len(ledgered.cloud.records), len(releases(ledgered.cloud))) == (copied, 2)


def hold_two(cloud: WardenCloud, bucket: str = "uploads") -> tuple[str, str]:
    """Two uploads of one key, both held: the older and the newer."""
    older = quarantine(cloud, "a.png", bucket=bucket)
    held = stored(cloud, *older.split("/", 1))
    held.metadata["x-oss-meta-warden-uploaded-at"] = "2026-11-01T10%3A00%3A00.000Z"
    document = cloud.moderate("a.png", picture("NUDE", salt="newer"), bucket=bucket)
    return older, str(document["outcome"]["location"])


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_an_older_copy_does_not_go_back_unasked(ledgered: Ledgered, bucket: str) -> None:
    """Refused with where the newer one is, and when that was uploaded; done with --older, and said."""
    cloud = ledgered.cloud
    older, newer = hold_two(cloud, bucket)
    said = run("restore", older, *REASON, "--yes", code=1).stderr
    assert "a newer upload of this key, of 20" in said
    assert newer in said
    assert "--older" in said
    assert cloud.keys(bucket) == []
    told, _ = restore(older, "--older", "--yes")
    assert states(told) == ["restored"]
    assert any(newer in note for note in told[older]["notes"])
    assert cloud.body(bucket, "a.png") == picture("NUDE")


@pytest.mark.parametrize("more", [(), ("--older",)])
@pytest.mark.parametrize("is_newest_first", [True, False])
def test_of_two_copies_of_a_key_the_newer_goes_back(
    ledgered: Ledgered, more: tuple[str, ...], *, is_newest_first: bool
) -> None:
    """Whatever the order in the list; the other is told."""
    cloud = ledgered.cloud
    older, newer = hold_two(cloud)
    given = (newer, older) if is_newest_first else (older, newer)
    told, _ = restore(*given, *more, "--yes", code=1)
    assert (told[newer]["state"], told[older]["state"]) == ("restored", "not restored")
    assert newer in told[older]["error"]
    assert cloud.body("uploads", "a.png") == picture("NUDE", salt="newer")
    again, _ = restore(*given, *more, "--yes", code=1)
    assert (again[newer]["state"], again[older]["state"]) == ("is back already", "not restored")
    assert cloud.body("uploads", "a.png") == picture("NUDE", salt="newer")


def test_a_time_that_cannot_be_read_makes_no_copy_the_newer(ledgered: Ledgered) -> None:
    """Which is newer is not known, so neither goes back unasked."""
    cloud = ledgered.cloud
    older, newer = hold_two(cloud)
    stored(cloud, *older.split("/", 1)).metadata["x-oss-meta-warden-uploaded-at"] = "yesterday"
    for place in (older, newer):
        assert "--older" in run("restore", place, *REASON, "--yes", code=1).stderr
    assert cloud.keys("uploads") == []


STRANGE = {
    "empty": (b"", "is empty"),
    "blank": (b"\n \n", "is empty"),
    "another query's list": (b'[{"status": "passed", "n": "3"}]', "of another query than 9"),
    "another query's table": (b"status,n\npassed,3\n", "of another query than 9"),
    "no location in a row": (b"bucket,location\nuploads,\n", "of another query than 9"),
    "cut short": (b'{"bucket": "uploads", "loc', "not JSON, or cut short"),
    "cut gzip": (gzip.compress(b"bucket,location\nuploads,x\n")[:-12], "cut short"),
    "zip": (b"PK\x03\x04", "packed by other means"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_file_that_names_nothing_is_told(ledgered: Ledgered, tmp_path: Path, kind: str) -> None:
    """Nothing read is not "all is restored"; what else was given is done."""
    body, why = STRANGE[kind]
    file = tmp_path / "strange"
    file.write_bytes(body)
    assert why in restore("--from", str(file), "--yes", code=1)[1]
    location = quarantine(ledgered.cloud, "a.png")
    told, said = restore(location, "--from", str(file), "--yes", code=1)
    assert told[location]["state"] == "restored"
    assert why in said


def test_nothing_given_is_a_wrong_command(ledgered: Ledgered, tmp_path: Path) -> None:
    """Neither a location nor a file; or a file that is not there."""
    del ledgered
    assert "--from FILE" in run("restore", *REASON, code=2).output
    run("restore", "--from", str(tmp_path / "nothing"), *REASON, code=2)


def test_what_is_beyond_a_run_is_told(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first are done, and the exit code says that they are not all."""
    monkeypatch.setattr(locations_module, "MOST_LOCATIONS", 2)
    held = hold(ledgered.cloud, "a.png", "b.png", "c.png")
    told, said = restore(*held.values(), "--yes", code=1)
    assert states(told) == ["restored"] * 2
    assert "left out: 1 beyond" in said


def test_a_signed_link_is_no_place_and_is_not_repeated(ledgered: Ledgered) -> None:
    """Its signature would be in a log of the screen."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    link = cloud.bucket("quarantine").sign_url("GET", location.partition("/")[2], 60, slash_safe=True)
    for given in (link, f"{location}?{link.partition('?')[2]}"):
        result = run("restore", given, *REASON, "--json", code=1 if given == link else 0)
        assert "ignature" not in result.output


@pytest.mark.parametrize("more", [(), ("--yes",)])
def test_a_mistyped_ledger_is_told_by_the_first_look(ledgered: Ledgered, more: tuple[str, ...]) -> None:
    """Nothing is copied that could not be released."""
    location = quarantine(ledgered.cloud, "a.png")
    told, _ = restore(location, "--ledger", "legder", *more, code=1)
    assert "'legder' is the ledger's bucket, named by --ledger (LEDGER_BUCKET)" in told[location]["error"]
    assert ledgered.cloud.keys("uploads") == []


@pytest.mark.exhaustive
def test_keys_that_run_out_meanwhile_are_told_of_each(ledgered: Ledgered) -> None:
    """What was done before counts; the rest says why, and goes back with new keys."""
    cloud = ledgered.cloud
    held = hold(cloud, *(f"{number}.png" for number in range(20)))

    class RunOut:
        """After so many copies."""

        copied = 0

        def before(self, call: Any) -> Fault | None:  # noqa: ANN401
            """Refused from then on; who is at work then may fail at any step."""
            self.copied += call.operation == "CompleteMultipartUpload"
            return Fault(status=403, code="SecurityTokenExpired") if self.copied > 3 else None

        def after(self, call: Any, status: int) -> None:  # noqa: ANN401
            """Nothing."""
            del call, status

    cloud.oss.observer = RunOut()
    told, said = restore(*held.values(), "--yes", code=1)
    cloud.oss.observer = cloud.watcher
    failed = [line for line in told.values() if line["state"] == "not restored"]
    assert failed
    assert all("the token has run out" in line["error"] for line in failed)
    assert f"{len(failed)} not restored" in said
    restore(*held.values(), "--yes")
    assert sorted(cloud.keys("uploads")) == sorted(held)


@pytest.mark.parametrize("is_versioned", [True, False])
def test_the_held_copy_says_that_it_was_restored(ledgered: Ledgered, *, is_versioned: bool) -> None:
    """Its status only: queue, labels and the user's own tags stay. find says so, with who and when."""
    cloud = ledgered.cloud
    if is_versioned:
        cloud.bucket("quarantine").put_bucket_versioning(BucketVersioningConfig("Enabled"))
    location = quarantine(cloud, "a.png", tags={"team": "art"})
    key = location.partition("/")[2]
    before = cloud.tags("quarantine", key)
    assert before["moderation-status"] == "quarantined"
    run("restore", location, *REASON, "--yes")
    assert cloud.tags("quarantine", key) == {**before, "moderation-status": "restored"}
    (trace,) = json.loads(run("find", "a.png", "--bucket", "uploads", "--json").stdout)["traces"]
    assert (trace["status"], trace["mark"], trace["release"]["by"]) == ("quarantined", "restored", "ann")
    assert trace["restored_at"].endswith("Z")
    assert trace["restored_at"] in run("find", "a.png", "--bucket", "uploads").stdout
    (known,) = json.loads(run("find", "a.png", "--bucket", "uploads", "--ledger", "", "--json").stdout)["traces"]
    assert (known["mark"], known["release"]) == ("restored", {"state": "restored", "by": None, "reason": None})
    assert "the ledger knows" in run("find", "a.png", "--bucket", "uploads", "--ledger", "").stdout


def refuse_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """No right to tag what is held."""
    write = OssStore.write_tags

    def refuse(self: OssStore, found: Any, tags: dict[str, str]) -> None:  # noqa: ANN401
        if found.bucket == "quarantine":
            raise OperatorError("could not tag: OSS says AccessDenied; give oss:PutObjectTagging")
        write(self, found, tags)

    monkeypatch.setattr(OssStore, "write_tags", refuse)


def test_a_copy_that_may_not_be_tagged_is_told_and_counts(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture is back; run again with the right, the tag follows."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    with monkeypatch.context() as patch:
        refuse_tags(patch)
        told, _ = restore(location, "--yes")
    assert told[location]["state"] == "restored"
    assert any("not that it was restored" in note for note in told[location]["notes"])
    key = location.partition("/")[2]
    assert cloud.tags("quarantine", key)["moderation-status"] == "quarantined"
    assert states(restore(location)[0]) == ["is back already"]
    assert cloud.tags("quarantine", key)["moderation-status"] == "quarantined"
    assert states(restore(location, "--yes")[0]) == ["is back already"]
    assert cloud.tags("quarantine", key)["moderation-status"] == "restored"


def test_a_copy_full_of_other_tags_is_told(ledgered: Ledgered) -> None:
    """None of the user's gives way for ours."""
    cloud = ledgered.cloud
    location = quarantine(cloud, "a.png")
    full = {f"t{number}": "x" for number in range(10)}
    cloud.bucket("quarantine").put_object_tagging(location.partition("/")[2], tagging(full))
    told, _ = restore(location, "--yes")
    assert any("it carries 10 tags" in note for note in told[location]["notes"])
    assert cloud.tags("quarantine", location.partition("/")[2]) == full


class Interrupting:
    """Ctrl-C comes after so many calls of that kind; by itself, when so many copies have been made."""

    def __init__(self, after: int, operation: str = "CompleteMultipartUpload") -> None:
        self._left = after
        self._operation = operation

    def before(self, call: Any) -> Fault | None:  # noqa: ANN401
        """Nothing."""
        del call
        return None

    def after(self, call: Any, status: int) -> None:  # noqa: ANN401
        """Count."""
        if call.operation == self._operation and status == 200:
            self._left -= 1
            if not self._left:
                signal.raise_signal(signal.SIGINT)


@pytest.mark.exhaustive
def test_after_ctrl_c_it_says_what_was_done_and_goes_on(ledgered: Ledgered, tmp_path: Path) -> None:
    """What was under way is finished, with its release; run again, the rest goes back, and nothing twice."""
    cloud = ledgered.cloud
    held = hold(cloud, *(f"{number}.png" for number in range(40)))
    file = tmp_path / "places"
    file.write_text("\n".join(held.values()))
    cloud.oss.observer = Interrupting(3)
    told, said = restore("--from", str(file), "--yes", code=1)
    cloud.oss.observer = cloud.watcher
    done = [line["to"].partition("/")[2] for line in told.values() if line["state"] == "restored"]
    assert 3 <= len(done) < len(held)
    assert sorted(cloud.keys("uploads")) == sorted(done)
    assert all(release["landed"] for release in releases(cloud))
    assert f"{len(done)} restored, {len(held) - len(done)} not begun" in said
    assert "run it again" in said
    told, _ = restore("--from", str(file), "--yes")
    assert sorted(cloud.keys("uploads")) == sorted(held)
    assert states(told).count("is back already") == len(done)
    assert len(releases(cloud)) == len(held)


@pytest.mark.parametrize("many", [1, 2, 20])
def test_ctrl_c_before_the_first_restore_leaves_all_to_begin(ledgered: Ledgered, many: int) -> None:
    """Also where all were being looked at. Nothing `would` be done: it was said to do it."""
    cloud = ledgered.cloud
    held = hold(cloud, *(f"{number}.png" for number in range(many)))
    cloud.oss.observer = Interrupting(1, "HeadObject")
    result = run("restore", *held.values(), *REASON, "--yes", code=1)
    cloud.oss.observer = cloud.watcher
    assert result.output.count("not begun") >= 1
    assert "would" not in result.output
    assert "add --yes" not in result.output
    assert (cloud.keys("uploads"), releases(cloud)) == ([], [])


def test_a_newer_upload_that_comes_while_others_are_restored_stays(ledgered: Ledgered) -> None:
    """A list takes its time: what was looked at first is looked at again."""
    cloud = ledgered.cloud
    held = hold(cloud, *(f"{number}.png" for number in range(3)))

    class Late:
        """Uploads over the last when the first restore begins."""

        def before(self, call: Any) -> Fault | None:  # noqa: ANN401
            """At the first intent."""
            if call.bucket == "ledger" and call.operation == "PutObject" and cloud.oss.observer is self:
                cloud.oss.observer = cloud.watcher
                for key in held:
                    cloud.upload(key, picture("GOOD"))
            return None

        def after(self, call: Any, status: int) -> None:  # noqa: ANN401
            """Nothing."""
            del call, status

    cloud.oss.observer = Late()
    told, _ = restore(*held.values(), "--yes", code=1)
    assert states(told) == ["not restored"] * 3
    assert [cloud.body("uploads", key) for key in held] == [picture("GOOD")] * 3
