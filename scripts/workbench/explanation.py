"""Why a policy decides as it does: every rule, finding by finding. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from handler.model import Action, Decision, Mode, Risk, Upload, Verdict
from handler.policy.conditions import Judged, read_findings
from handler.policy.rules import FINAL, OTHERWISE, Policy, Rule, Step, decide, in_scope, read_rules, soften
from handler.upload.tagging import wanted_tags
from scripts.workbench.misses import finding_reason, match_note, upload_reason
from scripts.workbench.short_form import describe_finding

_STATUSES = {
    Action.PASS: "passed",
    Action.TAG: "flagged",
    Action.QUARANTINE: "quarantined",
    Action.DELETE: None,
    Action.NONE: None,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One rule as it was read.

    `result`: `decides`, `settles`, `would` (in shadow), `no match`, or `not read`. `reasons`: one for each finding.
    """

    rule: str
    line: int
    action: str
    is_shadow: bool
    result: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and how it came about. `found`: the findings as rules see them. `tags` would be written."""

    found: tuple[str, ...]
    readings: tuple[Reading, ...]
    decision: Decision
    tags: dict[str, str]
    notes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The explanation for `--json`."""
        return {"v": 1, **asdict(self)}


def explain(policy: Policy, upload: Upload, verdict: Verdict) -> Explanation:
    """Decide, and say how every rule took part."""
    decision = decide(policy, upload, verdict)
    findings = read_findings(verdict)
    steps = list(read_rules(policy, upload, findings))
    readings = [_read(step, upload) for step in steps]
    last = steps[-1] if steps else None
    has_ended = last is not None and last.fired and last.rule.is_final and not last.rule.is_shadow
    if last is not None and has_ended:
        readings += [_skip(rule, last.rule) for rule in policy.rules[len(steps) :]]
        readings.append(_reading_otherwise("not read", (f"{last.rule.name!r} decided",), decision))
    else:
        readings.append(_read_otherwise(policy, last.left if last else findings, decision))
    return Explanation(
        found=tuple(_describe(judged, verdict) for judged in findings),
        readings=tuple(readings),
        decision=decision,
        tags=would_be_tags(policy, decision),
        notes=tuple(_notes(policy, upload, decision)),
    )


def would_be_tags(policy: Policy, decision: Decision) -> dict[str, str]:
    """Our tags on the object, or on its copy in quarantine, if it has room for all of them."""
    status = _STATUSES[decision.action]
    if status is None or decision.mode is Mode.SHADOW:
        return {}
    return wanted_tags(decision, status, prefix=policy.tags.prefix, labels=policy.tags.labels)


def _read(step: Step, upload: Upload) -> Reading:
    rule = step.rule
    not_about = upload_reason(rule, upload)
    reasons = [_say(step, upload, judged) for judged in step.unsettled] if not_about is None else [not_about]
    reasons = reasons or ["every finding was settled by a rule above"]
    action = soften(rule.action, step.fired) if step.fired else rule.action
    return Reading(rule.name, rule.line, action.value, rule.is_shadow, _result(step), tuple(reasons))


def _result(step: Step) -> str:
    if not step.fired:
        return "no match"
    if step.rule.is_shadow:
        return "would"
    return "decides" if step.rule.is_final else "settles"


def _say(step: Step, upload: Upload, judged: Judged) -> str:
    if reason := finding_reason(step.rule, upload, judged):
        return reason
    note = match_note(step.rule, judged)
    return f"{describe_finding(judged)} matches{'; ' + note if note else ''}"


def _skip(rule: Rule, ender: Rule) -> Reading:
    reason = f"{ender.name!r} on line {ender.line} decided on the whole object"
    return Reading(rule.name, rule.line, rule.action.value, rule.is_shadow, "not read", (reason,))


def _read_otherwise(policy: Policy, left: tuple[Judged, ...], decision: Decision) -> Reading:
    if not left:
        return _reading_otherwise("not read", ("every finding was settled by a rule",), decision)
    reasons = tuple(
        f"{describe_finding(judged)} has risk {judged.risk.value}: {policy.otherwise[judged.risk].value}"
        for judged in left
    )
    is_final = any(policy.otherwise[judged.risk] in FINAL for judged in left)
    return _reading_otherwise("decides" if is_final else "settles", reasons, decision)


def _reading_otherwise(result: str, reasons: tuple[str, ...], decision: Decision) -> Reading:
    is_decider = decision.rule == OTHERWISE
    action = decision.action.value if is_decider else ""
    return Reading(
        OTHERWISE, decision.line if is_decider else 0, action, is_shadow=False, result=result, reasons=reasons
    )


def _describe(judged: Judged, verdict: Verdict) -> str:
    text = f"{describe_finding(judged)} ({judged.risk.value})"
    own = judged.finding.risk
    if judged.is_overall:
        return f"{text}: the overall risk, graver than every finding's own"
    if own is None and verdict.risk is None:
        return f"{text}: no risk was given, which counts as high"
    if own is None:
        return f"{text}: the overall risk, for it has none of its own"
    return text if own in {risk.value for risk in Risk} else f"{text}: the unknown word {own!r} counts as high"


def _notes(policy: Policy, upload: Upload, decision: Decision) -> list[str]:
    notes = []
    if not in_scope(policy, upload.key):
        notes.append(f"the key {upload.key!r} is out of scope: the function records `out-of-scope` and decides nothing")
    if decision.mode is Mode.SHADOW:
        notes.append("the policy is in shadow mode: this is logged, and the object is not touched")
    return notes
