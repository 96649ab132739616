"""Dead letters: what Function Compute hands to a failure destination, read back.

From the vendor's documentation: `{timestamp, requestContext: {requestId, functionArn, condition,
approximateInvokeCount}, requestPayload: <the event as text>, responseContext: {statusCode, functionError},
responsePayload}`. A file holds one letter, a list of them, or one a line, plain or gzip; also several in one line. A
queue's message may wrap one in base64, and an entry of the log service holds it in its field `message`: see WRAPPERS.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

from handler.errors import BadEvent
from handler.events import SURROGATE, parse_event, read_records
from scripts.logs.entries import split_objects
from scripts.logs.files import Unread, read_pieces

UNDATED = -1
DEEPEST = 6  # wrappers within wrappers; glued entries in an answer of the log service have five
# An entry of the log service, its answers, a message of a queue as its API names it, an event of EventBridge.
WRAPPERS = ("message", "content", "logs", "__logs__", "MessageBody", "data")
# A version or an alias may follow the name.
FUNCTION = re.compile(r"functions/([^/:]+)")


@dataclass(frozen=True)
class Letter:
    """One event that failed for good. `why` is what the function said at the last try; `uploads` are `bucket/key`.

    `timestamp` is when, in milliseconds since 1970; UNDATED where the letter does not say.
    """

    place: str
    request_id: str
    timestamp: int
    function: str
    failed_at: str
    tries: int
    why: str
    uploads: tuple[str, ...]
    payload: str

    @property
    def digest(self) -> str:
        """Names this letter. An event that is sent again and fails again for good makes another letter."""
        return sha256(json.dumps([self.request_id, self.timestamp, self.payload]).encode()).hexdigest()

    @property
    def is_dated(self) -> bool:
        """Whether the letter says when."""
        return self.timestamp != UNDATED

    @property
    def event(self) -> str:
        """The event as it is sent again: the same for all letters of one, however often it was sent again."""
        return mark(self.payload)


@dataclass(frozen=True)
class Strange:
    """Something in a file that is no dead letter of this function; it is left alone."""

    place: str
    reason: str


def mark(payload: str) -> str:
    """The event in the one form in which the function knows that it was sent again: see `handler/events.py`.

    Raises BadEvent where it is no event.
    """
    records = [record for _, record in read_records(payload.encode())]
    text = json.dumps({"redriven": True, "events": records}, ensure_ascii=False, separators=(",", ":"))
    # Half a character, which only an escape can carry: another record of the event is good all the same.
    return SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def read_letters(paths: Iterable[Path], function: str) -> list[Letter | Strange]:
    """Read every letter of the files, in order. Raises OSError."""
    return [
        Strange(place, f"it could not be read: {value.reason}")
        if isinstance(value, Unread)
        else _read(value, place, function)
        for path in paths
        for place, value in _values(path)
    ]


def _values(path: Path) -> Iterator[tuple[str, object]]:
    """The JSON values of a file with their places; a line that is none stays text, what is unreadable Unread."""
    pieces = list(read_pieces(path))
    for number, piece in enumerate(pieces, start=1):
        if isinstance(piece, Unread):
            yield f"{path}:{number}", piece
            continue
        # A byte that is no UTF-8 must not become another key: it stays what can't be written, and so can't be sent.
        text = piece.decode(errors="surrogateescape")
        values = list(_letters(decode(text)))
        is_whole = len(pieces) == 1 and piece.lstrip()[:1] == b"["
        for index, value in enumerate(values):
            yield f"{path}[{index}]" if is_whole else f"{path}:{number}", value


def _letters(value: object, depth: int = DEEPEST) -> Iterator[object]:
    """The letters in a value: a list holds several, and so does text in which they are glued."""
    if isinstance(value, list) and depth:
        for each in value:
            yield from _letters(each, depth - 1)
    elif isinstance(value, str) and depth and (objects := list(split_objects(value))):
        for each in objects:
            yield from _letters(each, depth - 1)
    elif isinstance(value, dict) and depth and (inside := _inside(value)) is not None:
        yield from _letters(decode(inside) if isinstance(inside, str) else inside, depth - 1)
    else:
        yield value


def _inside(value: dict[str, Any]) -> str | dict[str, Any] | list[Any] | None:
    """What a wrapper holds; None where it is a letter itself, or nothing known."""
    held = (value.get(name) for name in WRAPPERS if "requestContext" not in value)
    return next((each for each in held if isinstance(each, str | dict | list)), None)


def decode(text: str) -> object:
    """JSON, or what base64 wraps of it; else the text. Never raises."""
    plain = _parse(text)
    wrapped = _parse(_unwrapped(text)) if plain is None else None
    return text if plain is None and wrapped is None else wrapped if plain is None else plain


def _parse(text: str | bytes) -> object:
    """JSON; None where it is none, or says nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _unwrapped(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _read(value: object, place: str, function: str) -> Letter | Strange:
    if not isinstance(value, dict) or not isinstance(value.get("requestContext"), dict):
        return Strange(place, "it is no dead letter: an object with requestContext and requestPayload is one")
    context, payload = value["requestContext"], value.get("requestPayload")
    named = FUNCTION.search(str(context.get("functionArn", "")))
    if named is None or named[1] != function:
        return Strange(place, f"it is of {context.get('functionArn')!r:.200}, not of the function {function!r}")
    if not isinstance(payload, str):
        return Strange(place, "requestPayload is not the event's text")
    try:
        records = parse_event(payload.encode())
    except (BadEvent, UnicodeEncodeError) as exc:
        return Strange(place, f"sending it again would fail again: {exc}")
    bad = [str(record) for record in records if isinstance(record, BadEvent)]
    if len(bad) == len(records):
        return Strange(place, f"sending it again would fail again: {bad[0]}")
    return Letter(
        place=place,
        request_id=str(context.get("requestId", "")),
        function=function,
        failed_at=_time(value.get("timestamp")),
        timestamp=value["timestamp"] if isinstance(value.get("timestamp"), int) else UNDATED,
        tries=context["approximateInvokeCount"] if isinstance(context.get("approximateInvokeCount"), int) else 0,
        why=_why(value, context),
        uploads=tuple(f"{r.bucket}/{r.key}" for r in records if not isinstance(r, BadEvent)),
        payload=payload,
    )


def _time(milliseconds: object) -> str:
    if not isinstance(milliseconds, int):
        return "unknown time"
    try:
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return "unknown time"


def _why(letter: dict[str, Any], context: dict[str, Any]) -> str:
    """The function's own message, or what Function Compute says where it had none."""
    answer = letter.get("responsePayload")
    said = decode(answer) if isinstance(answer, str) else answer
    if isinstance(said, dict) and isinstance(said.get("errorMessage"), str):
        return str(said["errorMessage"])
    return str(context.get("condition") or "no reason given")
