"""Labels by their name or meaning, and the rules of a policy that are about them."""

import re
from dataclasses import dataclass

from handler.model import Risk
from handler.policy.conditions import Conditions, Library
from handler.policy.globs import compile_label
from handler.policy.labels import CATALOGUE, NO_RISK_LABELS, Label, is_library
from handler.policy.rules import OTHERWISE, Policy, Rule
from scripts.workbench.everyday import look_up, split
from scripts.workbench.misses import describe_conditions

_SHORT = 4  # letters: `age` is in `cleavage`
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Taker:
    """A rule that can settle a label. `conditions`: what it asks for besides, in words; none: it takes what is left."""

    rule: str
    line: int
    action: str
    is_shadow: bool
    conditions: tuple[str, ...]

    def __str__(self) -> str:
        """`adult (from 80): quarantine`."""
        asked = f" ({'; '.join(self.conditions)})" if self.conditions else ""
        shadow = ", in shadow" if self.is_shadow else ""
        return f"{self.rule}{asked}: {self.action}{shadow}"


def find_labels(pattern: str | None) -> list[Label]:
    """Labels whose name fits a pattern with `*`, or that a text leads to; all without one.

    It leads to labels whose name or meaning holds it, or that it means in everyday words; where none holds the whole,
    to those that hold one of its words.
    """
    if pattern is None:
        return list(CATALOGUE.values())
    if "*" in pattern:
        glob = compile_label(pattern.lower())
        return [label for label in CATALOGUE.values() if glob.matches(label.name.lower())]
    names = look_up(pattern).labels | {label.name for label in CATALOGUE.values() if _holds(label, pattern)}
    if not any(_holds(label, pattern) for label in CATALOGUE.values()):
        words = [word for word in split(pattern) if not look_up(word).labels]
        names |= {label.name for label in CATALOGUE.values() if any(_holds(label, word) for word in words)}
    return [label for label in CATALOGUE.values() if label.name in names]


def _holds(label: Label, text: str) -> bool:
    """Tell whether a text is part of a label or of its meaning: a short one, at the beginning of a word."""
    text = text.strip().lower()
    if len(text) < _SHORT:
        parts = f"{_CAPITAL.sub(' ', label.name)} {label.meaning}".lower().replace("_", " ")
        return bool(text) and f" {text}" in f" {parts}"
    plain = text.replace(" ", "").replace("-", "")
    return text in label.meaning.lower() or plain in label.name.lower().replace(" ", "")


def find_takers(policy: Policy, label: str) -> tuple[Taker, ...]:
    """The rules about a label in the order of reading, up to one that takes all of it; else `otherwise` comes last."""
    takers = []
    for rule in policy.rules:
        if not _is_about(rule.match, label):
            continue
        conditions = describe_conditions(rule.match)
        if rule.unless is not None:
            conditions.append("with exceptions")
        takers.append(_taker(rule, conditions))
        if not conditions and not rule.is_shadow:
            return tuple(takers)
    return (*takers, _otherwise(policy))


def _taker(rule: Rule, conditions: list[str]) -> Taker:
    return Taker(rule.name, rule.line, rule.action.value, rule.is_shadow, tuple(conditions))


def _is_about(conditions: Conditions, label: str) -> bool:
    if conditions.labels is not None and not conditions.labels.matches(label):
        return False
    if conditions.library is not None and is_library(label) is not (conditions.library is Library.ONLY):
        return False
    if label not in NO_RISK_LABELS or not conditions.is_about_findings:
        return True
    named = conditions.labels is not None and label in conditions.labels.exact
    return named or (conditions.risk is not None and Risk.NONE in conditions.risk)


def _otherwise(policy: Policy) -> Taker:
    by_action: dict[str, list[str]] = {}
    for risk in reversed(Risk):
        by_action.setdefault(policy.otherwise[risk].value, []).append(risk.value)
    words = ", ".join(f"{'/'.join(risks)} {action}" for action, risks in by_action.items())
    return Taker(OTHERWISE, 0, words, is_shadow=False, conditions=())
