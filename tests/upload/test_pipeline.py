"""An upload from its event to its end, in a world that can go wrong at any call."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from handler.errors import CannotCopy, FailureKind, NoVerdict, OperatorError, OutOfTime, StoreUnavailable, WardenError
from handler.events import SYMLINK_EVENT
from handler.model import Action, Risk, Status
from tests.upload.sample import UPLOAD
from tests.upload.world import CLEAN, GRAVE, POLICY, World

UNAVAILABLE = NoVerdict(FailureKind.UNAVAILABLE, "it throttles", is_throttled=True)
NOT_FOR_US = OperatorError("the role may not")
DOWN = StoreUnavailable("OSS is down")


def failing(**calls: WardenError) -> Callable[[str], None]:
    """Let these calls fail, each with its own error."""

    def on_call(call: str) -> None:
        if call.replace(" ", "_") in calls:
            raise calls[call.replace(" ", "_")]

    return on_call


def test_a_harmless_upload_is_marked_and_stays() -> None:
    """Judged once, its own tags kept; what a redelivery finds is the end."""
    world = World()
    world.put(tags={"album": "summer"})
    outcome = world.moderate()
    assert (outcome.status, outcome.action, outcome.error) == (Status.PASSED, Action.PASS, None)
    assert world.tags[None]["album"] == "summer"
    assert world.tags[None]["moderation-status"] == "passed"
    assert world.moderate(number=2).status is Status.DUPLICATE
    assert len(world.judged) == 1


def test_the_source_goes_only_after_its_copy_is_there() -> None:
    """Nothing is lost, wherever it stops."""
    world = World(is_versioned=True, answers={"E1": GRAVE})
    world.put()
    outcome = world.moderate()
    assert outcome.status is Status.QUARANTINED
    assert world.calls.index("hold") < world.calls.index("delete")
    assert (world.versions_kept, len(world.held)) == ([], 1)


def test_a_failure_mark_of_ours_goes_where_a_verdict_leaves_the_object_alone() -> None:
    """Its user's tags stay."""
    policy = replace(POLICY, otherwise={**POLICY.otherwise, Risk.NONE: Action.NONE})
    world = World(policy=policy, answers={"E1": UNAVAILABLE})
    world.put(tags={"album": "summer"})
    assert world.moderate(number=1, share_s=20.0).status is Status.FAILED
    assert world.moderate(number=6, share_s=20.0).status is Status.UNVERIFIED
    assert world.tags[None]["moderation-status"] == "unverified"
    world.answers["E1"] = CLEAN
    assert world.moderate(number=1, is_redriven=True, request_id="9").status is Status.LEFT_ALONE
    assert world.tags[None] == {"album": "summer"}


def test_a_mark_that_is_none_of_a_failure_is_left_alone() -> None:
    """It tells of a verdict, which is true."""
    policy = replace(POLICY, otherwise={**POLICY.otherwise, Risk.NONE: Action.NONE})
    world = World(policy=policy)
    world.put(tags={"moderation-status": "passed"})
    assert world.moderate(number=2).status is Status.LEFT_ALONE
    assert world.tags[None] == {"moderation-status": "passed"}
    assert "write tags" not in world.calls


@pytest.mark.parametrize(("action", "is_told"), [(Action.QUARANTINE, True), (Action.TAG, False)])
def test_nothing_is_moved_where_this_may_be_the_first_real_try(action: Action, *, is_told: bool) -> None:
    """The platform says that it is the last delivery, but the ledger knows of none before it."""
    policy = replace(POLICY, failures={**POLICY.failures, FailureKind.UNAVAILABLE: action})
    world = World(policy=policy, answers={"E1": UNAVAILABLE})
    world.put()
    outcome = world.moderate(number=6, share_s=20.0)
    assert (outcome.status, outcome.action, world.held) == (Status.UNVERIFIED, Action.TAG, {})
    assert outcome.decision is not None
    assert ("no delivery before this one" in outcome.decision.reason) is is_told
    assert outcome.error is not None


def test_what_failed_before_is_moved_at_the_last_delivery() -> None:
    """There the ledger shows that others tried."""
    policy = replace(POLICY, failures={**POLICY.failures, FailureKind.UNAVAILABLE: Action.QUARANTINE})
    world = World(policy=policy, answers={"E1": UNAVAILABLE})
    world.put()
    assert world.moderate(number=1, share_s=20.0).action is None
    outcome = world.moderate(number=6, share_s=20.0)
    assert (outcome.status, len(world.held), world.versions_kept) == (Status.QUARANTINED, 1, [])
    # The dead letter has it all the same.
    assert outcome.error == "it throttles"


def test_an_event_that_is_never_counted_is_given_up_by_its_claims() -> None:
    """Where the platform counts no deliveries, the ledger does."""
    world = World(answers={"E1": UNAVAILABLE})
    world.put()
    ends = [world.moderate(share_s=20.0, most=3, is_counted=False, request_id=f"1-{n}").status for n in range(3)]
    assert ends == [Status.FAILED, Status.FAILED, Status.UNVERIFIED]


def test_an_event_that_is_never_counted_is_given_up_in_an_hour() -> None:
    """Of the ledger's clock, from its first claim, which each claim hands on."""
    world = World(answers={"E1": UNAVAILABLE})
    world.put()
    for n, (pause_s, status) in enumerate([(0, Status.FAILED), (1800, Status.FAILED), (1800, Status.UNVERIFIED)]):
        world.now += pause_s
        assert world.moderate(share_s=20.0, most=9, is_counted=False, request_id=f"1-{n}").status is status


@pytest.mark.parametrize("has_ledger", [True, False])
def test_what_an_operator_sends_again_is_never_given_up(*, has_ledger: bool) -> None:
    """However often, and however late."""
    world = World(answers={"E1": UNAVAILABLE}, has_ledger=has_ledger)
    world.put()
    for n in range(4):
        world.now += 3600
        outcome = world.moderate(share_s=20.0, most=1, is_redriven=True, request_id=f"1-{n}")
        assert (outcome.status, outcome.action) == (Status.FAILED, None)


@pytest.mark.parametrize("is_versioned", [True, False])
def test_what_may_not_be_removed_is_marked_and_told_with_both_places(*, is_versioned: bool) -> None:
    """The copy is there, and the source too."""
    world = World(is_versioned=is_versioned, answers={"E1": GRAVE}, on_call=failing(delete=NOT_FOR_US))
    world.put()
    outcome = world.moderate()
    (held,) = world.held
    assert outcome.status is Status.FAILED
    assert outcome.error == (
        f"it is held at 'quarantine/{held}', and it is still at 'uploads/a.png' too: the role may not"
    )
    assert outcome.location == f"quarantine/{held}"
    assert next(iter(world.tags.values()))["moderation-status"] == "flagged"
    # Mended, the next delivery removes it, and pays nothing.
    world.on_call = failing()
    assert world.moderate(number=2).status is Status.QUARANTINED
    assert (world.versions_kept, len(world.held), len(world.judged)) == ([], 1, 1)


def test_what_can_neither_be_held_nor_marked_says_both() -> None:
    """The operator reads one line."""
    world = World(answers={"E1": GRAVE}, on_call=failing(hold=CannotCopy("no"), write_tags=NOT_FOR_US))
    world.put()
    outcome = world.moderate()
    assert (outcome.status, outcome.tags) == (Status.FAILED, {})
    assert outcome.error == "no; nor could it be marked: the role may not"


def test_what_oss_fails_at_waits_for_another_delivery_and_is_marked_at_the_last() -> None:
    """Only then nobody else will come."""
    world = World(answers={"E1": GRAVE}, on_call=failing(hold=DOWN))
    world.put()
    outcome = world.moderate()
    assert (outcome.status, outcome.error, world.tags[None]) == (Status.FAILED, "OSS is down", {})
    outcome = world.moderate(number=6)
    assert (outcome.status, outcome.error) == (Status.FAILED, "OSS is down")
    assert world.tags[None]["moderation-status"] == "flagged"
    assert len(world.judged) == 1


@pytest.mark.parametrize("error", [NOT_FOR_US, DOWN])
def test_an_acl_that_can_not_be_read_stops_no_quarantine(error: WardenError) -> None:
    """Only a restore needs it."""
    world = World(answers={"E1": GRAVE}, on_call=failing(acl=error))
    world.put()
    outcome = world.moderate()
    assert (outcome.status, outcome.tag_note) == (Status.QUARANTINED, f"its ACL is not known: {error}")


def test_a_link_that_can_not_be_removed_is_told_of_and_marked() -> None:
    """And nothing else is looked for: the next delivery begins there."""
    world = World(on_call=failing(delete=NOT_FOR_US))
    world.put(object_type="Symlink")
    outcome = world.moderate(replace(UPLOAD, event_name=SYMLINK_EVENT))
    assert (outcome.status, outcome.error) == (Status.FAILED, "the role may not")
    assert outcome.links == ("uploads/a.png",)
    assert world.tags[None]["moderation-status"] == "unverified"


def test_a_link_that_was_removed_is_the_end_of_its_event() -> None:
    """Nothing lies below it, and another look says no other."""
    world = World()
    world.put(object_type="Symlink")
    outcome = world.moderate(replace(UPLOAD, event_name=SYMLINK_EVENT))
    assert (outcome.status, outcome.error, outcome.links) == (Status.DELETED, None, ("uploads/a.png",))
    assert (world.versions_kept, world.judged, world.held) == ([], [], {})


def test_a_copy_from_before_tells_how_it_ended_whatever_lies_there_now() -> None:
    """An older version came to light when ours was removed, and the delivery that did that was killed."""
    world = World(is_versioned=True, has_ledger=False, answers={"E1": GRAVE})
    world.put("E0", later_s=-3600)
    world.put()

    def die(call: str) -> None:
        if call == "delete":
            world.versions_kept.pop(0)
            raise KeyboardInterrupt

    world.on_call = die
    with pytest.raises(KeyboardInterrupt):
        world.moderate()
    world.on_call = failing()
    outcome = world.moderate(number=2)
    assert outcome.status is Status.QUARANTINED
    assert outcome.location is not None
    assert outcome.location.removeprefix("quarantine/") in world.held
    assert [etag for etag, _ in world.judged] == ["E1"]


def test_tags_that_met_other_bytes_are_taken_off_and_those_are_judged() -> None:
    """In a bucket without versions nothing keeps an uploader from writing between our look and our tag."""
    world = World(answers={"E2": GRAVE})
    world.put(tags={"album": "summer"})

    def overwrite(call: str) -> None:
        if call == "write tags":
            world.on_call = failing()
            world.put("E2", tags={"album": "winter"})

    world.on_call = overwrite
    outcome = world.moderate()
    assert (outcome.status, outcome.superseded) == (Status.QUARANTINED, "E1")
    assert outcome.tag_note is not None
    assert "those tags were taken off, its own are lost" in outcome.tag_note
    ((source, copy),) = world.held.values()
    assert source.etag == "E2"
    # The tags of the bytes before are none of these bytes'.
    assert "album" not in copy.tags
    assert copy.tags["moderation-status"] == "quarantined"


def test_bytes_that_never_hold_still_are_given_up_for_this_delivery() -> None:
    """An uploader who writes all the time holds no instance."""
    world = World()
    world.put()

    def overwrite(call: str) -> None:
        if call == "judge":
            world.put()

    world.on_call = overwrite
    outcome = world.moderate()
    assert outcome.status is Status.FAILED
    assert outcome.error == "uploads/'a.png' kept changing while it was judged"
    assert len(world.judged) == 5


def test_the_time_that_is_used_up_is_no_fault_of_the_ledger() -> None:
    """The claim is given back, so that the next delivery begins at once."""
    world = World(is_versioned=True)
    world.put()

    def time_out(call: str) -> None:
        if call == "create" and "head" in world.calls:
            raise OutOfTime("no time is left")

    world.on_call = time_out
    outcome = world.moderate()
    assert (outcome.status, outcome.error, world.warnings) == (Status.FAILED, "no time is left", [])
    began = world.now
    world.on_call = failing()
    assert world.moderate(request_id="2-1").status is Status.PASSED
    assert world.now == began
