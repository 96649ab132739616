"""The releases of a key, as an operator's command reads and writes them; what they mean is in handler/upload."""

from dataclasses import dataclass

import msgspec

from handler.adapters.ledger import OssLedger
from handler.errors import BadRecord, WardenError
from handler.ports import StoredObject
from handler.upload.releases import (
    Landed,
    Release,
    counts_by_time,
    newest_first,
    old_release_name,
    read_old_release,
    read_release,
    release_folder,
    release_name,
    release_record,
)
from scripts.operations.provenance import Held

# From the end of a copy to the end of its restore lie two calls; this is far more than what they take with all retries.
INTENT_LIFE_S = 15 * 60
# … and the copy itself comes before: a large one, in parts, is taken to make this many bytes a second at least.
SLOWEST_COPY_BYTES_S = 4 * 1024**2
# Each is one restore more of the same key that began in the same moment.
MOST_TRIES = 5


class CannotRelease(WardenError):
    """No record could be written; nothing was copied."""


@dataclass(frozen=True)
class Grounds:
    """Who says that a picture is right, and why."""

    by: str
    reason: str


@dataclass(frozen=True)
class Noted:
    """A release, and the name of its record."""

    name: str
    release: Release


@dataclass(frozen=True)
class Releases:
    """All releases of a key, the newest first; `strange` are the names of what can't be read, with why."""

    noted: tuple[Noted, ...]
    strange: tuple[str, ...]


def read_releases(ledger: OssLedger, bucket: str, key: str) -> Releases:
    """Read what there is, in one call and one more for each. Raises OperatorError and StoreUnavailable."""
    folder = release_folder(bucket, key)
    noted: list[Noted] = []
    strange: list[str] = []
    for number in newest_first(ledger.look(folder).written_at):
        name = folder + release_name(number)
        try:
            noted.append(Noted(name, read_release(ledger.read(name) or {}, bucket, key)))
        except BadRecord as exc:
            strange.append(f"{name}: {exc}")
    return Releases(tuple(noted), tuple(strange))


def read_release_of_etag(ledger: OssLedger, bucket: str, key: str, etag: str) -> Release | None:
    """Read a release of the old layout, for whatever object it counts. Raises OperatorError and StoreUnavailable."""
    try:
        record = ledger.read(old_release_name(bucket, key, etag))
        return None if record is None else read_old_release(record, bucket, key, etag)
    except BadRecord:
        return None


def is_released_by_etag(ledger: OssLedger, found: StoredObject) -> bool:
    """Whether a release of the old layout counts for this object. Raises OperatorError and StoreUnavailable."""
    written_at = ledger.look(old_release_name(found.bucket, found.key, found.etag)).written_at.get("")
    if written_at is None or not counts_by_time(written_at, found):
        return False
    return read_release_of_etag(ledger, found.bucket, found.key, found.etag) is not None


def begin_release(ledger: OssLedger, held: Held, sha256: str, grounds: Grounds) -> Noted:
    """Write that a restore of what is held, with this SHA-256, is about to copy it back, under the next number.

    Raises CannotRelease where others take every number, OperatorError and StoreUnavailable.
    """
    bucket, key, copy = held.bucket, held.key, held.copy
    folder = release_folder(bucket, key)
    listing = ledger.look(folder)
    until = listing.now + INTENT_LIFE_S + copy.size_bytes / SLOWEST_COPY_BYTES_S
    release = Release(
        bucket, key, copy.location, copy.etag, copy.crc64, copy.size_bytes, sha256, until, grounds.by, grounds.reason
    )
    first = max(newest_first(listing.written_at), default=0) + 1
    for number in range(first, first + MOST_TRIES):
        name = folder + release_name(number)
        # Where the answer to a creation was lost, its repetition finds the name taken: that intent ends by itself.
        if ledger.create(name, release_record(release)):
            return Noted(name, release)
    raise CannotRelease(f"{bucket}/{key!r} is restored by others at this moment; see scripts/warden find")


def complete_release(ledger: OssLedger, noted: Noted, landed: StoredObject, request_id: str, grounds: Grounds) -> None:
    """Write for which object it is. Raises OperatorError and StoreUnavailable."""
    there = Landed(request_id, landed.etag, landed.crc64, landed.version_id, landed.last_modified)
    release = msgspec.structs.replace(noted.release, by=grounds.by, reason=grounds.reason, landed=there)
    ledger.write(noted.name, release_record(release))


def give_up_release(ledger: OssLedger, noted: Noted) -> None:
    """Write that it is not under way any more. Raises OperatorError and StoreUnavailable."""
    ledger.write(noted.name, release_record(msgspec.structs.replace(noted.release, until=0.0)))


def complete_interrupted(ledger: OssLedger, noted: Noted, landed: StoredObject, grounds: Grounds) -> None:
    """Write for which object it is, unless the restore that was taken for dead has done it meanwhile.

    That one knows the request of its copy. Raises OperatorError and StoreUnavailable.
    """
    known = read_releases(ledger, noted.release.bucket, noted.release.key).noted
    if noted in known:
        complete_release(ledger, noted, landed, "", grounds)
