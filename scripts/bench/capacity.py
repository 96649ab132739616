"""How much one account can moderate in a day, and what an outage of an hour does: the queue, simulated day by day.

A fluid simulation in steps of half a minute: uploads come by a daily curve, wait in Function Compute's queue, and leave
it as fast as the moderation service lets them. docs/capacity.md holds its table, and a test compares the two.
"""

import math
from collections import deque
from dataclasses import dataclass

from handler.settings import CALLS_A_SECOND

DAY_S = 86_400
HOUR_S = 3_600
DAYS_A_MONTH = 30
STEP_S = 30
# The busiest moment of the day has twice the average, the quietest nothing.
PEAK_FACTOR = 2.0
PEAK_AT_S = DAY_S // 2
DAYS_SIMULATED = 4
# Assumed, to be measured by whoever deploys: what the service takes, and what an upload takes around it.
CALL_S = 0.3
AROUND_CALL_S = 0.05
# The vendor's page: USD 1.20 for 1,000 calls answered 200.
USD_PER_CALL = 0.0012
# Function Compute goes on for five hours with an invocation that finds no free instance.
LONGEST_QUEUED_H = 5
UPLOADS_A_MONTH = (10_000, 100_000, 1_000_000, 10_000_000, 20_000_000, 40_000_000, 100_000_000)
# Enough for the most of these, an outage included.
HIGH_LIMIT = 100.0


def choose_scenarios(limit_a_second: float) -> tuple[tuple[int, float], ...]:
    """Uploads a month, and calls a second that the account may make; the most once more with a limit that will do."""
    usual = tuple((uploads, limit_a_second) for uploads in UPLOADS_A_MONTH)
    return usual if limit_a_second >= HIGH_LIMIT else (*usual, (UPLOADS_A_MONTH[-1], HIGH_LIMIT))


SCENARIOS = choose_scenarios(CALLS_A_SECOND)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in the queue.

    `most` uploads at once; `after_outage` of them when it ended; the longest wait of one upload, in hours; hours from
    the end of the outage until nothing waits (None: not within the days simulated).
    """

    most: int
    after_outage: int
    longest_wait_h: float
    gone_after_h: float | None


@dataclass(frozen=True, slots=True)
class Capacity:
    """One scenario: on paper (all but the backlogs) and simulated, without an outage and with one of an hour."""

    uploads_a_month: int
    limit_a_second: float
    usual: Backlog
    outage: Backlog

    @property
    def uploads_a_day(self) -> float:
        """A month has 30 days."""
        return self.uploads_a_month / DAYS_A_MONTH

    @property
    def average_a_second(self) -> float:
        """Over the whole day."""
        return self.uploads_a_day / DAY_S

    @property
    def peak_a_second(self) -> float:
        """At the busiest moment."""
        return self.average_a_second * PEAK_FACTOR

    @property
    def instances(self) -> int:
        """Busy at once at the peak: calls a second x seconds an upload (Little's law)."""
        return math.ceil(min(self.peak_a_second, self.limit_a_second) * (CALL_S + AROUND_CALL_S))

    @property
    def usd_a_month(self) -> float:
        """For the calls to the moderation service alone."""
        return self.uploads_a_month * USD_PER_CALL

    @property
    def backlog_on_paper(self) -> float:
        """What an hour at the peak brings, if nothing waited before."""
        return self.peak_a_second * HOUR_S

    @property
    def gone_after_on_paper_h(self) -> float | None:
        """At most, if the peak went on for ever; None where the peak alone is over the limit."""
        spare = self.limit_a_second - self.peak_a_second
        return self.backlog_on_paper / spare / HOUR_S if spare > 0 else None

    @property
    def holds(self) -> bool:
        """Whether nothing waits for more than Function Compute waits, outage included, and all gets its turn."""
        return self.outage.gone_after_h is not None and self.outage.longest_wait_h <= LONGEST_QUEUED_H


def rate_a_second(at_s: float, average: float) -> float:
    """Uploads a second at that time: a cosine with its peak at noon."""
    return average * (1 + (PEAK_FACTOR - 1) * math.cos(2 * math.pi * (at_s - PEAK_AT_S) / DAY_S))


def simulate_queue(average: float, limit: float, *, outage_s: int) -> Backlog:
    """Run some days; the service is away for `outage_s` around the second day's peak."""
    outage_from = DAY_S + PEAK_AT_S - outage_s // 2
    outage_to = outage_from + outage_s
    waiting: deque[list[float]] = deque()  # when they came, how many are left of them
    left = most = after_outage = longest_wait_s = 0.0
    gone_at: float | None = None
    for now_s in range(0, DAYS_SIMULATED * DAY_S, STEP_S):
        come = rate_a_second(now_s, average) * STEP_S
        waiting.append([now_s, come])
        left += come
        served = 0.0 if outage_from <= now_s < outage_to else min(left, limit * STEP_S)
        left -= served
        longest_wait_s = max(longest_wait_s, _serve(waiting, served, now_s))
        most = max(most, left)
        if now_s + STEP_S == outage_to:
            after_outage = left
        if now_s >= outage_to and gone_at is None and left < 1:
            gone_at = now_s
    gone_after_h = None if gone_at is None else (gone_at - outage_to) / HOUR_S
    return Backlog(round(most), round(after_outage), longest_wait_s / HOUR_S, gone_after_h)


def _serve(waiting: deque[list[float]], served: float, now_s: float) -> float:
    """Take the oldest out; the seconds that the oldest of them had waited."""
    longest_s = 0.0
    while waiting and served > 0:
        came_s, count = waiting[0]
        longest_s = max(longest_s, now_s - came_s)
        if count > served:
            waiting[0][1] = count - served
            break
        served -= count
        waiting.popleft()
    return longest_s


def work_out(uploads_a_month: int, limit_a_second: float) -> Capacity:
    """One scenario."""
    average = uploads_a_month / DAYS_A_MONTH / DAY_S
    usual = simulate_queue(average, limit_a_second, outage_s=0)
    outage = simulate_queue(average, limit_a_second, outage_s=HOUR_S)
    return Capacity(uploads_a_month, limit_a_second, usual, outage)


def table(limit_a_second: float = CALLS_A_SECOND) -> list[str]:
    """The table of docs/capacity.md, line by line, for that limit."""
    rows = [_row(work_out(*scenario)) for scenario in choose_scenarios(limit_a_second)]
    heads = (
        "uploads a month",
        "limit, calls/s",
        "uploads a day",
        "average/s",
        "peak/s",
        "instances",
        "longest wait, usual day",
        "waiting after an hour's outage",
        "gone after",
        "longest wait with it",
        "calls, USD a month",
        "holds",
    )
    return [_line(heads), _line(["--:"] * len(heads)), *map(_line, rows)]


def _row(capacity: Capacity) -> list[str]:
    outage = capacity.outage
    return [
        f"{capacity.uploads_a_month:,}",
        f"{capacity.limit_a_second:g}",
        f"{capacity.uploads_a_day:,.0f}",
        f"{capacity.average_a_second:.3g}",
        f"{capacity.peak_a_second:.3g}",
        f"{capacity.instances}",
        _hours(capacity.usual.longest_wait_h),
        f"{outage.after_outage:,}",
        "never" if outage.gone_after_h is None else _hours(outage.gone_after_h),
        _hours(outage.longest_wait_h),
        f"{capacity.usd_a_month:,.0f}",
        "yes" if capacity.holds else "no",
    ]


def _hours(hours: float) -> str:
    if hours * HOUR_S <= STEP_S:
        return "seconds"
    return f"{hours * 60:.0f} min" if hours < 1 else f"{hours:.1f} h"


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"
