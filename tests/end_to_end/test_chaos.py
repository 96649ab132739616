"""Chaos: whatever the application does and however deliveries go wrong, G1 to G9 hold once the dust has settled.

One process and one delivery at a time, over real sockets with the real SDKs, so that a seed reproduces a history:
`scripts/test tests/end_to_end/test_chaos.py --chaos-examples 500 --chaos-seed 7` looks longer, and elsewhere.
"""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from handler.adapters import green
from handler.adapters.green import GreenModerator
from handler.index import Warden
from scripts.localcloud.wire import Fault
from tests.end_to_end.chaos_world import APPENDED, BUCKETS, SOURCES, Figures, Trouble, VirtualClock, World
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import APP, FUNCTION, SERVICE

ALL_BUCKETS = st.sampled_from(BUCKETS)
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

    world: World
    ledgered: Ledgered
    unanswered: list[object]
    figures: Figures

    @initialize(has_ledger=st.sampled_from([True, True, True, False]))
    def begin(self, *, has_ledger: bool) -> None:
        """Make a fresh cloud, mostly with a ledger."""
        begin_anew(self.ledgered, has_ledger=has_ledger)
        self.unanswered.clear()
        self.world = World(self.ledgered, self.unanswered, self.figures, has_ledger=has_ledger)

    @rule(bucket=ALL_BUCKETS, key=KEYS, word=WORDS, is_archived=st.sampled_from([False, False, False, True]))
    def put(self, bucket: str, key: str, word: str, *, is_archived: bool) -> None:
        """Upload, or overwrite."""
        self.figures.steps[bucket] += 1
        self.world.put(bucket, key, word, is_archived=is_archived)

    @rule(bucket=ALL_BUCKETS, key=KEYS)
    def put_again(self, bucket: str, key: str) -> None:
        """Upload the same bytes once more."""
        self.figures.steps[bucket] += 1
        self.world.put_again(bucket, key)

    @rule(bucket=ALL_BUCKETS, word=WORDS)
    def append(self, bucket: str, word: str) -> None:
        """Append, or begin to."""
        self.figures.steps[bucket] += 1
        self.world.append(bucket, word)

    @rule(bucket=ALL_BUCKETS, key=KEYS, leads_to=KEYS)
    def link(self, bucket: str, key: str, leads_to: str) -> None:
        """Put a link, perhaps to itself, over what was there."""
        self.figures.steps[bucket] += 1
        self.world.link(bucket, key, leads_to)

    @rule(bucket=ALL_BUCKETS, key=KEYS, source=KEYS)
    def copy(self, bucket: str, key: str, source: str) -> None:
        """Copy what may be there, perhaps over itself; perhaps a link."""
        self.figures.steps[bucket] += 1
        self.world.copy(bucket, key, source)

    @rule(bucket=st.sampled_from(sorted(SOURCES)), key=KEYS, word=WORDS, age_s=st.sampled_from([0, 3600]))
    def replicate(self, bucket: str, key: str, word: str, age_s: float) -> None:
        """Something arrives by replication."""
        self.figures.steps[bucket] += 1
        self.world.replicate(bucket, key, word, age_s)

    @rule(bucket=ALL_BUCKETS, key=KEYS)
    def remove(self, bucket: str, key: str) -> None:
        """Delete what may be there."""
        self.figures.steps[bucket] += 1
        self.world.remove(bucket, key)

    @rule()
    def switch(self) -> None:
        """Enable or suspend versioning."""
        self.figures.steps["switched"] += 1
        self.world.switch()

    @rule(index=ANY)
    def deliver_again(self, index: int) -> None:
        """One more copy of an event."""
        if self.world.pending:
            self.world.deliver_again(index)

    @rule(index=ANY)
    def deliver(self, index: int) -> None:
        """Any of the copies that wait: order means nothing."""
        self._deliver(index, Trouble())

    @rule(index=ANY, faults=st.dictionaries(CALLS, FAULTS, min_size=1, max_size=3), loses_id=st.booleans())
    def deliver_spoiled(self, index: int, faults: dict[int, Fault], *, loses_id: bool) -> None:
        """Calls fail, are lost, time out, or answered with rubbish."""
        self._deliver(index, Trouble(faults=faults, loses_id=loses_id))

    @rule(index=ANY, throttled=st.sampled_from([1, 2, 99]))
    def deliver_throttled(self, index: int, throttled: int) -> None:
        """The service refuses, for a while or until the delivery gives up."""
        self._deliver(index, Trouble(throttled=throttled))

    @rule(index=ANY, call=CALLS, loses_id=st.booleans())
    def deliver_killed(self, index: int, call: int, *, loses_id: bool) -> None:
        """The function is killed after that call."""
        self._deliver(index, Trouble(kill_after=call, loses_id=loses_id))

    @rule(
        index=ANY,
        call=CALLS,
        word=st.one_of(st.none(), WORDS),
        kill_after=st.one_of(st.just(0), CALLS),
        loses_id=st.booleans(),
    )
    def deliver_interrupted(self, index: int, call: int, word: str | None, kill_after: int, *, loses_id: bool) -> None:
        """The very key is overwritten or deleted in the middle; the function may be killed too."""
        if not self.world.pending:
            return
        bucket, key = self.world.pending[index % len(self.world.pending)].place

        def change() -> None:
            if word is None:
                self.world.remove(bucket, key)
            elif key == APPENDED:
                self.world.append(bucket, word)
            else:
                self.world.put(bucket, key, word)

        self._deliver(index, Trouble(meanwhile=(call, change), kill_after=kill_after, loses_id=loses_id))

    def _deliver(self, index: int, trouble: Trouble) -> None:
        """Nothing where nothing waits: a rule that were not there would make a history depend on the hour."""
        if not self.world.pending:
            return
        bucket, _ = self.world.pending[index % len(self.world.pending)].place
        self.figures.steps[bucket] += 1
        self.world.deliver(index, trouble)

    def teardown(self) -> None:
        """Let the dust settle, and look; then all that was given up comes again, and nothing is left undone."""
        self.world.settle()
        self.world.check()
        self.world.redrive()
        self.world.check()


def begin_anew(ledgered: Ledgered, *, has_ledger: bool) -> None:
    """Make a fresh cloud for the next history."""
    cloud = ledgered.cloud
    cloud.oss.reset()
    for identity in (APP, FUNCTION, SERVICE):
        cloud.oss.add_identity(identity)
    for bucket in (*BUCKETS, *SOURCES.values(), "quarantine", "ledger"):
        cloud.oss.create_bucket(bucket, versioned="versioned" in bucket)
    cloud.oss.retain("retained")
    cloud.records.clear()
    cloud.watcher.calls.clear()
    cloud.log.seek(0)
    cloud.log.truncate()
    cloud.start(WATCHED_BUCKETS=",".join(BUCKETS), LEDGER_BUCKET="ledger" if has_ledger else "")


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
    clock = VirtualClock(lambda seconds: ledgered.age(seconds=seconds))
    monkeypatch.setattr(Warden, "from_env", start_on(clock, Warden.from_env))
    monkeypatch.setattr(green, "LONGEST_CALL_S", CALL_S)
    unanswered: list[object] = []
    monkeypatch.setattr(GreenModerator, "_unread", note_calls(GreenModerator._unread, unanswered))  # noqa: SLF001
    limiter = ledgered.cloud.green.limiter

    Chaos.ledgered, Chaos.unanswered, Chaos.figures = ledgered, unanswered, Figures()
    try:
        run_state_machine_as_test(
            seed(request.config.getoption("--chaos-seed"))(Chaos),
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
        print(Chaos.figures)  # noqa: T201  (for who looks, with `-s`)
