"""What went wrong is said alike by every command: keys, rights, bucket, region, clock, network."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from handler.adapters.oss.errors import HINTS
from scripts.cli.__main__ import warden
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Fault, Identity, WireCall
from scripts.services.client import OSS_CALLS_IT
from tests.services.function_api import Api

KEY = Identity("LTAIoperator", "operator-secret")
TEMPORARY = Identity("STS.operator", "operator-secret", "token-of-the-operator")
REASON = ("--reason", "a statue")
NAMED = ("--ledger", "ledger", "--quarantine", "quarantine")
FIND = ("find", "a.png", "--bucket", "uploads", *NAMED)
RESTORE = ("restore", "quarantine/held/uploads/0f3c-5A.jpg", *REASON, *NAMED)
both = pytest.mark.parametrize("command", [FIND, RESTORE], ids=["find", "restore"])


@pytest.fixture
def oss(monkeypatch: pytest.MonkeyPatch) -> Iterator[OssServer]:
    """Three buckets, and the keys of whoever asks."""
    with OssServer([KEY, TEMPORARY]) as server:
        for bucket in ("uploads", "quarantine", "ledger"):
            server.create_bucket(bucket)
        monkeypatch.setenv("OSS_ENDPOINT", server.endpoint)
        set_keys(monkeypatch, KEY)
        yield server


def set_keys(monkeypatch: pytest.MonkeyPatch, keys: Identity) -> None:
    """The keys of the environment."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", keys.access_key_secret)
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", keys.security_token or "")


def said(*arguments: str, code: int = 1) -> str:
    """What a command says that fails."""
    result = CliRunner().invoke(warden, arguments)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert KEY.access_key_secret not in result.output
    assert str(TEMPORARY.security_token) not in result.output
    return result.output


@pytest.mark.parametrize(
    ("option", "role"),
    [
        ("--bucket", "the uploads' bucket, named by --bucket (WATCHED_BUCKETS)"),
        ("--ledger", "the ledger's bucket, named by --ledger (LEDGER_BUCKET)"),
        ("--quarantine", "the quarantine bucket, named by --quarantine (QUARANTINE_BUCKET)"),
    ],
)
def test_a_missing_bucket_is_named_with_its_option(oss: OssServer, option: str, role: str) -> None:
    """Which of the three it is, and where its name was said."""
    del oss
    message = said(*FIND, option, "mistyped")
    assert "NoSuchBucket" in message
    assert f"'mistyped' is {role}" in message
    assert message.count("named by") == 1


@pytest.mark.parametrize(
    "command", [(*FIND, "--ledger", "uploads"), *((*c, "--ledger", "quarantine") for c in (FIND, RESTORE))]
)
def test_a_ledger_that_is_another_bucket_is_refused(oss: OssServer, command: tuple[str, ...]) -> None:
    """What is written there the function never reads, and nothing is found there."""
    del oss
    assert f"--ledger (LEDGER_BUCKET): {command[-1]!r} is --" in said(*command)


@pytest.mark.parametrize(("command", "option"), [(FIND, "--bucket"), (RESTORE, "--ledger"), (RESTORE, "--quarantine")])
def test_a_bucket_that_is_needed_is_not_empty(oss: OssServer, command: tuple[str, ...], option: str) -> None:
    """Said before anybody is asked."""
    del oss
    assert "'' is no name of a bucket" in said(*command, option, "")


@pytest.mark.parametrize("option", ["--bucket", "--ledger", "--quarantine"])
@pytest.mark.parametrize("name", ["Uploads", "up loads", "uploads/", "u", "oss://uploads", "a" * 64])
def test_what_is_no_bucket_is_said_before_anybody_is_asked(oss: OssServer, option: str, name: str) -> None:
    """With the option, the value and what would be right."""
    del oss
    message = said(*FIND, option, name)
    assert f"{option} (" in message
    assert f"{name!r} is no name of a bucket" in message


@both
def test_an_endpoint_is_a_url(oss: OssServer, command: tuple[str, ...]) -> None:
    """A host alone would be asked over plain HTTP."""
    del oss
    assert "'oss-ap-southeast-1.aliyuncs.com' is no URL" in said(
        *command, "--endpoint", "oss-ap-southeast-1.aliyuncs.com"
    )


@both
def test_keys_that_are_wrong_name_their_variable(
    oss: OssServer, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """None, unknown, another's, run out: each with what to set."""
    set_keys(monkeypatch, Identity("LTAInobody", "x"))
    assert "the key is unknown or disabled" in said(*command)
    set_keys(monkeypatch, Identity(KEY.access_key_id, "x"))
    assert "in a command ALIBABA_CLOUD_ACCESS_KEY_SECRET" in said(*command)
    set_keys(monkeypatch, TEMPORARY)
    oss.expire_identity(TEMPORARY.access_key_id)
    assert "the token has run out" in said(*command)
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    assert "no credentials in the environment; set ALIBABA_CLOUD_ACCESS_KEY_ID" in said(*command)


class Refusing:
    """Every call is refused so."""

    def __init__(self, status: int, code: str) -> None:
        self._fault = Fault(status=status, code=code)

    def before(self, call: WireCall) -> Fault | None:
        """Refuse."""
        del call
        return self._fault

    def after(self, call: WireCall, status: int) -> None:
        """Nothing."""
        del call, status


@both
@pytest.mark.parametrize(
    ("status", "code", "mend"),
    [
        (403, "AccessDenied", "your own user"),
        (403, "RequestTimeTooSkewed", "the clock of the caller is more than 15 minutes off"),
        (403, "AccessKeyIdAndSecurityTokenNotMatch", "ALIBABA_CLOUD_SECURITY_TOKEN"),
    ],
)
def test_a_refusal_says_what_mends_it(
    oss: OssServer, command: tuple[str, ...], status: int, code: str, mend: str
) -> None:
    """Rights, clock, token."""
    oss.observer = Refusing(status, code)
    assert mend in said(*command)


def free_port() -> int:
    """Where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


WAYS = {
    "dns": "the name of its host can't be resolved",
    "refused": "nothing listens there",
    "proxy": "the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names does not answer",
}


@pytest.mark.usefixtures("oss", "api")
@pytest.mark.parametrize("command", ["find", "restore", "redrive"])
@pytest.mark.parametrize("way", WAYS)
def test_the_way_is_explained_alike(file: Path, monkeypatch: pytest.MonkeyPatch, command: str, way: str) -> None:
    """No name, nobody there, a proxy that is not: the same words by OSS's SDK and by Function Compute's."""
    endpoint = f"http://127.0.0.1:{free_port()}" if way == "refused" else "http://nowhere.invalid"
    if way == "proxy":
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    commands = {"find": FIND, "restore": RESTORE, "redrive": ("redrive", str(file), "--yes")}
    assert WAYS[way] in said(*commands[command], "--endpoint", endpoint)


REFUSALS = {code: HINTS[same] for code, same in OSS_CALLS_IT.items()} | {
    "InvalidAccessKeyId": HINTS["InvalidAccessKeyId"],
    "SignatureDoesNotMatch": HINTS["SignatureDoesNotMatch"],
    "AccessDenied": "the keys need fc:InvokeFunction on the function 'bucket-warden'",
    "Forbidden.RAM": "the keys need fc:InvokeFunction on the function 'bucket-warden'",
    "ResourceThrottled": "too many calls at once",
    "Throttling.User": "too many calls at once",
}


@pytest.mark.parametrize("code", REFUSALS)
def test_redrive_says_what_mends_a_refusal(api: Api, file: Path, code: str) -> None:
    """Function Compute's code, and the words that OSS's has."""
    api.spoiler.fault = Fault(status=403, code=code)
    result = CliRunner().invoke(warden, ["redrive", str(file), "--yes"])
    assert result.exit_code == 1
    assert f"refused: Function Compute says {code} (HTTP 403): {REFUSALS[code]}" in result.stdout


def test_redrive_without_keys_or_with_no_url_says_so(
    api: Api,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As find and restore do."""
    del api
    message = said("redrive", str(file), "--yes", "--endpoint", "fc.example.com", code=2)
    assert "'fc.example.com' is no URL of a host; write https://HOST" in message
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    assert "set ALIBABA_CLOUD_ACCESS_KEY_ID" in said("redrive", str(file), "--yes")
