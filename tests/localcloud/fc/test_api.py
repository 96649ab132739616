"""Function Compute's API, asked by the vendor's SDK over real sockets, with real instances behind it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions

from scripts.localcloud.fc.api import FunctionApi
from scripts.localcloud.fc.compute import FunctionCompute
from scripts.localcloud.fc.deployed import describe_compute
from scripts.localcloud.wire import Identity

OWNER = Identity("LTAI-owner", "owner secret")
ROLE = Identity("STS.role", "role-secret", "role-token")
NAME = "bucket-warden"
RUNTIME = RuntimeOptions(autoretry=False)
IDLE_S = 60
SOURCE = """
import time
def handler(event, context):
    if event == b"fail":
        raise ValueError("no")
    print(event.decode(), flush=True)
    if event == b"hang":
        time.sleep(600)
    return b"<" + event + b">"
"""


@dataclass
class World:
    """A function, its API, a client with every right, and the lines that the function has printed."""

    compute: FunctionCompute
    api: FunctionApi
    client: Client
    lines: list[str]

    def invoke(self, body: bytes, kind: str) -> models.InvokeFunctionResponse:
        """Invoke the function, `Sync` or `Async`."""
        request, headers = models.InvokeFunctionRequest(body=body), models.InvokeFunctionHeaders()
        headers.x_fc_invocation_type = kind
        return self.client.invoke_function_with_options(NAME, request, headers, RUNTIME)

    def disable(self, **asked: Any) -> None:  # noqa: ANN401  (the SDK's own)
        """Disable it."""
        request = models.DisableFunctionInvocationRequest(**asked)
        assert self.client.disable_function_invocation_with_options(NAME, request, {}, RUNTIME).body.success

    def enable(self) -> None:
        """Enable it."""
        assert self.client.enable_function_invocation_with_options(NAME, {}, RUNTIME).body.success


def connect(api: FunctionApi, identity: Identity) -> Client:
    """A client of the vendor's SDK."""
    return Client(
        Config(
            access_key_id=identity.access_key_id,
            access_key_secret=identity.access_key_secret,
            endpoint=api.endpoint.removeprefix("http://"),
            protocol="HTTP",
        )
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A running function."""
    (tmp_path / "index.py").write_text(SOURCE)
    lines: list[str] = []
    compute = FunctionCompute(
        tmp_path,
        env={"COLOUR": "red"},
        identity=ROLE,
        handler="index.handler",
        initializer=None,
        max_retries=1,
        retry_delay_s=0,
        on_log=lines.append,
    )
    with compute, FunctionApi([OWNER], compute=compute, deployed=describe_compute(compute)) as api:
        yield World(compute, api, connect(api, OWNER), lines)


def refusal(ask: Callable[[], object]) -> tuple[int, str]:
    """How it is refused."""
    with pytest.raises(ClientException) as caught:
        ask()
    return caught.value.status_code, caught.value.code


def test_a_synchronous_call_is_answered(world: World) -> None:
    """With what the function returned; an error of the function is told in a header of a 200."""
    assert world.invoke(b"a", "Sync").body.read() == b"<a>"
    failed = world.invoke(b"fail", "Sync")
    assert failed.status_code == 200
    assert failed.headers["x-fc-error-type"] == "UnhandledInvocationError"
    assert b"errorMessage" in failed.body.read()


def test_an_asynchronous_call_is_queued(world: World) -> None:
    """202, and the event is delivered and tried again as any other."""
    assert world.invoke(b"fail", "Async").status_code == 202
    assert world.compute.wait_idle(IDLE_S)
    assert world.compute.deliveries == 2
    assert len(world.compute.dead_letters) == 1


def test_an_asynchronous_event_has_a_limit(world: World) -> None:
    """128 KB pass, a byte more doesn't."""
    assert world.invoke(b"x" * 128 * 1024, "Async").status_code == 202
    assert refusal(lambda: world.invoke(b"x" * (128 * 1024 + 1), "Async")) == (400, "EntityTooLarge")


def test_a_disabled_function_runs_nothing_and_keeps_its_events(world: World) -> None:
    """Calls are refused, events wait; enabled again, each is delivered. The reason is told."""
    world.disable(reason="it deletes statues")
    told = world.client.get_function_with_options(NAME, models.GetFunctionRequest(), {}, RUNTIME).body
    assert told.invocation_restriction.disable
    assert told.invocation_restriction.reason == "it deletes statues"
    assert refusal(lambda: world.invoke(b"a", "Sync")) == (403, "FunctionDisabled")
    world.invoke(b"b", "Async")
    world.compute.invoke_async(b"c")
    assert world.compute.deliveries == 0
    world.enable()
    assert world.compute.wait_idle(IDLE_S)
    assert sorted(line for line in world.lines if line in {"b", "c"}) == ["b", "c"]
    told = world.client.get_function_with_options(NAME, models.GetFunctionRequest(), {}, RUNTIME).body
    assert not told.invocation_restriction.disable


def test_what_is_under_way_is_ended_where_that_is_asked(world: World) -> None:
    """The hanging invocation dies, and is tried again only once the function is enabled."""
    started = threading.Semaphore(0)
    world.compute.on_log = lambda line: started.release() if line == "hang" else None
    world.invoke(b"hang", "Async")
    assert started.acquire(timeout=IDLE_S)
    world.disable(abort_ongoing_request=True)
    assert world.compute.kills == 1
    assert world.compute.deliveries == 1
    world.enable()
    assert started.acquire(timeout=IDLE_S)
    assert world.compute.deliveries == 2


def test_settings_are_told(world: World) -> None:
    """As the vendor's SDK reads them; what was never set is a 404."""
    function = world.client.get_function_with_options(NAME, models.GetFunctionRequest(), {}, RUNTIME).body
    assert (function.runtime, function.timeout, function.memory_size) == ("python3.10", 60, 512)
    assert function.environment_variables == {"COLOUR": "red"}
    request = models.GetAsyncInvokeConfigRequest()
    config = world.client.get_async_invoke_config_with_options(NAME, request, {}, RUNTIME).body
    assert config.max_async_retry_attempts == 1
    assert world.client.get_concurrency_config_with_options(NAME, {}, RUNTIME).body.reserved_concurrency == 1
    assert world.client.list_triggers_with_options(NAME, models.ListTriggersRequest(), {}, RUNTIME).body.triggers == []
    assert world.api.deployed
    world.api.deployed.async_config = world.api.deployed.reserved = None
    assert refusal(lambda: world.client.get_concurrency_config_with_options(NAME, {}, RUNTIME))[0] == 404
    ask = world.client.get_async_invoke_config_with_options
    assert refusal(lambda: ask(NAME, request, {}, RUNTIME))[0] == 404


RIGHTS = {
    "fc:InvokeFunction": lambda c: c.invoke_function_with_options(
        NAME, models.InvokeFunctionRequest(body=b"a"), models.InvokeFunctionHeaders(), RUNTIME
    ),
    "fc:DisableFunctionInvocation": lambda c: c.disable_function_invocation_with_options(
        NAME, models.DisableFunctionInvocationRequest(), {}, RUNTIME
    ),
    "fc:EnableFunctionInvocation": lambda c: c.enable_function_invocation_with_options(NAME, {}, RUNTIME),
    "fc:GetFunction": lambda c: c.get_function_with_options(NAME, models.GetFunctionRequest(), {}, RUNTIME),
    "fc:GetAsyncInvokeConfig": lambda c: c.get_async_invoke_config_with_options(
        NAME, models.GetAsyncInvokeConfigRequest(), {}, RUNTIME
    ),
    "fc:GetConcurrencyConfig": lambda c: c.get_concurrency_config_with_options(NAME, {}, RUNTIME),
    "fc:ListTriggers": lambda c: c.list_triggers_with_options(NAME, models.ListTriggersRequest(), {}, RUNTIME),
}


@pytest.mark.parametrize("action", RIGHTS)
def test_each_action_takes_its_own_right(world: World, action: str) -> None:
    """With that one right it goes through, with all others alone it is refused."""
    others = frozenset((other, "functions/*") for other in RIGHTS if other != action)
    world.api.add_identity(Identity("LTAI-one", "one", rights=frozenset({(action, f"functions/{NAME}")})))
    world.api.add_identity(Identity("LTAI-others", "others", rights=others))
    RIGHTS[action](connect(world.api, Identity("LTAI-one", "one")))
    lacking = connect(world.api, Identity("LTAI-others", "others"))
    assert refusal(lambda: RIGHTS[action](lacking)) == (403, "AccessDenied")


def test_who_is_unknown_or_signs_wrongly_is_refused(world: World) -> None:
    """Nothing is done for them."""
    stranger = connect(world.api, Identity("LTAI-nobody", "x"))
    assert refusal(lambda: RIGHTS["fc:InvokeFunction"](stranger)) == (404, "InvalidAccessKeyId.NotFound")
    forger = connect(world.api, Identity(OWNER.access_key_id, "another secret"))
    assert refusal(lambda: RIGHTS["fc:InvokeFunction"](forger)) == (400, "SignatureDoesNotMatch")
    assert world.compute.deliveries == 0


def test_what_is_not_deployed_is_not_found(world: World) -> None:
    """By another name, or before the first deployment."""
    request = models.GetFunctionRequest()
    ask = world.client.get_function_with_options
    assert refusal(lambda: ask("other", request, {}, RUNTIME)) == (404, "FunctionNotFound")
    world.api.deployed = None
    assert refusal(lambda: ask(NAME, request, {}, RUNTIME)) == (404, "FunctionNotFound")
