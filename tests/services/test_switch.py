"""`warden stop` and `start`, by the real SDK over real sockets."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from scripts.cli.__main__ import warden
from scripts.localcloud.fc.deployed import Restriction
from scripts.localcloud.http import Reply
from scripts.localcloud.wire import Fault, Identity
from tests.services.function_api import Api, open_api

OPERATOR = Identity(
    "LTAIoperator",
    "operator-secret",
    rights=frozenset(
        (f"fc:{action}", "functions/bucket-warden")
        for action in ("GetFunction", "DisableFunctionInvocation", "EnableFunctionInvocation")
    ),
)
STOP = ("stop", "--reason", "it deletes statues")
BY_HAND = "set its reserved concurrency to 0"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A running Function Compute, and the operator's environment."""
    with open_api(monkeypatch, OPERATOR) as api:
        yield api


def run(*arguments: str, code: int = 0) -> Result:
    """Run a command; it has to end with that code."""
    result = CliRunner().invoke(warden, arguments)
    assert result.exit_code == code, result.output
    return result


def forbid(api: Api, action: str) -> None:
    """Take one right from the operator."""
    assert OPERATOR.rights is not None
    api.server.add_identity(replace(OPERATOR, rights=OPERATOR.rights - {(action, "functions/bucket-warden")}))


def test_a_stop_disables_the_function_and_says_what_that_means(api: Api) -> None:
    """The reason is kept; what runs is left to end; each thing that a person wonders about has a line."""
    said = run(*STOP).stdout
    assert api.deployed.restriction.disable
    assert api.deployed.restriction.reason == "it deletes statues"
    assert api.compute.is_held
    assert api.compute.kills == 0
    for word in ("under way", "uploads", "events", "stays", "look", "start", "after"):
        assert f"\n  {word} " in said


def test_an_abort_ends_what_runs(api: Api) -> None:
    """Also where the function is stopped already; the first reason stays."""
    assert "was killed" in run(*STOP, "--abort").stdout
    assert api.compute.kills == 1
    run("stop", "--reason", "once more", "--abort")
    assert api.compute.kills == 2
    assert api.deployed.restriction.reason == "it deletes statues"


def test_a_second_stop_changes_nothing(api: Api) -> None:
    """It says since when, and why."""
    run(*STOP)
    first = api.deployed.restriction
    said = run("stop", "--reason", "another").stdout
    assert f"is stopped already since {first.last_modified_time}: 'it deletes statues'" in said
    assert api.deployed.restriction is first


def test_a_start_undoes_a_stop(api: Api) -> None:
    """It says what the reason was, and what is left to do."""
    run(*STOP)
    said = run("start").stdout
    assert not api.deployed.restriction.disable
    assert not api.compute.is_held
    assert "it deletes statues" in said
    assert "After a stop" in said


def test_a_start_of_what_runs_changes_nothing(api: Api) -> None:
    """Nothing is asked of Function Compute but a look."""
    assert "is not stopped" in run("start").stdout
    assert api.spoiler.operations == ["GetFunction"]


@pytest.mark.parametrize(("command", "is_stopped"), [(STOP, True), (("start",), False)])
def test_a_right_to_look_is_not_needed(api: Api, command: tuple[str, ...], is_stopped: bool) -> None:  # noqa: FBT001
    """In need, what counts is done all the same; that it could not be looked at is said."""
    api.deployed.restriction = Restriction(disable=not is_stopped)
    forbid(api, "fc:GetFunction")
    assert "could not be told: Function Compute says AccessDenied" in run(*command).stderr
    assert api.deployed.restriction.disable == is_stopped


@pytest.mark.parametrize(
    ("command", "action"),
    [(STOP, "fc:DisableFunctionInvocation"), (("start",), "fc:EnableFunctionInvocation")],
)
def test_a_right_that_is_missing_is_named(api: Api, command: tuple[str, ...], action: str) -> None:
    """With its action."""
    api.deployed.restriction = Restriction(disable=command[0] == "start")
    forbid(api, action)
    assert f"the keys need {action}" in run(*command, code=1).stderr


def test_a_function_that_is_not_there_is_told(api: Api) -> None:
    """Nothing is tried further."""
    api.server.deployed = None
    assert "there is no function 'bucket-warden'" in run(*STOP, code=1).stderr
    assert "there is no function 'bucket-warden'" in run("start", code=1).stderr


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=400, code="InvalidArgument"), "is a beta that an account may not have; it runs on"),
        (Fault(status=429, code="Throttling"), "too many calls at once"),
        (Fault(drop="after"), "whether it is stopped is not known; run the same command again"),
        (Fault(garbage=True), "whether it is stopped is not known; run the same command again"),
    ],
)
def test_a_stop_that_fails_says_what_to_do_instead(api: Api, fault: Fault, said: str) -> None:
    """The cause, what is known of the function, and the way by hand."""
    api.spoiler.fault, api.spoiler.only = fault, "DisableFunctionInvocation"
    error = run(*STOP, code=1).stderr
    assert said in error
    assert BY_HAND in error


def test_an_answer_that_was_lost_is_no_obstacle(api: Api) -> None:
    """The same command again finds it stopped."""
    api.spoiler.fault, api.spoiler.only = Fault(drop="after"), "DisableFunctionInvocation"
    run(*STOP, code=1)
    api.spoiler.fault = None
    assert "is stopped already" in run(*STOP).stdout


def test_no_network_is_told_and_the_function_runs_on(api: Api) -> None:
    """Nothing listens there."""
    api.server.stop()
    error = run(*STOP, code=1).stderr
    assert "nothing listens there" in error
    assert "it runs on" in error
    assert "nothing listens there" in run("start", code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("stop",), "--reason"),
        (("stop", "--reason", " "), "it is empty"),
        ((*STOP, "--endpoint", "fc.example.com"), "'fc.example.com' is no URL of a host"),
    ],
)
def test_a_wrong_command_line_is_refused(api: Api, arguments: tuple[str, ...], said: str) -> None:
    """Before anybody is asked."""
    assert said in run(*arguments, code=2).stderr
    assert api.spoiler.operations == []


def test_it_has_to_be_said_whose_function_it_is(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account's id has digits alone; without keys the variables are named."""
    del api
    monkeypatch.delenv("FC_ENDPOINT")
    monkeypatch.delenv("FC_ACCOUNT", raising=False)
    assert "--account ID" in run(*STOP, code=2).stderr
    assert "'me' is no id of an account" in run(*STOP, "--account", "me", code=2).stderr
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in run(*STOP, "--account", "1234567890123456", code=1).stderr


def test_a_strangers_reason_is_shown_without_its_control_characters(api: Api) -> None:
    """A terminal might obey them."""
    api.deployed.restriction = Restriction(disable=True, reason="\x1b[2J")
    assert "\x1b" not in run(*STOP).stdout


PAGES = [
    Reply(200, {"Content-Type": "application/json"}, body)
    for body in (b"", b"null", b"[]", b"{}", b"1", b'{"invocationRestriction": "x"}', b"\xff", b"[" * 10_000)
] + [Reply(status, {"Location": "http://127.0.0.1:1/"}, b"") for status in (204, 302)]


@pytest.mark.parametrize("page", PAGES)
def test_what_is_no_answer_of_function_compute_is_no_success(
    api: Api, monkeypatch: pytest.MonkeyPatch, page: Reply
) -> None:
    """Whatever stands between may answer in its place: nobody is told that the function runs, or that it is stopped."""
    monkeypatch.setattr(api.server._listener, "respond", lambda _: page)  # noqa: SLF001  (the wire itself)
    for command in (("start",), STOP):
        done = run(*command, code=1)
        assert "could not be told: no readable answer of Function Compute" in done.output
        assert "Error: " in done.output


def test_a_stop_without_time_or_reason_is_told(api: Api) -> None:
    """By whatever else than this command it was made."""
    api.deployed.restriction = Restriction(disable=True)
    assert run(*STOP).stdout == "'bucket-warden' is stopped already, nobody said why\n"
    assert "it had been stopped, nobody said why" in run("start").stdout


def test_a_reason_with_a_byte_that_is_no_text_stops_all_the_same(api: Api) -> None:
    """What a terminal of another encoding hands over."""
    run("stop", "--reason", "statues \udcfc")
    assert api.deployed.restriction.reason == "statues ?"


@given(length=st.integers(min_value=257, max_value=5_000))
def test_a_reason_too_long_is_refused_before_anybody_is_asked(length: int) -> None:
    """It says how long it may be."""
    assert "say it in 256" in run("stop", "--reason", "x" * length, code=2).output


@pytest.mark.parametrize("command", [("start",), STOP])
@pytest.mark.parametrize(
    "wrong",
    [
        *(("--endpoint", text) for text in ("http://[::1", "http://a:b", "http://h:99999", "http://a..b", "ftp://h")),
        *(("--region", text) for text in ("", "a b", "x@127.0.0.1/", "\udcff")),
        *(("--function", text) for text in ("", "a/b", "a b", "../x", "\udcff", "a" * 129)),
        *(("--account", text) for text in ("me", "1" * 21)),
    ],
)
def test_what_can_name_nothing_is_refused_before_anybody_is_asked(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], wrong: tuple[str, str]
) -> None:
    """A signed request must not go to a host that a slip of the pen names."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIoperator")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "operator-secret")
    monkeypatch.delenv("FC_ENDPOINT", raising=False)
    done = run(*command, "--account", "1234567890123456", *wrong, code=2)
    assert f"Invalid value for {wrong[0]}" in done.output


@pytest.mark.parametrize("name", ["ACCESS_KEY_ID", "SECURITY_TOKEN"])
@pytest.mark.parametrize("value", ["a\nb", "\udcff"])
def test_keys_that_no_request_can_carry_stop_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Nobody was asked, so that it is known: it runs on."""
    monkeypatch.setenv(f"ALIBABA_CLOUD_{name}", value)
    done = run(*STOP, code=1)
    assert "holds what no request can carry; it runs on" in done.output
    assert not api.deployed.restriction.disable
    assert api.spoiler.operations == []
