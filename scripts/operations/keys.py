"""Keys that begin alike: those that are in the bucket, that copies in the quarantine came from, and that a log names.

The ledger is asked by whole keys, so an upload that only it knows, one that was deleted, is not found so.
"""

from dataclasses import dataclass

from handler.ports import StoredObject
from scripts.operations.account import Account, list_keys
from scripts.operations.crew import work_through
from scripts.operations.logged import Logged
from scripts.operations.provenance import SIDECAR, NotOurs, read_held
from scripts.operations.traces import Place

# Each is asked for by itself: a call for each day of the ledger, and some more.
MOST_KEYS = 100
# Names in the quarantine say nothing of the key: each copy is looked at.
MOST_COPIES = 5_000
# OSS's bound on a key (vendor's page on naming objects).
LONGEST_KEY_BYTES = 1023


@dataclass(frozen=True)
class Keys:
    """The keys, the first by name. `left_out` says what was not looked at, and why."""

    names: tuple[str, ...]
    left_out: tuple[str, ...]


def find_keys(account: Account, place: Place, logged: Logged) -> Keys:
    """The first MOST_KEYS keys that begin as `place.key`. Raises OperatorError and StoreUnavailable."""
    listed, is_cut = list_keys(account.connect(), place.bucket, place.key, MOST_KEYS)
    held, left_out = _held_keys(account, place)
    names = sorted({*listed, *held, *logged.uploads})
    if is_cut or logged.is_cut or len(names) > MOST_KEYS:
        left_out.append(f"more than {MOST_KEYS} keys begin so, and these are the first by name; make the prefix longer")
    return Keys(tuple(names[:MOST_KEYS]), tuple(left_out))


def _held_keys(account: Account, place: Place) -> tuple[set[str], list[str]]:
    """The keys that copies came from, and what was left out."""
    if place.quarantine is None:
        return set(), []
    folder = f"{place.prefix}{place.bucket}/"
    copies, is_cut = list_keys(account.connect(), place.quarantine, folder, MOST_COPIES)
    bucket = place.quarantine

    def look(fork: Account, key: str) -> str:
        return _source(fork.quarantine().find(bucket, key), place)

    sources = work_through(account, [copy for copy in copies if not copy.endswith(SIDECAR)], look)
    left_out = [f"of the copies in {bucket}/{folder} only the first {MOST_COPIES:,} were looked at"] if is_cut else []
    return {key for key in sources if key and key.startswith(place.key)}, left_out


def _source(copy: StoredObject | None, place: Place) -> str:
    """The key that a copy came from; empty where it is none of the function's."""
    try:
        held = read_held(copy, place.prefix) if copy is not None else None
    except NotOurs:
        return ""
    return held.key if held is not None and held.bucket == place.bucket else ""


def what_is_wrong(key: str) -> str | None:
    """Why OSS can have no such key, if so."""
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        return "is no UTF-8, which every key is"
    if size_bytes > LONGEST_KEY_BYTES:
        return f"has {size_bytes:,} bytes; a key has {LONGEST_KEY_BYTES:,} at most"
    if key.startswith(("/", "\\")):
        return "begins with a slash, which no key does; leave it away"
    return None
