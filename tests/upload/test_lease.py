"""How long a claim holds, and when it is renewed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.errors import ClaimHeld
from handler.upload.ledger import LEASE_SHARE, LONGEST_STEP_S, Lease
from tests.upload.shelf import Shelf

LAW = settings(deadline=None)  # a busy machine breaks no law
# An upload that has less time than this has no lease that outlasts every step: then a retry could not outwait it.
SHORTEST_SHARE_S = 80.0
STEPS_S = st.lists(st.floats(0.0, LONGEST_STEP_S), max_size=30)


@LAW
@given(share_s=st.floats(SHORTEST_SHARE_S, 86_400.0), steps_s=STEPS_S)
def test_a_lease_that_is_looked_at_between_steps_never_ends(share_s: float, steps_s: list[float]) -> None:
    """Whatever takes how long, up to the longest call with its turn and its pause."""
    now_s = 0.0
    lease = Lease(lambda: now_s, share_s * LEASE_SHARE)
    lease.begin()
    for step_s in steps_s:
        now_s += step_s
        assert now_s - lease.since_s <= lease.length_s
        if lease.is_running_out:
            lease.begin()


@LAW
@given(length_s=st.floats(1.0, 86_400.0))
def test_a_quarter_of_a_lease_is_never_renewed(length_s: float) -> None:
    """What is quickly done costs no call for it; and no lease is more than half over before it is renewed."""
    now_s = 0.0
    lease = Lease(lambda: now_s, length_s)
    now_s = length_s / 4
    assert not lease.is_running_out
    now_s = length_s * 0.51
    assert lease.is_running_out


def test_who_held_still_for_longer_than_the_claim_leaves_it_to_the_other() -> None:
    """An instance is frozen where no event comes: what was taken over meanwhile is not paid for twice."""
    shelf = Shelf()
    first = shelf.claimed()
    shelf.now += 102
    second = shelf.claimed(request_id="1-b")
    with pytest.raises(ClaimHeld, match="the other delivery goes on"):
        first.keep_hold()
    second.keep_hold()


def test_who_held_still_and_was_not_taken_over_goes_on() -> None:
    """The claim is renewed, and holds for its whole length again."""
    shelf = Shelf()
    first = shelf.claimed()
    shelf.now += 102
    first.keep_hold()
    with pytest.raises(ClaimHeld, match="held by invocation '1-a'"):
        shelf.take(shelf.entry(request_id="1-b"), 60)
