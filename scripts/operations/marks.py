"""The status that a held copy carries as a tag: `quarantined`, and `restored` once a person has brought it back.

Not `passed`, though that is what the restored object says: a gate lets everybody read what says so, and the quarantine
may be a part of a watched bucket.
"""

from handler.errors import ObjectGone, OperatorError, StoreUnavailable
from handler.ports import StoredObject
from handler.upload.tagging import LONGEST_KEY, MOST_TAGS, legal
from scripts.operations.account import Account

RESTORED = "restored"


def read_mark(account: Account, copy: StoredObject, tag_prefix: str) -> str | None:
    """The status that the copy carries; None where it carries none, or its tags may not be read."""
    if not copy.tag_count:
        return None
    return account.store().read_tags(copy).get(_name(tag_prefix))


def mark_restored(account: Account, copy: StoredObject, tag_prefix: str) -> str | None:
    """Have the copy say that it was restored; its other tags stay. None, or why it goes on saying what it did."""
    name = _name(tag_prefix)
    try:
        present = account.store().read_tags(copy)
        if present.get(name) == RESTORED:
            return None
        if name not in present and len(present) >= MOST_TAGS:
            return f"the held copy does not say so: it carries {len(present)} tags, and OSS allows {MOST_TAGS}"
        account.store().write_tags(copy, {**present, name: RESTORED})
    except (OperatorError, ObjectGone, StoreUnavailable) as exc:
        return f"the held copy still says what it did, and not that it was restored: {exc}"
    return None


def _name(tag_prefix: str) -> str:
    return legal(f"{tag_prefix}status", LONGEST_KEY)
