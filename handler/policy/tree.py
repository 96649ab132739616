"""A policy file as a tree of values that know their place, and the problems found in it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

Path = tuple[str | int, ...]
Severity = Literal["error", "warning"]
_FIT_ON_A_LINE = 12
_SLIP = 0.76  # as alike as `label` and `labels`
ScalarKind = Literal["text", "int", "float", "bool", "null", "date"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: its text as written, and what YAML takes it for."""

    place: Place
    text: str
    kind: ScalarKind


@dataclass(frozen=True, slots=True)
class Entries:
    """Keys with their values, in the order of the file; each key is there once."""

    place: Place
    entries: tuple[tuple[Scalar, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: tuple["Node", ...]


Node = Scalar | Entries | Items


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong (`error`) or suspicious (`warning`) in a policy file. `line` and `column` count from 1."""

    severity: Severity
    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """One line, as compilers write it."""
        path = f" {self.path}:" if self.path else ""
        return f"{self.file}:{self.line}:{self.column}:{path} {self.message}"


@dataclass(frozen=True, slots=True)
class Remark:
    """A problem before its place in the file is looked up. `message`: what is wrong; what would be right."""

    severity: Severity
    path: Path
    message: str


def write_path(path: Path) -> str:
    """Write a path as `rules[2].match.labels[0]`; list positions count from 0."""
    written = ""
    for part in path:
        written += f"[{part}]" if isinstance(part, int) else f".{part}" if written else part
    return written


def guess(word: str, known: Iterable[str]) -> str | None:
    """The known word that was meant: one that is spelt nearly so, or what another tool calls so."""
    import difflib  # noqa: PLC0415 - costs cold start, and only a wrong policy needs it

    from handler.policy.foreign import translate  # noqa: PLC0415 - see above

    words = list(known)
    slip = difflib.get_close_matches(word.strip().lower(), words, n=1, cutoff=_SLIP)
    return next(iter(slip), None) or translate(word, words)


def suggest(word: str, known: Iterable[str], alike: float = 0.6) -> str:
    """Answer `; did you mean 'x'`, or name what is known where that fits on a line, or nothing.

    `alike`: how alike two words have to be, 0 to 1.
    """
    import difflib  # noqa: PLC0415 - costs cold start, and only a wrong policy needs it

    words = list(known)
    like = difflib.get_close_matches(word, words, n=1, cutoff=alike)
    if meant := guess(word, words) or next(iter(like), None):
        return f"; did you mean {meant!r}"
    return f"; known: {', '.join(words)}" if 0 < len(words) <= _FIT_ON_A_LINE else ""


def suggest_key(key: str, known: Collection[str]) -> str:
    """What to say of a key that is not known in this place."""
    from handler.policy.foreign import find_home  # noqa: PLC0415 - costs cold start, and only a wrong policy needs it

    home = "a decimal point is a dot, and thousands are not parted" if key.isdecimal() else find_home(key, known)
    return f"; {home}" if home else suggest(key, known, _SLIP)
