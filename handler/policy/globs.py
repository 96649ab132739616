"""Patterns with wildcards, for object keys and for labels.

A pattern is run as a set of positions held in the bits of one integer: time grows with the length of the text, whatever
the pattern, so that no uploader can choose a key that is slow to match.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

SEGMENT_STAR = "*"  # any run of characters but `/`, also none
KEY_STAR = "**"  # any run of characters, also none
MOST_STEPS = 1_000_000  # of one search: about a third of a second


@dataclass(frozen=True, slots=True)
class Glob:
    """One compiled pattern. Position i is held while the first i literal characters are matched.

    `after[c]` has the positions from which the character c leads to the next one; `stay` those with a star, `stay_in`
    those with a star that no `/` passes; `end` is the last position.
    """

    text: str
    after: dict[str, int]
    stay: int
    stay_in: int
    end: int

    def step(self, positions: int, char: str) -> int:
        """Positions held after one more character; 0 is a mismatch for good."""
        moved = (positions & self.after.get(char, 0)) << 1
        return moved | positions & (self.stay if char == "/" else self.stay | self.stay_in)

    def matches(self, text: str) -> bool:
        """Tell whether the whole text fits."""
        positions = 1
        anything_goes = self.stay & self.end
        for char in text:
            if positions & anything_goes:
                return True
            positions = self.step(positions, char)
            if not positions:
                return False
        return positions & self.end != 0


def compile_key(pattern: str) -> Glob:
    """A key glob: `**` is any run of characters, `*` any run within a segment; all else stands for itself.

    Three stars in a row or more are a `**` with a `*`, which is a `**`.
    """
    return _compile(pattern, slash_stops_star=True)


def compile_label(pattern: str) -> Glob:
    """A label pattern: `*` is any run of characters; all else stands for itself."""
    return _compile(pattern, slash_stops_star=False)


def _compile(pattern: str, *, slash_stops_star: bool) -> Glob:
    after: dict[str, int] = {}
    stay = stay_in = 0
    position = 1
    for piece in _pieces(pattern):
        if piece.startswith("*"):
            if slash_stops_star and piece == SEGMENT_STAR:
                stay_in |= position
            else:
                stay |= position
        else:
            after[piece] = after.get(piece, 0) | position
            position <<= 1
    return Glob(pattern, after, stay, stay_in, position)


def _pieces(pattern: str) -> Iterator[str]:
    """Characters, and runs of stars as one piece each."""
    stars = ""
    for char in pattern:
        if char == "*":
            stars += char
            continue
        if stars:
            yield stars
            stars = ""
        yield char
    if stars:
        yield stars


def some_text(every: Sequence[Glob], none: Sequence[Glob] = (), *, steps: int = MOST_STEPS) -> bool:
    """Tell whether some text fits all of `every` and none of `none`.

    Searches the positions that texts can lead to. Where that takes more than `steps` of a pattern by a character the
    answer is True: "perhaps".
    """
    globs = (*every, *none)
    alphabet = _alphabet(globs)
    most = steps // max(len(globs) * len(alphabet), 1)
    start = (1,) * len(globs)
    seen = {start}
    waiting = [start]
    for _ in range(most):
        if not waiting:
            return False
        positions = waiting.pop()
        if _is_lost(positions[len(every) :], none):
            continue
        if _accepts(positions, every, none):
            return True
        for char in alphabet:
            stepped = tuple(glob.step(held, char) for glob, held in zip(globs, positions, strict=True))
            if all(stepped[: len(every)]) and stepped not in seen:
                seen.add(stepped)
                waiting.append(stepped)
    return bool(waiting)


def _is_lost(positions: tuple[int, ...], none: Sequence[Glob]) -> bool:
    """Whether a pattern of `none` fits the text whatever follows."""
    return any(held & glob.end & glob.stay for glob, held in zip(none, positions, strict=True))


def _accepts(positions: tuple[int, ...], every: Sequence[Glob], none: Sequence[Glob]) -> bool:
    split = len(every)
    return all(held & glob.end for glob, held in zip(every, positions[:split], strict=True)) and not any(
        held & glob.end for glob, held in zip(none, positions[split:], strict=True)
    )


def _alphabet(globs: Iterable[Glob]) -> list[str]:
    """Every character that a pattern names, the slash, and one (the null character) that stands for all others."""
    return sorted({"/", "\0"}.union(*(glob.after for glob in globs)))
