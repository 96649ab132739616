"""What exported log lines say of one key."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from handler.log import EVENT
from handler.model import Status
from scripts.logs.entries import NOT_OURS, Document, find_documents
from scripts.logs.files import Unread, read_pieces


def read_logged(paths: Iterable[Path], bucket: str, key: str, unread: Counter[str]) -> list[Document]:
    """The last line of each upload of the key; what could not be read is added to `unread`. Raises OSError."""
    newest: dict[str, Document] = {}
    for document in _read(paths, unread):
        if not _is_about(document, bucket, key):
            continue
        request_id = str(document["upload"].get("request_id"))
        known = newest.get(request_id)
        if known is None or str(document.get("time")) >= str(known.get("time")):
            newest[request_id] = document
    return list(newest.values())


def _read(paths: Iterable[Path], unread: Counter[str]) -> Iterator[Document]:
    for path in paths:
        for piece in read_pieces(path):
            for document in (piece,) if isinstance(piece, Unread) else find_documents(piece):
                if not isinstance(document, Unread):
                    yield document
                elif document is not NOT_OURS:
                    unread[document.reason] += 1


def _is_about(document: Document, bucket: str, key: str) -> bool:
    """Whether it is a line about the key. A `duplicate` says nothing of the upload that another line does not."""
    upload, ending = document.get("upload"), document.get("outcome")
    if document.get("event") != EVENT or not isinstance(upload, dict) or not isinstance(ending, dict):
        return False
    return (upload.get("bucket"), upload.get("key")) == (bucket, key) and ending.get("status") != Status.DUPLICATE.value
