"""One call on its way through the stand-in: what an operation works with, and what all uploads have in common."""

import base64
import hashlib
from dataclasses import dataclass, field

from moto.s3.models import FakeKey

from scripts.localcloud.oss.conditions import forbid_overwrite
from scripts.localcloud.oss.encryption import asked_encryption
from scripts.localcloud.oss.events import Arrival
from scripts.localcloud.oss.protocol import Answer, OssError, Request
from scripts.localcloud.oss.store import CRC64_HEADER, Store, etag_of
from scripts.localcloud.oss.tags import read_tagging_header
from scripts.localcloud.wire import Identity

MAX_METADATA_BYTES = 8 * 1024
ARCHIVED = frozenset({"Archive", "ColdArchive", "DeepColdArchive"})
_STORAGE_CLASSES = ARCHIVED | {"Standard", "IA"}
_ACLS = frozenset({"default", "private", "public-read", "public-read-write"})
# A link has no bytes; what parts are encrypted by is said where they begin.
_ENCRYPTED_BEFORE = frozenset({"PutSymlink", "CompleteMultipartUpload"})
_KEPT_HEADERS = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
)


@dataclass(slots=True)
class Call:
    """An authenticated, allowed request, the store, and the uploads that it finished (filled by the operation)."""

    operation: str
    request: Request
    identity: Identity
    store: Store
    arrivals: list[Arrival] = field(default_factory=list)


def object_headers(headers: dict[str, str], object_type: str) -> dict[str, str]:
    """Read from an upload's headers what the object keeps and answers with.

    Raises OssError 400 InvalidArgument for an unknown storage class or ACL, or over 8 KB of user metadata (the code
    of the last is not confirmed).
    """
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    metadata = {name: value for name, value in headers.items() if name.startswith("x-oss-meta-")}
    if sum(len(name) + len(value) for name, value in metadata.items()) > MAX_METADATA_BYTES:
        raise OssError(400, "InvalidArgument", f"User metadata may not exceed {MAX_METADATA_BYTES} bytes.")
    storage_class = headers.get("x-oss-storage-class", "Standard")
    if storage_class not in _STORAGE_CLASSES:
        raise OssError(400, "InvalidArgument", f"No such storage class: {storage_class!r}.")
    return {
        "content-type": "application/octet-stream",
        **kept,
        **metadata,
        "x-oss-object-type": object_type,
        "x-oss-storage-class": storage_class,
        "x-oss-object-acl": read_acl(headers),
    }


def read_acl(headers: dict[str, str]) -> str:
    """Read `x-oss-object-acl`. Raises OssError 400 InvalidArgument for an unknown one."""
    acl = headers.get("x-oss-object-acl", "default")
    if acl not in _ACLS:
        raise OssError(400, "InvalidArgument", f"No such object ACL: {acl!r}.")
    return acl


def check_digest(request: Request) -> None:
    """Raise OssError 400 InvalidDigest where a Content-MD5 is not that of the body."""
    sent = request.headers.get("content-md5")
    if sent and sent != base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest()).decode():
        raise OssError(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")


def write_object(
    call: Call,
    body: bytes,
    headers: dict[str, str],
    tags: dict[str, str] | None = None,
    etag: str | None = None,
) -> FakeKey:
    """Write the object that the call is about, unless overwriting is forbidden, and note its arrival.

    Must be called with the store's lock held, so that nothing comes between a condition and its effect.
    """
    bucket, key, store = call.request.bucket, call.request.key, call.store
    forbid_overwrite(store, bucket, key, call.request.headers)
    tags = requested_tags(call.request) if tags is None else tags
    if call.operation not in _ENCRYPTED_BEFORE:
        headers = headers | asked_encryption(store.bucket(bucket), call.identity, call.request.headers)
    overwritten = store.overwritten_bytes(bucket, key)
    version = store.put(bucket, key, body, headers, etag)
    store.set_tags(version, tags)
    delta = version.size - overwritten
    call.arrivals.append(Arrival(call.operation, bucket, key, etag_of(version), version.size, delta))
    return version


def requested_tags(request: Request) -> dict[str, str]:
    """Read the tags that an upload asks for."""
    return read_tagging_header(request.headers.get("x-oss-tagging", ""))


def written_headers(call: Call, version: FakeKey) -> dict[str, str]:
    """Give the headers with which every finished upload is answered."""
    return {
        "ETag": f'"{etag_of(version)}"',
        **{name: version.metadata[name] for name in (CRC64_HEADER,) if name in version.metadata},
        **version_header(call, version),
    }


def version_header(call: Call, version: FakeKey) -> dict[str, str]:
    """Name the version, where the bucket has or had versioning."""
    versioned = call.store.bucket(version.bucket_name or "").versioning_status
    return {"x-oss-version-id": version.version_id} if versioned else {}


def no_content(headers: dict[str, str] | None = None) -> Answer:
    """Answer 204."""
    return Answer(204, headers or {})
