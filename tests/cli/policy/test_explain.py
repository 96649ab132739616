"""`warden policy explain` and `labels`: why, in words."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from handler.policy.labels import CATALOGUE
from scripts.cli.policy.group import group

POLICY = """\
version: 1
name: example
scope: {exclude: ["thumbnails/**"]}
rules:
  - name: feet
    match: {labels: [sexual_feet], min_confidence: 85, keys: ["avatars/**"]}
    unless: {keys: ["avatars/staff/**"]}
    action: quarantine
    tags: {queue: feet}
  - name: would-tag
    match: {labels: [sexual_feet], risk: [low], max_confidence: 90}
    action: tag
    status: shadow
  - name: codes
    match: {labels: ["QR code"], library: never}
    action: tag
  - name: nothing
    match: {labels: ["*"], min_confidence: 50}
    action: pass
  - name: guns
    match: {labels: [violent_gun], min_confidence: 90}
    action: delete
  - name: small-svg
    match: {content_types: [image/svg+xml], buckets: [other], min_size_bytes: 10, max_size_bytes: 20}
    action: delete
quarantine: {bucket: quarantine}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy with a condition of every kind."""
    path = tmp_path / "example.yml"
    path.write_text(POLICY)
    return path


def run(*arguments: object, text: bytes | None = None) -> Result:
    """Run a command of the group."""
    env = {"FORCE_COLOR": None}
    return CliRunner(env=env).invoke(group, [str(argument) for argument in arguments], input=text)


def rows(result: Result) -> list[str]:
    """The lines, each with single blanks."""
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_a_confidence_that_looks_like_a_fraction_is_doubted(policy: Path) -> None:
    """Whoever asks for 0.95 of 100 means 95; a verdict of the log is as it is."""
    told = "warning: sexual_feet: 0.95 of 100 is next to nothing, for a confidence goes from 0 to 100; write 95 if 95 %"
    assert told in run("explain", policy, "--label", "sexual_feet=0.95,low").stderr
    assert "next to nothing" not in run("explain", policy, "--label", "sexual_feet=1.5,low").stderr


def test_the_exact_reason_is_told_for_every_rule(policy: Path) -> None:
    """A threshold that was missed is told with both numbers, and what settled what."""
    result = run("explain", policy, "--label", "sexual_feet=63.2,low", "--key", "avatars/ann.jpg")
    assert result.exit_code == 0
    told = rows(result)
    assert "5 feet quarantine no match sexual_feet 63.2 is below min_confidence 85" in told
    assert "10 would-tag (shadow) tag would sexual_feet 63.2 matches" in told
    assert "14 codes tag no match sexual_feet 63.2 is not one of its labels" in told
    assert "17 nothing pass settles sexual_feet 63.2 matches" in told
    assert "20 guns delete no match every finding was settled by a rule above" in told
    assert "23 small-svg delete no match bucket 'uploads' is not one of 'other'" in told
    assert "(otherwise) not read every finding was settled by a rule" in told
    assert "decision pass, by nothing, line 17" in told
    assert "shadow rule would-tag would tag" in told
    assert "tag moderation-status=passed" in told
    assert told[-1] == "log rule nothing: sexual_feet 63.2 (low)"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--label", "sexual_feet=90,low", "--key", "a.jpg"],
            "5 feet quarantine no match key 'a.jpg' fits none of 'avatars/**'",
        ),
        (
            ["--label", "sexual_feet=90,low", "--key", "avatars/staff/a.jpg"],
            (
                "5 feet quarantine no match sexual_feet 90 is spared by `unless`: "
                "keys 'avatars/staff/**'; the key is 'avatars/staff/a.jpg'"
            ),
        ),
        (
            ["--label", "sexual_feet=90,low"],
            "10 would-tag (shadow) tag no match sexual_feet 90 is not below max_confidence 90",
        ),
        (
            ["--label", "sexual_feet=90,high"],
            "10 would-tag (shadow) tag no match sexual_feet 90 has risk high, not low",
        ),
        (
            ["--label", "sexual_feet", "--risk", "low", "--key", "avatars/a.jpg"],
            (
                "5 feet quarantine decides sexual_feet matches; sexual_feet has no confidence, which meets every "
                "condition on it here: unknown never helps"
            ),
        ),
        (
            ["--label", "sexual_feet", "--risk", "low"],
            (
                "10 would-tag (shadow) tag no match sexual_feet has no confidence, which meets no max_confidence of "
                "a rule that ends in tag"
            ),
        ),
        (["--label", "QR code_lib=90,low"], "14 codes tag no match QR code_lib 90 is a hit in your own image library"),
        (
            ["--label", "nonLabel=90,none"],
            (
                "17 nothing pass no match nonLabel 90 says that nothing was found; it is "
                "matched only by risk: [none] or by its exact name"
            ),
        ),
        (["--label", "nonLabel=none", "--risk", "high"], "14 codes tag no match nonLabel is not one of its labels"),
        (
            ["--label", "nonLabel=none", "--risk", "high"],
            "(overall) is the overall risk, which no label names; only '*' and risk match it",
        ),
        (["--label", "violent_gun"], "found violent_gun (high): no risk was given, which counts as high"),
        (
            ["--label", "violent_gun", "--risk", "low"],
            "found violent_gun (low): the overall risk, for it has none of its own",
        ),
        (
            ["--label", "violent_gun"],
            (
                "20 guns quarantine decides violent_gun matches; violent_gun has no confidence, which meets every "
                "condition on it here: unknown never helps"
            ),
        ),
        (
            ["--label", "violent_gun"],
            "log rule guns: violent_gun (high); quarantined and not deleted, because the service gave no confidence",
        ),
        (["--label", "violent_gun"], "(otherwise) not read 'guns' decided"),
        (["--label", "violent_gun"], "23 small-svg delete not read 'guns' on line 20 decided on the whole object"),
        (
            ["--label", "violent_gun=20,medium"],
            "(otherwise) quarantine decides violent_gun 20 has risk medium: quarantine",
        ),
        (["--label", "violent_gun=20,low"], "(otherwise) pass settles violent_gun 20 has risk low: pass"),
        (
            ["--label", "violent_gun=20,low", "--bucket", "other", "--size-bytes", "5"],
            "23 small-svg delete no match 5 bytes are below min_size_bytes 10",
        ),
        (
            ["--label", "violent_gun=20,low", "--bucket", "other", "--size-bytes", "20"],
            "23 small-svg delete no match 20 bytes are not below max_size_bytes 20",
        ),
        (
            ["--label", "violent_gun=20,low", "--bucket", "other", "--size-bytes", "10"],
            "23 small-svg delete no match content type 'image/jpeg' is not one of 'image/svg+xml'",
        ),
        (
            ["--label", "violent_gun=95,low", "--key", "thumbnails/a.jpg"],
            "note the key 'thumbnails/a.jpg' is out of scope: the function records `out-of-scope` and decides nothing",
        ),
    ],
)
def test_each_kind_of_reason_has_a_sentence(policy: Path, arguments: list[str], told: str) -> None:
    """Every condition that can fail says with what and why."""
    lines = rows(run("explain", policy, *arguments))
    assert any(line.endswith(told) for line in lines), "\n".join(lines)


def test_library_only_says_when_there_is_no_hit(tmp_path: Path) -> None:
    """A rule for the customer's library passes over what the service found by itself."""
    path = tmp_path / "p.yml"
    path.write_text(
        "version: 1\nname: p\nmode: shadow\nrules: [{name: r, match: {library: only}, action: quarantine}]\n"
        "quarantine: {bucket: quarantine}\n"
    )
    lines = rows(run("explain", path, "--label", "violent_gun=1,low"))
    assert "3 r quarantine no match violent_gun 1 is no library hit".replace("3 r", "4 r") in lines
    assert "note the policy is in shadow mode: this is logged, and the object is not touched" in lines
    assert not [line for line in lines if line.startswith("tag ")]


def test_a_missing_risk_is_said_with_what_each_would_change(policy: Path) -> None:
    """It counts as high, which is rarely what a person has in mind."""
    result = run("explain", policy, "--label", "violent_gun=20")
    assert result.stderr == (
        "note: no risk was given, which counts as high; give it as in LABEL=60,low. By risk: none: pass by "
        "(otherwise); low: pass by (otherwise); medium: quarantine by (otherwise); high: quarantine by (otherwise)\n"
    )
    assert run("explain", policy, "--label", "violent_gun=20", "--risk", "low").stderr == ""
    assert run("explain", policy, "--label", "violent_gun").stderr == ""  # it is the same with every risk


VERDICT = {"risk": "low", "findings": [{"label": "sexual_feet", "confidence": 63.2, "risk": "weird"}]}


def logged() -> dict[str, Any]:
    """A line of the log, as far as explain needs it."""
    upload = {
        "bucket": "b",
        "key": "avatars/x.jpg",
        "etag": "E",
        "version_id": None,
        "size_bytes": 1,
        "content_type": None,
        "region": "r",
        "event_name": "e",
        "uploaded_at": "t",
        "request_id": "q",
    }
    return {"v": 1, "upload": upload, "verdict": {"service": "s", **VERDICT}, "outcome": {"status": "passed"}}


def test_a_verdict_alone_is_read_from_standard_input(policy: Path) -> None:
    """A verdict needs risk and findings; a word for risk that is unknown counts as high, and says so."""
    result = run("explain", policy, "--verdict", "-", text=json.dumps(VERDICT).encode())
    assert "found sexual_feet 63.2 (high): the unknown word 'weird' counts as high" in rows(result)


def test_a_line_as_the_log_service_exports_it_is_read(policy: Path) -> None:
    """Whatever `replay` reads, `explain` reads too."""
    line = json.dumps({"__time__": "1", "message": json.dumps({**logged(), "event": "upload.moderated"})})
    result = run("explain", policy, "--verdict", "-", text=line.encode())
    assert "upload b/avatars/x.jpg, 1 bytes, no content type" in rows(result)


def test_a_logged_line_brings_its_upload_along(policy: Path, tmp_path: Path) -> None:
    """Key, bucket, size and content type are those of the log, unless options say otherwise."""
    path = tmp_path / "line.json"
    path.write_text(json.dumps(logged()))
    assert "upload b/avatars/x.jpg, 1 bytes, no content type" in rows(run("explain", policy, "--verdict", path))
    changed = run("explain", policy, "--verdict", path, "--key", "k", "--content-type", "image/gif")
    assert "upload b/k, 1 bytes, image/gif" in rows(changed)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"{", "this is not one JSON document"),
        (b"\xff\xfe", "this is not one JSON document"),
        (b"[]", "this JSON is no object; give a verdict, or one line of the log"),
        (b"{}", "there is no verdict in it; a verdict has `risk` and `findings`"),
        (b'{"outcome": {"status": "gone"}}', "there is no verdict in it: this upload ended as 'gone'"),
        (b'{"outcome": 1, "decision": {"failure": "too_large"}}', "what stands under failures.too_large in the policy"),
        (b'{"findings": []}', "a verdict needs at least one finding"),
        (b'{"findings": [{"label": 7}]}', "this is no verdict of ours: Expected `str`, got `int`"),
    ],
)
def test_what_is_no_verdict_is_refused_in_words(policy: Path, text: bytes, told: str) -> None:
    """Exit code 1, one line, no traceback."""
    result = run("explain", policy, "--verdict", "-", text=text)
    assert result.exit_code == 1
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--label", "x", "--verdict", "-"],
        ["--verdict", "-", "--risk", "low"],
        ["--label", "sexual_feet=101"],
        ["--label", "sexual_feet=low,60"],
        ["--label", "=60"],
        ["--label", "sexual_feet=60,grave"],
    ],
)
def test_a_verdict_is_given_in_one_way(policy: Path, arguments: list[str]) -> None:
    """Anything else is a matter of usage."""
    assert run("explain", policy, *arguments, text=b"{}").exit_code == 2


def test_a_mistyped_label_is_doubted_and_explained_all_the_same(policy: Path) -> None:
    """The service may know labels that we do not."""
    result = run("explain", policy, "--label", "sexual_fete=90,low")
    assert result.exit_code == 0
    assert "warning: unknown label 'sexual_fete'; did you mean 'sexual_feet'" in result.stderr


def test_a_policy_with_errors_is_refused_with_all_of_them(tmp_path: Path) -> None:
    """Commands that need a policy show what check shows."""
    path = tmp_path / "bad.yml"
    path.write_text("version: 1\n")
    result = run("explain", path, "--label", "violent_gun")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"{path}:1:1: 'bucket' is missing, and otherwise.high can quarantine; add quarantine: {{bucket: …}}".replace(
            "1:1: 'b", "1:1: quarantine: 'b"
        ),
        f"{path}:1:1: 'name' is missing; it is required here",
        f"{path}:1:1: 'rules' is missing; it is required here",
    ]


def test_json_holds_the_whole_explanation(policy: Path) -> None:
    """Every reading, the decision in the project's JSON form, and the tags."""
    result = run("explain", policy, "--label", "sexual_feet=90,low", "--key", "avatars/a.jpg", "--json")
    document = json.loads(result.stdout)
    assert document["decision"]["rule"] == "feet"
    assert document["tags"]["moderation-queue"] == "feet"
    assert [reading["result"] for reading in document["readings"]] == ["decides", *["not read"] * 6]


def test_nothing_of_a_key_reaches_the_terminal_as_it_is(policy: Path) -> None:
    """Control characters of a key are written out."""
    result = run("explain", policy, "--label", "violent_gun=95,low", "--key", "a\x1b[31m\n[bold].jpg")
    assert "\x1b" not in result.output
    assert r"uploads/a\x1b[31m\n[bold].jpg" in result.stdout


def test_labels_shows_all_in_plain_words() -> None:
    """Each label of the catalogue is one line."""
    result = run("labels")
    assert len(result.stdout.splitlines()) == len(CATALOGUE) + 1
    assert "sexual_feet picture feet, shown suggestively" in rows(result)


@pytest.mark.parametrize(
    ("pattern", "some", "count"),
    [("feet", "sexual_feet", 1), ("*GUN", "violent_gun", 1), ("guns", "violence_weapons_tii", 2)],
)
def test_labels_are_found_by_name_pattern_or_meaning(pattern: str, some: str, count: int) -> None:
    """Whatever the case of the letters."""
    result = run("labels", pattern)
    assert some in result.stdout
    assert len(result.stdout.splitlines()) == count + 1


def test_a_pattern_without_labels_says_what_was_perhaps_meant() -> None:
    """Exit code 1 and a suggestion."""
    result = run("labels", "sexual_fete")
    assert result.exit_code == 1
    assert "no label fits 'sexual_fete'; did you mean 'sexual_feet'" in result.stderr


def test_labels_show_which_rules_decide(policy: Path) -> None:
    """In the order of reading, each with what it asks for besides, up to the first that takes all."""
    told = "\n".join(rows(run("labels", "sexual_feet", "--policy", policy)))
    assert "feet (from 85; keys 'avatars/**'; with exceptions): quarantine > would-tag" in told
    assert "would-tag (risk low; below 90): tag, in shadow > nothing (from 50): pass" in told
    assert told.endswith("(otherwise): high/medium quarantine, low/none pass")


def test_a_rule_that_takes_a_label_whole_is_the_last_shown(tmp_path: Path) -> None:
    """What comes after it never sees the label."""
    path = tmp_path / "p.yml"
    path.write_text(
        "version: 1\nname: p\nquarantine: {bucket: quarantine}\nrules:\n"
        "  - {name: harmless, match: {labels: [nonLabel]}, action: pass}\n"
        "  - {name: hits, match: {library: only}, action: tag}\n"
        "  - {name: guns, match: {labels: [violent_gun]}, action: quarantine}\n"
    )
    document = json.loads(run("labels", "violent_gun", "--policy", path, "--json").stdout)
    assert [rule["rule"] for rule in document["labels"][0]["rules"]] == ["guns"]
    told = run("labels", "violent_gun", "--policy", path).stdout
    assert told.endswith("guns: quarantine\n")
    (harmless, _) = json.loads(run("labels", "nonLabel", "--policy", path, "--json").stdout)["labels"]
    assert [rule["rule"] for rule in harmless["rules"]] == ["harmless"]
    (other,) = json.loads(run("labels", "nonLabel_lib", "--policy", path, "--json").stdout)["labels"]
    assert [rule["rule"] for rule in other["rules"]] == ["(otherwise)"]
    assert "rules" not in json.loads(run("labels", "guns", "--json").stdout)["labels"][0]
