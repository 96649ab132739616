"""The lifecycle rules of quarantine and ledger: whether ours are there, and whether any takes what has to stay."""

from collections.abc import Iterator, Sequence

import oss2
from oss2.models import LifecycleRule

from handler.upload import records, releases
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.documents import ABANDONED_DAYS
from scripts.deploy.live.buckets import LEDGER, Place
from scripts.deploy.live.settings import ask


def examine_lifecycle(place: Place) -> Iterator[Diagnosis]:
    """Look at every rule that is enabled."""
    found = ask(place.bucket.get_bucket_lifecycle, "NoSuchLifecycle")
    rules = [rule for rule in (found.rules if found else ()) if rule.status == LifecycleRule.ENABLED]
    if LEDGER in place.uses:
        yield from _examine_ledger(place, rules)
    else:
        yield from _examine_quarantine(place, rules)


def _examine_quarantine(place: Place, rules: Sequence[LifecycleRule]) -> Iterator[Diagnosis]:
    quarantine = place.deployment.policy.quarantine
    prefix = "" if quarantine is None else quarantine.prefix
    ours = [rule for rule in rules if _days(rule.abort_multipart_upload) and _covers(rule, prefix)]
    if not ours:
        message = "no rule gives up copies in parts that nobody goes on with, and their parts are billed"
        yield Diagnosis("warning", f"{place.label}: {message}; add quarantine-lifecycle.xml (warden rights)")
    for rule in rules:
        if _overlaps(rule, prefix) and (days := _days(rule.abort_multipart_upload)) and days < ABANDONED_DAYS:
            message = f"gives up copies in parts after {days} days, and a dead letter can go on with one for"
            yield _of_rule(place, rule, f"{message} {ABANDONED_DAYS}; give it as many")
        if _overlaps(rule, prefix) and _expires(rule):
            message = "deletes what is held, so that it can't be restored then; narrow its prefix, or be sure"
            yield _of_rule(place, rule, message)


def _examine_ledger(place: Place, rules: Sequence[LifecycleRule]) -> Iterator[Diagnosis]:
    if not [rule for rule in rules if _days(rule.expiration) and _covers(rule, records.ROOT)]:
        message = "no rule deletes old records, which nobody reads and which are billed"
        yield Diagnosis("warning", f"{place.label}: {message}; add ledger-lifecycle.xml (warden rights)")
    for rule in rules:
        if _overlaps(rule, records.ROOT) and (days := _days(rule.expiration)) and days <= ABANDONED_DAYS:
            message = f"deletes records after {days} days, and a dead letter can come after {ABANDONED_DAYS}, and"
            yield _of_rule(place, rule, f"{message} would be paid and done again; give it more")
        if _overlaps(rule, releases.RELEASES) and _expires(rule):
            message = "deletes releases, so that what was restored is judged again; narrow its prefix"
            yield _of_rule(place, rule, f"{message} to {records.ROOT!r}")


def _of_rule(place: Place, rule: LifecycleRule, message: str) -> Diagnosis:
    return Diagnosis("warning", f"{place.label}: its lifecycle rule {rule.id!r} {message}")


def _covers(rule: LifecycleRule, prefix: str) -> bool:
    """Whether it is about everything below the prefix."""
    narrowing = rule.filter or oss2.models.LifecycleFilter()
    sizes = narrowing.object_size_greater_than or narrowing.object_size_less_than
    return prefix.startswith(rule.prefix) and not (rule.tagging or narrowing.filter_not or sizes)


def _overlaps(rule: LifecycleRule, prefix: str) -> bool:
    """Whether it is about anything below the prefix."""
    return prefix.startswith(rule.prefix) or rule.prefix.startswith(prefix)


def _expires(rule: LifecycleRule) -> bool:
    """Whether it deletes what is current, after some days or at a date."""
    expiration = rule.expiration
    return bool(expiration and (expiration.days or expiration.date or expiration.created_before_date))


def _days(when: oss2.models.LifecycleExpiration | oss2.models.AbortMultipartUpload | None) -> int | None:
    return when.days if when else None
