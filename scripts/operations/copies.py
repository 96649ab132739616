"""What came to a key after a copy of it was held: it is never overwritten, nor shut out unless that is meant."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from handler.errors import WardenError
from handler.ports import StoredObject
from handler.upload.scanning import SAME_MOMENT
from scripts.operations.account import Account, list_keys
from scripts.operations.provenance import SIDECAR, Held, NotOurs, held_prefix, read_held

# Each is looked at, and a key that is held more often than this is no mistake of the policy's.
MOST_COPIES = 100


class CannotRestore(WardenError):
    """The object stays in quarantine; the message says why."""


@dataclass(frozen=True)
class Newer:
    """Copies of newer uploads of the same key, the newest first; `is_cut`: there are more copies than were looked at.

    One whose upload has no readable time, or that is compared with such a one, counts as newer.
    """

    copies: tuple[Held, ...]
    is_cut: bool

    def __bool__(self) -> bool:
        return bool(self.copies) or self.is_cut

    def __str__(self) -> str:
        if not self.copies:
            return f"more than {MOST_COPIES} copies of this key are held, and one may be of a newer upload"
        newest = self.copies[0]
        others = f", and {len(self.copies) - 1} more" if len(self.copies) > 1 else ""
        return (
            f"a newer upload of this key, of {newest.uploaded_at or 'an unknown time'}, is held at "
            f"{newest.copy.location}{others}"
        )


def find_newer(account: Account, held: Held, prefix: str) -> Newer:
    """Look at the other copies of the key. Raises OperatorError and StoreUnavailable."""
    begin = prefix + held_prefix(held.bucket, held.key)
    keys, is_cut = list_keys(account.connect(), held.copy.bucket, begin, MOST_COPIES)
    others = (key for key in keys if key != held.copy.key and not key.endswith(SIDECAR))
    found = filter(None, (_read(account, held, key, prefix) for key in others))
    newer = [other for other in found if is_newer(other, held)]
    return Newer(tuple(sorted(newer, key=lambda other: other.uploaded_at, reverse=True)), is_cut)


def is_newer(one: Held, other: Held) -> bool:
    """Whether its upload came later, or may have."""
    first, second = one.uploaded_time, other.uploaded_time
    return first is None or second is None or first > second


def _read(account: Account, held: Held, key: str, prefix: str) -> Held | None:
    """A copy of the same key; None where it is none, or gone."""
    copy = account.quarantine().find(held.copy.bucket, key)
    try:
        other = read_held(copy, prefix) if copy is not None else None
    except NotOurs:
        return None
    return other if other is not None and (other.bucket, other.key) == (held.bucket, held.key) else None


def refuse_newer(held: Held, there: StoredObject | None, newer: Newer, *, is_older_meant: bool) -> None:
    """Refuse where a newer upload has the key, or had it and is held: what is put there now would shut that one out.

    Raises CannotRestore. `there` is what has the key.
    """
    place = f"{held.bucket}/{held.key!r}"
    if newer and not is_older_meant:
        raise CannotRestore(
            f"{place}: {newer}; this one is of {held.uploaded_at or 'an unknown time'}; restore that one, or say "
            "--older if this one is meant"
        )
    if there is None:
        return
    if not there.is_pinned:
        raise CannotRestore(
            f"{place} holds another upload by now (etag {there.etag}, {there.last_modified}), which would be lost; "
            "move that away first, or leave this one where it is"
        )
    if _came_later(there, held):
        raise CannotRestore(
            f"{place} holds a newer upload, or one that was restored since (version {there.version_id}, "
            f"{there.last_modified}; this one is of {held.uploaded_at or 'an unknown time'}); it stays on top"
        )


def _came_later(there: StoredObject, held: Held) -> bool:
    uploaded = held.uploaded_time
    try:
        return uploaded is None or parsedate_to_datetime(there.last_modified) - uploaded > SAME_MOMENT
    except (ValueError, TypeError):
        return True
