"""`warden redrive`: dead letters, read and sent again."""

import json
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict
from math import inf
from pathlib import Path

import click

from handler.errors import WardenError
from scripts.cli.options import connect_function, function_options, readable
from scripts.operations.account import explained
from scripts.operations.dead_letters import Letter, Strange, read_letters
from scripts.operations.invoking import MOST_EVENT_BYTES, Invoker
from scripts.operations.journal import Journal, open_journal, read_journal
from scripts.workbench.terminal import open_console, styled

LEFT = 1
# What becomes of a letter, by its first words; and what a person has to look at.
KINDS = ("sent before", "sent", "would send", "same event", "left alone", "refused")
BAD = ("left alone", "refused")
EXAMPLES = """\b
Examples:
  scripts/warden redrive dead-letters.jsonl
  scripts/warden redrive dead-letters.jsonl --account 1234567890123456 --yes
"""


@click.command("redrive", epilog=EXAMPLES)
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@function_options
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="What was sent [default: FILE.sent].")
@click.option("--yes", is_flag=True, help="Send. Without this, only show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a letter instead.")
@click.option("--quiet", is_flag=True, help="Print only what was left alone or refused, and the summary.")
def command(  # noqa: PLR0913  (click hands over each option by its name)
    *,
    files: tuple[Path, ...],
    function: str,
    account: str | None,
    endpoint: str | None,
    region: str,
    journal: Path | None,
    yes: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show why events failed for good, and send them again.

    A FILE holds what Function Compute hands to a failure destination: one JSON object, a list, or one a line, plain or
    gzip; also as the log service exports it. Each
    event is sent once in a run, by its newest letter; the letters that were sent are noted in a journal beside the
    first FILE, and not sent again. An event that fails for good once more makes a new letter, which is. Events are sent
    marked as redriven, so that the function does not take them for given up. What is no dead letter of this function is
    named and left alone. Without --yes nothing is sent. Two runs with one journal don't meet: the second ends at once.

    Exit codes: 0 all is sent (or would be, or was before), 1 something was left alone, could not be read or was
    refused, or there was no letter at all, or another run has the journal, 2 the command line is wrong.
    """
    path = journal or files[0].with_name(files[0].name + ".sent")
    with readable():
        letters = read_letters(files, function)
    with explained():
        invoker = Invoker(connect_function(function, account, endpoint, region)) if yes else None
    with explained(), open_journal(path) if yes else nullcontext(read_journal(path)) as noted:
        newest = find_newest(letters, noted.sent)
        counts: Counter[str] = Counter()
        for letter in letters:
            state = settle(letter, newest, noted, invoker)
            counts[kind := kind_of(state)] += 1
            if not quiet or kind in BAD:
                show(letter, state, as_json=as_json)
    if not yes and not as_json:
        click.echo("nothing was sent; add --yes to send", err=True)
    summarize(counts, files, quiet=quiet)


def kind_of(state: str) -> str:
    """The state of a letter without its particulars."""
    return next(kind for kind in KINDS if state.startswith(kind))


def summarize(counts: Counter[str], files: tuple[Path, ...], *, quiet: bool) -> None:
    """One line to standard error, and the exit code. Quietly, nothing where nothing is new."""
    if not counts:
        click.echo(f"there is no dead letter in {', '.join(map(str, files))}", err=True)
        raise click.exceptions.Exit(LEFT)
    said = ", ".join(f"{counts[kind]:,} {kind}" for kind in KINDS if counts[kind])
    total = sum(counts.values())
    if not quiet or any(counts[kind] for kind in ("sent", *BAD)):
        click.echo(f"{total:,} letters: {said}", err=True)
    if left := sum(counts[kind] for kind in BAD):
        click.echo(f"{left:,} of {total:,} were left alone or refused", err=True)
        raise click.exceptions.Exit(LEFT)


def find_newest(letters: list[Letter | Strange], sent: set[str]) -> dict[str, Letter]:
    """The newest letter of each event; of equals the first."""
    newest: dict[str, Letter] = {}
    for letter in letters:
        if isinstance(letter, Letter):
            known = newest.setdefault(letter.event, letter)
            if rank(letter, sent) > rank(known, sent):
                newest[letter.event] = letter
    return newest


def rank(letter: Letter, sent: set[str]) -> tuple[float, bool]:
    """How new a letter is among those of its event; of one time, one that was not sent is newer than one that was.

    One of no time that was not sent counts as the newest: an event too many ends as a duplicate, one too few is lost.
    """
    is_unsent = letter.digest not in sent
    return (inf if is_unsent and not letter.is_dated else letter.timestamp, is_unsent)


def settle(letter: Letter | Strange, newest: dict[str, Letter], journal: Journal, invoker: Invoker | None) -> str:
    """Send the newest letter of an event, unless it was sent; say what became of it."""
    if isinstance(letter, Strange):
        return "left alone"
    if newest[letter.event].digest != letter.digest:
        return f"same event as {newest[letter.event].place}"
    if letter.digest in journal.sent:
        return "sent before"
    if invoker is None:
        journal.note(letter.digest)
        return "would send"
    return send(letter, journal, invoker)


def send(letter: Letter, journal: Journal, invoker: Invoker) -> str:
    """Send a letter; the note is written after, so that a crash sends it twice and never not."""
    size_bytes = len(letter.event.encode())
    is_marked = size_bytes <= MOST_EVENT_BYTES
    try:
        invoker.invoke(letter.event if is_marked else letter.payload)
    except WardenError as exc:
        return f"refused: {exc}"
    journal.note(letter.digest)
    if is_marked:
        return "sent"
    return f"sent as it was: with its mark it would have {size_bytes} bytes; Function Compute takes {MOST_EVENT_BYTES}"


def show(letter: Letter | Strange, state: str, *, as_json: bool) -> None:
    """One letter, for a person or a program."""
    if as_json:
        click.echo(json.dumps({"v": 1, "state": state, **asdict(letter)}))
        return
    console = open_console()
    if isinstance(letter, Strange):
        console.print(styled((f"{state:12}", "yellow"), f"{letter.place}: {letter.reason}"))
        return
    console.print(styled((f"{state:12}", "bold"), f"{letter.place}: {letter.failed_at}, {letter.tries} deliveries"))
    console.print(styled("  why       ", letter.why))
    for upload in letter.uploads:
        console.print(styled("  upload    ", upload))
