"""The tags that an object shall carry."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.model import Action, Decision, Finding
from handler.upload.tagging import MOST_TAGS, join_labels, legal, plan_tags, wanted_tags

PREFIX = "moderation-"
LEGAL = re.compile(r"[A-Za-z0-9 +\-=._:/]*")
LEGAL_TEXT = st.text("abzAZ09 +-=._:/", max_size=256)
USER_KEYS = st.text("abzAZ09 +-=._:/", min_size=1, max_size=128)
STRANGERS = st.builds(lambda rest: PREFIX + rest, st.text("abc-_", max_size=20))
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
# What an object may carry already: at most 10, some of them under our prefix.
PRESENT = st.dictionaries(USER_KEYS | STRANGERS, LEGAL_TEXT, max_size=MOST_TAGS)
DECISIONS = st.builds(
    Decision,
    policy=ANY_TEXT,
    action=st.just(Action.TAG),
    rule=st.just("r"),
    line=st.just(1),
    reason=st.just(""),
    findings=st.lists(st.builds(Finding, ANY_TEXT), max_size=20).map(tuple),
    tags=st.dictionaries(st.text(min_size=1, max_size=200).map(lambda name: "rule" + name), ANY_TEXT, max_size=12),
)


def decision(**changes: Any) -> Decision:  # noqa: ANN401  (any field of it)
    """A decision with a rule's tag and two findings."""
    usual: dict[str, Any] = {
        "policy": "default:0123abcd",
        "action": Action.QUARANTINE,
        "rule": "adult",
        "line": 7,
        "reason": "because",
        "findings": (Finding("violent_gun", 90.0), Finding("QR code", 80.0)),
        "tags": {"queue": "legal"},
    }
    return Decision(**(usual | changes))


def plan(present: dict[str, str], wanted: dict[str, str], *, evict: bool = False) -> tuple[dict[str, str], str | None]:
    """Tags and note of a plan under our prefix."""
    planned = plan_tags(present, wanted, prefix=PREFIX, evict=evict)
    return planned.tags, planned.note


def numbered(count: int) -> dict[str, str]:
    """That many tags of a user."""
    return {f"user-{i}": str(i) for i in range(count)}


OURS = {"moderation-status": "flagged", "moderation-queue": "legal", "moderation-policy": "p", "moderation-labels": "l"}


def test_wanted_tags_come_in_their_order() -> None:
    """Status first, then the rule's own, the policy, and the labels."""
    wanted = wanted_tags(decision(), "quarantined", prefix=PREFIX, labels=True)
    assert list(wanted.items()) == [
        ("moderation-status", "quarantined"),
        ("moderation-queue", "legal"),
        ("moderation-policy", "default:0123abcd"),
        ("moderation-labels", "violent_gun/QR code"),
    ]


@pytest.mark.parametrize(("changes", "labels"), [({}, False), ({"findings": ()}, True)])
def test_labels_can_be_switched_off_or_missing(changes: dict[str, Any], labels: bool) -> None:  # noqa: FBT001
    """No labels tag where the policy does not want it, or where nothing was found."""
    wanted = wanted_tags(decision(**changes), "passed", prefix=PREFIX, labels=labels)
    assert "moderation-labels" not in wanted


def test_users_tags_are_kept_beside_ours() -> None:
    """Six tags of the user and four of ours fit."""
    tags, note = plan(numbered(6), OURS)
    assert tags == {**OURS, **numbered(6)}
    assert note is None


def test_strangers_tags_under_our_prefix_are_dropped() -> None:
    """An uploader who marks an object passed is not taken for us."""
    present = {"moderation-status": "passed", "moderation-rule": "fake", "moderation": "mine"}
    tags, note = plan(present, {"moderation-status": "flagged"})
    assert tags == {"moderation-status": "flagged", "moderation": "mine"}
    assert note is None


def test_users_tags_come_before_all_of_ours_but_the_status() -> None:
    """Eight tags of the user leave two slots: status, and the next in order."""
    tags, note = plan(numbered(8), OURS)
    assert tags == {"moderation-status": "flagged", "moderation-queue": "legal", **numbered(8)}
    assert note == "no room for moderation-policy, moderation-labels"


def test_ten_tags_of_the_user_leave_no_slot() -> None:
    """Without leave to evict the object stays as it is, and the note says so."""
    planned = plan_tags(numbered(10), OURS, prefix=PREFIX, evict=False)
    assert (planned.tags, planned.ours) == (numbered(10), {})
    assert planned.note == "untagged: the object carries 10 tags of its own, and OSS allows 10"


def test_evict_drops_one_tag_of_the_user() -> None:
    """With leave to evict the user's last tag by name gives way to the status alone."""
    tags, note = plan(numbered(10), OURS, evict=True)
    assert tags == {"moderation-status": "flagged", **numbered(9)}
    assert note is not None
    assert note.startswith("the user's tags ['user-9'] gave way to ours; no room for moderation-queue")


def test_evict_leaves_the_users_tags_where_there_is_room() -> None:
    """Leave to evict is not used without need."""
    assert plan(numbered(9), OURS, evict=True)[0] == {"moderation-status": "flagged", **numbered(9)}


@given(PRESENT, DECISIONS, st.booleans(), st.booleans())
def test_planned_tags_are_always_legal(present: dict[str, str], made: Decision, evict: bool, labels: bool) -> None:  # noqa: FBT001
    """Whatever policy, labels and user bring: OSS accepts the tags, the user's are kept, strangers' are gone."""
    wanted = wanted_tags(made, "flagged", prefix=PREFIX, labels=labels)
    planned = plan_tags(present, wanted, prefix=PREFIX, evict=evict)
    users = {key: value for key, value in present.items() if not key.startswith(PREFIX)}
    assert len(planned.tags) <= MOST_TAGS
    for key, value in planned.tags.items():
        assert 1 <= len(key) <= 128
        assert len(value) <= 256
        assert LEGAL.fullmatch(key)
        assert LEGAL.fullmatch(value)
    kept = {key: value for key, value in planned.tags.items() if not key.startswith(PREFIX)}
    assert kept.items() <= users.items()
    assert len(kept) == min(len(users), MOST_TAGS - (1 if evict else 0)) or len(kept) == len(users)
    assert {key: value for key, value in planned.tags.items() if key.startswith(PREFIX)} == planned.ours
    assert planned.ours.items() <= wanted.items()
    if planned.ours:
        assert planned.ours["moderation-status"] == "flagged"
    else:
        assert len(users) == MOST_TAGS
        assert not evict
    assert (planned.note is None) == (planned.ours == wanted and kept == users)


def test_labels_are_joined_whole() -> None:
    """A label that would be cut in the middle is left out, with those after it."""
    labels = (*(Finding(f"{i:x}" * 60) for i in range(6)), Finding("short"))
    assert join_labels(labels) == "/".join(f"{i:x}" * 60 for i in range(4))


def test_labels_are_named_once() -> None:
    """The overall finding is written `overall`; a label found twice is named once."""
    findings = (Finding("(overall)"), Finding("QR code"), Finding("QR code"))
    assert join_labels(findings) == "overall/QR code"


def test_label_too_long_for_a_tag_is_left_out() -> None:
    """Not even the first label is cut."""
    assert join_labels((Finding("x" * 257),)) == ""


@given(ANY_TEXT, st.integers(0, 256))
def test_legal_text_is_legal_and_as_long_as_it_may_be(text: str, longest: int) -> None:
    """Each refused character becomes one `_`; legal text stays."""
    made = legal(text, longest)
    assert LEGAL.fullmatch(made)
    assert len(made) == min(len(text), longest)
    assert legal(made, longest) == made
