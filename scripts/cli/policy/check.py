"""`warden policy check`: every error and warning of policy files at once."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import click

from handler.policy.tree import Problem
from scripts.cli.policy.arguments import FILE_OR_DASH, FILE_OR_FOLDER, FOUND, POLICIES, as_json, refuse
from scripts.workbench.files import check_file, find_policies
from scripts.workbench.problems import problem_document, show_problem
from scripts.workbench.replay.seen_keys import MOST_KEYS, find_unused_patterns, logged_keys, read_keys
from scripts.workbench.terminal import open_console

EXAMPLES = """\b
Examples:
  scripts/warden policy check
  scripts/warden policy check my-policy.yml other-policies/
  scripts/warden policy check my-policy.yml --bucket uploads --bucket avatars
  scripts/warden policy check my-policy.yml --keys listing.txt --log last-week.jsonl.gz
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
@click.option(
    "--keys",
    "lists",
    metavar="FILE",
    multiple=True,
    type=FILE_OR_DASH,
    help="Keys of real uploads, one a line, as a listing has them: warn of patterns that fit none. Repeatable.",
)
@click.option(
    "--log",
    "logs",
    metavar="FILE",
    multiple=True,
    type=FILE_OR_DASH,
    help="The same, with the keys of the function's log. Repeatable.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@as_json
def command(  # noqa: PLR0913 - click hands over each option by its name
    *,
    paths: tuple[Path, ...],
    buckets: tuple[str, ...],
    lists: tuple[Path, ...],
    logs: tuple[Path, ...],
    strict: bool,
    as_json: bool,
) -> None:
    """Check policy files, and those in folders.

    Without PATHS: the policies of this project. Folders named `tests` hold tests, and are left out. Every error and
    every warning is told in one run, as file:line:column: path: what is wrong; what would be right.

    Exit codes: 0 no error (warnings are allowed without --strict), 1 an error, or a line of a log could not be read,
    2 a wrong command line.
    """
    counts: Counter[str] = Counter()
    console, documents = open_console(), []
    unread: Counter[str] = Counter()
    keys = _read_keys(lists, logs, unread)
    for text, problems in _check(paths or (POLICIES,), buckets, keys):
        counts["file"] += 1
        for problem in problems:
            counts[problem.severity] += 1
            if as_json:
                documents.append(problem_document(problem))
            else:
                show_problem(console, problem, text)
    if as_json:
        of_log = {"unread": unread.total()} if logs else {}
        click.echo(json.dumps({"v": 1, "files": counts["file"], "problems": documents, **of_log}))
    else:
        open_console(to_errors=True).print(_summary(counts))
    for reason, count in (+unread).most_common():
        click.echo(f"{count:,} lines of the log could not be read, {reason}; their keys fit no pattern here", err=True)
    if counts["error"] or not counts["file"] or unread.total() or (strict and counts["warning"]):
        raise click.exceptions.Exit(FOUND)


def _read_keys(lists: Sequence[Path], logs: Sequence[Path], unread: Counter[str]) -> Collection[str] | None:
    """The distinct keys of all files, as many as are looked at; None where no file was given."""
    if not lists and not logs:
        return None
    keys: dict[str, None] = {}
    listed = [(path, read_keys(path)) for path in lists]
    for path, found in [*listed, *((path, logged_keys(path, unread)) for path in logs)]:
        try:
            is_any = _add(keys, found)
        except UnicodeDecodeError:
            refuse(f"{path}: this is not UTF-8 text; a list of keys has one key a line")
        except OSError as error:
            refuse(f"{path}: cannot be read ({error.strerror or error})")
        if not is_any:
            refuse(f"{path}: there is no key in it; --keys takes one key a line, --log the function's log")
    return keys


def _add(keys: dict[str, None], found: Iterator[str]) -> bool:
    """Note keys, as long as there is room for new ones; whether there was any."""
    is_any = False
    for key in found:
        is_any = True
        if len(keys) < MOST_KEYS:
            keys[key] = None
    return is_any


def _check(
    paths: Sequence[Path], buckets: Sequence[str], keys: Collection[str] | None
) -> Iterator[tuple[bytes, Sequence[Problem]]]:
    for path in find_policies(paths):
        text, problems = _check_one(path, buckets)
        is_sound = not any(problem.severity == "error" for problem in problems)
        unused = find_unused_patterns(text, str(path), keys) if is_sound and keys is not None else ()
        yield text, sorted([*problems, *unused], key=lambda problem: (problem.line, problem.column))


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
