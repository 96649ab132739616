"""`warden policy test`: the tests beside policies, and what they cover."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scripts.cli.policy.group import group

POLICY = """\
version: 1
name: example
scope: {exclude: ["thumbnails/**"]}
rules:
  - name: feet
    match: {labels: [sexual_feet], min_confidence: 60}
    unless: {labels: [sexual_feet], min_confidence: 90, keys: ["staff/**"]}
    action: quarantine
    tags: {queue: feet}
  - name: doubtful-guns
    match: {labels: [violent_gun], max_confidence: 50}
    action: tag
    status: shadow
quarantine: {bucket: quarantine}
"""
HEAD = "policy: ../example.yml\ntests:\n"
FULL = (
    HEAD
    + """\
  - {name: at, verdict: {sexual_feet: 60 low}, expect: {action: quarantine, rule: feet, tags: {queue: feet}}}
  - {name: below, verdict: {sexual_feet: 59.9 low}, expect: {action: pass}}
  - {name: staff, upload: {key: staff/a}, verdict: {sexual_feet: 90 low}, expect: {action: pass}}
  - {name: almost staff, upload: {key: staff/a}, verdict: {sexual_feet: 89.5 low}, expect: {action: quarantine}}
  - {name: doubtful, verdict: {violent_gun: 49.9 low}, expect: {action: pass, shadow: [doubtful-guns]}}
  - {name: sure, verdict: {violent_gun: 50 low}, expect: {action: pass, shadow: []}}
"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a policy and room for its tests."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "example.yml").write_text(POLICY)
    return tmp_path


def run(*arguments: object, terminal: bool = False) -> Result:
    """Run the command."""
    env = {"FORCE_COLOR": "1" if terminal else None, "NO_COLOR": None, "COLUMNS": "200"}
    return CliRunner(env=env).invoke(group, ["test", *map(str, arguments)])


def run_with(folder: Path, tests: str, *arguments: object, terminal: bool = False) -> Result:
    """Run these tests of the example."""
    (folder / "tests" / "example.yml").write_text(tests)
    return run(folder, *arguments, terminal=terminal)


def test_shipped_policies_are_fully_covered() -> None:
    """Every rule is reached and every threshold held from both sides; without paths these are what is run."""
    result = run("--coverage")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("3 policies: ")
    assert ", 0 failed" in result.stderr
    assert "NOT PINNED" not in result.stdout
    for policy in ("default", "strict", "tag-only"):
        assert f"policies/{policy}.yml: " in result.stdout


def test_full_coverage_is_fine(folder: Path) -> None:
    """Thresholds of match, of unless, of a maximum and of a shadow rule can all be pinned."""
    result = run_with(folder, FULL, "--coverage")
    assert result.exit_code == 0, result.output
    assert "min_confidence 60 pinned, unless min_confidence 90 pinned" in result.stdout
    assert "max_confidence 50 pinned" in result.stdout
    assert result.stderr == "1 policy: 6 passed, 0 failed\n"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("at", "min_confidence 60 of the rule 'feet' can become 61 and no test fails"),
        ("below", "min_confidence 60 of the rule 'feet' can become 59 and no test fails"),
        ("staff", "unless.min_confidence 90 of the rule 'feet' can become 91 and no test fails"),
        ("almost staff", "unless.min_confidence 90 of the rule 'feet' can become 89 and no test fails"),
        ("doubtful", "no test reaches the rule 'doubtful-guns'; add one in which it matches"),
        ("sure", "max_confidence 50 of the rule 'doubtful-guns' can become 51 and no test fails"),
    ],
)
def test_each_missing_side_is_told(folder: Path, name: str, told: str) -> None:
    """Without any one of these tests the run fails, and says what to add."""
    lines = [line for line in FULL.splitlines() if f"name: {name}," not in line]
    result = run_with(folder, "\n".join(lines), "--coverage")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if told in line]
    assert line.startswith(f"{folder}/example.yml:{5 if 'feet' in told else 10}:1: ")
    assert "1 not covered" in result.stderr


def test_a_finding_near_a_threshold_that_nothing_compares_does_not_pin_it(folder: Path) -> None:
    """A boundary counts as pinned only where moving it makes a test fail."""
    weak = FULL.replace("shadow: []", "rule: (otherwise)")
    result = run_with(folder, weak)
    assert result.exit_code == 1
    assert "match.max_confidence 50 of the rule 'doubtful-guns' can become 51 and no test fails" in result.stdout


def test_bands_that_meet_need_no_test_that_nothing_could_fail(folder: Path) -> None:
    """What lies beyond the upper bound of the second band is taken by the first, wherever that bound is."""
    (folder / "example.yml").write_text(
        "version: 1\nname: bands\nquarantine: {bucket: quarantine}\nrules:\n"
        "  - {name: sure, match: {labels: [violent_gun], min_confidence: 90}, action: quarantine}\n"
        "  - {name: doubt, match: {labels: [violent_gun], max_confidence: 90}, action: tag}\n"
    )
    tests = """\
  - {name: at, verdict: {violent_gun: 90 low}, expect: {action: quarantine, rule: sure}}
  - {name: below, verdict: {violent_gun: 89.9 low}, expect: {action: tag, rule: doubt}}
"""
    result = run_with(folder, HEAD + tests, "--coverage")
    assert result.exit_code == 0, result.output
    assert run_with(folder, HEAD + tests.splitlines()[0]).exit_code == 1


def test_a_wrong_expectation_is_one_line_in_a_pipe(folder: Path) -> None:
    """Where, which test, what was expected, what decided, and why."""
    wrong = FULL.replace("action: quarantine, rule: feet, tags: {queue: feet}", "action: tag, rule: f, tags: {}")
    wrong = wrong.replace("rule: f,", "rule: doubtful-guns,")
    result = run_with(folder, wrong)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        (
            f"{folder}/tests/example.yml:3:1: at: action: expected tag, decided quarantine; rule: expected "
            "doubtful-guns, decided feet; tags: expected no tags, decided queue=feet (rule feet: sexual_feet 60 (low))"
        )
    ]
    assert "5 passed, 1 failed" in result.stderr


def test_a_wrong_expectation_is_a_readable_diff_on_a_terminal(folder: Path) -> None:
    """With colours, and the command that explains it."""
    result = run_with(folder, FULL.replace("shadow: []", "shadow: [feet]"), terminal=True)
    assert "FAILED" in result.stdout
    assert "- expected" in result.stdout
    assert "explain" in result.stdout
    assert "--label violent_gun=50,low" in result.stdout
    gap = run_with(folder, HEAD + FULL.splitlines()[2] + "\n", terminal=True)
    assert "no test reaches the rule" in gap.stdout


def test_scope_and_failures_can_be_tested(folder: Path) -> None:
    """An upload out of scope, and one without a verdict."""
    more = """\
  - {name: thumb, upload: {key: thumbnails/a}, verdict: {violent_gun: 99 high}, expect: {action: out-of-scope}}
  - {name: large, failure: too_large, expect: {action: quarantine, rule: (failures)}}
  - {name: borrowed, risk: medium, verdict: {violent_gun: 99}, expect: {action: quarantine, rule: (otherwise)}}
  - {name: unknown, verdict: {sexual_feet: , violent_gun: 99 low}, expect: {action: quarantine, rule: feet}}
"""
    assert run_with(folder, FULL + more).exit_code == 0
    wrong = run_with(folder, FULL + more.replace("out-of-scope", "pass").replace("(failures)", "(otherwise)"))
    assert "thumb: action: expected pass, decided out-of-scope (the key 'thumbnails/a' is out-of-scope)" in wrong.stdout
    assert "large: rule: expected (otherwise), decided (failures)" in wrong.stdout
    assert "FAILED" in run_with(folder, FULL + more.replace("(failures)", "(otherwise)"), terminal=True).stdout


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        ("", "1:1: the file is empty"),
        ("policy: ../example.yml\n", "1:1: 'tests' is missing; it is required here"),
        ("tests: []\n", "1:1: 'policy' is missing; it is required here"),
        ("policy: ../example.yml\ntests: []\n", "2:8: tests: an empty list"),
    ],
)
def test_files_of_tests_that_hold_none_are_told(folder: Path, tests: str, told: str) -> None:
    """At their place, in the same words as a policy."""
    result = run_with(folder, tests)
    assert result.exit_code == 1
    assert told in result.stdout
    assert "problem" in result.stderr


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (
            "verdict: {violent_gun: 1 low}, expekt: {}",
            "3:46: tests[0].expekt: unknown key 'expekt'; did you mean",
        ),
        ("verdict: {violent_gun: 1 low}", "3:5: tests[0]: 'expect' is missing"),
        ("verdict: {violent_gun: 1 low}, expect: {rule: feet}", "3:54: tests[0].expect: 'action' is missing"),
        ("verdict: {violent_gun: 1 low}, expect: {action: block}", "unknown word 'block'; one of: delete"),
        ("expect: {action: pass}", "3:5: tests[0].verdict: a test has a `verdict`"),
        ("verdict: {violent_gun: 1}, failure: symlink, expect: {action: pass}", "and not both"),
        ("risk: low, failure: symlink, expect: {action: pass}", "a test has a `verdict`"),
        ("verdict: {}, expect: {action: pass}", "a verdict without findings is none"),
        ("verdict: {violent_gun: 101}, expect: {action: pass}", "'101' is no value for the label 'violent_gun'"),
        ("verdict: {violent_gun: lots}, expect: {action: pass}", "write a confidence from 0 to 100"),
        (
            "verdict: {violent_gnu: 1 low}, expect: {action: pass}",
            "unknown label 'violent_gnu'; did you mean",
        ),
        (
            "verdict: {violent_gun: 1 low}, expect: {action: pass, rule: fete}",
            "no rule 'fete'; did you mean 'feet'",
        ),
    ],
)
def test_mistakes_in_tests_are_told_at_their_place(folder: Path, test: str, told: str) -> None:
    """A test that proves nothing is refused."""
    result = run_with(folder, f"{HEAD}  - {{name: a, {test}}}")
    assert result.exit_code == 1
    assert told in result.stdout


def test_every_mistake_of_every_test_is_told_at_once(folder: Path) -> None:
    """Two in one test, in its shape, its findings and the names that it mentions, each at its own place."""
    tests = """\
  - {name: a, verdict: {violent_gun: lots, sexual_fete: 101}, expect: {rule: fete, shadow: [nix]}}
  - {nmae: b, verdict: {violent_gnu: 80 high}, failure: symlink, expect: {action: hold}}
"""
    result = run_with(folder, HEAD + tests)
    told = [line.removeprefix(f"{folder}/tests/example.yml:") for line in result.stdout.splitlines()]
    assert [line.split(";")[0] for line in told] == [
        "3:38: tests[0].verdict.violent_gun: 'lots' is no value for the label 'violent_gun'",
        "3:57: tests[0].verdict.sexual_fete: '101' is no value for the label 'sexual_fete'",
        "3:71: tests[0].expect: 'action' is missing",
        "4:5: tests[1]: 'name' is missing",
        "4:6: tests[1].nmae: unknown key 'nmae'",
        "4:24: tests[1].verdict: a test has a `verdict` (such as {sexual_feet: 60 low}) or a `failure`, and not both",
        "4:83: tests[1].expect.action: unknown word 'hold'",
        "3:57: a: unknown label 'sexual_fete'",
        "3:78: a: the policy has no rule 'fete'",
        "3:93: a: the policy has no rule 'nix'",
        "4:38: a test: unknown label 'violent_gnu'",
    ]
    assert "did you mean 'quarantine'" in result.stdout


def test_nothing_is_pinned_in_a_rule_that_no_test_reaches(folder: Path) -> None:
    """Also where no upload of a test could show a threshold that moves."""
    policy = (folder / "example.yml").read_text().replace("max_confidence: 50}", 'max_confidence: 50, keys: ["x/**"]}')
    (folder / "example.yml").write_text(policy)
    result = run_with(folder, FULL.replace("shadow: [doubtful-guns]", "shadow: []"), "--coverage")
    assert "no test reaches the rule 'doubtful-guns'" in result.stdout
    assert "max_confidence 50 NOT PINNED" in result.stdout


def test_a_policy_that_is_not_there_is_told(folder: Path) -> None:
    """The path is seen from the folder of the tests; each file that names it is told, with what is there."""
    (folder / "tests" / "more.yml").write_text(FULL.replace("../example", "other"))
    (folder / "other.yml").write_text(POLICY)
    result = run_with(folder, FULL.replace("example", "exmaple"))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    for file, hint in (("example.yml", "'example.yml'"), ("more.yml", "'../other.yml'")):
        (line,) = [line for line in lines if line.startswith(f"{folder}/tests/{file}:1:9: policy: ")]
        assert f"No such file or directory; did you mean {hint}; the path is seen from the folder of the tests" in line


def test_tests_that_name_themselves_are_told(folder: Path) -> None:
    """As where the `../` was forgotten, and the policy's tests have its name."""
    result = run_with(folder, FULL.replace("../example", "example"))
    told = f"{folder}/tests/example.yml:1:9: policy: {folder}/tests/example.yml: this is a file of tests, and no policy"
    assert f"{told}; did you mean '../example.yml'; " in result.stdout


@pytest.mark.parametrize("place", ["example.test.yml", "cases/example.yml", "../tests/example.yml"])
def test_tests_that_lie_elsewhere_are_named(tmp_path: Path, place: str) -> None:
    """With where they belong, whether the policy, its folder or they themselves are asked for."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "example.yml").write_text(POLICY)
    file = (folder / place).resolve()
    file.parent.mkdir(exist_ok=True)
    file.write_text(FULL.replace("../example.yml", str(folder / "example.yml")))
    right = folder / "tests" / file.name
    asked = run(folder / "example.yml")
    assert asked.exit_code == 1
    message = f"these are tests of {folder}/example.yml, and are not run here; move them to {right}"
    assert asked.stdout == f"{file}:1:1: {message}, with policy: ../example.yml\n"
    if file.parent.name != "tests":  # there they are run, and rightly
        told = "this is a file of tests, and no policy; tests lie in a folder named tests beside their policy"
        assert f"{file}:1:1: {told}, as {right}" in run(folder).stdout
        assert f"{file}:1:1: {told}, as {right}" in run(file).stdout


def test_tests_in_folders_within_tests_are_run(folder: Path) -> None:
    """However they are asked for."""
    (folder / "tests" / "eu").mkdir()
    file = folder / "tests" / "eu" / "example.yml"
    file.write_text(FULL.replace("../", "../../"))
    for path in (folder, folder / "example.yml", file):
        assert run(path).stderr == "1 policy: 6 passed, 0 failed\n"


def test_a_policy_with_errors_is_told(folder: Path) -> None:
    """Its problems are those of check."""
    (folder / "example.yml").write_text("version: 2\n")
    result = run_with(folder, FULL)
    assert result.exit_code == 1
    assert f"{folder}/example.yml:1:10: version: unknown word '2'; one of: 1" in result.stdout


def test_a_policy_without_tests_has_nothing_covered(folder: Path) -> None:
    """Each of its rules is told."""
    result = run(folder)
    assert result.exit_code == 1
    assert result.stdout.count("no test reaches the rule") == 2


def test_tests_are_found_from_policy_folder_and_file(folder: Path) -> None:
    """The policy, its folder, the folder of tests and a file of tests all lead to the same; nothing runs twice."""
    file = folder / "tests" / "example.yml"
    file.write_text(FULL)
    for paths in ([folder], [folder / "example.yml"], [folder / "tests"], [file], [folder, file]):
        result = run(*paths)
        assert (result.exit_code, result.stderr) == (0, "1 policy: 6 passed, 0 failed\n")


def test_tests_of_several_files_count_together(folder: Path) -> None:
    """Coverage is that of all tests of a policy, in folders within folders too."""
    lines = FULL.splitlines(keepends=True)
    (folder / "tests" / "a.yml").write_text("".join(lines[:4]))
    (folder / "tests" / "b.yml").write_text(HEAD + "".join(lines[4:]))
    result = run(folder.parent / folder.name)
    assert result.exit_code == 0
    (folder / "tests" / "b.yml").unlink()
    assert run(folder / "example.yml").exit_code == 1


def test_json_has_failures_and_coverage(folder: Path) -> None:
    """One document for programs."""
    document: dict[str, Any] = json.loads(run_with(folder, FULL, "--json").stdout)
    (policy,) = document["policies"]
    assert policy["tests"] == 6
    assert policy["coverage"][0]["boundaries"][0] == {"path": "match.min_confidence", "value": 60.0, "unpinned": []}
    failed = json.loads(run_with(folder, FULL.replace("action: pass}", "action: tag}", 1), "--json").stdout)
    assert failed["policies"][0]["failures"][0]["differences"] == [
        {"what": "action", "expected": "tag", "decided": "pass"}
    ]


def test_thresholds_at_the_ends_have_one_side(folder: Path) -> None:
    """No confidence is above 100 or below 0."""
    (folder / "example.yml").write_text(
        "version: 1\nname: ends\nquarantine: {bucket: quarantine}\nrules:\n"
        "  - {name: certain, match: {labels: [violent_gun], min_confidence: 100}, action: quarantine}\n"
        "  - {name: any, match: {labels: [violent_knives], min_confidence: 0}, action: tag}\n"
    )
    tests = """\
  - {name: certain, verdict: {violent_gun: 100 low}, expect: {action: quarantine, rule: certain}}
  - {name: nearly, verdict: {violent_gun: 99.9 low}, expect: {action: pass}}
  - {name: any, verdict: {violent_knives: 0 low}, expect: {action: tag, rule: any}}
"""
    result = run_with(folder, HEAD + tests)
    assert result.exit_code == 0, result.output


def test_a_test_file_that_cannot_be_read_is_told(folder: Path) -> None:
    """Such as a link that leads nowhere."""
    (folder / "tests" / "gone.yml").symlink_to(folder / "nowhere")
    result = run(folder)
    assert result.exit_code == 1
    assert "gone.yml:1:1: this file cannot be read (No such file or directory)" in result.stdout


def test_nothing_to_test_is_a_finding(tmp_path: Path) -> None:
    """An empty folder passes nothing."""
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "no policy and no test found" in result.stderr
