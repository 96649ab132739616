"""Places in the quarantine, as they are copied from a screen, and files of them.

A file is the answer to the query "Everything that one policy quarantined" (scripts/logs/queries.py), as the log service
gives it, or as a spreadsheet or `jq` has made it of that: JSON, JSON lines, a list of texts or a table, plain or gzip;
or has one place a line. What counts of an answer is its column `location`.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

from scripts.logs.entries import find_documents
from scripts.logs.files import CUT_FILE, LONGEST_LINE, Unread, read_pieces
from scripts.logs.queries import MOST_ROWS

COLUMN = "location"
# As many as the query answers with.
MOST_LOCATIONS = MOST_ROWS
SCHEME = "oss://"
# Around a place where it was copied from a list, a message or a sentence; it begins and ends with a letter or a digit.
AROUND = " \"'`“”‘’„«»,;"  # noqa: RUF001  (the quotes of a word processor)
SEPARATORS = ",;\t|"
NO_COLUMN = f"without {COLUMN!r}, so of another query than 9"


@dataclass(frozen=True)
class Listed:
    """Places, each once, in the order given; how often one was given again; and what of the files says none, by why.

    `left_out`: how many there were beyond MOST_LOCATIONS.
    """

    locations: tuple[str, ...]
    repeated: int
    unread: Counter[str]
    left_out: int

    @property
    def is_short(self) -> bool:
        """Whether something that was given is not among the places."""
        return bool(self.unread or self.left_out)


def list_locations(given: Iterable[str], files: Iterable[Path], prefix: str) -> Listed:
    """All that were given, and all of the files. Raises OSError."""
    unread: Counter[str] = Counter()
    places: dict[str, int] = {}
    left_out = 0
    for text in (*given, *_read(files, unread)):
        place = clean(text, prefix)
        if place in places or len(places) < MOST_LOCATIONS:
            places[place] = places.get(place, 0) + 1
        else:
            left_out += 1
    return Listed(tuple(places), sum(places.values()) - len(places), unread, left_out)


def clean(text: str, prefix: str) -> str:
    """A place without what comes along when it is copied.

    Blanks, quotes, commas, marks that nobody sees, `oss://`, and slashes that are `%2F`.
    A copy's key ends in a letter or a digit, and begins with the quarantine's prefix.
    """
    text = _bare(_bare(text).removeprefix(SCHEME))
    if "ignature=" in text:
        # A signed link, which is no place, and is repeated nowhere.
        text = text.partition("?")[0]
    bucket, _, key = text.partition("/")
    if not key.startswith(prefix) and unquote(key).startswith(prefix):
        key = unquote(key)
    return f"{bucket}/{key}" if key else text


def _bare(text: str) -> str:
    kept = [at for at, char in enumerate(text) if char.isprintable() and char not in AROUND]
    return text[kept[0] : kept[-1] + 1] if kept else ""


def _read(files: Iterable[Path], unread: Counter[str]) -> Iterator[str]:
    for path in files:
        pieces = read_pieces(path)
        first = next(pieces, None)
        if first is None:
            unread[f"{path} is empty"] += 1
            continue
        begin = b"" if isinstance(first, Unread) else first.lstrip()
        pieces = chain([first], pieces)
        if begin[:1] in {b"{", b"["}:
            yield from _of_documents(pieces, unread)
        elif separator := _separator(begin):
            yield from _of_table(pieces, unread, separator)
        else:
            yield from _of_lines(pieces, unread)


def _of_documents(pieces: Iterable[bytes | Unread], unread: Counter[str]) -> Iterator[str]:
    for piece in pieces:
        texts = [] if isinstance(piece, Unread) else _list_texts(piece)
        yield from texts
        for document in (piece,) if isinstance(piece, Unread) else () if texts else find_documents(piece):
            if isinstance(document, Unread):
                unread[document.reason] += 1
            elif isinstance(document.get(COLUMN), str) and document[COLUMN]:
                yield document[COLUMN]
            else:
                unread[NO_COLUMN] += 1


def _list_texts(piece: bytes) -> list[str]:
    """The places of a list of nothing but texts."""
    try:
        texts = json.loads(piece)
    except (ValueError, RecursionError):
        return []
    is_list = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    return texts if is_list else []


def _separator(begin: bytes) -> str | None:
    """What stands between the columns of a table; None where the file begins with no names of columns.

    They name the column, or there are several and no slash, which every place has.
    """
    heading = next(iter(_split(begin)), "")
    for separator in SEPARATORS:
        if COLUMN in _names(heading.split(separator)):
            return separator
    return next((mark for mark in SEPARATORS if mark in heading and "/" not in heading), None)


def _names(columns: Iterable[object]) -> list[str]:
    return [_bare(str(name)).lower() for name in columns]


def _of_table(pieces: Iterable[bytes | Unread], unread: Counter[str], separator: str) -> Iterator[str]:
    csv.field_size_limit(LONGEST_LINE)
    try:
        for row in csv.DictReader(_of_lines(pieces, unread), delimiter=separator):
            named = dict(zip(_names(row), row.values(), strict=True))
            if named.get(COLUMN):
                yield str(named[COLUMN])
            else:
                unread[NO_COLUMN] += 1
    except csv.Error:
        unread[CUT_FILE.reason] += 1


def _of_lines(pieces: Iterable[bytes | Unread], unread: Counter[str]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, Unread):
            unread[piece.reason] += 1
        else:
            yield from _split(piece)


def _split(piece: bytes) -> Iterable[str]:
    """The lines of a piece with their ends, which some spreadsheets write as a carriage return."""
    return io.StringIO(piece.decode(errors="backslashreplace"), newline="")
