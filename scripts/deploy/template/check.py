"""What a template must not say beyond its shape: mistakes that deploy well and then never fire, loop or lose events."""

import re
from collections.abc import Container, Iterator
from itertools import combinations
from typing import Any

from msgspec import UnsetType

from handler.errors import BadSettings
from handler.events import JUDGED_EVENTS, REPLICA_EVENTS
from handler.policy.tree import Path, Remark, suggest
from handler.settings import NAMES, Settings
from scripts.deploy.template.shape import AsyncShape, FunctionShape, TemplateShape, TriggerShape

PLACEHOLDER = "CHANGE-ME"
_ACCOUNT = rf"[0-9]{{16}}|{PLACEHOLDER}"
_BUCKET = rf"[a-z0-9][a-z0-9-]{{1,61}}[a-z0-9]|{PLACEHOLDER}[a-z-]*"
_ROLE = re.compile(rf"acs:ram::({_ACCOUNT}):role/[A-Za-z0-9.@_-]+")
_SOURCE = re.compile(rf"acs:oss:([a-z0-9-]+):({_ACCOUNT}):({_BUCKET})")
_QUEUE = re.compile(rf"acs:mns:([a-z0-9-]+):({_ACCOUNT}):/queues/[A-Za-z0-9-]+/messages")
# "Manage a project" and "Manage a logstore" of the Log Service's documentation.
_LOG_NAMES = {
    "project": (re.compile(rf"[a-z0-9][a-z0-9-]{{1,61}}[a-z0-9]|{PLACEHOLDER}[a-z-]*"), "3 to 63 of a-z, 0-9 and -"),
    "logstore": (re.compile(r"[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]"), "2 to 63 of a-z, 0-9, - and _"),
}
_ACTIONS = ("pre-deploy", "post-deploy")
_MOST_TRIGGERS = 10  # on a bucket
_MOST_ENV_BYTES = 4096
_MEMORY_STEP_MB = 64
# One try of the service takes 10 s at the most, and a quarter of the time is kept back for what follows.
_SHORTEST_TIMEOUT_S = 30
# What every watched bucket needs. Those of replicas are right too, and needed only where replication ends.
EVENTS = tuple(sorted(f"oss:{name}" for name in JUDGED_EVENTS - REPLICA_EVENTS))
_EVENTS_OF_REPLICAS = tuple(sorted(f"oss:{name}" for name in REPLICA_EVENTS))
# These are part of an upload that is not finished, or no upload: the function would be called and ignore them.
_OTHER_EVENTS = (
    "oss:ObjectCreated:InitiateMultipartUpload",
    "oss:ObjectCreated:UploadPart",
    "oss:ObjectCreated:UploadPartCopy",
    "oss:ObjectModified:UpdateObjectMeta",
    "oss:ObjectRemoved:AbortMultipartUpload",
    "oss:ObjectRemoved:DeleteObject",
    "oss:ObjectRemoved:DeleteObjects",
    "oss:ObjectReplication:ObjectRemoved",
)


def find_mistakes(shape: TemplateShape, places: Container[Path]) -> Iterator[Remark]:
    """Find them all. `places` holds the paths that are in the file, right or wrong."""
    resources = shape.resources or {}  # UNSET where it does not fit
    if not resources and ("resources",) in places:
        yield _error(("resources",), "nothing is deployed; name the function here")
    for name, resource in resources.items():
        path: Path = ("resources", name)
        for action in resource.actions:
            if action not in _ACTIONS:
                yield _error((*path, "actions", action), f"unknown action {action!r}{suggest(action, _ACTIONS)}")
        if isinstance(resource.props, UnsetType):
            yield from _missing(places, path, "props", "the properties of the function")
        else:
            yield from _check_function(resource.props, (*path, "props"), places)


def _check_function(props: FunctionShape, path: Path, places: Container[Path]) -> Iterator[Remark]:
    yield from _check_size(props, path)
    yield from _check_sections(props, path, places)
    yield from _check_pattern(props.role, _ROLE, (*path, "role"), "acs:ram::ACCOUNT:role/NAME")
    yield from _check_env(props, (*path, "environmentVariables"))
    yield from _check_network(props, path)
    yield from _check_log(props, (*path, "logConfig"))
    if not isinstance(props.asyncInvokeConfig, UnsetType):
        yield from _check_async(props, props.asyncInvokeConfig, (*path, "asyncInvokeConfig"), places)
    for index, trigger in enumerate(props.triggers):
        if not isinstance(trigger, UnsetType):
            yield from _check_trigger(props, trigger, (*path, "triggers", index), places)
    yield from _check_triggers_together(props, (*path, "triggers"))


def _check_size(props: FunctionShape, path: Path) -> Iterator[Remark]:
    if isinstance(props.memorySize, int) and props.memorySize % _MEMORY_STEP_MB:
        right = round(props.memorySize / _MEMORY_STEP_MB) * _MEMORY_STEP_MB
        yield _error((*path, "memorySize"), f"{props.memorySize} is no multiple of 64 MB; {right} is the nearest")
    if isinstance(props.timeout, int) and props.timeout < _SHORTEST_TIMEOUT_S:
        message = f"{props.timeout} s is too short for a verdict and what follows; at least {_SHORTEST_TIMEOUT_S} s"
        yield _error((*path, "timeout"), message)


def _check_sections(props: FunctionShape, path: Path, places: Container[Path]) -> Iterator[Remark]:
    sections = {
        "instanceLifecycleConfig": "without its initializer a mistake in the settings shows only at the first upload",
        "asyncInvokeConfig": "retries, and where events go that failed for good",
        "logConfig": "without a log nobody knows what became of an image; name project, logstore, logBeginRule",
        "concurrencyConfig": "without reservedConcurrency a burst calls the service far beyond the account's limit",
    }
    for name, why in sections.items():
        if isinstance(getattr(props, name), UnsetType):
            yield from _missing(places, path, name, why)
    lifecycle = props.instanceLifecycleConfig
    if not isinstance(lifecycle, UnsetType) and isinstance(lifecycle.initializer, UnsetType):
        yield from _missing(places, (*path, "instanceLifecycleConfig"), "initializer", "handler.index.initializer")


def _check_async(props: FunctionShape, config: AsyncShape, path: Path, places: Container[Path]) -> Iterator[Remark]:
    destinations = config.destinationConfig
    if isinstance(destinations, UnsetType) or isinstance(destinations.onFailure, UnsetType):
        inner = path if isinstance(destinations, UnsetType) else (*path, "destinationConfig")
        name = "destinationConfig" if inner == path else "onFailure"
        why = "an event that fails for good would be lost; name a queue, acs:mns:REGION:ACCOUNT:/queues/NAME/messages"
        yield from _missing(places, inner, name, why)
    else:
        place = (*path, "destinationConfig", "onFailure", "destination")
        right = "acs:mns:REGION:ACCOUNT:/queues/NAME/messages"
        yield from _check_pattern(destinations.onFailure.destination, _QUEUE, place, right)
    retries, age_s = config.maxAsyncRetryAttempts, config.maxAsyncEventAgeInSeconds
    if not isinstance(retries, int):
        return
    said = props.environmentVariables.get("MAX_DELIVERIES") if props.environmentVariables else None
    if said and said.isdigit() and int(said) != retries + 1:
        message = f"{retries} retries are {retries + 1} deliveries, and MAX_DELIVERIES says {said}; make them agree"
        yield _error((*path, "maxAsyncRetryAttempts"), message)
    least_s = (retries + 1) * props.timeout if isinstance(props.timeout, int) else 0
    if isinstance(age_s, int) and age_s < least_s:
        message = f"{age_s} s end before {retries + 1} deliveries of {props.timeout} s each; at least {least_s}"
        yield _error((*path, "maxAsyncEventAgeInSeconds"), message)


def _check_env(props: FunctionShape, path: Path) -> Iterator[Remark]:
    env = props.environmentVariables
    if isinstance(env, UnsetType):
        return
    for name in env:
        if name.startswith("FC_"):
            yield _error((*path, name), f"{name!r}: names that begin with FC_ are reserved, and removed; rename it")
        elif name not in NAMES:
            yield _error((*path, name), f"unknown setting {name!r}{suggest(name, NAMES)}")
    size_bytes = sum(len(name.encode()) + len(value.encode()) for name, value in env.items())
    if size_bytes > _MOST_ENV_BYTES:
        yield _error(path, f"{size_bytes} bytes of environment; Function Compute takes {_MOST_ENV_BYTES}")
    try:
        watched = Settings.from_env(env).watched_buckets
    except BadSettings as error:
        for mistake in str(error).splitlines():
            name, _, message = mistake.partition(": ")
            if "unknown setting" not in message:  # said above, with its place
                yield _error((*path, name), message)
        return
    yield from _check_watched(props, watched, (*path, "WATCHED_BUCKETS"))


def _check_watched(props: FunctionShape, watched: tuple[str, ...], path: Path) -> Iterator[Remark]:
    triggered = {bucket for trigger in _sound(props.triggers) if (bucket := bucket_of(trigger))}
    for bucket in watched:
        if bucket not in triggered:
            yield _error(path, f"the bucket {bucket!r} has no trigger below, so nothing of it is judged; add one")
    for bucket in sorted(triggered.difference(watched)):
        yield _error(path, f"{bucket!r} has a trigger and is not named here: each upload there would fail; add it")


def _check_network(props: FunctionShape, path: Path) -> Iterator[Remark]:
    env = props.environmentVariables or {}
    endpoint, has_vpc = env.get("GREEN_ENDPOINT", ""), not isinstance(props.vpcConfig, UnsetType)
    is_inside = "-vpc." in endpoint
    place = (*path, "environmentVariables", "GREEN_ENDPOINT")
    if is_inside and not has_vpc:
        yield _error(place, f"{endpoint!r} answers only inside a VPC; set vpcConfig, or leave GREEN_ENDPOINT out")
    if not props.internetAccess and not has_vpc:
        yield _error((*path, "internetAccess"), "without a VPC nothing can be reached; set vpcConfig, or true")
    elif not props.internetAccess and not is_inside:
        right = f"https://green-cip-vpc.{env.get('GREEN_REGION', 'REGION')}.aliyuncs.com"
        yield _error(place, f"the service's public address cannot be reached without internetAccess; set {right}")


def _check_log(props: FunctionShape, path: Path) -> Iterator[Remark]:
    if isinstance(props.logConfig, UnsetType):
        return
    for name, (pattern, right) in _LOG_NAMES.items():
        value = getattr(props.logConfig, name)
        if isinstance(value, str) and not pattern.fullmatch(value):
            yield _error((*path, name), f"{value!r} is no name of a {name}; {right}, a letter or digit at both ends")
    if props.logConfig.logBeginRule != "None":  # also where it is not said
        message = (
            'an entry has to begin at each line: write "None"; DefaultRegex, which `auto` stands for, begins one '
            "only at a date, and glues our lines, JSON, together, so that no query reads them"
        )
        yield _error((*path, "logBeginRule"), message)


def _check_trigger(
    props: FunctionShape, trigger: TriggerShape, path: Path, places: Container[Path]
) -> Iterator[Remark]:
    right = "acs:oss:REGION:ACCOUNT:BUCKET"
    yield from _check_pattern(trigger.sourceArn, _SOURCE, (*path, "sourceArn"), right)
    found = _match(_SOURCE, trigger.sourceArn)
    if found and isinstance(props.region, str) and found[1] != props.region:
        message = f"the bucket is in {found[1]!r} and the function in {props.region!r}; a trigger needs both in one"
        yield _error((*path, "sourceArn"), message)
    right = "acs:ram::ACCOUNT:role/NAME; a wrong one deploys, and never fires"
    yield from _check_pattern(trigger.invocationRole, _ROLE, (*path, "invocationRole"), right)
    config = trigger.triggerConfig
    if isinstance(config, UnsetType):
        yield from _missing(places, path, "triggerConfig", "events and filter")
        return
    for index, event in enumerate(config.events):
        if isinstance(event, str):
            yield from _check_event(event, (*path, "triggerConfig", "events", index))
    if isinstance(config.filter, UnsetType):
        yield from _missing(places, (*path, "triggerConfig"), "filter", 'key: {prefix: "", suffix: ""} for every key')
    elif isinstance(config.filter.key, UnsetType):
        yield from _missing(places, (*path, "triggerConfig", "filter"), "key", '{prefix: "", suffix: ""} for every key')


def _check_event(event: str, path: Path) -> Iterator[Remark]:
    known = (*EVENTS, *_EVENTS_OF_REPLICAS)
    if event in known:
        return
    if event.startswith("oss:ObjectReplication:") and event.endswith("*"):
        message = f"{event!r} fires for removals too; name the events: {', '.join(_EVENTS_OF_REPLICAS)}"
    elif event.endswith("*"):
        message = f"{event!r} fires for each part of a big upload too; name the events: {', '.join(EVENTS)}"
    elif event in _OTHER_EVENTS:
        message = f"{event!r} is no finished upload, and would be ignored; take it out"
    else:
        message = f"no event {event!r}{suggest(event, known)}"
    yield _error(path, message)


def _check_triggers_together(props: FunctionShape, path: Path) -> Iterator[Remark]:
    triggers = [(index, trigger) for index, trigger in enumerate(props.triggers) if isinstance(trigger, TriggerShape)]
    per_bucket: dict[str | None, int] = {}
    for index, trigger in triggers:
        bucket = bucket_of(trigger)
        per_bucket[bucket] = per_bucket.get(bucket, 0) + 1
        if bucket and per_bucket[bucket] == _MOST_TRIGGERS + 1:
            yield _error((*path, index), f"more than {_MOST_TRIGGERS} triggers on {bucket!r}; OSS takes no more")
    for (first_index, first), (index, second) in combinations(triggers, 2):
        if isinstance(first.triggerName, str) and first.triggerName == second.triggerName:
            message = f"the name {second.triggerName!r} is taken by triggers[{first_index}]; give each its own"
            yield _error((*path, index, "triggerName"), message)
        if _overlap(first, second):
            message = (
                f"it overlaps triggers[{first_index}] on {bucket_of(second)!r} in event, prefix and suffix, which OSS "
                "refuses; make the prefixes differ so that none begins with the other"
            )
            yield _error((*path, index, "triggerConfig", "filter", "key"), message)


def _overlap(first: TriggerShape, second: TriggerShape) -> bool:
    """Whether some upload would fire both."""
    one, other = key_filter(first), key_filter(second)
    if one is None or other is None or bucket_of(first) is None or bucket_of(first) != bucket_of(second):
        return False
    shared = {*first.triggerConfig.events} & {*second.triggerConfig.events}  # type: ignore[union-attr]  # key_filter saw it
    prefixes = one[0].startswith(other[0]) or other[0].startswith(one[0])
    suffixes = one[1].endswith(other[1]) or other[1].endswith(one[1])
    return bool(shared) and prefixes and suffixes


def bucket_of(trigger: TriggerShape) -> str | None:
    """The bucket that a trigger watches; None where its sourceArn is wrong."""
    found = _match(_SOURCE, trigger.sourceArn)
    return found[3] if found else None


def role_of(arn: str) -> tuple[str, str]:
    """Account and name in a role's ARN, of a template without problems. Raises ValueError for any other."""
    found = _ROLE.fullmatch(arn)
    if found is None:
        raise ValueError(f"{arn!r} is no role; acs:ram::ACCOUNT:role/NAME is one")
    return found[1], arn.rpartition("/")[2]


def key_filter(trigger: TriggerShape) -> tuple[str, str] | None:
    """Prefix and suffix of a trigger; None where they are missing or wrong."""
    config = trigger.triggerConfig
    if (
        isinstance(config, UnsetType)
        or isinstance(config.filter, UnsetType)
        or isinstance(config.filter.key, UnsetType)
    ):
        return None
    key = config.filter.key
    return (key.prefix, key.suffix) if isinstance(key.prefix, str) and isinstance(key.suffix, str) else None


def _sound(triggers: list[TriggerShape]) -> list[TriggerShape]:
    return [trigger for trigger in triggers if isinstance(trigger, TriggerShape)]


def _missing(places: Container[Path], path: Path, name: str, why: str) -> Iterator[Remark]:
    """Say that a section is missing, unless it is there and was refused for its shape."""
    if (*path, name) not in places:
        yield _error((*path, name), f"{name!r} is missing: {why}")


def _check_pattern(value: Any, pattern: re.Pattern[str], path: Path, right: str) -> Iterator[Remark]:  # noqa: ANN401 - text or UNSET
    if isinstance(value, str) and not pattern.fullmatch(value):
        yield _error(path, f"{value!r} is not right; {right} (ACCOUNT has 16 digits)")


def _match(pattern: re.Pattern[str], value: Any) -> re.Match[str] | None:  # noqa: ANN401 - text or UNSET
    return pattern.fullmatch(value) if isinstance(value, str) else None


def _error(path: Path, message: str) -> Remark:
    return Remark("error", path, message)
