"""One Upload -> one Outcome: claim, locate, judge, decide, apply. The story is `settle`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from handler.errors import (
    FailureKind,
    NoVerdict,
    ObjectChanged,
    ObjectGone,
    StoreUnavailable,
    WardenError,
)
from handler.events import JUDGED_EVENTS, SYMLINK_EVENT
from handler.meter import Meter
from handler.model import Action, Decision, Delivery, Mode, Outcome, Status, Upload, Verdict
from handler.policy.rules import Policy, decide, decide_failure, decide_release, in_scope
from handler.ports import Ledger, Moderator, Quarantine, Store, StoredObject, Tags
from handler.upload.acting import Actor
from handler.upload.claiming import Entry
from handler.upload.holding import held_key, is_held
from handler.upload.judging import Judge, rule_out
from handler.upload.locating import locate, spellings

# How often bytes that change under our hands are judged afresh before the delivery is given up.
ROUNDS = 5
# Price of the vendor's page: USD 1.20 for 1,000 calls answered 200.
USD_PER_CALL = 0.0012
# No fault of the object that another delivery would mend by itself, so that waiting for it helps nobody.
FINAL_FAILURES = frozenset({FailureKind.UNSUPPORTED, FailureKind.TOO_LARGE, FailureKind.SYMLINK})
WAITING_FAILURES = frozenset({FailureKind.UNAVAILABLE, FailureKind.UNREADABLE})
UNREADABLE_HINT = "; if this happens to every upload, the bucket is not authorised for the service (README, Deploy)"


@dataclass(frozen=True, slots=True)
class Services:
    """What the pipeline works with. `clock` counts seconds and only goes forward; `sleep` takes seconds.

    `warn` logs what an operator should know although the upload goes on: an event's name, then facts.
    """

    moderator: Moderator
    store: Store
    tags: Tags
    quarantine: Quarantine
    ledger: Ledger
    meter: Meter
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    warn: Callable[..., object]


def moderate(upload: Upload, policy: Policy, services: Services, delivery: Delivery, *, share_s: float) -> Outcome:
    """Bring one upload to its Outcome within `share_s` seconds of asking the service; raises nothing of its own.

    What OSS or the service refuses, and what another delivery may mend, is an Outcome with an error.
    """
    services.meter.start()
    case = _Case(upload, policy, services, delivery, services.clock(), share_s)
    try:
        ending = case.settle()
    except WardenError as exc:
        ending = Outcome(case.upload, Status.FAILED, error=str(exc))
    outcome = case.complete(ending)
    try:
        case.entry.close(outcome)
    except WardenError as exc:
        outcome = replace(outcome, error="; ".join(filter(None, [outcome.error, str(exc)])))
    return case.account(outcome)


@dataclass(slots=True)
class _Case:
    """One upload under way. `upload` is completed, and replaced where other bytes had to be judged in its place."""

    upload: Upload
    policy: Policy
    services: Services
    delivery: Delivery
    started: float
    share_s: float
    verdict: Verdict | None = None
    decision: Decision | None = None
    superseded: str | None = None
    judge: Judge = field(init=False)
    actor: Actor = field(init=False)
    entry: Entry = field(init=False)
    event_upload: Upload = field(init=False)

    def __post_init__(self) -> None:
        self.event_upload = self.upload
        services, deadline = self.services, self.started + self.share_s
        self.judge = Judge(services.moderator, services.store, services.clock, services.sleep, deadline)
        self.entry = Entry(
            self.upload, self.delivery, services.ledger, services.clock, services.sleep, deadline, services.warn
        )
        self.actor = Actor(
            self.policy,
            services.store,
            services.tags,
            services.quarantine,
            # A delivery before this one may have been killed between a tag and the look back at it.
            may_have_marked=self.delivery.number > 1 and self.policy.mode is Mode.ENFORCE,
        )

    def settle(self) -> Outcome:
        """Tell the story of one upload."""
        ending = self._end_early()
        if ending is not None:
            return ending
        for _ in range(ROUNDS):
            # Raised where the bytes changed under our hands: the next look tells what became of them.
            with suppress(ObjectGone, ObjectChanged):
                found = self._find(ending)
                if isinstance(found, Outcome):
                    return found
                ending = self._judge_and_act(found)
                if not _may_have_uncovered_a_twin(found, ending):
                    return ending
        raise StoreUnavailable(f"{self.upload.bucket}/{self.upload.key!r} kept changing while it was judged")

    def _end_early(self) -> Outcome | None:
        """Say what needs no look at the bytes: not an upload, not ours to judge, or done before."""
        if self.upload.event_name not in JUDGED_EVENTS:
            return self._end(Status.IGNORED_EVENT)
        if not any(self._is_ours_to_judge(key) for key in spellings(self.upload.key)):
            return self._end(Status.OUT_OF_SCOPE)
        earlier = self.entry.claim()
        if earlier is not None:
            return Outcome(self.upload, Status.DUPLICATE, location=earlier.location, earlier=earlier)
        self.actor.may_have_marked |= self.entry.is_takeover and self.policy.mode is Mode.ENFORCE
        return None

    def _find(self, ending: Outcome | None) -> StoredObject | Outcome:
        """Find the upload's bytes, or say how it ends without them; `ending` is that of a twin of theirs.

        Raises ObjectChanged where other bytes have to be looked at in their place.
        """
        try:
            self.upload, found = locate(self.upload, self.services.store, decode=ending is None)
        except ObjectGone:
            return ending or self._missing()
        except ObjectChanged:
            if ending or not self.actor.may_have_marked:
                return ending or self._end(Status.SUPERSEDED)
            if self._take_what_is_there():
                raise
            return self._missing()
        return found if self._is_ours_to_judge(self.upload.key) else self._end(Status.OUT_OF_SCOPE)

    def complete(self, ending: Outcome) -> Outcome:
        """Add what was judged and decided on the way, and what it took."""
        return self.account(
            replace(
                ending,
                upload=self.upload,
                verdict=self.verdict,
                decision=self.decision,
                superseded=self.superseded,
                delivery=self.delivery.number,
            )
        )

    def account(self, outcome: Outcome) -> Outcome:
        """Add the calls and the time that it took so far."""
        calls = self.services.meter.calls()
        return replace(
            outcome,
            attempts=calls.green,
            calls=calls,
            cost_usd=round(calls.billed * USD_PER_CALL, 6),
            duration_ms=round((self.services.clock() - self.started) * 1000),
            request_ids=self.services.meter.request_ids(self.delivery.request_id),
        )

    def _judge_and_act(self, found: StoredObject) -> Outcome:
        release = self.entry.find_release(self.upload, found)
        if release is not None:
            self.decision = decide_release(self.policy, release.by, release.reason)
            return self.actor.act(self.upload, found, self.decision, None, self.superseded)
        answer, is_exact = self._judge(found)
        decision = self._decide(answer)
        if not (is_exact or self._copy_will_tell(decision)):
            found = self.actor.look(found)
        self.verdict = answer if isinstance(answer, Verdict) else None
        self.decision = decision
        if decision is None:
            return self._end(Status.FAILED, error=f"{answer}; it waits for the next delivery{_hint(answer)}")
        ending = self.actor.act(self.upload, found, decision, self.verdict, self.superseded)
        if isinstance(answer, Verdict) or answer.kind in FINAL_FAILURES:
            return ending
        return replace(ending, error=f"{answer}{_hint(answer)}")

    def _judge(self, found: StoredObject) -> tuple[Verdict | NoVerdict, bool]:
        """Take the verdict that was paid for before; the look that found these bytes is the look after it."""
        paid = self.entry.find_verdict(found, self.policy.moderation.service)
        if paid is not None:
            return paid, True
        answer, is_exact = self.judge.judge(self.upload, found)
        return self._pay(found, answer, is_exact=is_exact), is_exact

    def _pay(self, found: StoredObject, answer: Verdict | NoVerdict, *, is_exact: bool) -> Verdict | NoVerdict:
        if isinstance(answer, Verdict):
            self.entry.keep_verdict(found, answer, is_exact=is_exact)
        return answer

    def _decide(self, answer: Verdict | NoVerdict) -> Decision | None:
        """Ask the policy; None where there is no verdict yet and another delivery may bring one."""
        if isinstance(answer, Verdict):
            return decide(self.policy, self.upload, answer)
        if answer.kind in WAITING_FAILURES and not self.delivery.is_last:
            return None
        return decide_failure(self.policy, self.upload, answer.kind)

    def _copy_will_tell(self, decision: Decision | None) -> bool:
        """Whether a conditional copy is about to compare the bytes, so that a look before it is saved."""
        quarantines = decision is not None and decision.action is Action.QUARANTINE
        return quarantines and self.policy.mode is Mode.ENFORCE

    def _is_ours_to_judge(self, key: str) -> bool:
        return in_scope(self.policy, key) and not is_held(replace(self.upload, key=key), self.policy.quarantine)

    def _take_what_is_there(self) -> bool:
        """Judge the bytes that took the upload's place: a mark of ours may sit on them. False where there are none."""
        now = self.services.store.head(self.upload.bucket, self.upload.key)
        if now is None or now.is_deletion:
            return False
        self.superseded = self.event_upload.etag
        event_name = SYMLINK_EVENT if now.is_symlink else "ObjectCreated:PutObject"
        self.upload = replace(self.upload, etag=now.etag, event_name=event_name)
        return True

    def _missing(self) -> Outcome:
        """Tell an upload that an earlier delivery dealt with from one that its owner removed."""
        decision = self._decide_again() if self.entry.is_takeover else None
        action = decision.action if decision is not None and decision.mode is Mode.ENFORCE else None
        held = self._find_held()
        if held is not None:
            action = action if action is Action.QUARANTINE else None
            self.decision = decision if action else None
            return Outcome(self.upload, Status.QUARANTINED, action=action, location=held.location)
        if action is Action.DELETE:
            self.decision = decision
            return Outcome(self.upload, Status.DELETED, action=action)
        return self._end(Status.GONE)

    def _decide_again(self) -> Decision | None:
        """What was to be done with bytes that are gone, by what is known of them: the verdict, or the event alone."""
        self.verdict = self.entry.find_verdict(None, self.policy.moderation.service)
        if self.verdict is not None:
            return self._decide(self.verdict)
        object_type = "Symlink" if self.upload.event_name == SYMLINK_EVENT else "Normal"
        gone = StoredObject(
            self.upload.bucket, self.upload.key, self.upload.etag, "", self.upload.size_bytes, object_type=object_type
        )
        ruled_out = rule_out(self.upload, gone)
        return self._decide(ruled_out) if ruled_out is not None else None

    def _find_held(self) -> StoredObject | None:
        rules = self.policy.quarantine
        if rules is None or not self.policy.can_quarantine:
            return None
        for key in spellings(self.event_upload.key):
            place = held_key(replace(self.event_upload, key=key), rules.prefix)
            held = self.services.quarantine.find(rules.bucket, place)
            if held is not None:
                return held
        return None

    def _end(self, status: Status, error: str | None = None) -> Outcome:
        stays = status in {Status.OUT_OF_SCOPE, Status.FAILED}
        location = f"{self.upload.bucket}/{self.upload.key}" if stays else None
        return Outcome(self.upload, status, location=location, error=error)


def _may_have_uncovered_a_twin(found: StoredObject, ending: Outcome) -> bool:
    """Whether an older version of the very same bytes may be current now: a client's retry puts a picture twice.

    Both events may have taken the newer version for theirs, so the one that removes it looks once more.
    """
    removed = ending.action in {Action.QUARANTINE, Action.DELETE}
    return removed and found.is_pinned and not found.is_symlink


def _hint(answer: Verdict | NoVerdict) -> str:
    is_unreadable = isinstance(answer, NoVerdict) and answer.kind is FailureKind.UNREADABLE
    return UNREADABLE_HINT if is_unreadable else ""
