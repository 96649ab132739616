"""Bringing a quarantined object back: first a plan, then an intent, the copy, and the release of what landed.

Killed anywhere, it is run again: an intent whose bytes are there already is completed, any other is void after a while.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from handler.adapters.ledger import OssLedger
from handler.errors import CannotCopy, OperatorError, PlaceTaken, StoreUnavailable, WardenError
from handler.ports import Copied, HeldCopy, StoredObject
from handler.upload.releases import Release, is_of
from scripts.operations.account import Account
from scripts.operations.copies import CannotRestore, find_newer, refuse_newer
from scripts.operations.describing import describe
from scripts.operations.marks import mark_restored
from scripts.operations.provenance import SIDECAR, Held, read_held
from scripts.operations.releases import (
    Grounds,
    Noted,
    begin_release,
    complete_interrupted,
    complete_release,
    give_up_release,
    is_released_by_etag,
    read_releases,
)

# The type of what was made in parts, as every restored object but an empty one (vendor's API reference, HeadObject).
IN_PARTS = "Multipart"


@dataclass(frozen=True)
class Where:
    """The quarantine with its prefix, the ledger, and how the policy's tags begin."""

    quarantine: str
    prefix: str
    ledger: str
    tag_prefix: str


@dataclass(frozen=True)
class Restore:
    """What would be done: `copy` describes the object as it will be. `beneath` is what a version would come over.

    `unfinished` is the intent of a restore that was interrupted when its copy was there: only the rest is done then.
    """

    held: Held
    copy: HeldCopy
    beneath: StoredObject | None
    is_done: bool
    unfinished: Noted | None = None
    notes: tuple[str, ...] = ()


def plan_restore(account: Account, where: Where, location: str, *, is_older_meant: bool = False) -> Restore:
    """Look at everything, change nothing. `is_older_meant`: also where a newer upload of the key is held.

    Raises CannotRestore, NotOurs, and what the adapters raise.
    """
    held = read_held(_find_copy(account, where, location), where.prefix)
    if held.bucket == where.ledger:
        raise CannotRestore(f"{held.bucket}/{held.key!r}: --ledger names the bucket of the uploads; name the ledger's")
    there = account.quarantine().find(held.bucket, held.key)
    # Read also where nothing is there: a ledger that can't be asked is told before anything is done.
    releases = read_releases(account.ledger(where.ledger), held.bucket, held.key).noted
    is_done = there is not None and _is_restored(account, where, held, there, releases)
    unfinished = None if there is None or is_done else _find_unfinished(account, held, there, releases)
    newer = find_newer(account, held, where.prefix)
    if not (is_done or unfinished):
        refuse_newer(held, there, newer, is_older_meant=is_older_meant)
    copy, notes = describe(account, held, where.tag_prefix)
    if newer:
        notes = (*notes, str(newer))
    if unfinished is not None:
        notes = (*notes, "its copy was there already and only its release was missing")
    return Restore(held, copy, there, is_done, unfinished, notes)


def _find_copy(account: Account, where: Where, location: str) -> StoredObject:
    """Look at the copy; nothing outside of the quarantine is one, whatever it says of itself."""
    bucket, _, key = location.partition("/")
    if not bucket or not key:
        raise CannotRestore(f"{location!r} is no location; one like quarantine-bucket/held/uploads/… is needed")
    if bucket != where.quarantine or not key.startswith(where.prefix):
        raise CannotRestore(
            f"{location!r} is not in the quarantine, {where.quarantine}/{where.prefix}: anyone may have put it there; "
            "if the policy's quarantine is another, say so with --quarantine and --prefix"
        )
    copy = account.quarantine().find(bucket, key)
    if copy is None:
        raise CannotRestore(f"nothing is at {location!r}; scripts/warden find KEY says where an upload is")
    if key.endswith(SIDECAR):
        raise CannotRestore(f"{location!r} is a sidecar; the object itself is at {location.removesuffix(SIDECAR)!r}")
    return copy


def carry_out(account: Account, where: Where, plan: Restore, grounds: Grounds) -> str | None:
    """Say that it begins, copy, say what landed, and have the copy in quarantine, which stays, say so too.

    What is back already only gets what is left. Answers with what was not done of the last, which harms nothing. Raises
    CannotRestore where it is not there in the end, CannotRelease, and what the adapters raise.
    """
    note = None if plan.is_done else _bring_back(account, where, plan, grounds)
    marked = mark_restored(account, plan.held.copy, where.tag_prefix)
    if note:
        raise CannotRestore("; ".join(filter(None, (f"it is back, but {note}", marked))))
    return marked


def _bring_back(account: Account, where: Where, plan: Restore, grounds: Grounds) -> str | None:
    """Answers with what the restored object has to go without."""
    held, quarantine, ledger = plan.held, account.quarantine(), account.ledger(where.ledger)
    if plan.unfinished is not None and plan.beneath is not None:
        complete_interrupted(ledger, plan.unfinished, plan.beneath, grounds)
        _find_restored(account, held)
        return None
    noted = begin_release(ledger, held, _sha256_of(account, held.copy), grounds)
    with _giving_up(ledger, noted, CannotRestore, PlaceTaken, CannotCopy, OperatorError):
        copied = quarantine.hold(held.copy, plan.copy, keep_going=lambda: _refuse_late(account, plan))
    with _giving_up(ledger, noted, CannotRestore):
        landed = _find_landed(account, where, held, noted, copied)
        _refuse_another(account, noted, copied, landed)
    complete_release(ledger, noted, landed, copied.request_id, grounds)
    # Only now nothing can take it for an upload of its own any more.
    _find_restored(account, held)
    return copied.note


@contextmanager
def _giving_up(ledger: OssLedger, noted: Noted, *failures: type[WardenError]) -> Iterator[None]:
    """Give the intent up where that fails for good: what is there is not to wait for a release that never comes."""
    try:
        yield
    except failures as exc:
        try:
            give_up_release(ledger, noted)
        except (OperatorError, StoreUnavailable) as failed:
            raise CannotRestore(f"{exc}; nor could that be noted, so what is there may wait: {failed}") from exc
        raise


def _refuse_late(account: Account, plan: Restore) -> None:
    """Refuse what came since the plan: where there are versions OSS would put the copy over it.

    Called until one call before the copy is there, and again where that is compared.
    """
    held = plan.held
    there = account.quarantine().find(held.bucket, held.key)
    if there is None or _may_hold_same_bytes(there, held.copy):
        return
    if plan.beneath is None or not there.holds_same_bytes_as(plan.beneath):
        raise CannotRestore(
            f"{held.bucket}/{held.key!r} got another upload meanwhile (etag {there.etag}, {there.last_modified}); "
            "nothing was put over it; scripts/warden find says what it is"
        )


def _find_restored(account: Account, held: Held) -> StoredObject:
    """What is there after a copy, where that is still the copy."""
    restored = account.quarantine().find(held.bucket, held.key)
    if restored is None or not _may_hold_same_bytes(restored, held.copy):
        what = "is gone again" if restored is None else "another upload came over it"
        raise CannotRestore(_what_became(held.bucket, held.key, what))
    return restored


def _find_landed(account: Account, where: Where, held: Held, noted: Noted, copied: Copied) -> StoredObject:
    """What has the key; where another restore of the same copy came over ours, our own version below it.

    Both have an event of their own, and each is to pass by its own release.
    """
    there = _find_restored(account, held)
    if not there.is_pinned or copied.version_id in {None, there.version_id} or there.object_type != IN_PARTS:
        return there
    others = read_releases(account.ledger(where.ledger), held.bucket, held.key).noted
    if not any(_may_be_of(other.release, there, held) for other in others if other.name != noted.name):
        return there
    return account.store().head(held.bucket, held.key, copied.version_id) or there


def _may_be_of(release: Release, there: StoredObject, held: Held) -> bool:
    """Whether a restore of the same copy has put it there, or is about to say so."""
    is_same = release.source == held.copy.location
    return is_same and (is_of(release, there) if release.landed else release.until > 0)


def _what_became(bucket: str, key: str, what: str) -> str:
    place = f"{bucket}/{key!r}"
    return (
        f"{place} was copied and {what}; scripts/warden find says what happened; the copy in quarantine is still there"
    )


def _refuse_another(account: Account, noted: Noted, copied: Copied, landed: StoredObject) -> None:
    """Refuse what lies there in the place of the copy: an uploader makes other bytes of its size and CRC-64 at will.

    What is archived can't be read; there the answer has to name it.
    """
    is_named = copied.version_id == landed.version_id
    if landed.is_archived:
        is_copy = is_named and bool(copied.request_id)
    else:
        is_copy = (is_named or not copied.request_id) and _sha256_of(account, landed) == noted.release.sha256
    if not is_copy:
        raise CannotRestore(_what_became(noted.release.bucket, noted.release.key, "another upload came over it"))


def _is_restored(account: Account, where: Where, held: Held, there: StoredObject, releases: tuple[Noted, ...]) -> bool:
    """Whether these very bytes are back already, with a release of exactly the object that is there."""
    if not _may_hold_same_bytes(there, held.copy):
        return False
    is_released = any(is_of(noted.release, there) for noted in releases)
    return is_released or is_released_by_etag(account.ledger(where.ledger), there)


def _find_unfinished(account: Account, held: Held, there: StoredObject, releases: tuple[Noted, ...]) -> Noted | None:
    """The newest intent to bring back this copy, where the very bytes are there, and only the rest was not done.

    Not where somebody put them there at once: the event of such an upload looks for no release.
    """
    intents = (r for r in releases if r.release.landed is None and r.release.source == held.copy.location)
    intent = next(intents, None)
    is_copy = there.object_type == IN_PARTS or not there.size_bytes
    if intent is None or not is_copy or not _may_hold_same_bytes(there, held.copy):
        return None
    # What an uploader may have put there meanwhile can have any size, CRC-64 and etag: only the bytes tell.
    return intent if _sha256_of(account, there) == intent.release.sha256 else None


def _sha256_of(account: Account, found: StoredObject) -> str:
    return account.quarantine().sha256(found, keep_going=lambda: None)


def _may_hold_same_bytes(one: StoredObject, other: StoredObject) -> bool:
    """By size and CRC-64; the etag of what was copied in parts is another, and not every copy has a CRC-64.

    Never a link: of that all three are its target's.
    """
    if one.is_symlink or one.size_bytes != other.size_bytes:
        return False
    return one.crc64 is None or other.crc64 is None or one.crc64 == other.crc64
