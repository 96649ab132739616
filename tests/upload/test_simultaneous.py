"""Deliveries of one key that run at the same time: the laws of claims, takes and leases."""

from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.errors import FailureKind, NoVerdict
from handler.index import LONGEST_RESERVE_S, RESERVE_SHARE
from handler.model import Outcome, Status, Upload
from tests.upload.sample import UPLOAD
from tests.upload.simultaneous import Actor, Interleaving
from tests.upload.world import World

LAW = settings(deadline=None)  # a busy machine breaks no law
# A record's share of a delivery with the timeout of the template, in seconds.
SHARE_S = 110.0
THROTTLED = NoVerdict(FailureKind.UNAVAILABLE, "it throttles", is_throttled=True)


def twin(n: int) -> Upload:
    """The event of one of several uploads of the same bytes."""
    return replace(UPLOAD, request_id=f"R{n}")


def deliver(  # noqa: PLR0913  (each names a part of a delivery)
    stage: Interleaving,
    n: int,
    *,
    after_s: float = 0.0,
    dies_at: int | None = None,
    number: int = 1,
    share_s: float = SHARE_S,
) -> Actor:
    """Let the n-th twin's event be delivered, to an invocation of its own."""
    request_id = f"{n}-{len(stage.actors)}"
    return stage.add(
        lambda: stage.world.moderate(twin(n), number, share_s=share_s, request_id=request_id),
        after_s=after_s,
        dies_at=dies_at,
    )


def ended(actor: Actor) -> Outcome:
    """How it came to its end."""
    assert actor.outcome is not None
    return actor.outcome


def staged(data: st.DataObject, world: World, *, judge_s: float | None = None) -> Interleaving:
    """The order is left to hypothesis, and how long a call of the service takes, with its turn, unless it is given."""
    return Interleaving(
        world,
        choose=lambda n: data.draw(st.integers(0, n - 1)) if n > 1 else 0,
        judge_s=lambda: data.draw(st.sampled_from([0.3, 3.0, 14.9])) if judge_s is None else judge_s,
    )


@LAW
@given(data=st.data(), n=st.integers(1, 4), copies=st.integers(0, 2))
def test_each_twin_is_judged_once_and_by_its_own_event(data: st.DataObject, n: int, copies: int) -> None:
    """In whatever order the deliveries run; of copies of an event that run beside it, all but one are duplicates."""
    world = World(is_versioned=True)
    versions = [world.put() for _ in range(n)]
    stage = staged(data, world)
    events = [*range(n), *(data.draw(st.integers(0, n - 1)) for _ in range(copies))]
    for event in events:
        deliver(stage, event, after_s=data.draw(st.sampled_from([0.0, 0.5, 5.0])))
    stage.run()
    assert sorted(str(version) for _, version in world.judged) == sorted(versions)
    ends = [ended(actor).status for actor in stage.actors]
    assert sorted(ends) == sorted([Status.PASSED] * n + [Status.DUPLICATE] * copies)


@LAW
@given(data=st.data(), n=st.integers(1, 3), kills=st.integers(1, 3))
def test_a_kill_costs_one_paid_call_at_the_most(data: st.DataObject, n: int, kills: int) -> None:
    """Wherever it comes; delivered again, under whatever id, each twin is dealt with."""
    world = World(is_versioned=True)
    versions = [world.put() for _ in range(n)]
    stage = staged(data, world)
    for number in range(kills):
        deliver(stage, data.draw(st.integers(0, n - 1)), dies_at=data.draw(st.integers(1, 20)), number=number + 1)
    stage.run()
    killed = sum(actor.was_killed for actor in stage.actors)
    for _ in range(3):
        for event in range(n):
            deliver(stage, event, number=kills + 1)
        stage.run()
    last = {ended(actor).status for actor in stage.actors[-n:]}
    assert last <= {Status.PASSED, Status.DUPLICATE}
    assert {version for _, version in world.judged} == set(versions)
    assert len(world.judged) <= n + killed


@pytest.mark.exhaustive
@LAW
@given(data=st.data(), after_s=st.floats(6.0, 99.0))
def test_who_waits_for_a_version_keeps_its_own_claim(data: st.DataObject, after_s: float) -> None:
    """A copy of its event must not take that over meanwhile, or both would go on when the version is given up."""
    world = World(is_versioned=True, answers={"E1": THROTTLED})
    world.put()
    stage = staged(data, world, judge_s=3.0)
    deliver(stage, 0)
    deliver(stage, 1, after_s=5.0)
    deliver(stage, 1, after_s=after_s)
    # When the first has given up, and the second has not.
    stage.add(world.answers.clear, after_s=101.0)
    stage.run()
    assert len(world.judged) <= 1


@LAW
@given(
    data=st.data(),
    timeout_s=st.floats(30.0, 900.0),
    dies_at=st.integers(1, 12),
    is_versioned=st.booleans(),
)
def test_a_dead_claim_is_outwaited_within_one_delivery(
    data: st.DataObject, timeout_s: float, dies_at: int, *, is_versioned: bool
) -> None:
    """A retry under another request id that comes at once still has time for its own work."""
    share_s = timeout_s - min(timeout_s * RESERVE_SHARE, LONGEST_RESERVE_S)
    world = World(is_versioned=is_versioned)
    world.put()
    stage = staged(data, world, judge_s=3.0)
    dead = deliver(stage, 0, dies_at=dies_at, share_s=share_s)
    stage.run()
    retry = deliver(stage, 0, share_s=share_s)
    stage.run()
    assert ended(retry).status in {Status.PASSED, Status.DUPLICATE}
    assert len(world.judged) <= 1 + dead.was_killed


@LAW
@given(data=st.data(), share_s=st.floats(80.0, 590.0), after_s=st.floats(0.1, 60.0), passes_s=st.floats(0.0, 100.0))
def test_a_claim_is_kept_as_long_as_there_is_work(
    data: st.DataObject, share_s: float, after_s: float, passes_s: float
) -> None:
    """However long the service makes it wait, a copy of the event that waits beside it never goes on too."""
    world = World(is_versioned=data.draw(st.booleans()), answers={"E1": THROTTLED})
    world.put()
    stage = staged(data, world)
    deliver(stage, 0, share_s=share_s)
    deliver(stage, 0, share_s=share_s, after_s=after_s)
    stage.add(world.answers.clear, after_s=passes_s)
    stage.run()
    assert len(world.judged) <= 1
    turns = [id(actor) for actor, _ in groupby(stage.asked)]
    assert len(turns) == len(set(turns))
