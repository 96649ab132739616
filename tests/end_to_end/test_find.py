"""`warden find`: what it looks at and says, by key and by how keys begin."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts.cli.__main__ import warden
from scripts.localcloud.wire import Fault
from scripts.operations import keys as keys_module
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.operator_cloud import quarantine, run
from tests.end_to_end.warden_cloud import picture

pytestmark = pytest.mark.usefixtures("operator")

# Whatever OSS takes for a key, up to 1,023 bytes.
KEYS = (
    " blanks around .png ",
    """it's "quoted".png""",
    "a\nb\tc.png",
    "照片/ä.png",
    "a%2Fb%20c.png",
    "a/../b/./c.png",
    "../a.png",
    "-rf.png",
    "a\u202eb.png",
    "*?[a].png",
    "長" * 341,
)


def find(key: str, *arguments: str, code: int = 0) -> Any:  # noqa: ANN401
    """What `find --json` says."""
    return json.loads(run("find", "--bucket", "uploads", "--json", *arguments, "--", key, code=code).stdout)


def find_all(prefix: str, *arguments: str, code: int = 0) -> tuple[dict[str, Any], str]:
    """What `find --as-prefix --json` says of each key, and on standard error."""
    result = run("find", "--bucket", "uploads", "--json", "--as-prefix", *arguments, "--", prefix, code=code)
    return {found["key"]: found for found in map(json.loads, result.stdout.splitlines())}, result.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize("key", KEYS)
def test_any_key_is_found_as_it_is(ledgered: Ledgered, key: str) -> None:
    """Nothing in it is taken for anything else, and no line of the screen is broken by it."""
    location = quarantine(ledgered.cloud, key)
    (trace,) = find(key)["traces"]
    assert (trace["status"], trace["location"], trace["is_there"]) == ("quarantined", location, True)
    (held,) = find(key, "--ledger", "")["traces"]
    assert held["location"] == location
    assert find_all(key[:1])[0].keys() == {key}
    shown = run("find", "--bucket", "uploads", "--", key).stdout
    assert "\u202e" not in shown
    assert len([line for line in shown.splitlines() if "nothing is there now" in line]) == 1


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "is empty"),
        ("/avatars/a.png", "begins with a slash"),
        ("\\a.png", "begins with a slash"),
        ("長" * 342, "has 1,026 bytes; a key has 1,023 at most"),
        ("a\udcff.png", "is no UTF-8"),
    ],
)
def test_what_no_key_can_be_is_told(ledgered: Ledgered, key: str, why: str) -> None:
    """Before anybody is asked."""
    del ledgered
    assert why in run("find", "--bucket", "uploads", "--", key, code=2).output


def test_what_was_not_asked_is_said(ledgered: Ledgered) -> None:
    """Without a ledger, or a quarantine, or both, nothing found is not "nothing is there"."""
    quarantine(ledgered.cloud, "a.png")
    assert find("a.png")["not_asked"] == []
    (ledger,) = find("a.png", "--ledger", "")["not_asked"]
    assert "the ledger" in ledger
    assert "--ledger (LEDGER_BUCKET)" in ledger
    (held,) = find("a.png", "--quarantine", "")["not_asked"]
    assert "--quarantine (QUARANTINE_BUCKET)" in held
    both = run("find", "a.png", "--bucket", "uploads", "--ledger", "", "--quarantine", "", code=1)
    assert both.stdout.count("not asked ") == 2
    assert "no ledger" in both.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize(("deliveries", "failing"), [(1, "green"), (3, "green"), (1, "oss"), (2, "oss")])
def test_a_status_is_the_logs_own(ledgered: Ledgered, deliveries: int, failing: str) -> None:
    """Whatever the last line of an upload says: `failed` while it is tried again, `unverified` when given up."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    failed = Fault(status=500, code="Down")
    cloud.watcher.spoil = lambda call: (
        failed if call.service == failing and call.bucket in {"", None, "uploads"} else None
    )
    for delivery in range(1, deliveries + 1):
        (line,) = cloud.deliver(record, delivery=delivery, timeout_s=2)
    cloud.watcher.spoil = lambda _: None
    (trace,) = find("a.png")["traces"]
    assert trace["status"] == line["outcome"]["status"]
    assert trace["status"] in {"failed", "unverified"}


@pytest.mark.exhaustive
def test_a_prefix_finds_what_is_there_what_is_held_and_what_a_log_names(ledgered: Ledgered, tmp_path: Path) -> None:
    """Each with its uploads; others' keys and other buckets' never; and it says what it can't find."""
    cloud = ledgered.cloud
    cloud.moderate("a/good.png", picture("GOOD"))
    cloud.moderate("a/nude.png", picture("NUDE"))
    cloud.moderate("a/gore.png", picture("GORE"))
    cloud.moderate("b/nude.png", picture("NUDE"))
    cloud.moderate("a/nude.png", picture("NUDE"), bucket="versioned")
    log = tmp_path / "log"
    log.write_text(cloud.log.getvalue())
    found, _ = find_all("a/")
    assert {key: [t["status"] for t in said["traces"]] for key, said in found.items()} == {
        "a/good.png": ["passed"],
        "a/nude.png": ["quarantined"],
    }
    assert list(find_all("a/", "--log", str(log))[0]) == ["a/good.png", "a/gore.png", "a/nude.png"]
    assert set(find_all("")[0]) == {"a/good.png", "a/nude.png", "b/nude.png"}
    text = run("find", "a/", "--as-prefix", "--bucket", "uploads").stdout
    assert text.count("request ") == 2
    nothing, said = find_all("c/", code=1)
    assert (nothing, "begins with 'c/'" in said) == ({}, True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("of", ["bucket", "quarantine", "log"])
def test_a_prefix_of_too_many_keys_is_cut_and_told(
    ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, of: str
) -> None:
    """The first by name are shown, and the exit code is 1; one fewer is all of them."""
    cloud = ledgered.cloud
    monkeypatch.setattr(keys_module, "MOST_KEYS", 3)
    monkeypatch.setattr("scripts.cli.find.MOST_KEYS", 3)
    log = tmp_path / "log"
    for number in (3, 1, 4, 2):
        cloud.moderate(f"a{number}.png", picture("NUDE" if of == "quarantine" else "GOOD", salt=str(number)))
        if of == "log":
            cloud.bucket().delete_object(f"a{number}.png")
    log.write_text(cloud.log.getvalue())
    found, said = find_all("a", "--log", str(log), code=1)
    assert list(found) == ["a1.png", "a2.png", "a3.png"]
    assert "more than 3 keys begin so" in said
    assert list(find_all("a4", "--log", str(log))[0]) == ["a4.png"]


def test_copies_that_were_not_looked_at_are_told(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quarantine is looked through up to a bound."""
    monkeypatch.setattr(keys_module, "MOST_COPIES", 1)
    for number in range(2):
        quarantine(ledgered.cloud, f"{number}.png")
    found, said = find_all("", code=1)
    assert len(found) == 1
    assert "only the first 1 were looked at" in said


def test_lines_of_a_log_that_are_not_read_are_told_once(ledgered: Ledgered, tmp_path: Path) -> None:
    """Not with each key."""
    cloud = ledgered.cloud
    for number in range(3):
        cloud.moderate(f"{number}.png", picture("GOOD"))
    log = tmp_path / "log"
    log.write_text(cloud.log.getvalue() + '{"v": 1, "event": "upload.mod\n')
    found, said = find_all("", "--log", str(log), code=1)
    assert [key["unread"] for key in found.values()] == [0, 0, 0]
    assert said.count("1 lines of the log") == 1


@pytest.mark.parametrize("key", [".", ".."])
def test_a_key_that_http_cannot_name_is_told(ledgered: Ledgered, key: str) -> None:
    """It would name the bucket itself."""
    del ledgered
    assert "can't be named over HTTP" in run("find", "--bucket", "uploads", "--", key, code=1).stderr


def test_standard_input_is_read_once(ledgered: Ledgered) -> None:
    """However often it is named."""
    line = json.dumps(ledgered.cloud.moderate("a.png", picture("GOOD")))
    log = CliRunner().invoke(warden, ["find", "a.png", "--bucket", "uploads", "--log", "-", "--log", "-"], input=line)
    assert (log.exit_code, log.stdout.count("passed  request")) == (0, 1)
