"""OSS: each bucket that the deployment names, and all that can be asked of it. Reads only.

What can't be asked is said too: a right that is missing is no reason for silence.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import oss2

from handler.adapters.oss.errors import HTTP_SERVER_ERROR
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.choices import EVERYBODY, Choices
from scripts.deploy.deployment import Deployment
from scripts.deploy.live.buckets import FAILURES, LEDGER, QUARANTINE, UPLOADS, Buckets, Place, Use, say, uses_of
from scripts.deploy.live.lifecycles import examine_lifecycle
from scripts.deploy.live.replication import examine_replication
from scripts.deploy.live.settings import (
    examine_claims,
    examine_encryption,
    examine_public_access,
    examine_retention,
)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is looked at in buckets of these uses, the right that asking takes, and who looks."""

    what: str
    right: str
    uses: frozenset[Use]
    examine: Callable[[Place], Iterator[Diagnosis]]


_ALL = frozenset({UPLOADS, QUARANTINE, LEDGER})
_QUESTIONS = (
    _Question("versioning", "oss:GetBucketVersioning", frozenset({LEDGER}), examine_claims),
    _Question("encryption", "oss:GetBucketEncryption", _ALL, examine_encryption),
    _Question("retention policy", "oss:GetBucketWorm", _ALL, examine_retention),
    _Question("replication", "oss:GetBucketReplication", _ALL, examine_replication),
    _Question("lifecycle", "oss:GetBucketLifecycle", frozenset({QUARANTINE, LEDGER}), examine_lifecycle),
)
_BLOCK = _Question("Block Public Access", "oss:GetBucketPublicAccessBlock", frozenset({UPLOADS}), examine_public_access)


def examine_storage(deployment: Deployment, buckets: Buckets, choices: Choices | None) -> Iterator[Diagnosis]:
    """Everything about OSS; `choices` are what the rights were written for, where that is known."""
    is_public = choices is not None and choices.gate and EVERYBODY in choices.who_reads
    for name, uses in uses_of(deployment).items():
        place = Place(deployment, buckets.open(name), uses, choices)
        is_there = yield from _examine_bucket(place)
        for question in (*_QUESTIONS, *((_BLOCK,) if is_public else ())):
            if is_there and question.uses & uses:
                yield from _ask(place, question)
    if is_public:
        yield from _examine_account(buckets)


def _ask(place: Place, question: _Question) -> Iterator[Diagnosis]:
    try:
        yield from question.examine(place)
    except FAILURES as error:
        yield _could_not_look(f"{place.label}: its {question.what}", question.right, error)


def _could_not_look(what: str, right: str, error: Exception) -> Diagnosis:
    needs = f"; it takes the right {right}" if isinstance(error, oss2.exceptions.AccessDenied) else ""
    return Diagnosis("warning", f"{what} could not be looked at ({say(error)}){needs}")


def _examine_bucket(place: Place) -> Generator[Diagnosis, None, bool]:
    """Whether it is there and as it must be; true where more can be asked of it."""
    try:
        info = place.bucket.get_bucket_info()
    except oss2.exceptions.NoSuchBucket as error:
        name = "LEDGER_BUCKET" if LEDGER in place.uses else "the name in template.yml"
        yield Diagnosis("error", f"{place.label}: {say(error)}; create it, or mend {name}")
        return False
    except FAILURES as error:
        yield _could_not_look(f"{place.label}: it", "oss:GetBucketInfo, in a bucket of this account and region", error)
        # Keys that are wrong, or no network, would be told once for each question.
        return isinstance(error, oss2.exceptions.AccessDenied) or getattr(error, "status", 0) >= HTTP_SERVER_ERROR
    yield from _examine_info(place, info)
    return True


def _examine_info(place: Place, info: oss2.models.GetBucketInfoResult) -> Iterator[Diagnosis]:
    region, acl = place.deployment.region, info.acl.grant
    if (info.location or "").removeprefix("oss-") != region:
        message = f"{place.label} is in {info.location!r}, and the function in {region!r}; use one region"
        yield Diagnosis("error", message)
    if acl != "private":
        yield _of_acl(place, acl)
    if UPLOADS in place.uses:
        yield from _examine_versions(place, info.versioning_status)


def _of_acl(place: Place, acl: str) -> Diagnosis:
    if QUARANTINE in place.uses:
        return Diagnosis("error", f"{place.label} is {acl}: what is held can be read; make it private")
    if LEDGER in place.uses:
        message = "everybody can read what was judged, and where all may write, release what they like; make it private"
        return Diagnosis("error", f"{place.label} is {acl}: {message}")
    return Diagnosis("warning", f"{place.label} is {acl}: a gate has no effect; make it private")


def _examine_versions(place: Place, status: str | None) -> Iterator[Diagnosis]:
    name, choices = place.bucket.bucket_name, place.choices
    if status != "Enabled":
        message = "without versions an overwrite in the last instant before a deletion can't be told; enable them"
        yield Diagnosis("warning", f"{place.label}: {message}")
    # Where it is suspended, what is there has a version too, `null`, by which it is named.
    if status is not None and choices is not None and name not in choices.versioned:
        message = f"it has versions ({status}), and the rights were written without them, so that nothing can be judged"
        yield Diagnosis(
            "error", f"{place.label}: {message}; scripts/warden rights --out DIR --versioned {name}, and apply them"
        )


def _examine_account(buckets: Buckets) -> Iterator[Diagnosis]:
    try:
        is_blocked = buckets.open_account().get_public_access_block().block_public_access
    except FAILURES as error:
        yield _could_not_look("the account: its Block Public Access", "oss:GetPublicAccessBlock", error)
        return
    if is_blocked:
        message = "a gate for everybody is refused or ignored in every bucket; switch it off, or name readers"
        yield Diagnosis("error", f"the account: Block Public Access is on: {message} (rights --reader)")
