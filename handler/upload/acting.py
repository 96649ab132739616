"""A Decision -> what is done to the object, and the Outcome of that."""

from dataclasses import replace

from handler.errors import (
    FailureKind,
    NoVerdict,
    ObjectChanged,
    ObjectGone,
    OperatorError,
    StoreUnavailable,
    TagAstray,
)
from handler.model import Action, Decision, Mode, Outcome, Status, Verdict, assert_never
from handler.ports import HeldCopy, Store, StoredObject
from handler.upload.holding import held_copy, held_key
from handler.upload.judging import Answer
from handler.upload.progress import Progress, Run
from handler.upload.records import Release
from handler.upload.tagging import TagPlan, plan_tags, wanted_tags

# No fault of the object that another delivery would mend by itself, so that waiting for it helps nobody.
FINAL_FAILURES = frozenset({FailureKind.UNSUPPORTED, FailureKind.TOO_LARGE, FailureKind.SYMLINK})
UNREADABLE_HINT = "; if this happens to every upload, the bucket is not authorised for the service (README, Deploy)"


def confirm(
    progress: Progress, run: Run, found: StoredObject, answer: Answer, decision: Decision | None
) -> tuple[Progress, StoredObject]:
    """Take the answer for one on these bytes: look again where it is not certain to be, and no copy is about to tell.

    A conditional copy compares the bytes by itself. Raises ObjectGone or ObjectChanged where others are there by now.
    """
    copy_tells = run.is_enforced and decision is not None and decision.action is Action.QUARANTINE
    if not (answer.is_exact or copy_tells):
        found = look(found, run.services.store)
    if isinstance(answer.said, Release):
        return replace(progress, decision=decision), found
    verdict = answer.said if isinstance(answer.said, Verdict) else None
    return replace(progress, verdict=verdict, decision=decision), found


def act(progress: Progress, run: Run, found: StoredObject, answer: Answer, decision: Decision | None) -> Progress:
    """Do what was decided, to exactly the bytes that were judged; with an error where the invocation has to fail.

    Where nothing could be decided yet, it ends as failed, so that it is delivered again.

    Raises ObjectGone or ObjectChanged where these are no longer there, and what the ports raise.
    """
    failure = answer.said if isinstance(answer.said, NoVerdict) else None
    hint = UNREADABLE_HINT if failure is not None and failure.kind is FailureKind.UNREADABLE else ""
    if decision is None:
        error = f"{failure}; it waits for the next delivery{hint}"
        return progress.end(Status.FAILED, location=found.location, error=error)
    ending = _carry_out(progress, run, found, decision)
    if failure is not None and failure.kind not in FINAL_FAILURES:
        ending = replace(ending, error=f"{failure}{hint}")
    was_removed = ending.action in {Action.QUARANTINE, Action.DELETE}
    return replace(progress, ending=ending, may_have_uncovered=was_removed and found.is_pinned and not found.is_symlink)


def look(found: StoredObject, store: Store) -> StoredObject:
    """Look again: the same bytes with what is known of them now (their tags change by themselves).

    Raises ObjectGone or ObjectChanged where they are no longer there.
    """
    if found.is_symlink and found.is_current:
        now = store.link(found.bucket, found.key)
    else:
        by_version = found.is_pinned or not found.is_current
        now = store.head(found.bucket, found.key, found.version_id if by_version else None)
    if now is None or now.is_deletion:
        raise ObjectGone(f"{found.location!r} went away while it was judged")
    if not found.holds_same_bytes_as(now):
        raise ObjectChanged(f"{found.location!r} was overwritten while it was judged")
    return replace(now, is_current=found.is_current)


def _carry_out(progress: Progress, run: Run, found: StoredObject, decision: Decision) -> Outcome:
    upload = progress.upload
    if decision.mode is Mode.SHADOW:
        return Outcome(upload, Status.SHADOW, location=found.location)
    match decision.action:
        case Action.NONE:
            return Outcome(upload, Status.LEFT_ALONE, action=Action.NONE, location=found.location)
        case Action.DELETE:
            run.services.store.delete(found)
            return Outcome(upload, Status.DELETED, action=Action.DELETE)
        case Action.QUARANTINE:
            return _quarantine(progress, run, found, decision)
        case Action.PASS | Action.TAG:
            return _mark(progress, run, found, decision)
        case _ as missed:
            return assert_never(missed)


def _mark(progress: Progress, run: Run, found: StoredObject, decision: Decision) -> Outcome:
    """Tag, then look back: in a bucket without versions the tag may have met other bytes."""
    status = _status_of_what_stays(decision)
    if found.is_pinned and not found.is_symlink:
        found = look(found, run.services.store)
    # A link is never quarantined, so there a user's tag gives way.
    evict = run.policy.tags.when_full == "evict" or found.is_symlink
    plan = _plan(run, found, decision, status, evict=evict)
    if not plan.ours and decision.action is Action.TAG:
        held = _quarantine(progress, run, found, decision)
        full = "quarantined because no tag was free for the status (tags.when_full)"
        return replace(held, tag_note="; ".join(filter(None, [full, held.tag_note])))
    if plan.ours:
        _write(run, found, plan)
    return Outcome(
        progress.upload,
        status,
        action=decision.action,
        location=found.location,
        tags=plan.ours,
        tag_note=plan.note,
    )


def _write(run: Run, found: StoredObject, plan: TagPlan) -> None:
    if found.is_pinned:
        run.services.tags.write_tags(found, plan.tags)
        return
    try:
        run.services.tags.write_tags(found, plan.tags)
        look(found, run.services.store)
    except (ObjectGone, ObjectChanged) as exc:
        raise TagAstray(str(exc)) from exc


def _quarantine(progress: Progress, run: Run, found: StoredObject, decision: Decision) -> Outcome:
    """Copy, verify, and only then remove the source."""
    rules, upload = run.policy.quarantine, progress.upload
    if rules is None:
        raise OperatorError(f"policy {run.policy.id} has no quarantine for {found.location!r}; add quarantine.bucket")
    plan = _plan_copy(run, found, decision)
    copy = held_copy(
        found,
        bucket=rules.bucket,
        key=held_key(upload, rules.prefix, progress.superseded),
        tags=plan.tags,
        upload=upload,
        decision=decision,
        verdict=progress.verdict,
    )
    untagged = run.services.quarantine.hold(found, copy)
    if not found.is_pinned:
        # OSS gives no means to make the DELETE conditional: what came meanwhile is left to its own event.
        try:
            now = look(found, run.services.store)
        except (ObjectGone, ObjectChanged):
            return _held(progress, copy, plan, untagged)
        if now.tag_count != found.tag_count and not untagged:
            plan = _retag(run, now, copy, decision)
        # With the version id of now: where versioning was enabled meanwhile, a DELETE without one only hides bytes.
        found = now
    run.services.store.delete(found)
    return _held(progress, copy, plan, untagged)


def _retag(run: Run, now: StoredObject, copy: HeldCopy, decision: Decision) -> TagPlan:
    """Take over the tags that the user set while the service looked."""
    plan = _plan_copy(run, now, decision)
    held = replace(now, bucket=copy.bucket, key=copy.key, version_id=None)
    try:
        run.services.tags.write_tags(held, plan.tags)
    except (OperatorError, StoreUnavailable) as exc:
        return replace(plan, note=f"the user's latest tags are not on the copy: {exc}")
    return plan


def _plan_copy(run: Run, found: StoredObject, decision: Decision) -> TagPlan:
    """Plan the copy's tags; the user's are given up where they can't be read: a tag never stops a quarantine."""
    try:
        return _plan(run, found, decision, Status.QUARANTINED, evict=True)
    except (OperatorError, StoreUnavailable) as exc:
        plan = _plan(run, replace(found, tag_count=0), decision, Status.QUARANTINED, evict=True)
        return replace(plan, note=f"the user's tags are not on the copy: {exc}")


def _plan(run: Run, found: StoredObject, decision: Decision, status: Status, *, evict: bool) -> TagPlan:
    rules = run.policy.tags
    present = run.services.tags.read_tags(found) if found.tag_count else {}
    wanted = wanted_tags(decision, status.value, prefix=rules.prefix, labels=rules.labels)
    return plan_tags(present, wanted, prefix=rules.prefix, evict=evict)


def _held(progress: Progress, copy: HeldCopy, plan: TagPlan, untagged: str | None) -> Outcome:
    return Outcome(
        progress.upload,
        Status.QUARANTINED,
        action=Action.QUARANTINE,
        location=f"{copy.bucket}/{copy.key}",
        tags={} if untagged else plan.ours,
        tag_note=untagged or plan.note,
    )


def _status_of_what_stays(decision: Decision) -> Status:
    if decision.failure is not None:
        return Status.UNVERIFIED
    return Status.PASSED if decision.action is Action.PASS else Status.FLAGGED
