"""The function's entry: `initializer(context)` and `handler(event, context)`. The composition root.

Only here the environment is read and everything wired together. Function Compute calls the initializer once for each
instance, then the handler for one invocation at a time.
"""

import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from handler.adapters.imports import put_off
from handler.adapters.policy_file import find_policy, load_policy
from handler.credentials import Credentials
from handler.errors import BadEvent, InvocationFailed, StoreUnavailable, WardenError
from handler.events import is_redriven, parse_event
from handler.log import log_outcome, set_up_log
from handler.meter import Meter
from handler.model import JSON_FORM_VERSION, Delivery, Outcome, Status, Upload
from handler.policy.rules import Policy
from handler.policy.tree import Problem
from handler.ports import Ledger, NoLedger
from handler.settings import Settings
from handler.upload.holding import is_held
from handler.upload.pipeline import moderate
from handler.upload.progress import Services

with put_off():
    from handler.adapters.green import GreenModerator
    from handler.adapters.ledger import OssLedger
    from handler.adapters.oss.copying import OssQuarantine
    from handler.adapters.oss.store import OssStore

Answer = TypeVar("Answer")
CODE = Path(__file__).resolve().parent.parent
# Kept back from all records: for what the ledger and the log are told, and for a call that is under way.
RESERVE_SHARE = 0.25
LONGEST_RESERVE_S = 10.0


@dataclass(slots=True)
class Warden:
    """One instance at work: its settings and policy for life, its clients while their credentials live."""

    settings: Settings
    policy: Policy
    log: Any
    # One line for each upload, whatever LOG_LEVEL leaves out of the rest.
    outcome_log: Any
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _services: dict[Credentials, Services] = field(default_factory=dict)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Warden":
        """Raises BadSettings and BadPolicy, each with every mistake."""
        settings = Settings.from_env(env)
        path = find_policy(CODE, settings.policy)
        log = set_up_log(settings.log_level)

        def warn(problem: Problem) -> None:
            log.warning("policy.doubtful", v=JSON_FORM_VERSION, problem=str(problem))

        policy = load_policy(path, settings.policy_values, settings.watched_buckets, warn)
        return cls(settings, policy, log, set_up_log("INFO"))

    def services(self, context: Any, env: Mapping[str, str]) -> Services:  # noqa: ANN401  (Function Compute's object)
        """The clients for the credentials of this invocation; made anew when these change (STS, every 36 hours)."""
        credentials = Credentials.find(context, env)
        if credentials not in self._services:
            self._services = {credentials: self._connect(credentials, context.region)}
        return self._services[credentials]

    def _connect(self, credentials: Credentials, region: str) -> Services:
        meter = Meter(self.clock)
        inside = f"https://oss-{region}-internal.aliyuncs.com"
        endpoint = self.settings.oss_endpoint or inside
        store = OssStore(
            credentials,
            endpoint=endpoint,
            public_endpoint=endpoint.replace("-internal.aliyuncs.com", ".aliyuncs.com"),
            region=region,
            meter=meter,
            sleep=self.sleep,
            custom_domains=self.settings.custom_domains,
        )
        moderator = GreenModerator(
            credentials,
            endpoint=self.settings.green_endpoint,
            region=self.settings.green_region,
            service=self.policy.moderation.service,
            info_types=self.policy.moderation.info_types,
            referer=self.policy.moderation.referer,
            meter=meter,
            calls_a_second=self.settings.calls_a_second,
            clock=self.clock,
            sleep=self.sleep,
        )
        ledger = self._connect_ledger(credentials, endpoint, region, meter)
        return Services(
            moderator, store, store, OssQuarantine(store), ledger, meter, self.clock, self.sleep, self.log.warning
        )

    def _connect_ledger(self, credentials: Credentials, endpoint: str, region: str, meter: Meter) -> Ledger:
        bucket = self.settings.ledger_bucket
        if bucket is None:
            return NoLedger()
        return OssLedger(credentials, bucket=bucket, endpoint=endpoint, region=region, meter=meter, sleep=self.sleep)

    def check_ledger(self, ledger: Ledger) -> None:
        """Refuse a ledger that could not keep what it is told; one that is down is no reason not to start.

        Raises BadSettings.
        """
        try:
            ledger.check()
        except StoreUnavailable as exc:
            self.log.warning("ledger.unavailable", v=JSON_FORM_VERSION, skipped="check", error=str(exc))

    def moderate(self, record: Upload | BadEvent, services: Services, delivery: Delivery, share_s: float) -> Outcome:
        """Bring one record to its Outcome within its share of the time; raises nothing."""
        if isinstance(record, BadEvent):
            return Outcome(None, Status.FAILED, delivery=delivery.number, error=str(record))
        if record.bucket not in self.settings.watched_buckets and not is_held(record, self.policy.quarantine):
            watched = ", ".join(self.settings.watched_buckets)
            error = (
                f"bucket {record.bucket!r} is not watched ({watched}); add it to WATCHED_BUCKETS or remove its trigger"
            )
            return Outcome(record, Status.FAILED, delivery=delivery.number, error=error)
        try:
            return moderate(record, self.policy, services, delivery, share_s=share_s)
        except Exception as exc:  # noqa: BLE001  (a bug in one record must not cost the others their try; it is reported)
            return Outcome(record, Status.FAILED, delivery=delivery.number, error=_describe_bug(exc))


_instance: dict[str, Warden] = {}


def initializer(context: Any) -> None:  # noqa: ANN401  (Function Compute's object)
    """Read settings and policy, and build the clients. A mistake in them fails here, with all of it said."""
    _bare(lambda: _start(context))


def handler(event: object, context: Any) -> str:  # noqa: ANN401  (Function Compute's object)
    """Moderate every upload of one event; answers with `{"v": 1, "outcomes": [document, …]}`.

    Raises InvocationFailed where a record must be delivered again or is for the operator, after all were tried.
    """
    return _bare(lambda: _handle(event, context))


def _bare(run: Callable[[], Answer]) -> Answer:
    """Run it; what it raises leaves without the exceptions that led to it.

    Function Compute logs whatever reaches it with all its causes, and an SDK's exception prints what was answered: an
    error of OSS has signatures and tokens in it. Other exceptions than our own leave as where they happened.
    """
    try:
        return run()
    except WardenError as exc:
        failure: BaseException = exc
    except Exception as exc:  # noqa: BLE001  (it is raised again, in our words)
        failure = InvocationFailed(_describe_bug(exc))
    except BaseException as exc:  # noqa: BLE001  (SIGTERM arrives as SystemExit, in the middle of anything)
        failure = exc
    failure.__cause__ = failure.__context__ = None
    raise failure.with_traceback(None)


def _start(context: Any) -> None:  # noqa: ANN401
    warden = Warden.from_env(os.environ)
    warden.check_ledger(warden.services(context, os.environ).ledger)
    _instance["warden"] = warden


def _handle(event: object, context: Any) -> str:  # noqa: ANN401
    if not _instance:
        _start(context)
    warden = _instance["warden"]
    ends_at = warden.clock() + _budget_s(context)
    try:
        records = parse_event(event)
        services = warden.services(context, os.environ)
    except WardenError as exc:
        warden.log.error("invocation.refused", v=JSON_FORM_VERSION, request_id=context.request_id, error=str(exc))  # noqa: TRY400  (a line, no traceback: its frames say nothing to the operator)
        raise
    delivery = _delivery(context, warden.settings, is_redriven=is_redriven(event))
    documents, errors = [], []
    for position, record in enumerate(records):
        share_s = (ends_at - warden.clock()) / (len(records) - position)
        outcome = warden.moderate(record, services, delivery, share_s)
        documents.append(log_outcome(warden.outcome_log, outcome, details=warden.settings.log_details))
        if outcome.error:
            errors.append(f"{_name(outcome)}: {outcome.error}")
    if errors:
        raise InvocationFailed("; ".join(errors))
    return json.dumps({"v": JSON_FORM_VERSION, "outcomes": documents})


def _delivery(context: Any, settings: Settings, *, is_redriven: bool) -> Delivery:  # noqa: ANN401
    """Which delivery this is: the context counts retries as text, and says nothing at the first.

    A 0 says no more than nothing does, so that it does not keep the ledger's clock from telling.
    """
    said = str(getattr(context, "retry_count", None) or "")
    retries = int(said) if said.isdecimal() else 0
    is_counted = retries > 0
    return Delivery(
        retries + 1,
        request_id=context.request_id,
        function=context.function.name,
        most=settings.max_deliveries,
        is_counted=is_counted,
        is_redriven=is_redriven,
    )


def _budget_s(context: Any) -> float:  # noqa: ANN401
    """Seconds of this invocation that its records share; the rest is for telling how they ended."""
    timeout_s = float(context.function.timeout)
    return timeout_s - min(timeout_s * RESERVE_SHARE, LONGEST_RESERVE_S)


def _name(outcome: Outcome) -> str:
    return "record" if outcome.upload is None else f"{outcome.upload.bucket}/{outcome.upload.key!r}"


def _describe_bug(exc: Exception) -> str:
    """Say where, never with the message: that of a stranger's exception may hold a signed URL."""
    frames = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(exc.__traceback__)]
    return f"unexpected {type(exc).__name__} at {' > '.join(frames[-4:])}; this is a fault of Bucket Warden"
