"""The burst and the storm, in small: real instance processes over real sockets."""

import json

import pytest
from click.testing import CliRunner

from scripts.cli.bench import group

KEYS = {
    "uploads",
    "seconds",
    "limit_seconds",
    "ratio",
    "calls",
    "throttled",
    "retries",
    "lost",
    "dead_letters",
    "calls_per_upload",
    "within_budget",
}


@pytest.mark.parametrize("limiter", ["token-bucket", pytest.param("sliding-second", marks=pytest.mark.exhaustive)])
@pytest.mark.exhaustive
def test_burst_loses_nothing(limiter: str) -> None:
    """More uploads than the limit lets through at once: each gets its verdict, and the numbers add up."""
    options = ["burst", "--uploads", "24", "--qps", "10", "--latency-ms", "50", "--instances", "2", "--json"]
    done = CliRunner().invoke(group, [*options, "--limiter", limiter])
    assert done.exit_code == 0, done.output
    result = json.loads(done.output)
    assert set(result) == KEYS
    assert (result["uploads"], result["lost"], result["dead_letters"]) == (24, 0, 0)
    assert result["calls"] == 24 + result["retries"]
    assert result["retries"] == result["throttled"]
    assert result["calls_per_upload"] == round(result["calls"] / 24, 3)
    assert result["limit_seconds"] == 2.4


def test_burst_is_told_in_words() -> None:
    """With the simulation's numbers beside those measured."""
    options = ["burst", "--uploads", "4", "--qps", "100", "--latency-ms", "0", "--instances", "1"]
    done = CliRunner().invoke(group, options)
    assert done.exit_code == 0, done.output
    assert "4 uploads in" in done.output
    assert "lost: 0; dead letters: 0" in done.output
    assert "simulated without a machine:" in done.output


@pytest.mark.exhaustive
def test_storm_ends_as_it_should() -> None:
    """Three deliveries each in random order, one in ten killed: one final outcome each, nothing lost or doubled."""
    options = ["storm", "--uploads", "20", "--kill", "0.1", "--seed", "5", "--instances", "2", "--json"]
    done = CliRunner().invoke(group, options)
    assert done.exit_code == 0, done.output
    result = json.loads(done.output)
    assert result["within_budget"], result
    assert (result["final"], result["lost"], result["misplaced"], result["dead_letters"]) == (20, 0, 0, 0)
    assert result["kills"] > 0
    assert result["paid"] <= result["paid_bound"] == 20 + result["kills"]


def test_storm_is_told_in_words() -> None:
    """With what was paid, and what could have been."""
    done = CliRunner().invoke(group, ["storm", "--uploads", "2", "--kill", "0", "--instances", "1"])
    assert done.exit_code == 0, done.output
    assert "2 uploads, 6 deliveries, 0 killed" in done.output
    assert "final outcomes: 2; logged: 4 duplicate, 1 passed, 1 quarantined" in done.output
    assert "calls paid: 2, at most 2 (uploads + kills)" in done.output
