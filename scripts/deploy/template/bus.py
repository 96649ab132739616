"""A trigger by EventBridge: what its rule brings, as far as that can be read.

Sources: "Event patterns" and "OSS events" of EventBridge's user guide, and `triggers.md` in the component's docs.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from msgspec import UnsetType

from handler.policy.tree import Path, Remark
from scripts.deploy.template.events import ALL_EVENTS, EVENTS, check_event
from scripts.deploy.template.names import is_unknown
from scripts.deploy.template.shape import TriggerConfigShape

EVERY_BUCKET = "*"
_SUBJECT = re.compile(r"acs:oss:[^:]*:[^:]*:([^/:]+)(?:/.*)?", re.DOTALL)


def check_bus(config: TriggerConfigShape, path: Path) -> Iterator[Remark]:
    """Whether uploads come through it, and whether one that fails is tried again."""
    if config.asyncInvocationType is False:
        message = (
            "without true the function is called synchronously: Function Compute then neither delivers again nor "
            "writes dead letters, and what can't be judged at that moment stays unmarked; write true"
        )
        yield Remark("error", (*path, "asyncInvocationType"), message)
    if config.triggerEnable is False:
        yield Remark("error", (*path, "triggerEnable"), "it is switched off, so nothing comes through; write true")
    place = (*path, "eventRuleFilterPattern")
    if is_unknown(config.eventRuleFilterPattern) or not _is_of_the_bus(config):
        return
    rule = _read_rule(config)
    if rule is None:
        yield Remark("error", place, 'it is no rule: a JSON object such as \'{"source": ["acs.oss"]}\' is wanted')
        return
    if not _may_match(rule.get("source"), "acs.oss"):
        yield Remark("error", place, "no upload comes through: OSS speaks as the source 'acs.oss'")
        return
    yield from _check_types(rule.get("type"), place)
    if EVERY_BUCKET in (buckets_of_rule(config) or ()):
        message = (
            "it brings the uploads of every bucket, and those of a bucket that is not watched fail; name yours, as in "
            '"subject": [{"prefix": "acs:oss:REGION:ACCOUNT:BUCKET/"}]'
        )
        yield Remark("warning", place, message)


def buckets_of_rule(config: TriggerConfigShape) -> frozenset[str] | None:
    """Whose uploads a rule brings, EVERY_BUCKET for all; None where it can't be read.

    One that is no rule is told as such: nothing else need be said of it.
    """
    if is_unknown(config.eventRuleFilterPattern) or not _is_of_the_bus(config):
        return None
    rule = _read_rule(config)
    if rule is None:
        return frozenset({EVERY_BUCKET})
    subject, named = rule.get("subject"), _dig(rule, "data", "oss", "bucket", "name")
    if subject is None and named is None:
        return frozenset({EVERY_BUCKET})
    if isinstance(named, list):
        return frozenset(named) if all(isinstance(name, str) for name in named) else None
    items = subject if isinstance(subject, list) else []
    texts = [item.get("prefix") if isinstance(item, dict) else item for item in items]
    found = [_SUBJECT.fullmatch(text) if isinstance(text, str) else None for text in texts]
    return None if not found or None in found else frozenset(match[1] for match in found if match)


def may_announce(config: TriggerConfigShape, bucket: str, event: str) -> bool:
    """Whether a rule may bring this event of that bucket; one that can't be read may bring anything."""
    buckets = buckets_of_rule(config)
    if buckets is not None and not buckets & {bucket, EVERY_BUCKET}:
        return False
    rule = None if is_unknown(config.eventRuleFilterPattern) else _read_rule(config)
    return rule is None or _may_match(rule.get("type"), event)


def _is_of_the_bus(config: TriggerConfigShape) -> bool:
    source = config.eventSourceConfig
    return isinstance(source, UnsetType) or source.eventSourceType == "Default"


def _read_rule(config: TriggerConfigShape) -> dict[str, Any] | None:
    try:
        rule = json.loads(config.eventRuleFilterPattern)
    except ValueError:
        return None
    return rule if isinstance(rule, dict) else None


def _check_types(types: object, place: Path) -> Iterator[Remark]:
    """Each event that is named, and whether one of them is an upload."""
    if types is None:
        message = f"it brings removals and all else of OSS too, which is ignored; name the types: {', '.join(EVENTS)}"
        yield Remark("warning", place, message)
        return
    if not any(_may_match(types, event) for event in EVENTS):
        yield Remark("error", place, f"no finished upload comes through; name the types: {', '.join(EVENTS)}")
        return
    for item in types if isinstance(types, list) else []:
        if isinstance(item, str):
            for remark in check_event(item, place):
                yield Remark("warning", place, remark.message)
    others = [event for event in ALL_EVENTS if event not in EVENTS and _by_prefix(types, event)]
    if others:
        yield Remark("warning", place, f"it brings {', '.join(others)} too, which are ignored; name the types")


def _may_match(items: object, value: str) -> bool:
    """Whether a value may pass; what can't be read may pass anything."""
    if not isinstance(items, list):
        return True
    return any(not isinstance(item, str) and not _is_prefix(item) for item in items) or (
        value in items or _by_prefix(items, value)
    )


def _by_prefix(items: object, value: str) -> bool:
    prefixes = [item["prefix"] for item in items if _is_prefix(item)] if isinstance(items, list) else []
    return any(value.startswith(prefix) for prefix in prefixes)


def _is_prefix(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("prefix"), str)


def _dig(rule: dict[str, Any], *keys: str) -> object:
    found: object = rule
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found
