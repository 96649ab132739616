"""Policy files: every example says in its first lines what is wrong with it, so that a case needs no Python."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from handler.adapters.policy_file import Checked, check_policy, load_policy
from handler.adapters.yaml_tree import MOST_BYTES, read_tree
from handler.errors import BadPolicy
from handler.model import Action
from handler.policy.reader import ShapeReader
from handler.policy.shape import PolicyShape, schema
from scripts.cli.policy.group import SCHEMA_FILE, group, write_schema

ROOT = Path(__file__).parents[2]
EXAMPLES = Path(__file__).parent / "files"
SHIPPED = sorted((ROOT / "policies").glob("*.yml"))
SETTINGS = {"QUARANTINE_BUCKET": "quarantine", "GREEN_REGION": ""}
WATCHED = ["uploads", "watched-quarantine"]
STATED = re.compile(r"# (error|warning): (\d+):(\d+): (.*)")
LAW = settings(deadline=None)  # a busy machine breaks no law
MINIMAL = b"version: 1\nname: minimal\nrules: []\nquarantine: {bucket: quarantine}\n"


def examples(*folders: str) -> list[Path]:
    """List the example files of these folders."""
    return sorted(path for folder in folders for path in (EXAMPLES / folder).glob("*.yml"))


def check(path: Path) -> Checked:
    """Check an example as the function would load it."""
    return check_policy(path.read_bytes(), path.name, SETTINGS, WATCHED)


def stated_problems(path: Path) -> Iterator[tuple[str, int, int, str]]:
    """Read what an example says of itself."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := STATED.fullmatch(line):
            yield found[1], int(found[2]), int(found[3]), found[4]


def name_of(path: Path) -> str:
    """Name a case by its folder and file."""
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", examples("valid"), ids=name_of)
def test_valid_examples_load_without_a_word(path: Path) -> None:
    """A valid example has neither errors nor warnings."""
    checked = check(path)
    assert checked.problems == ()
    assert checked.policy is not None


@pytest.mark.parametrize("path", examples("invalid", "warned"), ids=name_of)
def test_other_examples_have_exactly_the_problems_that_they_state(path: Path) -> None:
    """Every stated problem is found at its line and column, and no other; in the order of the file."""
    stated = list(stated_problems(path))
    found = check(path).problems
    assert [(p.severity, p.line, p.column) for p in found] == [(s, line, column) for s, line, column, _ in stated]
    for problem, (_, _, _, message) in zip(found, stated, strict=True):
        assert message in str(problem)


@pytest.mark.parametrize("path", examples("invalid"), ids=name_of)
def test_invalid_examples_are_not_loaded_and_name_every_error(path: Path) -> None:
    """BadPolicy carries all the errors, one a line, each with file, line and column."""
    with pytest.raises(BadPolicy) as caught:
        load_policy(path, SETTINGS, WATCHED)
    lines = str(caught.value).split("\n")
    stated = [problem for problem in stated_problems(path) if problem[0] == "error"]
    assert len(lines) == len(stated) > 0
    for line, (_, row, column, message) in zip(lines, stated, strict=True):
        assert line.startswith(f"{path}:{row}:{column}: ")
        assert message in line


@pytest.mark.parametrize("path", examples("warned"), ids=name_of)
def test_warned_examples_load(path: Path) -> None:
    """A warning does not keep a policy from being used."""
    assert load_policy(path, SETTINGS, WATCHED) == check(path).policy
    assert list(stated_problems(path))


def test_twelve_mistakes_are_told_at_once() -> None:
    """One run names every mistake of a file, whatever their kind."""
    assert len(check(EXAMPLES / "invalid" / "twelve-mistakes.yml").problems) >= 12


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_shipped_policies_have_no_warnings(path: Path) -> None:
    """What we ship is an example to follow."""
    assert check(path).problems == ()


@pytest.mark.parametrize("path", SHIPPED, ids=name_of)
def test_shipped_policies_say_why_each_rule_is_there(path: Path) -> None:
    """A comment stands above each rule, or beside its name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rules = [index for index, line in enumerate(lines) if line.startswith("  - name:")]
    assert rules
    for index in rules:
        assert "#" in lines[index] or lines[index - 1].strip().startswith("#"), lines[index]


def test_shipped_policies_never_delete_evidence() -> None:
    """Child abuse goes to the legal queue wherever there is a quarantine, and nothing judged is deleted."""
    for path in SHIPPED:
        policy = load_policy(path, SETTINGS, [])
        assert not {rule.name for rule in policy.rules if rule.action.value == "delete"}
        rule = next(rule for rule in policy.rules if rule.name == "child-safety")
        assert rule.tags == {"queue": "legal"}
        assert rule.action.value == ("quarantine" if policy.quarantine else "tag")


def test_tag_only_never_moves_nor_deletes() -> None:
    """The policy for the first look needs no quarantine bucket, because nothing in it can quarantine or delete."""
    policy = load_policy(ROOT / "policies" / "tag-only.yml", {}, [])
    assert policy.quarantine is None
    assert not policy.can_quarantine
    actions = {rule.action for rule in policy.rules if not rule.is_shadow}
    assert Action.DELETE not in {*actions, *policy.otherwise.values(), *policy.failures.values()}


@pytest.mark.parametrize("path", examples("valid", "invalid", "warned") + SHIPPED, ids=name_of)
def test_schema_and_loader_agree_on_shape(path: Path) -> None:
    """What the editor's schema refuses, the loader's shape refuses, and the other way round."""
    text = path.read_bytes()
    tree, flaws = read_tree(text)
    if tree is None or flaws:
        return  # no YAML that both can read
    reader = ShapeReader(None)
    reader.read(tree, PolicyShape)
    refused = [remark for remark in reader.remarks if "setting" not in remark.message]  # to a schema `${…}` is any text
    assert bool(refused) == any(Draft202012Validator(schema()).iter_errors(yaml.safe_load(text)))


def test_schema_file_is_fresh() -> None:
    """The committed schema is the one that the shape generates."""
    fresh = SCHEMA_FILE.read_text(encoding="utf-8") == write_schema()
    assert fresh, "policies/policy.schema.json is stale; run: scripts/warden policy schema --write"


def test_schema_is_a_valid_schema_that_explains_its_words() -> None:
    """Editors get a meaning beside every word, in the order of the words."""
    Draft202012Validator.check_schema(schema())
    defs = schema()["$defs"]
    action = defs["RuleShape"]["properties"]["action"]
    meanings = dict(zip(action["enum"], action["enumDescriptions"], strict=True))
    assert meanings["none"] == "not touched at all, not even tagged"
    assert meanings["delete"].startswith("deleted for good")
    label = defs["ConditionsShape"]["properties"]["labels"]["items"]["anyOf"][0]
    assert dict(zip(label["enum"], label["enumDescriptions"], strict=True))["violent_gun"] == "guns"
    assert len(label["enum"]) == 80


def test_schema_command_prints_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`policy schema` prints the schema; with --write it writes the file."""
    target = tmp_path / "policy.schema.json"
    monkeypatch.setattr("scripts.cli.policy.schema.SCHEMA_FILE", target)
    printed = CliRunner().invoke(group, ["schema"])
    written = CliRunner().invoke(group, ["schema", "--write"])
    assert printed.exit_code == written.exit_code == 0
    assert json.loads(printed.output) == json.loads(target.read_text(encoding="utf-8")) == schema()


def told(text: bytes) -> list[str]:
    """Check bytes and return the problems as printed."""
    return [str(problem) for problem in check_policy(text, "p.yml").problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "p.yml:1:1: the file is empty; a policy has at least version, name and rules"),
        (b"# only a comment\n", "p.yml:1:1: the file is empty; a policy has at least version, name and rules"),
        (b"a: b\nc: \xff\n", "p.yml:2:4: this is not UTF-8 text; save the policy as a UTF-8 file"),
        ("a: b".encode("utf-16"), "p.yml:1:1: this is UTF-16 text; save the policy as a UTF-8 file"),
        ("a: b".encode("utf-16-be"), "p.yml:1:1: this is UTF-16 text; save the policy as a UTF-8 file"),
        (b"a: b\n\x00\x01", "p.yml:2:1: the character '\\x00' is not allowed; a policy is a text file"),
        (MINIMAL + b"#" * MOST_BYTES, "p.yml:1:1: the file is over 256 KiB (262144 bytes); a policy is smaller"),
    ],
)
def test_what_is_no_text_file_is_told_so(text: bytes, problem: str) -> None:
    """Empty, binary, oversized and wrongly encoded files have one clear error each."""
    assert told(text) == [problem]


def test_a_byte_order_mark_is_no_harm() -> None:
    """Editors on Windows write one."""
    assert told(b"\xef\xbb\xbf" + MINIMAL) == []


@pytest.mark.parametrize("text", [b"[" * 200_000, b"{a: " * 60_000, b"- " * 100_000, b"? " * 100_000])
def test_deep_nesting_is_refused_and_overflows_nothing(text: bytes) -> None:
    """Nested brackets end in an error, not in a crash of the process."""
    assert len(told(text)) >= 1


def test_very_many_bare_stars_are_refused_in_bounded_work() -> None:
    """Every bare star costs one more reading, up to a limit."""
    problems = told(b"version: 1\nname: x\nrules: [" + b"**," * 2_000 + b"]\n")
    assert 40 <= len(problems) <= 60
    assert all("quote it" in problem for problem in problems)


def test_a_missing_file_is_told_by_name(tmp_path: Path) -> None:
    """The message names the file and the setting that leads to it."""
    with pytest.raises(BadPolicy, match=r"nowhere\.yml: the policy cannot be read .* POLICY must name"):
        load_policy(tmp_path / "nowhere.yml", SETTINGS, [])


def test_a_folder_is_no_policy(tmp_path: Path) -> None:
    """What can be opened and not read is told too."""
    with pytest.raises(BadPolicy, match="the policy cannot be read"):
        load_policy(tmp_path, SETTINGS, [])


def test_settings_are_filled_in_when_given_and_kept_when_not() -> None:
    """`${NAME}` is the setting's value; without settings it stays as it is."""
    text = MINIMAL.replace(b"bucket: quarantine", b'bucket: "${QUARANTINE_BUCKET}-x"')
    with_settings = check_policy(text, "p.yml", {"QUARANTINE_BUCKET": "q1"}).policy
    without = check_policy(text, "p.yml").policy
    assert with_settings is not None
    assert with_settings.quarantine is not None
    assert with_settings.quarantine.bucket == "q1-x"
    assert without is not None
    assert without.quarantine is not None
    assert without.quarantine.bucket == "${QUARANTINE_BUCKET}-x"


def test_a_setting_that_is_no_bucket_name_is_refused() -> None:
    """The value counts, not the text of the file."""
    text = MINIMAL.replace(b"bucket: quarantine", b'bucket: "${QUARANTINE_BUCKET}"')
    problems = check_policy(text, "p.yml", {"QUARANTINE_BUCKET": "No/Bucket"}).problems
    assert "'No/Bucket' is no bucket name" in str(problems[0])


def test_a_loop_through_the_setting_is_refused() -> None:
    """A quarantine bucket that is watched is found whether it is written or set."""
    text = MINIMAL.replace(b"bucket: quarantine", b'bucket: "${QUARANTINE_BUCKET}"')
    problems = check_policy(text, "p.yml", {"QUARANTINE_BUCKET": "uploads"}, ["uploads"]).problems
    assert "a loop" in str(problems[0])


def test_the_id_is_name_and_hash_of_the_bytes() -> None:
    """Any change of the file changes the id; the name stays readable."""
    first, second = check_policy(MINIMAL, "p.yml").policy, check_policy(MINIMAL + b"#", "p.yml").policy
    assert first is not None
    assert second is not None
    assert first.id == "minimal:" + hashlib.sha256(MINIMAL).hexdigest()[:8]
    assert second.id.startswith("minimal:")
    assert first.id != second.id


def test_defaults_are_those_of_the_language() -> None:
    """A minimal policy enforces, looks at every key, and quarantines what is grave or could not be judged."""
    policy = check_policy(MINIMAL, "p.yml").policy
    assert policy is not None
    assert policy.mode.value == "enforce"
    assert (policy.moderation.service, policy.moderation.info_types, policy.moderation.referer) == (
        "postImageCheckByVL_global",
        (),
        None,
    )
    assert [glob.text for glob in policy.scope.include] == ["**"]
    assert policy.scope.exclude == ()
    assert {risk.value: action.value for risk, action in policy.otherwise.items()} == {
        "high": "quarantine",
        "medium": "quarantine",
        "low": "pass",
        "none": "pass",
    }
    assert {kind.value: action.value for kind, action in policy.failures.items()} == {
        "unsupported": "quarantine",
        "too_large": "quarantine",
        "unreadable": "quarantine",
        "rejected": "quarantine",
        "unavailable": "tag",
        "symlink": "delete",
        "archived": "quarantine",
    }
    assert policy.quarantine is not None
    assert policy.quarantine.prefix == "held/"
    assert (policy.tags.prefix, policy.tags.when_full, policy.tags.labels) == ("moderation-", "quarantine", True)


@LAW
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_checked_without_an_exception(text: bytes) -> None:
    """Whatever the file holds, the answer is problems with a place in it."""
    checked = check_policy(text, "p.yml")
    assert checked.policy is None
    assert all(problem.line >= 1 and problem.column >= 1 for problem in checked.problems)


@LAW
@given(st.integers(0, len(MINIMAL)), st.sampled_from(["*", "&a ", "!!x ", "\t", "[", "{", "- ", "\n", "'", "${", ": "]))
def test_a_slip_anywhere_is_checked_without_an_exception(position: int, slip: str) -> None:
    """A stray character in a good policy ends in a policy or in problems."""
    checked = check_policy(MINIMAL[:position] + slip.encode() + MINIMAL[position:], "p.yml")
    assert (checked.policy is None) == any(problem.severity == "error" for problem in checked.problems)


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ('"1"', "'1' is text, because it stands in quotes; write 1"),
        ('" 1 "', "' 1 ' is text, because it stands in quotes; write 1"),
        ("1.0", "'1.0' is no whole number; write 1"),
        ("1.5", "unknown word '1.5'; one of: 1"),
        ('"2"', "unknown word '2'; one of: 1"),
        ("v1", "unknown word 'v1'; one of: 1"),
    ],
)
def test_a_version_is_refused_for_its_true_reason(version: str, problem: str) -> None:
    """The right number in quotes is not an unknown one."""
    (line,) = told(MINIMAL.replace(b"version: 1", f"version: {version}".encode()))
    assert line == f"p.yml:1:10: version: {problem}"


SLIPS = st.sampled_from([*"ab/.*\\^$()|{},[]-?+!<1 ", "**", "oss://", "uploads/", "%20", "\u200b", "./", ".jpg"])


@LAW
@given(st.lists(SLIPS, min_size=1, max_size=9).map("".join) | st.text(min_size=1, max_size=20))
def test_any_key_pattern_is_doubted_or_not_without_an_exception(pattern: str) -> None:
    """However it is written; what would be right then is told once, and a doubt never refuses the policy."""
    rule = f"rules: [{{name: a, match: {{keys: [{json.dumps(pattern)}]}}, action: tag}}]".encode()
    checked = check_policy(MINIMAL.replace(b"rules: []", rule), "p.yml", None, ["uploads"])
    doubts = [problem for problem in checked.problems if problem.path == "rules[0].match.keys[0]"]
    assert len(doubts) <= 1
    assert all(problem.severity == "warning" and "; " in problem.message for problem in doubts)


def test_numbers_of_any_length_are_refused_and_not_converted() -> None:
    """Python itself refuses to read integers beyond some thousand digits."""
    rule = b"rules: [{name: a, match: {min_size_bytes: " + b"9" * 5000 + b"}, action: tag}]"
    (problem,) = told(MINIMAL.replace(b"rules: []", rule))
    assert "is not a plain number" in problem
