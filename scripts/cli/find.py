"""`warden find`: where an image is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from scripts.operations.account import account_options, explained, open_account
from scripts.operations.causes import BUCKET, LEDGER, QUARANTINE
from scripts.operations.finding import Found, Place, Trace, find
from scripts.workbench.terminal import action_style, open_console, styled

NOTHING = 1
EXAMPLES = """\b
Examples:
  scripts/warden find avatars/ann.jpg --bucket uploads
  scripts/warden find avatars/ann.jpg --bucket uploads --days 90 --json
  scripts/warden find avatars/ann.jpg --bucket uploads --log last-month.json.gz
"""


@click.command("find", epilog=EXAMPLES)
@click.argument("key")
@click.option("--bucket", envvar="WATCHED_BUCKETS", show_envvar=True, required=True, help="That it was uploaded to.")
@click.option("--ledger", envvar="LEDGER_BUCKET", show_envvar=True, help="The ledger's bucket.")
@click.option("--quarantine", envvar="QUARANTINE_BUCKET", show_envvar=True, help="The quarantine bucket.")
@click.option("--prefix", default="held/", show_default=True, help="The policy's quarantine.prefix.")
@click.option("--function", default="bucket-warden", show_default=True, help="The function's name.")
@click.option(
    "--days", type=click.IntRange(min=1, max=3660), default=30, show_default=True, help="How far back, from today."
)
@click.option(
    "--log",
    "logs",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The function's log lines, as they are exported; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@account_options
def command(  # noqa: PLR0913  (click hands over each option by its name)
    *,
    key: str,
    bucket: str,
    ledger: str | None,
    quarantine: str | None,
    prefix: str,
    function: str,
    days: int,
    logs: tuple[Path, ...],
    as_json: bool,
    endpoint: str | None,
    region: str,
) -> None:
    """Show every upload of KEY: what was judged, decided and done, and where it is now.

    The ledger is asked day by day, one call a day and three for each upload found, one for the key's releases and one
    for each of these; the quarantine and the bucket by the key itself, however old. Changes nothing.

    Exit codes: 0 something was found, 1 nothing was (or OSS refused), 2 the command line is wrong.
    """
    if "," in bucket:
        raise click.BadParameter(f"{bucket!r} names several; choose one", param_hint="--bucket")
    buckets = {BUCKET: bucket, LEDGER: ledger, QUARANTINE: quarantine}
    with explained(buckets), readable():
        account = open_account(endpoint, region, buckets)
        found = find(account, Place(bucket, key, function, ledger or None, quarantine or None, prefix, days, logs))
    if as_json:
        click.echo(json.dumps({"v": 1, "bucket": bucket, "key": key, **asdict(found)}))
    else:
        show(open_console(), bucket, key, found)
        click.echo(f"asked OSS {account.meter.oss} times; {days} days of the ledger {ledger or '(none)'}", err=True)
    if found.unread or (not found.traces and found.current is None):
        raise click.exceptions.Exit(NOTHING)


@contextmanager
def readable() -> Iterator[None]:
    """Name the file that cannot be read."""
    try:
        yield
    except OSError as exc:
        raise click.ClickException(f"{exc.filename}: cannot be read ({exc.strerror})") from exc


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
    for line in found.strange:
        console.print(styled(("not read  ", "yellow"), line))


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
        "released": "{state} by {by}: {reason}".format(**trace.release) if trace.release else "",
        "location": f"{trace.location} ({'there' if trace.is_there else 'no longer there'})" if trace.location else "",
    }
    for name, text in facts.items():
        if text:
            console.print(styled((f"  {name:10}", "dim"), text))
