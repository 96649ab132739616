"""The function on a clock that sleeping puts forward at no cost: what it waits for is told, and not waited for."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from handler.adapters import green
from handler.index import Warden
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.chaos_world import VirtualClock
from tests.end_to_end.ledgered_cloud import Ledgered

# No call that is answered here takes so long; one that is not is waited for no longer.
LONGEST_CALL_S = 0.3
TOO_LATE_S = 0.5
# The stand-in's own work on a call whose answer nobody waits for.
WORK_S = 0.2


@pytest.fixture
def late_calls(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait in the end for what is answered too late: it would else have its effect, and be billed, in the next test."""
    watcher = ledgered.cloud.watcher
    before, done_at = watcher.before, [0.0]

    def note(call: WireCall) -> Fault | None:
        fault = before(call)
        if fault is not None and fault.delay_s:
            done_at.append(time.monotonic() + fault.delay_s + WORK_S)
        return fault

    monkeypatch.setattr(watcher, "before", note)
    yield
    time.sleep(max(0.0, max(done_at) - time.monotonic()))


@pytest.fixture
def clock(ledgered: Ledgered, late_calls: None, monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """The function is started again, with its ledger, on a clock of its own; the service is waited for briefly."""
    del late_calls
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
