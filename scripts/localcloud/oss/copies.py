"""CopyObject, and the reading of a source that UploadPartCopy shares with it."""

from moto.s3.models import FakeKey

from scripts.localcloud.oss.archive import refuse_frozen
from scripts.localcloud.oss.call import (
    Call,
    object_headers,
    read_acl,
    requested_tags,
    write_object,
    written_headers,
)
from scripts.localcloud.oss.conditions import COPY_PREFIX, check_conditions
from scripts.localcloud.oss.copysource import read_copy_source
from scripts.localcloud.oss.encryption import is_encryption, refuse_unreadable
from scripts.localcloud.oss.objects import is_link
from scripts.localcloud.oss.protocol import Answer, OssError, text, xml, xml_answer
from scripts.localcloud.oss.store import etag_of, modified_at


def copy_object(call: Call) -> Answer:
    """CopyObject. A link is copied as a link; conditions and effect are one step."""
    request = call.request
    with call.store.lock:
        source = find_source(call)
        keeps_tags = request.headers.get("x-oss-tagging-directive", "Copy").lower() == "copy"
        tags = call.store.tags(source) if keeps_tags else requested_tags(request)
        version = write_object(call, source.value, _copied_headers(call, source), tags, _kept_etag(source))
        call.store.settle_crc_of_copy(source, version)
        headers = written_headers(call, version)
        if call.store.bucket(source.bucket_name or "").versioning_status:
            headers["x-oss-copy-source-version-id"] = source.version_id
        return copied_answer("CopyObjectResult", version, headers)


def copied_answer(root: str, version: FakeKey, headers: dict[str, str]) -> Answer:
    """Answer a copy of an object or of a part."""
    etag, modified = f'"{etag_of(version)}"', modified_at(version).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    answer = xml_answer(xml(root, text("ETag", etag), text("LastModified", modified)))
    answer.headers |= headers
    return answer


def find_source(call: Call) -> FakeKey:
    """Look up what is to be copied and hold the conditions against it; needs the store's lock.

    Raises OssError: NoSuchKey and kin; 412 or 304; 403 InvalidObjectState for an archived source, AccessDenied for one
    that KMS encrypted where the right to its key is missing; 400 OperationNotSupported for an appendable one where its
    bucket has or had versioning (that it is refused is documented, the code is not confirmed).
    """
    origin = read_copy_source(call.request)
    source = call.store.find(origin.bucket, origin.key, origin.version_id)
    check_conditions(call.request.headers, etag_of(source), modified_at(source), COPY_PREFIX)
    refuse_frozen(source)
    refuse_unreadable(call.identity, source)
    versioned = call.store.bucket(origin.bucket).versioning_status
    if versioned and source.metadata["x-oss-object-type"] == "Appendable":
        raise OssError(400, "OperationNotSupported", "An appendable object of a versioned bucket cannot be copied.")
    return source


def _kept_etag(source: FakeKey) -> str | None:
    # A copied link must keep the ETag of its own: it has no bytes to compute one from.
    return str(source.etag).strip('"') if is_link(source) else None


def _copied_headers(call: Call, source: FakeKey) -> dict[str, str]:
    """Say what the copy answers with: the source's headers, or the request's; never the source's ACL."""
    request = call.request
    object_type = "Symlink" if is_link(source) else "Normal"
    if request.headers.get("x-oss-metadata-directive", "Copy").lower() == "replace":
        headers = object_headers(request.headers, object_type)
        links = {"x-oss-symlink-target": source.metadata["x-oss-symlink-target"]} if is_link(source) else {}
        return headers | links
    return {
        **{name: value for name, value in source.metadata.items() if not is_encryption(name)},
        "x-oss-object-type": object_type,
        "x-oss-storage-class": request.headers.get("x-oss-storage-class", "Standard"),
        "x-oss-object-acl": read_acl(request.headers),
    }
