"""When somebody is woken: by what the log says, or by what Function Compute counts itself.

An alarm of the log sounds when its query has a row: all that it decides is in the SQL, which the tests run. Only the
one that listens for silence always has a row, and a condition on it: "no data" of the log service means a query without
rows, and would sound while all is well. Function Compute's metrics speak of what leaves no line at all.
"""

import math
from dataclasses import dataclass
from typing import Literal

from handler.settings import CALLS_A_SECOND
from scripts.logs.columns import put_in
from scripts.logs.queries import OURS

A_DAY_S = 86_400  # the most that a rule may look back over ("Overview" of alerting, user guide of the log service)
LONGEST_WAIT_S = 300  # what waits longer than that is told: as many events as the service judges in that time
SHIPPED_DELIVERIES = 6  # MAX_DELIVERIES of template.yml, which docs/operations.md goes by


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule over the log: `sql` has a row where somebody is to be woken. It is asked every `every_min` minutes.

    `silence`: `sql` has a row always, and this is what has to hold for it, in the alert rules' own language; no row, as
    a query without any log may answer, is a reason too.
    """

    sql: str
    over_s: int
    every_min: int
    severity: Literal[6, 8, 10]  # medium, high, critical
    silence: str = ""

    @property
    def text(self) -> str:
        """As the log service takes it."""
        return "* | " + put_in(self.sql.strip())


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of Function Compute; it sounds above `above`, `times` minutes in a row."""

    name: str
    statistics: str
    above: int
    times: int = 1


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm. `name` is that of its documents, `when` and `first` what the operator reads."""

    name: str
    title: str
    when: str
    first: str
    rule: Rule | None = None
    metrics: tuple[Metric, ...] = ()


def alarms(most_deliveries: int, calls_a_second: float = CALLS_A_SECOND) -> tuple[Alarm, ...]:
    """The five, for a function that an event is delivered to so many times, and what the service lets it ask."""
    backlog = math.ceil(LONGEST_WAIT_S * calls_a_second)
    return (
        Alarm(
            "fails-for-good",
            "events fail for good",
            f"an error at delivery {most_deliveries} or later, in 5 minutes; Function Compute put an event into the "
            "dead letters, could not, or dropped one for its age",
            "query 3; the error says what to mend. Then [send the dead letters again](#send-dead-letters-again)",
            Rule(
                f"""
select count(*) as failed, min($outcome.error) as for_example
from log
where {OURS} and $level = 'error' and $outcome.delivery >= {most_deliveries}
having count(*) > 0
""",
                over_s=300,
                every_min=5,
                severity=10,
            ),
            # What is killed or times out at every delivery leaves no line; the only destination is that of failures.
            (
                Metric("FunctionDestinationSucceeded", "Sum", 0),
                Metric("FunctionDestinationErrors", "Sum", 0),
                Metric("FunctionAsyncEventExpiredDropped", "Sum", 0),
            ),
        ),
        Alarm(
            "nothing-is-judged",
            "nothing is judged",
            "no line in 15 minutes; silence it at times of day that have no uploads",
            "the trigger: its role, its events; the log: the role's right to write it; the emergency stop left on",
            Rule(
                f"""
select count(case when {OURS} then 1 end) as deliveries
from log
""",
                over_s=900,
                every_min=5,
                severity=8,
                silence="deliveries == 0",
            ),
        ),
        Alarm(
            "failures",
            "failures",
            "over 2 % of the lines of 5 minutes are errors",
            "query 3",
            Rule(
                f"""
select failed, deliveries
from (
  select sum(case when $level = 'error' then 1 else 0 end) as failed, count(*) as deliveries
  from log
  where {OURS}
) as counted
where failed * 100 > deliveries * 2
""",
                over_s=300,
                every_min=5,
                severity=8,
            ),
        ),
        Alarm(
            "queue-grows",
            "the queue grows",
            f"over {backlog:,} events wait (five minutes at {calls_a_second:g} a second), five minutes long",
            "query 8; ask the vendor for more calls a second; raise `reservedConcurrency` only then",
            metrics=(Metric("FunctionAsyncMessagesBacklogV2", "Maximum", backlog, times=5),),
        ),
        Alarm(
            "sudden-severity",
            "sudden severity",
            "what is quarantined or deleted in 15 minutes has over 3 x its share of the last day, and is 10 or more",
            "query 4: a policy edit? a wave of spam? See [emergency stop](#emergency-stop)",
            Rule(
                f"""
select severe_now, all_now, severe_day, all_day
from (
  select sum(is_severe * is_now) as severe_now, sum(is_now) as all_now, sum(is_severe) as severe_day,
    count(*) as all_day
  from (
    select case when $outcome.action in ('quarantine', 'delete') then 1 else 0 end as is_severe,
      case when __time__ >= to_unixtime(now()) - 900 then 1 else 0 end as is_now
    from log
    where {OURS}
  ) as marked
) as counted
where severe_now >= 10 and severe_now * all_day > 3 * severe_day * all_now
""",
                over_s=A_DAY_S,
                every_min=5,
                severity=6,
            ),
        ),
    )
