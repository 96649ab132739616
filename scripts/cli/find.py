"""`warden find`: where an image is."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from scripts.cli.options import readable
from scripts.operations.account import Account, account_options, explained, open_account
from scripts.operations.causes import BUCKET, LEDGER, QUARANTINE
from scripts.operations.crew import work_through
from scripts.operations.finding import find
from scripts.operations.keys import MOST_KEYS, find_keys, what_is_wrong
from scripts.operations.logged import Logged, read_logged
from scripts.operations.traces import Found, Place, Trace
from scripts.workbench.terminal import action_style, open_console, styled

NOT_ALL = 1
EXAMPLES = """\b
Examples:
  scripts/warden find avatars/ann.jpg --bucket uploads
  scripts/warden find avatars/ann.jpg --bucket uploads --days 90 --json
  scripts/warden find avatars/ann.jpg --bucket uploads --log last-month.json.gz
  scripts/warden find avatars/ --as-prefix --bucket uploads
  scripts/warden find --bucket uploads -- -key-that-begins-with-a-dash.jpg
"""


@click.command("find", epilog=EXAMPLES)
@click.argument("key")
@click.option("--as-prefix", is_flag=True, help="Show every key that begins with KEY.")
@click.option("--bucket", envvar="WATCHED_BUCKETS", show_envvar=True, required=True, help="That it was uploaded to.")
@click.option("--ledger", envvar="LEDGER_BUCKET", show_envvar=True, help="The ledger's bucket.")
@click.option("--quarantine", envvar="QUARANTINE_BUCKET", show_envvar=True, help="The quarantine bucket.")
@click.option("--prefix", default="held/", show_default=True, help="The policy's quarantine.prefix.")
@click.option("--tag-prefix", default="moderation-", show_default=True, help="The policy's tags.prefix.")
@click.option("--function", default="bucket-warden", show_default=True, help="The function's name.")
@click.option(
    "--days", type=click.IntRange(min=1, max=3660), default=30, show_default=True, help="How far back, from today."
)
@click.option(
    "--log",
    "logs",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="The function's log lines, as they are exported; may be repeated. - is standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a key instead.")
@account_options
def command(  # noqa: PLR0913  (click hands over each option by its name)
    *,
    key: str,
    as_prefix: bool,
    bucket: str,
    ledger: str | None,
    quarantine: str | None,
    prefix: str,
    tag_prefix: str,
    function: str,
    days: int,
    logs: tuple[Path, ...],
    as_json: bool,
    endpoint: str | None,
    region: str,
) -> None:
    """Show every upload of KEY: what was judged, decided and done, and where it is now.

    The ledger is asked day by day, one call a day and four for each upload found, one for the key's releases and one
    for each of these; the quarantine and the bucket by the key itself, however old. Changes nothing. Without --ledger
    or --quarantine these are not asked, and it says so.

    With --as-prefix all of it for each key that begins with KEY: at most 100, the first by name, of those that are in
    the bucket, that the first 5,000 copies in quarantine came from, and that --log names. The ledger can't be asked so:
    an upload that only it knows is found by its whole key.

    Exit codes: 0 something was found, 1 nothing was, or not all was looked at (lines of a log that can't be read, more
    keys than are shown), or OSS refused; 2 the command line is wrong.
    """
    refuse_bad_options(key, bucket, as_prefix=as_prefix)
    ledger, quarantine = ledger or None, quarantine or None
    buckets = {BUCKET: bucket, LEDGER: ledger, QUARANTINE: quarantine}
    place = Place(bucket, key, function, ledger, quarantine, prefix, days, tag_prefix)
    with explained(buckets), readable():
        account = open_account(endpoint, region, buckets)
        logged = read_logged(logs, bucket, key, most_keys=MOST_KEYS if as_prefix else 0)
        if as_prefix:
            is_all = show_keys(account, place, logged, as_json=as_json)
        else:
            found = find(account, place, logged)
            show_key(place, found, as_json=as_json)
            is_all = not found.unread and is_known(found)
    if not as_json:
        asked = f"{days} days of the ledger {ledger}" if ledger else "no ledger"
        click.echo(f"asked OSS {account.meter.oss} times; {asked}", err=True)
    if not is_all:
        raise click.exceptions.Exit(NOT_ALL)


def refuse_bad_options(key: str, bucket: str, *, as_prefix: bool) -> None:
    """Raises BadParameter for what no bucket and no key can be."""
    if "," in bucket:
        raise click.BadParameter(f"{bucket!r} names several; choose one", param_hint="--bucket")
    wrong = "is empty" if not key and not as_prefix else what_is_wrong(key)
    if wrong:
        raise click.BadParameter(f"{key!r} {wrong}", param_hint="KEY")


def is_known(found: Found) -> bool:
    """Whether anything knows of the key."""
    return bool(found.traces) or found.current is not None


def show_keys(account: Account, place: Place, logged: Logged, *, as_json: bool) -> bool:
    """Every key that begins so, and what was left out; whether there was one, and all was looked at."""
    keys = find_keys(account, place, logged)
    # What a log has that can't be read is told once, and not with each key.
    readable_part = replace(logged, unread=logged.unread.__class__())
    shown = work_through(
        account,
        keys.names,
        lambda fork, key: find(fork, replace(place, key=key), readable_part),
        lambda key, found: show_key(replace(place, key=key), found, as_json=as_json),
    )
    left_out = [*keys.left_out, *(f"{n:,} lines of the log: {why}" for why, n in logged.unread.most_common())]
    if None in shown:
        left_out.append(f"interrupted: {shown.count(None)} of {len(shown)} keys were not asked for")
    for line in left_out:
        click.echo(f"not all: {line}", err=True)
    if not keys.names:
        click.echo(f"no key in {place.bucket} or in quarantine begins with {place.key!r}", err=True)
    return bool(keys.names) and not left_out


def show_key(place: Place, found: Found, *, as_json: bool) -> None:
    """One key, for a program or a person."""
    if as_json:
        click.echo(json.dumps({"v": 1, "bucket": place.bucket, "key": place.key, **asdict(found)}))
    else:
        show(open_console(), place.bucket, place.key, found)


def show(console: Console, bucket: str, key: str, found: Found) -> None:
    """All of it for a person, the oldest upload first."""
    for trace in found.traces:
        show_trace(console, trace)
    current = found.current
    if current is None:
        console.print(styled((f"{bucket}/{key}", "bold"), "  nothing is there now"))
    else:
        tags = " ".join(f"{name}={value}" for name, value in sorted(found.current_tags.items()))
        console.print(
            styled((f"{bucket}/{key}", "bold"), f"  is there now: etag {current.etag}, {current.last_modified}  {tags}")
        )
    for name, lines in (("not read  ", found.strange), ("not asked ", found.not_asked)):
        for line in lines:
            console.print(styled((name, "yellow"), line))


def show_trace(console: Console, trace: Trace) -> None:
    """One upload."""
    document: dict[str, Any] = trace.document or {}
    decision, verdict = document.get("decision") or {}, document.get("verdict") or {}
    style = action_style(str(decision.get("action", "")))
    console.print(styled((f"{trace.uploaded_at}  ", "bold"), (trace.status, style), f"  request {trace.request_id}"))
    labels = ", ".join(f"{f['label']} {f['confidence']} ({f['risk']})" for f in verdict.get("findings", ()))
    facts = {
        "judged": labels,
        "decided": f"{decision['action']} by {decision['rule']}: {decision['reason']}" if decision else "",
        "held for": " ".join(f"{k}={v}" for k, v in document.get("provenance", {}).items() if k in {"rule", "labels"}),
        "error": trace.error or "",
        "released": describe_release(trace),
        "location": f"{trace.location} ({'there' if trace.is_there else 'no longer there'})" if trace.location else "",
    }
    for name, text in facts.items():
        if text:
            console.print(styled((f"  {name:10}", "dim"), text))


def describe_release(trace: Trace) -> str:
    """Who brought it back, why and when, as far as that is known."""
    release = trace.release
    if release is None:
        return ""
    if release["by"] is None:
        return f"{release['state']}, says the held copy; the ledger knows by whom and why"
    when = f" ({trace.restored_at})" if trace.restored_at else ""
    return f"{release['state']} by {release['by']}: {release['reason']}{when}"
