"""The nouns."""

import dataclasses
from typing import Any

import pytest

from handler import model
from handler.errors import FailureKind, NoVerdict, WardenError
from handler.model import Action, Finding, Outcome, Status, Verdict, assert_never
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
