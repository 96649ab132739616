"""Every upload of a key: from the ledger, from the quarantine, and from the bucket itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from handler.adapters.oss.connection import OssConnection
from handler.errors import BadRecord
from handler.json_form import check_version
from handler.model import Status
from handler.ports import StoredObject
from handler.upload.records import OUTCOME, UNDATED, key_prefix, newest_claim
from scripts.operations.account import MOST_KEYS, Account, list_keys
from scripts.operations.causes import LEDGER, QUARANTINE
from scripts.operations.logged import Logged
from scripts.operations.marks import read_mark
from scripts.operations.provenance import SIDECAR, NotOurs, held_prefix, read_held
from scripts.operations.released import add_releases
from scripts.operations.traces import AT_WORK, Found, Place, Trace

_NOT_FITTING = (BadRecord, KeyError, TypeError, AttributeError)


def find(account: Account, place: Place, logged: Logged) -> Found:
    """Ask everything that knows of this key. Raises OperatorError and StoreUnavailable."""
    connection, store = account.connect(), account.store()
    strange: list[str] = []
    traces = {trace.request_id: trace for trace in _from_ledger(account, connection, place, strange)}
    for trace in _from_quarantine(account, connection, place, strange):
        traces.setdefault(trace.request_id, trace)
    for trace in _from_logs(account, place, logged):
        traces.setdefault(trace.request_id, trace)
    strange += [f"{count:,} lines of the log: {reason}" for reason, count in logged.unread.most_common()]
    current = account.quarantine().find(place.bucket, place.key)
    tags = store.read_tags(current) if current is not None and current.tag_count else {}
    ordered = sorted(traces.values(), key=lambda trace: (trace.uploaded_at, trace.request_id))
    released = add_releases(account, place, ordered, strange)
    return Found(tuple(released), current, tags, tuple(strange), logged.unread.total(), tuple(_not_asked(place)))


def _not_asked(place: Place) -> Iterator[str]:
    if place.ledger is None:
        yield f"the ledger, which knows every upload of {place.days} days; name it by {LEDGER}"
    if place.quarantine is None:
        yield f"the quarantine, which may hold copies; name it by {QUARANTINE}"


def days_back(days: int, now: datetime | None = None) -> list[str]:
    """The names of the ledger's days: today and those before, and that of events without a time."""
    today = now or datetime.now(timezone.utc)
    return [UNDATED, *((today - timedelta(days=back)).strftime("%Y-%m-%d") for back in range(days))]


def _from_ledger(account: Account, connection: OssConnection, place: Place, strange: list[str]) -> Iterator[Trace]:
    if place.ledger is None:
        return
    for day in days_back(place.days):
        folders: dict[str, list[str]] = {}
        prefix = key_prefix(place.function, place.bucket, place.key, day)
        names, is_cut = list_keys(connection, place.ledger, prefix)
        if is_cut:
            strange.append(f"{place.ledger}/{prefix}…: more than {MOST_KEYS:,} records; the rest of that day is left")
        for name in names:
            folder, _, record = name.rpartition("/")
            folders.setdefault(folder + "/", []).append(record)
        for folder, names in folders.items():
            trace = _trace(account, place, folder, names, strange)
            if trace is not None:
                yield trace


def _trace(account: Account, place: Place, folder: str, names: list[str], strange: list[str]) -> Trace | None:
    """What one folder says: its outcome, or, where there is none yet, its newest claim."""
    ledger = account.ledger(str(place.ledger))
    name = folder + (OUTCOME if OUTCOME in names else f"claim-{newest_claim(names)}.json")
    try:
        document = check_version(ledger.read(name) or {})
        ending = document.get("outcome") or {}
        return _trace_of(account, place, document, ending["status"] if ending or OUTCOME in names else AT_WORK)
    except _NOT_FITTING as exc:
        strange.append(f"{place.ledger}/{name}: {exc}")
        return None


def _trace_of(account: Account, place: Place, document: dict[str, Any], status: str) -> Trace:
    """What a document of the JSON form says. Raises one of _NOT_FITTING where it does not fit."""
    upload, ending = document["upload"], document.get("outcome") or {}
    location = ending.get("location")
    there = _look_at(account, location) if location else None
    # A copy's place is its own, and its etag another where it was made in parts or encrypted.
    is_copy = location != f"{upload['bucket']}/{upload['key']}"
    return Trace(
        request_id=str(upload["request_id"]),
        uploaded_at=str(upload["uploaded_at"]),
        status=str(status),
        location=location,
        is_there=(there is not None and (is_copy or there.etag == upload["etag"])) if location else None,
        etag=str(upload["etag"]),
        error=ending.get("error"),
        document=document,
        mark=read_mark(account, there, place.tag_prefix) if there is not None and is_copy else None,
    )


def _look_at(account: Account, location: str) -> StoredObject | None:
    bucket, _, key = location.partition("/")
    return account.quarantine().find(bucket, key)


def _from_logs(account: Account, place: Place, logged: Logged) -> Iterator[Trace]:
    for document in logged.of(place.key):
        yield _trace_of(account, place, document, document["outcome"]["status"])


def _from_quarantine(account: Account, connection: OssConnection, place: Place, strange: list[str]) -> Iterator[Trace]:
    """Copies are named after the key, so these are found however old, and without a ledger."""
    if place.quarantine is None:
        return
    quarantine = account.quarantine()
    prefix = place.prefix + held_prefix(place.bucket, place.key)
    keys, is_cut = list_keys(connection, place.quarantine, prefix)
    if is_cut:
        strange.append(f"{place.quarantine}/{prefix}…: more than {MOST_KEYS:,} copies; the rest is left")
    for key in keys:
        copy = None if key.endswith(SIDECAR) else quarantine.find(place.quarantine, key)
        if copy is None:
            continue
        try:
            held = read_held(copy, place.prefix)
        except NotOurs as exc:
            strange.append(str(exc))
            continue
        yield Trace(
            held.request_id,
            held.uploaded_at,
            Status.QUARANTINED.value,
            copy.location,
            is_there=True,
            etag=held.facts.get("etag"),
            document={"provenance": held.facts},
            mark=read_mark(account, copy, place.tag_prefix),
        )
