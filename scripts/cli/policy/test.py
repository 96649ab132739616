"""`warden policy test`: the tests beside policies."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from handler.model import Verdict
from handler.policy.tree import Problem
from scripts.cli.policy.arguments import FILE_OR_FOLDER, FOUND, POLICIES, as_json
from scripts.workbench.cases.case import OUT_OF_SCOPE, Case
from scripts.workbench.cases.coverage import Boundary
from scripts.workbench.cases.runs import Failure, Run, run_tests
from scripts.workbench.problems import plain_line, problem_document
from scripts.workbench.short_form import write_finding
from scripts.workbench.terminal import action_style, make_table, open_console, printable, show_table, styled

EXAMPLES = """\b
Examples:
  scripts/warden policy test
  scripts/warden policy test --coverage
  scripts/warden policy test policies/default.yml
  scripts/warden policy test other-policies/ other-policies/tests/one-file.yml
"""


@click.command("test", epilog=EXAMPLES)
@click.argument("paths", nargs=-1, type=FILE_OR_FOLDER)
@click.option("--coverage", is_flag=True, help="Show for each rule the tests that reach it and its thresholds.")
@as_json
def command(*, paths: tuple[Path, ...], coverage: bool, as_json: bool) -> None:
    """Run the tests beside policies.

    They are files in a folder named `tests`. PATHS are policies, folders of policies, or files of tests; without them,
    the policies of this project.

    A run fails where something else is decided than a test expects, where no test reaches a rule, and where a
    confidence threshold can be moved by one point, up or down, without a test that fails. docs/policy.md shows how a
    test is written.
    """
    runs = list(run_tests(paths or (POLICIES,)))
    is_fine = bool(runs) and not any(run.problems or run.failures or run.gaps for run in runs)
    if as_json:
        click.echo(json.dumps({"v": 1, "policies": [_document(run) for run in runs]}))
    else:
        console = open_console()
        for index, run in enumerate(runs):
            if index and coverage:
                console.print()
            _show(console, run, coverage=coverage)
        open_console(to_errors=True).print(_summary(runs))
    if not is_fine:
        raise click.exceptions.Exit(FOUND)


def _show(console: Console, run: Run, *, coverage: bool) -> None:
    for problem in (*run.problems, *run.gaps):
        _show_problem(console, problem)
    for failure in run.failures:
        _show_failure(console, run, failure)
    if coverage and run.coverage:
        _show_coverage(console, run)


def _show_problem(console: Console, problem: Problem) -> None:
    if console.is_terminal:
        console.print(styled((f"{problem.file}:{problem.line}: ", "bold"), (problem.message, "red")))
    else:
        console.print(plain_line(problem))


def _show_failure(console: Console, run: Run, failure: Failure) -> None:
    case = failure.case
    if not console.is_terminal:
        told = "; ".join(f"{d.what}: expected {d.expected}, decided {d.decided}" for d in failure.differences)
        console.print(printable(f"{case.file}:{case.line}:1: {case.name}: {told} ({_reason(failure)})"))
        return
    console.print(styled((f"{case.file}:{case.line}: ", "bold"), ("FAILED ", "bold red"), (case.name, "bold")))
    for difference in failure.differences:
        expected, decided = difference.expected, difference.decided
        console.print(styled(f"    {difference.what:<7} ", ("- expected ", "red"), (expected, action_style(expected))))
        console.print(styled(f"    {'':<7} ", ("+ decided  ", "green"), (decided, action_style(decided))))
    console.print(styled(("    because ", "dim"), _reason(failure)))
    if isinstance(case.verdict, Verdict):
        console.print(styled(("    try     ", "dim"), _explain_command(run.policy_file, case, case.verdict)))
    console.print()


def _reason(failure: Failure) -> str:
    if failure.decision is None:
        return f"the key {failure.case.upload.key!r} is {OUT_OF_SCOPE}"
    return failure.decision.reason


def _explain_command(policy_file: Path, case: Case, verdict: Verdict) -> str:
    """The command that explains what was decided in this test."""
    words = ["scripts/warden", "policy", "explain", str(policy_file)]
    for finding in verdict.findings:
        words += ["--label", write_finding(finding)]
    words += ["--risk", verdict.risk] if verdict.risk else []
    return shlex.join([*words, "--key", case.upload.key, "--bucket", case.upload.bucket])


def _show_coverage(console: Console, run: Run) -> None:
    console.print(styled((f"{run.policy_file}: {len(run.cases)} tests", "bold")))
    table = make_table("line", "rule", "action", "tests", "thresholds")
    for covered in run.coverage:
        rule = covered.rule
        name = rule.name + (" (shadow)" if rule.is_shadow else "")
        bounds = ", ".join(_describe(boundary) for boundary in covered.boundaries)
        style = "red" if covered.gaps else ""
        cells = (str(rule.line), name, rule.action.value, str(len(covered.reached_by)), bounds or "-")
        table.add_row(*(styled(cell) for cell in cells), style=style)
    show_table(console, table)


def _describe(boundary: Boundary) -> str:
    part, _, bound = boundary.path.partition(".")
    where = "" if part == "match" else f"{part} "
    return f"{where}{bound} {boundary.value:.12g} {'NOT PINNED' if boundary.unpinned else 'pinned'}"


def _summary(runs: Sequence[Run]) -> str:
    if not runs:
        return "no policy and no test found"
    tests, failed = sum(len(run.cases) for run in runs), sum(len(run.failures) for run in runs)
    gaps, problems = sum(len(run.gaps) for run in runs), sum(len(run.problems) for run in runs)
    parts = [f"{tests - failed} passed, {failed} failed"]
    parts += [f"{gaps} not covered"] if gaps else []
    parts += [f"{problems} problem{'' if problems == 1 else 's'} in the files"] if problems else []
    return f"{len(runs)} polic{'y' if len(runs) == 1 else 'ies'}: {', '.join(parts)}"


def _document(run: Run) -> dict[str, Any]:
    return {
        "file": str(run.policy_file),
        "tests": len(run.cases),
        "problems": [problem_document(problem) for problem in (*run.problems, *run.gaps)],
        "failures": [
            {
                "file": failure.case.file,
                "line": failure.case.line,
                "name": failure.case.name,
                "differences": [
                    {"what": d.what, "expected": d.expected, "decided": d.decided} for d in failure.differences
                ],
                "reason": _reason(failure),
            }
            for failure in run.failures
        ],
        "coverage": [
            {
                "rule": covered.rule.name,
                "line": covered.rule.line,
                "reached_by": covered.reached_by,
                "boundaries": [{"path": b.path, "value": b.value, "unpinned": b.unpinned} for b in covered.boundaries],
            }
            for covered in run.coverage
        ],
    }
