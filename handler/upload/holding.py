"""Where a quarantined upload is kept, and what is written beside its bytes. Pure."""

import json
import re
from hashlib import sha256
from urllib.parse import quote

from handler.model import Decision, Upload, Verdict
from handler.policy.rules import QuarantineRules
from handler.ports import HeldCopy, StoredObject
from handler.upload.tagging import join_labels

# OSS: all user metadata of one object, names and values together, is at most 8 KB. Whether the names' prefix counts is
# not documented: it is counted here.
METADATA_BYTES = 8 * 1024
PREFIX = "warden-"
# What a copy says of a source that was not encrypted; the copy itself may be, by the default of its bucket.
NOT_ENCRYPTED = "none"
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}$")
NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9._-]")


def held_key(upload: Upload, prefix: str, identity: str | None = None) -> str:
    """The key in the quarantine bucket, derived from the upload alone: a redelivery finds its own copy there.

    `prefix + bucket/ + sha256(key)[:16] + "-" + request id + suffix`. Where one upload has more bytes held than those
    of its event, the `identity` of these is part of the name, so that none ever takes the place of others.
    """
    digest = sha256(upload.key.encode()).hexdigest()[:16]
    names = [upload.request_id] if identity is None else [upload.request_id, identity]
    suffix = SUFFIX.search(upload.key)
    return f"{prefix}{upload.bucket}/{digest}-{'-'.join(map(_key_part, names))}{suffix.group() if suffix else ''}"


def is_held(upload: Upload, rules: QuarantineRules | None) -> bool:
    """Whether this is a copy of ours, known by where it is, never by a tag or header, which anyone can set."""
    return rules is not None and upload.bucket == rules.bucket and upload.key.startswith(rules.prefix)


def _key_part(text: str) -> str:
    """An id of OSS's is made of letters and digits; anything else is hashed, so that the key is legal and unique."""
    if len(text) > 128 or NOT_IN_A_KEY.search(text):  # noqa: PLR2004  (far above the 24 digits of an id)
        return sha256(text.encode()).hexdigest()
    return text


def held_copy(  # noqa: PLR0913  (each names a part of the provenance)
    found: StoredObject,
    *,
    bucket: str,
    key: str,
    tags: dict[str, str],
    upload: Upload,
    decision: Decision,
    verdict: Verdict | None,
    acl: str | None = None,
    given_up: tuple[str, ...] = (),
) -> HeldCopy:
    """Describe the copy: the bytes' own headers and metadata, and where they came from and why.

    Provenance wins over the user's metadata past 8 KB and where names collide; what is displaced, and what HTTP can't
    carry in a header (anything but printable ASCII), goes to the sidecar. `acl` is the bytes' own, where it is known.
    `given_up` names the user's tags that are not among `tags`.
    """
    more = {"acl": acl or "", "tags-given-up": ", ".join(given_up)}
    provenance = _provenance(found, upload, decision, verdict, more)
    kept, displaced = _fit(found.metadata, METADATA_BYTES - _size(provenance))
    headers = {name: value for name, value in found.headers.items() if _printable(value)}
    lost_headers = {name: value for name, value in found.headers.items() if name not in headers}
    sidecar = {"v": 1, "metadata": displaced, "headers": lost_headers}
    return HeldCopy(
        bucket=bucket,
        key=key,
        headers=headers,
        metadata={**kept, **provenance},
        tags=tags,
        sidecar=json.dumps(sidecar).encode() if displaced or lost_headers else None,
        encryption=found.encryption,
    )


def _provenance(
    found: StoredObject, upload: Upload, decision: Decision, verdict: Verdict | None, more: dict[str, str]
) -> dict[str, str]:
    """What a restore and an appeal need; URL-encoded, because a header carries only ASCII."""
    facts = {
        "source": found.location,
        "etag": found.etag,
        "version": found.version_id or "",
        "uploaded-at": upload.uploaded_at,
        "policy": decision.policy,
        "rule": decision.rule,
        "labels": join_labels(decision.findings),
        "request-id": upload.request_id,
        "green-request-id": verdict.request_id if verdict else "",
        "storage-class": found.storage_class,
        "encryption": found.encryption.get("x-oss-server-side-encryption", NOT_ENCRYPTED),
        **more,
    }
    return {PREFIX + name: quote(value, errors="replace") for name, value in facts.items() if value}


def _fit(metadata: dict[str, str], room: int) -> tuple[dict[str, str], dict[str, str]]:
    """Part the user's metadata into what the copy can carry and what it can't."""
    kept: dict[str, str] = {}
    displaced: dict[str, str] = {}
    for name, value in sorted(metadata.items()):
        size = _size({name: value})
        # What looks like our provenance is no user's to write: a restore reads it.
        if name.startswith(PREFIX) or size > room or not _printable(name + value):
            displaced[name] = value
        else:
            kept[name] = value
            room -= size
    return kept, displaced


def _size(metadata: dict[str, str]) -> int:
    return sum(len("x-oss-meta-") + len(name) + len(value) for name, value in metadata.items())


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable()
