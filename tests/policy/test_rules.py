"""What policies decide, one test for each thing that the language promises."""

import pytest

from handler.adapters.policy_file import check_policy
from handler.errors import FailureKind
from handler.model import Action, Decision, Finding, Mode, ShadowMatch, Upload, Verdict
from handler.policy.conditions import OVERALL
from handler.policy.rules import Policy, decide, decide_failure, in_scope

ADULT = Finding("pornographic_adultContent", 97.2, "high")
GUN = Finding("violent_gun", 60.0, "medium")
QR = Finding("QR code", 91.0, "low")
CLEAN = Finding("nonLabel", None, "none")


def policy(rules: str = "[]", more: str = "") -> Policy:
    """Load a policy with these rules; whatever is not said has its default."""
    text = f"version: 1\nname: test\nrules: {rules}\nquarantine: {{bucket: quarantine}}\n{more}\n"
    checked = check_policy(text.encode(), "test.yml")
    assert checked.policy is not None, [str(problem) for problem in checked.problems]
    return checked.policy


def rules(*texts: str) -> str:
    """Write rules one a line, so that the n-th stands on line n + 3."""
    return "".join(f"\n  - {{{text}}}" for text in texts)


def upload(key: str = "avatars/a.jpg", *, size_bytes: int = 1000, content_type: str | None = "image/jpeg") -> Upload:
    """One upload to the bucket `uploads`."""
    return Upload("uploads", key, "E", None, size_bytes, content_type, "r", "ObjectCreated:PutObject", "t", "R")


def verdict(*findings: Finding, risk: str | None = "none") -> Verdict:
    """Build a verdict whose overall risk adds nothing, unless it is given."""
    return Verdict("postImageCheckByVL_global", risk, findings)


def judge(rule: str, *findings: Finding, risk: str | None = "none", more: str = "") -> Decision:
    """Decide by one rule with the name `r`."""
    return decide(policy(rules(f"name: r, {rule}"), more), upload(), verdict(*findings, risk=risk))


# 1. Conditions.


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ("labels: [violent_gun, 'QR code'], risk: [medium], min_confidence: 60, library: never", True),
        ("labels: ['QR code'], risk: [medium]", False),
        ("labels: [violent_gun], risk: [low, high]", False),
        ("labels: [violent_gun], min_confidence: 60.01", False),
        ("labels: [violent_gun], max_confidence: 60", False),
        ("labels: [violent_gun], max_confidence: 60.01", True),
        ("library: only", False),
        ("keys: ['avatars/**']", True),
        ("keys: ['avatar/**', 'a*']", False),
        ("buckets: [uploads]", True),
        ("buckets: ['upload*', other]", False),
        ("min_size_bytes: 1000", True),
        ("min_size_bytes: 1001", False),
        ("max_size_bytes: 1001", True),
        ("max_size_bytes: 1000", False),
        ("content_types: [image/jpeg]", True),
        ("content_types: ['image/*', image/png]", False),
    ],
)
def test_every_condition_of_a_set_must_hold(match: str, *, fits: bool) -> None:
    """Confidence and size are inclusive below and exclusive above; buckets and content types are literal."""
    decision = judge(f"match: {{{match}}}, action: quarantine", GUN, more="otherwise: {medium: pass}")
    assert (decision.action is Action.QUARANTINE) is fits


def test_one_finding_must_satisfy_all_finding_conditions() -> None:
    """The label of one finding and the confidence of another do not add up."""
    gun, qr = Finding("violent_gun", 10, "low"), Finding("QR code", 99, "low")
    assert judge("match: {labels: [violent_gun], min_confidence: 90}, action: delete", gun, qr).action is Action.PASS


def test_a_missing_content_type_satisfies_nothing() -> None:
    """No content type is not any content type."""
    by_type = policy(rules("name: r, match: {content_types: [image/svg+xml]}, action: quarantine"))
    assert decide(by_type, upload(content_type=None), verdict(CLEAN)).action is Action.PASS
    assert decide(by_type, upload(content_type="image/svg+xml"), verdict(CLEAN)).action is Action.QUARANTINE


def test_unless_is_tested_on_the_finding_that_matched() -> None:
    """Another finding does not spare it."""
    rule = "match: {risk: [medium, high]}, unless: {labels: [violent_gun]}, action: delete"
    assert judge(rule, GUN, more="otherwise: {medium: tag}").action is Action.TAG
    both = judge(rule, GUN, ADULT, more="otherwise: {medium: tag}")
    assert both.action is Action.DELETE
    assert both.findings == (ADULT,)


def test_unless_on_the_upload_spares_every_finding() -> None:
    """Staff may do what users may not."""
    spared = policy(rules("name: r, match: {risk: [low]}, unless: {keys: ['avatars/staff/**']}, action: quarantine"))
    assert decide(spared, upload("avatars/staff/a.jpg"), verdict(QR)).action is Action.PASS
    assert decide(spared, upload("avatars/a.jpg"), verdict(QR)).action is Action.QUARANTINE


def test_a_set_without_finding_conditions_matches_every_finding() -> None:
    """Also those that say that nothing was found."""
    assert judge("match: {keys: ['avatars/**']}, action: quarantine", CLEAN).action is Action.QUARANTINE


# 2. The order of reading.


def test_quarantine_and_delete_end_the_reading() -> None:
    """The first that matches any finding decides on the object, with its own tags, findings and line."""
    two = policy(
        rules(
            "name: first, match: {labels: [violent_gun]}, action: quarantine, tags: {queue: arms}",
            "name: second, match: {labels: [pornographic_adultContent], min_confidence: 1}, action: delete",
        )
    )
    decision = decide(two, upload(), verdict(ADULT, GUN))
    assert decision == Decision(
        policy=two.id,
        action=Action.QUARANTINE,
        rule="first",
        line=4,
        reason="rule first: violent_gun 60 (medium)",
        findings=(GUN,),
        tags={"queue": "arms"},
    )


@pytest.mark.parametrize("action", ["pass", "tag", "none"])
def test_a_qr_code_pasted_on_a_crime_shields_nothing(action: str) -> None:
    """A mild rule settles the finding that it names, and no other."""
    rule = f"match: {{labels: ['QR code']}}, action: {action}"
    decision = judge(rule, QR, ADULT)
    assert decision.action is Action.QUARANTINE
    assert decision.rule == "(otherwise)"
    assert decision.findings == (ADULT,)
    assert decision.reason == "otherwise: pornographic_adultContent 97.2 (high)"


def test_a_mild_rule_settles_what_it_matches_for_the_rules_below() -> None:
    """What a pass settled, a stricter rule below does not see."""
    two = policy(
        rules(
            "name: fine, match: {labels: [violent_gun]}, action: pass",
            "name: arms, match: {labels: ['violent_*', violence_weapons_tii]}, action: quarantine",
        )
    )
    assert decide(two, upload(), verdict(GUN)).rule == "fine"


@pytest.mark.parametrize(
    ("actions", "winner"),
    [
        (("pass", "none", "tag"), "c"),
        (("pass", "none", "pass"), "b"),
        (("pass", "pass", "pass"), "a"),
        (("tag", "pass", "tag"), "a"),
        (("none", "tag", "none"), "b"),
    ],
)
def test_the_gravest_of_what_was_settled_wins(actions: tuple[str, str, str], winner: str) -> None:
    """Tag, then none, then pass; the first rule in order that gave it is named, with its findings and tags."""
    labels = ("'QR code'", "violent_gun", "pornographic_adultContent")
    three = policy(
        rules(
            *(
                f"name: {name}, match: {{labels: [{label}]}}, action: {action}, tags: {{from: {name}}}"
                for name, label, action in zip("abc", labels, actions, strict=True)
            )
        )
    )
    decision = decide(three, upload(), verdict(QR, GUN, ADULT))
    assert decision.rule == winner
    assert decision.tags == {"from": winner}
    assert decision.findings == ({"a": QR, "b": GUN, "c": ADULT}[winner],)


def test_the_gravest_risk_that_ends_in_quarantine_or_delete_decides() -> None:
    """`otherwise` looks at the gravest risk first; a milder risk with a harsher action does not outdo it."""
    more = "otherwise: {high: tag, medium: quarantine, low: delete}"
    decision = decide(policy(more=more), upload(), verdict(QR, GUN, ADULT))
    assert (decision.action, decision.findings) == (Action.QUARANTINE, (GUN,))
    assert decide(policy(more=more), upload(), verdict(QR, ADULT)).action is Action.DELETE


def test_a_rule_is_named_before_otherwise() -> None:
    """Where both gave the winning action, the rule did it first."""
    rule = "match: {labels: ['QR code']}, action: tag"
    decision = judge(rule, QR, GUN, more="otherwise: {medium: tag}")
    assert (decision.action, decision.rule, decision.findings) == (Action.TAG, "r", (QR,))


def test_otherwise_names_all_the_findings_of_its_action() -> None:
    """Its line is that of the gravest of their risks, 0 where the file does not state it."""
    stated = policy(more="otherwise:\n  low: tag\n  medium: tag")
    decision = decide(stated, upload(), verdict(QR, GUN))
    assert (decision.rule, decision.line, decision.findings) == ("(otherwise)", 7, (GUN, QR))
    assert decide(policy(), upload(), verdict(QR)).line == 0


def test_shadow_rules_are_judged_at_their_place_and_settle_nothing() -> None:
    """They see what is unsettled there, until the reading ends."""
    shadows = policy(
        rules(
            "name: early, match: {labels: [violent_gun]}, action: tag, status: shadow",
            "name: lures, match: {labels: ['QR code']}, action: tag",
            "name: late, match: {labels: ['QR code']}, action: quarantine, status: shadow",
            "name: arms, match: {labels: [violent_gun]}, action: quarantine",
            "name: never, match: {labels: [violent_gun]}, action: delete, status: shadow",
        )
    )
    decision = decide(shadows, upload(), verdict(QR, GUN))
    assert decision.rule == "arms"
    assert decision.shadow == (ShadowMatch("early", Action.TAG),)


def test_a_policy_in_shadow_decides_all_the_same() -> None:
    """The decision carries the mode, and the pipeline heeds it."""
    decision = decide(policy(more="mode: shadow"), upload(), verdict(ADULT))
    assert (decision.mode, decision.action) == (Mode.SHADOW, Action.QUARANTINE)


# 3. Risk.


def test_the_overall_risk_is_a_finding_where_it_stands_out() -> None:
    """The service says high and no finding explains it: that is not lost."""
    decision = decide(policy(), upload(), verdict(QR, risk="high"))
    assert decision.action is Action.QUARANTINE
    assert decision.findings == (Finding(OVERALL, None, "high"),)
    assert decision.reason == "otherwise: (overall) (high)"


def test_the_overall_risk_is_explained_by_a_finding_as_grave() -> None:
    """It is no finding of its own then, so that a rule for the label has the last word."""
    assert judge("match: {labels: [violent_gun]}, action: pass", GUN, risk="medium").action is Action.PASS


def test_a_borrowed_risk_never_hides_the_overall_one() -> None:
    """A label without a risk borrows the overall one, and passing that label does not pass the overall risk."""
    decision = judge("match: {labels: [violent_gun]}, action: pass", Finding("violent_gun", 60), risk="high")
    assert decision.action is Action.QUARANTINE
    assert decision.findings == (Finding(OVERALL, None, "high"),)


def test_an_overall_risk_of_none_is_nothing_to_find() -> None:
    """Nothing is less grave than none."""
    rule = "match: {labels: [nonLabel]}, action: pass"
    decision = judge(rule, Finding("nonLabel"), risk="none", more="otherwise: {none: quarantine}")
    assert decision.rule == "r"


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ("labels: ['*']", True),
        ("labels: ['**', 'QR code']", True),
        ("risk: [high]", True),
        ("library: never", True),
        ("min_confidence: 99", True),
        ("keys: ['**']", True),
        ("labels: ['*o*']", False),
        ("labels: ['(overall)']", False),
        ("library: only", False),
        ("risk: [medium]", False),
    ],
)
def test_what_matches_the_overall_risk(match: str, *, fits: bool) -> None:
    """`*` and conditions on risk; no other pattern, not even its own name."""
    more = "otherwise: {high: none, low: none}\nmoderation: {extra_labels: ['(overall)']}"
    decision = judge(f"match: {{{match}}}, action: quarantine", CLEAN, risk="high", more=more)
    assert (decision.action is Action.QUARANTINE) is fits


@pytest.mark.parametrize(
    ("own", "overall", "counts_as"),
    [
        ("low", "none", "low"),
        (None, "low", "low"),
        (None, None, "high"),
        ("catastrophic", "low", "high"),
        ("LOW", "low", "high"),
        (None, "catastrophic", "high"),
        ("", "low", "high"),
    ],
)
def test_the_risk_that_counts(own: str | None, overall: str | None, counts_as: str) -> None:
    """Its own word; else the overall one; an unknown word, or none anywhere, is high."""
    lenient = policy(rules("name: r, match: {labels: [violent_gun], risk: [high]}, action: quarantine"))
    decision = decide(lenient, upload(), verdict(Finding("violent_gun", 60, own), risk=overall))
    assert (decision.rule == "r") is (counts_as == "high")


# 4. Unknown confidence.


@pytest.mark.parametrize("confidence", [None, -0.1, 100.1, float("nan"), float("inf")])
def test_unknown_confidence_satisfies_a_final_match(confidence: float | None) -> None:
    """Also a confidence outside 0 to 100."""
    gun = Finding("violent_gun", confidence, "low")
    assert judge("match: {labels: [violent_gun], min_confidence: 99}, action: quarantine", gun).rule == "r"
    assert judge("match: {labels: [violent_gun], max_confidence: 1}, action: quarantine", gun).rule == "r"


def test_unknown_confidence_satisfies_no_unless_of_a_final_rule() -> None:
    """A finding is not spared for a confidence that nobody stated."""
    rule = "match: {labels: [violent_gun]}, unless: {max_confidence: 80}, action: quarantine"
    assert judge(rule, Finding("violent_gun", None, "low")).rule == "r"
    assert judge(rule, Finding("violent_gun", 10, "low")).rule == "(otherwise)"


@pytest.mark.parametrize("action", ["pass", "tag", "none"])
def test_for_mild_rules_unknown_confidence_works_the_other_way(action: str) -> None:
    """It satisfies nothing in their match, and everything in their unless."""
    unknown = Finding("violent_gun", None, "high")
    assert judge(f"match: {{min_confidence: 0}}, action: {action}", unknown).rule == "(otherwise)"
    assert judge(f"match: {{max_confidence: 90}}, action: {action}", unknown).rule == "(otherwise)"
    spared = f"match: {{labels: [violent_gun]}}, unless: {{min_confidence: 90}}, action: {action}"
    assert judge(spared, unknown).rule == "(otherwise)"


def test_a_delete_that_only_unknown_confidence_triggers_becomes_quarantine() -> None:
    """And the reason says so."""
    rule = "match: {labels: [violent_gun], min_confidence: 90}, action: delete"
    decision = judge(rule, Finding("violent_gun", None, "low"))
    assert (decision.action, decision.rule) == (Action.QUARANTINE, "r")
    assert decision.reason == (
        "rule r: violent_gun (low); quarantined and not deleted, because the service gave no confidence"
    )


def test_a_delete_that_a_known_confidence_triggers_too_stands() -> None:
    """One finding with a confidence is enough."""
    rule = "match: {labels: [violent_gun], min_confidence: 50}, action: delete"
    assert judge(rule, Finding("violent_gun", None, "low"), GUN).action is Action.DELETE


def test_a_delete_by_otherwise_becomes_quarantine_too() -> None:
    """The overall risk, which never has a confidence, deletes nothing."""
    more = "otherwise: {high: delete}"
    assert decide(policy(more=more), upload(), verdict(CLEAN, risk="high")).action is Action.QUARANTINE
    assert decide(policy(more=more), upload(), verdict(ADULT)).action is Action.DELETE


def test_a_delete_in_shadow_is_logged_as_the_quarantine_that_it_would_be() -> None:
    """What is logged is what would happen."""
    rule = "match: {labels: [violent_gun], min_confidence: 50}, action: delete, status: shadow"
    assert judge(rule, Finding("violent_gun", None, "low")).shadow == (ShadowMatch("r", Action.QUARANTINE),)
    assert judge(rule, GUN).shadow == (ShadowMatch("r", Action.DELETE),)


# 5. Labels.


def test_a_label_includes_its_library_form_and_library_narrows() -> None:
    """`only` and `never` tell apart what a pattern joins."""
    hit = Finding("violent_gun_lib", 99, "low")
    assert judge("match: {labels: [violent_gun]}, action: quarantine", hit).rule == "r"
    assert judge("match: {labels: [violent_gun], library: only}, action: quarantine", hit).rule == "r"
    assert judge("match: {labels: [violent_gun], library: never}, action: quarantine", hit).rule == "(otherwise)"
    assert judge("match: {labels: [violent_gun], library: only}, action: tag", GUN).rule == "(otherwise)"


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ("labels: [nonLabel]", True),
        ("risk: [none]", True),
        ("risk: [none, low]", True),
        ("labels: ['*'], risk: [none]", True),
        ("keys: ['**']", True),
        ("labels: ['*']", False),
        ("labels: ['non*']", False),
        ("labels: [nonLabel_lib]", False),
        ("labels: [nonLabel], risk: [low]", False),
        ("labels: [violent_gun], risk: [none]", False),
        ("min_confidence: 80", False),
        ("library: never", False),
    ],
)
def test_harmless_labels_are_matched_only_when_meant(match: str, *, fits: bool) -> None:
    """A rule for everything doubtful does not catch the clean pictures, although they have no confidence."""
    decision = judge(f"match: {{{match}}}, action: quarantine", CLEAN)
    assert (decision.action is Action.QUARANTINE) is fits


def test_harmless_labels_with_a_risk_are_labels_like_any_other() -> None:
    """The privilege is for the risk `none`."""
    assert judge("match: {labels: ['non*']}, action: quarantine", Finding("nonLabel", None, "low")).rule == "r"


def test_exempted_pictures_are_not_hits_of_the_library() -> None:
    """`library: only` is for pictures that were banned, not for those that were exempted."""
    exempted = Finding("nonLabel_lib", 99, "none")
    assert judge("match: {library: only}, action: quarantine", exempted).action is Action.PASS
    assert judge("match: {labels: [nonLabel_lib], library: only}, action: tag", exempted).rule == "r"


def test_unknown_labels_of_the_service_are_judged_like_any_other() -> None:
    """By their risk, by `*`, and by wildcards that fit."""
    new = Finding("violent_brandNew", 99, "high")
    assert decide(policy(), upload(), verdict(new)).action is Action.QUARANTINE
    more = "otherwise: {high: pass}"
    assert judge("match: {labels: ['*']}, action: quarantine", new, more=more).rule == "r"
    wild = "match: {labels: ['violent_*', violence_weapons_tii]}, action: quarantine"
    assert judge(wild, new, more=more).rule == "r"


def test_lists_stand_for_what_they_hold() -> None:
    """Literals and wildcards."""
    more = "lists: {arms: [violent_gun, 'violence_*']}"
    assert judge("match: {labels: [$arms]}, action: tag", GUN, more=more).rule == "r"
    assert judge("match: {labels: [$arms]}, action: tag", QR, more=more).rule == "(otherwise)"


# 6. Scope and failures.


def test_scope_is_what_is_included_and_not_excluded() -> None:
    """Everything by default."""
    assert in_scope(policy(), "any\n/../key")
    some = policy(more="scope: {include: ['a/**', 'b/*'], exclude: ['a/thumbs/**']}")
    assert [in_scope(some, key) for key in ("a/x", "b/x", "b/x/y", "a/thumbs/x", "c")] == [True, True] + [False] * 3


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_failure_has_its_stated_action(kind: FailureKind) -> None:
    """With the line of its key, and a reason in plain words."""
    stated = policy(more=f"failures:\n  {kind.value}:\n    tag")
    decision = decide_failure(stated, upload(), kind)
    assert (decision.action, decision.rule, decision.line) == (Action.TAG, "(failures)", 6)
    assert (decision.failure, decision.findings, decision.tags) == (kind, (), {})
    assert decision.reason.startswith(f"failures.{kind.value}: ")


def test_a_failure_that_the_file_does_not_state_has_line_0() -> None:
    """The default acts: quarantine; a link goes."""
    assert decide_failure(policy(), upload(), FailureKind.TOO_LARGE).line == 0
    assert decide_failure(policy(), upload(), FailureKind.TOO_LARGE).action is Action.QUARANTINE
    assert decide_failure(policy(), upload(), FailureKind.SYMLINK).action is Action.DELETE
    assert decide_failure(policy(), upload(), FailureKind.UNAVAILABLE).action is Action.TAG


MILD = """
otherwise: {high: tag, medium: tag}
failures: {unsupported: tag, too_large: tag, unreadable: tag, rejected: tag, symlink: tag, archived: tag}
tags: {when_full: evict}"""


@pytest.mark.parametrize(
    ("rule", "more", "can"),
    [
        ("", MILD, False),
        ("name: r, match: {risk: [low]}, action: quarantine, status: shadow", MILD, False),
        ("name: r, match: {risk: [low]}, action: quarantine", MILD, True),
        ("name: r, match: {risk: [low]}, action: delete", MILD, True),
        ("", MILD.replace("high: tag", "high: delete"), True),
        ("", MILD.replace("too_large: tag", "too_large: quarantine"), True),
        ("", MILD.replace("symlink: tag", "symlink: delete"), False),
        ("", MILD.replace("evict", "quarantine"), True),
    ],
)
def test_a_policy_knows_what_it_can_do(rule: str, more: str, can: bool) -> None:  # noqa: FBT001  (of the cases)
    """Whether anything in it can quarantine: a deletion can too, where the service gives no confidence."""
    loaded = policy(rules(rule) if rule else "[]", more)
    assert loaded.can_quarantine is can


def test_what_is_left_out_for_archived_asks_for_no_bucket() -> None:
    """Quarantine, but in a policy without one, which only tags: there it is marked."""
    assert policy().failures[FailureKind.ARCHIVED] is Action.QUARANTINE
    left_out = MILD.replace(", archived: tag", "")
    checked = check_policy(f"version: 1\nname: mild\nrules: []\n{left_out}".encode(), "p.yml")
    assert checked.policy is not None
    assert checked.policy.failures[FailureKind.ARCHIVED] is Action.TAG


def test_a_finding_that_explains_the_overall_risk_can_free() -> None:
    """The one case in which more findings do: a rule passes the label to which the grave overall risk belongs."""
    rule = "match: {labels: [violent_gun]}, action: pass"
    unexplained = judge(rule, QR, risk="high")
    explained = judge(rule, QR, Finding("violent_gun", 60, "high"), risk="high")
    assert (unexplained.action, explained.action) == (Action.QUARANTINE, Action.PASS)
