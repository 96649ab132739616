r"""The documents in a piece of an exported log, whatever is wrapped around them, and however many of them are glued.

A document of ours may be
- the JSON object itself, whatever stands before it (a time stamp, a request id) or behind it (the next one: where the
  log service begins an entry only at a date, lines are glued together);
- inside an object of the log service, whose `content` or `message` is that JSON, as text or as an object (`log`: what
  Docker writes);
- such text made text of once more, as in a list of lines: `["{\"v\": 1}"]`, or as a row of CSV: `"{""v"": 1}"`;
- an object of the log service whose fields are the document's, each as text: `"v": "1"`, `"verdict": "{…}"`;
- in a list, or in an answer of the log service that holds one (`{"count": 5, "logs": [...]}`).

What is quoted is never one: in the platform's lines, and in lines of other functions, stand keys that uploaders chose,
and a key may look like a line of ours. An object that mentions our lines in any other place is told as unreadable.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from handler.log import EVENT
from handler.model import JSON_FORM_VERSION
from scripts.logs.files import Unread

Document = dict[str, Any]

NOT_JSON = Unread("not JSON, or cut short")
NOT_OURS = Unread(f"not an {EVENT} line")  # the platform's own lines: nothing of ours is lost in them
OTHER_VERSION = Unread(f"of another version of the log (not {JSON_FORM_VERSION})")
BAD_FIELDS = Unread("ours, with fields that do not fit")
WRAPPED = Unread(f"wrapped in an unknown way, or too often: {EVENT} stands in it")
_WRAPPERS = ("content", "message", "log")
_LISTS = ("logs", "data", "__logs__")
_DEEPEST = 10  # objects and texts within one another; a list of entries with a message has four
_DEEPEST_LOOK = 20
_OBJECT = re.compile(r'\{\s*["}]')
_KEY = re.compile(r'"\s*:')
_DOUBLED = re.compile(r'\{\s*""\w')  # in CSV a quote is written twice
_ESCAPED = re.compile(r'\{\s*\\+"')  # in JSON a quote has a backslash before it
_FILLED = re.compile(r'\{\s*"')
_LIST = re.compile(r'\s*\[\s*(?:\{\s*["}]|["\[]|$)')
_FRAME = re.compile(r'^\s*File "[^"\n]*", line \d+', re.MULTILINE)  # of a traceback
# What no text has: control characters, but for ends of lines, tabs and colours; and bytes that are no UTF-8.
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]|\\x[89a-f][0-9a-f]")
_LONGEST_INDENT = 200
_FIRST_LOOK = 16 * 1024  # characters; a line of ours is 1 to 8 KB
_LONGEST_WORD = 16  # of JSON: `-Infinity`, and an escape
_raw_decode = json.JSONDecoder().raw_decode
_NOT_READABLE = (ValueError, RecursionError)


def find_documents(piece: bytes) -> Iterator[Document | Unread]:
    """Every document of a piece, out of its wrappers; at least one answer. Never raises."""
    # What is no UTF-8 becomes an escape that JSON does not have: its document is unreadable, and the next is not.
    yield from _unwrap_text(piece.decode(errors="backslashreplace"), _DEEPEST)


def split_objects(text: str) -> Iterator[Document | Unread]:
    """The JSON objects of a text, one after the other, whatever stands between them."""
    at, is_whole = 0, True
    while found := _OBJECT.search(text, at):
        start, is_whole = found.start(), False
        if _KEY.search(text, at, start):  # the rest of an object whose begin is missing: what is in it is part of it
            yield NOT_JSON
            at = _next_object(text, at)
            continue
        if "'" in text[at:start]:  # somebody's words, which may quote a key
            yield NOT_JSON
            at = text.find("\n", start) + 1 or len(text)
            continue
        try:
            value, at = _decode(text, start)
        except _NOT_READABLE:
            yield NOT_JSON
            at = _next_object(text, start)
        else:
            is_whole = True
            yield value
    if "{" in text[at:] or (is_whole and _is_cut_list(text)):
        yield NOT_JSON  # cut right after it began, or between two


def _decode(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins there, and where it ends. Raises one of _NOT_READABLE.

    It is looked for in a part of the text, as long as that suffices: an error of the json module counts all lines
    before it, which takes a minute where each entry of a long list is broken.
    """
    size = _FIRST_LOOK
    while True:
        part = text[start : start + size]
        try:
            value, end = _raw_decode(part)
        except json.JSONDecodeError as error:
            is_at_end = error.msg.startswith("Unterminated") or error.pos >= len(part) - _LONGEST_WORD
            if not is_at_end or len(part) < size:
                raise
        else:
            return value, start + end
        size *= 16


def _next_object(text: str, failed: int) -> int:
    """Where the next object may begin after one that is broken: not inside that one.

    At the begin of a line that is indented no further, or where something begins as only lines of ours and entries of
    the log service do.
    """
    nearby = max(0, failed - _LONGEST_INDENT)  # further back would be a look at the whole text for each broken object
    before = text[max(text.rfind("\n", nearby, failed) + 1, nearby) : failed]
    indent = len(before) if before.isspace() else 0
    following = re.compile(rf'^[ \t]{{0,{indent}}}\{{\s*"|\{{\s*"(?:v|__\w+__)"\s*:', re.MULTILINE)
    found = following.search(text, failed + 1)
    return found.start() if found else len(text)


def _unwrap_text(text: str, depth: int) -> Iterator[Document | Unread]:
    if _DOUBLED.search(text):
        text = text.replace('""', '"')
    is_escaped = _ESCAPED.search(text) and not _FILLED.search(text)
    is_empty, is_told = True, False
    for value in _strings(text) if is_escaped else split_objects(text):
        is_empty = False
        for answer in (value,) if isinstance(value, Unread) else _unwrap_value(value, depth):
            is_told = is_told or (answer is not NOT_OURS if isinstance(answer, Unread) else "event" in answer)
            yield answer
    if is_empty:
        yield _name_rest(text)
    elif EVENT in text and not is_told:
        yield WRAPPED


def _strings(text: str) -> Iterator[str | Unread]:
    """The JSON strings of a text, if they are not inside something else."""
    at, rest, values = 0, "", []
    while (start := text.find('"', at)) >= 0:
        try:
            value, end = _decode(text, start)
        except _NOT_READABLE:
            break
        values.append(value)
        rest += text[at:start] + '"'
        at = end
    rest += text[at:]
    is_inside = _KEY.search(rest) or any(mark in rest for mark in "{'\\")
    yield from (NOT_JSON,) if is_inside else values
    if not is_inside and _is_cut_list(text):
        yield NOT_JSON


def _is_cut_list(text: str) -> bool:
    return _LIST.match(text) is not None and not text.rstrip(" \t\r\n\0").endswith("]")


def _name_rest(text: str) -> Unread:
    """What a text without any object is: the platform's own words, or what is left of a line of ours."""
    words = _FRAME.sub("", text)
    is_ours = EVENT in words or "}" in words or '"' in words or _NO_TEXT.search(words)
    return NOT_JSON if is_ours else NOT_OURS


def _unwrap(document: Document, depth: int) -> Iterator[Document | Unread]:
    """The documents inside an entry of the log service; any other object is one itself."""
    if "event" in document:
        yield {name: _parsed(value) for name, value in document.items()}
        return
    inside = _inside(document)
    is_mentioned = _mentions(document)
    if inside is not None and (not is_mentioned or _mentions(inside)) and depth:
        yield from _unwrap_value(inside, depth - 1)
    else:
        yield WRAPPED if is_mentioned else document


def _inside(document: Document) -> str | Document | list[Any] | None:
    """The field that has the line or the entries, if there is one; of two that which mentions us."""
    found = [document[name] for name in _WRAPPERS if isinstance(document.get(name), str | dict)]
    found += [document[name] for name in _LISTS if isinstance(document.get(name), list)]
    return next(filter(_mentions, found), found[0] if found else None)


def _unwrap_value(value: str | Document | list[Any], depth: int) -> Iterator[Document | Unread]:
    if isinstance(value, dict):
        yield from _unwrap(value, depth)
    elif isinstance(value, list):
        for entry in value:
            yield from _unwrap(entry, depth) if isinstance(entry, dict) else (NOT_OURS,)
    elif depth:
        yield from _unwrap_text(value, depth - 1)
    else:
        yield WRAPPED


def _mentions(value: object, depth: int = _DEEPEST_LOOK) -> bool:
    """Whether our lines' name stands anywhere in it, or nobody looks so deep."""
    if isinstance(value, str):
        return EVENT in value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(not depth or _mentions(each, depth - 1) for each in inner)


def _parsed(value: object) -> object:
    """A field that the log service made text of, as what it was."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except _NOT_READABLE:
        return value
