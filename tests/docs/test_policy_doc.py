"""docs/policy.md: every example on the page does what it says."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from handler.adapters.policy_file import check_policy
from handler.json_form import document
from handler.log import EVENT
from handler.model import Finding, Outcome, Status, Upload, Verdict
from handler.policy.globs import compile_key
from handler.policy.rules import decide
from handler.policy.shape import schema
from scripts.cli.policy.group import group

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "policy.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ((?:policies|mistakes)/\S+)\n")
TEXT = PAGE.read_text(encoding="utf-8")
UPLOAD = Upload(
    "uploads", "", "E", None, 5, "image/jpeg", "r", "ObjectCreated:PutObject", "2026-03-01T00:00:00.000Z", "q"
)
WEEK = [
    ("avatars/ann.jpg", Finding("sexual_feet", 72.5, "low")),
    ("avatars/bob.jpg", Finding("sexual_feet", 41.0, "low")),
    ("posts/beach.jpg", Finding("sexual_feet", 93.1, "medium")),
    ("posts/arm.jpg", Finding("inappropriate_tattoo", 88.0, "low")),
    ("posts/cat.jpg", Finding("nonLabel", None, "none")),
]


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [body for found, body in BLOCK.findall(TEXT) if found == language]


def files() -> dict[str, str]:
    """The examples that are files, by the name in their first line."""
    return {found[1]: body for body in blocks("yaml") if (found := FILE.match(body))}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of the page, and a log of last week as `policies/site.yml` decided it."""
    for name, body in files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(body)
    policy = check_policy(files()["policies/site.yml"].encode(), "site.yml").policy
    assert policy is not None
    with (tmp_path / "last-week.jsonl").open("w") as log:
        for key, finding in WEEK:
            upload, verdict = replace(UPLOAD, key=key), Verdict("svc", finding.risk, (finding,))
            decision = decide(policy, upload, verdict)
            outcome = Outcome(upload, Status.PASSED, verdict, decision)
            log.write(json.dumps({**document(outcome, details=False), "event": EVENT}) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str) -> Result:
    """Run a command line of the page."""
    program, noun, *arguments = shlex.split(command)
    assert (program, noun) == ("scripts/warden", "policy")
    return CliRunner(env={"FORCE_COLOR": None}).invoke(group, arguments)


@pytest.mark.parametrize("name", [name for name in files() if "/tests/" not in name and name.startswith("policies/")])
def test_every_policy_on_the_page_is_right(name: str) -> None:
    """Neither errors nor warnings."""
    assert check_policy(files()[name].encode(), name).problems == ()


def test_blocks_without_a_name_are_right_too() -> None:
    """Every YAML block is a file of the page or a whole policy."""
    others = [body for body in blocks("yaml") if not FILE.match(body)]
    assert others
    for body in others:
        assert check_policy(body.encode(), "policy.md").problems == ()


@pytest.mark.usefixtures("site")
def test_every_test_on_the_page_passes_with_full_coverage() -> None:
    """The five situations are covered completely."""
    tests = [name for name in files() if "/tests/" in name]
    assert {"avatars", "brands", "spam", "review", "legal"} <= {Path(name).stem for name in tests}
    result = run(f"scripts/warden policy test {' '.join(tests)}")
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("session", blocks("console"), ids=lambda session: session.splitlines()[0][26:60])
def test_every_session_on_the_page_prints_what_it_shows(session: str) -> None:
    """Word for word."""
    command, *shown = session.splitlines()
    printed = run(command.removeprefix("$ ")).stdout.splitlines()
    assert [line.rstrip() for line in printed] == shown


def test_every_key_of_the_language_is_explained() -> None:
    """Each key of the schema stands on the page, in code."""
    for name, shape in schema()["$defs"].items():
        for key in shape.get("properties", {}):
            assert re.search(rf"`(\w+\.)?{key}[`.]", TEXT), f"{key} of {name}"


def test_the_whole_policy_states_each_default() -> None:
    """It has every key, and in the sections that have defaults those of the schema."""
    stated = yaml.safe_load(files()["policies/everything.yml"])
    shown = {key for key, value in schema()["$defs"]["PolicyShape"]["properties"].items() if value}
    assert shown == set(stated)
    for section in ("otherwise", "failures", "tags", "moderation"):
        defaults = {
            # What is left out for `archived` depends on whether there is a quarantine, as here.
            key: value.get("default", "quarantine" if key == "archived" else None)
            for key, value in schema()["$defs"][f"{section.title()}Shape"]["properties"].items()
        }
        assert stated[section] == defaults


def test_the_table_of_key_patterns_is_true() -> None:
    """What fits fits, what does not does not."""
    rows = re.findall(
        r"^\| `([^`]+)` \| (.*) \| (.*) \|$",
        TEXT[TEXT.index("## Key patterns") : TEXT.index("## Shadow")],
        re.MULTILINE,
    )
    assert rows
    for pattern, fitting, other in rows:
        glob = compile_key(pattern)
        assert all(glob.matches(key) for key in re.findall("`([^`]+)`", fitting))
        assert not any(glob.matches(key) for key in re.findall("`([^`]+)`", other))


def test_links_within_the_page_lead_somewhere() -> None:
    """Each has its heading."""
    headings = re.findall("^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for link in re.findall(r"\]\(#([^)]+)\)", TEXT):
        assert link in anchors, link
