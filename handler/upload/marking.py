"""What every act on an object shares: what it is about, the look at it, and the tags on it."""

from dataclasses import dataclass, replace

from handler.errors import ObjectChanged, ObjectGone, TagAstray
from handler.model import Decision, Status
from handler.ports import Store, StoredObject
from handler.upload.progress import Progress, Run
from handler.upload.scanning import see_itself
from handler.upload.tagging import TagPlan, plan_tags, wanted_tags

STRAYED = "it was overwritten while its predecessor was tagged: those tags were taken off, its own are lost"

UNCOUNTED = (
    "OSS counts none of its tags for us, so any that it carried may be lost: give the function's role "
    "oss:GetObjectTagging on every key"
)


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done to which bytes."""

    progress: Progress
    run: Run
    found: StoredObject
    decision: Decision


def look(found: StoredObject, store: Store) -> StoredObject:
    """Look again: the same bytes with what is known of them now (their tags change by themselves).

    Raises ObjectGone or ObjectChanged where they are no longer there.
    """
    by_version = found.is_pinned or not found.is_current
    now = see_itself(found, store, found.version_id if by_version else None)
    if now is None or now.is_deletion:
        raise ObjectGone(f"{found.location!r} went away while it was judged")
    if not found.holds_same_bytes_as(now):
        raise ObjectChanged(f"{found.location!r} was overwritten while it was judged")
    return replace(now, is_current=found.is_current)


def put(run: Run, found: StoredObject, planned: TagPlan) -> str | None:
    """Give it these tags, if it has others. Answers and raises as `write` does."""
    return None if planned.is_in_place else write(run, found, planned.tags)


def write(run: Run, found: StoredObject, tags: dict[str, str]) -> str | None:
    """Replace the tags, and look back: in a bucket without versions they may have met other bytes.

    Answers with a note where the look counts none of those just written: then the role may not read them, and any that
    were there before were not seen. Raises TagAstray where the bytes changed, and what the port raises.
    """
    if found.is_pinned:
        run.services.tags.write_tags(found, tags)
        return None
    try:
        run.services.tags.write_tags(found, tags)
        now = look(found, run.services.store)
    except (ObjectGone, ObjectChanged) as exc:
        raise TagAstray(str(exc), tags) from exc
    return UNCOUNTED if tags and not now.tag_count and not now.is_symlink else None


def plan(task: Task, status: Status, *, evict: bool, is_fresh: bool) -> TagPlan:
    """Plan the tags of the object. `is_fresh`: it was looked at just now. Raises what reading its tags raises."""
    # A look at a link counts no tags.
    is_counted = is_fresh and not task.found.is_symlink
    present = task.run.services.tags.read_tags(task.found, is_fresh=is_counted)
    planned = plan_over(present, task, status, evict=evict)
    return replace(planned, is_in_place=planned.tags == present)


def own_tags(task: Task, present: dict[str, str]) -> tuple[dict[str, str], str | None]:
    """Those that are of these bytes, with a note where a user's were lost.

    What we wrote when the bytes changed under it are the tags of the bytes before; those of these are gone then.
    """
    own = {name: value for name, value in present.items() if task.progress.astray.get(name) != value}
    strayed = [name for name in set(present) - set(own) if not name.startswith(task.run.policy.tags.prefix)]
    return own, STRAYED if strayed else None


def plan_over(present: dict[str, str], task: Task, status: Status, *, evict: bool) -> TagPlan:
    """Plan the tags of an object that carries these."""
    own, note = own_tags(task, present)
    rules = task.run.policy.tags
    wanted = wanted_tags(task.decision, status.value, prefix=rules.prefix, labels=rules.labels)
    planned = plan_tags(own, wanted, prefix=rules.prefix, evict=evict)
    return planned.noting(note) if note else planned
