"""Tests of a policy: what must be decided on which verdict. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from handler.errors import FailureKind
from handler.model import Decision, Upload, Verdict
from handler.policy.rules import Policy, decide, decide_failure, in_scope

OUT_OF_SCOPE = "out-of-scope"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a test demands; None is not compared. `rule` and `tags` as in a Decision; `shadow`: rules that matched."""

    action: str
    rule: str | None = None
    tags: Mapping[str, str] | None = None
    shadow: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One test: an upload with its verdict, or with the failure to get one. `line` is where it starts in its file."""

    name: str
    file: str
    line: int
    upload: Upload
    verdict: Verdict | FailureKind
    expected: Expected

    def decide(self, policy: Policy) -> Decision | None:
        """What the policy decides; None for an upload out of its scope."""
        if not in_scope(policy, self.upload.key):
            return None
        if isinstance(self.verdict, FailureKind):
            return decide_failure(policy, self.upload, self.verdict)
        return decide(policy, self.upload, self.verdict)

    def holds(self, policy: Policy) -> bool:
        """Whether the policy decides what is expected."""
        return not compare(self.expected, self.decide(policy))


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was decided otherwise than a test demands."""

    what: str
    expected: str
    decided: str


def compare(expected: Expected, decision: Decision | None) -> list[Difference]:
    """What differs; nothing if the test holds."""
    if decision is None:
        pairs = [("action", expected.action, OUT_OF_SCOPE)]
    else:
        pairs = [("action", expected.action, decision.action.value)]
        if expected.rule is not None:
            pairs.append(("rule", expected.rule, decision.rule))
        if expected.tags is not None:
            pairs.append(("tags", _write(expected.tags), _write(decision.tags)))
        if expected.shadow is not None:
            pairs.append(("shadow", _list(expected.shadow), _list(match.rule for match in decision.shadow)))
    return [Difference(*pair) for pair in pairs if pair[1] != pair[2]]


def _write(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(tags.items())) or "no tags"


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "no rule"
