"""The policy: rules, and what they decide on a verdict. Pure.

Rules are read from the top. Quarantine and delete end the reading; pass, tag and none settle only the findings
that they match. Findings that no rule settles are settled by `otherwise`, each by its own risk.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from handler.errors import FailureKind
from handler.model import Action, Decision, Mode, Risk, ShadowMatch, Upload, Verdict
from handler.policy.conditions import GRAVITY, Conditions, Judged, matches_any, read_findings
from handler.policy.globs import Glob

OTHERWISE = "(otherwise)"
FAILURES = "(failures)"
RELEASE = "(release)"
FINAL = frozenset({Action.QUARANTINE, Action.DELETE})
_GRAVEST_FIRST = sorted(Risk, key=GRAVITY.__getitem__, reverse=True)
_FIRST_WINS = (Action.TAG, Action.NONE, Action.PASS)
_FAILURE_REASONS = {
    FailureKind.UNSUPPORTED: "it is empty, or not an image that the service takes",
    FailureKind.TOO_LARGE: "the image is over the limits of the service",
    FailureKind.UNREADABLE: "the service could not read the object",
    FailureKind.REJECTED: "the service refuses this very request",
    FailureKind.UNAVAILABLE: "the service gave no verdict until the last delivery",
    FailureKind.SYMLINK: "it is a link, not an image",
    FailureKind.ARCHIVED: "it is of an archive class, and nobody can read it",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `line` is that of its name in the file, from 1; `is_shadow`: judged and logged, settles nothing."""

    name: str
    line: int
    match: Conditions
    action: Action
    unless: Conditions | None = None
    is_shadow: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_final(self) -> bool:
        """Quarantine or delete: this rule ends the reading."""
        return self.action in FINAL

    def upload_miss(self, upload: Upload) -> str | None:
        """Name the condition of `match` that keeps this rule from the upload, whatever is found in it."""
        return self.match.upload_miss(upload)

    def finding_miss(self, upload: Upload, judged: Judged) -> str | None:
        """Name the condition of `match` that the finding does not meet, or `unless` where that spares it.

        A confidence that is unknown never helps: it fits the `match` of a final rule and the `unless` of any other.
        """
        miss = self.match.finding_miss(judged, unknown_fits=self.is_final)
        if miss is not None or self.unless is None:
            return miss
        is_spared = (
            self.unless.upload_miss(upload) is None
            and self.unless.finding_miss(judged, unknown_fits=not self.is_final) is None
        )
        return "unless" if is_spared else None


@dataclass(frozen=True, slots=True)
class Moderation:
    """What is asked of the moderation service. `referer`: at most 256 characters, or None."""

    service: str
    info_types: tuple[str, ...]
    referer: str | None


@dataclass(frozen=True, slots=True)
class Scope:
    """Which keys are moderated."""

    include: tuple[Glob, ...]
    exclude: tuple[Glob, ...]


@dataclass(frozen=True, slots=True)
class QuarantineRules:
    """Where quarantined objects go: `prefix` starts every key there."""

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True)
class TagRules:
    """How objects are tagged: `when_full` is `quarantine` or `evict`; `labels`: whether labels are written."""

    prefix: str
    when_full: str
    labels: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file, checked and compiled. `id` is `name:sha256[:8]` of its bytes.

    `lines` are those of `otherwise.<risk>` and `failures.<kind>` in the file, where they are stated there.
    """

    id: str
    name: str
    mode: Mode
    moderation: Moderation
    scope: Scope
    rules: tuple[Rule, ...]
    otherwise: Mapping[Risk, Action]
    failures: Mapping[FailureKind, Action]
    quarantine: QuarantineRules | None
    tags: TagRules
    lines: Mapping[str, int]

    @property
    def can_quarantine(self) -> bool:
        """Whether an object can end in quarantine, also in place of a deletion or for want of a free tag."""
        by_failure = Action.QUARANTINE in self.failures.values()
        by_verdict = {rule.action for rule in self.rules if not rule.is_shadow} | {*self.otherwise.values()}
        return by_failure or self.tags.when_full == "quarantine" or not FINAL.isdisjoint(by_verdict)


@dataclass(frozen=True, slots=True)
class Step:
    """One rule at its place: the findings that were unsettled there, and those of them that it matched."""

    rule: Rule
    unsettled: tuple[Judged, ...]
    fired: tuple[Judged, ...]

    @property
    def left(self) -> tuple[Judged, ...]:
        """The findings unsettled after it."""
        if self.rule.is_shadow or not self.fired:
            return self.unsettled
        return tuple(judged for judged in self.unsettled if judged not in self.fired)


@dataclass(frozen=True, slots=True)
class _Ruling:
    """What a rule, or `otherwise`, says of the findings that it settles."""

    rule: str
    line: int
    action: Action
    fired: tuple[Judged, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


def in_scope(policy: Policy, key: str) -> bool:
    """Tell whether an object under this key is moderated at all."""
    return matches_any(policy.scope.include, key) and not matches_any(policy.scope.exclude, key)


def decide(policy: Policy, upload: Upload, verdict: Verdict) -> Decision:
    """Say what is to be done with an upload that was judged. Never raises."""
    left = read_findings(verdict)
    shadow: list[ShadowMatch] = []
    rulings: list[_Ruling] = []
    for step in read_rules(policy, upload, left):
        left = step.left
        if not step.fired:
            continue
        if step.rule.is_shadow:
            shadow.append(ShadowMatch(step.rule.name, soften(step.rule.action, step.fired)))
        else:
            rulings.append(_Ruling(step.rule.name, step.rule.line, step.rule.action, step.fired, step.rule.tags))
    if not rulings or rulings[-1].action not in FINAL:
        rulings += _settle_by_risk(policy, left)
    return _conclude(policy, rulings, tuple(shadow))


def read_rules(policy: Policy, upload: Upload, findings: tuple[Judged, ...]) -> Iterator[Step]:
    """Read the rules from the top, up to the one that decides on the whole object."""
    unsettled = findings
    for rule in policy.rules:
        fired: tuple[Judged, ...] = ()
        if rule.upload_miss(upload) is None:
            fired = tuple(judged for judged in unsettled if rule.finding_miss(upload, judged) is None)
        step = Step(rule, unsettled, fired)
        yield step
        if fired and rule.is_final and not rule.is_shadow:
            return
        unsettled = step.left


def soften(action: Action, fired: Iterable[Judged]) -> Action:
    """Turn a deletion that no finding with a confidence asks for into quarantine."""
    if action is Action.DELETE and all(judged.confidence is None for judged in fired):
        return Action.QUARANTINE
    return action


def decide_failure(policy: Policy, upload: Upload, failure: FailureKind) -> Decision:
    """Say what is to be done with an upload that has no verdict."""
    del upload  # what a failure costs does not depend on the object, as yet
    return Decision(
        policy=policy.id,
        action=policy.failures[failure],
        rule=FAILURES,
        line=policy.lines.get(f"failures.{failure.value}", 0),
        reason=f"failures.{failure.value}: {_FAILURE_REASONS[failure]}",
        mode=policy.mode,
        failure=failure,
    )


def decide_release(policy: Policy, by: str, reason: str) -> Decision:
    """Let pass what somebody brought back out of quarantine."""
    return Decision(
        policy=policy.id,
        action=Action.PASS,
        rule=RELEASE,
        line=0,
        reason=f"released by {by}: {reason}",
        mode=policy.mode,
    )


def _settle_by_risk(policy: Policy, left: tuple[Judged, ...]) -> Iterator[_Ruling]:
    """Settle what no rule did: the gravest risk that ends in quarantine or delete decides, and comes last."""
    milder: dict[Action, list[Judged]] = {}
    lines: dict[Action, int] = {}
    for risk in _GRAVEST_FIRST:
        fired = tuple(judged for judged in left if judged.risk is risk)
        if not fired:
            continue
        action = policy.otherwise[risk]
        line = policy.lines.get(f"otherwise.{risk.value}", 0)
        if action in FINAL:
            yield _Ruling(OTHERWISE, line, action, fired)
            return
        milder.setdefault(action, []).extend(fired)
        lines.setdefault(action, line)
    for action, settled in milder.items():
        yield _Ruling(OTHERWISE, lines[action], action, tuple(settled))


def _conclude(policy: Policy, rulings: list[_Ruling], shadow: tuple[ShadowMatch, ...]) -> Decision:
    last = rulings[-1]
    winner = last if last.action in FINAL else min(rulings, key=lambda ruling: _FIRST_WINS.index(ruling.action))
    action = soften(winner.action, winner.fired)
    return Decision(
        policy=policy.id,
        action=action,
        rule=winner.rule,
        line=winner.line,
        reason=_reason(winner, action),
        mode=policy.mode,
        findings=tuple(judged.finding for judged in winner.fired),
        tags=dict(winner.tags),
        shadow=shadow,
    )


def _reason(ruling: _Ruling, action: Action) -> str:
    source = "otherwise" if ruling.rule == OTHERWISE else f"rule {ruling.rule}"
    sentence = f"{source}: {', '.join(_describe(judged) for judged in ruling.fired)}"
    if action is not ruling.action:
        sentence += "; quarantined and not deleted, because the service gave no confidence"
    return sentence


def _describe(judged: Judged) -> str:
    confidence = "" if judged.confidence is None else f" {judged.confidence:.4g}"
    return f"{judged.finding.label}{confidence} ({judged.risk.value})"
