"""Which traces of a key were brought back, when, by whom and why: from the ledger, else from the held copy's tag."""

from dataclasses import replace
from datetime import timezone
from email.utils import parsedate_to_datetime

from handler.model import Status
from handler.policy.rules import RELEASE
from handler.upload.releases import Release
from scripts.operations.account import Account
from scripts.operations.marks import RESTORED
from scripts.operations.releases import read_release_of_etag, read_releases
from scripts.operations.traces import Place, Trace

RESTORE_BEGUN = "restore begun"


def add_releases(account: Account, place: Place, traces: list[Trace], strange: list[str]) -> list[Trace]:
    """Each with the newest release that is of it, or with what its held copy says of one."""
    if place.ledger is None:
        return [_with_mark(trace) for trace in traces]
    ledger = account.ledger(place.ledger)
    releases = read_releases(ledger, place.bucket, place.key)
    strange += [f"{place.ledger}/{name}" for name in releases.strange]

    def add(trace: Trace) -> Trace:
        fitting = (noted.release for noted in releases.noted if _is_release_of(noted.release, trace))
        release = next(fitting, None)
        if release is None and _was_touched(trace):
            release = read_release_of_etag(ledger, place.bucket, place.key, trace.etag or "")
            return _with(trace, release, RESTORED) if release is not None else _with_mark(trace)
        return _with(trace, release, RESTORED if release.landed else RESTORE_BEGUN) if release is not None else trace

    return [add(trace) for trace in traces]


def _is_release_of(release: Release, trace: Trace) -> bool:
    """Whether it brought back what this upload left in quarantine, or is what this upload is."""
    if release.source == trace.location:
        return True
    return release.landed is not None and release.landed.request_id == trace.request_id


def _was_touched(trace: Trace) -> bool:
    """Whether somebody may have brought it back, or it passed because somebody did."""
    decision = (trace.document or {}).get("decision") or {}
    return trace.status == Status.QUARANTINED.value or decision.get("rule") == RELEASE


def _with(trace: Trace, release: Release, state: str) -> Trace:
    at = _in_utc(release.landed.last_modified) if release.landed is not None else None
    return replace(trace, release={"state": state, "by": release.by, "reason": release.reason}, restored_at=at)


def _with_mark(trace: Trace) -> Trace:
    """That it was restored, where only the held copy says so."""
    if trace.mark != RESTORED:
        return trace
    return replace(trace, release={"state": RESTORED, "by": None, "reason": None})


def _in_utc(date: str) -> str | None:
    """An HTTP date as everything else here gives a time."""
    try:
        return parsedate_to_datetime(date).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, TypeError):
        return None
