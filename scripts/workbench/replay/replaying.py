"""Decides recorded verdicts again: what a policy would have done to uploads of the past, without a paid call.

Everything is counted, and of each kind of change only a few examples are kept, so that the memory needed does not grow
with the log.
"""

from collections import Counter
from dataclasses import dataclass, field

from handler.model import Action, Decision, Mode, Status, Upload, Verdict
from handler.policy.conditions import Conditions
from handler.policy.rules import Policy, decide, decide_failure, in_scope
from scripts.logs.entries import NOT_OURS
from scripts.logs.files import Unread
from scripts.workbench.cases.case import OUT_OF_SCOPE
from scripts.workbench.replay.log_lines import Record

EXAMPLES = 5  # kept of each kind of change
MOST_CHANGES = 1000  # kinds of changes told apart; rule names in a log are what somebody wrote into it
MOST_REMEMBERED = 20_000  # decisions
LONGEST_NAME = 100  # characters of a rule's name; the language allows 64
LONGEST_EXAMPLE = 1_100  # characters of a key or reason; a key has at most 1,023 bytes
LONGEST_REMEMBERED = 1_000  # characters of a verdict
MANY = "(many rules)"
NO_VERDICT = "without a verdict: nothing was decided on the picture"
NEWLY_IN_SCOPE = "in scope only now: nobody looked at the picture"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was, or would be, done: the action, ` (shadow)` behind it where it is only logged, and whose rule it is."""

    action: str
    rule: str
    reason: str = field(default="", compare=False)
    shadow: tuple[tuple[str, str], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change. `was` and `now` are actions as in Ruling."""

    was: str
    was_rule: str
    now: str
    now_rule: str

    @property
    def moves(self) -> bool:
        """Whether something else is done to the object, not only by another rule."""
        return self.was != self.now


@dataclass(frozen=True, slots=True)
class Example:
    """One upload that changes; `reason` is that of the new decision."""

    bucket: str
    key: str
    uploaded_at: str
    reason: str


@dataclass(slots=True)
class Replay:
    """What came of a log.

    `useless` counts lines by why they could not be decided again; `unread` how many of these may have been uploads, but
    could not be read. `shadow`: (rule in shadow, what it would do, what is
    done by the rules in force) -> uploads.
    """

    policy: Policy
    against: Policy | None
    lines: int = 0
    files: int = 0
    decided: int = 0
    unread: int = 0
    changes: Counter[Change] = field(default_factory=Counter)
    examples: dict[Change, list[Example]] = field(default_factory=dict)
    shadow: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    useless: Counter[str] = field(default_factory=Counter)

    @property
    def moved(self) -> int:
        """Uploads to which something else is done."""
        return sum(count for change, count in self.changes.items() if change.moves)

    @property
    def reruled(self) -> int:
        """Uploads to which the same is done by another rule."""
        return sum(
            count for change, count in self.changes.items() if not change.moves and change.was_rule != change.now_rule
        )

    def flows(self) -> Counter[tuple[str, str]]:
        """Old action to new action."""
        flows: Counter[tuple[str, str]] = Counter()
        for change, count in self.changes.items():
            flows[change.was, change.now] += count
        return flows


class Replayer:
    """Takes lines one by one. The policies' decisions are remembered, for most verdicts of a log are alike."""

    def __init__(self, policy: Policy, against: Policy | None = None) -> None:
        self.replay = Replay(policy, against)
        self._now = _Decider(policy)
        self._was = None if against is None else _Decider(against)

    def take(self, record: Record | Unread) -> None:
        """Decide one line again, or count why that cannot be."""
        replay = self.replay
        replay.lines += 1
        if isinstance(record, Unread):
            replay.useless[record.reason] += 1
            replay.unread += record is not NOT_OURS
            return
        upload = record.upload
        now = self._now.rule_on(record)
        if upload is None or now is None:
            is_new = (
                upload is not None and record.outcome.status == OUT_OF_SCOPE and in_scope(replay.policy, upload.key)
            )
            replay.useless[NEWLY_IN_SCOPE if is_new else NO_VERDICT] += 1
            return
        was = _logged_ruling(record) if self._was is None else self._was.rule_on(record)
        self._count(upload, was or now, now)

    def _count(self, upload: Upload, was: Ruling, now: Ruling) -> None:
        replay = self.replay
        replay.decided += 1
        change = Change(was.action, was.rule, now.action, now.rule)
        if change not in replay.changes and len(replay.changes) >= MOST_CHANGES:
            change = Change(was.action, MANY, now.action, MANY)
        replay.changes[change] += 1
        for rule, action in now.shadow:
            replay.shadow[rule, action, now.action] += 1
        if change.moves:
            examples = replay.examples.setdefault(change, [])
            if len(examples) < EXAMPLES:
                texts = (upload.bucket, upload.key, upload.uploaded_at, now.reason)
                examples.append(Example(*(text[:LONGEST_EXAMPLE] for text in texts)))


class _Decider:
    """One policy, with a memory. What a decision takes of an upload is which rules are about it at all."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._conditional = [
            conditions
            for rule in policy.rules
            for conditions in (rule.match, rule.unless)
            if conditions is not None and _asks_of_upload(conditions)
        ]
        self._memory: dict[object, Ruling] = {}

    def rule_on(self, record: Record) -> Ruling | None:
        """What the policy says; None where there is neither a verdict nor a failure to decide on."""
        upload, verdict = record.upload, record.verdict
        failure = record.decision.failure if record.decision is not None else None
        if upload is None or (verdict is None and failure is None):
            return None
        if not in_scope(self._policy, upload.key):
            return _UNSEEN
        if verdict is None and failure is not None:
            return _ruling(decide_failure(self._policy, upload, failure))
        return None if verdict is None else self._decide(upload, verdict)

    def _decide(self, upload: Upload, verdict: Verdict) -> Ruling:
        about = tuple(conditions.upload_miss(upload) is None for conditions in self._conditional)
        known = (about, verdict.risk, verdict.findings)
        ruling = self._memory.get(known)
        if ruling is None:
            ruling = _ruling(decide(self._policy, upload, verdict))
            if len(self._memory) >= MOST_REMEMBERED:
                self._memory.clear()
            if len(ruling.reason) + len(repr(verdict.findings)) <= LONGEST_REMEMBERED:
                self._memory[known] = ruling
        return ruling


_ENDINGS = frozenset(status.value for status in Status)
_UNSEEN = Ruling(OUT_OF_SCOPE, "(scope)", "the key is out of scope")


def _asks_of_upload(conditions: Conditions) -> bool:
    return any(
        value is not None
        for value in (
            conditions.keys,
            conditions.buckets,
            conditions.min_size_bytes,
            conditions.max_size_bytes,
            conditions.content_types,
        )
    )


def _ruling(decision: Decision) -> Ruling:
    shadow = tuple((match.rule, match.action.value) for match in decision.shadow)
    return Ruling(_name_action(decision.action, decision.mode), decision.rule, decision.reason, shadow)


def _logged_ruling(record: Record) -> Ruling:
    logged = record.decision
    if logged is None:
        ending = record.outcome.status
        return Ruling(f"({ending})" if ending in _ENDINGS else "(unknown)", "(nothing decided)")
    return Ruling(_name_action(logged.action, logged.mode), logged.rule[:LONGEST_NAME])


def _name_action(action: Action, mode: Mode) -> str:
    return f"{action.value} (shadow)" if mode is Mode.SHADOW else action.value
