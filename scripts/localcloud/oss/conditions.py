"""Preconditions of reads and of copies, and byte ranges."""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime

from scripts.localcloud.oss.protocol import OssError
from scripts.localcloud.oss.store import Store

COPY_PREFIX = "x-oss-copy-source-"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def http_date(moment: datetime) -> str:
    """Write a moment as Last-Modified has it."""
    return format_datetime(moment, usegmt=True)


def check_conditions(headers: Mapping[str, str], etag: str, modified: datetime, prefix: str = "") -> None:
    """Hold `if-match` and its three kin, each with the prefix, against an object (`etag` upper-case, unquoted).

    Raises OssError 412 PreconditionFailed or 304 NotModified, as the API reference says for HeadObject and CopyObject.
    """
    if_match, if_none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    if if_match is not None and _bare(if_match) not in (etag, "*"):
        raise _failed("If-Match")
    if (date := headers.get(f"{prefix}if-unmodified-since")) and modified > parsedate_to_datetime(date):
        raise _failed("If-Unmodified-Since")
    if if_none_match is not None and _bare(if_none_match) in (etag, "*"):
        raise OssError(304, "NotModified", "The object is the one you have.")
    if (date := headers.get(f"{prefix}if-modified-since")) and modified <= parsedate_to_datetime(date):
        raise OssError(304, "NotModified", "The object has not changed since.")


def forbid_overwrite(store: Store, bucket: str, key: str, headers: Mapping[str, str]) -> None:
    """Raise OssError 409 FileAlreadyExists where `x-oss-forbid-overwrite: true` meets an object.

    On a bucket whose versioning is enabled or suspended the header has no effect, as documented.
    """
    if headers.get("x-oss-forbid-overwrite", "").lower() != "true" or store.bucket(bucket).versioning_status:
        return
    if store.current(bucket, key) is not None:
        raise OssError(409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten.")


def read_range(value: str | None, size: int) -> tuple[int, int] | None:
    """Read a Range header into its first and last byte, or None where the whole object is meant.

    OSS takes a range that it cannot satisfy for the whole object.
    """
    match = _RANGE.fullmatch(value or "")
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    start, end = (int(first), int(last or size - 1)) if first else (max(0, size - int(last)), size - 1)
    if start > end or start >= size or (first and last and end >= size):
        return None
    return start, end


def _bare(etag: str) -> str:
    return etag.strip().strip('"').upper()


def _failed(condition: str) -> OssError:
    message = f"At least one of the pre-conditions you specified did not hold: {condition}."
    return OssError(412, "PreconditionFailed", message)
