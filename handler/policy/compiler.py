"""Compiles the shape of a policy file into the Policy that decides.

Works on files with mistakes too: what is missing or wrong is left out, so that checks can look at the rest.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import UNSET, UnsetType

from handler.errors import FailureKind
from handler.model import Action, Mode, Risk
from handler.policy.conditions import Conditions, Library, media_type
from handler.policy.globs import Glob, compile_key
from handler.policy.labels import LabelSet, compile_labels
from handler.policy.rules import Moderation, Policy, QuarantineRules, Rule, Scope, TagRules
from handler.policy.shape import ConditionsShape, PolicyShape, RuleShape
from handler.policy.tree import Path, Place

T = TypeVar("T")


def compile_policy(
    shape: PolicyShape, text: bytes, places: Mapping[Path, Place], key_places: Mapping[Path, Place]
) -> Policy:
    """Compile a file without mistakes. `text` is the whole file, for the id."""
    asked = shape.moderation
    bucket = shape.quarantine.bucket
    return Policy(
        id=f"{shape.name}:{hashlib.sha256(text).hexdigest()[:8]}",
        name=shape.name,
        mode=Mode(shape.mode),
        moderation=Moderation(asked.service, tuple(asked.info_types), asked.referer),
        scope=Scope(_compile_keys(shape.scope.include), _compile_keys(shape.scope.exclude)),
        rules=tuple(
            compile_rule(rule, places["rules", index].line, shape.lists) for index, rule in enumerate(shape.rules)
        ),
        otherwise={risk: Action(getattr(shape.otherwise, risk.value)) for risk in Risk},
        failures={kind: _failure_action(shape, kind) for kind in FailureKind},
        quarantine=None if isinstance(bucket, UnsetType) else QuarantineRules(bucket, shape.quarantine.prefix),
        tags=TagRules(shape.tags.prefix, shape.tags.when_full, shape.tags.labels),
        lines={
            f"{path[0]}.{path[1]}": place.line
            for path, place in key_places.items()
            if path[0] in {"otherwise", "failures"} and path[1:]
        },
    )


def _failure_action(shape: PolicyShape, kind: FailureKind) -> Action:
    action = getattr(shape.failures, kind.value)
    if not isinstance(action, UnsetType):
        return Action(action)
    # What is left out may not ask for a bucket that a policy which only tags does not have.
    return Action.TAG if isinstance(shape.quarantine.bucket, UnsetType) else Action.QUARANTINE


def compile_rule(rule: RuleShape, line: int, lists: Mapping[str, Sequence[str]]) -> Rule:
    """Compile one rule; `line` is where it starts."""
    return Rule(
        name=rule.name,
        line=line,
        match=compile_conditions(rule.match, lists),
        action=Action(rule.action),
        unless=None if isinstance(rule.unless, UnsetType) else compile_conditions(rule.unless, lists),
        is_shadow=rule.status == "shadow",
        tags=dict(rule.tags),
    )


def compile_conditions(shape: ConditionsShape, lists: Mapping[str, Sequence[str]]) -> Conditions:
    """Compile one `match` or `unless`. Lists that are not there name nothing."""
    library = _value(shape.library)
    risk = _sound_or_none(shape.risk)
    keys = _sound_or_none(shape.keys)
    buckets = _sound_or_none(shape.buckets)
    content_types = _sound_or_none(shape.content_types)
    return Conditions(
        labels=_compile_labels(shape.labels, lists),
        risk=None if risk is None else frozenset(Risk(word) for word in risk),
        min_confidence=_value(shape.min_confidence),
        max_confidence=_value(shape.max_confidence),
        library=None if library is None else Library(library),
        keys=None if keys is None else _compile_keys(keys),
        buckets=None if buckets is None else frozenset(buckets),
        min_size_bytes=_value(shape.min_size_bytes),
        max_size_bytes=_value(shape.max_size_bytes),
        content_types=None if content_types is None else frozenset(media_type(text) for text in content_types),
    )


def expand_labels(patterns: Iterable[str], lists: Mapping[str, Sequence[str]]) -> list[str]:
    """Put what each `$list` holds in its place."""
    expanded: list[str] = []
    for pattern in sound(patterns):
        expanded += sound(lists.get(pattern[1:], ())) if pattern.startswith("$") else [pattern]
    return expanded


def sound(values: Iterable[T]) -> list[T]:
    """Leave out the items of a list that did not fit the shape."""
    return [value for value in values if is_sound(value)]


def is_sound(value: object) -> bool:
    """Tell a value that fitted the shape from a hole (typed as what should be there)."""
    return value is not UNSET


def _compile_labels(patterns: Sequence[str] | UnsetType, lists: Mapping[str, Sequence[str]]) -> LabelSet | None:
    return None if isinstance(patterns, UnsetType) else compile_labels(expand_labels(patterns, lists))


def _compile_keys(patterns: Iterable[str]) -> tuple[Glob, ...]:
    return tuple(compile_key(pattern) for pattern in patterns)


def _value(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value


def _sound_or_none(values: list[T] | UnsetType) -> list[T] | None:
    return None if isinstance(values, UnsetType) else sound(values)
