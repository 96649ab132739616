"""How often one delivery asks the service again about one upload."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.errors import FailureKind, NoVerdict
from handler.upload.patience import Patience

LAW = settings(deadline=None)  # a busy machine breaks no law
PAID = NoVerdict(FailureKind.UNAVAILABLE, "paid, and no verdict", is_paid=True, may_be_paid=True)
UNREAD = NoVerdict(FailureKind.UNAVAILABLE, "a timeout", may_be_paid=True)
UNREADABLE = NoVerdict(FailureKind.UNREADABLE, "404")
FAULTY = NoVerdict(FailureKind.UNAVAILABLE, "500")
THROTTLED = NoVerdict(FailureKind.UNAVAILABLE, "403", is_throttled=True)
LASTING = [NoVerdict(kind, kind.value) for kind in FailureKind if kind.is_lasting or kind is FailureKind.REJECTED]


def calls_made(patience: Patience, failure: NoVerdict, at_most: int = 50) -> int:
    """How many calls fail so before no other is made."""
    for made in range(1, at_most + 1):
        if not patience.allows_another(failure):
            return made
    return at_most


@pytest.mark.parametrize(
    ("failure", "most"), [(PAID, 1), (UNREAD, 2), (UNREADABLE, 3), (FAULTY, 5), *((one, 1) for one in LASTING)]
)
def test_each_kind_of_failure_has_its_number_of_calls(failure: NoVerdict, most: int) -> None:
    """The dearer it may be, the fewer."""
    assert calls_made(Patience(), failure) == most


def test_a_throttled_call_costs_no_patience() -> None:
    """It looked at nothing, and cost nothing; time alone ends it."""
    patience = Patience()
    assert calls_made(patience, THROTTLED) == 50
    assert patience == Patience()


@LAW
@given(failures=st.lists(st.sampled_from([PAID, UNREAD, UNREADABLE, FAULTY, THROTTLED, *LASTING]), max_size=100))
def test_in_whatever_order_the_service_fails_its_calls_are_bounded(failures: list[NoVerdict]) -> None:
    """What may be paid twice at the most; and all but the throttled ones by the sum of all patience."""
    patience = Patience()
    made: list[NoVerdict] = []
    for failure in failures:
        made.append(failure)
        if not patience.allows_another(failure):
            break
    assert sum(one.may_be_paid or one.is_paid for one in made) <= 2
    # Each kind may use up all but its last call; the one that ends it is one more.
    assert sum(not one.is_throttled for one in made) <= 1 + 2 + 4 + 1
