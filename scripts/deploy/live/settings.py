"""Settings of one bucket that the rights or the function have to fit: encryption, retention, Block Public Access.

Not asked: a retention of single objects, which oss2 can't ask about, and which the vendor gives by invitation.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import oss2

from handler.model import Action, Mode
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.live.buckets import LEDGER, QUARANTINE, UPLOADS, Place
from scripts.deploy.rights import policy_actions

Answer = TypeVar("Answer")


def ask(question: Callable[[], Answer], *absent: str) -> Answer | None:
    """What is set; None where OSS says by one of these codes that nothing is. Raises OssError."""
    try:
        return question()
    except oss2.exceptions.ServerError as error:
        if error.code in absent:
            return None
        raise


def examine_claims(place: Place) -> Iterator[Diagnosis]:
    """A claim is a file that is created only if absent, which OSS does not heed where there are or were versions."""
    status = place.bucket.get_bucket_versioning().status
    if status is not None:
        message = f"its versioning is {status}, and no claim in it would hold; make a new one, never versioned"
        yield Diagnosis("error", f"{place.label}: {message}")


def examine_encryption(place: Place) -> Iterator[Diagnosis]:
    """Whoever reads or writes what KMS encrypts needs rights to its key; encryption by OSS itself takes none."""
    rule = ask(place.bucket.get_bucket_encryption, "NoSuchServerSideEncryptionRule")
    if rule is None or rule.sse_algorithm != "KMS":
        return
    key, choices = rule.kms_master_keyid, place.choices
    if not key:
        message = "by a key that OSS makes: which right that takes is not documented; name a key of your own there"
        yield Diagnosis("warning", f"{place.label} is encrypted by KMS, {message}, and in rights --kms-key")
    elif choices is None:
        message = f"with the key {key!r}: doctor --rights DIR says whether the rights to it are there"
        yield Diagnosis("warning", f"{place.label} is encrypted by KMS {message}")
    elif key not in {arn.rpartition("/")[2] for arn in choices.kms_keys}:
        region = place.deployment.region
        message = f"with the key {key!r}, to which the rights give none, so that it can't be read or written there"
        mend = f"scripts/warden rights --out DIR --kms-key acs:kms:{region}:ACCOUNT:key/{key}, and apply them"
        yield Diagnosis("error", f"{place.label} is encrypted by KMS {message}; {mend}")


def examine_retention(place: Place) -> Iterator[Diagnosis]:
    """Under a retention policy nothing is removed or written over (409 FileImmutable), locked or not yet."""
    worm = ask(place.bucket.get_bucket_worm, "NoSuchWORMConfiguration")
    if worm is None:
        return
    label = f"{place.label} keeps everything for {worm.retention_period_days} days (retention policy, {worm.state})"
    if LEDGER in place.uses:
        yield Diagnosis("error", f"{label}: records in it are written over, which OSS refuses; use one without")
    if UPLOADS in place.uses and _removes(place):
        message = "what is quarantined or deleted stays readable where it is, marked; use one without, or only tag"
        yield Diagnosis("warning", f"{label}: {message}")
    if QUARANTINE in place.uses:
        message = (
            "a copy whose source has changed can't be taken back, and nothing held can be removed; use one without"
        )
        yield Diagnosis("warning", f"{label}: {message}")


def _removes(place: Place) -> bool:
    policy = place.deployment.policy
    return policy.mode is Mode.ENFORCE and bool(policy_actions(policy) & {Action.QUARANTINE, Action.DELETE})


def examine_public_access(place: Place) -> Iterator[Diagnosis]:
    """For a bucket with a gate for everybody, which is a public policy ("Block public access", OSS user guide)."""
    if place.bucket.get_bucket_public_access_block().block_public_access:
        message = "the gate for everybody is refused or ignored; switch it off here, or name readers (rights --reader)"
        yield Diagnosis("error", f"{place.label}: Block Public Access is on: {message}")
