"""A Decision -> what is done to the object, and the Outcome of that."""

from dataclasses import dataclass, replace

from handler.errors import ObjectChanged, ObjectGone, OperatorError, StoreUnavailable
from handler.holding import held_copy, held_key
from handler.model import Action, Decision, Mode, Outcome, Status, Upload, Verdict, assert_never
from handler.policy import Policy
from handler.ports import Quarantine, Store, StoredObject, Tags
from handler.tagging import TagPlan, plan_tags, wanted_tags


@dataclass(slots=True)
class Actor:
    """Carries decisions out. `may_have_marked`: a tag of ours may sit on bytes that were not judged."""

    policy: Policy
    store: Store
    tags: Tags
    quarantine: Quarantine
    may_have_marked: bool

    def act(
        self, upload: Upload, found: StoredObject, decision: Decision, verdict: Verdict | None, superseded: str | None
    ) -> Outcome:
        """Do what was decided, to exactly the bytes that were judged.

        Raises ObjectGone or ObjectChanged where these are no longer there, and what the ports raise.
        """
        if decision.mode is Mode.SHADOW:
            return Outcome(upload, Status.SHADOW, location=found.location)
        match decision.action:
            case Action.NONE:
                return Outcome(upload, Status.LEFT_ALONE, action=Action.NONE, location=found.location)
            case Action.DELETE:
                self.store.delete(found)
                return Outcome(upload, Status.DELETED, action=Action.DELETE)
            case Action.QUARANTINE:
                return self._quarantine(upload, found, decision, verdict, superseded)
            case Action.PASS | Action.TAG:
                return self._mark(upload, found, decision, verdict, superseded)
            case _ as missed:
                return assert_never(missed)

    def is_unchanged(self, found: StoredObject) -> bool:
        """Look whether the bytes are still what the key stands for.

        False where a newer version came over them, and they lie below it. Raises ObjectGone or ObjectChanged where
        they are no longer there.
        """
        now = self._look(found)
        if now is not None and found.holds_same_bytes_as(now):
            return True
        if found.is_pinned and self.store.head(found.bucket, found.key, found.version_id) is not None:
            return False
        if now is None or found.is_pinned or now.is_deletion:
            raise ObjectGone(f"{found.location!r} went away while it was judged")
        raise ObjectChanged(f"{found.location!r} was overwritten while it was judged")

    def _look(self, found: StoredObject) -> StoredObject | None:
        if found.is_symlink:
            return self.store.link(found.bucket, found.key)
        return self.store.head(found.bucket, found.key, None if found.is_current else found.version_id)

    def _mark(
        self, upload: Upload, found: StoredObject, decision: Decision, verdict: Verdict | None, superseded: str | None
    ) -> Outcome:
        """Tag, then look back: in a bucket without versions the tag may have met other bytes."""
        status = _status_of_what_stays(decision)
        # A link is never quarantined, so there a user's tag gives way.
        evict = self.policy.tags.when_full == "evict" or found.is_symlink
        plan = self._plan(found, decision, status, evict=evict)
        if not plan.ours and decision.action is Action.TAG:
            return self._quarantine(upload, found, decision, verdict, superseded)
        if plan.ours:
            self._write(found, plan)
        return Outcome(
            upload,
            status,
            action=decision.action,
            location=found.location,
            tags=plan.ours,
            tag_note=plan.note,
        )

    def _write(self, found: StoredObject, plan: TagPlan) -> None:
        self.may_have_marked = self.may_have_marked or not found.is_pinned
        self.tags.write_tags(found, plan.tags)
        if not found.is_pinned:
            self.is_unchanged(found)

    def _quarantine(
        self, upload: Upload, found: StoredObject, decision: Decision, verdict: Verdict | None, superseded: str | None
    ) -> Outcome:
        """Copy, verify, and only then remove the source."""
        rules = self.policy.quarantine
        if rules is None:
            raise OperatorError(
                f"policy {self.policy.id} has no quarantine for {found.location!r}; add quarantine.bucket"
            )
        plan = self._plan_copy(found, decision)
        copy = held_copy(
            found,
            bucket=rules.bucket,
            key=held_key(upload, rules.prefix, superseded),
            tags=plan.tags,
            upload=upload,
            decision=decision,
            verdict=verdict,
        )
        untagged = self.quarantine.hold(found, copy)
        if found.is_pinned or self._is_source_unchanged(found):
            self.store.delete(found)
        return Outcome(
            upload,
            Status.QUARANTINED,
            action=Action.QUARANTINE,
            location=f"{copy.bucket}/{copy.key}",
            tags={} if untagged else plan.ours,
            tag_note=untagged or plan.note,
        )

    def _is_source_unchanged(self, found: StoredObject) -> bool:
        """Look once more before a DELETE, which OSS gives no means to make conditional.

        Where other bytes came meanwhile, these are left to their own event: the judged ones are held by now.
        """
        try:
            return self.is_unchanged(found)
        except (ObjectGone, ObjectChanged):
            return False

    def _plan_copy(self, found: StoredObject, decision: Decision) -> TagPlan:
        """Plan the copy's tags; the user's are given up where they can't be read: a tag never stops a quarantine."""
        try:
            return self._plan(found, decision, Status.QUARANTINED, evict=True)
        except (OperatorError, StoreUnavailable) as exc:
            plan = self._plan(replace(found, tag_count=0), decision, Status.QUARANTINED, evict=True)
            return replace(plan, note=f"the user's tags are not on the copy: {exc}")

    def _plan(self, found: StoredObject, decision: Decision, status: Status, *, evict: bool) -> TagPlan:
        rules = self.policy.tags
        present = self.tags.read_tags(found) if found.tag_count else {}
        wanted = wanted_tags(decision, status.value, prefix=rules.prefix, labels=rules.labels)
        return plan_tags(present, wanted, prefix=rules.prefix, evict=evict)


def _status_of_what_stays(decision: Decision) -> Status:
    if decision.failure is not None:
        return Status.UNVERIFIED
    return Status.PASSED if decision.action is Action.PASS else Status.FLAGGED
