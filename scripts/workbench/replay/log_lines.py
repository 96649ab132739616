"""The function's log lines as they come: plain or gzip, as written or as the log service exports them.

One line holds one document of ours, in one of these forms:
- the JSON object itself, whatever stands before its first `{` (a time stamp, a request id);
- an object of the log service whose `content` or `message` is that JSON as text;
- an object of the log service whose fields are the document's, each as text: `"v": "1"`, `"verdict": "{…}"`.
"""

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from handler.errors import FailureKind
from handler.log import EVENT
from handler.model import JSON_FORM_VERSION, Action, Mode, Upload, Verdict

LONGEST_LINE = 1024 * 1024  # bytes; a line of ours is 1 to 5 KB, the log service takes 1 MB
_GZIP = b"\x1f\x8b"
_WRAPPERS = ("content", "message")
_NOT_READABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class LoggedDecision(Struct):
    """What was decided when the line was logged."""

    action: Action
    rule: str
    mode: Mode = Mode.ENFORCE
    failure: FailureKind | None = None


class LoggedEnd(Struct, frozen=True):
    """How the upload ended."""

    status: str = ""


class Record(Struct):
    """A line of ours, as far as replay needs it."""

    v: int
    event: str
    upload: Upload | None = None
    verdict: Verdict | None = None
    decision: LoggedDecision | None = None
    outcome: LoggedEnd = LoggedEnd()


@dataclass(frozen=True, slots=True)
class Useless:
    """A line that cannot be decided again, and why: one of the few reasons below."""

    reason: str


NOT_JSON = Useless("not JSON, or cut short")
NOT_OURS = Useless(f"not an {EVENT} line")
OTHER_VERSION = Useless(f"of another version of the log (not {JSON_FORM_VERSION})")
BAD_FIELDS = Useless("ours, with fields that do not fit")
TOO_LONG = Useless("longer than 1 MiB")
CUT_FILE = Useless("a file cut short, or damaged: its rest is missing")

_decode = msgspec.json.Decoder(Record).decode
_decode_any = msgspec.json.Decoder().decode


def read_record(line: bytes) -> Record | Useless:
    """Read one line; never raises."""
    try:
        record = _decode(line)
    except _NOT_READABLE:  # also lines that are JSON and not a record
        return _read_slowly(line)
    return record if record.v == JSON_FORM_VERSION and record.event == EVENT else _read_slowly(line)


def read_lines(path: Path, on_progress: Callable[[int], None]) -> Iterator[bytes | Useless]:
    """The lines of a file, plain or gzip, without the empty ones; `-` is standard input.

    `on_progress` is told from time to time how many bytes of the file, as it lies there, were read. Raises OSError.
    """
    if str(path) == "-":
        yield from _split(sys.stdin.buffer.readline)
        return
    with path.open("rb") as file:
        is_gzip = file.peek(2)[:2] == _GZIP
        lines = gzip.GzipFile(fileobj=file) if is_gzip else file
        try:
            for count, line in enumerate(_split(lines.readline)):
                if not count % 4096:
                    on_progress(file.tell())
                yield line
        except (EOFError, zlib.error, gzip.BadGzipFile):
            yield CUT_FILE
        on_progress(file.tell())


def _split(readline: Callable[[int], bytes]) -> Iterator[bytes | Useless]:
    """Lines, none of which fills the memory."""
    while line := readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield TOO_LONG
        elif not line.isspace():
            yield line


def _read_slowly(line: bytes) -> Record | Useless:
    """Read a line that is not simply a record of ours."""
    start = line.find(b"{")
    if start < 0:
        return NOT_JSON
    try:
        document: dict[str, Any] = _decode_any(line[start:])
    except _NOT_READABLE:
        return NOT_JSON
    for wrapper in _WRAPPERS:
        content = document.get(wrapper)
        if isinstance(content, str) and "{" in content:
            return read_record(content[content.index("{") :].encode())
    return _read_document(document)


def _read_document(document: dict[str, Any]) -> Record | Useless:
    if document.get("event") != EVENT:
        return NOT_OURS
    parts = {name: _parse(document[name]) for name in Record.__struct_fields__ if name in document}
    parts["event"] = EVENT
    if parts.get("v") != JSON_FORM_VERSION:
        return OTHER_VERSION
    try:
        return msgspec.convert(parts, Record)
    except msgspec.ValidationError:
        return BAD_FIELDS


def _parse(value: object) -> object:
    """A field that the log service made text of, as what it was."""
    if not isinstance(value, str):
        return value
    try:
        return _decode_any(value)
    except _NOT_READABLE:
        return value
