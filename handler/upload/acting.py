"""A Decision -> what is done to the object, and the Outcome of that."""

from dataclasses import replace

from handler.errors import FailureKind, NoVerdict, OperatorError
from handler.events import LINK_EVENTS
from handler.model import Action, Decision, Mode, Outcome, Status, Verdict, assert_never
from handler.ports import StoredObject
from handler.upload.judging import Answer
from handler.upload.marking import Task, look, own_tags, plan, put, write
from handler.upload.moving import delete, quarantine
from handler.upload.progress import Progress, Run, name_of
from handler.upload.releases import Release
from handler.upload.scanning import is_earlier
from handler.upload.tagging import is_failure_mark, join_notes, users_tags

UNREADABLE_HINT = "; if this happens to every upload, the bucket is not authorised for the service (README, Deploy)"
NO_SLOT_YET = "no tag was free, and it is not moved: the ledger shows no delivery before this one"
NO_SLOT = "quarantined because no tag was free for the status (tags.when_full)"


def confirm(
    progress: Progress, run: Run, found: StoredObject, answer: Answer, decision: Decision | None
) -> tuple[Progress, StoredObject]:
    """Take the answer for one on these bytes: look again where it is not certain to be, and what is done does not tell.

    A conditional copy compares the bytes by itself, and before a DELETE there is a look anyway. Raises ObjectGone or
    ObjectChanged where others are there by now.
    """
    action = decision.action if run.is_enforced and decision is not None else None
    if not (answer.is_exact or action in {Action.QUARANTINE, Action.DELETE}):
        found = look(found, run.services.store)
    if found.is_symlink and (progress.has_acted or progress.has_removed):
        # A link beside the upload's own bytes: what is known of these stays.
        return progress, found
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
        return progress.end_own(Outcome(progress.upload, Status.FAILED, location=found.location, error=error))
    task = Task(progress, run, found, decision)
    ending = _carry_out_on_link(task) if found.is_symlink else _carry_out(task)
    if failure is not None and not failure.kind.is_lasting:
        ending = replace(ending, error=join_notes(f"{failure}{hint}", ending.error))
    if found.is_symlink:
        return _go_on_after_link(progress, found, ending)
    was_removed = ending.action in {Action.QUARANTINE, Action.DELETE} and found.is_pinned
    # Where each event takes a version of its own, a twin has an event that deals with it.
    if was_removed and not progress.takes_versions:
        return replace(progress, ending=ending, must_look=True, has_removed=True)
    return progress.end_own(ending)


def _go_on_after_link(progress: Progress, found: StoredObject, ending: Outcome) -> Progress:
    """Note the link. Where it may be what the event tells of, its end is the upload's.

    One that can't be removed keeps nobody from the upload's own bytes: it is marked, and told with how these end.
    """
    progress = replace(
        progress, links=(*progress.links, name_of(found)), link_error=progress.link_error or ending.error
    )
    if progress.has_acted:
        return progress.end_own(progress.ending)
    if progress.has_removed:
        return progress
    event = progress.event_upload
    if event.event_name not in LINK_EVENTS or is_earlier(found, event):
        # The same is decided of every link: it stays where another one's end is the upload's.
        return replace(progress, decision=progress.decision if progress.has_ended else None)
    return replace(progress, ending=replace(ending, error=None), must_look=True)


def _carry_out_on_link(task: Task) -> Outcome:
    """What may not be done to a link is no reason to stop: the upload's own bytes are yet to be looked for."""
    try:
        return _carry_out(task)
    except OperatorError as exc:
        return Outcome(task.progress.upload, Status.FAILED, location=task.found.location, error=str(exc))
    finally:
        # To mark what can't be removed takes what time it needs; what follows has the upload's share again.
        task.run.services.meter.ends_s = task.run.ends_s


def _carry_out(task: Task) -> Outcome:
    if task.decision.mode is Mode.SHADOW:
        return Outcome(task.progress.upload, Status.SHADOW, location=task.found.location)
    match task.decision.action:
        case Action.NONE:
            return _leave_alone(task)
        case Action.DELETE:
            return delete(task)
        case Action.QUARANTINE:
            return quarantine(task)
        case Action.PASS | Action.TAG:
            return _mark(task)
        case _ as missed:
            return assert_never(missed)


def _leave_alone(task: Task) -> Outcome:
    """Touch nothing; but what we wrote for other bytes, or for want of a verdict, is true no more."""
    note = _take_off_marks(task) if task.progress.may_have_marked and task.found.tag_count else None
    location = task.found.location
    return Outcome(task.progress.upload, Status.LEFT_ALONE, action=Action.NONE, location=location, tag_note=note)


def _take_off_marks(task: Task) -> str | None:
    """Take off what an earlier look or delivery left; answers with a note where a user's tags were lost by that."""
    found, progress, prefix = task.found, task.progress, task.run.policy.tags.prefix
    present = task.run.services.tags.read_tags(found)
    kept, note = own_tags(task, present)
    # Judged in the place of the event's bytes: what a delivery of that event marked were not these.
    if progress.superseded is not None or is_failure_mark(present, prefix):
        kept = users_tags(kept, prefix)
    unseen = write(task.run, found, kept) if kept != present else None
    return join_notes(note, unseen)


def _mark(task: Task) -> Outcome:
    """Tag what stays where it is."""
    status = _status_of_what_stays(task.decision)
    # A link is never quarantined, so there a user's tag gives way.
    evict = task.run.policy.tags.when_full == "evict" or task.found.is_symlink
    # A version is not looked at again: reading its tags tells whether it is there, and which its user set meanwhile.
    tags = plan(task, status, evict=evict, is_fresh=not task.found.is_pinned)
    failure = task.decision.failure
    is_first_try = failure is not None and failure.is_passing and task.progress.is_unproven
    if not tags.ours and is_first_try:
        tags = replace(tags, note=NO_SLOT_YET)
    elif not tags.ours and task.decision.action is Action.TAG:
        held = quarantine(task)
        return replace(held, tag_note=join_notes(NO_SLOT, held.tag_note))
    unseen = put(task.run, task.found, tags) if tags.ours else None
    return Outcome(
        task.progress.upload,
        status,
        action=task.decision.action,
        location=task.found.location,
        tags=tags.ours,
        tag_note=join_notes(tags.note, unseen),
    )


def _status_of_what_stays(decision: Decision) -> Status:
    if decision.failure is not None:
        return Status.UNVERIFIED
    return Status.PASSED if decision.action is Action.PASS else Status.FLAGGED
