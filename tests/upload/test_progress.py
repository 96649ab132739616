"""How far an upload has come: whether another delivery follows, and how long bytes may change under our hands."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.errors import ObjectChanged, ObjectGone, StoreUnavailable, TagAstray
from handler.model import Delivery, Status
from handler.upload.ledger import Entry, LenientLedger
from handler.upload.progress import LONGEST_RETRYING_S, MOST_CHANGES, Progress
from tests.upload.sample import UPLOAD
from tests.upload.shelf import Shelf

LAW = settings(deadline=None)  # a busy machine breaks no law
LASTED_S = st.floats(0, 2 * LONGEST_RETRYING_S)
DELIVERIES = {"number": st.integers(1, 9), "claims": st.integers(0, 9), "lasted_s": LASTED_S}


def begun(number: int = 1, *, claims: int = 1, lasted_s: float = 0.0, **more: Any) -> Progress:  # noqa: ANN401  (fields of a Delivery)
    """A delivery whose claim of its upload has that number, so long after the first."""
    shelf = Shelf()
    usual: dict[str, Any] = {"most": 6, "is_counted": True}
    delivery = Delivery(number, "1-a", **(usual | more))
    lease: Any = SimpleNamespace()
    ledger = LenientLedger(shelf, UPLOAD, shelf.warn)
    return Progress(Entry(UPLOAD, delivery, ledger, lease, claim_number=claims, has_lasted_s=lasted_s), UPLOAD)


@LAW
@given(**DELIVERIES, is_counted=st.booleans())
def test_what_an_operator_sends_again_is_never_the_last(**facts: Any) -> None:  # noqa: ANN401  (see begun)
    """Whatever the platform and the ledger count."""
    assert not begun(**facts, is_redriven=True).is_last


@LAW
@given(**DELIVERIES)
def test_the_platform_and_the_ledger_both_count(number: int, claims: int, lasted_s: float) -> None:
    """Whichever has counted further tells, for either may be stuck; the time tells nothing where there is a count."""
    assert begun(number, claims=claims, lasted_s=lasted_s).is_last is (max(number, claims) >= 6)


@LAW
@given(claims=st.integers(2, 9), lasted_s=LASTED_S)
def test_without_a_count_the_ledger_counts(claims: int, lasted_s: float) -> None:
    """So many claims, or an hour since the first of them."""
    expected = claims >= 6 or lasted_s >= LONGEST_RETRYING_S
    assert begun(claims=claims, lasted_s=lasted_s, is_counted=False).is_last is expected


@pytest.mark.parametrize(("most", "is_last"), [(1, True), (2, False)])
@pytest.mark.parametrize("claims", [0, 1])
def test_a_first_delivery_has_no_count(most: int, claims: int, *, is_last: bool) -> None:
    """It is the last one only where there is but one."""
    assert begun(claims=claims, most=most, is_counted=False).is_last is is_last


@pytest.mark.parametrize(
    ("number", "claims", "is_unproven"), [(1, 1, False), (2, 1, True), (2, 0, True), (2, 2, False), (6, 1, True)]
)
def test_a_delivery_that_the_ledger_knows_no_forerunner_of_is_unproven(
    number: int, claims: int, *, is_unproven: bool
) -> None:
    """What was refused before it reached the function may have been counted."""
    assert begun(number, claims=claims).is_unproven is is_unproven


def test_bytes_may_change_four_times() -> None:
    """Then another delivery looks: an uploader who writes all the time holds no instance."""
    progress = begun()
    for _ in range(MOST_CHANGES // 2):
        progress = progress.look_again(ObjectGone("gone")).look_again(ObjectChanged("changed"))
    assert not progress.may_have_marked
    with pytest.raises(StoreUnavailable, match="kept changing while it was judged"):
        progress.look_again(ObjectGone("gone"))


def test_tags_astray_are_remembered() -> None:
    """All of them, of each time."""
    progress = begun().look_again(TagAstray("one", {"a": "1", "b": "1"})).look_again(TagAstray("two", {"b": "2"}))
    assert (progress.may_have_marked, progress.astray) == (True, {"a": "1", "b": "2"})


def test_an_upload_that_nobody_ended_is_not_silent() -> None:
    """Its outcome would say whose fault that is."""
    progress = begun()
    assert not progress.has_ended
    assert progress.ending.status is Status.FAILED
    assert "fault of Bucket Warden" in str(progress.ending.error)
