"""What comes back of a quarantined object beside its bytes, and what a person has to know of that."""

from collections.abc import Iterator

from handler.errors import ObjectGone
from handler.model import Status
from handler.ports import ARCHIVE_CLASSES, HeldCopy
from handler.upload.holding import NOT_ENCRYPTED, PREFIX
from handler.upload.tagging import MOST_TAGS
from scripts.operations.account import Account, read_object
from scripts.operations.copies import CannotRestore
from scripts.operations.marks import RESTORED
from scripts.operations.provenance import SIDECAR, Held, read_sidecar

# What OSS calls an object's own ACL, and its class (vendor's API reference, PutObjectACL and PutObject).
ACLS = frozenset({"default", "private", "public-read", "public-read-write"})
CLASSES = frozenset({"Standard", "IA", *ARCHIVE_CLASSES})
# What a held copy's tag may say.
STATUSES = frozenset({RESTORED, *(status.value for status in Status)})
# Headers and metadata, as a sidecar keeps them.
Rest = tuple[dict[str, str], dict[str, str]]


def describe(account: Account, held: Held, tag_prefix: str) -> tuple[HeldCopy, tuple[str, ...]]:
    """The object as it will be, and notes: what does not come back, or not as one would think.

    Raises CannotRestore, NotOurs, and what the adapters raise.
    """
    rest = _read_rest(account, held)
    present = account.store().read_tags(held.copy)
    _refuse_another_prefix(held, present, tag_prefix)
    tags, given_up = _restored_tags(present, tag_prefix)
    notes = (*_notes(held, rest), *_encryption_notes(held), *_tag_notes(held, present, given_up))
    return _describe(held, rest, tags), notes


def _refuse_another_prefix(held: Held, present: dict[str, str], prefix: str) -> None:
    """Under another prefix our tags would pass for the user's, and come back as they are beside the new one."""
    ours = [name for name, value in present.items() if name.endswith("status") and value in STATUSES]
    if ours and f"{prefix}status" not in present:
        raise CannotRestore(
            f"{held.copy.location!r}: its tag {ours[0]!r} is {present[ours[0]]!r}, and it has no '{prefix}status', by "
            "--tag-prefix; say the policy's tags.prefix there"
        )


def _read_rest(account: Account, held: Held) -> Rest:
    """What had no room on the copy."""
    bucket, key = held.copy.bucket, held.copy.key + SIDECAR
    try:
        return read_sidecar(read_object(account.connect(), bucket, key), f"{bucket}/{key!r}")
    except ObjectGone:
        return {}, {}


def _notes(held: Held, rest: Rest) -> Iterator[str]:
    for name in (name for part in rest for name, value in part.items() if not _is_writable(name + value)):
        yield f"{name!r} can't be written in an HTTP header and is left out"
    acl, storage_class = held.facts.get("acl"), held.facts.get("storage-class")
    if acl not in ACLS:
        yield f"the copy does not say which ACL it had ({acl or 'nothing'}): that can't be brought back; the bucket's"
    if storage_class not in CLASSES:
        yield (
            f"the copy does not say which storage class it had ({storage_class or 'nothing'}): that can't be brought "
            "back; the bucket's"
        )
    if storage_class in ARCHIVE_CLASSES:
        yield f"it is brought back as it was, {storage_class}: nobody can read it before you restore it at OSS"


def _encryption_notes(held: Held) -> Iterator[str]:
    if held.copy.encryption and "encryption" not in held.facts:
        yield (
            "the copy does not say whether the object was encrypted, so it is brought back encrypted as the copy is "
            f"({', '.join(held.copy.encryption.values())}): whoever reads it needs that key"
        )


def _tag_notes(held: Held, present: dict[str, str], given_up: list[str]) -> Iterator[str]:
    if not present:
        yield (
            "the copy carries no tags, not even ours, so they were refused when it was made: the user's, if there were "
            "any, do not come back"
        )
    gone = held.facts.get("tags-given-up")
    if gone:
        yield f"the user's tag {gone!r} gave way to ours when it was quarantined, and does not come back"
    if given_up:
        yield f"the user's tags {', '.join(map(repr, given_up))} are left out: OSS allows {MOST_TAGS}, with ours"


def _restored_tags(present: dict[str, str], prefix: str) -> tuple[dict[str, str], list[str]]:
    """The user's own tags, after ours that says `passed`, as many as OSS allows; and the names of those given up."""
    users = sorted((name, value) for name, value in present.items() if not name.startswith(prefix))
    room = MOST_TAGS - 1
    return dict([(f"{prefix}status", "passed"), *users[:room]]), [name for name, _ in users[room:]]


def _describe(held: Held, rest: Rest, tags: dict[str, str]) -> HeldCopy:
    """The object as it was, without our provenance."""
    headers, metadata = ({name: value for name, value in part.items() if _is_writable(name + value)} for part in rest)
    own = {name: value for name, value in held.copy.metadata.items() if not name.startswith(PREFIX)}
    acl, storage_class = held.facts.get("acl", ""), held.facts.get("storage-class")
    return HeldCopy(
        held.bucket,
        held.key,
        headers={**held.copy.headers, **headers},
        metadata={**own, **metadata},
        tags=tags,
        acl=acl if acl in ACLS else "default",
        storage_class=storage_class if storage_class in CLASSES else None,
        encryption={} if held.facts.get("encryption") == NOT_ENCRYPTED else held.copy.encryption,
    )


def _is_writable(text: str) -> bool:
    """Whether HTTP can carry it in a header."""
    return text.isascii() and text.isprintable()
