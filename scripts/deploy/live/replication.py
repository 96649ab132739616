"""Replication out of a bucket: OSS writes by itself, past the function. Into which bucket only the source knows."""

from collections.abc import Iterator

from msgspec import UnsetType
from oss2.models import ReplicationRule

from handler.events import REPLICA_EVENTS
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.deployment import Deployment
from scripts.deploy.live.buckets import LEDGER, QUARANTINE, UPLOADS, Place, uses_of
from scripts.deploy.live.settings import ask
from scripts.deploy.template.bus import may_announce
from scripts.deploy.template.shape import TriggerConfigShape, TriggerShape
from scripts.deploy.template.triggers import bucket_of

# The API reference lists the one for a rule that is not there; an older edition the other for a bucket without any.
_NONE = ("NoSuchReplicationConfiguration", "NoSuchReplicationRule")
_ENDED = "closing"


def examine_replication(place: Place) -> Iterator[Diagnosis]:
    """Look at each rule that is not on its way out."""
    found = ask(place.bucket.get_bucket_replication, *_NONE)
    for rule in found.rule_list if found else ():
        if rule.status != _ENDED:
            yield from _examine_rule(place, rule)


def _examine_rule(place: Place, rule: ReplicationRule) -> Iterator[Diagnosis]:
    target = rule.target_bucket_name or rule.target_cloud or "?"
    label, uses = f"{place.label} is replicated to {target}", uses_of(place.deployment).get(target, frozenset())
    if uses & {QUARANTINE, LEDGER}:
        message = "what OSS writes there would count as held or released, and nobody decided so; end the replication"
        yield Diagnosis("error", f"{label}: {message}")
    elif UPLOADS in uses:
        missing = [event for event in sorted(REPLICA_EVENTS) if not _is_announced(place.deployment, target, event)]
        if missing:
            events = ", ".join(f"oss:{event}" for event in missing)
            message = f"no replica is judged; add {events} to the trigger of {target}"
            yield Diagnosis("error", f"{label}: {message}")
    elif UPLOADS in place.uses:
        message = "what is uploaded is there too, unjudged, and stays there when it is quarantined or deleted here"
        yield Diagnosis("warning", f"{label}: {message}; let nobody read it there, or end the replication")
    elif QUARANTINE in place.uses:
        message = "what is held is there too; let nobody but your reviewers read it there, or end the replication"
        yield Diagnosis("warning", f"{label}: {message}")


def _is_announced(deployment: Deployment, bucket: str, event: str) -> bool:
    """Whether a trigger of the bucket names the event, or a rule of EventBridge may bring it."""
    function = deployment.template.function
    return any(
        not isinstance(trigger.triggerConfig, UnsetType) and _may_fire(trigger, trigger.triggerConfig, bucket, event)
        for trigger in (function.triggers if function is not None else ())
    )


def _may_fire(trigger: TriggerShape, config: TriggerConfigShape, bucket: str, event: str) -> bool:
    if trigger.triggerType == "eventbridge":
        return may_announce(config, bucket, f"oss:{event}")
    return bucket_of(trigger) == bucket and f"oss:{event}" in config.events
