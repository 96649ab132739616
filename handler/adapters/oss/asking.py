"""What a copy asks OSS for: headers and conditions, the tags that it can go without, the bytes that OSS won't copy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import oss2

from handler.adapters.oss.connection import OssConnection
from handler.adapters.oss.errors import ARCHIVED_CODE, TAKEN_CODES, code_of
from handler.adapters.oss.store import META, version_of
from handler.errors import CannotCopy, OperatorError, StoreUnavailable, WardenError
from handler.ports import Copied, HeldCopy, StoredObject

FORBID_OVERWRITE = {"x-oss-forbid-overwrite": "true"}
Answer = TypeVar("Answer")


def copy_headers(copy: HeldCopy, tags: dict[str, str]) -> dict[str, str]:
    """Everything that travels with the bytes; a copy must restate it all to add to it."""
    headers = {**copy.headers, **{META + name: value for name, value in copy.metadata.items()}}
    headers |= {**copy.encryption, **FORBID_OVERWRITE, "x-oss-object-acl": copy.acl}
    if copy.storage_class is not None:
        headers["x-oss-storage-class"] = copy.storage_class
    if tags:
        headers["x-oss-tagging"] = urlencode(tags, quote_via=quote)
    return headers


def send_tagged(copy: HeldCopy, send: Callable[[dict[str, str]], Answer]) -> tuple[Answer, str | None]:
    """Send with tags; without them, and with a note, where OSS refuses: a tag never stops a quarantine."""
    try:
        return send(copy_headers(copy, copy.tags)), None
    except OperatorError as exc:
        if not copy.tags or is_taken(exc):
            raise
        return send(copy_headers(copy, {})), f"the copy is untagged: {exc}"


def copied_by(answer: Any) -> Copied:  # noqa: ANN401  (an oss2 result)
    """What the answer that finished a copy says of it."""
    return Copied(request_id=str(answer.request_id), version_id=answer.versionid)


def is_taken(exc: BaseException) -> bool:
    """Whether OSS refused because something is there already: told to overwrite nothing, or kept from it."""
    return isinstance(exc, WardenError) and code_of(exc) in TAKEN_CODES


def copy_conditions(found: StoredObject) -> dict[str, str]:
    """The conditions by which OSS copies these bytes or none."""
    return {f"x-oss-copy-source-{name.lower()}": value for name, value in _read_conditions(found).items()}


def copy_or_carry(found: StoredObject, copy: Callable[[], Answer], carry: Callable[[], Answer]) -> Answer:
    """Let OSS copy; read and write instead what it does not copy by itself.

    The vendor's pages disagree on whether an appendable object is copied: that is not asked. What is archived can't be
    read either.
    """
    if found.object_type != "Appendable":
        try:
            return copy()
        except CannotCopy as exc:
            if code_of(exc) == ARCHIVED_CODE:
                raise
    return carry()


@contextmanager
def open_bytes(connection: OssConnection, found: StoredObject, start: int, size_bytes: int) -> Iterator[Any]:
    """So many of exactly these bytes, as a file to read once. Raises oss2's errors, and StoreUnavailable."""
    span = (start, start + size_bytes - 1) if size_bytes != found.size_bytes else None
    bucket = connection.bucket(found.bucket)
    with bucket.get_object(
        found.key, byte_range=span, headers=_read_conditions(found), params=version_of(found)
    ) as answer:
        if answer.content_length != size_bytes:
            raise StoreUnavailable(
                f"could not read {found.location!r}: {size_bytes} bytes were asked for, "
                f"OSS gives {answer.content_length}"
            )
        # As stored: oss2 would unpack what its uploader declared to be gzip.
        yield oss2.utils.SizedFileAdapter(answer.resp.response.raw, size_bytes)


def _read_conditions(found: StoredObject) -> dict[str, str]:
    conditions = {"If-Match": f'"{found.etag}"'}
    return conditions if found.is_pinned else {**conditions, "If-Unmodified-Since": found.last_modified}
