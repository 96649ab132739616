"""Bringing a quarantined object back: first a plan, then the release and the copy, in that order."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from handler.errors import ObjectGone, WardenError
from handler.ports import HeldCopy, StoredObject
from handler.upload.holding import PREFIX
from handler.upload.records import Release, read_release, release_name, release_record
from handler.upload.tagging import MOST_TAGS
from scripts.operations.account import Account, read_object
from scripts.operations.provenance import SIDECAR, Held, read_held, read_sidecar

# An event's time and Last-Modified are of clocks that may differ, and the latter is cut to seconds.
SAME_MOMENT = timedelta(seconds=2)
# Headers and metadata, as a sidecar keeps them.
Rest = tuple[dict[str, str], dict[str, str]]


class CannotRestore(WardenError):
    """The object stays in quarantine; the message says why."""


@dataclass(frozen=True)
class Restore:
    """What would be done: `copy` describes the object as it will be. `beneath` is what a version would come over."""

    held: Held
    copy: HeldCopy
    beneath: StoredObject | None
    is_done: bool
    notes: tuple[str, ...] = ()


def plan_restore(account: Account, ledger_bucket: str, location: str, tag_prefix: str) -> Restore:
    """Look at everything, change nothing.

    Raises CannotRestore, NotOurs, and what the adapters raise.
    """
    held = read_held(_find_copy(account, location))
    there = account.quarantine().find(held.bucket, held.key)
    is_done = there is not None and _is_restored(account, ledger_bucket, held, there)
    if there is not None and not is_done:
        _refuse_newer(held, there)
    rest = _read_rest(account, held)
    names = [name for part in rest for name, value in part.items() if not _is_writable(value)]
    notes = tuple(f"{name!r} can't be written in an HTTP header and is left out" for name in names)
    tags = _restored_tags(account, held, tag_prefix)
    return Restore(held, _describe(held, rest, tags, is_new=there is None), there, is_done, notes)


def _find_copy(account: Account, location: str) -> StoredObject:
    bucket, _, key = location.partition("/")
    if not bucket or not key:
        raise CannotRestore(f"{location!r} is no location; one like quarantine-bucket/held/uploads/… is needed")
    copy = account.quarantine().find(bucket, key)
    if copy is None:
        raise CannotRestore(f"nothing is at {location!r}; scripts/warden find KEY says where an upload is")
    if key.endswith(SIDECAR):
        raise CannotRestore(f"{location!r} is a sidecar; the object itself is at {location.removesuffix(SIDECAR)!r}")
    return copy


def _restored_tags(account: Account, held: Held, prefix: str) -> dict[str, str]:
    """The user's own tags, after ours that says `passed`; as many as OSS allows."""
    present = account.store().read_tags(held.copy)
    users = {name: value for name, value in present.items() if not name.startswith(prefix)}
    return dict([(f"{prefix}status", "passed"), *sorted(users.items())][:MOST_TAGS])


def _describe(held: Held, rest: Rest, tags: dict[str, str], *, is_new: bool) -> HeldCopy:
    """The object as it was, without our provenance."""
    headers, metadata = ({name: value for name, value in part.items() if _is_writable(value)} for part in rest)
    own = {name: value for name, value in held.copy.metadata.items() if not name.startswith(PREFIX)}
    return HeldCopy(
        held.bucket,
        held.key,
        headers={**held.copy.headers, **headers},
        metadata={**own, **metadata},
        tags=tags,
        acl="default",
        is_new=is_new,
    )


def carry_out(account: Account, ledger_bucket: str, plan: Restore, *, by: str, reason: str) -> StoredObject:
    """Write the release, then copy; answers with what is there now. The copy in quarantine stays.

    Raises CannotRestore where it is not there in the end, and what the adapters raise.
    """
    held, quarantine, ledger = plan.held, account.quarantine(), account.ledger(ledger_bucket)

    def release(etag: str) -> None:
        written = Release(held.bucket, held.key, etag, by, reason)
        ledger.write(release_name(held.bucket, held.key, etag), release_record(written, held.copy.location))

    release(held.copy.etag)
    note = quarantine.hold(held.copy, plan.copy)
    restored = quarantine.find(held.bucket, held.key)
    if restored is None:
        raise CannotRestore(f"{held.bucket}/{held.key!r} was copied and is gone again; see scripts/warden find")
    if restored.etag != held.copy.etag:
        # An object copied in parts may get another etag, which is known only now.
        release(restored.etag)
        if quarantine.find(held.bucket, held.key) is None:
            raise CannotRestore(
                f"{held.bucket}/{held.key!r} was judged again before its release was written; its release is there "
                "now: restore it once more"
            )
    if note:
        raise CannotRestore(f"it is back, but {note}")
    return restored


def _is_restored(account: Account, ledger_bucket: str, held: Held, there: StoredObject) -> bool:
    """Whether these very bytes are back already, with a release."""
    if there.size_bytes != held.copy.size_bytes or (there.crc64 or there.etag) != (held.copy.crc64 or held.copy.etag):
        return False
    record = account.ledger(ledger_bucket).read(release_name(held.bucket, held.key, there.etag))
    return record is not None and bool(read_release(record, held.bucket, held.key, there.etag))


def _refuse_newer(held: Held, there: StoredObject) -> None:
    place = f"{held.bucket}/{held.key!r}"
    if not there.is_pinned:
        raise CannotRestore(
            f"{place} holds another upload by now (etag {there.etag}, {there.last_modified}), which would be lost; "
            "move that away first, or leave this one where it is"
        )
    try:
        uploaded_at = datetime.fromisoformat(held.uploaded_at.replace("Z", "+00:00"))
        is_newer = parsedate_to_datetime(there.last_modified) - uploaded_at > SAME_MOMENT
    except (ValueError, TypeError):
        is_newer = True
    if is_newer:
        raise CannotRestore(
            f"{place} holds a newer upload (version {there.version_id}, {there.last_modified}; this one is of "
            f"{held.uploaded_at or 'an unknown time'}); it stays on top"
        )


def _read_rest(account: Account, held: Held) -> Rest:
    """What had no room on the copy."""
    bucket, key = held.copy.bucket, held.copy.key + SIDECAR
    try:
        return read_sidecar(read_object(account.connect(), bucket, key), f"{bucket}/{key!r}")
    except ObjectGone:
        return {}, {}


def _is_writable(value: str) -> bool:
    """Whether HTTP can carry it in a header."""
    return value.isascii() and value.isprintable()
