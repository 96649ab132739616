"""Claims and takes under every schedule of two and three deliveries, with kills and with leases that end."""

from types import SimpleNamespace
from typing import Any

import pytest

from handler.adapters.policy_file import load_policy
from handler.policy.rules import Policy
from handler.upload import ledger
from tests.upload.interleavings import Explorer, Setting

ONE = ("",)
TWINS = ("v1", "v2")
TRIPLETS = ("v1", "v2", "v3")
# What the policy does with what is seen, and how an event of such a picture ends.
ENDS = {"tag": "flagged", "delete": "deleted"}


@pytest.fixture(params=ENDS)
def policy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """One that marks what it finds, and one that removes it."""
    path = tmp_path_factory.mktemp("policy") / "policy.yml"
    path.write_text(
        "version: 1\nname: all\nrules:\n"
        "  - name: gore\n    match: {labels: [violent_bloody], min_confidence: 50}\n"
        f"    action: {request.param}\n"
        "quarantine: {bucket: quarantine}\n"
    )
    return load_policy(path, {}, ["uploads"])


def explore(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Go through all; how events ended, be it in one schedule of all."""

    def fix_token(token: str) -> None:
        monkeypatch.setattr(ledger, "uuid4", lambda: SimpleNamespace(hex=token))

    explorer = Explorer(setting, fix_token)
    explorer.explore()
    trouble = f"{setting.crashes} kills, {setting.slow_ticks} pauses"
    print(f"{setting.claimants} over {setting.versions}, {trouble}: {len(explorer.came_from)} states")  # noqa: T201
    return {status for ended in explorer.endings for status in ended}


@pytest.mark.parametrize(
    "how",
    [
        {"claimants": (1, 1), "crashes": 1},
        {"claimants": (1, 1), "crashes": 1, "keeps_id": False},
        {"claimants": (1, 2), "versions": TWINS, "crashes": 1},
        {"claimants": (1, 2), "versions": TWINS, "crashes": 1, "keeps_id": False},
        pytest.param({"claimants": (1, 1, 1)}, marks=pytest.mark.exhaustive),
        pytest.param({"claimants": (1, 2, 2), "versions": TWINS}, marks=pytest.mark.exhaustive),
        {"claimants": (1, 2, 3), "versions": TRIPLETS},
        pytest.param({"claimants": (1, 1), "crashes": 2}, marks=pytest.mark.exhaustive),
        pytest.param({"claimants": (1, 1), "crashes": 2, "keeps_id": False}, marks=pytest.mark.exhaustive),
        pytest.param({"claimants": (1, 2), "versions": TWINS, "crashes": 2}, marks=pytest.mark.exhaustive),
        pytest.param({"claimants": (1, 1, 1), "crashes": 1}, marks=pytest.mark.exhaustive),
        pytest.param({"claimants": (1, 2, 2), "versions": TWINS, "crashes": 1}, marks=pytest.mark.exhaustive),
        pytest.param({"claimants": (1, 2, 3), "versions": TRIPLETS, "crashes": 1}, marks=pytest.mark.exhaustive),
    ],
    ids=str,
)
@pytest.mark.timeout(1200)
def test_kills(policy: Policy, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """No two hold one claim or version, each version is dealt with and paid for once, and once more for each kill."""
    setting = Setting(policy, **how)
    expected = {ENDS[policy.rules[0].action.value]}
    if len(set(setting.claimants)) < len(setting.claimants):
        expected.add("duplicate")
    assert explore(setting, monkeypatch) == expected


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "how",
    [
        {"claimants": (1, 1), "slow_ticks": 2},
        {"claimants": (1, 2), "versions": TWINS, "slow_ticks": 1},
        {"claimants": (1, 2), "versions": TWINS, "slow_ticks": 3},
        {"claimants": (1, 2), "versions": TWINS, "crashes": 1, "slow_ticks": 1},
    ],
    ids=str,
)
@pytest.mark.timeout(1200)
def test_deliveries_that_hang(policy: Policy, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hangs for longer than its lease is taken for dead: that may cost one more call, and nothing else."""
    assert explore(Setting(policy, **how), monkeypatch) >= {ENDS[policy.rules[0].action.value]}
