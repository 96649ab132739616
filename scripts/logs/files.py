"""Files of exported logs, taken apart into pieces that hold whole JSON objects.

One object a line is read line by line, however long the file. A list, or objects that are spread over lines, is one
piece: the log service gives at most some thousand entries that way. A row of a table is a piece.
"""

import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scripts.logs.streams import Packed, Readline, open_lines
from scripts.logs.tables import read_heading, read_rows

LONGEST_LINE = 1024 * 1024  # bytes; a line of ours is 1 to 5 KB, the log service takes 1 MB
LARGEST_LIST = 64 * 1024 * 1024  # bytes; it is held in memory
_WHOLE = re.compile(rb"\s*(?:\[\s*(?:[{\]]|$)|\{\s*$)")  # not `[INFO] {...`, which is a line with something before it
_SEPARATOR = re.compile(rb"sep=.\s*")  # as a spreadsheet writes it above the heading
_FILLING = b" \t\r\n\f\v\0"  # zeros are what a crash leaves at the end of a file


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of a file that could not be read, and why: one of a few reasons."""

    reason: str


TOO_LONG = Unread("longer than 1 MiB")
TOO_LARGE = Unread("a list over 64 MiB: write one entry a line (jq -c '.[]')")
CUT_FILE = Unread("a file cut short, or damaged: its rest is missing")
BROKEN_ROW = Unread("a row of a table that is broken, or longer than 1 MiB")
PACKED = Unread("a file packed by other means than gzip: unpack it first")


def ignore_progress(read_bytes: int) -> None:
    """Take no interest in how far it is."""


def read_pieces(path: Path, on_progress: Callable[[int], None] = ignore_progress) -> Iterator[bytes | Unread]:
    """The pieces of a file, without empty lines; `-` is standard input.

    `on_progress` is told from time to time how many bytes of the file, as it lies there, were read. Raises OSError,
    which names the file.
    """
    try:
        yield from _read(path, on_progress)
    except OSError as exc:
        exc.filename = exc.filename or str(path)
        raise


def _read(path: Path, on_progress: Callable[[int], None]) -> Iterator[bytes | Unread]:
    if str(path) == "-":
        yield from _pieces(sys.stdin.buffer)
        return
    with path.open("rb") as file:
        for count, piece in enumerate(_pieces(file)):
            if not count % 4096:
                on_progress(file.tell())
            yield piece
        on_progress(file.tell())


def _pieces(raw: BinaryIO) -> Iterator[bytes | Unread]:
    try:
        yield from _split(open_lines(raw))
    except Packed:
        yield PACKED
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError):
        yield CUT_FILE


def _split(readline: Readline) -> Iterator[bytes | Unread]:
    first = readline(LONGEST_LINE)
    while first and (not first.strip(_FILLING) or _SEPARATOR.fullmatch(first)):
        first = readline(LONGEST_LINE)
    is_long = len(first) == LONGEST_LINE and not first.endswith(b"\n")
    if _WHOLE.match(first) or (is_long and first.lstrip().startswith((b"[", b"{"))):  # also an answer in one line
        yield _rest(first, readline)
    elif heading := read_heading(first):
        for row in read_rows(heading, readline, LONGEST_LINE):
            yield BROKEN_ROW if row is None else row
    else:
        yield from _lines(first, readline)


def _lines(line: bytes, readline: Readline) -> Iterator[bytes | Unread]:
    """Lines, none of which fills the memory."""
    while line:
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield TOO_LONG
        elif line.strip(_FILLING):
            yield line
        line = readline(LONGEST_LINE)


def _rest(first: bytes, readline: Readline) -> bytes | Unread:
    whole = bytearray(first)
    while line := readline(LONGEST_LINE):
        whole += line
        if len(whole) > LARGEST_LIST:
            return TOO_LARGE
    return bytes(whole)
