"""Event -> Uploads. Pure.

The record is always the same, whatever it comes in: the native OSS trigger's `{"events": [record, …]}`; EventBridge's
CloudEvents object with the record as `data` (`source: acs.oss`), alone or in a list, or with RawData the bare record or
a list of them; a message of the Message Service that OSS notified. Each may be text once more, base64 where the
envelope has it so, and a test console may hand it over decoded. Nothing that an uploader writes is an envelope: that is
all inside the record (the key, `objectMeta`), and only the fields that `_upload` names are read there.
A dead letter that an operator sends again has the native form, marked: `{"redriven": true, "events": [record, …]}`.
Source of the forms: the sample events of the Function Compute and EventBridge documentation; the key is raw there,
never URL-encoded.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import unquote, unquote_plus

from handler.errors import BadEvent
from handler.model import Upload

SYMLINK_EVENT = "ObjectCreated:PutSymlink"
# Replication wrote a new object into its destination, or wrote over one. No other event announces a replica.
# Source: "Configure a native OSS trigger" (event types) of the Function Compute documentation.
REPLICA_EVENTS = frozenset({"ObjectReplication:ObjectCreated", "ObjectReplication:ObjectModified"})
# What may tell of a link: a copy and a replica of a link are links too, and of neither's etag anything is documented.
LINK_EVENTS = REPLICA_EVENTS | {SYMLINK_EVENT, "ObjectCreated:CopyObject"}
# Each of these leaves finished bytes under a key. All else (a part of an upload, a removal) is recorded and ignored.
JUDGED_EVENTS = REPLICA_EVENTS | {
    "ObjectCreated:PutObject",
    "ObjectCreated:PostObject",
    "ObjectCreated:CopyObject",
    "ObjectCreated:CompleteMultipartUpload",
    "ObjectCreated:AppendObject",
    SYMLINK_EVENT,
}

# What a record has, and no envelope.
RECORD_KEYS = frozenset({"eventName", "oss"})
# Where an envelope has what is in it: CloudEvents (the second for what is no JSON), a topic's message of the Message
# Service, and one out of a queue as EventBridge hands it on.
ENVELOPE_KEYS = ("data", "data_base64", "Message", "messageBody")
# A list of texts, each a CloudEvents object whose data is a text, of a message, in base64 … no trigger goes further.
MOST_ENVELOPES = 8

# JSON can name half a character (`"\ud800"`); no object in OSS can.
BYTE_ORDER_MARK = "\ufeff"
SURROGATE = re.compile("[\ud800-\udfff]")

Wanted = TypeVar("Wanted", str, int, dict[str, Any])


def parse_event(event: object) -> list[Upload | BadEvent]:
    """Read every record of an event, in order; a malformed one becomes a BadEvent in its place.

    Bytes and text are JSON; what was decoded already is taken as it is. Raises BadEvent where the event as a whole is
    none that tells of uploads.
    """
    return [_parse_record(record, place) for place, record in read_records(event)]


def read_records(event: object) -> list[tuple[str, object]]:
    """Every record of an event as it stands, in order, each with its place, e.g. `events[0]`.

    Raises BadEvent where the event as a whole is none that tells of uploads.
    """
    document = _decode(event)
    if isinstance(document, str):
        document = _read_text(document)
    if not isinstance(document, (dict, list)) or (isinstance(document, dict) and not _is_event(document)):
        raise BadEvent(
            f"{_describe(document)}; an OSS trigger sends {{'events': [...]}}, EventBridge an object with 'data'"
        )
    if (document.get("events") if isinstance(document, dict) else document) == []:
        raise BadEvent("the event holds no record; 'events' has at least one in each event that OSS sends")
    return list(_open(document, "", MOST_ENVELOPES))


def is_redriven(event: object) -> bool:
    """Whether an operator sent it again: `"redriven": true` beside the records, and never inside one.

    What is inside a record may be an uploader's words; no trigger writes anything beside the records.
    """
    try:
        document = _decode(event)
    except BadEvent:
        return False
    return isinstance(document, dict) and document.get("redriven") is True


def spellings(key: str) -> list[str]:
    """The key as it is, then decoded in both ways, where that is another that HTTP can name.

    Keys arrive raw in events, by nine of ten public consumers; should one arrive encoded, one of these is meant.
    """
    decoded = [other for other in (unquote(key), unquote_plus(key)) if other not in {"", ".", ".."}]
    return list(dict.fromkeys([key, *decoded]))


def _decode(event: object) -> object:
    if not isinstance(event, (bytes, bytearray, memoryview, str)):
        return event
    unit = "characters" if isinstance(event, str) else "bytes"
    try:
        return json.loads(event.removeprefix(BYTE_ORDER_MARK) if isinstance(event, str) else bytes(event))
    except (ValueError, RecursionError) as exc:
        raise BadEvent(f"the event ({len(event)} {unit}) is not JSON; an OSS trigger sends a JSON object") from exc


def _is_event(document: dict[str, Any]) -> bool:
    return isinstance(document.get("events"), list) or not document.keys().isdisjoint((*RECORD_KEYS, *ENVELOPE_KEYS))


def _open(document: object, place: str, depth: int) -> Iterator[tuple[str, object]]:
    """Every record in it. What can't be opened is handed on as if it were one, and refused there, by its place."""
    if isinstance(document, str):
        document = _read_text(document)
    if isinstance(document, dict) and isinstance(document.get("events"), list) and document["events"]:
        yield from ((f"{_inside(place)}events[{i}]", record) for i, record in enumerate(document["events"]))
        return
    inner = _contents(document, place)
    if not inner or not depth:
        yield place or "event", document
    else:
        for where, what in inner:
            yield from _open(what, where, depth - 1)


def _contents(document: object, place: str) -> list[tuple[str, object]]:
    """What an envelope has in it, or a list; nothing where it is neither."""
    if isinstance(document, list):
        return [(f"{place}[{i}]", item) for i, item in enumerate(document)]
    if not isinstance(document, dict) or not RECORD_KEYS.isdisjoint(document):
        return []
    return [(f"{_inside(place)}{key}", document[key]) for key in ENVELOPE_KEYS if key in document][:1]


def _inside(place: str) -> str:
    return f"{place}." if place else ""


def _read_text(text: str) -> object:
    """What a text says: JSON, or base64 of it; else it is what it is."""
    said = _parse(text.removeprefix(BYTE_ORDER_MARK))
    if said is None:
        said = _parse(_from_base64(text))
    return text if said is None else said


def _parse(said: str | bytes) -> object:
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return None


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _describe(document: object) -> str:
    if not isinstance(document, dict):
        return f"the event is a JSON {type(document).__name__}, not an upload"
    if "triggerTime" in document:
        name = document.get("triggerName")
        return f"the event is a timer's (trigger {name!r:.80}), not an upload; remove that trigger"
    if "requestPayload" in document:
        return "the event is a dead letter, not an upload; scripts/warden redrive sends what is in it"
    if "body" in document:
        return "the event is a request over HTTP, which anybody may send, not an upload; remove the HTTP trigger"
    return f"the event is an object with the keys {sorted(map(str, document))[:10]!r:.200}, not an upload"


def _parse_record(record: object, place: str) -> Upload | BadEvent:
    try:
        return _upload(record, place)
    except BadEvent as exc:
        return exc


def _upload(record: object, place: str) -> Upload:
    name = _get(record, place, "eventName", str).removeprefix("oss:")
    judged = name in JUDGED_EVENTS
    # An upload part or a removal carries no etag: what is ignored needs only a name to be recorded by.
    etag = _get(record, place, "oss.object.eTag", str, None if judged and name not in LINK_EVENTS else "")
    upload = Upload(
        bucket=_get(record, place, "oss.bucket.name", str),
        key=_get(record, place, "oss.object.key", str),
        etag=etag.strip('"').upper(),
        version_id=None,
        size_bytes=_get(record, place, "oss.object.size", int, None if judged else 0),
        content_type=None,
        region=_get(record, place, "region", str).removeprefix("oss-"),
        event_name=name,
        uploaded_at=_get(record, place, "eventTime", str),
        request_id=_get(record, place, "responseElements.requestId", str, None if judged else ""),
    )
    _check(upload, place, judged=judged)
    return upload


def _check(upload: Upload, place: str, *, judged: bool) -> None:
    named = {"oss.bucket.name": upload.bucket, "oss.object.key": upload.key}
    if judged:
        named |= {"responseElements.requestId": upload.request_id}
    if judged and upload.event_name not in LINK_EVENTS:
        named |= {"oss.object.eTag": upload.etag}
    for path, value in named.items():
        if not value:
            raise BadEvent(f"{place}.{path} is empty; OSS sends a value")
    if upload.size_bytes < 0:
        raise BadEvent(f"{place}.oss.object.size is {upload.size_bytes}; a size in bytes is 0 or more")


def _get(record: object, place: str, path: str, kind: type[Wanted], default: Wanted | None = None) -> Wanted:
    """The value at a dotted path, of that very type; absent with a default, the default."""
    value = record
    for step in path.split("."):
        if not isinstance(value, dict):
            raise BadEvent(f"{place} is a {type(record).__name__} with nothing at {path!r}; an object is needed there")
        value = value.get(step)
        if value is None and default is not None:
            return default
    if value is None:
        raise BadEvent(f"{place}.{path} is missing; OSS sends it in each record")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadEvent(f"{place}.{path} is {value!r:.80}; {kind.__name__} is needed there")
    if isinstance(value, str) and SURROGATE.search(value):
        raise BadEvent(f"{place}.{path} {value!r:.80} is no text that UTF-8 can write")
    return value
