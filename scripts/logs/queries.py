"""What is asked of the log: the ten queries of docs/operations.md, as the log service's SQL.

The search part of each is `*`: keys are uploaders' text, and how the service takes words apart (at `/`, in Chinese) is
no ground to stand on. Everything is said in the SQL. A result has a hundred rows unless the SQL has a limit, so each
that may have more has one.

Our lines are ASCII, and whether a column has a key as it is or with the escapes of the line is not said: where one is
asked for, it is read out of the line, and taken from its column only where the line is cut.

`$outcome.status` stands for the column `"message.outcome.status"`.
"""

from dataclasses import dataclass

from handler.log import EVENT
from handler.model import Status
from scripts.logs.columns import FIELD, put_in

MOST_ROWS = 10_000
OURS = f"$event = '{EVENT}'"


def literal(text: str) -> str:
    """The text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


# In an error: what is ours to quote, as Python does, with a backslash before a quote that is in it.
ANY_QUOTED = literal(r"'([^'\\]|\\.)*'" + r'|"([^"\\]|\\.)*"')
# What an operator puts his own in the place of.
SOME_KEY = "avatars/ann.png"
SOME_POLICY = "default:01234567"


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `note` is what it takes to read the answer; `line`: across and up, where it is drawn as a line."""

    title: str
    sql: str
    note: str = ""
    line: tuple[str, tuple[str, ...]] | None = None

    @property
    def asks_of_one(self) -> bool:
        """Whether it asks of one image or one policy, which an operator puts in first."""
        return SOME_KEY in self.sql or SOME_POLICY in self.sql

    @property
    def text(self) -> str:
        """As it is typed into the console: what is searched for, and the SQL over it."""
        return "* | " + put_in(self.sql.strip())


QUERIES = (
    Query(
        "How did it end?",
        f"""
select $outcome.status as status, count(*) as n
from log
where {OURS}
group by $outcome.status
order by n desc
""",
        "a line a delivery: an upload that was tried again has several",
    ),
    Query(
        "Where did that image go?",
        f"""
select logged_at, bucket, status, location, rule, error, request_id
from (
  select coalesce(try(json_extract_scalar({FIELD}, '$.upload.key')), $upload.key) as key,
    $time as logged_at, $upload.bucket as bucket, $outcome.status as status, $outcome.location as location,
    $decision.rule as rule, $outcome.error as error, $upload.request_id as request_id
  from log
  where {OURS}
) as ours
where key = {literal(SOME_KEY)}
order by logged_at
limit {MOST_ROWS}
""",
        "the key as it is in OSS; a `'` in it is written twice",
    ),
    Query(
        "What fails, and why?",
        f"""
select error, count(*) as n, min(key) as for_example, max(logged_at) as last_at
from (
  select regexp_replace(regexp_replace($outcome.error, 'request [^ ,)]+', 'request *'), {ANY_QUOTED}, '*') as error,
    $upload.key as key, $time as logged_at
  from log
  where {OURS} and $level = 'error'
) as errors
group by error
order by n desc
limit {MOST_ROWS}
""",
        "request ids, and keys in quotes, are `*`, so that one cause is one row",
    ),
    Query(
        "Which rules decide?",
        f"""
select $decision.policy as policy, $decision.rule as rule, $decision.action as action, count(*) as n
from log
where {OURS} and $decision.rule <> ''
group by $decision.policy, $decision.rule, $decision.action
order by n desc
limit {MOST_ROWS}
""",
    ),
    Query(
        "What would the shadow rules do?",
        f"""
select json_extract_scalar(shadow, '$.rule') as rule, json_extract_scalar(shadow, '$.action') as would,
  in_force, count(*) as n
from (
  select {FIELD}, $decision.action as in_force
  from log
  where {OURS} and $decision.rule <> ''
) as ours
cross join unnest(try_cast(try(json_extract({FIELD}, '$.decision.shadow')) as array(json))) as shadows(shadow)
group by json_extract_scalar(shadow, '$.rule'), json_extract_scalar(shadow, '$.action'), in_force
order by n desc
limit {MOST_ROWS}
""",
    ),
    Query(
        "How long does it take?",
        f"""
select count(*) as n, approx_percentile($outcome.duration_ms, 0.5) as p50,
  approx_percentile($outcome.duration_ms, 0.95) as p95, approx_percentile($outcome.duration_ms, 0.99) as p99
from log
where {OURS}
""",
        "milliseconds; of 100 deliveries 50, 95 and 99 took no longer",
    ),
    Query(
        "What did the moderation service cost?",
        f"""
select substr($time, 1, 10) as day, sum($outcome.calls.billed) as calls,
  sum($outcome.calls.maybe_billed) as perhaps, round(sum($outcome.cost_usd), 4) as usd
from log
where {OURS}
group by substr($time, 1, 10)
order by day
limit {MOST_ROWS}
""",
        "a day of UTC; `perhaps`: calls whose answer nobody read, not in `usd`",
        line=("day", ("usd",)),
    ),
    Query(
        "Are we throttled?",
        f"""
select substr($time, 1, 16) as minute, sum($outcome.attempts) as calls,
  sum(case when $outcome.attempts > 0 then 1 else 0 end) as deliveries
from log
where {OURS}
group by substr($time, 1, 16)
order by minute
limit {MOST_ROWS}
""",
        "calls beyond one a delivery were refused, or failed",
        line=("minute", ("calls", "deliveries")),
    ),
    Query(
        "Everything that one policy quarantined",
        f"""
select $upload.bucket as bucket, $upload.key as key, $outcome.location as location, min($time) as logged_at
from log
where {OURS} and $outcome.status = '{Status.QUARANTINED.value}' and $decision.policy = {literal(SOME_POLICY)}
group by $upload.bucket, $upload.key, $outcome.location
order by logged_at
limit {MOST_ROWS}
""",
    ),
    Query(
        "What nobody has looked at",
        f"""
select bucket, key, failure, error, logged_at
from (
  select $upload.bucket as bucket, $upload.key as key, $upload.request_id as request_id,
    max_by($outcome.status, $time) as status, max_by($decision.failure, $time) as failure,
    max_by($outcome.error, $time) as error, max($time) as logged_at
  from log
  where {OURS} and $outcome.status <> '{Status.DUPLICATE.value}'
  group by $upload.bucket, $upload.key, $upload.request_id
) as uploads
where status = '{Status.UNVERIFIED.value}'
order by logged_at
limit {MOST_ROWS}
""",
        "by the last line of each upload: what was judged since is not in it",
    ),
)
