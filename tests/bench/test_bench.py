"""The benchmarks measure what they say, on the package; their numbers are for people, not for tests."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts.bench import cold, overhead
from scripts.bench.cold import ColdResult, measure_cold
from scripts.bench.overhead import OverheadResult, measure_overhead
from scripts.cli import bench
from scripts.deploy.package.wheels import CannotPackage
from tests.deploy.package.packaged import Packaged, packaged

__all__ = ["packaged"]

COLD = ColdResult(
    ratio=0.7,
    bytecode_speedup=2.5,
    function_ms=280,
    sdks_ms=400,
    without_bytecode_ms=700,
    wall_function_ms=290,
    wall_sdks_ms=410,
    memory_mb=90,
    rounds=3,
)
OVERHEAD = OverheadResult(
    ratio=1.2,
    function_ms=6.0,
    bare_ms=5.0,
    uploads=40,
    rounds=5,
    calls={"oss": 4, "green": 1, "billed": 1, "maybe_billed": 0},
)


@pytest.mark.exhaustive
def test_a_cold_start_is_measured_on_the_package(packaged: Packaged) -> None:
    """One round starts three processes, and the package starts in less than it takes without bytecode."""
    result = measure_cold(packaged.code, packaged.python, rounds=1)
    assert result.rounds == 1
    assert min(result.function_ms, result.sdks_ms, result.memory_mb) > 0
    assert result.without_bytecode_ms > result.function_ms
    assert list(packaged.code.rglob("*.tmp")) == []


@pytest.mark.exhaustive
def test_the_overhead_is_measured_on_the_package(packaged: Packaged) -> None:
    """The function and the bare calls each handle every upload of the round, with the calls of the design."""
    result = measure_overhead(packaged.code, packaged.python, rounds=1, uploads=2)
    assert result.calls == {"oss": 4, "green": 1, "billed": 1, "maybe_billed": 0}
    assert min(result.function_ms, result.bare_ms) > 0
    assert result.ratio == pytest.approx(result.function_ms / result.bare_ms, rel=0.02)  # of the one round


@pytest.fixture
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_package", lambda: (Path("code"), Path("python")))
    monkeypatch.setattr(cold, "measure_cold", lambda *_: COLD)
    monkeypatch.setattr(overhead, "measure_overhead", lambda *_: OVERHEAD)


@pytest.mark.usefixtures("_measured")
@pytest.mark.parametrize(("name", "keys"), [("cold", {"ratio", "bytecode_speedup"}), ("overhead", {"ratio"})])
def test_json_is_one_object(name: str, keys: set[str]) -> None:
    """For machines: the ratios, and whether they are within the budget."""
    done = CliRunner().invoke(bench.group, [name, "--json"])
    result = json.loads(done.stdout)
    assert keys <= set(result)
    assert result["within_budget"] is True


@pytest.mark.usefixtures("_measured")
def test_text_says_the_budgets() -> None:
    """For people: what was measured against what, and the budget of each."""
    text = CliRunner().invoke(bench.group, ["cold"]).stdout
    assert "cold start: 280 ms of CPU, 0.7 x the 400 ms of the two SDKs alone (budget 0.9)" in text
    assert text.endswith("within budget\n")
    text = CliRunner().invoke(bench.group, ["overhead"]).stdout
    assert "CPU per upload: 6.0 ms, 1.2 x the 5.0 ms of its bare SDK calls (budget 1.25)" in text


@pytest.mark.usefixtures("_measured")
def test_what_is_over_budget_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with other work can be the reason, so it is no failure."""
    over = OverheadResult(ratio=1.3, function_ms=6.5, bare_ms=5.0, uploads=40, rounds=5, calls=OVERHEAD.calls)
    monkeypatch.setattr(overhead, "measure_overhead", lambda *_: over)
    done = CliRunner().invoke(bench.group, ["overhead"])
    assert done.exit_code == 0
    assert "OVER budget" in done.stdout


def test_no_package_is_no_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason why there is no package is passed on."""

    def fail(_build: Path) -> None:
        raise CannotPackage("packaging needs CPython 3.10")

    monkeypatch.setattr(bench, "build_package", fail)
    done = CliRunner().invoke(bench.group, ["cold"])
    assert done.exit_code == 1
    assert "Error: packaging needs CPython 3.10" in done.output
