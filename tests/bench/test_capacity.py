"""The capacity of an account: what docs/capacity.md says is what the simulation gives, and agrees with paper."""

import pytest
from click.testing import CliRunner

from scripts.bench.capacity import SCENARIOS, Capacity, simulate_queue, table, work_out
from scripts.cli.bench import group
from scripts.environment.making import ROOT


@pytest.fixture(scope="module", params=SCENARIOS, ids=str)
def capacity(request: pytest.FixtureRequest) -> Capacity:
    """Each scenario of the document."""
    return work_out(*request.param)


def test_document_holds_what_the_command_prints() -> None:
    """Its table can't go stale."""
    printed = CliRunner().invoke(group, ["capacity"]).output.splitlines()
    assert printed == table()
    written = (ROOT / "docs" / "capacity.md").read_text("utf-8").splitlines()
    assert [line for line in written if line in printed] == printed


def test_another_limit_gives_another_table() -> None:
    """The limit is an input; what is enough for every scenario is shown once."""
    at_50, at_200 = (CliRunner().invoke(group, ["capacity", "--qps", qps]).output.splitlines() for qps in ("50", "200"))
    assert [line.split(" | ")[1] for line in at_50[2:]] == ["50"] * 7 + ["100"]
    assert [line.split(" | ")[1] for line in at_200[2:]] == ["200"] * 7


def test_paper_and_simulation_agree(capacity: Capacity) -> None:
    """An hour's outage at the peak leaves what it would on paper, and it is worked off within paper's bound."""
    bound_h = capacity.gone_after_on_paper_h
    if bound_h is None:
        assert capacity.outage.after_outage > capacity.backlog_on_paper
        return
    assert capacity.outage.after_outage == pytest.approx(capacity.backlog_on_paper, rel=0.02)
    assert capacity.outage.gone_after_h is not None
    assert capacity.outage.gone_after_h <= bound_h + 0.01
    assert capacity.usual.most <= capacity.limit_a_second * 30


def test_steady_queue_drains_as_on_paper() -> None:
    """Below the limit all day: no wait without an outage, and none longer than the outage with one."""
    usual = simulate_queue(5, 20, outage_s=0)
    outage = simulate_queue(5, 20, outage_s=3600)
    assert usual.longest_wait_h < 0.01
    assert outage.longest_wait_h == pytest.approx(1, abs=0.01)
    assert outage.after_outage == pytest.approx(10 * 3600, rel=0.01)
    # 36,000 wait; 10 a second are to spare at the peak, and 20 at midnight.
    assert outage.gone_after_h is not None
    assert 0.9 < outage.gone_after_h < 1


def test_more_than_the_limit_never_ends() -> None:
    """On average over the limit, the queue only grows."""
    backlog = simulate_queue(25, 20, outage_s=0)
    assert backlog.gone_after_h is None
    assert backlog.most > 5 * 86_400
