"""The three stand-ins together: a bucket whose uploads are moderated by the real function, on this machine alone."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, final

from handler.adapters.policy_file import load_policy
from handler.events import JUDGED_EVENTS
from handler.log import EVENT
from handler.policy.rules import Policy
from handler.settings import CALLS_A_SECOND, Settings
from scripts.localcloud.fc.api import FunctionApi
from scripts.localcloud.fc.compute import FunctionCompute, Misbehaviour
from scripts.localcloud.fc.deployed import describe_compute
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked, Eyes
from scripts.localcloud.green.fetch import OssFetch
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Identity, Observer

REGION = "ap-southeast-1"
APPLICATION = Identity("LocalApplication", "local-application-secret")
FUNCTION_ROLE = Identity("STS.LocalFunctionRole", "local-function-secret", "local-function-token")
SERVICE_ROLE = Identity("STS.LocalServiceRole", "local-service-secret", "local-service-token")
HANDLER = Path(__file__).resolve().parents[2] / "handler"


def see_no_risk(image: bytes, asked: Asked, /) -> Answer:
    """Eyes that find nothing in any image: `nonLabel`."""
    del image, asked
    return HARMLESS


def read_outcome(line: str) -> dict[str, Any] | None:
    """The outcome in a line of the function's log, or None for any other line."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and record.get("event") == EVENT else None


@final
@dataclass(kw_only=True, eq=False)
class LocalCloud:
    """OSS, Content Moderation and Function Compute on 127.0.0.1, wired as the deployment is; a context manager.

    Uploads to `bucket` invoke the function, whose code is this checkout's `handler`, or what is in `code_dir`, run by
    `python`. `policy` is the file to decide by. `role` is the function's; give it `rights` to have them enforced.
    `observer` sees the wire calls of OSS, of the service and of Function Compute's API. Without a `ledger_bucket` the
    function keeps no ledger.
    `env` overrides the function's settings. `on_log` gets every line that the function prints, in another thread.
    `port` is that of OSS, 0 takes a free one.

    `loaded` is the policy as the function reads it. `outcomes` are the documents that the function has logged so far,
    in order. `fc` tells when it is idle; `fc_api` is what an operator's
    commands ask. Raises BadPolicy, BadSettings, and OSError where the port is taken; all before
    anything runs.
    """

    # the deployment
    policy: Path
    bucket: str = "uploads"
    quarantine_bucket: str = "quarantine"
    ledger_bucket: str | None = None
    versioned: bool = False
    instances: int = 2
    max_retries: int = 3
    timeout_s: float = 60
    role: Identity = FUNCTION_ROLE
    env: Mapping[str, str] = field(default_factory=dict)
    code_dir: Path | None = None
    python: str = sys.executable
    # the account
    eyes: Eyes = see_no_risk
    qps: float = CALLS_A_SECOND
    latency_ms: float = 0
    # the machine, and how it misbehaves
    port: int = 0
    retry_delay_s: float = 0.2
    misbehaviour: Misbehaviour | None = None
    # who looks on
    observer: Observer | None = None
    on_log: Callable[[str], None] = lambda _line: None

    loaded: Policy = field(init=False)
    outcomes: list[dict[str, Any]] = field(init=False, default_factory=list)
    oss: OssServer = field(init=False)
    green: GreenServer = field(init=False)
    fc: FunctionCompute = field(init=False)
    fc_api: FunctionApi = field(init=False)

    def __post_init__(self) -> None:
        settings = self._settings()
        self.loaded = load_policy(self.policy, Settings.from_env(settings).policy_values, [self.bucket])
        with ExitStack() as stack:
            self.oss = self._make_oss()
            stack.callback(self.oss.stop)
            self._make_buckets()
            self.green = self._make_green()
            stack.callback(self.green.stop)
            endpoints = {"OSS_ENDPOINT": self.oss.endpoint, "GREEN_ENDPOINT": self.green.endpoint}
            self.fc = self._make_fc(self.code_dir or _copy_handler(stack), endpoints | settings)
            stack.callback(self.fc.stop)
            self.fc_api = FunctionApi(
                [APPLICATION], compute=self.fc, deployed=describe_compute(self.fc), observer=self.observer
            )
            stack.callback(self.fc_api.stop)
            self._stack = stack.pop_all()

    def _settings(self) -> dict[str, str]:
        """The environment of the function, but for the endpoints."""
        return {
            "POLICY": str(self.policy.resolve()),
            "QUARANTINE_BUCKET": self.quarantine_bucket,
            "LEDGER_BUCKET": self.ledger_bucket or "",
            "WATCHED_BUCKETS": self.bucket,
            "MAX_DELIVERIES": str(self.max_retries + 1),
            "GREEN_REGION": REGION,
            "GREEN_CALLS_A_SECOND": f"{self.qps:.9f}",
            **self.env,
        }

    def _make_oss(self) -> OssServer:
        return OssServer(
            [APPLICATION, self.role, SERVICE_ROLE],
            region=REGION,
            port=self.port,
            on_event=self._trigger,
            observer=self.observer,
        )

    def _make_buckets(self) -> None:
        self.oss.create_bucket(self.bucket, versioned=self.versioned)
        self.oss.create_bucket(self.quarantine_bucket)
        if self.ledger_bucket is not None:
            self.oss.create_bucket(self.ledger_bucket)

    def _make_green(self) -> GreenServer:
        return GreenServer(
            [APPLICATION, self.role],
            fetch=OssFetch(self.oss.endpoint, REGION, SERVICE_ROLE),
            eyes=self.eyes,
            qps=self.qps,
            latency_ms=self.latency_ms,
            observer=self.observer,
            services=[self.loaded.moderation.service],
            region=REGION,
        )

    def _make_fc(self, code_dir: Path, env: Mapping[str, str]) -> FunctionCompute:
        return FunctionCompute(
            code_dir,
            env=env,
            identity=self.role,
            timeout_s=self.timeout_s,
            instances=self.instances,
            max_retries=self.max_retries,
            retry_delay_s=self.retry_delay_s,
            region=REGION,
            python=self.python,
            misbehaviour=self.misbehaviour,
            on_log=self._note,
        )

    def __enter__(self) -> "LocalCloud":
        self.oss.start()
        self.green.start()
        self.fc.start()
        self.fc_api.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End everything and forget every object: the function first, which may be in the middle of a call."""
        self._stack.close()

    def describe(self) -> dict[str, object]:
        """What a client needs: endpoints, keys, region, buckets; and which policy decides."""
        ledger = {} if self.ledger_bucket is None else {"ledger": self.ledger_bucket}
        return {
            "oss": {"endpoint": self.oss.endpoint, "region": REGION},
            "green": {"endpoint": self.green.endpoint},
            "fc": {"endpoint": self.fc_api.endpoint, "function": self.fc.function_name},
            "access_key_id": APPLICATION.access_key_id,
            "access_key_secret": APPLICATION.access_key_secret,
            "buckets": {"uploads": self.bucket, "quarantine": self.quarantine_bucket, **ledger},
            "policy": self.loaded.id,
        }

    def _trigger(self, record: dict[str, Any]) -> None:
        """What the OSS trigger does: the watched bucket, the events that are subscribed to, one record a call."""
        if record["oss"]["bucket"]["name"] == self.bucket and record["eventName"] in JUDGED_EVENTS:
            self.fc.invoke_async(json.dumps({"events": [record]}, ensure_ascii=False).encode())

    def _note(self, line: str) -> None:
        if outcome := read_outcome(line):
            self.outcomes.append(outcome)
        self.on_log(line)


def _copy_handler(stack: ExitStack) -> Path:
    """A code directory with the handler and nothing else, so that nothing undeployed can be imported."""
    code_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bucket-warden-code-")))
    shutil.copytree(HANDLER, code_dir / HANDLER.name, ignore=shutil.ignore_patterns("__pycache__"))
    return code_dir
