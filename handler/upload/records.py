"""The records of the ledger: their names, and what stands in each. Pure.

Under `ledger/v1/<day>/<upload>/`: `claim-<n>.json` (who is, or was, at work), `verdict.json` (what was paid for),
`outcome.json` (how it ended, in the project's JSON form). Under `release/`: what was brought back out of quarantine.
"""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec

from handler.errors import BadRecord
from handler.json_form import Document, check_upload, check_version, read_as, verdict_document
from handler.model import JSON_FORM_VERSION, Delivery, Upload, Verdict
from handler.ports import StoredObject

ROOT = "ledger/v1/"
RELEASES = "release/"
OUTCOME = "outcome.json"
VERDICT = "verdict.json"
CLAIM = re.compile(r"claim-([1-9][0-9]{0,8})\.json")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# The longest that Function Compute lets a function run, in seconds.
LONGEST_LEASE_S = 86_400
UNDATED = "undated"
HELD, GIVEN_BACK = "held", "given-back"


class Claim(msgspec.Struct, frozen=True):
    """Who is at work on the upload, and for how long at the most; given back, it is nobody any more."""

    invocation: str
    delivery: int
    token: str
    lease_s: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_LEASE_S)]
    state: str


class Release(msgspec.Struct, frozen=True):
    """What a restore wrote: these bytes under this key are right, who says so, and why."""

    bucket: str
    key: str
    etag: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class PaidVerdict:
    """A verdict of an earlier delivery. `is_exact`: it is certain to be of the bytes that `found` identifies."""

    verdict: Verdict
    found: StoredObject
    is_exact: bool

    def is_of(self, found: StoredObject) -> bool:
        """Whether it is the verdict on these very bytes.

        One that was asked for by name fits only while that name still stands for them.
        """
        return self.found.holds_same_bytes_as(found) and (self.is_exact or found.is_current)


def folder_of(function: str, upload: Upload) -> str:
    """Name the folder of an upload; every redelivery of its event comes to the same.

    The name begins as that of every upload of the same key does, so that these are found with one call a day.
    """
    return f"{key_prefix(function, upload.bucket, upload.key, day_of(upload))}{_digest(function, *_names(upload))}/"


def key_prefix(function: str, bucket: str, key: str, day: str) -> str:
    """What the names of the folders of all uploads of a key begin with, on that day."""
    return f"{ROOT}{day}/{_digest(function, bucket, key)}"


def day_of(upload: Upload) -> str:
    """The day of the event, `2026-01-31`, or `undated` where its time is none."""
    day = upload.uploaded_at[:10]
    return day if DAY.fullmatch(day) else UNDATED


def _names(upload: Upload) -> tuple[str, str, str]:
    return upload.bucket, upload.key, upload.request_id


def _digest(*names: str) -> str:
    """16 digits over a JSON list, which no two different lists of names share."""
    return sha256(json.dumps(names).encode()).hexdigest()[:16]


def release_name(bucket: str, key: str, etag: str) -> str:
    """Name the release of these bytes under this key."""
    return f"{RELEASES}{sha256(json.dumps([bucket, key, etag]).encode()).hexdigest()}.json"


def claim_name(number: int) -> str:
    """Name a claim; they count from 1."""
    return f"claim-{number}.json"


def newest_claim(names: list[str]) -> int:
    """The greatest number among the claims; 0 where there is none."""
    return max((int(match[1]) for match in map(CLAIM.fullmatch, names) if match), default=0)


def claim_record(upload: Upload, delivery: Delivery, token: str, state: str = HELD) -> Document:
    """Write down that this delivery is at work, or that it was; `token` is of this one run and of no other."""
    claim = Claim(delivery.request_id, delivery.number, token, delivery.timeout_s, state)
    return {"v": JSON_FORM_VERSION, "upload": msgspec.to_builtins(upload), "claim": msgspec.to_builtins(claim)}


def read_claim(record: Document, upload: Upload) -> Claim:
    """Read a claim back. Raises BadRecord."""
    claim: Claim = read_as(Claim, _of(record, upload).get("claim"))
    return claim


def verdict_record(upload: Upload, found: StoredObject, verdict: Verdict, *, is_exact: bool) -> Document:
    """Write down a verdict with the identity of the bytes that it is of."""
    identity = {
        "etag": found.etag,
        "last_modified": found.last_modified,
        "version_id": found.version_id,
        "object_type": found.object_type,
    }
    return {
        "v": JSON_FORM_VERSION,
        "upload": msgspec.to_builtins(upload),
        "identity": identity,
        "is_exact": is_exact,
        "verdict": verdict_document(verdict),
    }


def read_verdict(record: Document, upload: Upload) -> PaidVerdict:
    """Read a verdict back. Raises BadRecord."""
    written: _VerdictRecord = read_as(_VerdictRecord, _of(record, upload))
    identity = written.identity
    found = StoredObject(
        upload.bucket,
        upload.key,
        identity.etag,
        identity.last_modified,
        0,
        version_id=identity.version_id,
        object_type=identity.object_type,
    )
    return PaidVerdict(written.verdict, found, written.is_exact)


def release_record(release: Release, source: str) -> Document:
    """Write down a release; `source` is where in quarantine the bytes were."""
    return {"v": JSON_FORM_VERSION, "release": msgspec.to_builtins(release), "source": source}


def read_release(record: Document, bucket: str, key: str, etag: str) -> Release:
    """Read a release back. Raises BadRecord where it is none of these bytes under this key."""
    release: Release = read_as(Release, check_version(record).get("release"))
    if (release.bucket, release.key, release.etag) != (bucket, key, etag):
        raise BadRecord("it releases something else")
    return release


def _of(record: Document, upload: Upload) -> Document:
    written = check_version(record)
    check_upload(written, upload)
    return written


class _Identity(msgspec.Struct):
    etag: str
    last_modified: str
    version_id: str | None
    object_type: str


class _VerdictRecord(msgspec.Struct):
    identity: _Identity
    is_exact: bool
    verdict: Verdict
