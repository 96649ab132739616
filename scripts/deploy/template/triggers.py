"""The triggers: what each brings to the function, and what several of them mean together."""

from collections.abc import Iterator
from itertools import combinations

from msgspec import UnsetType

from handler.policy.tree import Path, Remark, suggest
from scripts.deploy.template.bus import EVERY_BUCKET, buckets_of_rule, check_bus
from scripts.deploy.template.events import check_event
from scripts.deploy.template.names import NAME_RULE, ROLE, SOURCE, TRIGGER_NAME, is_unknown
from scripts.deploy.template.reader import TemplateReader
from scripts.deploy.template.shape import FunctionShape, TriggerConfigShape, TriggerShape

_MOST_TRIGGERS = 10  # native ones on a bucket ("OSS triggers" of Function Compute)
# ITriggerType of the component's schema; how each calls is in Function Compute's pages on it.
_OTHERS = ("timer", "log", "cdn_events", "tablestore")
_TYPES = ("oss", "eventbridge", "mns_topic", "http", *_OTHERS)


def check_triggers(props: FunctionShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    """Each by itself, then all together."""
    triggers = [
        (number, trigger) for number, trigger in enumerate(props.triggers) if not isinstance(trigger, UnsetType)
    ]
    for number, trigger in triggers:
        yield from _check_trigger(props, trigger, (*path, number), reader)
    yield from _check_together(triggers, path)


def bucket_of(trigger: TriggerShape) -> str | None:
    """The bucket that a native trigger watches; None where its sourceArn is wrong, and for other triggers."""
    found = SOURCE.fullmatch(trigger.sourceArn) if isinstance(trigger.sourceArn, str) else None
    return found[3] if found and trigger.triggerType == "oss" else None


def buckets_of(trigger: TriggerShape) -> frozenset[str] | None:
    """Whose uploads it brings; None where that can't be read."""
    match trigger.triggerType:
        case "oss":
            bucket = bucket_of(trigger)
            if is_unknown(bucket or trigger.sourceArn):
                return None
            return frozenset({bucket or EVERY_BUCKET})  # a wrong one is told as such
        case "eventbridge" if not isinstance(trigger.triggerConfig, UnsetType):
            return buckets_of_rule(trigger.triggerConfig)
        case kind if kind in _OTHERS or kind == "http":
            return frozenset()
        case kind if kind in _TYPES or (isinstance(kind, str) and is_unknown(kind)):
            return None
        case _:
            return frozenset({EVERY_BUCKET})  # told as no kind of trigger


def native_triggers(props: FunctionShape) -> Iterator[tuple[int, str, tuple[str, str]]]:
    """Number, bucket, and prefix with suffix, of each native trigger of which these are known."""
    for number, trigger in enumerate(props.triggers):
        if isinstance(trigger, UnsetType):
            continue
        bucket, key = bucket_of(trigger), key_filter(trigger)
        if bucket is not None and key is not None:
            yield number, bucket, key


def key_filter(trigger: TriggerShape) -> tuple[str, str] | None:
    """Prefix and suffix of a native trigger; None where they are missing or wrong, or where there are none."""
    config = trigger.triggerConfig
    if isinstance(config, UnsetType) or isinstance(config.filter, UnsetType) or trigger.triggerType != "oss":
        return None
    key = config.filter.key
    if isinstance(key, UnsetType) or is_unknown(key.prefix) or is_unknown(key.suffix):
        return None
    return key.prefix, key.suffix


def _check_trigger(props: FunctionShape, trigger: TriggerShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    kind, config = trigger.triggerType, trigger.triggerConfig
    place = (*path, "triggerType")
    if isinstance(trigger.triggerName, str) and not TRIGGER_NAME.fullmatch(trigger.triggerName):
        message = f"{trigger.triggerName!r} is no name of a trigger; {NAME_RULE} 128"
        yield Remark("error", (*path, "triggerName"), message)
    if kind == "oss":
        yield from _check_native(props, trigger, path, reader)
    elif kind == "eventbridge" and not isinstance(config, UnsetType):
        yield from check_bus(config, (*path, "triggerConfig"))
    elif kind == "http":
        message = "anybody could say anything through an HTTP trigger, and the function refuses it; take it out"
        yield Remark("error", place, message)
    elif kind == "mns_topic":
        message = "it brings uploads only if OSS tells that topic of them, which can't be seen here"
        yield Remark("warning", place, message)
    elif kind in _OTHERS:
        message = f"{kind!r} brings no uploads: each of its calls fails, and ends in the dead letters"
        yield Remark("warning", place, message)
    elif not is_unknown(kind):
        yield Remark("error", place, f"unknown trigger {kind!r}{suggest(kind, _TYPES)}")
    if isinstance(config, UnsetType) and not reader.has((*path, "triggerConfig")):
        yield Remark("error", (*path, "triggerConfig"), "'triggerConfig' is missing: what fires the trigger")
    if trigger.qualifier != "LATEST" and not is_unknown(trigger.qualifier):
        message = f"it calls {trigger.qualifier!r}, which a deployment does not change; LATEST is what is deployed"
        yield Remark("warning", (*path, "qualifier"), message)


def _check_native(props: FunctionShape, trigger: TriggerShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    source, role = trigger.sourceArn, trigger.invocationRole
    found = SOURCE.fullmatch(source) if isinstance(source, str) else None
    if source == "":
        yield Remark("error", path, "'sourceArn' is missing: the bucket, acs:oss:REGION:ACCOUNT:BUCKET")
    elif found is None and isinstance(source, str):
        message = f"{source!r} is not right; acs:oss:REGION:ACCOUNT:BUCKET (ACCOUNT has 16 digits)"
        yield Remark("error", (*path, "sourceArn"), message)
    elif found and found[1] and found[1] != props.region and not is_unknown(found[1]) and not is_unknown(props.region):
        message = f"the bucket is in {found[1]!r} and the function in {props.region!r}; a trigger needs both in one"
        yield Remark("error", (*path, "sourceArn"), message)
    if role == "":
        message = "'invocationRole' is missing: Serverless Devs then makes one that may call every function; name yours"
        yield Remark("warning", (*path, "invocationRole"), message)
    elif isinstance(role, str) and not ROLE.fullmatch(role):
        right = "acs:ram::ACCOUNT:role/NAME; a wrong one deploys, and never fires (ACCOUNT has 16 digits)"
        yield Remark("error", (*path, "invocationRole"), f"{role!r} is not right; {right}")
    if not isinstance(trigger.triggerConfig, UnsetType):
        yield from _check_config(trigger.triggerConfig, (*path, "triggerConfig"), reader)


def _check_config(config: TriggerConfigShape, path: Path, reader: TemplateReader) -> Iterator[Remark]:
    if not reader.has((*path, "events")):
        yield Remark("error", (*path, "events"), "'events' is missing: what fires the trigger")
    for number, event in enumerate(config.events):
        if isinstance(event, str):
            yield from check_event(event, (*path, "events", number))
    place = (*path, "filter")
    if isinstance(config.filter, UnsetType):
        if not reader.has(place):
            yield Remark("error", place, '\'filter\' is missing: key: {prefix: "", suffix: ""} for every key')
        return
    key = config.filter.key
    if isinstance(key, UnsetType):
        if not reader.has((*place, "key")):
            yield Remark("error", (*place, "key"), '\'key\' is missing: {prefix: "", suffix: ""} for every key')
        return
    for name, text in (("prefix", key.prefix), ("suffix", key.suffix)):
        if not is_unknown(text):
            yield from _check_affix(name, text, (*place, "key", name))


def _check_affix(name: str, text: str, path: Path) -> Iterator[Remark]:
    if name == "prefix" and text.startswith("/"):
        message = f"{text!r} begins with /, and no key does: the trigger never fires; write {text.lstrip('/')!r}"
        yield Remark("error", path, message)
    elif "*" in text or "?" in text:  # "Regular expression matching: not supported" ("OSS triggers")
        right = text.rstrip("*?") if name == "prefix" else text.lstrip("*?")
        message = f"{text!r}: a {name} has no wildcards, only keys with that very character would fire; write {right!r}"
        yield Remark("error", path, message)


def _check_together(triggers: list[tuple[int, TriggerShape]], path: Path) -> Iterator[Remark]:
    per_bucket: dict[str | None, int] = {}
    for number, trigger in triggers:
        bucket = bucket_of(trigger)
        per_bucket[bucket] = per_bucket.get(bucket, 0) + 1
        if bucket and per_bucket[bucket] == _MOST_TRIGGERS + 1:
            yield Remark(
                "error", (*path, number), f"more than {_MOST_TRIGGERS} triggers on {bucket!r}; OSS takes no more"
            )
    for (first_number, first), (number, second) in combinations(triggers, 2):
        if isinstance(first.triggerName, str) and first.triggerName == second.triggerName:
            message = f"the name {second.triggerName!r} is taken by triggers[{first_number}]; give each its own"
            yield Remark("error", (*path, number, "triggerName"), message)
        if _overlap(first, second):
            message = (
                f"it overlaps triggers[{first_number}] on {bucket_of(second)!r} in event, prefix and suffix, which OSS "
                "refuses; make the prefixes differ so that none begins with the other"
            )
            yield Remark("error", (*path, number, "triggerConfig", "filter", "key"), message)


def _overlap(first: TriggerShape, second: TriggerShape) -> bool:
    """Whether some upload would fire both ("Trigger conflict rules" of "OSS triggers")."""
    one, other = key_filter(first), key_filter(second)
    if one is None or other is None or bucket_of(first) is None or bucket_of(first) != bucket_of(second):
        return False
    prefixes = one[0].startswith(other[0]) or other[0].startswith(one[0])
    suffixes = one[1].endswith(other[1]) or other[1].endswith(one[1])
    return prefixes and suffixes and _share_events(first, second)


def _share_events(first: TriggerShape, second: TriggerShape) -> bool:
    one, other = (
        config.events if isinstance(config := trigger.triggerConfig, TriggerConfigShape) else []
        for trigger in (first, second)
    )
    return any(_same(event, another) or _same(another, event) for event in one for another in other)


def _same(event: str, pattern: str) -> bool:
    """Whether a trigger for the one fires at the other too; UNSET where an event was refused."""
    if not isinstance(event, str) or not isinstance(pattern, str):
        return False
    return event == pattern or (pattern.endswith("*") and event.startswith(pattern[:-1]))
