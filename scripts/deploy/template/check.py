"""What a template must not say beyond its shape: mistakes that deploy well and then never fire, loop or lose events."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, UnsetType

from handler.errors import BadSettings
from handler.policy.tree import Path, Remark
from handler.settings import MOST_DELIVERIES, Settings
from scripts.deploy.template.bus import EVERY_BUCKET
from scripts.deploy.template.names import BUCKET_RULE, FUNCTION_NAME, NAME_RULE, QUEUE, ROLE, is_bucket, is_unknown
from scripts.deploy.template.network import check_network
from scripts.deploy.template.reader import TemplateReader
from scripts.deploy.template.shape import AsyncShape, FunctionShape, TemplateShape
from scripts.deploy.template.sizes import check_sizes
from scripts.deploy.template.triggers import buckets_of, check_triggers
from scripts.deploy.template.variables import check_region

# "Manage a project" and "Manage a logstore" of the Log Service's documentation.
_LOG_NAMES = {
    "project": (re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"), "3 to 63 of a-z, 0-9 and -"),
    "logstore": (re.compile(r"[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]"), "2 to 63 of a-z, 0-9, - and _"),
}
_GLUED = (
    'an entry has to begin at each line: write "None"; DefaultRegex, which `auto` stands for, begins one only at a '
    "date, and glues our lines, JSON, together, so that no query reads them"
)
_MADE_LINE_BY_LINE = "auto|logBeginRule=None"
_ACCOUNT_OF = re.compile(r"acs:\w+:[^:]*:([0-9]{16}):.*", re.DOTALL)
_MOST_ENV_BYTES = 4096
_SLIP = re.compile(r"unknown setting; did you mean (\w+)\?")
_DELIVERIES = frozenset(map(str, range(1, MOST_DELIVERIES + 1)))
_KEYS = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
_A_QUEUE = "acs:mns:REGION:ACCOUNT:/queues/NAME/messages"


def find_mistakes(shape: TemplateShape, reader: TemplateReader) -> Iterator[Remark]:
    """Find them all. `reader` knows which places are in the file, right or wrong, and which are not known here."""
    for name, resource in (shape.resources or {}).items():  # UNSET where it does not fit
        path: Path = ("resources", name)
        if isinstance(resource, UnsetType):
            continue
        if isinstance(resource.props, UnsetType):
            yield from _missing(reader, path, "props", "the properties of the function")
        else:
            yield from _check_function(resource.props, (*path, "props"), reader)


def _check_function(props: FunctionShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    if not is_unknown(props.region):
        yield from check_region(props.region, (*path, "region"))
    if isinstance(props.functionName, str) and not FUNCTION_NAME.fullmatch(props.functionName):
        yield _error((*path, "functionName"), f"{props.functionName!r} is no name of a function; {NAME_RULE} 64")
    yield from check_sizes(props, path)
    yield from _check_sections(props, path, reader)
    yield from _check_code(props, (*path, "code"))
    yield from _check_pattern(props.role, ROLE, (*path, "role"), "acs:ram::ACCOUNT:role/NAME")
    yield from _check_env(props, (*path, "environmentVariables"), reader)
    yield from check_network(props, path, reader)
    yield from _check_log(props, (*path, "logConfig"), reader)
    if not isinstance(props.asyncInvokeConfig, UnsetType):
        yield from _check_async(props, props.asyncInvokeConfig, (*path, "asyncInvokeConfig"), reader)
    yield from check_triggers(props, (*path, "triggers"), reader)
    yield from _check_accounts(props, path)


def _check_sections(props: FunctionShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    sections = {
        "instanceLifecycleConfig": "without its initializer a mistake in the settings shows only at the first upload",
        "asyncInvokeConfig": "retries, and where events go that failed for good",
        "logConfig": "without a log nobody knows what became of an image; name project, logstore, logBeginRule",
        "concurrencyConfig": "without reservedConcurrency a burst calls the service far beyond the account's limit",
    }
    for name, why in sections.items():
        if isinstance(getattr(props, name), UnsetType):
            yield from _missing(reader, path, name, why)
    lifecycle = props.instanceLifecycleConfig
    if not isinstance(lifecycle, UnsetType) and isinstance(lifecycle.initializer, UnsetType):
        yield from _missing(reader, (*path, "instanceLifecycleConfig"), "initializer", "handler.index.initializer")


def _check_code(props: FunctionShape, path: Path) -> Iterator[Remark]:
    """`scripts/warden package` makes a folder code/, and beside it a zip file, wherever it is told to."""
    if is_unknown(props.code):
        return
    name = props.code.rstrip("/").rpartition("/")[2]
    if name not in {"code", "bucket-warden.zip"}:
        message = f"{props.code!r} is not what `scripts/warden package` makes; ./build/code is, or where --build says"
        yield Remark("warning", path, message)


def _check_async(props: FunctionShape, config: AsyncShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    yield from _check_destinations(config, path, reader)
    if config.qualifier != "LATEST" and not is_unknown(config.qualifier):
        message = f"all this holds for {config.qualifier!r} only, and triggers call LATEST; leave it out"
        yield Remark("error", (*path, "qualifier"), message)
    retries, age_s = config.maxAsyncRetryAttempts, config.maxAsyncEventAgeInSeconds
    if not isinstance(retries, int):
        return
    said = props.environmentVariables.get("MAX_DELIVERIES") if props.environmentVariables else None
    if said in _DELIVERIES and int(said) != retries + 1:  # any other number is told as such
        message = f"{retries} retries are {retries + 1} deliveries, and MAX_DELIVERIES says {said}; make them agree"
        yield _error((*path, "maxAsyncRetryAttempts"), message)
    least_s = (retries + 1) * props.timeout if isinstance(props.timeout, int) else 0
    if isinstance(age_s, int) and age_s < least_s:
        message = f"{age_s} s end before {retries + 1} deliveries of {props.timeout} s each; at least {least_s}"
        yield _error((*path, "maxAsyncEventAgeInSeconds"), message)


def _check_destinations(config: AsyncShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    why = f"an event that fails for good would be lost; name a queue, {_A_QUEUE}"
    destinations = config.destinationConfig
    if isinstance(destinations, UnsetType):
        yield from _missing(reader, path, "destinationConfig", why)
        return
    inner = (*path, "destinationConfig")
    if isinstance(destinations.onFailure, UnsetType):
        yield from _missing(reader, inner, "onFailure", why)
    else:
        place = (*inner, "onFailure", "destination")
        yield from _check_pattern(destinations.onFailure.destination, QUEUE, place, _A_QUEUE)
    if not isinstance(destinations.onSuccess, UnsetType):
        message = "the alarm of events that fail for good counts these too, and sounds for each upload; take it out"
        yield Remark("warning", (*inner, "onSuccess"), message)


def _check_env(props: FunctionShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    env = props.environmentVariables
    if isinstance(env, UnsetType):
        return
    yield from _check_names(env, path)
    size_bytes = sum(len(name.encode()) + len(value.encode()) for name, value in env.items())
    if size_bytes > _MOST_ENV_BYTES:
        yield _error(path, f"{size_bytes} bytes of environment; Function Compute takes {_MOST_ENV_BYTES}")
    for name in ("QUARANTINE_BUCKET", "LEDGER_BUCKET"):
        if env.get(name) and not is_unknown(env[name]) and not is_bucket(env[name]):
            yield _error((*path, name), f"{env[name]!r} is no name of a bucket; {BUCKET_RULE}")
    if env.get("GREEN_REGION") and not is_unknown(env["GREEN_REGION"]):
        yield from check_region(env["GREEN_REGION"], (*path, "GREEN_REGION"))
    try:
        watched = Settings.from_env(env).watched_buckets
    except BadSettings as error:
        yield from _tell_settings(str(error), env, path)
        return
    triggers = (*path[:-1], "triggers")
    if reader.has(triggers) and triggers not in reader.open:
        yield from _check_watched(props, watched, (*path, "WATCHED_BUCKETS"))


def _check_names(env: dict[str, str], path: Path) -> Iterator[Remark]:
    for name in env:
        if name.startswith("FC_"):
            yield _error((*path, name), f"{name!r}: names that begin with FC_ are reserved, and removed; rename it")
        if name in _KEYS:  # its value is shown nowhere
            yield _error((*path, name), "no key belongs in this file: the function has those of its role; take it out")


def _tell_settings(mistakes: str, env: dict[str, str], path: Path) -> Iterator[Remark]:
    """What the function itself would say of its environment when it starts; not of what is not known here."""
    told = [(name, message) for name, _, message in (mistake.partition(": ") for mistake in mistakes.splitlines())]
    meant = {found[1] for _, message in told if (found := _SLIP.fullmatch(message))}
    for name, message in told:
        if not is_unknown(env.get(name)) and not (name in meant and name not in env):
            found = _SLIP.fullmatch(message)
            yield _error((*path, name), f"unknown setting {name!r}; did you mean {found[1]!r}" if found else message)


def _check_watched(props: FunctionShape, watched: tuple[str, ...], path: Path) -> Iterator[Remark]:
    brought = [None if isinstance(trigger, UnsetType) else buckets_of(trigger) for trigger in props.triggers]
    buckets = {bucket for some in brought if some for bucket in some}
    strangers = sorted(buckets.difference(watched, {EVERY_BUCKET}))
    unseen = [bucket for bucket in watched if not (bucket in buckets or EVERY_BUCKET in buckets or is_unknown(bucket))]
    if len(strangers) == len(unseen) == 1 and None not in brought and not any(map(is_unknown, watched)):
        message = f"a trigger below is of {strangers[0]!r}, and {unseen[0]!r} is named here; make them agree"
        yield _error(path, message)
        return
    for bucket in unseen:
        if None in brought:
            message = f"whether a trigger below brings the uploads of {bucket!r} can't be read; make sure that one does"
            yield Remark("warning", path, message)
        else:
            yield _error(path, f"the bucket {bucket!r} has no trigger below, so nothing of it is judged; add one")
    if any(map(is_unknown, watched)):
        return
    for bucket in strangers:
        yield _error(path, f"{bucket!r} has a trigger and is not named here: each upload there would fail; add it")


def _check_log(props: FunctionShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    said = reader.words.get(path)
    if said == _MADE_LINE_BY_LINE:  # the newest component; what it names project and logstore is not known here
        message = f"{said!r}: `warden rights` and `warden logs` need project and logstore by name; write them out"
        yield Remark("warning", path, message)
    elif said is not None:
        yield _error((*path, "logBeginRule"), _GLUED)
    if isinstance(props.logConfig, UnsetType):
        return
    for name, (pattern, right) in _LOG_NAMES.items():
        value = getattr(props.logConfig, name)
        if not is_unknown(value) and not pattern.fullmatch(value):
            yield _error((*path, name), f"{value!r} is no name of a {name}; {right}, a letter or digit at both ends")
    if props.logConfig.logBeginRule == "DefaultRegex":
        yield _error((*path, "logBeginRule"), _GLUED)


def destination_of(props: FunctionShape) -> str | UnsetType:
    """Where the payloads of failed events go; UNSET where nothing says so."""
    config = props.asyncInvokeConfig
    destinations = UNSET if isinstance(config, UnsetType) else config.destinationConfig
    failed = UNSET if isinstance(destinations, UnsetType) else destinations.onFailure
    return UNSET if isinstance(failed, UnsetType) else failed.destination


def account_of(props: FunctionShape) -> str | UnsetType:
    """The 16 digits of the account that the template names; UNSET where it names none."""
    found = [found[1] for _, arn in _arns(props, ()) if (found := _ACCOUNT_OF.fullmatch(arn))]
    return found[0] if found else UNSET


def _check_accounts(props: FunctionShape, path: Path) -> Iterator[Remark]:
    """Whatever the template names lies in one account: the function's own, which most of it names."""
    named = [(place, found[1]) for place, arn in _arns(props, path) if (found := _ACCOUNT_OF.fullmatch(arn))]
    accounts = [account for _, account in named]
    usual = max(accounts, key=accounts.count, default="")
    for place, account in named:
        if account != usual:
            where = named[accounts.index(usual)][0][-1]
            yield _error(place, f"the account {account!r} here, and {usual!r} in {where}; they must be one")


def _arns(props: FunctionShape, path: Path) -> Iterator[tuple[Path, str]]:
    yield (*path, "role"), str(props.role)
    place = (*path, "asyncInvokeConfig", "destinationConfig", "onFailure", "destination")
    yield place, str(destination_of(props))
    for number, trigger in enumerate(props.triggers):
        if not isinstance(trigger, UnsetType):
            yield (*path, "triggers", number, "sourceArn"), str(trigger.sourceArn)
            yield (*path, "triggers", number, "invocationRole"), str(trigger.invocationRole)


def _missing(reader: TemplateReader, path: Path, name: str, why: str) -> Iterator[Remark]:
    """Say that a section is missing, unless it is there and was refused for its shape."""
    if not reader.has((*path, name)):
        yield _error((*path, name), f"{name!r} is missing: {why}")


def _check_pattern(value: Any, pattern: re.Pattern[str], path: Path, right: str) -> Iterator[Remark]:  # noqa: ANN401 - text or UNSET
    if isinstance(value, str) and not pattern.fullmatch(value):
        yield _error(path, f"{value!r} is not right; {right} (ACCOUNT has 16 digits)")


def _error(path: Path, message: str) -> Remark:
    return Remark("error", path, message)
