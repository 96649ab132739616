"""A burst of uploads against the account's limit: real instance processes, real sockets, one shared limiter.

Starting instances is not part of it (`bench cold` measures that): each moderates one upload before the clock runs.
"""

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.model import Status
from scripts.bench.application import Application
from scripts.bench.overhead import PIXEL
from scripts.environment.making import ROOT
from scripts.localcloud.cloud import LocalCloud
from scripts.localcloud.green.record import GreenCall
from scripts.localcloud.green.throttle import LIMITERS

RATIO_BUDGET = 1.05
THROTTLED_BUDGET = 0.05
POLICY = ROOT / "policies" / "default.yml"
THROTTLED = 403
UNSETTLED = frozenset({Status.UNVERIFIED.value, Status.FAILED.value})
# How much longer than the limiter alone would take is waited before a burst is given up.
PATIENCE = 10


@dataclass(frozen=True, slots=True)
class BurstResult:
    """One burst, from the moment its events are let go until nothing is queued or running.

    `limit_seconds` is what the limit alone takes, uploads / qps; `ratio` is seconds / limit_seconds. `calls` are those
    to the moderation service, `throttled` those of them answered 403, `retries` those that asked again about an upload
    already asked about. `lost` uploads have no final outcome, `dead_letters` were given up by Function Compute.
    """

    uploads: int
    seconds: float
    limit_seconds: float
    ratio: float
    calls: int
    throttled: int
    retries: int
    lost: int
    dead_letters: int
    calls_per_upload: float

    @property
    def is_within_budget(self) -> bool:
        """Whether DESIGN's budget for a burst is met: time, throttled calls, nothing lost."""
        in_time = self.ratio <= RATIO_BUDGET and self.throttled <= THROTTLED_BUDGET * self.calls
        return in_time and not self.lost and not self.dead_letters


def measure_burst(  # noqa: PLR0913  (a burst has that many sides)
    *, uploads: int, qps: float, latency_ms: float, instances: int, limiter: str = "token-bucket", policy: Path = POLICY
) -> BurstResult:
    """Run one burst on this checkout's handler. `limiter` is a name of LIMITERS."""
    cloud = LocalCloud(policy=policy, qps=qps, latency_ms=latency_ms, instances=instances)
    with cloud, closing(Application(cloud)) as application:
        application.warm_up("warm-up", PIXEL)
        before = len(cloud.green.calls), len(cloud.outcomes)
        cloud.fc.hold()
        for number in range(uploads):
            application.uploads.put_object(f"burst/{number}.png", PIXEL)
        cloud.green.limiter = LIMITERS[limiter](qps, time.monotonic)
        started = time.monotonic()
        cloud.fc.release()
        cloud.fc.wait_idle(uploads / qps * PATIENCE)
        seconds = time.monotonic() - started
        calls, outcomes = cloud.green.calls[before[0] :], cloud.outcomes[before[1] :]
        return _result(uploads, seconds, uploads / qps, calls, outcomes, len(cloud.fc.dead_letters))


def _result(  # noqa: PLR0913, PLR0917  (what was measured)
    uploads: int,
    seconds: float,
    limit_s: float,
    calls: list[GreenCall],
    outcomes: list[dict[str, Any]],
    dead_letters: int,
) -> BurstResult:
    settled = {o["upload"]["request_id"] for o in outcomes if o["outcome"]["status"] not in UNSETTLED}
    return BurstResult(
        uploads=uploads,
        seconds=round(seconds, 2),
        limit_seconds=round(limit_s, 2),
        ratio=round(seconds / limit_s, 3),
        calls=len(calls),
        throttled=sum(call.code == THROTTLED for call in calls),
        retries=len(calls) - len({call.asked.key for call in calls}),
        lost=uploads - len(settled),
        dead_letters=dead_letters,
        calls_per_upload=round(len(calls) / uploads, 3),
    )
