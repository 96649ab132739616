"""One Upload -> one Outcome: locate, judge, decide, apply. The story is `_settle`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from handler.acting import Actor
from handler.errors import (
    FailureKind,
    NoVerdict,
    ObjectChanged,
    ObjectGone,
    StoreUnavailable,
    WardenError,
)
from handler.events import JUDGED_EVENTS, SYMLINK_EVENT
from handler.holding import held_key, is_held
from handler.judging import Judge
from handler.locating import locate, spellings
from handler.meter import Meter
from handler.model import Action, Decision, Mode, Outcome, Status, Upload, Verdict
from handler.policy import Policy, decide, decide_failure, in_scope
from handler.ports import Moderator, Quarantine, Store, StoredObject, Tags

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
    """What the pipeline works with. `clock` counts seconds and only goes forward; `sleep` takes seconds."""

    moderator: Moderator
    store: Store
    tags: Tags
    quarantine: Quarantine
    meter: Meter
    clock: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which delivery of its event this is: `number` counts from 1; `request_id` is the invocation's."""

    number: int
    is_last: bool
    request_id: str


def moderate(upload: Upload, policy: Policy, services: Services, delivery: Delivery, *, share_s: float) -> Outcome:
    """Bring one upload to its Outcome within `share_s` seconds of asking the service; raises nothing of its own.

    What OSS or the service refuses, and what another delivery may mend, is an Outcome with an error.
    """
    services.meter.start()
    started = services.clock()
    judge = Judge(services.moderator, services.store, services.clock, services.sleep, started + share_s)
    case = _Case(upload, policy, services, delivery, judge)
    try:
        ending = case.settle()
    except WardenError as exc:
        ending = Outcome(case.upload, Status.FAILED, error=str(exc))
    calls = services.meter.calls()
    return replace(
        ending,
        upload=case.upload,
        verdict=case.verdict,
        decision=case.decision,
        superseded=case.superseded,
        attempts=calls.green,
        delivery=delivery.number,
        calls=calls,
        cost_usd=round(calls.billed * USD_PER_CALL, 6),
        duration_ms=round((services.clock() - started) * 1000),
        request_ids=services.meter.request_ids(delivery.request_id),
    )


@dataclass(slots=True)
class _Case:
    """One upload under way. `upload` is completed, and replaced where other bytes had to be judged in its place."""

    upload: Upload
    policy: Policy
    services: Services
    delivery: Delivery
    judge: Judge
    verdict: Verdict | None = None
    decision: Decision | None = None
    superseded: str | None = None
    actor: Actor = field(init=False)
    event_upload: Upload = field(init=False)

    def __post_init__(self) -> None:
        self.event_upload = self.upload
        self.actor = Actor(
            self.policy,
            self.services.store,
            self.services.tags,
            self.services.quarantine,
            # A delivery before this one may have been killed between a tag and the look back at it.
            may_have_marked=self.delivery.number > 1,
        )

    def settle(self) -> Outcome:
        """Tell the story of one upload."""
        if self.upload.event_name not in JUDGED_EVENTS:
            return self._end(Status.IGNORED_EVENT)
        if is_held(self.upload, self.policy.quarantine) or not in_scope(self.policy, self.upload.key):
            return self._end(Status.OUT_OF_SCOPE)
        for _ in range(ROUNDS):
            try:
                self.upload, found = locate(self.upload, self.services.store)
            except ObjectGone:
                return self._missing()
            except ObjectChanged:
                if not self.actor.may_have_marked:
                    return self._end(Status.SUPERSEDED)
                self._take_what_is_there()
                continue
            try:
                return self._judge_and_act(found)
            except (ObjectGone, ObjectChanged):
                # The next look tells whether it is gone, superseded, or there once more.
                continue
        raise StoreUnavailable(f"{self.upload.bucket}/{self.upload.key!r} kept changing while it was judged")

    def _judge_and_act(self, found: StoredObject) -> Outcome:
        answer, is_exact = self.judge.judge(self.upload, found)
        decision = self._decide(answer)
        if not (is_exact or self._copy_will_tell(found, decision) or self.actor.is_unchanged(found)):
            answer = self.judge.judge_exactly(self.upload, found)
            decision = self._decide(answer)
        self.verdict = answer if isinstance(answer, Verdict) else None
        self.decision = decision
        if decision is None:
            return self._end(Status.FAILED, error=f"{answer}; it waits for the next delivery{_hint(answer)}")
        ending = self.actor.act(self.upload, found, decision, self.verdict, self.superseded)
        if isinstance(answer, Verdict) or answer.kind in FINAL_FAILURES:
            return ending
        return replace(ending, error=f"{answer}{_hint(answer)}")

    def _decide(self, answer: Verdict | NoVerdict) -> Decision | None:
        """Ask the policy; None where there is no verdict yet and another delivery may bring one."""
        if isinstance(answer, Verdict):
            return decide(self.policy, self.upload, answer)
        if answer.kind in WAITING_FAILURES and not self.delivery.is_last:
            return None
        return decide_failure(self.policy, self.upload, answer.kind)

    def _copy_will_tell(self, found: StoredObject, decision: Decision | None) -> bool:
        """Whether a conditional copy is about to compare the bytes, so that a look before it is saved."""
        quarantines = decision is not None and decision.action is Action.QUARANTINE
        return quarantines and self.policy.mode is Mode.ENFORCE and not found.is_pinned

    def _take_what_is_there(self) -> None:
        """Judge the bytes that took the upload's place: a mark of ours may sit on them."""
        now = self.services.store.head(self.upload.bucket, self.upload.key)
        if now is None:
            return
        self.superseded = self.event_upload.etag
        event_name = SYMLINK_EVENT if now.is_symlink else "ObjectCreated:PutObject"
        self.upload = replace(self.upload, etag=now.etag, event_name=event_name)

    def _missing(self) -> Outcome:
        """Tell an upload that an earlier delivery quarantined from one that its owner removed."""
        rules = self.policy.quarantine
        if rules is not None and self.policy.can_quarantine:
            for key in spellings(self.event_upload.key):
                place = held_key(replace(self.event_upload, key=key), rules.prefix)
                held = self.services.quarantine.find(rules.bucket, place)
                if held is not None:
                    return Outcome(self.upload, Status.QUARANTINED, location=held.location)
        return self._end(Status.GONE)

    def _end(self, status: Status, error: str | None = None) -> Outcome:
        return Outcome(self.upload, status, error=error)


def _hint(answer: Verdict | NoVerdict) -> str:
    is_unreadable = isinstance(answer, NoVerdict) and answer.kind is FailureKind.UNREADABLE
    return UNREADABLE_HINT if is_unreadable else ""
