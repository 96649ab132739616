"""The three stand-ins together: a bucket whose uploads are moderated by the real function, on this machine alone."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, final

from handler.adapters.policy_file import load_policy
from handler.events import JUDGED_EVENTS
from handler.log import EVENT
from handler.settings import Settings
from scripts.localcloud.fc.compute import FunctionCompute, Misbehaviour
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
class LocalCloud:
    """OSS, Content Moderation and Function Compute on 127.0.0.1, wired as the deployment is; a context manager.

    Uploads to `bucket` invoke the function, whose code is this checkout's `handler`, or what is in `code_dir`, run by
    `python`. `policy` is the file to decide by. `role` is the function's; give it `rights` to have them enforced.
    `observer` sees the wire calls of OSS and of the service. Without a `ledger_bucket` the function keeps no ledger.
    `env` overrides the function's settings. `on_log` gets every line that the function prints, in another thread.
    `port` is that of OSS, 0 takes a free one.

    `outcomes` are the documents that the function has logged so far, in order. `fc` tells when it is idle.
    Raises BadPolicy, BadSettings, and OSError where the port is taken; all before anything runs.
    """

    def __init__(  # noqa: PLR0913 - every part of the cloud has its settings, all named and nearly all optional
        self,
        *,
        policy: Path,
        eyes: Eyes = see_no_risk,
        bucket: str = "uploads",
        quarantine_bucket: str = "quarantine",
        ledger_bucket: str | None = None,
        versioned: bool = False,
        qps: float = 20,
        latency_ms: float = 0,
        instances: int = 2,
        port: int = 0,
        max_retries: int = 3,
        retry_delay_s: float = 0.2,
        timeout_s: float = 60,
        role: Identity = FUNCTION_ROLE,
        observer: Observer | None = None,
        misbehaviour: Misbehaviour | None = None,
        env: Mapping[str, str] | None = None,
        code_dir: Path | None = None,
        python: str = sys.executable,
        on_log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.bucket, self.quarantine_bucket, self.ledger_bucket = bucket, quarantine_bucket, ledger_bucket
        self.outcomes: list[dict[str, Any]] = []
        self._on_log = on_log
        settings = {
            "POLICY": str(policy.resolve()),
            "QUARANTINE_BUCKET": quarantine_bucket,
            "LEDGER_BUCKET": ledger_bucket or "",
            "WATCHED_BUCKETS": bucket,
            "MAX_DELIVERIES": str(max_retries + 1),
            "GREEN_REGION": REGION,
            **(env or {}),
        }
        self.policy = load_policy(policy, Settings.from_env(settings).policy_values, [bucket])
        with ExitStack() as stack:
            self.oss = OssServer(
                [APPLICATION, role, SERVICE_ROLE], region=REGION, port=port, on_event=self._trigger, observer=observer
            )
            stack.callback(self.oss.stop)
            self.oss.create_bucket(bucket, versioned=versioned)
            self.oss.create_bucket(quarantine_bucket)
            if ledger_bucket is not None:
                self.oss.create_bucket(ledger_bucket)
            self.green = GreenServer(
                [APPLICATION, role],
                fetch=OssFetch(self.oss.endpoint, REGION, SERVICE_ROLE),
                eyes=eyes,
                qps=qps,
                latency_ms=latency_ms,
                observer=observer,
                services=[self.policy.moderation.service],
                region=REGION,
            )
            stack.callback(self.green.stop)
            endpoints = {"OSS_ENDPOINT": self.oss.endpoint, "GREEN_ENDPOINT": self.green.endpoint}
            self.fc = FunctionCompute(
                code_dir or _copy_handler(stack),
                env=endpoints | settings,
                identity=role,
                timeout_s=timeout_s,
                instances=instances,
                max_retries=max_retries,
                retry_delay_s=retry_delay_s,
                region=REGION,
                python=python,
                misbehaviour=misbehaviour,
                on_log=self._note,
            )
            stack.callback(self.fc.stop)
            self._stack = stack.pop_all()

    def __enter__(self) -> "LocalCloud":
        self.oss.start()
        self.green.start()
        self.fc.start()
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
            "access_key_id": APPLICATION.access_key_id,
            "access_key_secret": APPLICATION.access_key_secret,
            "buckets": {"uploads": self.bucket, "quarantine": self.quarantine_bucket, **ledger},
            "policy": self.policy.id,
        }

    def _trigger(self, record: dict[str, Any]) -> None:
        """What the OSS trigger does: the watched bucket, the events that are subscribed to, one record a call."""
        if record["oss"]["bucket"]["name"] == self.bucket and record["eventName"] in JUDGED_EVENTS:
            self.fc.invoke_async(json.dumps({"events": [record]}, ensure_ascii=False).encode())

    def _note(self, line: str) -> None:
        if outcome := read_outcome(line):
            self.outcomes.append(outcome)
        self._on_log(line)


def _copy_handler(stack: ExitStack) -> Path:
    """A code directory with the handler and nothing else, so that nothing undeployed can be imported."""
    code_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bucket-warden-code-")))
    shutil.copytree(HANDLER, code_dir / HANDLER.name, ignore=shutil.ignore_patterns("__pycache__"))
    return code_dir
