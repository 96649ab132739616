"""What exported log lines say of one key, or of all keys that begin so."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct

from handler.log import EVENT
from handler.model import JSON_FORM_VERSION, Status
from scripts.logs.entries import BAD_FIELDS, NOT_OURS, OTHER_VERSION, Document, find_documents
from scripts.logs.files import Unread, read_pieces


class _Uploaded(Struct):
    bucket: str
    key: str
    etag: str
    uploaded_at: str
    request_id: str


class _Finding(Struct):
    label: str
    confidence: float | None
    risk: str | None


class _Verdict(Struct):
    findings: list[_Finding]


class _Decision(Struct):
    action: str
    rule: str
    reason: str


class _Ending(Struct):
    status: str
    location: str | None = None
    error: str | None = None


class _Line(Struct):
    """What a line has to have to be shown. `upload` is null for a record that names none."""

    outcome: _Ending
    time: str
    upload: _Uploaded | None
    verdict: _Verdict | None = None
    decision: _Decision | None = None


@dataclass(slots=True)
class Logged:
    """The last line of each upload by its request, for each key; `unread` counts what could not be read, by why.

    `is_cut`: there are more keys than were asked for.
    """

    uploads: dict[str, dict[str, Document]] = field(default_factory=dict)
    unread: Counter[str] = field(default_factory=Counter)
    is_cut: bool = False

    def of(self, key: str) -> list[Document]:
        """What is said of a key."""
        return list(self.uploads.get(key, {}).values())


def read_logged(paths: Iterable[Path], bucket: str, key: str, *, most_keys: int = 0) -> Logged:
    """Read what is said of the key; with `most_keys` of so many keys that begin so, the first by name. Raises OSError.

    No more than that is held in memory, however long the files.
    """
    logged = Logged()
    for document in _read(paths, logged.unread):
        if not _is_about(document, bucket, key, as_prefix=bool(most_keys)):
            continue
        name = document["upload"]["key"]
        uploads = logged.uploads.setdefault(name, {})
        request_id = document["upload"]["request_id"]
        known = uploads.get(request_id)
        if known is None or document["time"] >= known["time"]:
            uploads[request_id] = document
        if len(logged.uploads) > max(most_keys, 1):
            logged.is_cut = True
            del logged.uploads[max(logged.uploads)]
    return logged


def _read(paths: Iterable[Path], unread: Counter[str]) -> Iterator[Document]:
    for path in dict.fromkeys(paths):
        for piece in read_pieces(path):
            for found in (piece,) if isinstance(piece, Unread) else find_documents(piece):
                document = found if isinstance(found, Unread) else _checked(found)
                if not isinstance(document, Unread):
                    yield document
                elif document is not NOT_OURS:
                    unread[document.reason] += 1


def _checked(document: Document) -> Document | Unread:
    """The document, where it is a line of ours that can be shown."""
    if document.get("event") != EVENT:
        return NOT_OURS
    if document.get("v") != JSON_FORM_VERSION:
        return OTHER_VERSION
    try:
        msgspec.convert(document, _Line)
    except msgspec.ValidationError:
        return BAD_FIELDS
    return document


def _is_about(document: Document, bucket: str, key: str, *, as_prefix: bool) -> bool:
    """Whether it is a line about the key. A `duplicate` says nothing of the upload that another line does not."""
    upload = document["upload"]
    if upload is None or document["outcome"]["status"] == Status.DUPLICATE.value:
        return False
    name = str(upload["key"])
    is_alike = name.startswith(key) if as_prefix else name == key
    return is_alike and bool(upload["bucket"] == bucket)
