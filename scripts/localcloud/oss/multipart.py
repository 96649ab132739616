"""Multipart uploads: initiate, upload or copy parts, complete, abort, list."""

import hashlib
from collections.abc import Callable
from xml.etree import ElementTree as ET

from moto.s3.models import FakeKey, FakeMultipart

from scripts.localcloud.oss.buckets import read_encoding, read_page_size
from scripts.localcloud.oss.call import (
    Call,
    check_digest,
    no_content,
    object_headers,
    read_acl,
    requested_tags,
    write_object,
    written_headers,
)
from scripts.localcloud.oss.conditions import forbid_overwrite, read_range
from scripts.localcloud.oss.copies import copied_answer, find_source
from scripts.localcloud.oss.encryption import asked_encryption
from scripts.localcloud.oss.events import Arrival
from scripts.localcloud.oss.protocol import Answer, OssError, text, xml, xml_answer
from scripts.localcloud.oss.store import crc64_of, etag_of, modified_at

MIN_PART_BYTES = 100 * 1024
MAX_PARTS = 10_000
MAX_PARTS_A_PAGE = 1000
MAX_UPLOADS = 1000


def initiate(call: Call) -> Answer:
    """InitiateMultipartUpload, which may be refused an overwrite too; OSS already sends a trigger event for it."""
    request, store = call.request, call.store
    headers, tags = object_headers(request.headers, "Multipart"), requested_tags(request)
    with store.lock:
        forbid_overwrite(store, request.bucket, request.key, request.headers)
        headers |= asked_encryption(store.bucket(request.bucket), call.identity, request.headers)
        upload = store.start_multipart(request.bucket, request.key, headers, tags)
    call.arrivals.append(Arrival(call.operation, request.bucket, request.key, "", 0, 0))
    fields = (text("Bucket", request.bucket), text("Key", request.key), text("UploadId", upload.id))
    return xml_answer(xml("InitiateMultipartUploadResult", *fields))


def upload_part(call: Call) -> Answer:
    """UploadPart."""
    check_digest(call.request)
    with call.store.lock:
        part = _set_part(call, call.request.body)
    return Answer(200, {"ETag": f'"{etag_of(part)}"', "x-oss-hash-crc64ecma": crc64_of(call.request.body)})


def upload_part_copy(call: Call) -> Answer:
    """UploadPartCopy, with the conditions of CopyObject and `x-oss-copy-source-range`."""
    with call.store.lock:
        source = find_source(call)
        body = source.value
        span = read_range(call.request.headers.get("x-oss-copy-source-range"), len(body))
        part = _set_part(call, body if span is None else body[span[0] : span[1] + 1])
        return copied_answer("CopyPartResult", part, {"ETag": f'"{etag_of(part)}"'})


def _set_part(call: Call, body: bytes) -> FakeKey:
    request = call.request
    upload = call.store.multipart(request.bucket, request.key, request.parameters["uploadId"])
    number = request.parameters.get("partNumber", "")
    if not number.isdecimal() or not 0 < int(number) <= MAX_PARTS:
        raise OssError(400, "InvalidArgument", f"partNumber must be a number from 1 to {MAX_PARTS}, not {number!r}.")
    part = upload.set_part(int(number), body)
    call.arrivals.append(Arrival(call.operation, request.bucket, request.key, etag_of(part), len(body), len(body)))
    return part


def complete(call: Call) -> Answer:
    """CompleteMultipartUpload: joins the listed parts. Raises OssError InvalidPart, EntityTooSmall and kin."""
    request, store = call.request, call.store
    upload_id = request.parameters["uploadId"]
    with store.lock:
        upload = store.multipart(request.bucket, request.key, upload_id)
        parts = _listed_parts(call, upload)
        digest = hashlib.md5(b"".join(bytes.fromhex(etag_of(part)) for part in parts), usedforsecurity=False)
        body, etag = b"".join(part.value for part in parts), f"{digest.hexdigest()}-{len(parts)}"
        metadata = dict(upload.metadata)
        if "x-oss-object-acl" in request.headers:
            metadata["x-oss-object-acl"] = read_acl(request.headers)
        version = write_object(call, body, metadata, upload.tags or {}, etag)
        store.drop_multipart(request.bucket, upload_id)
        headers = written_headers(call, version)
    fields = (text("Bucket", request.bucket), text("Key", request.key), text("ETag", headers["ETag"]))
    answer = xml_answer(xml("CompleteMultipartUploadResult", *fields))
    answer.headers |= headers
    return answer


def _listed_parts(call: Call, upload: FakeMultipart) -> list[FakeKey]:
    try:
        nodes = ET.fromstring(call.request.body).findall("Part")  # noqa: S314 -- it comes from our own tests and demos
        listed = [(int(node.findtext("PartNumber", "")), node.findtext("ETag", "").strip('"')) for node in nodes]
    except (ET.ParseError, ValueError) as error:
        raise OssError(400, "MalformedXML", "The XML you provided was not well-formed.") from error
    if not listed or listed != sorted(listed):
        raise OssError(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    parts = [upload.parts.get(number) for number, _ in listed]
    found = [part for part, (_, etag) in zip(parts, listed, strict=True) if part and etag_of(part) == etag.upper()]
    if len(found) != len(listed):
        raise OssError(400, "InvalidPart", "One or more of the specified parts could not be found.")
    if any(part.size < MIN_PART_BYTES for part in found[:-1]):
        raise OssError(400, "EntityTooSmall", f"Every part but the last must have {MIN_PART_BYTES} bytes or more.")
    return found


def abort(call: Call) -> Answer:
    """AbortMultipartUpload."""
    request, upload_id = call.request, call.request.parameters["uploadId"]
    with call.store.lock:
        call.store.multipart(request.bucket, request.key, upload_id)
        call.store.drop_multipart(request.bucket, upload_id)
    return no_content()


def list_uploads(call: Call) -> Answer:
    """ListMultipartUploads: in the order of their keys, of one key in that of their ids; paged, without a delimiter."""
    asked, encode = call.request.parameters, read_encoding(call)
    page_size = read_page_size(call, "max-uploads", MAX_UPLOADS)
    marker = (asked.get("key-marker", ""), asked.get("upload-id-marker", ""))
    with call.store.lock:
        begun = sorted(call.store.multiparts(call.request.bucket), key=_place)
        kept = [upload for upload in begun if upload.key_name.startswith(asked.get("prefix", ""))]
        left = [upload for upload in kept if _comes_after(upload, marker)]
        shown = [_describe_upload(call, upload, encode) for upload in left[:page_size]]
    fields = [text("Bucket", call.request.bucket), text("Prefix", encode(asked.get("prefix", "")))]
    fields += [text("MaxUploads", page_size), text("IsTruncated", str(len(left) > page_size).lower())]
    last = left[page_size - 1] if len(left) > page_size else None
    fields.append(text("NextKeyMarker", encode(last.key_name) if last else ""))
    fields.append(text("NextUploadIdMarker", last.id if last else ""))
    fields += [text("EncodingType", "url")] if asked.get("encoding-type") == "url" else []
    return xml_answer(xml("ListMultipartUploadsResult", *fields, *shown))


def _place(upload: FakeMultipart) -> tuple[bytes, str]:
    return upload.key_name.encode(), upload.id


def _comes_after(upload: FakeMultipart, marker: tuple[str, str]) -> bool:
    """Without a marker of the upload, what follows is of later keys; with one, of later ids too."""
    key, upload_id = marker
    place = (upload.key_name.encode(), upload.id)
    return place > (key.encode(), upload_id) if upload_id else place[0] > key.encode()


def _describe_upload(call: Call, upload: FakeMultipart, encode: Callable[[str], str]) -> str:
    begun_at = call.store.begun_at(upload).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return xml("Upload", text("Key", encode(upload.key_name)), text("UploadId", upload.id), text("Initiated", begun_at))


def list_parts(call: Call) -> Answer:
    """ListParts: by number, after `part-number-marker`, at most `max-parts` a page."""
    request, upload_id = call.request, call.request.parameters["uploadId"]
    marker = request.parameters.get("part-number-marker") or "0"
    if not marker.isdecimal():
        raise OssError(400, "InvalidArgument", f"part-number-marker must be a number, not {marker!r}.")
    page_size = read_page_size(call, "max-parts", MAX_PARTS_A_PAGE)
    with call.store.lock:
        upload = call.store.multipart(request.bucket, request.key, upload_id)
        left = [number for number in sorted(upload.partlist) if number > int(marker)]
        page = left[:page_size]
        shown = [_describe(number, upload.parts[number]) for number in page]
    fields = [text("Bucket", request.bucket), text("UploadId", upload_id), text("MaxParts", page_size)]
    end = [
        text("NextPartNumberMarker", page[-1] if page else 0),
        text("IsTruncated", str(len(left) > len(page)).lower()),
    ]
    return xml_answer(xml("ListPartsResult", *fields, *end, *shown))


def _describe(number: int, part: FakeKey) -> str:
    modified = modified_at(part).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    etag, size = text("ETag", f'"{etag_of(part)}"'), text("Size", part.size)
    return xml("Part", text("PartNumber", number), text("LastModified", modified), etag, size)
