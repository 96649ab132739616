"""A burst on paper: instances that share a limit and no memory, in simulated time.

Runs the function's own Pace and the stand-in's own limiters, and the pauses that Judge makes after a throttled call.
What it has not is a machine: no CPU is short here, and nothing else runs.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from handler.adapters.pace import Pace
from handler.settings import CALLS_A_SECOND
from handler.upload.judging import FIRST_PAUSE_S, LONGEST_PAUSE_S
from scripts.localcloud.green.throttle import LIMITERS, Limiter

# Around the call: what locating, tagging and logging take, by the stand-ins on a quiet machine.
BEFORE_CALL_S = 0.02
AFTER_CALL_S = 0.03
REFUSAL_S = 0.005
# Each of these takes up to this much longer.
NOISE = 0.1


@dataclass(frozen=True, slots=True)
class SimulatedBurst:
    """`ratio` is seconds / (uploads / qps); `throttled_share` is that of all calls."""

    seconds: float
    ratio: float
    calls: int
    throttled: int

    @property
    def throttled_share(self) -> float:
        """Throttled calls / calls."""
        return self.throttled / self.calls


@dataclass(slots=True)
class _Instance:
    pace: Pace
    refusals: int = 0


@dataclass(slots=True)
class _Burst:
    chance: random.Random
    latency_s: float
    waiting: int
    instances: list[_Instance]
    limiter: Limiter | None = None
    now_s: float = 0.0
    ended_s: float = 0.0
    calls: int = 0
    throttled: int = 0
    _agenda: list[tuple[float, int, Callable[[_Instance], None], _Instance]] = field(default_factory=list)
    _order: int = 0

    def run(self) -> None:
        """Until every upload has its answer."""
        for instance in self.instances:
            self._later(BEFORE_CALL_S, self._take_upload, instance)
        while self._agenda:
            self.now_s, _, step, instance = heapq.heappop(self._agenda)
            step(instance)

    def _later(self, delay_s: float, step: Callable[[_Instance], None], instance: _Instance) -> None:
        self._order += 1
        heapq.heappush(self._agenda, (self.now_s + delay_s, self._order, step, instance))

    def _noisy(self, seconds: float) -> float:
        return seconds * (1 + self.chance.random() * NOISE)

    def _take_upload(self, instance: _Instance) -> None:
        if self.waiting:
            self.waiting -= 1
            instance.refusals = 0
            self._later(self._noisy(BEFORE_CALL_S), self._wait_for_turn, instance)

    def _wait_for_turn(self, instance: _Instance) -> None:
        self._later(instance.pace.wait_s(self.now_s), self._call, instance)

    def _call(self, instance: _Instance) -> None:
        if self.limiter is None:
            raise AssertionError("a burst runs against a limiter")
        self.calls += 1
        instance.pace.begin(self.now_s)
        if self.limiter.take():
            call_s = self._noisy(self.latency_s)
            instance.pace.answer(call_s)
            total_s = call_s + self._noisy(AFTER_CALL_S)
            self.ended_s = max(self.ended_s, self.now_s + total_s)
            self._later(total_s, self._take_upload, instance)
            return
        self.throttled += 1
        instance.refusals += 1
        instance.pace.throttle()
        longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (instance.refusals - 1))
        self._later(REFUSAL_S + self.chance.random() * longest_s, self._wait_for_turn, instance)


def simulate_burst(  # noqa: PLR0913  (a burst has that many sides)
    *,
    uploads: int,
    qps: float = CALLS_A_SECOND,
    latency_s: float = 0.3,
    instances: int = 8,
    limiter: str = "token-bucket",
    seed: int = 0,
    make_pace: Callable[[], Pace] | None = None,
) -> SimulatedBurst:
    """Bring `uploads` that are all there at once to their answers; the same seed gives the same burst."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    burst = _Burst(
        chance,
        latency_s,
        uploads,
        [_Instance(make_pace() if make_pace else Pace.at_limit(qps)) for _ in range(instances)],
    )
    burst.limiter = LIMITERS[limiter](qps, lambda: burst.now_s)
    burst.run()
    return SimulatedBurst(burst.ended_s, burst.ended_s / (uploads / qps), burst.calls, burst.throttled)
