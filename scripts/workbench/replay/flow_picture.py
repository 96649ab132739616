"""A picture of a flow: bands from what was done to what would be done, as wide as there are uploads. Inline SVG."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

# Told apart also by people who see red and green alike, and dark enough for text (4.5 to 1 on white).
COLOURS = {"pass": "#1f7a5c", "tag": "#96690a", "quarantine": "#c2410c", "delete": "#7a1f4b", "none": "#5f6773"}
_OTHER = "#4f6d8f"
_ORDER = ("pass", "tag", "none", "quarantine", "delete")
_WIDTH, _BAR, _LEFT, _RIGHT = 900, 16, 250, 650
_GAP, _TOP, _FULL = 34, 48, 330  # pixels; _FULL is what all uploads together are high
_LEAST = 2.0  # so that one upload in a million is still seen


@dataclass(slots=True)
class _Bar:
    """One action on one side. `used` is how much of it bands have taken from the top."""

    action: str
    uploads: int
    y: float
    height: float
    used: float = 0.0

    def take(self, height: float) -> float:
        """Where the next band of this height starts."""
        start = self.y + self.used
        self.used += height
        return start


def draw_flow(flows: Mapping[tuple[str, str], int]) -> str:
    """Draw old action -> new action, of one upload at least, as an SVG element with a text alternative."""
    pairs = sorted(flows, key=lambda pair: (_rank(pair[0]), _rank(pair[1])))
    scale = _FULL / sum(flows.values())
    heights = {pair: max(_LEAST, flows[pair] * scale) for pair in pairs}
    left, right = _stack(flows, heights, 0), _stack(flows, heights, 1)
    bands = [_draw_band(pair, left[pair[0]], right[pair[1]], heights[pair], flows[pair]) for pair in pairs]
    bars = [*(_draw_bar(bar, at_left=True) for bar in left.values())]
    bars += [_draw_bar(bar, at_left=False) for bar in right.values()]
    bottom = max(bar.y + bar.height for bar in (*left.values(), *right.values()))
    told = "; ".join(f"{was} to {now}: {flows[was, now]:,}" for was, now in pairs)
    return "\n".join(
        [
            f'<svg viewBox="0 0 {_WIDTH} {bottom + _GAP:.0f}" role="img" aria-labelledby="flow-told">',
            f'<title id="flow-told">Uploads by action, before and after: {escape(told)}</title>',
            f'<text class="side" x="{_LEFT}" y="24" text-anchor="end">was</text>',
            f'<text class="side" x="{_RIGHT}" y="24">becomes</text>',
            *bands,
            *bars,
            "</svg>",
        ]
    )


def colour_of(action: str) -> str:
    """The colour of an action; in shadow it is that of the action."""
    return COLOURS.get(action.partition(" ")[0], _OTHER)


def _rank(action: str) -> tuple[int, str]:
    word = action.partition(" ")[0]
    return (_ORDER.index(word) if word in _ORDER else len(_ORDER), action)


def _stack(
    flows: Mapping[tuple[str, str], int], heights: Mapping[tuple[str, str], float], side: int
) -> dict[str, _Bar]:
    """The bars of one side (0 left, 1 right), one below the other in the order of the actions."""
    bars: dict[str, _Bar] = {}
    y = float(_TOP)
    for action in sorted({pair[side] for pair in flows}, key=_rank):
        mine = [pair for pair in flows if pair[side] == action]
        height = sum(heights[pair] for pair in mine)
        bars[action] = _Bar(action, sum(flows[pair] for pair in mine), y, height)
        y += height + _GAP
    return bars


def _draw_band(pair: tuple[str, str], left: _Bar, right: _Bar, height: float, uploads: int) -> str:
    was, now = pair
    start, end = left.take(height), right.take(height)
    x0, x1, bend = _LEFT + _BAR, _RIGHT - _BAR, (_RIGHT - _LEFT) / 2
    path = (
        f"M{x0} {start:.1f} C{x0 + bend:.0f} {start:.1f} {x1 - bend:.0f} {end:.1f} {x1} {end:.1f} "
        f"L{x1} {end + height:.1f} "
        f"C{x1 - bend:.0f} {end + height:.1f} {x0 + bend:.0f} {start + height:.1f} {x0} {start + height:.1f} Z"
    )
    opacity = "0.2" if was == now else "0.7"
    told = escape(f"{was} to {now}: {uploads:,} uploads")
    return f'<path d="{path}" fill="{colour_of(now)}" fill-opacity="{opacity}"><title>{told}</title></path>'


def _draw_bar(bar: _Bar, *, at_left: bool) -> str:
    x, text_x, anchor = (_LEFT, _LEFT - 10, "end") if at_left else (_RIGHT - _BAR, _RIGHT + 10, "start")
    middle = bar.y + bar.height / 2
    text = f'<text x="{text_x}" y="{middle:.1f}" text-anchor="{anchor}"'
    return (
        f'<rect x="{x}" y="{bar.y:.1f}" width="{_BAR}" height="{bar.height:.1f}" fill="{colour_of(bar.action)}"/>'
        f'{text} dy="-.2em" class="action">{escape(bar.action)}</text>'
        f'{text} dy="1em" class="count">{bar.uploads:,}</text>'
    )
