"""Whether one rule leaves anything to another, by examples; test_laws.py has the laws."""

import pytest

from handler.model import Action, Risk
from handler.policy.conditions import Conditions
from handler.policy.globs import compile_key
from handler.policy.labels import compile_labels
from handler.policy.reach import covers
from handler.policy.rules import Rule

EVERYTHING = Conditions()
LABELS = Conditions(labels=compile_labels(["*"]))
NO_RISK = Conditions(risk=frozenset({Risk.NONE}))
NO_RISK_LABEL = Conditions(labels=compile_labels(["nonLabel"]))
KEYS = Conditions(keys=(compile_key("a/**"),))


def rule(match: Conditions) -> Rule:
    """A rule that quarantines what matches."""
    return Rule("r", 1, match, Action.QUARANTINE)


@pytest.mark.parametrize(
    ("upper", "lower", "covered"),
    [
        (EVERYTHING, LABELS, True),
        (EVERYTHING, NO_RISK, True),
        # The no-risk labels are matched only where they are meant: `*` leaves them to who means them.
        (LABELS, KEYS, False),
        (LABELS, NO_RISK, False),
        (LABELS, NO_RISK_LABEL, False),
        (NO_RISK_LABEL, NO_RISK_LABEL, True),
        (LABELS, LABELS, True),
        (KEYS, EVERYTHING, False),
    ],
)
def test_what_a_rule_leaves(upper: Conditions, lower: Conditions, *, covered: bool) -> None:
    """Everything is covered by a rule without conditions, and the no-risk labels only by who means them."""
    assert covers(rule(upper), rule(lower)) is covered
