"""`warden restore`: quarantined objects go back, and stay."""

import getpass
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from scripts.operations.account import account_options, explained, open_account
from scripts.operations.causes import LEDGER, QUARANTINE
from scripts.operations.locations import MOST_LOCATIONS, Listed, list_locations
from scripts.operations.releases import Grounds
from scripts.operations.restores import Job, Result, State, restore_all
from scripts.operations.restoring import Restore, Where
from scripts.workbench.terminal import open_console, printable, styled

SHOWN = frozenset({"headers", "metadata", "tags", "acl", "storage_class", "encryption"})
NOT_ALL = 1
EXAMPLES = """\b
Examples:
  scripts/warden restore quarantine/held/uploads/0f3c-5A.jpg --reason "a statue, see ticket 4711"
  scripts/warden restore quarantine/held/uploads/0f3c-5A.jpg --reason "a statue, see ticket 4711" --yes
  scripts/warden restore --from query-9.csv --reason "the rule was wrong, see ticket 4711" --yes
"""


def name_user() -> str:
    """The name of the user; empty where the system knows none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # the first before Python 3.13
        return ""


@click.command("restore", epilog=EXAMPLES)
@click.argument("locations", metavar="[LOCATION]...", nargs=-1)
@click.option(
    "--from",
    "files",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What query 9 of the log answers (JSON, JSON lines, CSV, gzip), or a location a line; may be repeated.",
)
@click.option("--reason", required=True, help="Why, for whoever asks later. Kept in the ledger and in the log.")
@click.option("--by", default=name_user, help="Who says so [default: your user name].")
@click.option("--ledger", envvar="LEDGER_BUCKET", show_envvar=True, required=True, help="The ledger's bucket.")
@click.option(
    "--quarantine", envvar="QUARANTINE_BUCKET", show_envvar=True, required=True, help="The quarantine bucket."
)
@click.option("--prefix", default="held/", show_default=True, help="The policy's quarantine.prefix.")
@click.option("--tag-prefix", default="moderation-", show_default=True, help="The policy's tags.prefix.")
@click.option("--older", is_flag=True, help="Also where a newer upload of the same key is held.")
@click.option("--yes", is_flag=True, help="Do it. Without this, only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a location instead.")
@account_options
def command(  # noqa: PLR0913  (click hands over each option by its name)
    *,
    locations: tuple[str, ...],
    files: tuple[Path, ...],
    reason: str,
    by: str,
    ledger: str,
    quarantine: str,
    prefix: str,
    tag_prefix: str,
    older: bool,
    yes: bool,
    as_json: bool,
    endpoint: str | None,
    region: str,
) -> None:
    """Put the quarantined object at each LOCATION (bucket/key) back where it was, and let it stay there.

    It gets its headers, metadata, tags, ACL and storage class back and is marked passed; what can't come back is said
    in a note. A release in the ledger keeps the function from judging it again. Nothing is overwritten: where a newer
    upload has the key, it is refused, and so is what is not in the quarantine, and what a newer upload of the same key
    is held of, unless --older says that this one is meant. The copy in quarantine stays, tagged restored. Run again
    after it was interrupted, it does what is left. Without --yes nothing is changed.

    Many are restored eight at a time, at most 10,000 in a run, each for itself. Of several copies of one key the one of
    the newest upload goes back. After Ctrl-C those under way are finished, and it says which were not begun.

    Exit codes: 0 all are back (or would be), 1 one is not, or a FILE could not be read to its end, 2 the command line
    is wrong.
    """
    refuse_bad_options(reason, by, is_nothing=not locations and not files)
    listed = read_list(locations, files, prefix)
    buckets = {QUARANTINE: quarantine, LEDGER: ledger}
    with explained(buckets):
        account = open_account(endpoint, region, buckets)
        job = Job(Where(quarantine, prefix, ledger, tag_prefix), Grounds(by, reason), buckets, is_older_meant=older)
        results = restore_all(account, job, listed.locations, presenter(job, listed, as_json=as_json), yes=yes)
    if len(listed.locations) != 1 or listed.repeated or listed.is_short:
        summarize(results, listed)
    if not as_json and any(result.state is State.WOULD for result in results):
        click.echo(f"nothing was changed ({account.meter.oss} calls to OSS, all reading); add --yes to do it")
    if not results or listed.is_short or not all(result.is_well for result in results):
        raise click.exceptions.Exit(NOT_ALL)


def refuse_bad_options(reason: str, by: str, *, is_nothing: bool) -> None:
    """Raises BadParameter and UsageError where it isn't said why, who or what."""
    if not reason.strip():
        raise click.BadParameter("say why, in a few words", param_hint="--reason")
    if not by.strip():
        raise click.BadParameter("say who, by name", param_hint="--by")
    if is_nothing:
        raise click.UsageError("say what: a LOCATION, as scripts/warden find shows it, or --from FILE")


def read_list(locations: tuple[str, ...], files: tuple[Path, ...], prefix: str) -> Listed:
    """All places. Raises ClickException for a file that can't be opened."""
    try:
        return list_locations(locations, files, prefix)
    except OSError as exc:
        raise click.ClickException(f"{exc.filename}: cannot be read ({exc.strerror})") from exc


def presenter(job: Job, listed: Listed, *, as_json: bool) -> Callable[[Result], None]:
    """What shows a result: to a program, or to a person in full where there is one, in a line where there are many."""

    def show(result: Result) -> None:
        if as_json:
            click.echo(json.dumps(describe(result, job)))
        elif result.plan is not None and result.error is None:
            (show_in_full if len(listed.locations) == 1 else show_in_line)(result, result.plan, job)
        if result.error is not None:
            click.echo(f"Error: {printable(result.location)}: {printable(result.error)}", err=True)

    return show


def describe(result: Result, job: Job) -> dict[str, object]:
    """A result for a program."""
    told = {"v": 1, "done": result.state is State.RESTORED, "state": result.state.value, "from": result.location}
    plan = {} if result.plan is None else describe_plan(result.plan, result.note)
    return {**told, **plan, "error": result.error, "by": job.grounds.by, "reason": job.grounds.reason}


def describe_plan(plan: Restore, note: str | None) -> dict[str, object]:
    """What is restored, for a program."""
    return {
        "to": f"{plan.held.bucket}/{plan.held.key}",
        "was_done_before": plan.is_done,
        "was_interrupted": plan.unfinished is not None,
        "object": {name: value for name, value in asdict(plan.copy).items() if name in SHOWN},
        "provenance": plan.held.facts,
        "notes": [*plan.notes, *([note] if note else [])],
    }


def show_in_line(result: Result, plan: Restore, job: Job) -> None:
    """One of many."""
    del job
    console = open_console()
    place = f"{plan.held.bucket}/{plan.held.key}  from {plan.held.copy.location}"
    console.print(styled((f"{result.state.value:16}", "bold"), place))
    for note in filter(None, (*plan.notes, result.note)):
        console.print(styled(("note            ", "yellow"), note))


def show_in_full(result: Result, plan: Restore, job: Job) -> None:
    """The only one."""
    console = open_console()
    held, copy = plan.held, plan.copy
    console.print(styled((f"{result.state.value:16}", "bold"), f"{held.bucket}/{held.key}"))
    console.print(styled("from            ", held.copy.location))
    console.print(styled("uploaded        ", held.uploaded_at, " by request ", held.request_id))
    console.print(styled("held by         ", held.facts.get("policy", "?"), ", rule ", held.facts.get("rule", "?")))
    console.print(styled("labels          ", held.facts.get("labels", "none")))
    console.print(styled("headers         ", json.dumps(copy.headers)))
    console.print(styled("metadata        ", json.dumps(copy.metadata)))
    console.print(styled("tags            ", json.dumps(copy.tags)))
    console.print(styled("ACL             ", copy.acl))
    console.print(styled("storage class   ", copy.storage_class or "that of the bucket"))
    console.print(styled("released by     ", job.grounds.by, ": ", job.grounds.reason))
    for note in filter(None, (*plan.notes, result.note)):
        console.print(styled(("note            ", "yellow"), note))
    if plan.beneath is not None and not (plan.is_done or plan.unfinished):
        console.print(styled("comes over      ", f"version {plan.beneath.version_id}, which stays below"))


def summarize(results: list[Result], listed: Listed) -> None:
    """How many ended how, and what was not looked at."""
    counts = Counter(result.state.value for result in results)
    ends = ", ".join(f"{counts[state.value]:,} {state.value}" for state in State if counts[state.value])
    click.echo(f"{len(results):,} locations: {ends or 'nothing to restore'}", err=True)
    if listed.repeated:
        click.echo(f"{listed.repeated:,} were given more than once, and counted once", err=True)
    for why, count in listed.unread.most_common():
        click.echo(f"not read: {count:,} x {printable(why)}", err=True)
    if listed.left_out:
        click.echo(
            f"left out: {listed.left_out:,} beyond the {MOST_LOCATIONS:,} of a run; run it again for these", err=True
        )
    if counts[State.NOT_BEGUN.value]:
        click.echo("interrupted; run it again: what is back is left as it is", err=True)
