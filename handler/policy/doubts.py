"""What a policy file may say, and its author probably did not mean: the warnings."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from msgspec import UnsetType

from handler.model import Action, Mode, Risk
from handler.policy.compiler import expand_labels
from handler.policy.conditions import Conditions
from handler.policy.globs import Glob, compile_key, compile_label, some_text
from handler.policy.labels import CATALOGUE, compile_labels
from handler.policy.reach import covers, find_clash, reaches
from handler.policy.rules import FINAL, Policy, Rule
from handler.policy.shape import PolicyShape
from handler.policy.tree import Path, Remark

_STRICTNESS = (Action.PASS, Action.NONE, Action.TAG, Action.QUARANTINE, Action.DELETE)
_NO_KEYS = (compile_key("/**"), compile_key("\\**"))  # OSS refuses keys that begin so
_VERBS = {Action.QUARANTINE: "holds", Action.DELETE: "deletes"}
_STEM_LENGTH = 5  # violent_ and violence_ share as many letters; no other two families do
_SHOWN = 3


def find_doubts(shape: PolicyShape, policy: Policy) -> Iterator[Remark]:
    """Find what deserves a warning in a policy without errors."""
    yield from _doubt_scope(shape, policy)
    yield from _doubt_harmless(policy)
    yield from _doubt_effect(policy)
    for index, rule in enumerate(policy.rules):
        path = ("rules", index)
        above, below = policy.rules[:index], policy.rules[index + 1 :]
        yield from _doubt_reach(policy, rule, above, path)
        yield from _doubt_deletion(rule, path)
        yield from _doubt_order(rule, below, path)
        yield from _doubt_wildcards(shape, index)


def _doubt_scope(shape: PolicyShape, policy: Policy) -> Iterator[Remark]:
    """Keys to moderate, of which there are none: everything else would be recorded as out of scope."""
    empty = [
        index for index, include in enumerate(policy.scope.include) if not _has_keys(include, policy.scope.exclude)
    ]
    for index in empty:
        include = policy.scope.include[index]
        why = "`exclude` takes all of it out again" if _has_keys(include, ()) else "no key begins with / or \\"
        message = f"nothing falls into {shape.scope.include[index]!r}: {why}"
        yield Remark("warning", ("scope", "include", index), f"{message}; mend it or take it out")
    if len(empty) == len(policy.scope.include):
        message = "nothing falls into this scope, so that no upload is ever looked at"
        yield Remark("warning", ("scope",), f"{message}; include the keys that uploaders write, or '**' for all")


def _has_keys(include: Glob, exclude: Sequence[Glob]) -> bool:
    return some_text((include,), (*exclude, *_NO_KEYS))


def _doubt_harmless(policy: Policy) -> Iterator[Remark]:
    """What becomes of a picture in which nothing was found: of most of them, on most sites."""
    if policy.mode is Mode.SHADOW:
        return  # nothing is touched
    named = Conditions(labels=compile_labels(["nonLabel"]))
    harmless = [_about_everything(policy, one) for one in (named, replace(named, risk=frozenset({Risk.NONE})))]
    for index, rule in enumerate(policy.rules):
        if rule.is_shadow or not any(covers(rule, one) for one in harmless):
            continue
        if rule.is_final:
            message = f"rule {rule.name!r} {_VERBS[rule.action]} every upload, also where nothing was found in it"
            yield Remark("warning", ("rules", index), f"{message}; say which labels or which risk it is about")
        return
    action = policy.otherwise[Risk.NONE]
    if action in FINAL:
        message = f"this {_VERBS[action]} every upload in which nothing was found"
        yield Remark("warning", ("otherwise", "none"), f"{message}; pass is what most sites want here")


def _doubt_effect(policy: Policy) -> Iterator[Remark]:
    """A policy by which nothing is ever flagged, held or deleted for what was found in it."""
    actions = set(_effects(policy))
    if actions - {Action.PASS, Action.NONE}:
        return
    shadow = " but in shadow" if any(rule.is_shadow and rule.action not in actions for rule in policy.rules) else ""
    message = f"whatever is found, nothing is flagged, held or deleted{shadow}: this policy lets every picture through"
    yield Remark(
        "warning", ("otherwise",), f"{message}; state an action for high and medium risk under `otherwise`, or rules"
    )


def _effects(policy: Policy) -> Iterator[Action]:
    """What can become of a finding of some risk, by the rules that are reached and by `otherwise`."""
    risky = _about_everything(policy, Conditions(risk=frozenset({Risk.LOW, Risk.MEDIUM, Risk.HIGH})))
    for rule in policy.rules:
        if rule.is_shadow or not reaches(rule.match, policy.scope) or find_clash(rule.match, rule.match):
            continue
        yield rule.action
        if covers(rule, risky):
            return
    for risk, action in policy.otherwise.items():
        if risk is not Risk.NONE:
            yield action


def _about_everything(policy: Policy, conditions: Conditions) -> Rule:
    """Stand for all findings of a kind, in any upload in scope; an empty one is never judged."""
    return Rule("", 0, replace(conditions, keys=policy.scope.include, min_size_bytes=1), Action.QUARANTINE)


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
