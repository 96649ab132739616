"""The function's log lines as records: what replay needs of each, or why it cannot be had."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from handler.errors import FailureKind
from handler.log import EVENT
from handler.model import JSON_FORM_VERSION, Action, Mode, Upload, Verdict
from scripts.logs.entries import BAD_FIELDS, NOT_OURS, OTHER_VERSION, find_documents
from scripts.logs.files import Unread


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


class _Entry(Struct):
    """An entry of the log service."""

    message: str


_decode = msgspec.json.Decoder(Record).decode
_decode_entry = msgspec.json.Decoder(_Entry).decode
_NOT_THAT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # also what is JSON and not of that shape


def read_records(piece: bytes) -> Iterator[Record | Unread]:
    """Every record in a piece of a log; at least one answer. Never raises."""
    record = _read_quickly(piece)
    if record is not None:
        yield record
        return
    for document in find_documents(piece):
        yield document if isinstance(document, Unread) else _read_document(document)


def _read_quickly(piece: bytes) -> Record | None:
    """The one record of a piece, where it is as the function wrote it, or whole in one entry of the log service.

    Nearly all are. It is three times as fast as finding them in whatever is around them.
    """
    try:
        record = _decode(piece)
    except _NOT_THAT:
        try:
            record = _decode(_decode_entry(piece).message)
        except _NOT_THAT:
            return None
    return record if record.v == JSON_FORM_VERSION and record.event == EVENT else None


def _read_document(document: dict[str, Any]) -> Record | Unread:
    if document.get("event") != EVENT:
        return NOT_OURS
    if document.get("v") != JSON_FORM_VERSION:
        return OTHER_VERSION
    try:
        return msgspec.convert(document, Record)
    except msgspec.ValidationError:
        return BAD_FIELDS
