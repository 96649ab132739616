"""`warden policy labels`: what the service can find, and what a policy does about it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from handler.policy.labels import CATALOGUE, Label
from handler.policy.rules import Policy
from handler.policy.tree import suggest
from scripts.cli.policy.arguments import FILE, as_json, load, refuse
from scripts.workbench.everyday import known_words, look_up
from scripts.workbench.labels import Taker, find_labels, find_takers
from scripts.workbench.terminal import make_table, open_console, show_table, styled

EXAMPLES = """\b
Examples:
  scripts/warden policy labels
  scripts/warden policy labels feet
  scripts/warden policy labels "phone number"
  scripts/warden policy labels "violent_*" --policy policies/default.yml
"""


@click.command("labels", epilog=EXAMPLES)
@click.argument("pattern", required=False)
@click.option(
    "--policy", "policy_file", metavar="FILE", type=FILE, help="Show which of its rules decide on each label."
)
@as_json
def command(*, pattern: str | None, policy_file: Path | None, as_json: bool) -> None:
    """Show the labels of the moderation service in plain words.

    PATTERN is part of a label or of its meaning, an everyday word for it, or a pattern with * as policies have it, in
    quotes. What no label means is told. With --policy: the
    rules that are about each label, in the order in which they are read; `text` is what is judged by writing in the
    picture. Each label has a _lib form for hits in your own image library, which patterns and names include.
    """
    labels = find_labels(pattern)
    notes = look_up(pattern or "").notes
    if not labels:
        refuse(_explain_nothing(pattern or "", notes))
    policy = load(policy_file) if policy_file else None
    takers = {label.name: find_takers(policy, label.name) if policy else () for label in labels}
    if as_json:
        documents = [_document(label, takers[label.name], policy) for label in labels]
        click.echo(json.dumps({"v": 1, "labels": documents, "notes": notes}))
        return
    table = make_table("label", "judged from", "meaning", *(["rules"] if policy else []))
    for label in labels:
        rules = [" > ".join(str(taker) for taker in takers[label.name])] if policy else []
        table.add_row(*(styled(cell) for cell in (label.name, label.judged_from, label.meaning, *rules)))
    console = open_console()
    show_table(console, table)
    for note in notes:
        console.print(styled(("note: ", "bold yellow"), note))


def _explain_nothing(pattern: str, notes: Sequence[str]) -> str:
    if notes:
        return f"no label fits {pattern!r}: {'; '.join(notes)}"
    hint = suggest(pattern.strip("*"), [*CATALOGUE, *sorted(known_words())])
    return f"no label fits {pattern!r}{hint}; without PATTERN all are shown"


def _document(label: Label, takers: tuple[Taker, ...], policy: Policy | None) -> dict[str, object]:
    return {**asdict(label), **({"rules": [asdict(taker) for taker in takers]} if policy else {})}
