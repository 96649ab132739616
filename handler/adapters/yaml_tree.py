"""YAML text -> a tree of values that know their place.

Only plain YAML: no tags, one document, each key once, merge keys only where they are asked for. The parser's events are
read without PyYAML's own composer, which overflows the C stack on deep nesting and lets aliases multiply.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from handler.policy.tree import Entries, Items, Node, Path, Place, Scalar, ScalarKind

MOST_BYTES = 256 * 1024
MOST_VALUES = 100_000  # dense policies have about 40,000 in 256 KiB
DEEPEST = 32
MOST_BARE_STARS = 50  # each makes the file be read again
QUOTE_IT = 'a bare * is a YAML alias; quote it, as in "*_tii" or "**"'
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What a YAML parser refuses without saying where (YAML 1.1, section 5.1), and the stand-in below.
_UNFIT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue001-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# Stands for a `*` without quotes, so that the rest of the file can be read: a character of the private use area.
_BARE_STAR = "\ue000"
_KINDS: dict[str, ScalarKind] = {"int": "int", "float": "float", "bool": "bool", "null": "null", "timestamp": "date"}


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with the YAML itself: where, in which part of the policy (as far as is known), and what."""

    place: Place
    path: Path
    message: str


class Unreadable(Exception):
    """The file cannot be read beyond this flaw."""

    def __init__(self, place: Place, message: str, path: Path = ()) -> None:
        super().__init__(message)
        self.flaw = Flaw(place, path, message)


def read_tree(text: bytes, *, keeps_merges: bool = False) -> tuple[Node | None, list[Flaw]]:
    """Read the one document of a file; answer with its tree (None where it cannot be read) and its flaws.

    With `keeps_merges` a key `<<` is one like any other; without, it is a flaw.
    """
    try:
        return _compose(_decode(text), keeps_merges=keeps_merges)
    except Unreadable as error:
        return None, [error.flaw]


def _decode(text: bytes) -> str:
    if len(text) > MOST_BYTES:
        raise Unreadable(Place(1, 1), f"the file is over 256 KiB ({MOST_BYTES} bytes); a policy is smaller")
    if text.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0\0" in (text[:4:2], text[1:4:2]):
        raise Unreadable(Place(1, 1), "this is UTF-16 text; save the policy as a UTF-8 file")
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_at(text[: error.start].decode("utf-8", "replace"))
        raise Unreadable(place, "this is not UTF-8 text; save the policy as a UTF-8 file") from error
    if found := _UNFIT.search(decoded):
        place = _place_at(decoded[: found.start()])
        raise Unreadable(place, f"the character {found[0]!r} is not allowed; a policy is a text file")
    return decoded


def _place_at(before: str) -> Place:
    return Place(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _compose(text: str, *, keeps_merges: bool) -> tuple[Node | None, list[Flaw]]:
    """Read the text; where a bare `*` stops the parser, read again with a stand-in that the composer reports."""
    for _ in range(MOST_BARE_STARS):
        composer = _Composer(text, keeps_merges=keeps_merges)
        try:
            return composer.read_document(), composer.flaws
        except Unreadable as error:
            return None, [*composer.flaws, error.flaw]
        except yaml.MarkedYAMLError as error:
            star = error.context_mark
            if star is None or error.context != "while scanning an alias":
                return None, [*composer.flaws, _explain(error, text)]
            text = text[: star.index] + _BARE_STAR + text[star.index + 1 :]
    return None, composer.flaws


def _explain(error: yaml.MarkedYAMLError, text: str) -> Flaw:
    mark: Any = error.problem_mark  # every error that a parser raises has one
    place = _place(mark)
    if text[mark.index : mark.index + 1] == "\t":
        return Flaw(place, (), "a tab; indent with spaces")
    context = f" ({error.context})" if error.context else ""
    return Flaw(place, (), f"this is not YAML: {error.problem}{context}")


def _place(mark: Any) -> Place:  # noqa: ANN401 - two kinds of marks, one for each loader
    return Place(mark.line + 1, mark.column + 1)


class _Composer:
    """Builds the tree of one document. `flaws` are those that do not stop the reading."""

    def __init__(self, text: str, *, keeps_merges: bool) -> None:
        self.flaws: list[Flaw] = []
        self._keeps_merges = keeps_merges
        self._loader = _LOADER(text)
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._values = 0

    def read_document(self) -> Node:
        """Read the whole text."""
        self._loader.get_event()  # the start of the stream
        if self._loader.check_event(yaml.StreamEndEvent):
            raise Unreadable(Place(1, 1), "the file is empty; a policy has at least version, name and rules")
        self._loader.get_event()  # the start of the document
        tree = self._read_node(())
        self._loader.get_event()  # the end of the document
        if not self._loader.check_event(yaml.StreamEndEvent):
            place = _place(self._loader.peek_event().start_mark)
            raise Unreadable(place, "a second document; a file holds one, remove the line ---")
        return tree

    def _read_node(self, path: Path) -> Node:
        event = self._loader.get_event()
        place = _place(event.start_mark)
        if len(path) > DEEPEST:
            raise Unreadable(place, f"nested more than {DEEPEST} deep; nothing in a policy is", path)
        if isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            return self._read_alias(event.anchor, place, path)
        if event.tag is not None:
            self._note(place, path, f"the tag {event.tag!r}; policies are written without tags, remove it")
        before = self._values
        self._count(1, place, path)
        node = self._read_value(event, place, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._values - before)
        return node

    def _read_value(self, event: Any, place: Place, path: Path) -> Node:  # noqa: ANN401 - one of three events
        if isinstance(event, yaml.ScalarEvent):
            return self._read_scalar(event, place, path)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not self._loader.check_event(yaml.SequenceEndEvent):
                items.append(self._read_node((*path, len(items))))
            self._loader.get_event()
            return Items(place, tuple(items))
        return self._read_entries(place, path)

    def _read_entries(self, place: Place, path: Path) -> Entries:
        entries: dict[str, tuple[Scalar, Node]] = {}
        while not self._loader.check_event(yaml.MappingEndEvent):
            key = self._read_node((*path, "?"))
            inner = (*path, key.text) if isinstance(key, Scalar) else path
            value = self._read_node(inner)
            if not isinstance(key, Scalar):
                self._note(key.place, path, "a key that is a list or a set of keys; a key is a single word")
            elif key.text == "<<" and not self._keeps_merges:
                self._note(key.place, path, "a merge key <<; write the keys out")
            elif key.text in entries:
                first = entries[key.text][0].place
                message = f"the key {key.text!r} is here twice, first on line {first.line}, column {first.column}"
                self._note(key.place, inner, f"{message}; remove one")
            else:
                entries[key.text] = (key, value)
        self._loader.get_event()
        return Entries(place, tuple(entries.values()))

    def _read_scalar(self, event: yaml.ScalarEvent, place: Place, path: Path) -> Scalar:
        if _BARE_STAR in event.value:
            self._note(place, path, QUOTE_IT)
        tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        kind = _KINDS.get(tag.rpartition(":")[2], "text")
        return Scalar(place, event.value.replace(_BARE_STAR, "*"), kind)

    def _read_alias(self, name: str, place: Place, path: Path) -> Node:
        """Put what the anchor holds here; an alias without an anchor is a `*` that lacks its quotes."""
        if name not in self._anchors:
            self._note(place, path, QUOTE_IT)
            return Scalar(place, f"*{name}", "text")
        node, values = self._anchors[name]
        self._count(values, place, path)
        return node

    def _count(self, values: int, place: Place, path: Path) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            message = f"more than {MOST_VALUES} values, those that YAML aliases repeat included; write fewer"
            raise Unreadable(place, message, path)

    def _note(self, place: Place, path: Path, message: str) -> None:
        self.flaws.append(Flaw(place, path, message))
