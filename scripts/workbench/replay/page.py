"""What came of a replay as one page for a browser: no scripts, no other files. Keys are data, and escaped."""

from collections.abc import Iterable, Iterator
from html import escape

from scripts.workbench.replay.flow_picture import colour_of, draw_flow
from scripts.workbench.replay.replaying import Replay
from scripts.workbench.terminal import printable

_MOST_ROWS = 200
_STYLE = """
:root { color-scheme: light; --ink: #1b2430; --quiet: #566173; --line: #dde2ea; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; color: var(--ink); background: #fff;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; }
p { margin: .3rem 0; }
.quiet { color: var(--quiet); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .93rem; }
.nowrap { white-space: nowrap; }
th { text-align: left; font-weight: 600; color: var(--quiet); }
th, td { padding: .42rem 1.4rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.key { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .85rem;
  overflow-wrap: anywhere; display: inline-block; min-width: 15rem; }
.action { font-weight: 600; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; margin-top: .5rem; }
svg text { font-size: 15px; fill: var(--ink); }
svg text.side { fill: var(--quiet); font-size: 14px; }
svg text.count { fill: var(--quiet); font-size: 13px; }
@media (max-width: 40rem) { svg text { font-size: 19px; } svg text.side, svg text.count { font-size: 17px; } }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9em; }
""".strip()


def render_page(replay: Replay) -> str:
    """Render the whole page."""
    heading = _heading(replay)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{escape(heading)}</title>",
        f"<style>{_STYLE}</style></head><body><main>",
        f"<h1>{escape(heading)}</h1>",
        *_introduction(replay),
        *_picture(replay),
        *_changes(replay),
        *_examples(replay),
        *_shadow(replay),
        *_lines(replay),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _heading(replay: Replay) -> str:
    if not replay.decided:
        return "No upload could be decided again"
    if not replay.moved:
        return "The policy changes nothing for these uploads"
    return f"The policy changes what is done to {replay.moved:,} of {replay.decided:,} uploads"


def _introduction(replay: Replay) -> Iterator[str]:
    against = f"the policy <code>{_text(replay.against.id)}</code>" if replay.against else "what was decided then"
    yield f"<p>Uploads of the past, decided again by <code>{_text(replay.policy.id)}</code>,"
    yield f"and compared with {against}."
    share = replay.moved / replay.decided if replay.decided else 0.0
    yield f"{share:.2%} of them change.</p>"
    if replay.policy.mode.value == "shadow":
        yield "<p><strong>The policy is in shadow mode: it logs what it would do, and touches nothing.</strong></p>"


def _picture(replay: Replay) -> Iterator[str]:
    if replay.decided:
        yield "<h2>From what was done to what would be done</h2>"
        yield '<p class="quiet">The wider a band, the more uploads; in pale bands nothing changes.</p>'
        yield _scrolling("The flow of uploads", draw_flow(replay.flows()))


def _changes(replay: Replay) -> Iterator[str]:
    changes = [(change, count) for change, count in replay.changes.most_common() if change.moves]
    if not changes:
        return
    yield "<h2>What changes, and which rule does it</h2>"
    rows = (
        (f"{count:,}", _action(change.was), _text(change.was_rule), _action(change.now), _text(change.now_rule))
        for change, count in changes[:_MOST_ROWS]
    )
    yield _table("Changes", ("Uploads", "Was", "By rule", "Becomes", "By rule"), rows)
    if len(changes) > _MOST_ROWS:
        yield f'<p class="quiet">And {len(changes) - _MOST_ROWS:,} more kinds of changes, each of fewer uploads.</p>'
    if replay.reruled:
        yield f'<p class="quiet">For another {replay.reruled:,}, the same is done by another rule.</p>'


def _examples(replay: Replay) -> Iterator[str]:
    shown = [
        (change, replay.examples[change]) for change, _ in replay.changes.most_common() if change in replay.examples
    ]
    if not shown:
        return
    yield "<h2>Examples</h2>"
    rows = (
        (
            f'<span class="nowrap">{_action(change.was)} → {_action(change.now)}</span>',
            f'<span class="key">{_text(e.bucket)}/{_text(e.key)}</span>',
            f'<span class="nowrap">{_text(e.uploaded_at[:16].replace("T", " "))}</span>',
            _text(e.reason),
        )
        for change, examples in shown[:_MOST_ROWS]
        for e in examples
    )
    yield _table("Examples", ("Change", "Object", "Uploaded", "Why"), rows)


def _shadow(replay: Replay) -> Iterator[str]:
    if not replay.shadow:
        return
    yield "<h2>Rules in shadow</h2>"
    yield '<p class="quiet">They only log what they would do. In force: what is done meanwhile.</p>'
    rows = (
        (f"{count:,}", _text(rule), _action(would), _action(now))
        for (rule, would, now), count in replay.shadow.most_common(_MOST_ROWS)
    )
    yield _table("Rules in shadow", ("Uploads", "Rule", "Would", "In force"), rows)


def _lines(replay: Replay) -> Iterator[str]:
    yield "<h2>What the log held</h2>"
    rows = [(f"{replay.decided:,}", "decided again")]
    rows += [(f"{count:,}", f"not used: {_text(reason)}") for reason, count in replay.useless.most_common()]
    yield _table("Lines", ("Lines", "What became of them"), rows)


def _table(title: str, headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of cells that are HTML already; a first column of Uploads or Lines holds numbers."""
    number = ' class="number"' if headings[0] in {"Uploads", "Lines"} else ""
    head = _row("th", ' scope="col"', number, headings)
    body = "\n".join(_row("td", "", number, row) for row in rows)
    return _scrolling(title, f"<table><thead>{head}</thead><tbody>\n{body}\n</tbody></table>")


def _scrolling(title: str, content: str) -> str:
    """What may be wider than a small screen: it scrolls by itself, by keyboard too."""
    return f'<div class="scroll" role="region" aria-label="{title}" tabindex="0">{content}</div>'


def _row(tag: str, attribute: str, first: str, cells: tuple[str, ...]) -> str:
    written = [f"<{tag}{attribute}{'' if index else first}>{cell}</{tag}>" for index, cell in enumerate(cells)]
    return f"<tr>{''.join(written)}</tr>"


def _action(action: str) -> str:
    return f'<span class="action" style="color:{colour_of(action)}">{_text(action)}</span>'


def _text(text: str) -> str:
    return escape(printable(text))
