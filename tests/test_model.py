"""The nouns."""

import dataclasses
from typing import Any

import pytest

from handler import model
from handler.errors import BadRecord, FailureKind, NoVerdict, WardenError
from handler.json_form import document, read_ending
from handler.model import Action, Decision, Finding, Outcome, Status, Verdict, assert_never, is_final
from handler.policy import doubts, rules, words
from handler.ports import StoredObject
from scripts.workbench import explanation

NOUNS = [noun for noun in vars(model).values() if dataclasses.is_dataclass(noun)]


def test_verdict_needs_a_finding() -> None:
    """An answer without findings is no verdict, and certainly no pass."""
    with pytest.raises(ValueError, match="at least one finding"):
        Verdict("svc", "none", ())
    assert Verdict("svc", None, (Finding("nonLabel"),)).billed == 1


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: str(noun.__name__))
def test_nouns_are_frozen_and_slotted(noun: type) -> None:
    """Nobody changes what was judged or decided."""
    assert vars(noun)["__dataclass_params__"].frozen
    assert "__slots__" in vars(noun)


def test_outcome_of_a_nameless_record_needs_only_a_status() -> None:
    """A record too malformed to name an upload still ends in an Outcome."""
    assert Outcome(None, Status.FAILED, error="x").upload is None


def test_forgotten_case_is_loud() -> None:
    """What mypy would have found fails at run time too."""
    with pytest.raises(AssertionError, match="'x' was forgotten here"):
        assert_never("x")  # type: ignore[arg-type]


def test_no_verdict_carries_its_kind() -> None:
    """The kind chooses the row of the policy's failures."""
    exc = NoVerdict(FailureKind.REJECTED, "why")
    assert (exc.kind, str(exc)) == (FailureKind.REJECTED, "why")
    assert isinstance(exc, WardenError)


MENDABLE = {FailureKind.UNAVAILABLE, FailureKind.UNREADABLE, FailureKind.REJECTED}


@pytest.mark.parametrize("kind", FailureKind)
def test_a_failure_is_of_the_bytes_or_may_be_mended(kind: FailureKind) -> None:
    """What passes by itself is never of the bytes; what is refused waits for the operator, and is neither."""
    assert kind.is_lasting is (kind not in MENDABLE)
    assert kind.is_passing is (kind in MENDABLE - {FailureKind.REJECTED})


@pytest.mark.parametrize("failure", [None, *FailureKind])
@pytest.mark.parametrize("status", Status)
def test_what_a_later_delivery_may_mend_is_not_final(status: Status, failure: FailureKind | None) -> None:
    """Whatever the policy did meanwhile, but for what was moved or removed; and it reads back so from its record."""
    stays = status not in {Status.QUARANTINED, Status.DELETED}
    expected = status is not Status.FAILED and not (failure in MENDABLE and stays)
    assert is_final(status, failure) is expected
    decision = Decision("p:1", Action.TAG, "(failures)", 1, "why", failure=failure)
    outcome = Outcome(None, status, decision=decision, location="b/k")
    assert outcome.is_final is expected
    if expected:
        assert read_ending(document(outcome, details=False)) == (status, "b/k")
    else:
        with pytest.raises(BadRecord, match="is not final"):
            read_ending(document(outcome, details=False))


def test_without_a_decision_only_a_failed_one_is_not_final() -> None:
    """Nothing was decided on what was gone, ignored or out of scope."""
    assert [status for status in Status if not Outcome(None, status).is_final] == [Status.FAILED]


def stored(**changes: Any) -> StoredObject:  # noqa: ANN401  (any field of it)
    """An object in a bucket without versions."""
    usual: dict[str, Any] = {"bucket": "b", "key": "k", "etag": "E", "last_modified": "T", "size_bytes": 1}
    return StoredObject(**(usual | changes))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({}, {"last_modified": "T2"}, False),
        ({}, {"etag": "E2"}, False),
        ({}, {"object_type": "Symlink"}, False),
        ({"version_id": "v1"}, {"version_id": "v1", "last_modified": "T2"}, True),
        ({"version_id": "v1"}, {"version_id": "v2"}, False),
        ({"version_id": "null"}, {"version_id": "null"}, True),
        ({"version_id": "null"}, {"version_id": "null", "last_modified": "T2"}, False),
        ({"version_id": "null"}, {"version_id": "v2"}, False),
        ({"version_id": None}, {"version_id": "null"}, True),
        ({"crc64": "1"}, {"crc64": "1"}, True),
        ({"crc64": "1"}, {"crc64": "2"}, False),
        ({"crc64": "1"}, {}, True),
        ({"crc64": "1", "version_id": "v1"}, {"crc64": "2", "version_id": "v1"}, True),
        ({"version_id": "v1", "object_type": "Appendable"}, {"version_id": "v1"}, False),
    ],
)
def test_identity_is_the_version_or_etag_and_time(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:  # noqa: FBT001
    """A version id settles it; a null version can be overwritten, so there etag and Last-Modified do."""
    assert stored(**one).holds_same_bytes_as(stored(**other)) is same
    assert stored(**other).holds_same_bytes_as(stored(**one)) is same


def test_stored_object_says_what_it_is() -> None:
    """Links, deletions and pinned versions are told apart."""
    assert stored(object_type="Symlink").is_symlink
    assert stored(object_type="DeleteMarker").is_deletion
    assert stored(version_id="v1").is_pinned
    assert not stored().is_pinned
    assert not stored(version_id="null").is_pinned
    assert stored().location == "b/k"


@pytest.mark.parametrize(
    "known",
    [
        set(rules.FINAL) | set(rules._FIRST_WINS),  # noqa: SLF001
        set(doubts._STRICTNESS),  # noqa: SLF001
        {Action(word) for word in words._ACTIONS},  # noqa: SLF001
        set(explanation._STATUSES),  # noqa: SLF001
    ],
    ids=["how rules settle", "how strict it is", "its word and meaning", "how it is marked"],
)
def test_every_action_has_its_place_in_every_table(known: set[Action]) -> None:
    """A new one is told from here where it is missing; the other places are told by mypy."""
    assert known == set(Action)
