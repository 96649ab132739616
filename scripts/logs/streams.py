"""The bytes of a file as lines in UTF-8, whatever it is packed in and written in.

gzip, also gzip of gzip; UTF-8, UTF-16 (PowerShell) and UTF-32, with the mark that a file may begin with or without.
"""

import gzip
import io
import json
from collections.abc import Callable
from typing import Any, BinaryIO, TypeAlias

READ_AT_ONCE = 1024 * 1024  # bytes
_MOST_WRAPPED = 3
_BEGIN = 8  # bytes
_GZIP = b"\x1f\x8b"
# Not unpacked here, and their bytes look like many lines that are not JSON: zip, bzip2, xz, Zstandard, LZ4, Snappy, 7z,
# lzip, Parquet, ORC. The log service ships Zstandard, Snappy, Parquet and ORC too ("JSON format", "Parquet format").
_PACKED = (
    *(
        b"PK\x03\x04",
        b"BZh",
        b"\xfd7zXZ",
        b"\x28\xb5\x2f\xfd",
        b"\x04\x22\x4d\x18",
        b"\xff\x06\x00\x00sN",
        b"7z\xbc\xaf",
    ),
    *(b"LZIP", b"PAR1", b"ORC"),
)
Readline = Callable[[int], bytes]
_Bytes: TypeAlias = "gzip.GzipFile | io.BufferedReader[Any]"


class Packed(Exception):
    """It is packed by other means than gzip."""


def open_lines(raw: BinaryIO) -> Readline:
    """A readline, of at most so many bytes, that answers in UTF-8 without the mark of an encoding.

    Raises Packed; the readline raises EOFError, zlib.error, BadGzipFile and UnicodeDecodeError where the file is cut
    short or damaged.
    """
    buffered: io.BufferedReader[Any] = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)
    begin, file = _look(buffered)
    for _ in range(_MOST_WRAPPED):
        if begin.startswith(_GZIP):
            begin, file = _look(gzip.GzipFile(fileobj=file))
    if begin.startswith((_GZIP, *_PACKED)):
        raise Packed
    encoding = find_encoding(begin)
    if encoding == "utf-8":
        return file.readline
    if encoding == "utf-8-sig":
        file.read(3)
        return file.readline
    text = io.TextIOWrapper(file, encoding=encoding, newline="\n")
    return lambda size: text.readline(size).encode()


def find_encoding(begin: bytes) -> str:
    """The encoding of a file, by its first eight bytes."""
    halves = {bytes(map(bool, begin[:4])), bytes(map(bool, begin[4:_BEGIN]))}
    # Without a mark, zeros say which: as many, at the same places, in each four bytes. Others only fill a file.
    is_padded = len(halves) > 1 or halves == {bytes(4)}
    return "utf-8" if is_padded and begin[:1] == b"\0" else json.detect_encoding(begin)


def _look(file: _Bytes) -> tuple[bytes, "io.BufferedReader[Any]"]:
    """The first bytes of a file, and the whole file."""
    begin = file.read(_BEGIN)
    return begin, io.BufferedReader(_Rejoined(begin, file), READ_AT_ONCE)


class _Rejoined(io.RawIOBase):
    """What was read of a file, and then the rest of it."""

    def __init__(self, begin: bytes, rest: _Bytes) -> None:
        self._begin = begin
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._begin[: len(buffer)] or self._rest.read1(len(buffer))
        self._begin = self._begin[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)
