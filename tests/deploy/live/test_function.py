"""The deployed function held against the template, by the real SDK over real sockets."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from handler.credentials import Credentials
from scripts.deploy.deployment import load_deployment
from scripts.deploy.live.function import examine_deployed
from scripts.localcloud.fc.deployed import Deployed, Restriction
from scripts.localcloud.http import Reply
from scripts.localcloud.wire import Fault, Identity
from tests.deploy.checkout import Checkout
from tests.deploy.live.deployed_function import deploy
from tests.services.function_api import Api, open_api

ACTIONS = ("GetFunction", "GetAsyncInvokeConfig", "GetConcurrencyConfig", "ListTriggers")
OPERATOR = Identity(
    "LTAIoperator", "secret", rights=frozenset((f"fc:{action}", "functions/bucket-warden") for action in ACTIONS)
)


class World:
    """A template, and what is deployed of it."""

    def __init__(self, checkout: Checkout, api: Api) -> None:
        self.checkout, self.api = checkout, api
        self.deployed = api.server.deployed = deploy(checkout.template)

    def examine(self) -> list[str]:
        """Every finding, a line each."""
        keys = Credentials(OPERATOR.access_key_id, OPERATOR.access_key_secret)
        deployment = load_deployment(self.checkout.template, {})
        return [str(finding) for finding in examine_deployed(deployment, keys, os.environ)]


@pytest.fixture
def world(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The template, deployed."""
    with open_api(monkeypatch, OPERATOR) as api:
        yield World(checkout, api)


def test_what_is_deployed_as_it_stands_has_no_findings(world: World) -> None:
    """The order of events says nothing; each setting is asked once."""
    assert world.examine() == []
    assert world.api.spoiler.operations == list(ACTIONS)


def test_what_is_not_deployed_yet_is_no_error(world: World) -> None:
    """It is said, and nothing more is asked."""
    world.api.server.deployed = None
    (finding,) = world.examine()
    assert finding.startswith("warning: the function 'bucket-warden' is not deployed yet")


def test_a_stop_is_told_with_its_reason(world: World) -> None:
    """Since when, why, and how to undo it."""
    world.deployed.restriction = Restriction(disable=True, reason="statues", last_modified_time="2026-11-25T10:00:00Z")
    (finding,) = world.examine()
    assert "is stopped since 2026-11-25T10:00:00Z: 'statues'; scripts/warden start" in finding


def set_function(**changes: Any) -> Callable[[Deployed], None]:  # noqa: ANN401
    """Change settings of the function itself."""
    return lambda deployed: deployed.function.update(changes)


def set_trigger(**changes: Any) -> Callable[[Deployed], None]:  # noqa: ANN401
    """Change the trigger."""
    return lambda deployed: deployed.triggers[0].update(changes)


def set_async(**changes: Any) -> Callable[[Deployed], None]:  # noqa: ANN401
    """Change the asynchronous settings."""

    def change(deployed: Deployed) -> None:
        assert deployed.async_config is not None
        deployed.async_config.update(changes)

    return change


def reserve(instances: int | None) -> Callable[[Deployed], None]:
    """Reserve so many."""
    return lambda deployed: setattr(deployed, "reserved", instances)


def config(**changes: Any) -> str:  # noqa: ANN401
    """The configuration of a trigger."""
    keys = {"prefix": "", "suffix": ""}
    return json.dumps({"events": ["oss:ObjectCreated:PutObject"], "filter": {"key": keys}, **changes})


DIFFERENCES: dict[str, tuple[Callable[[Deployed], None], str]] = {
    "runtime": (set_function(runtime="python3.12"), "warning: the function 'bucket-warden' has runtime 'python3.12'"),
    "timeout": (set_function(timeout=3), "has timeout 3, the template 120"),
    "memory": (set_function(memorySize=128), "has memorySize 128, the template 256"),
    "cpu": (set_function(cpu=1), "has cpu 1, the template 0.25"),
    "handler": (set_function(handler="index.handler"), "has handler 'index.handler'"),
    "role": (set_function(role=""), "has role '', the template 'bucket-warden-function'"),
    "initializer": (set_function(instanceLifecycleConfig={}), "has initializer None"),
    "logstore": (set_function(logConfig={"project": "warden-logs", "logstore": "x"}), "has logConfig.logstore 'x'"),
    "retries": (set_async(maxAsyncRetryAttempts=3), "has maxAsyncRetryAttempts 3, the template 5"),
    "age": (set_async(maxAsyncEventAgeInSeconds=60), "has maxAsyncEventAgeInSeconds 60, the template 86400"),
    "destination": (set_async(destinationConfig={}), "has onFailure None, the template 'acs:mns:"),
    "no async": (lambda d: setattr(d, "async_config", None), "error: the function 'bucket-warden' has no asynchronous"),
    "reserved": (reserve(4), "has reservedConcurrency 4, the template 8"),
    "nothing reserved": (reserve(None), "has reservedConcurrency None, the template 8"),
    "reserved nothing": (reserve(0), "has reservedConcurrency 0, so that nothing runs; put it back to 8"),
    "no trigger": (lambda d: d.triggers.clear(), "error: the trigger 'uploads' is not there"),
    "trigger's role": (
        set_trigger(invocationRole="acs:ram::1:role/other"),
        "error: the trigger 'uploads' has the role",
    ),
    "no role": (set_trigger(invocationRole=None), "error: the trigger 'uploads' has the role ''"),
    "bucket": (
        set_trigger(sourceArn="acs:oss:ap-southeast-1:1:other"),
        "has sourceArn 'acs:oss:ap-southeast-1:1:other'",
    ),
    "another trigger": (
        lambda d: d.triggers.append({"triggerName": "web"}),
        "the trigger 'web' is not in the template",
    ),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("what", DIFFERENCES)
def test_each_difference_is_told_alone(world: World, what: str) -> None:
    """What is there, what the template says, and what to do."""
    change, said = DIFFERENCES[what]
    change(world.deployed)
    (finding,) = world.examine()
    assert said in finding


@pytest.mark.parametrize(
    "text", [config(), config(filter={"key": {"prefix": "a/", "suffix": ""}}), "no JSON", "[]", None]
)
def test_a_trigger_that_fires_for_something_else_is_told(world: World, text: str | None) -> None:
    """Its events, its prefix; also where its configuration can't be read."""
    world.deployed.triggers[0]["triggerConfig"] = text
    findings = world.examine()
    assert findings
    assert all(finding.startswith("warning: the trigger 'uploads' has ") for finding in findings)


def test_the_environment_is_told_by_its_names_alone(world: World) -> None:
    """Changed, missing and added; a value may be a password."""
    environment = world.deployed.function["environmentVariables"]
    environment.update({"MAX_DELIVERIES": "3", "HTTPS_PROXY": "http://me:pass@proxy"})
    del environment["LEDGER_BUCKET"]
    (finding,) = world.examine()
    assert "has HTTPS_PROXY, LEDGER_BUCKET, MAX_DELIVERIES in its environment" in finding
    assert "pass@" not in finding


@pytest.mark.parametrize("action", ACTIONS)
def test_a_right_that_is_missing_is_told_and_the_rest_is_looked_at(world: World, action: str) -> None:
    """Never silence; without the first nothing else can be told apart."""
    assert OPERATOR.rights is not None
    world.api.server.add_identity(
        replace(OPERATOR, rights=OPERATOR.rights - {(f"fc:{action}", "functions/bucket-warden")})
    )
    (finding,) = world.examine()
    assert finding.startswith("warning: could not look at the ")
    assert f"the keys need fc:{action}" in finding


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "fault", [Fault(status=500, code="InternalServerError"), Fault(drop="before"), Fault(garbage=True)]
)
def test_an_answer_that_does_not_come_is_told(world: World, action: str, fault: Fault) -> None:
    """Whichever it is, and however it fails."""
    world.api.spoiler.fault, world.api.spoiler.only = fault, action
    (finding,) = world.examine()
    assert finding.startswith("warning: could not look at the ")


def test_keys_that_nobody_knows_are_not_a_function_that_is_not_there(world: World) -> None:
    """Both are a 404."""
    world.api.spoiler.fault = Fault(status=404, code="InvalidAccessKeyId.NotFound")
    (finding,) = world.examine()
    assert finding.startswith("warning: could not look at the function 'bucket-warden'")
    assert "the key is unknown or disabled" in finding


def test_no_network_is_told_once(world: World) -> None:
    """Not once for each thing that can't be looked at."""
    world.api.server.stop()
    (finding,) = world.examine()
    assert "could not look at the function 'bucket-warden': no readable answer" in finding


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("body", [b"null", b"1", b'"x"'])
def test_an_answer_that_is_no_document_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, action: str, body: bytes
) -> None:
    """A warning, not a traceback."""
    server = world.api.server
    place = {"GetAsyncInvokeConfig": "async-invoke-config", "GetConcurrencyConfig": "concurrency"}.get(action, "")
    place = "triggers" if action == "ListTriggers" else place or world.deployed.name
    answer, page = server._respond, Reply(200, {"Content-Type": "application/json"}, body)  # noqa: SLF001  (the wire)
    monkeypatch.setattr(
        server._listener,  # noqa: SLF001
        "respond",
        lambda request: page if request.path.endswith(f"/{place}") else answer(request),
    )
    (finding,) = world.examine()
    assert finding.startswith("warning: could not look at the ")
    assert "but not its own" in finding


@pytest.mark.parametrize("endpoint", ["garbage", "ftp://x", "http://me:pass@127.0.0.1:1", "http://[::1"])
def test_an_endpoint_that_is_no_url_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Named by its variable, without the password in it."""
    monkeypatch.setenv("FC_ENDPOINT", endpoint)
    (finding,) = world.examine()
    assert finding.startswith("error: FC_ENDPOINT: ")
    assert "pass@" not in finding
