"""Laws that hold for every policy and every verdict."""

import math
from dataclasses import replace
from random import Random

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from handler.errors import FailureKind
from handler.model import Action, Finding, Mode, Risk, Upload, Verdict
from handler.policy.conditions import OVERALL, Conditions, Library, read_findings
from handler.policy.globs import compile_key
from handler.policy.labels import compile_labels
from handler.policy.reach import covers, find_clash
from handler.policy.rules import (
    FINAL,
    Moderation,
    Policy,
    QuarantineRules,
    Rule,
    Scope,
    TagRules,
    decide,
    decide_failure,
)

LAW = settings(deadline=None)  # a busy machine breaks no law
LABELS = ("violent_gun", "violent_gun_lib", "violence_weapons_tii", "QR code", "nonLabel", "nonLabel_lib", "new_one")
PATTERNS = ("*", "violent_*", "*_lib", "*_tii", "viol*", "*n*", *LABELS)
KEYS = ("a", "a/b", "a/b/c", "x.jpg")
RISKS = st.sampled_from(["none", "low", "medium", "high", "unheard-of"])
CONFIDENCES = st.none() | st.sampled_from([0.0, 10.0, 50.0, 90.0, 100.0, -1.0, 101.0, math.nan]) | st.floats(0, 100)
ACTIONS = st.sampled_from(list(Action))


LABEL_SETS = st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3).map(compile_labels)
KEY_SETS = st.lists(st.sampled_from(["**", "a/**", "*", "a/*", "*.jpg", "a/b"]), min_size=1, max_size=2).map(
    lambda texts: tuple(compile_key(text) for text in texts)
)
RISK_SETS = st.frozensets(st.sampled_from(list(Risk)), min_size=1)


def subsets(*words: str) -> st.SearchStrategy[frozenset[str]]:
    """Generate some of these words, at least one."""
    return st.frozensets(st.sampled_from(words), min_size=1)


CONDITIONS = st.builds(
    Conditions,
    labels=st.none() | LABEL_SETS,
    risk=st.none() | RISK_SETS,
    min_confidence=st.none() | st.sampled_from([0.0, 10.0, 50.0, 90.0]),
    max_confidence=st.none() | st.sampled_from([50.0, 90.0, 99.0]),
    library=st.none() | st.sampled_from(list(Library)),
    keys=st.none() | KEY_SETS,
    buckets=st.none() | subsets("one", "two"),
    min_size_bytes=st.none() | st.integers(0, 3),
    max_size_bytes=st.none() | st.integers(4, 6),
    content_types=st.none() | subsets("image/png", "image/gif"),
)
# Few conditions at once, so that sets often cover each other or clash in one of them.
SIMPLE_CONDITIONS = st.one_of(
    st.builds(Conditions, labels=LABEL_SETS, library=st.none() | st.sampled_from(list(Library))),
    st.builds(Conditions, labels=LABEL_SETS, risk=RISK_SETS),
    st.builds(
        Conditions,
        min_confidence=st.none() | st.sampled_from([0.0, 10.0, 50.0, 90.0]),
        max_confidence=st.none() | st.sampled_from([10.0, 50.0, 90.0]),
    ),
    st.builds(Conditions, keys=KEY_SETS, labels=st.none() | LABEL_SETS),
    st.builds(Conditions, buckets=subsets("one", "two"), content_types=st.none() | subsets("image/png", "image/gif")),
    st.builds(Conditions, min_size_bytes=st.none() | st.integers(0, 6), max_size_bytes=st.none() | st.integers(0, 6)),
)


RULES = st.builds(
    Rule,
    name=st.sampled_from(["one", "two", "three"]),
    line=st.just(1),
    match=CONDITIONS | SIMPLE_CONDITIONS,
    action=ACTIONS,
    unless=st.none() | SIMPLE_CONDITIONS,
    is_shadow=st.booleans(),
)


POLICIES = st.builds(
    Policy,
    id=st.just("law:12345678"),
    name=st.just("law"),
    mode=st.sampled_from(list(Mode)),
    moderation=st.just(Moderation("service", (), None)),
    scope=st.just(Scope((compile_key("**"),), ())),
    rules=st.lists(RULES, max_size=5).map(tuple),
    otherwise=st.fixed_dictionaries(dict.fromkeys(Risk, ACTIONS)),
    failures=st.fixed_dictionaries(dict.fromkeys(FailureKind, ACTIONS)),
    quarantine=st.just(QuarantineRules("quarantine", "held/")),
    tags=st.just(TagRules("moderation-", "evict", labels=True)),
    lines=st.just({}),
)
UPLOADS = st.builds(
    Upload,
    bucket=st.sampled_from(["one", "two"]),
    key=st.sampled_from(KEYS),
    etag=st.just("E"),
    version_id=st.none(),
    size_bytes=st.integers(0, 6),
    content_type=st.none() | st.sampled_from(["image/png", "image/gif"]),
    region=st.just("r"),
    event_name=st.just("e"),
    uploaded_at=st.just("t"),
    request_id=st.just("R"),
)


def findings(risks: st.SearchStrategy[str] | st.SearchStrategy[str | None]) -> st.SearchStrategy[Finding]:
    """Generate findings with these risks."""
    return st.builds(Finding, label=st.sampled_from(LABELS), confidence=CONFIDENCES, risk=risks)


def verdicts(risks: st.SearchStrategy[str] | st.SearchStrategy[str | None]) -> st.SearchStrategy[Verdict]:
    """Generate verdicts whose findings have these risks."""
    return st.builds(
        Verdict,
        service=st.just("service"),
        risk=st.none() | RISKS,
        findings=st.lists(findings(risks), min_size=1, max_size=4).map(tuple),
    )


VERDICTS = verdicts(st.none() | RISKS)


def has_overall(verdict: Verdict) -> bool:
    """Tell whether the overall risk is a finding of its own."""
    return any(judged.is_overall for judged in read_findings(verdict))


@LAW
@given(POLICIES, UPLOADS, VERDICTS)
def test_decide_is_total_and_deterministic(policy: Policy, upload: Upload, verdict: Verdict) -> None:
    """Every verdict gets one decision, the same each time, with findings that are there."""
    decision = decide(policy, upload, verdict)
    assert repr(decide(policy, upload, verdict)) == repr(decision)
    assert decision.findings
    assert all(finding in verdict.findings or finding.label == OVERALL for finding in decision.findings)
    assert decision.reason


@LAW
@given(POLICIES, UPLOADS, st.sampled_from(list(FailureKind)))
def test_decide_failure_is_total(policy: Policy, upload: Upload, failure: FailureKind) -> None:
    """Every failure has the action that the policy states."""
    assert decide_failure(policy, upload, failure).action is policy.failures[failure]


@LAW
@given(POLICIES, UPLOADS, VERDICTS, st.randoms(use_true_random=False))
def test_the_order_of_findings_does_not_matter(
    policy: Policy, upload: Upload, verdict: Verdict, random: Random
) -> None:
    """The service may list its findings in any order."""
    shuffled = list(verdict.findings)
    random.shuffle(shuffled)
    first = decide(policy, upload, verdict)
    second = decide(policy, upload, replace(verdict, findings=tuple(shuffled)))
    assert (first.action, first.rule) == (second.action, second.rule)


@LAW
@given(POLICIES, UPLOADS, VERDICTS)
def test_shadow_rules_decide_nothing(policy: Policy, upload: Upload, verdict: Verdict) -> None:
    """Without them the decision is the same, but for their log."""
    without = replace(policy, rules=tuple(rule for rule in policy.rules if not rule.is_shadow))
    assert repr(replace(decide(policy, upload, verdict), shadow=())) == repr(decide(without, upload, verdict))


@LAW
@given(st.floats(0, 100), st.floats(0.01, 99.99), ACTIONS)
@example(50.0, 50.0, Action.QUARANTINE)
@example(50.0, 50.0, Action.PASS)
def test_thresholds_include_the_lower_and_exclude_the_upper(confidence: float, bound: float, action: Action) -> None:
    """Two bands that share a bound tile: each confidence is in exactly one of them."""
    upper = Rule("upper", 1, Conditions(min_confidence=bound), action)
    lower = Rule("lower", 1, Conditions(max_confidence=bound), action)
    upload = Upload("one", "a", "E", None, 1, None, "r", "e", "t", "R")
    (judged,) = read_findings(Verdict("service", "low", (Finding("violent_gun", confidence, "low"),)))
    assert (upper.finding_miss(upload, judged) is None) is (confidence >= bound)
    assert (lower.finding_miss(upload, judged) is None) is (confidence < bound)


@LAW
@given(POLICIES, UPLOADS, verdicts(RISKS), findings(RISKS))
def test_adding_a_finding_never_frees(policy: Policy, upload: Upload, verdict: Verdict, added: Finding) -> None:
    """Quarantine and delete stay what they are or each other, where every finding has a risk of its own.

    The one exception is meant: a finding that explains an overall risk which nothing explained before. It takes the
    place of the finding `(overall)`, and a rule for it has the last word.
    """
    more = replace(verdict, findings=(*verdict.findings, added))
    assume(has_overall(verdict) == has_overall(more))
    if decide(policy, upload, verdict).action in FINAL:
        assert decide(policy, upload, more).action in FINAL


@LAW
@given(POLICIES, UPLOADS, VERDICTS, st.integers(0, 3))
def test_losing_a_confidence_never_frees(policy: Policy, upload: Upload, verdict: Verdict, index: int) -> None:
    """Quarantine and delete never become pass, tag or none; and no delete comes of it that was not one before."""
    assume(index < len(verdict.findings))
    changed = list(verdict.findings)
    changed[index] = replace(changed[index], confidence=None)
    before = decide(policy, upload, verdict).action
    after = decide(policy, upload, replace(verdict, findings=tuple(changed))).action
    if before in FINAL:
        assert after in FINAL
    if before is not Action.DELETE:
        assert after is not Action.DELETE


@LAW
@given(SIMPLE_CONDITIONS, ACTIONS, RULES, UPLOADS, VERDICTS)
def test_what_covers_a_rule_matches_all_that_it_matches(
    match: Conditions, action: Action, second: Rule, upload: Upload, verdict: Verdict
) -> None:
    """A rule is called unreachable only where that is certain."""
    first = Rule("first", 1, match, action)
    for judged in read_findings(verdict):
        second_fits = second.upload_miss(upload) is None and second.finding_miss(upload, judged) is None
        first_fits = first.upload_miss(upload) is None and first.finding_miss(upload, judged) is None
        if second_fits and not first_fits:
            assert not covers(first, second)


@LAW
@given(SIMPLE_CONDITIONS, SIMPLE_CONDITIONS, UPLOADS, VERDICTS, ACTIONS)
def test_conditions_that_clash_never_hold_at_once(
    match: Conditions, unless: Conditions, upload: Upload, verdict: Verdict, action: Action
) -> None:
    """An `unless` is called impossible only where that is certain."""
    spared = Rule("spared", 1, match, action, unless)
    for judged in read_findings(verdict):
        if spared.upload_miss(upload) is None and spared.finding_miss(upload, judged) == "unless":
            assert find_clash(match, unless) is None
