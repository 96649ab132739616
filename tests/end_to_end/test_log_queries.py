"""The ten queries and the alarms, run on what the function logs."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from handler.log import EVENT
from scripts.localcloud.wire import Fault, WireCall
from scripts.logs.alarms import Alarm, alarms
from scripts.logs.documents import LONGEST_TEXT_BYTES, Setting, write_documents
from scripts.logs.queries import MOST_ROWS, QUERIES, SOME_KEY, SOME_POLICY, literal
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import WardenCloud, picture
from tests.logs.log_engine import DEFAULT_ROWS, FOREIGN, LogEngine, Row

pytestmark = pytest.mark.exhaustive
MANY = DEFAULT_ROWS + 5
MOST_DELIVERIES = 3
POLICY = """\
version: 1
name: queries
rules:
  - {name: nudity, match: {labels: [pornographic_adultContent]}, action: quarantine}
  - {name: gore, match: {labels: [violent_bloody]}, action: delete}
  - {name: strict-spam, match: {labels: ["QR code"]}, action: quarantine, status: shadow}
  - {name: strict-flags, match: {labels: ["QR code", flag_country]}, action: delete, status: shadow}
  - {name: spam, match: {labels: ["QR code"]}, action: tag}
  - {name: flags, match: {labels: [flag_country]}, action: none}
failures: {unsupported: tag, unavailable: tag}
scope: {exclude: ["thumbnails/**"]}
quarantine: {bucket: "${QUARANTINE_BUCKET}", prefix: "held/"}
"""
KEY = """照片/ann's "best"/ä b.png"""
LONG_KEY = "長" * 341  # 1,023 bytes, as many as OSS takes
NOW = time.time()
_made: list[str] = []  # the lines are made once for all tests here


def outage(call: WireCall) -> Fault | None:
    """The moderation service fails."""
    return Fault(status=500, code="ServiceUnavailable") if call.service == "green" else None


def no_store(call: WireCall) -> Fault | None:
    """OSS fails, but for the ledger."""
    return Fault(status=500, code="InternalError") if call.bucket == "uploads" else None


def make_lines(cloud: WardenCloud) -> None:
    """A day of uploads, with keys that uploaders choose."""
    cloud.start(POLICY, LEDGER_BUCKET="ledger", MAX_DELIVERIES=str(MOST_DELIVERIES))
    for number in range(MANY):
        cloud.moderate(f"空/{number}'s.png", b"")
        cloud.moderate(f"裸/{number}/ä.png", picture("NUDE", salt=str(number)))
    again = cloud.upload(KEY, picture("GOOD"))
    for number in range(MANY):
        cloud.deliver(again, request_id=f"{number}-fc-request")
    for word, times in {"SPAM": 3, "FLAG": 2, "GORE": 4}.items():
        for number in range(times):
            cloud.moderate(f"{word}/{number}.png", picture(word, salt=f"more {number}"))
    cloud.moderate(LONG_KEY, picture("SPAM", salt="long"))
    cloud.moderate("thumbnails/a.png", picture("NUDE"))
    given_up, judged_later = (cloud.upload(f"out/{name}.png", picture("GOOD", salt=name)) for name in ("a", "b"))
    cloud.watcher.spoil = outage
    for record in (given_up, judged_later):
        cloud.deliver(record, delivery=MOST_DELIVERIES, timeout_s=2)
    throttled = iter([Fault(status=429, code="Throttling.User")])
    cloud.watcher.spoil = lambda call: next(throttled, None) if call.service == "green" else None
    cloud.moderate("busy.png", picture("GOOD", salt="busy"))
    cloud.watcher.spoil = no_store
    for key in ("store/a.png", "store/b's.png"):
        cloud.deliver(cloud.upload(key, picture("GOOD")), timeout_s=2)
    cloud.watcher.spoil = lambda _: None
    for _ in range(2):  # once judged, and then a duplicate
        cloud.deliver(judged_later, delivery=MOST_DELIVERIES, request_id="2-fc-request")


@pytest.fixture
def lines(ledgered: Ledgered) -> list[str]:
    """What the function writes, as it writes it."""
    if not _made:
        make_lines(ledgered.cloud)
        _made.extend(ledgered.cloud.log.getvalue().splitlines())
    return _made


@pytest.fixture(params=[None, "null"], ids=["nulls are nothing", "nulls are words"])
def engine(lines: list[str], request: pytest.FixtureRequest) -> Iterator[LogEngine]:
    """The log service with these lines, and those of the platform between them."""
    engine = LogEngine([*FOREIGN, *lines, *FOREIGN], now=time.time(), null_is=request.param)
    yield engine
    engine.close()


@pytest.fixture
def logged(lines: list[str]) -> list[dict[str, Any]]:
    """The same, as documents: what the answers are held against."""
    return [document for document in map(json.loads, lines) if document["event"] == EVENT]


def ask(engine: LogEngine, number: int, **instead: str) -> list[Row]:
    """The rows of that query; with another key or policy than the one that stands in it."""
    text = QUERIES[number - 1].text
    for before, after in instead.items():
        text = text.replace({"key": literal(SOME_KEY), "policy": literal(SOME_POLICY)}[before], literal(after))
    rows = engine.ask(text)
    print(f"\n{number}. {QUERIES[number - 1].title}  {len(rows)} rows, the first:", *rows[:3], sep="\n   ")  # noqa: T201
    return rows


def test_1_how_it_ended(engine: LogEngine, logged: list[dict[str, Any]]) -> None:
    """Each status with its lines, the most frequent first."""
    rows = ask(engine, 1)
    assert {row["status"]: row["n"] for row in rows} == Counter(line["outcome"]["status"] for line in logged)
    assert [row["n"] for row in rows] == sorted((row["n"] for row in rows), reverse=True)
    assert {"passed", "quarantined", "deleted", "unverified", "duplicate"} <= {row["status"] for row in rows}


@pytest.mark.parametrize("key", [KEY, LONG_KEY])
def test_2_where_an_image_went(engine: LogEngine, logged: list[dict[str, Any]], key: str) -> None:
    """Every line of that key, the oldest first: with slashes, quotes and any writing; more than a hundred."""
    wanted = [
        (line["time"], line["outcome"]["status"], line["outcome"]["location"])
        for line in logged
        if line["upload"]["key"] == key
    ]
    rows = ask(engine, 2, key=key)
    assert [(row["logged_at"], row["status"], row["location"]) for row in rows] == wanted
    assert len(wanted) == (MANY if key == KEY else 1)
    assert ask(engine, 2) == []


@pytest.mark.parametrize("key", [KEY, LONG_KEY])
def test_a_key_is_found_however_its_column_is_written(lines: list[str], key: str) -> None:
    """As it is in OSS, or with the escapes of our line; and by its column alone where the line is cut."""
    raw = LogEngine(lines, now=NOW, is_raw=True)
    assert len(ask(raw, 2, key=key)) == (MANY if key == KEY else 1)
    raw.close()
    long = next(document for document in map(json.loads, lines) if (document["upload"] or {}).get("key") == key)
    long["outcome"]["links"] = ["x" * 100] * 200
    cut = LogEngine([json.dumps(long)], now=NOW)
    assert len(ask(cut, 2, key=key)) == 1
    cut.close()


def test_3_what_fails(engine: LogEngine, logged: list[dict[str, Any]]) -> None:
    """Each cause with its lines and a key to look at, whatever ids and keys are in its words."""
    outage, gone = sorted(ask(engine, 3), key=lambda row: -row["n"])
    assert outage["error"] == "the moderation service answered HTTP 500 ServiceUnavailable (request *)"
    assert (outage["n"], outage["for_example"]) == (2, "out/a.png")
    assert gone["error"].startswith("could not look at uploads/*: OSS says InternalError (HTTP 500, request *)")
    assert gone["n"] == 2
    assert sum(line["level"] == "error" for line in logged) == 4


@pytest.mark.parametrize("key", ["it's", 'x"y', 'it\'s "x"', "a\\", "\\'\"", "照片"])
def test_one_cause_is_one_row_whatever_the_key(key: str) -> None:
    """Also where both kinds of quotes, or a backslash, are in it."""
    errors = [f"uploads/{name!r}: no {name!r}: OSS says X (request 1-{len(name)})" for name in ("a", key)]
    documents = [{"event": EVENT, "level": "error", "outcome": {"error": error}} for error in errors]
    engine = LogEngine(map(json.dumps, documents), now=NOW)
    (row,) = engine.ask(QUERIES[2].text)
    engine.close()
    assert row["n"] == 2


def test_4_which_rules_decide(engine: LogEngine, logged: list[dict[str, Any]]) -> None:
    """Policy, rule and action with their lines; what nothing was decided on is in no row."""
    decisions = [line["decision"] for line in logged if line["decision"]]
    wanted = Counter((decision["policy"], decision["rule"], decision["action"]) for decision in decisions)
    assert {(row["policy"], row["rule"], row["action"]): row["n"] for row in ask(engine, 4)} == wanted
    assert {"nudity", "gore", "spam", "flags", "(otherwise)", "(failures)"} <= {rule for _, rule, _ in wanted}


def test_5_what_shadow_rules_would_do(engine: LogEngine, logged: list[dict[str, Any]]) -> None:
    """Each shadow rule by itself, also where several match one picture, and what is done meanwhile."""
    wanted = Counter(
        (match["rule"], match["action"], line["decision"]["action"])
        for line in logged
        for match in (line["decision"] or {}).get("shadow", ())
    )
    assert {(row["rule"], row["would"], row["in_force"]): row["n"] for row in ask(engine, 5)} == wanted
    assert set(wanted) == {
        ("strict-spam", "quarantine", "tag"),
        ("strict-flags", "delete", "tag"),
        ("strict-flags", "delete", "none"),
    }


def test_6_how_long_it_takes(engine: LogEngine, logged: list[dict[str, Any]]) -> None:
    """Half of the lines are below the first number, nearly all below the last."""
    durations = sorted(line["outcome"]["duration_ms"] for line in logged)
    (row,) = ask(engine, 6)
    assert row["n"] == len(durations)
    assert durations[0] <= row["p50"] <= row["p95"] <= row["p99"] <= durations[-1]
    assert abs(sum(duration <= row["p50"] for duration in durations) / len(durations) - 0.5) < 0.1


def test_7_what_the_service_cost(engine: LogEngine, logged: list[dict[str, Any]]) -> None:
    """A row a day, its calls and dollars; calls that were perhaps paid beside them."""
    rows = ask(engine, 7)
    assert [row["day"] for row in rows] == sorted({line["time"][:10] for line in logged})
    calls = [line["outcome"]["calls"] for line in logged]
    assert sum(row["calls"] for row in rows) == sum(call["billed"] for call in calls) > MANY
    assert sum(row["perhaps"] for row in rows) == sum(call["maybe_billed"] for call in calls)
    assert sum(row["usd"] for row in rows) == pytest.approx(sum(line["outcome"]["cost_usd"] for line in logged))


def test_8_whether_we_are_throttled(engine: LogEngine, logged: list[dict[str, Any]]) -> None:
    """A row a minute; calls beyond one a delivery are those that failed."""
    rows = ask(engine, 8)
    assert [row["minute"] for row in rows] == sorted({line["time"][:16] for line in logged})
    attempts = [line["outcome"]["attempts"] for line in logged]
    assert sum(row["calls"] for row in rows) == sum(attempts)
    assert sum(row["deliveries"] for row in rows) == sum(count > 0 for count in attempts) < sum(attempts)


def test_9_what_a_policy_quarantined(engine: LogEngine, logged: list[dict[str, Any]]) -> None:
    """Each upload of that policy that was held, more than a hundred, with the place to restore it from."""
    held = [line for line in logged if line["outcome"]["status"] == "quarantined"]
    rows = ask(engine, 9, policy=held[0]["decision"]["policy"])
    wanted = [(line["upload"]["key"], line["outcome"]["location"]) for line in held]
    assert sorted((row["key"], row["location"]) for row in rows) == sorted(wanted)
    assert len(rows) == MANY
    assert ask(engine, 9) == []


def test_10_what_nobody_has_looked_at(engine: LogEngine) -> None:
    """Uploads that are unverified by their last line, more than a hundred; what was judged since is not among them."""
    rows = ask(engine, 10)
    wanted = [(f"空/{number}'s.png", "unsupported") for number in range(MANY)] + [("out/a.png", "unavailable")]
    assert sorted((row["key"], row["failure"]) for row in rows) == sorted(wanted)


def test_lines_fit_into_their_column(lines: list[str]) -> None:
    """The longest would be cut by the service's default, and is not by our index."""
    longest = max(len(line.encode()) for line in lines)
    assert 2048 < longest < LONGEST_TEXT_BYTES


def test_a_line_that_is_cut_spoils_no_answer(lines: list[str]) -> None:
    """One longer than the column, as of an upload with many links under its key, is counted; so is an odd one."""
    long = json.loads(next(text for text in lines if "strict-spam" in text))
    long["outcome"]["links"] = ["x" * 100] * 200
    odd = {**long, "decision": {**long["decision"], "shadow": "no list"}, "outcome": {"status": "flagged"}}
    engine = LogEngine([json.dumps(long), json.dumps(odd)], now=NOW)
    answers = {number: engine.ask(query.text) for number, query in enumerate(QUERIES, start=1)}
    engine.close()
    assert answers[1] == [{"status": "flagged", "n": 2}]
    assert answers[4][0]["rule"] == "spam"
    assert answers[5] == []  # the one query that reads the whole line


def test_no_answer_depends_on_a_default(engine: LogEngine) -> None:
    """Every query has its own limit, unless its rows are the statuses or one: the service stops at a hundred."""
    without = [number for number, query in enumerate(QUERIES, start=1) if "limit" not in query.text]
    assert without == [1, 6]
    assert MOST_ROWS > MANY
    assert all(len(engine.ask(QUERIES[number - 1].text)) < DEFAULT_ROWS for number in without)


# The alarms.


def line(*, at: float = 0, level: str = "info", action: str | None = None, delivery: int = 1) -> tuple[float, str]:
    """A line as it was logged so many seconds ago, as far as alarms look at it."""
    outcome = {
        "status": "x",
        "action": action,
        "delivery": delivery,
        "error": "throttled" if level == "error" else None,
    }
    return NOW - at, json.dumps({"v": 1, "event": EVENT, "level": level, "time": "t", "outcome": outcome})


GOOD = line()
FAILED = line(level="error")
FAULTS: dict[str, tuple[list[tuple[float, str]], list[tuple[float, str]]]] = {  # what is heard, and what is not
    "fails-for-good": ([GOOD, line(level="error", delivery=6)], [GOOD, FAILED, line(delivery=6)]),
    "nothing-is-judged": ([], [FAILED]),
    "failures": ([FAILED] * 3 + [GOOD] * 100, [FAILED] * 2 + [GOOD] * 100),
    "sudden-severity": (
        [line(action="quarantine")] * 10 + [line(at=3600, action="pass")] * 500,
        [line(action="quarantine")] * 10 + [line(at=3600, action="delete")] * 500,
    ),
}


def sounds(alarm: Alarm, logged: list[tuple[float, str]]) -> bool:
    """Whether the document as it is applied sounds: by a row that fits its condition, or as "no data"."""
    setting = Setting("p", "l", "ap-southeast-1", "1234567890123456", "bucket-warden", 6, "night")
    document = write_documents(setting)[f"alarm-{alarm.name}.json"]
    assert isinstance(document, dict)
    (query,) = document["configuration"]["queryList"]
    (severity,) = document["configuration"]["severityConfigurations"]
    assert severity["evalCondition"]["countCondition"] == ""
    engine = LogEngine(logged, now=NOW)
    rows = engine.ask(query["query"])
    engine.close()
    print(f"\n{alarm.title}:", rows or "no row")  # noqa: T201
    if not rows or no_row_without_logs(logged):
        return bool(document["configuration"]["noDataFire"])
    return any(fits(row, severity["evalCondition"]["condition"]) for row in rows)


def no_row_without_logs(logged: list[tuple[float, str]]) -> bool:
    """Whether the service has no log to run the query on, and so perhaps no row: the vendor does not say."""
    return not logged


def fits(row: Row, condition: str) -> bool:
    """Whether a row is one to sound for; without a condition any is."""
    if not condition:
        return True
    name, comparison, number = condition.split()
    assert comparison == "=="
    return bool(row[name] == int(number))


@pytest.mark.parametrize("alarm", [alarm for alarm in alarms(6) if alarm.rule], ids=lambda alarm: alarm.name)
def test_an_alarm_sounds_on_its_fault_and_only_then(alarm: Alarm) -> None:
    """Just above its threshold, not just below, and not where all is well; with lines of the platform or without."""
    heard, silent = FAULTS[alarm.name]
    platform = [(NOW, text) for text in FOREIGN]
    for around in ([], platform):
        assert sounds(alarm, [*around, *heard])
        assert not sounds(alarm, [*around, *silent])
        assert not sounds(alarm, [*around, GOOD])


def test_an_outage_is_heard(lines: list[str]) -> None:
    """What the function itself logs in an outage, at the last delivery, sounds the first alarm."""
    first, *_ = alarms(MOST_DELIVERIES)
    assert first.rule is not None
    engine = LogEngine(lines, now=NOW)
    (row,) = engine.ask(first.rule.text)
    engine.close()
    assert row["failed"] == 2
