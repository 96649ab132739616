"""Chaos: whatever the application does and however deliveries go wrong, G1 to G9 hold once the dust has settled.

One process and one delivery at a time, over real sockets with the real SDKs, so that a seed reproduces a history:
`scripts/test tests/end_to_end/test_chaos.py --chaos-examples 500 --chaos-seed 7` looks longer, and elsewhere.
"""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from handler.adapters import green
from handler.adapters.green import GreenModerator
from handler.index import Warden
from scripts.localcloud.wire import Fault
from tests.end_to_end.chaos_world import APPENDED, Trouble, VirtualClock, World
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import APP, FUNCTION, SERVICE

BUCKETS = st.sampled_from(["uploads", "versioned"])
KEYS = st.sampled_from(["a.png", "photos/ä +%.png"])
WORDS = st.sampled_from(["GOOD", "NUDE", "GORE", "SPAM", "FLAG"])
ANY = st.integers(0, 99)
# Far more than any delivery makes: a number past the last call is a delivery without that trouble.
CALLS = st.integers(1, 14)
CALL_S = 0.5
FAULTS = st.sampled_from(
    [
        Fault(status=503, code="ServiceUnavailable"),
        Fault(status=500, code="InternalError"),
        Fault(garbage=True),
        Fault(drop="before"),
        Fault(drop="after"),
        Fault(delay_s=CALL_S + 0.2),
    ]
)
STEPS = 25


class Chaos(RuleBasedStateMachine):
    """The rules: what an application and a cloud may do next."""

    def __init__(self, ledgered: Ledgered, unanswered: list[object]) -> None:
        super().__init__()
        begin_anew(ledgered)
        unanswered.clear()
        self.world = World(ledgered, unanswered)

    @rule(bucket=BUCKETS, key=KEYS, word=WORDS)
    def put(self, bucket: str, key: str, word: str) -> None:
        """Upload, or overwrite."""
        self.world.put(bucket, key, word)

    @rule(word=WORDS)
    def append(self, word: str) -> None:
        """Append, or begin to."""
        self.world.append(word)

    @rule(bucket=BUCKETS, key=KEYS, leads_to=KEYS)
    def link(self, bucket: str, key: str, leads_to: str) -> None:
        """Put a link, perhaps to itself, over what was there."""
        self.world.link(bucket, key, leads_to)

    @rule(bucket=BUCKETS, key=KEYS)
    def remove(self, bucket: str, key: str) -> None:
        """Delete what may be there."""
        self.world.remove(bucket, key)

    @precondition(lambda self: self.world.pending)
    @rule(index=ANY)
    def deliver_again(self, index: int) -> None:
        """One more copy of an event."""
        self.world.deliver_again(index)

    @precondition(lambda self: self.world.pending)
    @rule(index=ANY)
    def deliver(self, index: int) -> None:
        """Any of the copies that wait: order means nothing."""
        self.world.deliver(index, Trouble())

    @precondition(lambda self: self.world.pending)
    @rule(index=ANY, faults=st.dictionaries(CALLS, FAULTS, min_size=1, max_size=3))
    def deliver_spoiled(self, index: int, faults: dict[int, Fault]) -> None:
        """Calls fail, are lost, time out, or answered with rubbish."""
        self.world.deliver(index, Trouble(faults=faults))

    @precondition(lambda self: self.world.pending)
    @rule(index=ANY, throttled=st.sampled_from([1, 2, 99]))
    def deliver_throttled(self, index: int, throttled: int) -> None:
        """The service refuses, for a while or until the delivery gives up."""
        self.world.deliver(index, Trouble(throttled=throttled))

    @precondition(lambda self: self.world.pending)
    @rule(index=ANY, call=CALLS)
    def deliver_killed(self, index: int, call: int) -> None:
        """The function is killed after that call."""
        self.world.deliver(index, Trouble(kill_after=call))

    @precondition(lambda self: self.world.pending)
    @rule(index=ANY, call=CALLS, word=st.one_of(st.none(), WORDS), kill_after=st.one_of(st.just(0), CALLS))
    def deliver_interrupted(self, index: int, call: int, word: str | None, kill_after: int) -> None:
        """The very key is overwritten or deleted in the middle; the function may be killed too."""
        oss = self.world.pending[index % len(self.world.pending)].record["oss"]
        bucket, key = oss["bucket"]["name"], oss["object"]["key"]

        def change() -> None:
            if word is None:
                self.world.remove(bucket, key)
            elif key == APPENDED:
                self.world.append(word)
            else:
                self.world.put(bucket, key, word)

        self.world.deliver(index, Trouble(meanwhile=(call, change), kill_after=kill_after))

    def teardown(self) -> None:
        """Let the dust settle, and look."""
        self.world.settle()
        self.world.check()


def begin_anew(ledgered: Ledgered) -> None:
    """Make a fresh cloud for the next history."""
    cloud = ledgered.cloud
    cloud.oss.reset()
    for identity in (APP, FUNCTION, SERVICE):
        cloud.oss.add_identity(identity)
    for bucket in ("uploads", "quarantine", "ledger"):
        cloud.oss.create_bucket(bucket)
    cloud.oss.create_bucket("versioned", versioned=True)
    cloud.records.clear()
    cloud.watcher.calls.clear()
    cloud.log.seek(0)
    cloud.log.truncate()
    cloud.start(LEDGER_BUCKET="ledger")


def start_on(clock: VirtualClock, start: Callable[..., Warden]) -> Callable[..., Warden]:
    """Start the function on another clock."""

    def start_there(*args: Any) -> Warden:  # noqa: ANN401  (as the original)
        warden = start(*args)
        warden.clock, warden.sleep = clock.now, clock.sleep
        return warden

    return start_there


def note_calls(call: Callable[..., Any], noted: list[object]) -> Callable[..., Any]:
    """Note what it is called with."""

    def noting(*args: Any, **named: Any) -> Any:  # noqa: ANN401  (as the original)
        noted.append(args)
        return call(*args, **named)

    return noting


@pytest.mark.timeout(24 * 3600)  # as long as one asks for
def test_chaos(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Every upload ends once, no byte is lost or touched unjudged, nothing is paid twice without a reason."""
    clock = VirtualClock()
    monkeypatch.setattr(Warden, "from_env", start_on(clock, Warden.from_env))
    monkeypatch.setattr(green, "LONGEST_CALL_S", CALL_S)
    unanswered: list[object] = []
    monkeypatch.setattr(GreenModerator, "_unread", note_calls(GreenModerator._unread, unanswered))  # noqa: SLF001
    limiter = ledgered.cloud.green.limiter

    class Here(Chaos):
        def __init__(self) -> None:
            super().__init__(ledgered, unanswered)

    try:
        run_state_machine_as_test(
            seed(request.config.getoption("--chaos-seed"))(Here),
            settings=settings(
                max_examples=request.config.getoption("--chaos-examples"),
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                # A history takes seconds, so that making a failing one shorter takes many minutes.
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        ledgered.cloud.green.limiter = limiter
