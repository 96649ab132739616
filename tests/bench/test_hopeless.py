"""What can't be judged, in small: each kind's calls and bounds, and how long a bad picture waits behind them."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner

from scripts.bench import hopeless
from scripts.bench.hopeless import ARCHIVED, FAULTY, KINDS, HopelessResult, Kind, measure_hopeless
from scripts.bench.starvation import StarvedResult, measure_starvation
from scripts.cli import bench
from scripts.cli.bench import group
from scripts.environment.making import ROOT

# Short enough for the service to throttle all the time that there is.
TIMEOUT_S = 5.0
SLOW = "the service does not answer in time"
# How often these are asked for within so short a time is a matter of chance and of the machine.
BY_TIME = {SLOW, FAULTY.name, "the service throttles"}


@pytest.fixture(scope="module")
def measured() -> dict[tuple[str, str], HopelessResult]:
    """Every kind, by name and delivery."""
    return {(result.name, result.delivery): result for result in measure_hopeless(TIMEOUT_S)}


@pytest.mark.exhaustive
def test_every_kind_keeps_its_bound(measured: dict[tuple[str, str], HopelessResult]) -> None:
    """First deliveries and last ones; none is killed for its time."""
    assert {name for name, _ in measured} == {kind.name for kind in KINDS}
    assert [result.row() for result in measured.values() if not result.is_bounded] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name not in BY_TIME], ids=lambda kind: kind.name)
def test_the_service_is_asked_as_often_as_is_stated(
    measured: dict[tuple[str, str], HopelessResult], kind: Kind
) -> None:
    """The bound is no more than what it takes: nothing for what is ruled out without a call."""
    assert measured[kind.name, "first"].service == kind.service


@pytest.mark.exhaustive
def test_what_is_throttled_takes_the_time_that_there_is(measured: dict[tuple[str, str], HopelessResult]) -> None:
    """Nothing else bounds it, and it says so; none of its calls is paid, and it ends before it would be killed."""
    throttled = measured["the service throttles", "first"]
    assert throttled.service_bound is throttled.oss_bound is None
    assert "time alone" in throttled.row()
    assert throttled.status == "failed"
    assert throttled.maybe_paid == 0
    assert throttled.service > 1
    assert not throttled.was_killed


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_document_states_each_bound(kind: Kind) -> None:
    """A bound that is changed here is changed in docs/capacity.md."""
    rows = [re.split(" {2,}", line) for line in (ROOT / "docs" / "capacity.md").read_text("utf-8").splitlines()]
    ((*_, service_bound, _, _, oss_bound, _),) = [row for row in rows if row[:2] == [kind.name, "first"]]
    assert [service_bound, oss_bound] == ["time alone" if n is None else str(n) for n in (kind.service, kind.oss)]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("archived", "failed", "failed"),
        ("empty", "quarantined", None),
        ("over 20 MB", "quarantined", None),
        ("a link", "deleted", None),
        ("the service can't download it (404)", "failed", "quarantined"),
        ("the service answers 500", "failed", "unverified"),
        (SLOW, "failed", "unverified"),
        ("may not be copied", "failed", "failed"),
        ("may not be removed", "failed", "failed"),
    ],
)
def test_how_each_ends(
    measured: dict[tuple[str, str], HopelessResult], name: str, first: str, last: str | None
) -> None:
    """A kind that was not put as it should be would end otherwise; the last delivery only where the first failed."""
    assert measured[name, "first"].status == first
    assert (measured[name, "last"].status if last else last) == last
    assert ((name, "last") in measured) is (last is not None)


ONE = HopelessResult(
    name="empty",
    delivery="first",
    status="quarantined",
    seconds=0.3,
    timeout_s=120.0,
    service=0,
    service_bound=0,
    maybe_paid=0,
    oss=8,
    oss_bound=9,
    was_killed=False,
)
WAIT = StarvedResult("archived", 6, 2, 0.31, was_held=True)


@pytest.mark.exhaustive
def test_a_bad_picture_is_held_although_others_wait_in_front() -> None:
    """Behind none, and behind two archived uploads that fail again and again."""
    alone, behind = measure_starvation(TIMEOUT_S, 2, [ARCHIVED])
    assert (alone.uploads, behind.uploads) == (0, 2)
    assert alone.was_held
    assert behind.was_held


@pytest.mark.parametrize(
    ("result", "wait", "exit_code", "said"),
    [
        (ONE, WAIT, 0, "A bad picture was up for 0.31 s behind 6 uploads (archived), on 2 instances."),
        (replace(ONE, oss=10), WAIT, 1, "PASSED"),
        (replace(ONE, service=1), WAIT, 1, "PASSED"),
        (replace(ONE, was_killed=True), WAIT, 1, "PASSED"),
        (replace(ONE, oss_bound=None, oss=999), WAIT, 0, "time alone"),
        (ONE, replace(WAIT, was_held=False), 1, "was STILL UP after 0 s"),
        (ONE, replace(WAIT, uploads=0), 0, "was up for 0.31 s behind nothing"),
    ],
)
def test_a_bound_that_is_passed_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, result: HopelessResult, wait: StarvedResult, exit_code: int, said: str
) -> None:
    """Told in the table and in the exit code, in JSON too."""

    def measure(_timeout_s: float) -> Iterator[HopelessResult]:
        yield result

    def starve(_timeout_s: float) -> Iterator[StarvedResult]:
        yield wait

    monkeypatch.setattr(hopeless, "measure_hopeless", measure)
    monkeypatch.setattr(bench, "measure_starvation", starve)
    told = CliRunner().invoke(group, ["hopeless"])
    assert told.exit_code == exit_code, told.output
    assert said in told.output
    machine = CliRunner().invoke(group, ["hopeless", "--json"])
    assert machine.exit_code == exit_code
    document = json.loads(machine.output)
    assert document["within_budget"] is (exit_code == 0)
    assert document["deliveries"][0]["oss"] == result.oss
    assert document["starvation"][0]["uploads"] == wait.uploads
