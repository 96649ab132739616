"""`warden policy check`: every error and warning of policy files at once."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from handler.policy.tree import Problem
from scripts.cli.policy.arguments import FILE_OR_FOLDER, FOUND, POLICIES, as_json
from scripts.workbench.files import check_file, find_policies
from scripts.workbench.problems import problem_document, show_problem
from scripts.workbench.terminal import open_console

EXAMPLES = """\b
Examples:
  scripts/warden policy check
  scripts/warden policy check my-policy.yml other-policies/
  scripts/warden policy check my-policy.yml --bucket uploads --bucket avatars
  scripts/warden policy check --strict --json policies/ | jq '.problems[].message'
"""


@click.command("check", epilog=EXAMPLES)
@click.argument("paths", nargs=-1, type=FILE_OR_FOLDER)
@click.option(
    "--bucket",
    "buckets",
    metavar="NAME",
    multiple=True,
    help="A bucket whose uploads are moderated: refuse a quarantine that would be moderated itself. Repeatable.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@as_json
def command(*, paths: tuple[Path, ...], buckets: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Check policy files, and those in folders.

    Without PATHS: the policies of this project. Folders named `tests` hold tests, and are left out. Every error and
    every warning is told in one run, as file:line:column: path: what is wrong; what would be right.

    Exit codes: 0 no error (warnings are allowed without --strict), 1 an error, 2 a wrong command line.
    """
    counts: Counter[str] = Counter()
    console, documents = open_console(), []
    for text, problems in _check(paths or (POLICIES,), buckets):
        counts["file"] += 1
        for problem in problems:
            counts[problem.severity] += 1
            if as_json:
                documents.append(problem_document(problem))
            else:
                show_problem(console, problem, text)
    if as_json:
        click.echo(json.dumps({"v": 1, "files": counts["file"], "problems": documents}))
    else:
        open_console(to_errors=True).print(_summary(counts))
    if counts["error"] or not counts["file"] or (strict and counts["warning"]):
        raise click.exceptions.Exit(FOUND)


def _check(paths: Sequence[Path], buckets: Sequence[str]) -> Iterator[tuple[bytes, Sequence[Problem]]]:
    for path in find_policies(paths):
        yield _check_one(path, buckets)


def _check_one(path: Path, buckets: Sequence[str]) -> tuple[bytes, Sequence[Problem]]:
    try:
        text, checked = check_file(path, buckets)
    except OSError as error:
        return b"", [Problem("error", str(path), 1, 1, "", f"this file cannot be read ({error.strerror})")]
    return text, checked.problems


def _summary(counts: Counter[str]) -> str:
    if not counts["file"]:
        return "no policy found; a folder's policies are its files that end in .yml or .yaml"
    return ", ".join(
        f"{counts[noun]} {noun}{'' if counts[noun] == 1 else 's'}" for noun in ("file", "error", "warning")
    )
