"""No secret leaves the function: not in its log, not on its output, and not in what it raises with all that led to it.

OSS repeats in the body of an error what it was sent, signature, token and text to sign; an SDK's exception prints that
body, and the runtime prints an exception with all its causes. Here every error of the stand-ins is as talkative.
"""

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from handler import index
from handler.adapters.green import GreenModerator
from handler.adapters.oss.connection import MeteredSession
from scripts.localcloud.green.answer import Answer
from scripts.localcloud.oss.protocol import error_answer
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import seldom
from tests.end_to_end.warden_cloud import FUNCTION, Record, WardenCloud, context, picture

BODY_SECRET = "SignatureProvided-and-StringToSign"
SECRETS = (BODY_SECRET, FUNCTION.access_key_secret, str(FUNCTION.security_token), FUNCTION.access_key_id, "ignature=")
ERRORS = {
    "wrong signature": Fault(status=403, code="SignatureDoesNotMatch"),
    "denied": Fault(status=403, code="AccessDenied"),
    "malformed": Fault(status=400, code="InvalidArgument"),
    "conflict": Fault(status=409, code="FileImmutable"),
    "a code that talks": Fault(status=403, code=f"{BODY_SECRET}?{FUNCTION.security_token}"),
    "down": Fault(status=503, code="ServiceUnavailable"),
    "lost": Fault(drop="before"),
    "rubbish": Fault(garbage=True),
}

OFTEN = {"wrong signature", "down"}


@pytest.fixture(autouse=True)
def _talkative_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each error of OSS repeats what it was sent."""

    def answer_with_secrets(*args: Any) -> Any:  # noqa: ANN401  (as the original)
        answer = error_answer(*args)
        words = f"<StringToSign>{BODY_SECRET} {FUNCTION.security_token}</StringToSign>"
        answer.body = answer.body.replace(b"</Error>", f"{words}</Error>".encode())
        return answer

    monkeypatch.setattr("scripts.localcloud.oss.server.error_answer", answer_with_secrets)


def what_leaves(run: Callable[[], object]) -> str:
    """What it raises, as the runtime prints it: with every cause and context, and each frame."""
    left: BaseException | None = None
    try:
        run()
    except BaseException as exc:  # noqa: BLE001  (whatever it is, the runtime prints it)
        left = exc
    if left is None:
        return ""
    assert (left.__cause__, left.__context__) == (None, None)
    return "".join(traceback.format_exception(left)) + repr(left)


def assert_no_secret(cloud: WardenCloud, left: str, capfd: pytest.CaptureFixture[str]) -> None:
    """None is in what was raised, logged or printed."""
    printed = capfd.readouterr()
    text = f"{left}\n{cloud.log.getvalue()}\n{printed.out}\n{printed.err}"
    assert [secret for secret in SECRETS if secret in text] == []


def handle(record: Record, timeout_s: float = 2.0) -> str:
    """Deliver an event, as the runtime does."""
    return index.handler(json.dumps({"events": [record]}).encode(), context(1, timeout_s))


def count_calls(ledgered: Ledgered, word: str) -> int:
    """The wire calls of an undisturbed delivery."""
    ledgered.cloud.watcher.calls.clear()
    ledgered.cloud.moderate("probe.png", picture(word), tags={"owner": "ann"})
    return len(ledgered.cloud.watcher.calls)


@pytest.mark.parametrize("name", [*sorted(OFTEN), *map(seldom, sorted(set(ERRORS) - OFTEN))])
@pytest.mark.parametrize("word", ["NUDE", seldom("GOOD")])
def test_an_error_at_any_call_tells_no_secret(
    ledgered: Ledgered, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, word: str
) -> None:
    """OSS or the service fails at each call of a delivery in turn, for good."""
    cloud = ledgered.cloud
    monkeypatch.setattr(index._instance["warden"], "sleep", lambda _: None)  # noqa: SLF001
    cloud.drop_clients()
    for number in range(1, count_calls(ledgered, word) + 1):
        record = cloud.upload(f"{number}.png", picture(word), tags={"owner": "ann"})
        cloud.watcher.calls.clear()
        cloud.watcher.spoil = lambda _, number=number: ERRORS[name] if len(cloud.watcher.calls) >= number else None  # type: ignore[misc]
        left = what_leaves(lambda record=record: handle(record))  # type: ignore[misc]
        cloud.watcher.spoil = lambda _: None
        assert_no_secret(cloud, left, capfd)


@pytest.mark.parametrize("name", ERRORS)
def test_an_initializer_that_fails_tells_no_secret(
    ledgered: Ledgered, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """The check of the ledger is its only call, and its error the operator's: the code is told, and no more of it."""
    cloud = ledgered.cloud
    cloud.stop()
    cloud.watcher.spoil = lambda _: ERRORS[name]
    left = what_leaves(lambda: index.initializer(context()))
    if ERRORS[name].status in {400, 403, 409}:
        assert "BadSettings" in left
        assert (ERRORS[name].code if "?" not in ERRORS[name].code else "an unreadable code") in left
    assert_no_secret(cloud, left, capfd)


TALK = f"https://x/?Signature={BODY_SECRET}".replace("ignature=", "IGNED")
ANSWERS = {
    "a page": Answer(body=f"<html>{TALK}</html>".encode()),
    "another form": Answer(body={"Code": TALK, "RequestId": "r"}),
    "data of another form": Answer(body={"Code": 200, "RequestId": "r", "Data": {"Result": TALK}}),
    "a refusal": Answer(status=403, error="NoPermission"),
    "a refusal that talks": Answer(status=403, error=TALK),
    "a failure that talks": Answer(status=500, error=f"{TALK}\n{FUNCTION.security_token}"),
    "a failure": Answer(status=500, error="InternalError"),
    "a code": Answer(code=408),
    "an id that talks": Answer(body={"Code": 408, "RequestId": TALK}),
    "an id that talks of a verdict": Answer(body={"Code": 200, "RequestId": TALK, "Data": {"Result": TALK}}),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_no_answer_of_the_service_is_repeated(
    ledgered: Ledgered, capfd: pytest.CaptureFixture[str], name: str, bucket: str
) -> None:
    """It was sent a signed link for a version; what it says of that is nobody's to read."""
    cloud = ledgered.cloud
    cloud.answers = {"GOOD": ANSWERS[name]}
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    left = what_leaves(lambda: handle(record))
    assert "InvocationFailed" in left
    assert_no_secret(cloud, left, capfd)


BUGS = {
    "a bug": RuntimeError(BODY_SECRET),
    "a bug of its own cause": ValueError(BODY_SECRET),
    "an end from outside": SystemExit(0),
    "an interrupt": KeyboardInterrupt(),
    "no memory": MemoryError(BODY_SECRET),
}


@pytest.mark.parametrize("name", BUGS)
@pytest.mark.parametrize(
    ("owner", "method"), [(MeteredSession, "do_request"), (GreenModerator, "judge")], ids=["at OSS", "at the service"]
)
def test_whatever_is_raised_in_the_middle_tells_no_secret(  # noqa: PLR0913, PLR0917  (fixtures and a case's sides)
    ledgered: Ledgered,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    method: str,
    name: str,
) -> None:
    """While an SDK's own exception is handled: neither that nor the message of a stranger's leaves."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"), bucket="versioned")

    def fail(*_: object, **__: object) -> object:
        error = BUGS[name]
        error.__context__ = ConnectionError(BODY_SECRET)
        raise error

    monkeypatch.setattr(owner, method, fail)
    left = what_leaves(lambda: handle(record))
    expected = type(BUGS[name]).__name__ if name in {"an end from outside", "an interrupt"} else "InvocationFailed"
    assert expected in left
    assert_no_secret(cloud, left, capfd)


@pytest.mark.parametrize("name", BUGS)
def test_whatever_is_raised_at_the_start_tells_no_secret(
    ledgered: Ledgered, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The initializer, and a handler that has to start by itself."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.stop()

    def fail(*_: object, **__: object) -> object:
        raise BUGS[name] from ConnectionError(BODY_SECRET)

    monkeypatch.setattr(index, "OssStore", fail)
    left = [what_leaves(lambda: index.initializer(context())), what_leaves(lambda: handle(record))]
    assert all(left)
    assert_no_secret(cloud, "".join(left), capfd)


def test_the_other_ways_out_tell_no_secret(ledgered: Ledgered, capfd: pytest.CaptureFixture[str]) -> None:
    """No event, no credentials, wrong settings: each is said, without the environment and without keys."""
    cloud = ledgered.cloud

    def deny(call: WireCall) -> Fault | None:
        del call
        return ERRORS["wrong signature"]

    cloud.watcher.spoil = deny
    left = [what_leaves(lambda: index.handler(b"{", context()))]
    nobody = context()
    nobody.credentials = None
    left.append(what_leaves(lambda: index.handler(json.dumps({"events": [{}]}).encode(), nobody)))
    cloud.stop()
    left.append(what_leaves(lambda: index.initializer(nobody)))
    assert all(left)
    assert_no_secret(cloud, "".join(left), capfd)
