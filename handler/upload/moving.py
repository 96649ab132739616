"""Quarantine and deletion: out of the bucket go exactly the bytes that were judged, a quarantined one after its copy.

What may not be removed is marked where it stays, and the outcome says why.
"""

from collections.abc import Callable
from dataclasses import replace

from handler.errors import CannotCopy, ObjectChanged, ObjectGone, OperatorError, PlaceTaken, StoreUnavailable
from handler.model import Action, Outcome, Status
from handler.policy.rules import QuarantineRules
from handler.ports import Copied, HeldCopy, Store, StoredObject
from handler.upload.holding import held_copy, held_key
from handler.upload.marking import Task, look, plan, plan_over, put
from handler.upload.tagging import TagPlan, join_notes

# What keeps an object where it is, whoever asks, or as long as nobody mends it.
UNMOVABLE = (OperatorError, CannotCopy)
# Who changes the tags all the time is not waited for.
MOST_TAKEOVERS = 3
UNKNOWN_TAGS = "the copy was there already, and which tags it carries is not known"


def delete(task: Task) -> Outcome:
    """Remove the bytes for good. Raises ObjectGone or ObjectChanged where they are no longer there."""
    found = task.found
    if not found.is_pinned:
        task = replace(task, found=_look_at_these(found, task.run.services.store))
    error = _remove(task)
    if error is not None:
        return _mark_unmoved(task, found.location, error)
    return Outcome(task.progress.upload, Status.DELETED, action=Action.DELETE)


def quarantine(task: Task) -> Outcome:
    """Copy, verify, and only then remove the source. Raises what delete raises, before the copy is there."""
    planned = _plan_copy(task)
    copy, acl_note = _describe(task, planned)
    copied: list[tuple[HeldCopy, Copied]] = []
    error = _why_not(task, lambda: copied.append(_hold(task, copy)))
    if error is not None:
        return _mark_unmoved(task, task.found.location, error)
    ((copy, done),) = copied
    tags = planned if done.is_tagged else TagPlan({}, {}, done.note or UNKNOWN_TAGS)
    try:
        task, tags = _take_over_tags(task, copy, planned, tags, is_refused=done.note is not None)
        error = _remove(task)
    except (ObjectGone, ObjectChanged):
        # What came meanwhile is left to its own event.
        error = None
    location = f"{copy.bucket}/{copy.key}"
    if error is not None:
        error = f"it is held at {location!r}, and it is still at {task.found.location!r} too: {error}"
        return _mark_unmoved(task, location, error)
    return Outcome(
        task.progress.upload,
        Status.QUARANTINED,
        action=Action.QUARANTINE,
        location=location,
        tags=tags.ours,
        tag_note=join_notes(acl_note, tags.note),
    )


def _look_at_these(found: StoredObject, store: Store) -> StoredObject:
    """Look at the bytes themselves, also where others lie over them by now: they go in any case.

    Raises ObjectGone or ObjectChanged.
    """
    return look(replace(found, is_current=found.is_current and found.version_id is None), store)


def _remove(task: Task) -> str | None:
    """Delete exactly these bytes; where that can't be, say why.

    OSS gives no means to make the DELETE conditional: what is not pinned must have been looked at right before. Then
    with the version id of that look: where versioning was enabled meanwhile, a DELETE without one only hides bytes.
    """
    return _why_not(task, lambda: task.run.services.store.delete(task.found))


def _why_not(task: Task, do: Callable[[], object]) -> str | None:
    """Do it, or say what keeps it from being done: for good, or when no other delivery will come."""
    try:
        do()
    except UNMOVABLE as exc:
        return str(exc)
    except StoreUnavailable as exc:
        if not task.progress.is_last:
            raise
        return str(exc)
    return None


def _mark_unmoved(task: Task, location: str, error: str) -> Outcome:
    """Mark what has to stay where it is as far as that can be, and say why it does."""
    status = Status.UNVERIFIED if task.decision.failure is not None else Status.FLAGGED
    ours: dict[str, str] = {}
    note = None
    # The last delivery of all may have used its time up for what could not be done.
    task.run.services.meter.ends_s = float("inf")
    try:
        tags = plan(task, status, evict=True, is_fresh=not task.found.is_pinned)
        unseen = put(task.run, task.found, tags)
        ours, note = tags.ours, join_notes(tags.note, unseen)
    except (*UNMOVABLE, StoreUnavailable) as exc:
        error = f"{error}; nor could it be marked: {exc}"
    return Outcome(task.progress.upload, Status.FAILED, location=location, tags=ours, tag_note=note, error=error)


def _hold(task: Task, copy: HeldCopy) -> tuple[HeldCopy, Copied]:
    """Copy; to a name of these very bytes where other bytes have the name that comes from the upload."""

    def hold(copy: HeldCopy) -> tuple[HeldCopy, Copied]:
        return copy, task.run.services.quarantine.hold(
            task.found, copy, keep_going=lambda: task.run.keep_going(task.progress.entry)
        )

    try:
        return hold(copy)
    except PlaceTaken:
        return hold(replace(copy, key=held_key(task.progress.upload, _rules(task).prefix, _identity(task.found))))


def _rules(task: Task) -> QuarantineRules:
    rules = task.run.policy.quarantine
    if rules is None:
        policy = task.run.policy.id
        raise OperatorError(f"policy {policy} has no quarantine for {task.found.location!r}; add quarantine.bucket")
    return rules


def _identity(found: StoredObject) -> str:
    """Text that names these bytes among all that ever were under the key."""
    if found.is_pinned:
        return str(found.version_id)
    return f"{found.etag}-{found.crc64 or found.last_modified}"


def _describe(task: Task, tags: TagPlan) -> tuple[HeldCopy, str | None]:
    progress, found, rules = task.progress, task.found, _rules(task)
    try:
        acl, note = task.run.services.store.acl(found), None
    except (OperatorError, StoreUnavailable) as exc:
        # Only a restore needs it, and says then that it is not known.
        acl, note = None, f"its ACL is not known: {exc}"
    is_in_place = progress.superseded is not None or progress.has_removed
    copy = held_copy(
        found,
        bucket=rules.bucket,
        key=held_key(progress.upload, rules.prefix, _identity(found) if is_in_place else None),
        tags=tags.tags,
        upload=progress.upload,
        decision=task.decision,
        verdict=progress.verdict,
        acl=acl,
        given_up=tags.given_up,
    )
    return copy, note


def _plan_copy(task: Task) -> TagPlan:
    """Plan the copy's tags; the user's are given up where they can't be read: a tag never stops a quarantine.

    Where none were counted, none are asked for: they are read again before the source goes.
    """
    try:
        present = task.run.services.tags.read_tags(task.found) if task.found.tag_count else {}
    except (OperatorError, StoreUnavailable):
        present = {}
    return plan_over(present, task, Status.QUARANTINED, evict=True)


def _take_over_tags(
    task: Task, copy: HeldCopy, planned: TagPlan, there: TagPlan, *, is_refused: bool
) -> tuple[Task, TagPlan]:
    """Put the user's tags on the copy until it has those of now; then look at what has no version of its own.

    `planned` were meant for the copy, `there` are known to be on it. Raises ObjectGone or ObjectChanged.
    """
    if is_refused:
        return _look_last(task), there
    for _ in range(MOST_TAKEOVERS):
        latest = _plan_latest(task, there if there.tags else planned)
        if latest.tags == there.tags:
            return _look_last(task), latest
        # Where others lie there by now, the tags are theirs.
        task = _look_last(task)
        held = replace(task.found, bucket=copy.bucket, key=copy.key, version_id=None)
        try:
            task.run.services.tags.write_tags(held, latest.tags)
        except ObjectGone as exc:
            # Not the source: that has to stay now.
            raise StoreUnavailable(f"the copy went away before its source was removed: {exc}") from exc
        except (OperatorError, StoreUnavailable) as exc:
            return _look_last(task), there.noting(f"the latest tags are not on the copy: {exc}")
        there = latest
    return _look_last(task), there.noting("the tags kept changing: the latest may not be on the copy")


def _plan_latest(task: Task, known: TagPlan) -> TagPlan:
    try:
        present = task.run.services.tags.read_tags(task.found)
    except (OperatorError, StoreUnavailable) as exc:
        return known.noting(f"the user's tags are not on the copy, or not the latest: {exc}")
    return plan_over(present, task, Status.QUARANTINED, evict=True)


def _look_last(task: Task) -> Task:
    """Look right before the removal at bytes that others may have replaced. Raises ObjectGone or ObjectChanged."""
    if task.found.is_pinned:
        return task
    return replace(task, found=_look_at_these(task.found, task.run.services.store))
