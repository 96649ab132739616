"""Every upload of a key: from the ledger, from the quarantine, and from the bucket itself."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from handler.adapters.oss.connection import OssConnection
from handler.errors import BadRecord
from handler.json_form import check_version
from handler.policy.rules import RELEASE
from handler.ports import StoredObject
from handler.upload.records import OUTCOME, UNDATED, key_prefix, newest_claim
from handler.upload.releases import Release
from scripts.operations.account import Account, list_keys
from scripts.operations.logged import read_logged
from scripts.operations.provenance import SIDECAR, NotOurs, held_prefix, read_held
from scripts.operations.releases import read_release_of_etag, read_releases

RESTORED, RESTORE_BEGUN = "restored", "restore begun"
AT_WORK = "at work"
WAITS = "waits"
BAD_FIELDS = "ours, with fields that do not fit"
_NOT_FITTING = (BadRecord, KeyError, TypeError, AttributeError)


@dataclass(frozen=True)
class Place:
    """What is asked: a key of a watched bucket, and where else to look. `days` back from today, by our clock.

    `logs` are files of the function's log lines.
    """

    bucket: str
    key: str
    function: str
    ledger: str | None
    quarantine: str | None
    prefix: str
    days: int
    logs: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Trace:
    """One upload of the key, as far as anything still knows of it.

    `status` is that of the outcome, or `at work` or `waits` (for its next delivery) where there is none yet. `document`
    is the ledger's, in the project's JSON form. `release`: who brought it back and why; its `state` is `restored`, or
    `restore begun` where that was interrupted. `is_there`: whether the bytes are at `location` now.
    """

    request_id: str
    uploaded_at: str
    status: str
    location: str | None
    is_there: bool | None
    etag: str | None = None
    error: str | None = None
    document: dict[str, Any] | None = None
    release: dict[str, str] | None = None


@dataclass(frozen=True)
class Found:
    """All that was found. `current` is what is under the key now; `strange` names what could not be read.

    `unread`: how many lines of the logs these are.
    """

    traces: tuple[Trace, ...]
    current: StoredObject | None
    current_tags: dict[str, str]
    strange: tuple[str, ...]
    unread: int = 0


def find(account: Account, place: Place) -> Found:
    """Ask everything that knows of this key. Raises OperatorError, StoreUnavailable and OSError."""
    connection, store = account.connect(), account.store()
    strange: list[str] = []
    traces = {trace.request_id: trace for trace in _from_ledger(account, connection, place, strange)}
    for trace in _from_quarantine(account, connection, place, strange):
        traces.setdefault(trace.request_id, trace)
    unread: Counter[str] = Counter()
    for trace in _from_logs(account, place, unread):
        traces.setdefault(trace.request_id, trace)
    strange += [f"{count:,} lines of the log: {reason}" for reason, count in unread.most_common()]
    current = account.quarantine().find(place.bucket, place.key)
    tags = store.read_tags(current) if current is not None and current.tag_count else {}
    ordered = sorted(traces.values(), key=lambda trace: (trace.uploaded_at, trace.request_id))
    released = _with_releases(account, place, ordered, strange)
    return Found(tuple(released), current, tags, tuple(strange), unread.total())


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
        for name in list_keys(connection, place.ledger, prefix):
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
        return _trace_of(account, document, ending["status"] if OUTCOME in names else WAITS if ending else AT_WORK)
    except _NOT_FITTING as exc:
        strange.append(f"{place.ledger}/{name}: {exc}")
        return None


def _trace_of(account: Account, document: dict[str, Any], status: str) -> Trace:
    """What a document of the JSON form says. Raises one of _NOT_FITTING where it does not fit."""
    upload, ending = document["upload"], document.get("outcome") or {}
    location = ending.get("location")
    return Trace(
        request_id=str(upload["request_id"]),
        uploaded_at=str(upload["uploaded_at"]),
        status=str(status),
        location=location,
        is_there=_is_there(account, location, upload),
        etag=str(upload["etag"]),
        error=ending.get("error"),
        document=document,
    )


def _from_logs(account: Account, place: Place, unread: Counter[str]) -> Iterator[Trace]:
    for document in read_logged(place.logs, place.bucket, place.key, unread):
        try:
            yield _trace_of(account, document, document["outcome"]["status"])
        except _NOT_FITTING:  # noqa: PERF203  (the others are shown all the same)
            unread[BAD_FIELDS] += 1


def _from_quarantine(account: Account, connection: OssConnection, place: Place, strange: list[str]) -> Iterator[Trace]:
    """Copies are named after the key, so these are found however old, and without a ledger."""
    if place.quarantine is None:
        return
    quarantine = account.quarantine()
    for key in list_keys(connection, place.quarantine, place.prefix + held_prefix(place.bucket, place.key)):
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
            "quarantined",
            copy.location,
            is_there=True,
            etag=held.facts.get("etag"),
            document={"provenance": held.facts},
        )


def _is_there(account: Account, location: str | None, upload: dict[str, Any]) -> bool | None:
    """Whether the bytes are at their place now; None where there is no such place.

    A copy's place is its own, and its etag another where it was made in parts or encrypted.
    """
    if not location:
        return None
    bucket, _, key = location.partition("/")
    there = account.quarantine().find(bucket, key)
    is_copy = (bucket, key) != (upload["bucket"], upload["key"])
    return there is not None and (is_copy or there.etag == upload["etag"])


def _with_releases(account: Account, place: Place, traces: list[Trace], strange: list[str]) -> list[Trace]:
    """Each with the newest release that is of it."""
    if place.ledger is None:
        return traces
    ledger = account.ledger(place.ledger)
    releases = read_releases(ledger, place.bucket, place.key)
    strange += [f"{place.ledger}/{name}" for name in releases.strange]

    def find_release(trace: Trace) -> dict[str, str] | None:
        fitting = (noted.release for noted in releases.noted if _is_release_of(noted.release, trace))
        release = next(fitting, None)
        if release is not None:
            return _describe(release, RESTORED if release.landed else RESTORE_BEGUN)
        old = read_release_of_etag(ledger, place.bucket, place.key, trace.etag or "") if _was_touched(trace) else None
        return _describe(old, RESTORED) if old is not None else None

    return [replace(trace, release=find_release(trace)) for trace in traces]


def _is_release_of(release: Release, trace: Trace) -> bool:
    """Whether it brought back what this upload left in quarantine, or is what this upload is."""
    if release.source == trace.location:
        return True
    return release.landed is not None and release.landed.request_id == trace.request_id


def _was_touched(trace: Trace) -> bool:
    """Whether somebody may have brought it back, or it passed because somebody did."""
    decision = (trace.document or {}).get("decision") or {}
    return trace.status == "quarantined" or decision.get("rule") == RELEASE


def _describe(release: Release, state: str) -> dict[str, str]:
    return {"state": state, "by": release.by, "reason": release.reason}
