"""Tables: what the log service's console downloads, and what is shipped to OSS as CSV.

Between columns a comma, a bar or a tab ("CSV format", user guide of the log service), or a semicolon, as spreadsheets
write it in many languages.
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scripts.logs.streams import Readline

_SEPARATORS = ",;\t|"
_OURS = ({"message"}, {"content"}, {"event", "upload"})  # the line, or its fields each in a column


@dataclass(frozen=True, slots=True)
class Heading:
    """The names of a table's columns, in small letters, and what stands between them."""

    names: tuple[str, ...]
    separator: str


def read_heading(line: bytes) -> Heading | None:
    """The heading, if this line is that of a table with our lines."""
    text = line.decode(errors="replace").strip()
    for separator in "" if "{" in text else _SEPARATORS:
        try:
            names = tuple(name.strip().lower() for name in next(csv.reader([text], delimiter=separator), ()))
        except csv.Error:  # as a zero in it
            return None
        if any(needed <= set(names) for needed in _OURS):
            return Heading(names, separator)
    return None


def read_rows(heading: Heading, readline: Readline, longest: int) -> Iterator[bytes | None]:
    """Each row as an object; as it stands where it has more columns than the heading; None where it is broken."""
    csv.field_size_limit(longest)
    raw: list[str] = []
    lines = _lines(readline, longest, raw.append)
    is_more = True
    while is_more:
        try:
            for row in csv.reader(lines, delimiter=heading.separator):
                if any(row):
                    yield _piece(heading, row, "".join(raw))
                raw.clear()
            is_more = False
        except csv.Error:  # noqa: PERF203  (the next row is read all the same)
            raw.clear()
            yield None


def _lines(readline: Readline, longest: int, note: Callable[[str], None]) -> Iterator[str]:
    while line := readline(longest):
        text = line.decode(errors="backslashreplace")  # no other key comes of a byte that is no UTF-8
        note(text)
        yield text


def _piece(heading: Heading, row: list[str], raw: str) -> bytes | None:
    if len(row) < len(heading.names):
        return None
    if len(row) > len(heading.names):  # what is in it is not quoted, or by other rules
        return raw.encode(errors="backslashreplace")
    return json.dumps(dict(zip(heading.names, row, strict=True))).encode()
