"""Releases: what was brought back out of quarantine, by whom, and for which upload such a record counts. Pure.

Under `release/<SHA-256 of bucket and key>/`: `<n>.json`, one a restore, counted from 1. First it is an intent (these
bytes are about to be copied back), then it is completed by what landed under the key. A release is for that one object
and never for an etag: an etag is an MD5 at best, and other bytes with the same one are made in seconds. Nor is a CRC-64
or the second of Last-Modified a proof against an uploader's will: the restore has compared the SHA-256 of what landed,
and what can be overwritten since is read once more before it passes. Whose event it was that found it does not matter
then: of twins of one moment each event deals with one, and none says which is its own.
Until 0.1.0 a release was `release/<SHA-256 of bucket, key and etag>.json`, and for an etag: such a one counts only for
what was written about when it was.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Annotated

import msgspec

from handler.errors import BadRecord, StoreUnavailable
from handler.json_form import Document, check_version, read_as
from handler.model import JSON_FORM_VERSION, Upload
from handler.ports import StoredObject

RELEASES = "release/"
NUMBERED = re.compile(r"([1-9][0-9]{0,8})\.json")
# Each costs a read, and restores are made by hand: what lies below these is not asked for, and so the upload is judged.
MOST_READ = 32
# Some twenty seconds of reading, and fifty times what the service takes: no verdict is what such an upload waits for.
MOST_BYTES_READ = 1024**3
# A restore of the old layout wrote its release, then copied: a large object in parts.
OLD_LAYOUT_S = 3_600.0
# 9999-12-31, the last day that can be written as text.
LATEST = 253_402_214_400
NULL_VERSION = "null"


class Landed(msgspec.Struct, frozen=True):
    """The object that a restore left under the key.

    `request_id` is that of the request that finished the copy, which its event names too; empty where that is not
    known, because its answer was lost or the restore was interrupted. The rest is as in StoredObject.
    """

    request_id: str
    etag: str
    crc64: str | None
    version_id: str | None
    last_modified: str


class Release(msgspec.Struct, frozen=True):
    """Somebody says that these bytes under this key are right, and why.

    `source` is the place in quarantine that they come from, `etag`, `crc64`, `size_bytes` and `sha256` (in
    hexadecimal) are of the copy there.
    `until`: after this, in seconds since 1970 by the ledger's clock, a restore that has not completed it is taken for
    dead. `landed` is None until it is completed.
    """

    bucket: str
    key: str
    source: str
    etag: str
    crc64: str | None
    size_bytes: int
    sha256: str
    until: Annotated[float, msgspec.Meta(ge=0, le=LATEST)]
    by: str
    reason: str
    landed: Landed | None = None


def release_folder(bucket: str, key: str) -> str:
    """Where the releases of a key are."""
    return f"{RELEASES}{_digest(bucket, key)}/"


def release_name(number: int) -> str:
    """Name a release in its folder; they count from 1."""
    return f"{number}.json"


def newest_first(names: Iterable[str]) -> list[int]:
    """The numbers of the releases among these names, the greatest first."""
    return sorted((int(match[1]) for match in map(NUMBERED.fullmatch, names) if match), reverse=True)


def release_record(release: Release) -> Document:
    """Write down a release."""
    return {"v": JSON_FORM_VERSION, "release": msgspec.to_builtins(release)}


def read_release(record: Document, bucket: str, key: str) -> Release:
    """Read a release back. Raises BadRecord where it is none of this key."""
    release: Release = read_as(Release, check_version(record).get("release"))
    if (release.bucket, release.key) != (bucket, key):
        raise BadRecord("it releases something else")
    return release


def choose(
    releases: Iterable[Release], upload: Upload, found: StoredObject, *, now: float, read: Callable[[], str]
) -> Release | None:
    """The first of the releases by which the upload, whose bytes are those found, passes; None: it is judged.

    `now` is in seconds since 1970 by the ledger's clock; `read` answers with the SHA-256 of what was found. Raises what
    that raises, and StoreUnavailable where these bytes may be those of a restore that has not completed its release
    yet: neither judged nor passed, they wait for another delivery.
    """
    under_way = None
    for release in releases:
        if passes(release, upload, found, read):
            return release
        if under_way is None and is_under_way(release, found, now):
            under_way = release
    if under_way is not None:
        until = datetime.fromtimestamp(under_way.until, timezone.utc).isoformat(timespec="seconds")
        raise StoreUnavailable(
            f"a restore of {found.location!r} by {under_way.by!r} is under way until {until} at the latest (clock of "
            "OSS); it waits for the next delivery"
        )
    return None


def passes(release: Release, upload: Upload, found: StoredObject, read: Callable[[], str]) -> bool:
    """Whether what was found is what this release is for: a version for ever, and all else by its SHA-256.

    What is archived nobody can read, us included, and what is large nobody can read within a delivery: there the
    restore's own request has to do. What is put over such an object has an event of its own.
    """
    if release.landed is None or not is_of(release, found):
        return False
    if found.is_pinned:
        return True
    if found.is_archived or found.size_bytes > MOST_BYTES_READ:
        return bool(upload.request_id) and upload.request_id == release.landed.request_id
    return read() == release.sha256


def is_of(release: Release, found: StoredObject) -> bool:
    """Whether it was completed for exactly this object: by version id, else by etag, CRC-64, size and Last-Modified."""
    landed = release.landed
    # What was written before versioning was enabled is the null version from then on.
    if landed is None or (landed.version_id or NULL_VERSION) != (found.version_id or NULL_VERSION):
        return False
    if found.is_pinned:
        return True
    return (landed.etag, landed.crc64, release.size_bytes, landed.last_modified) == (
        found.etag,
        found.crc64,
        found.size_bytes,
        found.last_modified,
    )


def is_under_way(release: Release, found: StoredObject, now: float) -> bool:
    """Whether these may be bytes that a restore has put there and not told of yet.

    By size and CRC-64: the etag of what was copied in parts is another. Without a CRC-64 nothing tells, and they wait
    too, because waiting frees nothing.
    """
    if release.landed is not None or now >= release.until or release.size_bytes != found.size_bytes:
        return False
    return release.crc64 is None or found.crc64 is None or release.crc64 == found.crc64


def old_release_name(bucket: str, key: str, etag: str) -> str:
    """Name the release of the old layout."""
    return f"{RELEASES}{_digest(bucket, key, etag)}.json"


def read_old_release(record: Document, bucket: str, key: str, etag: str) -> Release:
    """Read a release of the old layout. Raises BadRecord where it is none of these bytes under this key."""
    old: _OldRelease = read_as(_OldRelease, check_version(record).get("release"))
    if (old.bucket, old.key, old.etag) != (bucket, key, etag):
        raise BadRecord("it releases something else")
    return Release(bucket, key, str(record.get("source", "")), etag, None, 0, "", 0.0, old.by, old.reason)


def counts_by_time(written_at: float, found: StoredObject) -> bool:
    """Whether a release of the old layout, written then (seconds since 1970), counts for this object."""
    modified_at = _read_http_date(found.last_modified)
    return modified_at is not None and abs(modified_at - written_at) <= OLD_LAYOUT_S


def _digest(*names: str) -> str:
    """64 digits over a JSON list, which no two different lists of names share."""
    return sha256(json.dumps(names).encode()).hexdigest()


def _read_http_date(date: str) -> float | None:
    """In seconds since 1970; None where it is none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


class _OldRelease(msgspec.Struct):
    bucket: str
    key: str
    etag: str
    by: str
    reason: str
