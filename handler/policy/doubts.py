"""What a policy file may say, and its author probably did not mean: the warnings."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from msgspec import UnsetType

from handler.model import Action
from handler.policy.compiler import expand_labels
from handler.policy.conditions import Conditions
from handler.policy.globs import compile_label
from handler.policy.labels import CATALOGUE, compile_labels
from handler.policy.reach import covers, find_clash, reaches
from handler.policy.rules import Policy, Rule
from handler.policy.shape import PolicyShape
from handler.policy.tree import Path, Remark

_STRICTNESS = (Action.PASS, Action.NONE, Action.TAG, Action.QUARANTINE, Action.DELETE)
_STEM_LENGTH = 5  # violent_ and violence_ share as many letters; no other two families do
_SHOWN = 3


def find_doubts(shape: PolicyShape, policy: Policy) -> Iterator[Remark]:
    """Find what deserves a warning in a policy without errors."""
    for index, rule in enumerate(policy.rules):
        path = ("rules", index)
        above, below = policy.rules[:index], policy.rules[index + 1 :]
        yield from _doubt_reach(policy, rule, above, path)
        yield from _doubt_deletion(rule, path)
        yield from _doubt_order(rule, below, path)
        yield from _doubt_wildcards(shape, index)


def _doubt_reach(policy: Policy, rule: Rule, above: Sequence[Rule], path: Path) -> Iterator[Remark]:
    if not reaches(rule.match, policy.scope):
        message = f"rule {rule.name!r} is never reached: none of its keys is in scope; mend the keys or the scope"
        yield Remark("warning", path, message)
        return
    if find_clash(rule.match, rule.match) is not None:
        yield Remark("warning", path, f"rule {rule.name!r} is never reached: no label can be all that it asks for")
        return
    if rule.unless is not None and covers(_spared(rule, rule.unless), replace(rule, unless=None)):
        message = f"rule {rule.name!r} is never reached: its `unless` spares all that its `match` fits; narrow it"
        yield Remark("warning", (*path, "unless"), message)
        return
    for earlier in above:
        if not earlier.is_shadow and covers(earlier, rule):
            message = (
                f"rule {rule.name!r} is never reached: {earlier.name!r} on line {earlier.line} takes all that it fits"
            )
            yield Remark("warning", path, f"{message}; move it up or take it out")
            return


def _spared(rule: Rule, unless: Conditions) -> Rule:
    """Treat an `unless` as a rule above; to a confidence that is unknown it answers as rules of the other kind do."""
    return replace(rule, match=unless, unless=None, action=Action.PASS if rule.is_final else Action.QUARANTINE)


def _doubt_deletion(rule: Rule, path: Path) -> Iterator[Remark]:
    if rule.action is Action.DELETE and rule.match.min_confidence is None:
        message = f"rule {rule.name!r} deletes however unsure the service is; add min_confidence, or quarantine"
        yield Remark("warning", (*path, "action"), message)


def _doubt_order(rule: Rule, below: Sequence[Rule], path: Path) -> Iterator[Remark]:
    """A pass or a tag settles a label before a stricter rule that names it too sees it."""
    if rule.action not in {Action.PASS, Action.TAG} or rule.is_shadow:
        return
    for later in below:
        is_stricter = _STRICTNESS.index(later.action) > _STRICTNESS.index(rule.action)
        if is_stricter and _names_labels(later.match) and _is_about_labels_of(rule, later):
            message = (
                f"rule {rule.name!r} settles labels before the stricter {later.name!r} on line {later.line} sees them"
            )
            yield Remark("warning", path, f"{message}; move the stricter rule up, or make their conditions differ")
            return


def _names_labels(conditions: Conditions) -> bool:
    return conditions.labels is not None and not conditions.labels.everything


def _is_about_labels_of(rule: Rule, later: Rule) -> bool:
    return _names_labels(rule.match) and find_clash(rule.match, later.match) is None


def _doubt_wildcards(shape: PolicyShape, index: int) -> Iterator[Remark]:
    """A wildcard that narrowly misses a label which no other pattern beside it names either."""
    rule = shape.rules[index]
    for part in ("match", "unless"):
        conditions = getattr(rule, part)
        if isinstance(conditions, UnsetType) or isinstance(conditions.labels, UnsetType):
            continue
        named = compile_labels(expand_labels(conditions.labels, shape.lists))
        for position, pattern in enumerate(conditions.labels):
            path: Path = ("rules", index, part, "labels", position)
            for wildcard in expand_labels([pattern], shape.lists):
                missed = [label for label in _near(wildcard) if not named.matches(label)]
                if missed:
                    yield Remark("warning", path, _explain_miss(wildcard, missed))


def _near(wildcard: str) -> list[str]:
    """Labels that the wildcard would match if its family were spelled otherwise, or its letters in another case."""
    family, separator, rest = wildcard.partition("_")
    if "*" not in wildcard:
        return []
    loose = wildcard
    if separator and "*" not in family and len(family) > _STEM_LENGTH:
        loose = f"{family[:_STEM_LENGTH]}*_{rest}"
    glob = compile_label(loose.lower())
    return [label for label in CATALOGUE if glob.matches(label.lower())]


def _explain_miss(wildcard: str, missed: list[str]) -> str:
    shown = ", ".join(missed[:_SHOWN]) + (f" and {len(missed) - _SHOWN} more" if len(missed) > _SHOWN else "")
    return f"{wildcard!r} narrowly misses {shown}; name it too if it is meant"
