"""`warden policy replay`: recorded verdicts decided again."""

import bz2
import csv
import gzip
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from handler.adapters.policy_file import check_policy
from handler.errors import FailureKind
from handler.json_form import document
from handler.log import EVENT
from handler.model import Finding, Outcome, Status, Upload, Verdict
from handler.policy.rules import Policy, decide, decide_failure
from scripts.cli.policy.group import group
from scripts.logs.entries import BAD_FIELDS, NOT_JSON, NOT_OURS, OTHER_VERSION
from scripts.logs.files import LONGEST_LINE, TOO_LARGE, Unread
from scripts.workbench.replay.log_lines import Record, read_records
from scripts.workbench.replay.page import render_page
from scripts.workbench.replay.replaying import (
    LONGEST_EXAMPLE,
    LONGEST_NAME,
    MANY,
    MOST_CHANGES,
    MOST_REMEMBERED,
    Change,
    Replayer,
)

OLD = """\
version: 1
name: old
rules:
  - {name: feet, match: {labels: [sexual_feet], min_confidence: 85}, action: quarantine}
quarantine: {bucket: quarantine}
"""
NEW = """\
version: 1
name: new
scope: {exclude: ["thumbnails/**"]}
rules:
  - {name: avatar-feet, match: {labels: [sexual_feet], min_confidence: 60, keys: ["avatars/**"]}, action: quarantine}
  - {name: codes, match: {labels: ["QR code"]}, action: delete, status: shadow}
failures: {too_large: tag}
quarantine: {bucket: quarantine}
"""
UPLOAD = Upload(
    "uploads",
    "avatars/a.jpg",
    "E",
    None,
    5,
    "image/jpeg",
    "r",
    "ObjectCreated:PutObject",
    "2026-03-01T10:11:12.000Z",
    "q",
)


def compiled(text: str) -> Policy:
    """Compile a policy without errors."""
    policy = check_policy(text.encode(), "p.yml").policy
    assert policy is not None
    return policy


def line(
    *findings: Finding, key: str = "avatars/a.jpg", policy: str = OLD, failure: FailureKind | None = None
) -> dict[str, Any]:
    """One logged upload, as the function would have logged it under a policy."""
    upload = replace(UPLOAD, key=key)
    verdict = None if failure else Verdict("svc", "low", findings)
    old = compiled(policy)
    decision = decide_failure(old, upload, failure) if failure else decide(old, upload, verdict) if verdict else None
    outcome = Outcome(upload, Status.PASSED, verdict, decision)
    return {**document(outcome, details=False), "event": EVENT, "level": "info", "time": "t"}


FEET = line(Finding("sexual_feet", 63.2, "low"))
CODE = line(Finding("QR code", 90.0, "low"))
CLEAN = line(Finding("nonLabel", None, "none"))
LARGE = line(failure=FailureKind.TOO_LARGE)


def write(path: Path, *documents: object) -> Path:
    """Write a log of these lines."""
    path.write_text("".join(json.dumps(each) + "\n" for each in documents))
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """The edited policy."""
    path = tmp_path / "new.yml"
    path.write_text(NEW)
    return path


def take(replayer: Replayer, document: dict[str, Any]) -> None:
    """Have one line decided again."""
    (record,) = read_records(json.dumps(document).encode())
    replayer.take(record)


def replay(*arguments: object, text: bytes | None = None, terminal: bool = False) -> Result:
    """Run the command."""
    env = {"FORCE_COLOR": "1" if terminal else None, "COLUMNS": "200"}
    return CliRunner(env=env).invoke(group, ["replay", *map(str, arguments)], input=text)


def told(*arguments: object, text: bytes | None = None) -> dict[str, Any]:
    """What `--json` says."""
    result = replay(*arguments, "--json", text=text)
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_what_changes_is_counted_with_rules_and_examples(tmp_path: Path, new: Path) -> None:
    """Old action to new action, the rules on both sides, the sentence that the log would carry."""
    log = write(tmp_path / "log", FEET, FEET, CODE, CLEAN, LARGE)
    result = replay(new, log)
    rows = [" ".join(row.split()) for row in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert "changes 3 uploads (60.00%)" in rows
    assert "2 pass (otherwise) quarantine avatar-feet" in rows
    assert "1 quarantine (failures) tag (failures)" in rows
    assert "pass -> quarantine uploads/avatars/a.jpg rule avatar-feet: sexual_feet 63.2 (low)" in rows
    assert "1 codes delete pass" in rows
    assert "5 lines in" in " ".join(result.stderr.split())


def test_json_has_everything(tmp_path: Path, new: Path) -> None:
    """Counts, changes with examples, shadow, and what was not used."""
    document = told(new, write(tmp_path / "log", FEET, CODE, {"event": "other"}))
    assert (document["lines"], document["decided"], document["moved"]) == (3, 2, 1)
    assert document["not_used"] == {NOT_OURS.reason: 1}
    (change,) = [change for change in document["changes"] if change["was"] != change["now"]]
    assert (change["was"], change["was_rule"], change["now"], change["now_rule"]) == (
        "pass",
        "(otherwise)",
        "quarantine",
        "avatar-feet",
    )
    assert change["examples"][0]["key"] == "avatars/a.jpg"
    assert document["shadow"] == [{"rule": "codes", "would": "delete", "in_force": "pass", "uploads": 1}]


def test_another_policy_can_be_compared_with(tmp_path: Path, new: Path) -> None:
    """With --against the log's own decisions do not matter."""
    old = tmp_path / "old.yml"
    old.write_text(OLD)
    log = write(tmp_path / "log", {**FEET, "decision": {**FEET["decision"], "action": "delete"}})
    assert told(new, log)["changes"][0]["was"] == "delete"
    document = told(new, "--against", old, log)
    assert document["changes"][0]["was"] == "pass"
    assert document["against"].startswith("old:")


def test_nothing_changes_under_the_same_policy(tmp_path: Path) -> None:
    """Exit code 0, said in words; a log under its own policy is what it was."""
    path = tmp_path / "old.yml"
    path.write_text(OLD)
    result = replay(path, write(tmp_path / "log", FEET, CODE, CLEAN, LARGE))
    assert result.exit_code == 0
    assert "nothing else is done to any upload" in result.stdout
    page = tmp_path / "page.html"
    assert replay(path, write(tmp_path / "log", FEET), "--html", page).exit_code == 0
    assert "The policy changes nothing for these uploads" in page.read_text()


def test_the_same_action_by_another_rule_is_a_finding_of_its_own(tmp_path: Path) -> None:
    """It is counted, and is no change of what is done."""
    path = tmp_path / "renamed.yml"
    path.write_text(OLD.replace("name: feet", "name: toes"))
    result = replay(path, write(tmp_path / "log", line(Finding("sexual_feet", 90.0, "low"))))
    assert result.exit_code == 1
    assert "1 more: the same action, by another rule" in result.stdout
    page = tmp_path / "page.html"
    moved = line(Finding("sexual_feet", 90.0, "low"))
    moved["decision"]["action"] = "tag"
    replay(path, write(tmp_path / "log", moved, line(Finding("sexual_feet", 90.0, "low"))), "--html", page)
    assert "For another 1, the same is done by another rule." in page.read_text()


@pytest.mark.parametrize("old_mode", ["enforce", "shadow"])
@pytest.mark.parametrize("new_mode", ["enforce", "shadow"])
def test_shadow_mode_is_told_apart(tmp_path: Path, old_mode: str, new_mode: str) -> None:
    """Going live is a change: what was only logged is done."""
    path = tmp_path / "new.yml"
    path.write_text(OLD.replace("name: old", f"name: old\nmode: {new_mode}"))
    logged = line(Finding("sexual_feet", 90.0, "low"), policy=OLD.replace("name: old", f"name: old\nmode: {old_mode}"))
    log = write(tmp_path / "log", logged)
    (change,) = told(path, log)["changes"]
    marks = {"enforce": "quarantine", "shadow": "quarantine (shadow)"}
    assert (change["was"], change["now"]) == (marks[old_mode], marks[new_mode])
    assert ("touches nothing" in replay(path, log).stdout) is (new_mode == "shadow")


def test_scope_counts_as_a_decision(tmp_path: Path, new: Path) -> None:
    """What falls out of scope is a change; what comes into it was never looked at, and is told so."""
    unseen = {**FEET, "verdict": None, "decision": None, "outcome": {"status": "out-of-scope"}}
    gone = {**FEET, "verdict": None, "decision": None, "outcome": {"status": "gone"}}
    thumb = line(Finding("violent_gun", 99.0, "high"), key="thumbnails/a.jpg")
    document = told(new, write(tmp_path / "log", unseen, gone, thumb))
    assert document["not_used"] == {
        "in scope only now: nobody looked at the picture": 1,
        "without a verdict: nothing was decided on the picture": 1,
    }
    (change,) = document["changes"]
    assert (change["was"], change["now"]) == ("quarantine", "out-of-scope")


def test_a_verdict_on_which_nothing_was_decided_is_decided_now(tmp_path: Path, new: Path) -> None:
    """Its old action is how the upload ended."""
    document = told(new, write(tmp_path / "log", {**FEET, "decision": None, "outcome": {"status": "superseded"}}))
    assert (document["changes"][0]["was"], document["changes"][0]["now"]) == ("(superseded)", "quarantine")
    document = told(new, write(tmp_path / "log", {**FEET, "decision": None, "outcome": {"status": "of next year"}}))
    assert document["changes"][0]["was"] == "(unknown)"


def test_long_texts_of_a_log_are_cut(tmp_path: Path, new: Path) -> None:
    """Names, keys and reasons that no line of ours can have do not fill the memory, nor the page."""
    findings = [{"label": "x" * 2_000, "confidence": 1.0, "risk": "high"}]
    decision = {**FEET["decision"], "rule": "r" * 5_000}
    log = write(
        tmp_path / "log",
        {**FEET, "verdict": {"service": "s", "risk": None, "findings": findings}, "decision": decision},
    )
    (change,) = told(new, log)["changes"]
    assert change["was_rule"] == "r" * LONGEST_NAME
    assert len(change["examples"][0]["reason"]) == LONGEST_EXAMPLE


def stringified(record: dict[str, Any]) -> dict[str, str]:
    """A record as the log service shows it where it takes lines apart."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in record.items()}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(FEET),
        "2026-03-01T10:00:00.000Z 1-63fc [INFO] " + json.dumps(FEET),
        json.dumps({"__time__": 1, "__topic__": "", "content": json.dumps(FEET)}),
        json.dumps({"__time__": "1", "functionName": "warden", "message": json.dumps(FEET) + "\n"}),
        json.dumps({"message": "2026-03-01 1-63fc [INFO] " + json.dumps(FEET)}),
        json.dumps({"__time__": 1, "__source__": "", **stringified(FEET)}),
        json.dumps({**FEET, "new_field": {"of": "a later release"}}),
    ],
    ids=["plain", "prefixed", "content", "message", "message-prefixed", "stringified", "more-fields"],
)
def test_every_form_of_the_log_service_is_read(text: str) -> None:
    """Each is the same record."""
    (record,) = read_records(text.encode())
    assert [record] == list(read_records(json.dumps(FEET).encode()))
    assert isinstance(record, Record)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (json.dumps(FEET)[:300].encode(), NOT_JSON),
        (json.dumps(FEET)[40:].encode(), NOT_JSON),
        (b"FC Invoke End RequestId: 1-63fc", NOT_OURS),
        (b"\xff\xfe{\x00", NOT_JSON),
        (b"{" * 100_000, NOT_JSON),
        (b'{"a":' * 100_000, NOT_JSON),
        (b"[1, 2]", NOT_OURS),
        (b"{}", NOT_OURS),
        (b'{"event": "initialized", "v": 1}', NOT_OURS),
        (b'{"message": "FC Initialize Start"}', NOT_OURS),
        (json.dumps({**FEET, "v": 2}).encode(), OTHER_VERSION),
        (json.dumps({**FEET, "v": "x"}).encode(), OTHER_VERSION),
        (json.dumps({**FEET, "upload": {"key": 7}}).encode(), BAD_FIELDS),
        (json.dumps({**FEET, "verdict": {"service": "s", "risk": None, "findings": []}}).encode(), BAD_FIELDS),
        (json.dumps({**FEET, "decision": []}).encode(), BAD_FIELDS),
        (json.dumps({**FEET, "decision": {"action": "block", "rule": "r"}}).encode(), BAD_FIELDS),
    ],
)
def test_lines_that_cannot_be_used_say_why(text: bytes, reason: Unread) -> None:
    """Counted by their reason, never fatal."""
    assert list(read_records(text)) == [reason]


@hypothesis_settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_line(text: bytes) -> None:
    """No line raises, and none is passed over."""
    answers = list(read_records(text))
    assert answers
    assert all(isinstance(answer, Record | Unread) for answer in answers)


def test_gzip_is_read_whatever_its_name(tmp_path: Path, new: Path) -> None:
    """By its first bytes; also several parts in one file."""
    path = tmp_path / "log.txt"
    path.write_bytes(
        gzip.compress(json.dumps(FEET).encode() + b"\n") + gzip.compress(json.dumps(CODE).encode() + b"\n")
    )
    assert told(new, path)["decided"] == 2


@pytest.mark.parametrize("damage", ["cut", "garbled"])
def test_a_damaged_file_is_counted_and_the_next_one_read(tmp_path: Path, new: Path, damage: str) -> None:
    """What can be read of it counts; that its rest is missing is told."""
    whole = gzip.compress("".join(json.dumps({**FEET, "n": n}) + "\n" for n in range(3000)).encode())
    middle = len(whole) // 2
    broken = whole[:middle] if damage == "cut" else whole[:middle] + b"\xff" * 400 + whole[middle + 400 :]
    (tmp_path / "a.gz").write_bytes(broken)
    document = told(new, tmp_path / "a.gz", write(tmp_path / "b", CODE))
    assert document["not_used"]["a file cut short, or damaged: its rest is missing"] == 1
    assert document["decided"] > 1


def test_endless_lines_do_not_fill_the_memory(tmp_path: Path, new: Path) -> None:
    """A line over 1 MiB is passed over, however long it is; the next one is read."""
    path = tmp_path / "log"
    path.write_bytes(b"x" * (3 * LONGEST_LINE + 5) + b"\n\n" + json.dumps(FEET).encode())
    document = told(new, path)
    assert (document["lines"], document["decided"]) == (2, 1)
    assert document["not_used"] == {"longer than 1 MiB": 1}


ENTRY = {"__time__": "1764000000", "__source__": "", "functionName": "bucket-warden"}
FOREIGN = {**ENTRY, "message": "FC Invoke Start RequestId: 1-63fc"}


def entry(*documents: dict[str, Any], between: str = "\n") -> dict[str, Any]:
    """What the log service delivers: our line as text, or several where it did not know where one ends."""
    return {**ENTRY, "message": between.join(map(json.dumps, documents))}


def lines_of(*documents: object, end: str = "\n") -> str:
    """One a line."""
    return end.join(map(json.dumps, documents))


def table(*entries: dict[str, Any]) -> str:
    """As the console's download writes them."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["__time__", "message"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(entries)
    return buffer.getvalue()


DOCUMENTS = (FEET, CODE, CLEAN)
ENTRIES = [entry(each) for each in DOCUMENTS]
EXPORTS: dict[str, bytes | str] = {
    "one a line": lines_of(*DOCUMENTS),
    "carriage returns": lines_of(*DOCUMENTS, end="\r\n"),
    "a mark of the encoding": b"\xef\xbb\xbf" + lines_of(*DOCUMENTS).encode(),
    "PowerShell": lines_of(*DOCUMENTS, end="\r\n").encode("utf-16"),
    "not escaped": json.dumps(DOCUMENTS, ensure_ascii=False),
    "a list": json.dumps(DOCUMENTS),
    "a list, indented": "\n" + json.dumps(DOCUMENTS, indent=2),
    "a list, one a line": "[\n" + lines_of(*DOCUMENTS, end=",\n") + "\n]\n",
    "a list, from the first line on": "[" + lines_of(*DOCUMENTS, end=",\n") + "]",
    "objects, indented": "\n".join(json.dumps(each, indent=2) for each in DOCUMENTS),
    "entries": lines_of(*ENTRIES),
    "a list of entries": json.dumps(ENTRIES),
    "an answer": json.dumps({"count": 3, "logs": ENTRIES}),
    "an answer, indented": json.dumps({"count": 3, "logs": ENTRIES}, indent=1),
    "a message that is JSON": lines_of(*({**ENTRY, "message": each} for each in DOCUMENTS)),
    "glued lines": lines_of(*DOCUMENTS, end=""),
    "glued in one entry": lines_of(entry(*DOCUMENTS)),
    "glued without a newline": json.dumps([entry(FEET), entry(CODE, CLEAN, between="")]),
    "before each a time": "\n".join("2026-03-01 10:11:12 1-63fc [INFO] " + json.dumps(each) for each in DOCUMENTS),
    "before each a word in brackets": "\n".join("[INFO] 1-{63} " + json.dumps(each) for each in DOCUMENTS),
    "a table": table(*ENTRIES),
    "gzip": gzip.compress(lines_of(*ENTRIES).encode()),
    "gzip of a list": gzip.compress(json.dumps(ENTRIES, indent=1).encode()),
}


@pytest.mark.parametrize("form", EXPORTS)
def test_every_export_holds_the_same_uploads(tmp_path: Path, new: Path, form: str) -> None:
    """However it is written, wrapped or glued: each upload once, nothing unread."""
    export = EXPORTS[form]
    path = tmp_path / "log"
    path.write_bytes(export if isinstance(export, bytes) else export.encode())
    document = told(new, path)
    assert (document["decided"], document["unread"], document["not_used"]) == (3, 0, {})


def test_lines_of_the_platform_are_no_loss(tmp_path: Path, new: Path) -> None:
    """They are counted, and a log that holds them is read all the same: exit code 0 where nothing changes."""
    path = write(tmp_path / "log", FOREIGN, entry(CLEAN), {"__time__": "1", "message": "FC Invoke End"})
    result = replay(new, path)
    assert result.exit_code == 0
    assert f"2 {NOT_OURS.reason}" in result.stdout
    assert "could not be read" not in result.stderr


CUT = json.dumps(CLEAN)[:400]
BROKEN: dict[str, tuple[bytes | str, int, int]] = {  # with how many are decided, and how many could not be read
    "a line cut short": (CUT + "\n" + json.dumps(CLEAN), 1, 1),
    "the rest of a line": (json.dumps(CLEAN)[90:] + "\n" + json.dumps(CLEAN), 1, 1),
    "an entry cut short": (lines_of({**ENTRY, "message": CUT}, entry(CLEAN)), 1, 1),
    "one cut short, glued to a whole one": (CUT + json.dumps(CLEAN), 1, 1),
    "a list cut short": (json.dumps([CLEAN, CLEAN])[:-40], 1, 1),
    "a list cut short, indented": (json.dumps([CLEAN, CLEAN], indent=2)[:-40], 1, 1),
    "a list with a broken entry": ("[\n" + ",\n".join([json.dumps(CLEAN), CUT, json.dumps(CLEAN)]) + "\n]", 2, 1),
    "no UTF-8": (b'{"v": 1, "upload": "\xff"}\n' + json.dumps(CLEAN).encode(), 1, 1),
    "half of UTF-16": (json.dumps(CLEAN).encode("utf-16")[:-1], 0, 1),
    "a table cut short": (table(entry(CLEAN), entry(CLEAN))[:-50], 1, 1),
    "packed by other means": (bz2.compress(json.dumps(CLEAN).encode()), 0, 1),
    "gzip cut short": (gzip.compress(lines_of(CLEAN).encode())[:-12], 0, 1),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_left_out_is_never_passed_over_in_silence(tmp_path: Path, new: Path, kind: str) -> None:
    """What can be read is decided, the rest is counted and told, and the exit code is 1."""
    text, decided, unread = BROKEN[kind]
    path = tmp_path / "log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    document = told(new, path)
    assert (document["decided"], document["unread"]) == (decided, unread)
    result = replay(new, path)
    assert result.exit_code == 1
    assert f"{unread} of {decided + unread} lines could not be read" in result.stderr


def test_a_list_that_fills_the_memory_is_not_read(tmp_path: Path, new: Path) -> None:
    """It is told what to do instead."""
    path = tmp_path / "log"
    with gzip.open(path, "wb") as file:
        file.write(b"[\n")
        for _ in range(65):
            file.write(b" " * LONGEST_LINE)
    assert told(new, path)["not_used"] == {TOO_LARGE.reason: 1}


@pytest.mark.parametrize("text", ["", "\n\n", "[]"])
def test_an_empty_log_is_a_finding(tmp_path: Path, new: Path, text: str) -> None:
    """Nothing decided is not "nothing changes"."""
    path = tmp_path / "log"
    path.write_text(text)
    assert replay(new, path).exit_code == 1


def test_standard_input_is_a_log(new: Path) -> None:
    """`-` reads a pipe."""
    assert told(new, "-", text=json.dumps(FEET).encode())["decided"] == 1


def test_a_log_without_a_line_of_ours_is_a_finding(tmp_path: Path, new: Path) -> None:
    """Nothing decided is not "nothing changes"."""
    page = tmp_path / "page.html"
    result = replay(new, write(tmp_path / "log", {}), "--html", page)
    assert result.exit_code == 1
    assert "no line could be decided again" in result.stdout
    assert "No upload could be decided again" in page.read_text()


def test_usage(tmp_path: Path, new: Path) -> None:
    """A log is needed, and must be there; a page that cannot be written is told."""
    assert replay(new).exit_code == 2
    assert replay(new, tmp_path / "missing").exit_code == 2
    result = replay(new, write(tmp_path / "log", FEET), "--html", tmp_path / "no" / "page.html")
    assert result.exit_code == 1
    assert "cannot be written (No such file or directory)" in result.stderr


def test_a_remembered_decision_is_the_decision() -> None:
    """Uploads that rules tell apart are never taken for one another, however alike their verdicts."""
    new = compiled(NEW)
    replayer = Replayer(new)
    keys = ["avatars/a.jpg", "posts/a.jpg", "avatars/b.jpg", "posts/b.jpg"]
    for key in keys * 2:
        take(replayer, line(Finding("sexual_feet", 63.2, "low"), key=key))
    assert {(change.now, count) for change, count in replayer.replay.changes.items()} == {
        ("quarantine", 4),
        ("pass", 4),
    }


def test_memory_is_bounded() -> None:
    """Neither new verdicts nor invented rule names in a log make it grow without end."""
    replayer = Replayer(compiled(NEW))
    (record,) = read_records(json.dumps(FEET).encode())
    assert isinstance(record, Record)
    assert record.decision is not None
    assert record.verdict is not None
    for number in range(MOST_REMEMBERED + 10):
        record.decision.rule = f"rule {number % (MOST_CHANGES + 500)}"
        record.verdict = replace(record.verdict, findings=(Finding("sexual_feet", number / 1000, "low"),))
        replayer.take(record)
    told = replayer.replay
    assert told.decided == sum(told.changes.values()) == MOST_REMEMBERED + 10
    assert len(told.changes) <= MOST_CHANGES + 2
    assert any(change.was_rule == MANY for change in told.changes)


def test_more_changes_than_are_shown_are_told(tmp_path: Path, new: Path) -> None:
    """The terminal shows the most frequent ones, the page more of them, JSON all."""
    lines = [{**FEET, "decision": {**FEET["decision"], "rule": f"rule {number}"}} for number in range(250)]
    log = write(tmp_path / "log", *lines)
    page = tmp_path / "page.html"
    assert "and 210 more kinds of changes; --json has all" in replay(new, log, "--html", page).stdout
    assert "And 50 more kinds of changes" in page.read_text()
    assert len(told(new, log)["changes"]) == 250


def test_the_page_stands_alone_and_says_it_all(tmp_path: Path, new: Path) -> None:
    """No script, no other file; heading, picture with a text alternative, tables with headings, escaped keys."""
    nasty = line(Finding("sexual_feet", 70.0, "low"), key="avatars/<script>alert('x')</script>\x1b.jpg")
    page = tmp_path / "page.html"
    replay(new, write(tmp_path / "log", FEET, nasty, CODE, LARGE), "--html", page)
    text = page.read_text()
    assert "<script" not in text
    assert "src=" not in text
    assert "href=" not in text
    assert "http" not in text
    assert "avatars/&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;\\x1b.jpg" in text
    assert "<h1>The policy changes what is done to 3 of 4 uploads</h1>" in text
    assert "pass to quarantine: 2" in text
    assert 'lang="en"' in text
    assert text.count("<th scope=") == text.count("<th ")
    picture = ET.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])  # noqa: S314 - our own
    assert picture.get("role") == "img"
    assert len(picture.findall("path")) == 3
    assert "Rules in shadow" in text


def test_bands_are_as_wide_as_their_uploads() -> None:
    """Nine times as many uploads, nine times the width; and the least is still seen."""
    replayer = Replayer(compiled(NEW))
    for each, times in ((CLEAN, 90), (FEET, 10)):
        for _ in range(times):
            take(replayer, each)
    heights = [float(height) for height in re.findall(r'<rect [^>]*height="([0-9.]+)"', render_page(replayer.replay))]
    left, *right = heights
    assert left == pytest.approx(sum(right))
    assert right[0] / right[1] == pytest.approx(9, rel=0.01)


def test_a_terminal_sees_colours_and_a_page_in_shadow_says_so(tmp_path: Path) -> None:
    """Shadow mode is written on the page; a terminal gets a progress bar and colours."""
    path = tmp_path / "new.yml"
    path.write_text(NEW.replace("name: new", "name: new\nmode: shadow"))
    page = tmp_path / "page.html"
    result = replay(path, write(tmp_path / "log", FEET), "--html", page, terminal=True)
    assert "\x1b[" in result.stdout
    assert "The policy is in shadow mode" in page.read_text()


def test_changes_by_rule_alone_are_no_moves() -> None:
    """A Change moves where the action differs."""
    assert not Change("tag", "a", "tag", "b").moves
    assert Change("tag", "a", "tag (shadow)", "a").moves
