"""A Decision -> what is done to the object, and the Outcome of that."""

from dataclasses import dataclass, replace

from handler.errors import ObjectChanged, ObjectGone, OperatorError, StoreUnavailable
from handler.model import Action, Decision, Mode, Outcome, Status, Upload, Verdict, assert_never
from handler.policy.rules import Policy
from handler.ports import HeldCopy, Quarantine, Store, StoredObject, Tags
from handler.upload.holding import held_copy, held_key
from handler.upload.tagging import TagPlan, plan_tags, wanted_tags


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

    def look(self, found: StoredObject) -> StoredObject:
        """Look again: the same bytes with what is known of them now (their tags change by themselves).

        Raises ObjectGone or ObjectChanged where they are no longer there.
        """
        if found.is_symlink and found.is_current:
            now = self.store.link(found.bucket, found.key)
        else:
            by_version = found.is_pinned or not found.is_current
            now = self.store.head(found.bucket, found.key, found.version_id if by_version else None)
        if now is None or now.is_deletion:
            raise ObjectGone(f"{found.location!r} went away while it was judged")
        if not found.holds_same_bytes_as(now):
            raise ObjectChanged(f"{found.location!r} was overwritten while it was judged")
        return replace(now, is_current=found.is_current)

    def _mark(
        self, upload: Upload, found: StoredObject, decision: Decision, verdict: Verdict | None, superseded: str | None
    ) -> Outcome:
        """Tag, then look back: in a bucket without versions the tag may have met other bytes."""
        status = _status_of_what_stays(decision)
        if found.is_pinned and not found.is_symlink:
            found = self.look(found)
        # A link is never quarantined, so there a user's tag gives way.
        evict = self.policy.tags.when_full == "evict" or found.is_symlink
        plan = self._plan(found, decision, status, evict=evict)
        if not plan.ours and decision.action is Action.TAG:
            held = self._quarantine(upload, found, decision, verdict, superseded)
            full = "quarantined because no tag was free for the status (tags.when_full)"
            return replace(held, tag_note="; ".join(filter(None, [full, held.tag_note])))
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
            self.look(found)

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
        if not found.is_pinned:
            # OSS gives no means to make the DELETE conditional: what came meanwhile is left to its own event.
            try:
                now = self.look(found)
            except (ObjectGone, ObjectChanged):
                return _held(upload, copy, plan, untagged)
            if now.tag_count != found.tag_count and not untagged:
                plan = self._retag(now, copy, decision)
            # With the version id of now: where versioning was enabled meanwhile, a DELETE without one only hides bytes.
            found = now
        self.store.delete(found)
        return _held(upload, copy, plan, untagged)

    def _retag(self, now: StoredObject, copy: HeldCopy, decision: Decision) -> TagPlan:
        """Take over the tags that the user set while the service looked."""
        plan = self._plan_copy(now, decision)
        held = replace(now, bucket=copy.bucket, key=copy.key, version_id=None)
        try:
            self.tags.write_tags(held, plan.tags)
        except (OperatorError, StoreUnavailable) as exc:
            return replace(plan, note=f"the user's latest tags are not on the copy: {exc}")
        return plan

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


def _held(upload: Upload, copy: HeldCopy, plan: TagPlan, untagged: str | None) -> Outcome:
    return Outcome(
        upload,
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
