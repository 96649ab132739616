"""`warden policy replay`: recorded verdicts decided again."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from scripts.cli.policy.arguments import FILE, FILE_OR_DASH, FOUND, as_json, load, refuse
from scripts.logs.files import Unread, read_pieces
from scripts.workbench.replay.log_lines import read_records
from scripts.workbench.replay.page import render_page
from scripts.workbench.replay.replaying import Replay, Replayer
from scripts.workbench.terminal import action_style, make_table, open_console, show_table, styled

EXAMPLES = """\b
Examples:
  scripts/warden policy replay policies/edited.yml last-week.jsonl
  scripts/warden policy replay policies/edited.yml logs/*.jsonl.gz --html what-changes.html
  scripts/warden policy replay policies/edited.yml --against policies/default.yml last-week.jsonl
  zcat last-week.jsonl.gz | scripts/warden policy replay policies/edited.yml - --json
"""
_SHOWN_CHANGES = 40
_SHOWN_EXAMPLES = 3


@click.command("replay", epilog=EXAMPLES)
@click.argument("policy_file", metavar="POLICY", type=FILE)
@click.argument(
    "logs",
    metavar="LOG...",
    nargs=-1,
    required=True,
    type=FILE_OR_DASH,
)
@click.option("--against", metavar="OLD", type=FILE, help="Compare with what this policy decides, not with the log.")
@click.option(
    "--html",
    "page",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write one page for a browser, that needs nothing else.",
)
@as_json
def command(
    *, policy_file: Path, logs: tuple[Path, ...], against: Path | None, page: Path | None, as_json: bool
) -> None:
    """Decide recorded uploads again by POLICY.

    What changes is shown, with the rules that do it and examples. A LOG holds the function's upload.moderated lines:
    as the function writes them or as the log service exports them (one a line, a list, a table; plain or gzip; also
    several in one entry); - is standard input. No call is made and nothing is paid. Lines that cannot be used are
    counted, and told.

    Exit codes: 0 nothing changes and every line was read, 1 something does (or nothing was decided, or a line could not
    be read), 2 a wrong command line.
    """
    policy = load(policy_file)
    replayer = Replayer(policy, load(against) if against else None)
    started = time.monotonic()
    _run(replayer, logs)
    replay = replayer.replay
    if page is not None:
        try:
            page.write_text(render_page(replay), encoding="utf-8")
        except OSError as error:
            refuse(f"{page}: cannot be written ({error.strerror})")
    if as_json:
        click.echo(json.dumps(_document(replay)))
    else:
        _show(open_console(), replay)
    seconds = time.monotonic() - started
    pace = f"{replay.lines:,} lines in {seconds:.1f} s ({replay.lines / max(seconds, 1e-9):,.0f} a second)"
    open_console(to_errors=True).print(styled(pace, f"; the page is {page}" if page else ""))
    if replay.unread:
        share = f"{replay.unread:,} of {replay.lines:,} lines could not be read"
        open_console(to_errors=True).print(styled((share, "yellow"), ": nothing here speaks of the uploads in them"))
    if not replay.decided or replay.unread or replay.moved or replay.reruled:
        raise click.exceptions.Exit(FOUND)


def _run(replayer: Replayer, logs: Sequence[Path]) -> None:
    """Read everything, with a progress bar where somebody looks."""
    console = open_console(to_errors=True)
    sizes = [0 if str(log) == "-" else log.stat().st_size for log in logs]
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("replay", total=sum(sizes) or None)
        for index, log in enumerate(logs):
            before = sum(sizes[:index])
            replayer.replay.files += 1

            def show(read_bytes: int, before: int = before) -> None:
                progress.update(task, completed=before + read_bytes)

            try:
                for piece in read_pieces(log, show):
                    for record in (piece,) if isinstance(piece, Unread) else read_records(piece):
                        replayer.take(record)
            except OSError as error:
                refuse(f"{log}: cannot be read ({error.strerror})")


def _show(console: Console, replay: Replay) -> None:
    _show_counts(console, replay)
    changes = [(change, count) for change, count in replay.changes.most_common() if change.moves]
    if changes:
        console.print()
        table = make_table("uploads", "was", "by", "becomes", "by")
        for change, count in changes[:_SHOWN_CHANGES]:
            was, now = (change.was, action_style(change.was)), (change.now, action_style(change.now))
            table.add_row(f"{count:,}", styled(was), styled(change.was_rule), styled(now), styled(change.now_rule))
        show_table(console, table)
        if len(changes) > _SHOWN_CHANGES:
            console.print(f"and {len(changes) - _SHOWN_CHANGES} more kinds of changes; --json has all")
        _show_examples(console, replay)
    _show_shadow(console, replay)
    if not replay.decided:
        console.print("\nno line could be decided again; a log holds upload.moderated lines, as JSON")
    elif not changes:
        console.print("\nnothing else is done to any upload")


def _show_counts(console: Console, replay: Replay) -> None:
    policy, against = replay.policy, replay.against
    shadow = " (in shadow mode: logs, and touches nothing)" if policy.mode.value == "shadow" else ""
    console.print(styled(("policy    ", "bold"), policy.id, shadow))
    console.print(styled(("against   ", "bold"), against.id if against else "what was decided when it was logged"))
    console.print(styled(("lines     ", "bold"), f"{replay.lines:,}"))
    console.print(styled(("decided   ", "bold"), f"{replay.decided:,} again"))
    for reason, count in replay.useless.most_common():
        console.print(styled(("not used  ", "bold"), f"{count:,} {reason}"))
    share = replay.moved / replay.decided if replay.decided else 0
    console.print(
        styled(("changes   ", "bold"), f"{replay.moved:,} upload{'' if replay.moved == 1 else 's'} ({share:.2%})")
    )
    if replay.reruled:
        console.print(styled(("          ", ""), f"{replay.reruled:,} more: the same action, by another rule"))


def _show_examples(console: Console, replay: Replay) -> None:
    console.print()
    for change, count in replay.changes.most_common(_SHOWN_CHANGES):
        for example in replay.examples.get(change, [])[:_SHOWN_EXAMPLES] if count else []:
            name = f"{example.bucket}/{example.key}"
            console.print(
                styled(
                    f"{change.was} -> ", (change.now, action_style(change.now)), f"  {name}  ", (example.reason, "dim")
                )
            )


def _show_shadow(console: Console, replay: Replay) -> None:
    if not replay.shadow:
        return
    console.print()
    table = make_table("uploads", "rule in shadow", "would", "while in force")
    for (rule, would, now), count in replay.shadow.most_common():
        table.add_row(
            f"{count:,}", styled(rule), styled((would, action_style(would))), styled((now, action_style(now)))
        )
    show_table(console, table)


def _document(replay: Replay) -> dict[str, Any]:
    return {
        "v": 1,
        "policy": replay.policy.id,
        "against": replay.against.id if replay.against else None,
        "files": replay.files,
        "lines": replay.lines,
        "decided": replay.decided,
        "unread": replay.unread,
        "moved": replay.moved,
        "same_action_by_another_rule": replay.reruled,
        "not_used": dict(replay.useless),
        "changes": [
            {**asdict(change), "uploads": count, "examples": [asdict(e) for e in replay.examples.get(change, [])]}
            for change, count in replay.changes.most_common()
        ],
        "shadow": [
            {"rule": rule, "would": would, "in_force": now, "uploads": count}
            for (rule, would, now), count in replay.shadow.most_common()
        ],
    }
