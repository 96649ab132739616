"""The calls of one upload: counted on the wire, weighed against the budget, and told."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from scripts.bench import calls
from scripts.bench.calls import ACL, LATEST_TAGS, UNCOVERED, CallsOfUpload, Promise, measure_bucket, measure_calls
from scripts.cli.bench import group
from scripts.environment.making import ROOT
from scripts.localcloud.wire import WireCall


@pytest.fixture(scope="module")
def everything() -> list[CallsOfUpload]:
    """Every kind of upload to each kind of bucket."""
    return measure_calls()


@pytest.fixture(params=[(False, False), (False, True), (True, False), (True, True)], ids=str)
def measured(request: pytest.FixtureRequest, everything: list[CallsOfUpload]) -> dict[str, CallsOfUpload]:
    """Every kind of upload to one bucket, without versions or with, without a ledger or with one; by name."""
    return {each.upload: each for each in everything if (each.versioned, each.has_ledger) == request.param}


@pytest.mark.exhaustive
def test_every_upload_is_within_its_budget_or_explained(measured: dict[str, CallsOfUpload]) -> None:
    """No number is above what the design says and its promises need, and each is paid once."""
    assert [result.row() for result in measured.values() if not result.is_within_budget] == []
    assert measured["passed"].paid == measured["quarantined"].paid == measured["deleted"].paid == 1
    assert measured["out of scope"].oss == measured["out of scope"].service == 0


def test_what_is_above_says_for_which_promise(measured: dict[str, CallsOfUpload]) -> None:
    """A quarantine is two calls above its budget, one where a version and a ledger spare looks; else nothing is."""
    held = measured["quarantined"]
    looks_for_twins = held.versioned and not held.has_ledger
    assert held.oss == held.oss_budget + (1 if held.versioned and held.has_ledger else 2)
    assert held.above_for == (ACL.text, LATEST_TAGS.text, UNCOVERED.text)[: 2 + looks_for_twins]
    assert {each.upload for each in measured.values() if each.above_for} <= {"quarantined", calls.FIRST.name}


def test_the_document_holds_what_is_printed(everything: list[CallsOfUpload], monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of docs/capacity.md can't go stale: no number in it hangs on the machine."""
    monkeypatch.setattr(calls, "measure_calls", lambda: everything)
    printed = CliRunner().invoke(group, ["calls"]).output
    assert f"```\n{printed}```\n" in (ROOT / "docs" / "capacity.md").read_text("utf-8")


def test_a_duplicate_costs_two_calls_with_a_ledger(measured: dict[str, CallsOfUpload]) -> None:
    """Without one it is judged, and paid for, again."""
    again = measured.get("duplicate") or measured["duplicate (judged again)"]
    asked = (again.oss + again.ledger, again.service, again.paid)
    assert asked == (2, 0, 0) if again.has_ledger else asked[1:] == (1, 1)


def wire_call(operation: str) -> WireCall:
    """A call of that name."""
    return WireCall("oss", operation, (), "uploads", "a.png", None, "key")


@pytest.mark.parametrize(
    ("made", "is_seen"),
    [
        (["HeadObject", "DeleteObject", "HeadObject"], True),
        (["DeleteObject", "CopyObject", "HeadObject"], False),
        (["HeadObject", "DeleteObject"], False),
        ([], False),
    ],
)
def test_a_promise_is_seen_only_where_its_calls_follow_one_another(made: list[str], *, is_seen: bool) -> None:
    """A HEAD that stands elsewhere explains nothing."""
    promise = Promise(("DeleteObject", "HeadObject"), "why")
    assert promise.is_seen_in([wire_call(name) for name in made]) is is_seen


FINE = CallsOfUpload(
    versioned=False,
    has_ledger=True,
    upload="passed",
    status="passed",
    wanted_status="passed",
    oss=4,
    oss_budget=4,
    ledger=3,
    ledger_budget=3,
    service=1,
    service_budget=1,
    paid=1,
    above_for=(),
    unexplained=0,
)


@pytest.mark.parametrize(
    ("result", "exit_code", "said"),
    [
        (FINE, 0, "plain   yes     passed  4"),
        (replace(FINE, oss=6, above_for=("a reason",), unexplained=1), 1, "a reason; 1 FOR NO PROMISE"),
        (replace(FINE, status="failed"), 1, "ENDED AS failed, NOT passed"),
    ],
    ids=["within", "above", "another end"],
)
def test_what_nothing_explains_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, result: CallsOfUpload, exit_code: int, said: str
) -> None:
    """The table says how many calls, and the exit code that there are any; in JSON too."""
    monkeypatch.setattr(calls, "measure_calls", lambda: [result])
    told = CliRunner().invoke(group, ["calls"])
    assert told.exit_code == exit_code, told.output
    assert said in told.output
    machine = CliRunner().invoke(group, ["calls", "--json"])
    assert machine.exit_code == exit_code
    document = json.loads(machine.output)
    assert document["within_budget"] is (exit_code == 0)
    assert document["uploads"][0]["oss"] == result.oss


def test_a_call_above_the_budget_is_found_on_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one call less in the budget than is made, that call is for no promise."""
    kinds = [replace(kind, oss=(3, 2)) if kind.name == "passed" else kind for kind in calls.KINDS]
    monkeypatch.setattr(calls, "KINDS", kinds)
    over = {result.upload: result.unexplained for result in measure_bucket(versioned=False, has_ledger=False)}
    assert over["passed"] == 1
    assert sum(over.values()) == 1
