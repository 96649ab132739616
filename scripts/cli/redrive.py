"""`warden redrive`: dead letters, read and sent again."""

import json
import os
from dataclasses import asdict
from math import inf
from pathlib import Path

import click

from handler.credentials import Credentials
from handler.errors import WardenError
from scripts.operations.account import explained
from scripts.operations.dead_letters import Letter, Strange, read_letters
from scripts.operations.invoking import MOST_EVENT_BYTES, Invoker
from scripts.workbench.terminal import open_console, styled

LEFT = 1
EXAMPLES = """\b
Examples:
  scripts/warden redrive dead-letters.jsonl
  scripts/warden redrive dead-letters.jsonl --account 1234567890123456 --yes
"""


@click.command("redrive", epilog=EXAMPLES)
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--function", default="bucket-warden", show_default=True, help="The function's name.")
@click.option("--account", envvar="FC_ACCOUNT", show_envvar=True, help="The id of your account; makes the endpoint.")
@click.option("--endpoint", envvar="FC_ENDPOINT", show_envvar=True, help="Of Function Compute, as a URL.")
@click.option("--region", envvar="GREEN_REGION", show_envvar=True, default="ap-southeast-1", show_default=True)
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="What was sent [default: FILE.sent].")
@click.option("--yes", is_flag=True, help="Send. Without this, only show.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a letter instead.")
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
) -> None:
    """Show why events failed for good, and send them again.

    A FILE holds what Function Compute hands to a failure destination: one JSON object, a list, or one a line, plain or
    gzip; also as the log service exports it. Each
    event is sent once in a run, by its newest letter; the letters that were sent are noted in a journal beside the
    first FILE, and not sent again. An event that fails for good once more makes a new letter, which is. Events are sent
    marked as redriven, so that the function does not take them for given up. What is no dead letter of this function is
    named and left alone. Without --yes nothing is sent.

    Exit codes: 0 all is sent (or would be), 1 something was left alone, could not be read or was refused, or there was
    no letter at all, 2 the command line is wrong.
    """
    journal = journal or files[0].with_name(files[0].name + ".sent")
    sent = set(journal.read_text().split()) if journal.exists() else set()
    invoker = None
    if yes:
        with explained():
            invoker = connect(function, account, endpoint, region)
    left = 0
    letters = read_letters(files, function)
    newest = find_newest(letters, sent)
    for letter in letters:
        state = settle(letter, newest, sent, invoker, journal)
        left += state == "left alone" or state.startswith("refused")
        show(letter, state, as_json=as_json)
    if not yes and not as_json:
        click.echo("nothing was sent; add --yes to send", err=True)
    if left:
        click.echo(f"{left:,} of {len(letters):,} were left alone or refused; nothing was sent for them", err=True)
    if not letters:
        click.echo(f"there is no dead letter in {', '.join(map(str, files))}", err=True)
    if left or not letters:
        raise click.exceptions.Exit(LEFT)


def connect(function: str, account: str | None, endpoint: str | None, region: str) -> Invoker:
    """Raises BadSettings and UsageError where it isn't said where to."""
    if not (endpoint or account):
        raise click.UsageError("say whose function it is: --account ID, or --endpoint URL")
    url = endpoint or f"https://{account}.{region}.fc.aliyuncs.com"
    return Invoker(Credentials.find(None, os.environ), endpoint=url, region=region, function=function)


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


def settle(
    letter: Letter | Strange, newest: dict[str, Letter], sent: set[str], invoker: Invoker | None, journal: Path
) -> str:
    """Send the newest letter of an event, unless it was sent; say what became of it."""
    if isinstance(letter, Strange):
        return "left alone"
    if newest[letter.event].digest != letter.digest:
        return f"same event as {newest[letter.event].place}"
    if letter.digest in sent:
        return "sent before"
    if invoker is None:
        sent.add(letter.digest)
        return "would send"
    return send(letter, sent, invoker, journal)


def send(letter: Letter, sent: set[str], invoker: Invoker, journal: Path) -> str:
    """Send a letter; the note is written after, so that a crash sends it twice and never not."""
    size_bytes = len(letter.event.encode())
    is_marked = size_bytes <= MOST_EVENT_BYTES
    try:
        invoker.invoke(letter.event if is_marked else letter.payload)
    except WardenError as exc:
        return f"refused: {exc}"
    sent.add(letter.digest)
    with journal.open("a") as file:
        file.write(letter.digest + "\n")
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
