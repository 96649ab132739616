"""Which upload a version is for.

Several events may fit several versions of the same bytes (a client's retry puts a picture twice), and an event does not
name its version. So each event takes one that no other has, before anything is paid for it: of n twins each event
gets one. Only versions whose id names their bytes for ever are taken. Without a ledger, every version is free.
"""

from dataclasses import dataclass

from handler.json_form import Document, check_version, read_as, read_ending
from handler.model import Earlier
from handler.ports import StoredObject
from handler.upload.ledger import Entry
from handler.upload.records import (
    OUTCOME,
    Claim,
    Take,
    claim_name,
    newest_claim,
    newest_take,
    read_take,
    take_record,
    takes_of,
)
from handler.upload.waiting import Waiting, good_for_s


@dataclass(frozen=True, slots=True)
class Taken:
    """How things stand with a version. `number` is that of its newest take, 0 without any.

    `is_mine`: that take is this upload's; `is_ours`: it is of this very run.
    `ended`: how the upload that has it ended with it. `holder`: who is at work on it, for `wait_s` at the most; None,
    without an end: it is free. `now` is the time of the ledger's clock.
    """

    number: int
    is_mine: bool = False
    is_ours: bool = False
    ended: Earlier | None = None
    holder: Claim | None = None
    wait_s: float = 0.0
    now: float = 0.0

    @property
    def is_free(self) -> bool:
        """Whether nobody has it, or nobody any more."""
        return self.ended is None and self.holder is None


def take(entry: Entry, found: StoredObject, number: int = 1) -> bool:
    """Take this version; False where another was faster. Raises OperatorError."""
    record = take_record(entry.upload, found, Take(entry.folder, entry.token))
    return entry.ledger.create("take", f"{takes_of(entry.delivery.function, found)}{number}.json", record)


def take_again(entry: Entry, found: StoredObject) -> bool:
    """Take the version that an earlier delivery of this upload took; False where another upload has it by now.

    Raises OperatorError.
    """
    return _take_free(entry, found, look_at(entry, found))


def _take_free(entry: Entry, found: StoredObject, taken: Taken) -> bool:
    return taken.is_ours or (taken.is_free and take(entry, found, taken.number + 1))


def take_now(entry: Entry, candidates: list[StoredObject]) -> StoredObject | None:
    """Take the first of these versions that nobody ever took; None where there is none. Raises OperatorError."""
    return _take_mine(entry, candidates) or next((found for found in candidates if take(entry, found)), None)


def _take_mine(entry: Entry, candidates: list[StoredObject]) -> StoredObject | None:
    """A delivery that was killed may have taken one: that comes first, so that none is left behind."""
    for found in candidates if entry.is_takeover else []:
        taken = look_at(entry, found)
        if taken.is_mine and _take_free(entry, found, taken):
            return found
    return None


def wait_for_one(entry: Entry, candidates: list[StoredObject], waiting: Waiting) -> StoredObject | Earlier:
    """Take one of the versions (at least one) once it is given up; or say how another upload ended with one.

    Waits where others are at work on all that have not ended. Raises ClaimHeld and OperatorError.
    """
    while True:
        states = [(found, look_at(entry, found)) for found in candidates]
        for found, taken in states:
            if _take_free(entry, found, taken):
                return found
        if any(taken.is_free for _, taken in states):
            continue  # somebody was faster; what became of that one tells another look
        ended = [taken.ended for _, taken in states if taken.ended]
        at_work = [taken for _, taken in states if taken.holder]
        if not at_work:
            return ended[0]
        first = min(at_work, key=lambda taken: taken.wait_s)
        assert first.holder  # noqa: S101  (for mypy: that is what at_work holds)
        waiting.wait(first.wait_s, first.holder, first.now)
        # Or a copy of this event would take it over meanwhile, and both go on once the version is free.
        entry.keep_hold()


def look_at(entry: Entry, found: StoredObject) -> Taken:
    """Say who has this version. Raises OperatorError."""
    ledger, prefix = entry.ledger, takes_of(entry.delivery.function, found)
    number = newest_take(ledger.look("take", prefix).written_at)
    name = f"{prefix}{number}.json"
    newest = ledger.read("read of a take", name, lambda record: read_take(record, found)) if number else None
    if newest is None or newest.folder == entry.folder:
        return Taken(number, is_mine=newest is not None, is_ours=newest is not None and newest.token == entry.token)
    return _of_another(entry, found, number, newest.folder)


def _of_another(entry: Entry, found: StoredObject, number: int, folder: str) -> Taken:
    """Tell by the records of the upload that has it whether it is at work, has ended with it, or was given up."""
    ledger = entry.ledger
    listing = ledger.look("take", folder)
    if OUTCOME in listing.written_at:
        name = folder + OUTCOME
        return Taken(number, ended=ledger.read(f"read of {name}", name, lambda record: _ended(record, found, name)))
    newest = newest_claim(listing.written_at)
    name = folder + claim_name(newest)
    claim = ledger.read(f"read of {name}", name, _read_claim) if newest else None
    wait_s = good_for_s(claim, listing.written_at.get(claim_name(newest), 0.0), listing.now)
    return Taken(number, holder=claim if wait_s > 0 else None, wait_s=wait_s, now=listing.now)


def _ended(record: Document, found: StoredObject, name: str) -> Earlier | None:
    """How it ended, where that was with this version: a delivery that was killed may have taken one more."""
    written = check_version(record)
    if written["upload"].get("version_id") != found.version_id:
        return None
    status, location = read_ending(written)
    return Earlier(status, location, name)


def _read_claim(record: Document) -> Claim:
    claim: Claim = read_as(Claim, check_version(record).get("claim"))
    return claim
