"""The function: is it there, does it run what the template says, is it stopped, do its triggers fire.

GetFunction, GetAsyncInvokeConfig, GetConcurrencyConfig and ListTriggers of the vendor's API (2023-03-30), which take
rights of the same names. Whatever can't be looked at is said. No call of that API tells how many instances the region
may have: the Quota Center does.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from alibabacloud_fc20230330.models import GetAsyncInvokeConfigRequest, ListTriggersRequest
from msgspec import UnsetType

from handler.credentials import Credentials
from handler.errors import BadSettings, WardenError
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.deployment import Deployment
from scripts.deploy.template.names import is_unknown
from scripts.deploy.template.shape import FunctionShape, TriggerShape
from scripts.deploy.template.triggers import key_filter
from scripts.services.client import find_endpoint
from scripts.services.function_compute import FunctionClient, Refused, get_function, name_endpoint
from scripts.services.switch import read_restriction

ENDPOINT = "FC_ENDPOINT"
MOST_TRIGGERS = 100  # of one page; a function has a handful
AGAIN = "deploy it, or mend template.yml"


def examine_deployed(deployment: Deployment, credentials: Credentials, env: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Look at the deployed function; that it is not deployed yet is no error. Reads only."""
    try:
        endpoint = find_endpoint(env, ENDPOINT, name_endpoint(deployment.account, deployment.region))
    except BadSettings as error:
        yield Diagnosis("error", str(error))
        return
    client = FunctionClient(
        credentials,
        endpoint=endpoint,
        region=deployment.region,
        function=deployment.function_name,
    )
    wanted = deployment.template.function
    if wanted is None:
        raise AssertionError("a deployment has a function")
    name = deployment.function_name
    try:
        found = get_function(client)
    except WardenError as exc:
        is_absent = isinstance(exc, Refused) and exc.is_absence and not exc.is_unexplained
        yield _not_deployed(name) if is_absent else _unseen(f"the function {name!r}", exc)
        return
    yield from _compare_function(name, found, wanted)
    yield from _looked(f"the asynchronous settings of {name!r}", lambda: _examine_async(client, wanted))
    yield from _looked(f"the reserved concurrency of {name!r}", lambda: _examine_reserved(client, wanted))
    yield from _looked(f"the triggers of {name!r}", lambda: _examine_triggers(client, wanted))


def _not_deployed(name: str) -> Diagnosis:
    return Diagnosis("warning", f"the function {name!r} is not deployed yet: there is nothing to compare")


def _unseen(what: str, exc: WardenError) -> Diagnosis:
    return Diagnosis("warning", f"could not look at {what}: {exc}")


def _looked(what: str, examine: Callable[[], Iterator[Diagnosis]]) -> Iterator[Diagnosis]:
    try:
        yield from examine()
    except WardenError as exc:
        yield _unseen(what, exc)


def _compare_function(name: str, found: Any, wanted: FunctionShape) -> Iterator[Diagnosis]:  # noqa: ANN401
    stopped = read_restriction(found.invocation_restriction)
    if stopped:
        yield Diagnosis("warning", f"the function {name!r} is stopped{stopped}; scripts/warden start has it run again")
    log, initializer = found.log_config, getattr(found.instance_lifecycle_config, "initializer", None)
    differences = {
        "runtime": (found.runtime, wanted.runtime),
        "handler": (found.handler, wanted.handler),
        "timeout": (found.timeout, wanted.timeout),
        "memorySize": (found.memory_size, wanted.memorySize),
        "cpu": (found.cpu, wanted.cpu),
        "role": (_bare(found.role), _bare(wanted.role)),
        "initializer": (getattr(initializer, "handler", None), _initializer(wanted)),
        "logConfig.project": (getattr(log, "project", None), _log(wanted, "project")),
        "logConfig.logstore": (getattr(log, "logstore", None), _log(wanted, "logstore")),
    }
    yield from _differ(f"the function {name!r}", differences)
    yield from _compare_environment(name, _names_of(found.environment_variables), wanted.environmentVariables)


def _names_of(variables: object) -> Mapping[str, str]:
    return variables if isinstance(variables, dict) else {}


def _compare_environment(name: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Names alone: a proxy's password may be among the values."""
    names = sorted(
        key for key in {*found, *wanted} if found.get(key) != wanted.get(key) and not is_unknown(wanted.get(key))
    )
    if names:
        message = f"{', '.join(names)} in its environment: not as in the template; {AGAIN}"
        yield Diagnosis("warning", f"the function {name!r} has {message}")


def _examine_async(client: FunctionClient, wanted: FunctionShape) -> Iterator[Diagnosis]:
    request = GetAsyncInvokeConfigRequest()
    where = f"the function {client.function!r}"
    try:
        found = client.call(
            "fc:GetAsyncInvokeConfig",
            lambda sdk, name, runtime: sdk.get_async_invoke_config_with_options(name, request, {}, runtime),
        ).body
    except Refused as exc:
        if not exc.is_absence:
            raise
        yield Diagnosis("error", f"{where} has no asynchronous settings: what fails is lost after 3 retries; {AGAIN}")
        return
    config = wanted.asyncInvokeConfig
    if isinstance(config, UnsetType) or isinstance(config.destinationConfig, UnsetType):
        return  # refused by the check of the template
    failure = getattr(getattr(found.destination_config, "on_failure", None), "destination", None)
    named = config.destinationConfig.onFailure
    differences = {
        "maxAsyncRetryAttempts": (found.max_async_retry_attempts, config.maxAsyncRetryAttempts),
        "maxAsyncEventAgeInSeconds": (found.max_async_event_age_in_seconds, config.maxAsyncEventAgeInSeconds),
        "onFailure": (failure, None if isinstance(named, UnsetType) else named.destination),
    }
    yield from _differ(where, differences)


def _examine_reserved(client: FunctionClient, wanted: FunctionShape) -> Iterator[Diagnosis]:
    config = wanted.concurrencyConfig
    try:
        found = client.call(
            "fc:GetConcurrencyConfig",
            lambda sdk, name, runtime: sdk.get_concurrency_config_with_options(name, {}, runtime),
        ).body.reserved_concurrency
    except Refused as exc:
        if not exc.is_absence:
            raise
        found = None
    expected = None if isinstance(config, UnsetType) else config.reservedConcurrency
    where = f"the function {client.function!r}"
    if found == 0:
        message = f"reservedConcurrency 0, so that nothing runs; put it back to {expected}, or deploy"
        yield Diagnosis("warning", f"{where} has {message}")
    else:
        yield from _differ(where, {"reservedConcurrency": (found, expected)})


def _examine_triggers(client: FunctionClient, wanted: FunctionShape) -> Iterator[Diagnosis]:
    request = ListTriggersRequest(limit=MOST_TRIGGERS)
    listed = client.call(
        "fc:ListTriggers", lambda sdk, name, runtime: sdk.list_triggers_with_options(name, request, {}, runtime)
    ).body.triggers
    found = {trigger.trigger_name: trigger for trigger in listed or ()}
    for trigger in wanted.triggers:
        where = f"the trigger {trigger.triggerName!r}"
        if trigger.triggerName in found:
            yield from _compare_trigger(where, found[trigger.triggerName], trigger)
        else:
            yield Diagnosis("error", f"{where} is not there: no upload of its bucket is judged; {AGAIN}")
    for name in sorted(found.keys() - {trigger.triggerName for trigger in wanted.triggers}):
        yield Diagnosis("warning", f"the trigger {name!r} is not in the template; remove it, or add it there")


def _compare_trigger(where: str, found: Any, wanted: TriggerShape) -> Iterator[Diagnosis]:  # noqa: ANN401
    role, named = _bare(found.invocation_role), _bare(wanted.invocationRole)
    if role != named and named and not is_unknown(named):
        yield Diagnosis("error", f"{where} has the role {role!r}, not {named!r}: it may never fire; {AGAIN}")
    if wanted.triggerType != "oss":
        return  # what fires it is a rule of EventBridge, or of whatever it is
    events, keys = _read_config(found.trigger_config)
    config = wanted.triggerConfig
    prefix, suffix = key_filter(wanted) or ("", "")
    differences = {
        "sourceArn": (found.source_arn, wanted.sourceArn),
        "events": (events, [] if isinstance(config, UnsetType) else sorted(config.events)),
        "prefix": (keys.get("prefix") or "", prefix),
        "suffix": (keys.get("suffix") or "", suffix),
    }
    yield from _differ(where, differences)


def _read_config(text: object) -> tuple[list[str], dict[str, Any]]:
    """The events of a trigger and its filter of keys; its configuration is JSON in text (vendor's Trigger)."""
    try:
        config = json.loads(text) if isinstance(text, str) else {}
        return sorted(config["events"]), dict(config["filter"]["key"])
    except (ValueError, LookupError, TypeError):
        return [], {}


def _differ(where: str, pairs: Mapping[str, tuple[object, object]]) -> Iterator[Diagnosis]:
    """A warning for each pair that is none; the first of it is what is there, the second may be known to nobody yet."""
    for name, (found, wanted) in pairs.items():
        if found != wanted and not is_unknown(wanted):
            yield Diagnosis("warning", f"{where} has {name} {found!r}, the template {wanted!r}; {AGAIN}")


def _bare(role: object) -> str:
    """The name of a role, of whatever is left of its ARN."""
    return str(role or "").rpartition("/")[2]


def _initializer(wanted: FunctionShape) -> str | None:
    lifecycle = wanted.instanceLifecycleConfig
    hook = None if isinstance(lifecycle, UnsetType) else lifecycle.initializer
    return None if hook is None or isinstance(hook, UnsetType) else hook.handler


def _log(wanted: FunctionShape, part: str) -> str | None:
    config = wanted.logConfig
    return None if isinstance(config, UnsetType) else str(getattr(config, part))
