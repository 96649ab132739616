"""Function Compute's API over a function that is none: what it was given is noted, and nothing runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scripts.localcloud.fc.api import FunctionApi
from scripts.localcloud.fc.deployed import Deployed
from scripts.localcloud.fc.queue import Answer
from scripts.localcloud.wire import Fault, Identity, WireCall


class Recorder:
    """The Compute that only notes what it is asked to do."""

    def __init__(self) -> None:
        self.queued: list[bytes] = []
        self.is_held = False
        self.kills = 0

    def invoke(self, payload: bytes) -> Answer:
        """Answer with what was sent."""
        return Answer("1-a", None, json.dumps({"got": payload.decode()}).encode())

    def invoke_async(self, payload: bytes) -> None:
        """Queue it."""
        self.queued.append(payload)

    def hold(self) -> None:
        """Keep events back."""
        self.is_held = True

    def release(self) -> None:
        """Let go of them."""
        self.is_held = False

    def kill(self) -> int:
        """Count it."""
        self.kills += 1
        return 0


class Spoiler:
    """The Observer that notes the operations, and spoils them with a fault while there is one."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.only: str | None = None
        self.operations: list[str] = []

    def before(self, call: WireCall) -> Fault | None:
        """Spoil it."""
        self.operations.append(call.operation)
        return self.fault if self.only in {None, call.operation} else None

    def after(self, call: WireCall, status: int) -> None:
        """Nothing."""
        del call, status


class Api:
    """Function Compute's API, what runs behind it, and who spoils it."""

    def __init__(self, identity: Identity) -> None:
        self.compute, self.spoiler, self.deployed = Recorder(), Spoiler(), Deployed()
        self.server = FunctionApi([identity], compute=self.compute, deployed=self.deployed, observer=self.spoiler)


@contextmanager
def open_api(monkeypatch: pytest.MonkeyPatch, identity: Identity) -> Iterator[Api]:
    """A running API, and the environment of an operator who has that identity."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", identity.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", identity.access_key_secret)
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
    api = Api(identity)
    with api.server:
        monkeypatch.setenv("FC_ENDPOINT", api.server.endpoint)
        yield api
