"""The function on a clock that sleeping puts forward at no cost: what it waits for is told, and not waited for."""

from typing import Any

import pytest

from handler.adapters import green
from handler.index import Warden
from tests.end_to_end.chaos_world import VirtualClock
from tests.end_to_end.ledgered_cloud import Ledgered

# No call that is answered here takes so long; one that is not is waited for no longer.
LONGEST_CALL_S = 0.3
TOO_LATE_S = 0.5


@pytest.fixture
def clock(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """The function is started again, with its ledger, on a clock of its own; the service is waited for briefly."""
    clock, start = VirtualClock(), Warden.from_env

    def start_there(*args: Any) -> Warden:  # noqa: ANN401  (as the original)
        warden = start(*args)
        warden.clock, warden.sleep = clock.now, clock.sleep
        return warden

    monkeypatch.setattr(Warden, "from_env", start_there)
    monkeypatch.setattr(green, "LONGEST_CALL_S", LONGEST_CALL_S)
    ledgered.cloud.start(LEDGER_BUCKET="ledger")
    ledgered.cloud.watcher.calls.clear()
    return clock
