"""What tests of a policy cover: rules that matched in a test, and confidence boundaries that a test holds in place.

A boundary is pinned on both sides when a test fails as soon as it is moved by one point, up or down. So it counts only
what is really compared: a test that merely has a finding near the boundary does not pin it. A move that no verdict
would show, because another rule takes what lies between, needs no test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from handler.model import Decision, Finding, Risk, Verdict
from handler.policy.conditions import Conditions, read_findings
from handler.policy.labels import CATALOGUE, LIBRARY_SUFFIX
from handler.policy.rules import Policy, Rule, decide, in_scope, read_rules
from scripts.workbench.cases.case import Case

STEP = 1.0  # point of confidence
_LOWEST, _HIGHEST = 0.0, 100.0
_BOUNDS = ("min_confidence", "max_confidence")


@dataclass(frozen=True, slots=True)
class Boundary:
    """One threshold. `unpinned`: the values that it could be moved to unnoticed."""

    path: str
    value: float
    unpinned: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """One rule: the names of the tests in which it matched, and its boundaries."""

    rule: Rule
    reached_by: tuple[str, ...]
    boundaries: tuple[Boundary, ...]

    @property
    def gaps(self) -> list[str]:
        """What no test covers; empty if all is covered."""
        if not self.reached_by:
            return [f"no test reaches the rule {self.rule.name!r}; add one in which it matches"]
        return [_explain(self.rule, boundary) for boundary in self.boundaries if boundary.unpinned]


def cover(policy: Policy, cases: Sequence[Case]) -> list[RuleCoverage]:
    """Measure what these tests, all of which hold, cover of a policy."""
    reached: dict[str, list[str]] = {rule.name: [] for rule in policy.rules}
    for case in cases:
        for name in _matched(policy, case):
            reached[name].append(case.name)
    return [
        RuleCoverage(rule, tuple(reached[rule.name]), tuple(_boundaries(policy, index, cases, reached[rule.name])))
        for index, rule in enumerate(policy.rules)
    ]


def _matched(policy: Policy, case: Case) -> Iterator[str]:
    if isinstance(case.verdict, Verdict) and in_scope(policy, case.upload.key):
        for step in read_rules(policy, case.upload, read_findings(case.verdict)):
            if step.fired:
                yield step.rule.name


def _boundaries(policy: Policy, index: int, cases: Sequence[Case], reached_by: Sequence[str]) -> Iterator[Boundary]:
    """The thresholds of a rule. In one that no test reaches nothing is pinned."""
    rule = policy.rules[index]
    for part in ("match", "unless"):
        conditions: Conditions | None = getattr(rule, part)
        for bound in _BOUNDS if conditions is not None else ():
            value: float | None = getattr(conditions, bound)
            if conditions is None or value is None:
                continue
            unpinned = []
            for moved in (value - STEP, value + STEP):
                if not _LOWEST <= moved <= _HIGHEST:
                    continue
                mutant = replace(rule, **{part: replace(conditions, **{bound: moved})})  # type: ignore[arg-type]
                changed = _swap(policy, index, mutant)
                is_unseen = _all_hold(changed, cases) and _shows(policy, changed, rule, (value, moved), cases)
                if is_unseen or not reached_by:
                    unpinned.append(moved)
            yield Boundary(f"{part}.{bound}", value, tuple(unpinned))


def _swap(policy: Policy, index: int, rule: Rule) -> Policy:
    return replace(policy, rules=(*policy.rules[:index], rule, *policy.rules[index + 1 :]))


def _all_hold(policy: Policy, cases: Sequence[Case]) -> bool:
    return all(case.holds(policy) for case in cases)


def _shows(policy: Policy, changed: Policy, rule: Rule, ends: tuple[float, float], cases: Sequence[Case]) -> bool:
    """Tell whether a single finding between the two thresholds, in the upload of some test, is decided otherwise.

    It is not where another rule takes what is between them, as in bands that meet: then there is nothing to test.
    """
    labels = rule.match.labels
    known = {*CATALOGUE, *(label + LIBRARY_SUFFIX for label in CATALOGUE), *(labels.exact if labels else ())}
    named = [label for label in known if labels is None or labels.matches(label)]
    for upload in {case.upload for case in cases}:
        for label, confidence, risk in product(named, (*ends, sum(ends) / 2), Risk):
            verdict = Verdict("", risk.value, (Finding(label, confidence, risk.value),))
            if _essence(decide(policy, upload, verdict)) != _essence(decide(changed, upload, verdict)):
                return True
    return False


def _essence(decision: Decision) -> tuple[object, ...]:
    return decision.action, decision.rule, decision.shadow


def _explain(rule: Rule, boundary: Boundary) -> str:
    moved = " or ".join(f"{value:.12g}" for value in boundary.unpinned)
    return (
        f"{boundary.path} {boundary.value:.12g} of the rule {rule.name!r} can become {moved} and no test fails; "
        f"add tests with a confidence of {boundary.value:.12g} and just below it, that state the rule"
    )
