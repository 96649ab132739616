"""The documents in a piece of an exported log, whatever is wrapped around them, and however many of them are glued.

A document of ours may be
- the JSON object itself, whatever stands before it (a time stamp, a request id) or behind it (the next one: where the
  log service begins an entry only at a date, lines are glued together);
- inside an object of the log service, whose `content` or `message` is that JSON, as text or as an object;
- an object of the log service whose fields are the document's, each as text: `"v": "1"`, `"verdict": "{…}"`;
- in a list, or in an answer of the log service that holds one (`{"count": 5, "logs": [...]}`).
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from handler.log import EVENT
from scripts.logs.files import Unread

Document = dict[str, Any]

NOT_JSON = Unread("not JSON, or cut short")
NOT_OURS = Unread(f"not an {EVENT} line")  # the platform's own lines: nothing of ours is lost in them
_WRAPPERS = ("content", "message")
_LISTS = ("logs", "data")
_DEEPEST = 3  # wrappers within wrappers; a list of entries with a message has two
_OBJECT = re.compile(r'\{\s*["}]')
_KEY = re.compile(r'"\s*:')
_decode = json.JSONDecoder().raw_decode
_NOT_READABLE = (ValueError, RecursionError)


def find_documents(piece: bytes) -> Iterator[Document | Unread]:
    """Every document of a piece, out of its wrappers; at least one answer. Never raises."""
    # What is no UTF-8 becomes an escape that JSON does not have: its document is unreadable, and the next is not.
    yield from _unwrap_text(piece.decode(errors="backslashreplace"), _DEEPEST)


def split_objects(text: str) -> Iterator[Document | Unread]:
    """The JSON objects of a text, one after the other, whatever stands between them."""
    at = 0
    while found := _OBJECT.search(text, at):
        start = found.start()
        if _KEY.search(text, at, start):  # the rest of an object whose begin is missing: what is in it is part of it
            yield NOT_JSON
            at = _next_object(text, at)
            continue
        try:
            value, at = _decode(text, start)
        except _NOT_READABLE:
            yield NOT_JSON
            at = _next_object(text, start)
        else:
            yield value
    if "{" in text[at:]:
        yield NOT_JSON  # cut right after it began


def _next_object(text: str, failed: int) -> int:
    """Where the next object may begin after one that is broken: not inside that one.

    At the begin of a line that is indented no further, or where something begins as only lines of ours and entries of
    the log service do.
    """
    before = text[text.rfind("\n", 0, failed) + 1 : failed]
    indent = len(before) if before.isspace() else 0
    following = re.compile(rf'^[ \t]{{0,{indent}}}\{{\s*"|\{{\s*"(?:v|__\w+__)"\s*:', re.MULTILINE)
    found = following.search(text, failed + 1)
    return found.start() if found else len(text)


def _unwrap_text(text: str, depth: int) -> Iterator[Document | Unread]:
    is_empty = True
    for value in split_objects(text):
        is_empty = False
        if isinstance(value, Unread):
            yield value
        else:
            yield from _unwrap(value, depth)
    if is_empty:
        yield NOT_JSON if "}" in text or '"' in text else NOT_OURS


def _unwrap(document: Document, depth: int) -> Iterator[Document | Unread]:
    """The documents inside an entry of the log service; any other object is one itself."""
    entries = next((document[name] for name in _LISTS if isinstance(document.get(name), list)), None)
    content = next((document[name] for name in _WRAPPERS if isinstance(document.get(name), str | dict)), None)
    if "event" in document or not depth:
        yield {name: _parsed(value) for name, value in document.items()}
    elif isinstance(content, str):
        yield from _unwrap_text(content, depth - 1)
    elif isinstance(content, dict):
        yield from _unwrap(content, depth - 1)
    elif entries is not None:
        for entry in entries:
            yield from _unwrap(entry, depth - 1) if isinstance(entry, dict) else (NOT_OURS,)
    else:
        yield document


def _parsed(value: object) -> object:
    """A field that the log service made text of, as what it was."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except _NOT_READABLE:
        return value
