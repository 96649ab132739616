"""How an upload ends whose bytes are not there: dealt with by a delivery before this one, or removed by their owner."""

from dataclasses import replace

from handler.errors import NoVerdict, OperatorError, StoreUnavailable
from handler.events import SYMLINK_EVENT, spellings
from handler.model import Action, Decision, Outcome, Status, Upload
from handler.ports import StoredObject
from handler.upload.deciding import decide
from handler.upload.holding import held_key
from handler.upload.judging import rule_out
from handler.upload.progress import Progress, Run


def end_without_bytes(progress: Progress, run: Run) -> Progress:
    """Say how it ended: as the delivery that was killed would have said, else `gone`."""
    return end_as_before(progress, run) or progress.end(Status.GONE)


def end_as_before(progress: Progress, run: Run) -> Progress | None:
    """End it as the delivery that was killed would have, where one dealt with it; else None."""
    decision = None
    if progress.entry.is_takeover:
        verdict = progress.entry.find_verdict(None, run.policy.moderation.service)
        progress = replace(progress, verdict=verdict)
        decision = _decide_again(progress, run)
    action = decision.action if decision is not None and run.is_enforced else None
    try:
        held = _find_held(progress.event_upload, run)
    except (OperatorError, StoreUnavailable) as exc:
        # Here, and not where all such is caught: the verdict that was found again is told with it.
        return progress.end(Status.FAILED, error=str(exc))
    if held is not None:
        # The copy tells that it was held; that it was held by this policy tells only the decision.
        by_this = action is Action.QUARANTINE
        ending = Outcome(
            progress.upload,
            Status.QUARANTINED,
            action=Action.QUARANTINE if by_this else None,
            location=held.location,
        )
        return replace(progress, decision=decision if by_this else None).end_as(ending)
    if action is Action.DELETE:
        ending = Outcome(progress.upload, Status.DELETED, action=action)
        return replace(progress, decision=decision).end_as(ending)
    return None


def _decide_again(progress: Progress, run: Run) -> Decision | None:
    """What was to be done with bytes that are gone, by what is known of them: the verdict, or the event alone."""
    known, upload = progress.entry.known, progress.upload
    if progress.verdict is not None:
        return decide(progress, run, progress.verdict)
    if known is not None and known.failure is not None:
        return decide(progress, run, NoVerdict(known.failure, "it was known before the bytes were removed"))
    object_type = "Symlink" if upload.event_name == SYMLINK_EVENT else "Normal"
    gone = StoredObject(upload.bucket, upload.key, upload.etag, "", upload.size_bytes, object_type=object_type)
    ruled_out = rule_out(upload, gone)
    return None if ruled_out is None else decide(progress, run, ruled_out)


def _find_held(upload: Upload, run: Run) -> StoredObject | None:
    rules = run.policy.quarantine
    if rules is None or not run.policy.can_quarantine:
        return None
    for key in spellings(upload.key):
        held = run.services.quarantine.find(rules.bucket, held_key(replace(upload, key=key), rules.prefix))
        if held is not None:
            return held
    return None
