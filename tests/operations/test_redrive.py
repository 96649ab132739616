"""`warden redrive`: dead letters shown, and sent again by the real SDK over real sockets."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.events import is_redriven, parse_event, read_records
from scripts.cli.__main__ import warden
from scripts.localcloud.http import Reply
from scripts.localcloud.wire import Fault, Identity
from scripts.operations.dead_letters import mark
from scripts.operations.journal import open_journal
from tests.services.function_api import Api, open_api

REFUSED = Fault(status=429, code="ResourceThrottled")
OPERATOR = Identity("LTAIoperator", "operator-secret", rights=frozenset({("fc:InvokeFunction", "functions/*")}))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A running Function Compute, and the operator's environment."""
    with open_api(monkeypatch, OPERATOR) as api:
        yield api


def event(key: str = "a.png") -> str:
    """What a trigger sends."""
    record = {
        "eventName": "ObjectCreated:PutObject",
        "eventTime": "2026-11-22T10:00:00.000Z",
        "oss": {"bucket": {"name": "uploads"}, "object": {"key": key, "eTag": "AB", "size": 1}},
        "region": "ap-southeast-1",
        "responseElements": {"requestId": f"R-{key}"},
    }
    return json.dumps({"events": [record]}, ensure_ascii=False)


def marked(payload: str) -> str:
    """The same event as it is sent again."""
    return json.dumps(
        {"redriven": True, "events": json.loads(payload)["events"]}, ensure_ascii=False, separators=(",", ":")
    )


def letter(payload: str | None = None, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """What Function Compute hands to a failure destination."""
    context = {
        "requestId": "1-a",
        "functionArn": "acs:fc:ap-southeast-1:123:functions/bucket-warden",
        "condition": "UnhandledInvocationError",
        "approximateInvokeCount": 4,
    }
    return {
        "timestamp": 1_795_000_000_000,
        "requestContext": context,
        "requestPayload": event() if payload is None else payload,
        "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
        "responsePayload": json.dumps({"errorMessage": "uploads/'a.png': throttled", "errorType": "InvocationFailed"}),
        **changes,
    }


def run(*arguments: object, code: int = 0) -> Result:
    """Run the command; it has to end with that code."""
    result = CliRunner().invoke(warden, ["redrive", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two letters, the first twice."""
    path = tmp_path / "dead.jsonl"
    lines = [letter(), letter(event("ä\u202e.png")), letter()]
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    return path


def test_a_dry_run_shows_why_and_sends_nothing(api: Api, file: Path) -> None:
    """Every letter with its reason and its uploads; a hint how to send."""
    result = run(file)
    assert result.stdout.count("would send") == 2
    assert "sent before" in result.stdout
    assert "throttled" in result.stdout
    assert "uploads/a.png" in result.stdout
    assert "2026-11-18T" in result.stdout
    assert "\\u202e" in result.stdout
    assert "--yes" in result.stderr
    assert api.compute.queued == []
    assert list(file.parent.iterdir()) == [file]


def test_each_event_is_sent_once(api: Api, file: Path) -> None:
    """However often it is in the files, and however often the command is run."""
    run(file, "--yes")
    assert [body.decode() for body in api.compute.queued] == [marked(event()), marked(event("ä\u202e.png"))]
    assert run(file, "--yes").stdout.count("sent before") == 3
    assert len(api.compute.queued) == 2


def test_a_second_failure_is_sent_again(api: Api, file: Path) -> None:
    """Redriven, an event fails for good once more: that is another letter, whose payload is what was sent."""
    run(file, "--yes")
    again = letter(api.compute.queued[0].decode(), timestamp=1_795_000_900_000)
    file.write_text(json.dumps(again) + "\n" + file.read_text())
    result = run(file, "--yes")
    assert result.stdout.startswith("sent ")
    assert result.stdout.count(f"same event as {file}:1") == 2
    assert [body.decode() for body in api.compute.queued] == [
        marked(event()),
        marked(event("ä\u202e.png")),
        marked(event()),
    ]
    run(file, "--yes")
    assert len(api.compute.queued) == 3


TIME = 1_795_000_000_000


@pytest.mark.parametrize("is_on_top", [False, True])
@pytest.mark.parametrize("second", [TIME, None, "2026-11-25T12:00:00Z"])
@pytest.mark.parametrize("first", [TIME, None])
def test_each_failure_that_tells_no_later_time_is_sent_again(
    api: Api, tmp_path: Path, first: int | None, second: object, *, is_on_top: bool
) -> None:
    """Its time may be the first one's, missing, or in another form: what was not sent goes, and only once."""
    path = tmp_path / "dead.jsonl"
    letters = [letter(timestamp=first)]
    for number in (1, 2, 3):
        path.write_text("\n".join(json.dumps(each) for each in letters))
        assert run(path, "--yes").stdout.count("sent  ") == 1
        assert run(path, "--yes").stdout.count("sent  ") == 0
        assert len(api.compute.queued) == number
        context = {**letter()["requestContext"], "requestId": f"1-redriven-{number}"}
        again = letter(api.compute.queued[0].decode(), timestamp=second, requestContext=context)
        letters.insert(0 if is_on_top else number, again)


@pytest.mark.parametrize("is_on_top", [False, True])
def test_letters_of_no_time_are_sent_one_a_run(api: Api, tmp_path: Path, *, is_on_top: bool) -> None:
    """Nobody can tell which of them is the newest, so none is passed over for good; one of an older time is."""
    path = tmp_path / "dead.jsonl"
    other_request = {**letter()["requestContext"], "requestId": "1-b"}
    letters = [letter(timestamp=None), letter(timestamp=None, requestContext=other_request), letter(timestamp=TIME)]
    letters.append(letter(timestamp=TIME - 1))
    path.write_text("\n".join(json.dumps(each) for each in (letters[::-1] if is_on_top else letters)))
    for sent in (1, 2, 3, 3):
        run(path, "--yes")
        assert len(api.compute.queued) == sent


@pytest.mark.parametrize("first", [1, 2])
def test_of_two_letters_of_an_event_the_newest_is_sent(api: Api, tmp_path: Path, first: int) -> None:
    """Wherever it stands, and whether the other is of before a redrive or of a double delivery."""
    path = tmp_path / "dead.jsonl"
    path.write_text("\n".join(json.dumps(letter(timestamp=at)) for at in (first, 3 - first)))
    lines = [json.loads(line) for line in run(path, "--yes", "--json").stdout.splitlines()]
    states = {line["timestamp"]: line["state"] for line in lines}
    assert states == {2: "sent", 1: f"same event as {path}:{3 - first}"}
    assert len(api.compute.queued) == 1
    path.write_text(json.dumps(letter(timestamp=first)))
    run(path, "--yes", "--journal", tmp_path / "other")
    assert len(api.compute.queued) == 2


def test_the_same_request_that_fails_anew_is_another_letter(api: Api, tmp_path: Path) -> None:
    """Request id, time and payload together name a letter: each alone may come again."""
    path = tmp_path / "dead.jsonl"
    other_request = {**letter()["requestContext"], "requestId": "1-b"}
    others: list[dict[str, Any]] = [{}, {"timestamp": 1}, {"requestContext": other_request}]
    for number, changes in enumerate(others, start=1):
        path.write_text(json.dumps(letter(**changes)))
        run(path, "--yes")
        assert len(api.compute.queued) == number


RECORD = json.loads(event())["events"][0]
FORMS = {
    "native": json.dumps({"events": [RECORD, RECORD]}),
    "EventBridge": json.dumps({"source": "acs.oss", "data": RECORD}),
    "a list": json.dumps([{"data": RECORD}, {"data": RECORD}]),
    "redriven": json.dumps({"redriven": True, "events": [RECORD]}),
    "one record good, one of half a character": json.dumps({"events": [RECORD, {"eventName": "\ud800"}]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_sent_marked(api: Api, tmp_path: Path, form: str) -> None:
    """What the function reads of it is what it read before, in the same order, and it can tell that it is redriven."""
    path = tmp_path / "dead"
    path.write_text(json.dumps(letter(FORMS[form])))
    run(path, "--yes")
    (body,) = api.compute.queued
    assert is_redriven(body)
    assert [str(r) for r in parse_event(body)] == [str(r) for r in parse_event(as_native(FORMS[form]))]
    assert mark(body.decode()) == body.decode()


def as_native(payload: str) -> bytes:
    """The same records in the trigger's own form, whose places are named in what is said of bad ones."""
    return json.dumps({"events": [record for _, record in read_records(payload.encode())]}).encode()


def test_an_event_with_no_room_for_the_mark_is_sent_as_it_was(api: Api, tmp_path: Path) -> None:
    """Function Compute takes 128 KB, and a few bytes are no reason to leave an upload without an end."""
    path = tmp_path / "dead"
    padded = {**RECORD, "padding": ""}
    room = 128 * 1024 - len(json.dumps({"events": [padded]}, separators=(",", ":")))
    payload = json.dumps({"events": [{**padded, "padding": "x" * room}]}, separators=(",", ":"))
    assert len(payload) == 128 * 1024
    path.write_text(json.dumps(letter(payload)))
    assert "sent as it was: with its mark it would have 131088 bytes" in run(path, "--yes").stdout
    assert [body.decode() for body in api.compute.queued] == [payload]


def test_what_is_refused_is_sent_the_next_time(api: Api, file: Path) -> None:
    """Nothing is lost where Function Compute does not take it."""
    api.spoiler.fault = Fault(status=429, code="ResourceThrottled")
    assert "refused: Function Compute says ResourceThrottled (HTTP 429)" in run(file, "--yes", code=1).stdout
    api.spoiler.fault = None
    run(file, "--yes")
    assert len(api.compute.queued) == 2


def test_no_answer_is_no_success(api: Api, file: Path) -> None:
    """Where nobody listens, nothing counts as sent."""
    del api
    result = run(file, "--yes", "--endpoint", "http://127.0.0.1:1", code=1)
    assert result.stdout.count("refused: no readable answer") == 3


STRANGE = {
    "not an object": "7",
    "no JSON": "hello",
    "nothing of a letter": "{}",
    "of another function": json.dumps(
        letter(requestContext={"functionArn": "acs:fc:ap-southeast-1:123:functions/thumbnails"})
    ),
    "no payload": json.dumps(letter(requestPayload=None)),
    "half a character": json.dumps(letter("\ud800")),
    "no event": json.dumps(letter("{}")),
    "no good record": json.dumps(letter('{"events": [{}]}')),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_letter_of_ours_is_left_alone(api: Api, tmp_path: Path, kind: str) -> None:
    """It is named, with its place, and not sent; the others are."""
    path = tmp_path / "dead.jsonl"
    path.write_text(STRANGE[kind] + "\n" + json.dumps(letter()) + "\n")
    result = run(path, "--yes", code=1)
    assert f"left alone  {path}:1: " in result.stdout
    assert len(api.compute.queued) == 1


@pytest.mark.parametrize("key", ["a\u2028b.png", "a\x85b.png"])
def test_only_a_newline_ends_a_letter(api: Api, tmp_path: Path, key: str) -> None:
    """JSON lets other ends of lines stand inside a key; a file may begin with the mark of its encoding."""
    letters = [json.dumps(letter(event(name)), ensure_ascii=False) for name in (key, "b.png")]
    path = tmp_path / "letters.jsonl"
    path.write_text("\n".join(letters), "utf-8-sig")
    run(path, "--yes")
    assert [body.decode() for body in api.compute.queued] == [marked(event(key)), marked(event("b.png"))]


def test_a_file_of_another_encoding_names_no_other_key(api: Api, tmp_path: Path) -> None:
    """What is no UTF-8 is left alone: sent with a key that is guessed, the upload would be lost and noted as sent."""
    path = tmp_path / "letters.jsonl"
    path.write_text(
        "\n".join(json.dumps(letter(event(name)), ensure_ascii=False) for name in ("\xe4.png", "b.png")), "latin-1"
    )
    result = run(path, "--yes", code=1)
    assert "left alone" in result.stdout
    assert [body.decode() for body in api.compute.queued] == [marked(event("b.png"))]


@pytest.mark.parametrize(
    "form", ["one", "list", "base64", "base64 lines", "glued", "gzip", "entries", "list of entries"]
)
def test_the_forms_of_a_file(api: Api, tmp_path: Path, form: str) -> None:
    """One letter, a list of them, what a queue's message wraps in base64, or as the log service exports them."""
    del api
    wrapped = base64.b64encode(json.dumps(letter()).encode()).decode()
    entry = {"__time__": "1764000000", "message": json.dumps(letter())}
    text = {
        "one": json.dumps(letter(), indent=1),
        "list": json.dumps([letter()]),
        "base64": wrapped,
        "base64 lines": wrapped + "\n" + wrapped + "\n",
        "glued": json.dumps(letter()) + json.dumps(letter(event("b.png"))),
        "gzip": json.dumps(letter()),
        "entries": json.dumps(entry) + "\n" + json.dumps(entry) + "\n",
        "list of entries": json.dumps([entry, entry], indent=1),
    }[form]
    path = tmp_path / "dead"
    path.write_bytes(gzip.compress(text.encode()) if form == "gzip" else text.encode())
    lines = [json.loads(line) for line in run(path, "--json").stdout.splitlines()]
    assert lines[0]["state"] == "would send"
    assert lines[0]["uploads"] == ["uploads/a.png"]
    assert lines[0]["why"] == "uploads/'a.png': throttled"


def in_table(texts: list[str]) -> str:
    """As the log service's console downloads entries."""
    rows = (f'1764000000;"{text.replace(chr(34), chr(34) * 2)}"' for text in texts)
    return "\n".join(["__time__;message", *rows])


def a_line_each(wrap: Callable[[str], object], texts: list[str]) -> str:
    """One a line."""
    return "\n".join(json.dumps(wrap(text)) for text in texts)


WRAPPED: dict[str, Callable[[list[str]], str]] = {
    "content": partial(a_line_each, lambda text: {"content": text}),
    "a message that is JSON": partial(a_line_each, lambda text: {"message": json.loads(text)}),
    "an answer": lambda texts: json.dumps({"count": 2, "logs": [{"message": text} for text in texts]}, indent=1),
    "an answer, glued": lambda texts: json.dumps({"logs": [{"message": "".join(texts)}]}),
    "messages of a queue": lambda texts: "\n".join(
        json.dumps({"MessageId": "1", "MessageBody": text}) for text in texts
    ),
    "messages in base64": lambda texts: json.dumps(
        [{"MessageBody": base64.b64encode(text.encode()).decode()} for text in texts]
    ),
    "events of EventBridge": lambda texts: json.dumps(
        [{"source": "acs.fc", "data": json.loads(text)} for text in texts]
    ),
    "a table": in_table,
    "a list of lines": json.dumps,
}


@pytest.mark.parametrize("form", WRAPPED)
def test_what_is_around_a_letter_is_taken_off(api: Api, tmp_path: Path, form: str) -> None:
    """Each letter is sent once, with its own key."""
    path = tmp_path / "dead"
    keys = ['it\'s "x".png', "照片.png"]
    path.write_text(WRAPPED[form]([json.dumps(letter(event(key))) for key in keys]), "utf-16")
    run(path, "--yes")
    assert [body.decode() for body in api.compute.queued] == [marked(event(key)) for key in keys]


def test_a_file_that_cannot_be_read_is_told(api: Api, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """With its name, and nothing is sent."""

    def fail(_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("scripts.logs.files.open_lines", fail)
    assert f"{file}: cannot be read (Input/output error)" in run(file, "--yes", code=1).stderr
    assert api.compute.queued == []


@pytest.mark.parametrize("form", ["a line", "glued", "a list", "a list, between two", "gzip"])
def test_a_letter_cut_short_is_told(api: Api, tmp_path: Path, form: str) -> None:
    """What is whole is sent; the rest is named and counted, and the exit code says so."""
    whole, cut = json.dumps(letter()), json.dumps(letter(event("b.png")))[:200]
    text = {
        "a line": f"{cut}\n{whole}",
        "glued": f"{whole}{cut}",
        "a list": f"[{whole}, {cut}",
        "a list, between two": f"[{whole}, ",
        "gzip": whole,
    }[form]
    path = tmp_path / "dead"
    path.write_bytes(gzip.compress(text.encode())[:-12] if form == "gzip" else text.encode())
    result = run(path, "--yes", code=1)
    assert "it could not be read: " in result.stdout
    assert "1 of " in result.stderr
    assert len(api.compute.queued) == (form != "gzip")


def test_a_file_without_letters_is_told(api: Api, tmp_path: Path) -> None:
    """Nothing read is not "all is sent"."""
    path = tmp_path / "dead"
    path.write_text("\n")
    assert f"there is no dead letter in {path}" in run(path, "--yes", code=1).stderr
    assert api.compute.queued == []


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"timestamp": "x"}, "unknown time"),
        ({"requestContext": {"functionArn": "acs:fc:r:1:functions/bucket-warden/LATEST"}}, "0 deliveries"),
        ({"timestamp": 10**30}, "unknown time"),
        ({"responsePayload": "Function timed out"}, "UnhandledInvocationError"),
        ({"responsePayload": None}, "UnhandledInvocationError"),
    ],
)
def test_a_letter_that_says_little(api: Api, tmp_path: Path, changes: dict[str, Any], shown: str) -> None:
    """What is missing is said, and the event is sent all the same."""
    path = tmp_path / "dead"
    path.write_text(json.dumps(letter(**changes)))
    assert shown in run(path, "--yes").stdout
    assert len(api.compute.queued) == 1


def test_too_long_an_event_is_refused(api: Api, tmp_path: Path) -> None:
    """Function Compute takes 128 KB."""
    path = tmp_path / "dead"
    path.write_text(json.dumps(letter(event("x" * 140_000))))
    assert "takes 131072" in run(path, "--yes", code=1).stdout
    assert api.compute.queued == []


def test_it_has_to_be_said_where_to(api: Api, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint, or the account that makes one; and keys."""
    del api
    monkeypatch.delenv("FC_ENDPOINT")
    assert "--account" in run(file, "--yes", code=2).output
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    assert "credentials" in run(file, "--yes", "--account", "123", code=1).output


def test_a_run_beside_another_sends_nothing(api: Api, file: Path) -> None:
    """A scheduler that starts one before the last has ended."""
    with open_journal(file.with_name(file.name + ".sent")):
        assert "another redrive is at work" in run(file, "--yes", code=1).stderr
    assert api.compute.queued == []


def test_quiet_says_what_a_person_has_to_see(api: Api, file: Path) -> None:
    """A summary, and what was left alone; nothing of what went well."""
    del api
    file.write_text(file.read_text() + "hello\n")
    result = run(file, "--yes", "--quiet", code=1)
    assert result.stdout.startswith("left alone")
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr.startswith("4 letters: 1 sent before, 2 sent, 1 left alone\n")
    assert run(file, "--quiet", code=1).stdout.count("\n") == 1


def test_quiet_says_nothing_where_nothing_is_new(api: Api, file: Path) -> None:
    """A scheduler mails whatever is printed."""
    del api
    run(file, "--yes", "--quiet")
    again = run(file, "--yes", "--quiet")
    assert (again.stdout, again.stderr) == ("", "")


def test_the_summary_counts_every_letter(api: Api, file: Path) -> None:
    """Once each, by what became of it, also where all is well."""
    api.spoiler.fault = Fault(status=429, code="ResourceThrottled")
    assert "3 letters: 3 refused\n" in run(file, "--yes", code=1).stderr
    api.spoiler.fault = None
    assert run(file, "--yes").stderr == "3 letters: 1 sent before, 2 sent\n"
    assert run(file, "--yes").stderr == "3 letters: 3 sent before\n"


@given(outages=st.lists(st.lists(st.booleans(), max_size=4), max_size=4), copies=st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_runs_that_are_refused_at_any_point_send_each_event_once(outages: list[list[bool]], copies: int) -> None:
    """However many runs there are and whatever is refused in them: after one that is not, each event was sent once."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, open_api(patch, OPERATOR) as api:
        path = Path(folder) / "dead.jsonl"
        letters = [letter(event(f"{number}.png")) for number in range(4)] * copies
        path.write_text("\n".join(map(json.dumps, letters)))
        for refused in outages:
            plan = iter(refused)
            patch.setattr(api.spoiler, "before", lambda _, plan=plan: REFUSED if next(plan, False) else None)
            CliRunner().invoke(warden, ["redrive", str(path), "--yes", "--quiet"])
        patch.setattr(api.spoiler, "before", lambda _: None)
        run(path, "--yes")
        assert sorted(body.decode() for body in api.compute.queued) == [marked(event(f"{n}.png")) for n in range(4)]


@pytest.mark.parametrize("status", [200, 201, 204, 302])
def test_only_what_function_compute_accepted_is_sent(
    api: Api, file: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Another answer than 202 is of something on the way: the letter is refused, not noted, and sent next time."""
    with monkeypatch.context() as during:
        during.setattr(api.server._listener, "respond", lambda _: Reply(status, {}, b""))  # noqa: SLF001  (the wire)
        done = run(file, "--yes", code=1)
    assert f"refused: no readable answer of Function Compute (HTTP {status}" in done.output
    assert not file.with_name(file.name + ".sent").read_text()
    run(file, "--yes")
    assert api.compute.queued
