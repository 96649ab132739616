"""Files of exported logs, taken apart into pieces that hold whole JSON objects.

One object a line is read line by line, however long the file. A list, or objects that are spread over lines, is one
piece: the log service gives at most some thousand entries that way. Plain or gzip, UTF-8 or UTF-16 (PowerShell).
"""

import csv
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

LONGEST_LINE = 1024 * 1024  # bytes; a line of ours is 1 to 5 KB, the log service takes 1 MB
LARGEST_LIST = 64 * 1024 * 1024  # bytes; it is held in memory
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# Zip, bzip2, xz and Zstandard: not unpacked here, and their bytes look like many lines that are not JSON.
_PACKED = (b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_WHOLE = re.compile(rb"\s*(?:\[\s*(?:[{\]]|$)|\{\s*$)")  # not `[INFO] {...`, which is a line with something before it
_COLUMNS = ("message", "content")
_Bytes: TypeAlias = "gzip.GzipFile | io.BufferedReader[Any]"


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of a file that could not be read, and why: one of a few reasons."""

    reason: str


TOO_LONG = Unread("longer than 1 MiB")
TOO_LARGE = Unread("a list over 64 MiB: write one entry a line (jq -c '.[]')")
CUT_FILE = Unread("a file cut short, or damaged: its rest is missing")
PACKED = Unread("a file packed by other means than gzip: unpack it first")


def ignore_progress(read_bytes: int) -> None:
    """Take no interest in how far it is."""


def read_pieces(path: Path, on_progress: Callable[[int], None] = ignore_progress) -> Iterator[bytes | Unread]:
    """The pieces of a file, without empty lines; `-` is standard input.

    `on_progress` is told from time to time how many bytes of the file, as it lies there, were read. Raises OSError.
    """
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
    buffered: io.BufferedReader[Any] = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)
    begin = buffered.peek(6)
    if begin.startswith(_PACKED):
        yield PACKED
        return
    try:
        yield from _split(_as_utf_8(gzip.GzipFile(fileobj=buffered) if begin.startswith(_GZIP) else buffered))
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError):
        yield CUT_FILE


def _as_utf_8(file: _Bytes) -> Callable[[int], bytes]:
    """A readline that answers in UTF-8, without the mark that a file may begin with."""
    first = file.readline(LONGEST_LINE)
    if first.startswith(_UTF_16):
        # The other half of UTF-16's newline is still unread: the lines are found anew, from the begin.
        rest = io.BufferedReader(_Rejoined(first, file))
        text = io.TextIOWrapper(rest, encoding="utf-16", newline="\n")
        return lambda size: text.readline(size).encode()
    waiting = [first.removeprefix(b"\xef\xbb\xbf")]
    return lambda size: waiting.pop() if waiting else file.readline(size)


class _Rejoined(io.RawIOBase):
    """What was read of a file, and then the rest of it."""

    def __init__(self, begin: bytes, rest: _Bytes) -> None:
        self._begin = begin
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._begin[: len(buffer)] or self._rest.read(len(buffer))
        self._begin = self._begin[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _split(readline: Callable[[int], bytes]) -> Iterator[bytes | Unread]:
    first = readline(LONGEST_LINE)
    while first.isspace():
        first = readline(LONGEST_LINE)
    if _WHOLE.match(first):
        yield _rest(first, readline)
    elif column := _csv_column(first):
        yield from _rows(column, first, readline)
    else:
        yield from _lines(first, readline)


def _lines(line: bytes, readline: Callable[[int], bytes]) -> Iterator[bytes | Unread]:
    """Lines, none of which fills the memory."""
    while line:
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield TOO_LONG
        elif not line.isspace():
            yield line
        line = readline(LONGEST_LINE)


def _rest(first: bytes, readline: Callable[[int], bytes]) -> bytes | Unread:
    whole = bytearray(first)
    while line := readline(LONGEST_LINE):
        whole += line
        if len(whole) > LARGEST_LIST:
            return TOO_LARGE
    return bytes(whole)


def _csv_column(first: bytes) -> str | None:
    """The column of a table that holds our lines, if this is the heading of one."""
    names = {name.strip().strip('"') for name in first.decode(errors="replace").split(",")}
    return next((name for name in _COLUMNS if name in names), None)


def _rows(column: str, first: bytes, readline: Callable[[int], bytes]) -> Iterator[bytes | Unread]:
    csv.field_size_limit(LONGEST_LINE)
    lines = (line.decode(errors="replace") for line in iter(lambda: readline(LONGEST_LINE), b""))
    try:
        for row in csv.DictReader(lines, [name.strip().strip('"') for name in first.decode().split(",")]):
            yield json.dumps({column: row[column]}).encode()
    except csv.Error:
        yield CUT_FILE
