"""What exported log lines say of one key, or of all keys that begin so."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from handler.log import EVENT
from handler.model import Status
from scripts.logs.entries import NOT_OURS, Document, find_documents
from scripts.logs.files import Unread, read_pieces


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
        name = str(document["upload"]["key"])
        uploads = logged.uploads.setdefault(name, {})
        request_id = str(document["upload"].get("request_id"))
        known = uploads.get(request_id)
        if known is None or str(document.get("time")) >= str(known.get("time")):
            uploads[request_id] = document
        if len(logged.uploads) > max(most_keys, 1):
            logged.is_cut = True
            del logged.uploads[max(logged.uploads)]
    return logged


def _read(paths: Iterable[Path], unread: Counter[str]) -> Iterator[Document]:
    for path in paths:
        for piece in read_pieces(path):
            for document in (piece,) if isinstance(piece, Unread) else find_documents(piece):
                if not isinstance(document, Unread):
                    yield document
                elif document is not NOT_OURS:
                    unread[document.reason] += 1


def _is_about(document: Document, bucket: str, key: str, *, as_prefix: bool) -> bool:
    """Whether it is a line about the key. A `duplicate` says nothing of the upload that another line does not."""
    upload, ending = document.get("upload"), document.get("outcome")
    if document.get("event") != EVENT or not isinstance(upload, dict) or not isinstance(ending, dict):
        return False
    if upload.get("bucket") != bucket or ending.get("status") == Status.DUPLICATE.value:
        return False
    name = upload.get("key")
    return isinstance(name, str) and (name.startswith(key) if as_prefix else name == key)
