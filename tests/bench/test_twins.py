"""Identical uploads at once, in small: what is counted, and what is called wrong."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner

from scripts.bench import twins
from scripts.bench.twins import TwinsResult
from scripts.cli.bench import group

HELD = TwinsResult(
    wanted="quarantined",
    uploads=2,
    arrival="at once",
    within_s=0.01,
    paid=2,
    outcomes={"quarantined": 2},
    held=2,
    left=0,
    marked=0,
    failed=0,
    dead_letters=0,
    seconds=0.5,
)
PASSED = replace(HELD, wanted="passed", outcomes={"passed": 2}, held=0, left=2, marked=2)


@pytest.mark.exhaustive
def test_twins_are_paid_and_dealt_with_once_each() -> None:
    """Three of each kind, two instances, all there at once or one by one: all paid, held or marked, none fails."""
    done = CliRunner().invoke(group, ["twins", "--uploads", "3", "--instances", "2", "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    assert document["within_budget"] is True
    rounds = document["rounds"]
    assert [(each["wanted"], each["arrival"]) for each in rounds] == [
        ("quarantined", "at once"),
        ("quarantined", "one by one"),
        ("passed", "at once"),
        ("passed", "one by one"),
    ]
    assert {(each["paid"], each["failed"]) for each in rounds} == {(3, 0)}
    assert [(each["held"], each["left"], each["marked"]) for each in rounds] == [(3, 0, 0)] * 2 + [(0, 3, 3)] * 2


def test_what_is_right() -> None:
    """The two ends that are wanted."""
    assert HELD.is_right
    assert PASSED.is_right


@pytest.mark.parametrize(
    "wrong",
    [
        replace(HELD, paid=3),
        replace(HELD, paid=1),
        replace(HELD, outcomes={"quarantined": 1, "duplicate": 1}),
        replace(HELD, held=1),
        replace(HELD, left=1, marked=1),
        replace(HELD, failed=1),
        replace(HELD, dead_letters=1),
        replace(PASSED, marked=1),
        replace(PASSED, held=1),
        replace(PASSED, left=1, marked=1),
    ],
)
def test_what_is_wrong_is_a_failure(monkeypatch: pytest.MonkeyPatch, wrong: TwinsResult) -> None:
    """One call too many or too few, one copy lost, one version unmarked, one delivery failed: exit code 1, and NO."""

    def measure(counts: tuple[int, ...], *, instances: int) -> Iterator[TwinsResult]:
        del counts, instances
        yield PASSED
        yield wrong

    monkeypatch.setattr(twins, "measure_twins", measure)
    done = CliRunner().invoke(group, ["twins"])
    assert done.exit_code == 1
    heading, right, bad = done.output.splitlines()[1:]
    assert heading.startswith("uploads  arrive")
    assert right.endswith("yes")
    assert bad.endswith("NO")
