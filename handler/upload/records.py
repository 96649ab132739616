"""The records of the ledger: their names, and what stands in each. Pure.

Under `ledger/v1/<day>/<upload>/`: `claim-<n>.json` (who is, or was, at work), `verdict.json` (what was paid for),
`outcome.json` (how it ended, in the project's JSON form). Under `ledger/v1/versions/`: which upload a version was taken
for. What was brought back out of quarantine: `releases.py`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec

from handler.errors import BadRecord, FailureKind
from handler.json_form import Document, check_upload, check_version, read_as, verdict_document
from handler.model import JSON_FORM_VERSION, Upload, Verdict
from handler.ports import StoredObject

ROOT = "ledger/v1/"
VERSIONS = f"{ROOT}versions/"
OUTCOME = "outcome.json"
VERDICT = "verdict.json"
CLAIM = re.compile(r"claim-([1-9][0-9]{0,8})\.json")
TAKE = re.compile(r"([1-9][0-9]{0,8})\.json")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# The longest that Function Compute lets a function run, in seconds.
LONGEST_LEASE_S = 86_400
UNDATED = "undated"
HELD, GIVEN_BACK = "held", "given-back"


class Claim(msgspec.Struct, frozen=True):
    """Who is at work on the upload, and for how long unless it is renewed; given back, it is nobody any more.

    `first_at`: when the first claim of the upload was written or given back, by the ledger's clock, where this is a
    later one. `listed_to`: how far the versions of the key were looked through in vain.
    """

    invocation: str
    delivery: int
    token: str
    lease_s: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_LEASE_S)]
    state: str
    first_at: float | None = None
    listed_to: str | None = None


class Take(msgspec.Struct, frozen=True):
    """Which upload a version is for: the folder of its records. `token` is of the run that took it."""

    folder: str
    token: str


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier delivery knew of the bytes that `found` identifies: a verdict, or why there will be none.

    `is_exact`: it is certain to be of these very bytes.
    """

    verdict: Verdict | None
    failure: FailureKind | None
    found: StoredObject
    is_exact: bool

    def is_of(self, found: StoredObject) -> bool:
        """Whether it is of these very bytes.

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


def claim_name(number: int) -> str:
    """Name a claim; they count from 1."""
    return f"claim-{number}.json"


def newest_claim(names: Iterable[str]) -> int:
    """The greatest number among the claims; 0 where there is none."""
    return max((int(match[1]) for match in map(CLAIM.fullmatch, names) if match), default=0)


def claim_record(upload: Upload, claim: Claim) -> Document:
    """Write down that somebody is at work, or was."""
    return {"v": JSON_FORM_VERSION, "upload": msgspec.to_builtins(upload), "claim": msgspec.to_builtins(claim)}


def read_claim(record: Document, upload: Upload) -> Claim:
    """Read a claim back. Raises BadRecord."""
    claim: Claim = read_as(Claim, _of(record, upload).get("claim"))
    return claim


def takes_of(function: str, found: StoredObject) -> str:
    """What the names of all takes of a version begin with; a number and `.json` follow, counted from 1."""
    names = [function, found.bucket, found.key, found.version_id]
    return f"{VERSIONS}{sha256(json.dumps(names).encode()).hexdigest()}-"


def newest_take(names: Iterable[str]) -> int:
    """The greatest number among the takes of a version, by the ends of their names; 0 where there is none."""
    return max((int(match[1]) for match in map(TAKE.fullmatch, names) if match), default=0)


def take_record(upload: Upload, found: StoredObject, take: Take) -> Document:
    """Write down that this version is for this upload."""
    about = {"upload": msgspec.to_builtins(upload), "version_id": found.version_id}
    return {"v": JSON_FORM_VERSION, **about, "take": msgspec.to_builtins(take)}


def read_take(record: Document, found: StoredObject) -> Take:
    """Read a take back. Raises BadRecord."""
    written: _TakeRecord = read_as(_TakeRecord, check_version(record))
    if (written.upload.bucket, written.upload.key, written.version_id) != (found.bucket, found.key, found.version_id):
        raise BadRecord("it is of another version")
    return written.take


def known_record(upload: Upload, known: Known) -> Document:
    """Write down what is known of bytes, with their identity."""
    found = known.found
    identity = {
        "key": found.key,
        "etag": found.etag,
        "last_modified": found.last_modified,
        "version_id": found.version_id,
        "object_type": found.object_type,
        "size_bytes": found.size_bytes,
        "crc64": found.crc64,
    }
    return {
        "v": JSON_FORM_VERSION,
        "upload": msgspec.to_builtins(upload),
        "identity": identity,
        "is_exact": known.is_exact,
        "verdict": verdict_document(known.verdict) if known.verdict else None,
        "failure": known.failure.value if known.failure else None,
    }


def read_known(record: Document, upload: Upload) -> Known:
    """Read back what was known. Raises BadRecord."""
    written: _KnownRecord = read_as(_KnownRecord, _of(record, upload))
    identity = written.identity
    found = StoredObject(
        upload.bucket,
        identity.key or upload.key,
        identity.etag,
        identity.last_modified,
        identity.size_bytes,
        version_id=identity.version_id,
        object_type=identity.object_type,
        crc64=identity.crc64,
    )
    return Known(written.verdict, written.failure, found, written.is_exact)


def _of(record: Document, upload: Upload) -> Document:
    written = check_version(record)
    check_upload(written, upload)
    return written


class _Identity(msgspec.Struct):
    etag: str
    last_modified: str
    version_id: str | None
    object_type: str
    # These are missing in what was written before they were part of the identity.
    key: str | None = None
    size_bytes: int = 0
    crc64: str | None = None


class _KnownRecord(msgspec.Struct):
    identity: _Identity
    is_exact: bool
    verdict: Verdict | None
    failure: FailureKind | None = None


class _TakenFor(msgspec.Struct):
    bucket: str
    key: str


class _TakeRecord(msgspec.Struct):
    upload: _TakenFor
    version_id: str
    take: Take
