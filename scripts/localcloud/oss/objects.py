"""The operations on one object: put, append, link, read, delete, ACL and tags."""

from urllib.parse import quote, unquote

from moto.s3.models import FakeKey

from scripts.localcloud.oss.archive import refuse_frozen, restoration_of
from scripts.localcloud.oss.call import (
    Call,
    check_digest,
    no_content,
    object_headers,
    read_acl,
    version_header,
    write_object,
    written_headers,
)
from scripts.localcloud.oss.conditions import check_conditions, http_date, read_range
from scripts.localcloud.oss.encryption import refuse_unreadable
from scripts.localcloud.oss.events import Arrival
from scripts.localcloud.oss.protocol import Answer, OssError, refuse_bad_names, text, xml, xml_answer
from scripts.localcloud.oss.store import CRC64_HEADER, etag_of, modified_at
from scripts.localcloud.oss.tags import read_tagging_xml, tagging_answer
from scripts.localcloud.wire import has_right

_NOT_SHOWN = ("x-oss-object-acl", "x-oss-symlink-target")
# What a link answers of its target; all else is the link's own (HeadObject in the API reference). Whose
# `x-oss-restore` it answers is not documented; here the target's, as with the class.
_OF_THE_TARGET = ("x-oss-storage-class", CRC64_HEADER)


def put_object(call: Call) -> Answer:
    """PutObject, and PostObject once its form is read."""
    check_digest(call.request)
    headers = object_headers(call.request.headers, "Normal")
    with call.store.lock:
        version = write_object(call, call.request.body, headers)
        return Answer(200, written_headers(call, version))


def put_symlink(call: Call) -> Answer:
    """PutSymlink: the target is not looked at, as documented."""
    target = unquote(call.request.headers.get("x-oss-symlink-target", ""))
    if not target:
        raise OssError(400, "InvalidArgument", "x-oss-symlink-target is missing.")
    refuse_bad_names("", target)
    headers = object_headers(call.request.headers, "Symlink") | {"x-oss-symlink-target": quote(target, safe="")}
    with call.store.lock:
        version = write_object(call, b"", headers)
        return Answer(200, written_headers(call, version))


def get_symlink(call: Call) -> Answer:
    """GetSymlink. An object that is no link is refused (400 NotSymlink)."""
    with call.store.lock:
        link = _named_version(call)
        if not is_link(link):
            raise OssError(400, "NotSymlink", "The object you specified is not a symbolic link.")
        target = {"x-oss-symlink-target": link.metadata["x-oss-symlink-target"]}
        own = {"ETag": f'"{etag_of(link)}"', "Last-Modified": http_date(modified_at(link))}
        return Answer(200, target | own | version_header(call, link))


def append_object(call: Call) -> Answer:
    """AppendObject: creates an appendable object, or lengthens the one that is exactly `position` bytes long.

    Only the current version grows, and keeps its id; a request that names a version is refused, as documented (with
    which code is not confirmed). What an append to an archived object does is not documented; here it works.
    """
    request, store = call.request, call.store
    if request.version_id is not None:
        raise OssError(400, "InvalidArgument", "AppendObject does not take a versionId.")
    try:
        position = int(request.parameters["position"])
    except (KeyError, ValueError) as error:
        raise OssError(400, "InvalidArgument", "position must be a number.") from error
    headers = object_headers(request.headers, "Appendable")
    with store.lock:
        version = store.current(request.bucket, request.key)
        if version is not None and version.metadata["x-oss-object-type"] != "Appendable":
            raise OssError(409, "ObjectNotAppendable", "The object you specified is not appendable.")
        length = version.size if version else 0
        if position != length:
            expected = {"x-oss-next-append-position": str(length)}
            raise OssError(409, "PositionNotEqualToLength", f"Position is not {length}, the length.", expected)
        if version is None:
            version = write_object(call, request.body, headers)
            call.arrivals.clear()
        else:
            store.lengthen(version, request.body)
        arrival = Arrival(
            "AppendObject", request.bucket, request.key, etag_of(version), version.size, len(request.body), position
        )
        call.arrivals.append(arrival)
        return Answer(200, written_headers(call, version) | {"x-oss-next-append-position": str(version.size)})


def get_object(call: Call) -> Answer:
    """GetObject, with conditions and Range."""
    with call.store.lock:
        version = _named_version(call)
        answer = _describe(call, version)
        source = _followed(call, version)
        refuse_frozen(source)
        refuse_unreadable(call.identity, source)
        body = source.value
    span = read_range(call.request.headers.get("range"), len(body))
    if span is None:
        answer.body = body
    else:
        answer.status = 206
        answer.headers["Content-Range"] = f"bytes {span[0]}-{span[1]}/{len(body)}"
        answer.body = body[span[0] : span[1] + 1]
    answer.headers["Content-Length"] = str(len(answer.body))
    return answer


def head_object(call: Call) -> Answer:
    """HeadObject, and GetObjectMeta."""
    with call.store.lock:
        return _describe(call, _named_version(call))


def _describe(call: Call, version: FakeKey) -> Answer:
    source = _followed(call, version)
    modified = max(modified_at(version), modified_at(source))
    etag = etag_of(source)
    check_conditions(call.request.headers, etag, modified)
    headers = {name: value for name, value in version.metadata.items() if name not in _NOT_SHOWN + _OF_THE_TARGET}
    headers |= {name: source.metadata[name] for name in _OF_THE_TARGET if name in source.metadata}
    headers |= {"ETag": f'"{etag}"', "Last-Modified": http_date(modified), "Content-Length": str(source.size)}
    headers |= {"Accept-Ranges": "bytes"} | version_header(call, version)
    if restoration := restoration_of(source):
        headers["x-oss-restore"] = restoration
    tags = call.store.tags(version)
    resource = f"{call.request.bucket}/{call.request.key}"
    if tags and has_right(call.identity, "oss:GetObjectTagging", resource):
        headers["x-oss-tagging-count"] = str(len(tags))
    return Answer(200, headers)


def is_link(version: FakeKey) -> bool:
    """Tell whether this is a symbolic link."""
    return bool(version.metadata["x-oss-object-type"] == "Symlink")


def _followed(call: Call, version: FakeKey) -> FakeKey:
    """Give the object whose bytes are meant: a link's target, or the object itself."""
    if not is_link(version):
        return version
    target = call.store.current(call.request.bucket, unquote(version.metadata["x-oss-symlink-target"]))
    if target is None:
        raise OssError(404, "SymlinkTargetNotExist", "The symlink target object does not exist.")
    if is_link(target):
        raise OssError(400, "InvalidTargetType", "The symlink's target is a symlink itself.")
    return target


def delete_object(call: Call) -> Answer:
    """DeleteObject: 204 whether or not it was there."""
    with call.store.lock:
        return no_content(call.store.delete(call.request.bucket, call.request.key, call.request.version_id))


def get_object_acl(call: Call) -> Answer:
    """GetObjectAcl."""
    with call.store.lock:
        acl = _named_version(call).metadata["x-oss-object-acl"]
    owner = xml("Owner", text("ID", call.store.account_id), text("DisplayName", call.store.account_id))
    return xml_answer(xml("AccessControlPolicy", owner, xml("AccessControlList", text("Grant", acl))))


def put_object_acl(call: Call) -> Answer:
    """PutObjectAcl."""
    acl = read_acl(call.request.headers)
    with call.store.lock:
        version = _named_version(call)
        version.metadata["x-oss-object-acl"] = acl
        return Answer(200, version_header(call, version))


def get_object_tagging(call: Call) -> Answer:
    """GetObjectTagging; a link's tags are its own."""
    with call.store.lock:
        version = _named_version(call)
        answer = tagging_answer(call.store.tags(version))
        answer.headers |= version_header(call, version)
        return answer


def put_object_tagging(call: Call) -> Answer:
    """PutObjectTagging: replaces the whole set."""
    tags = read_tagging_xml(call.request.body)
    with call.store.lock:
        version = _named_version(call)
        call.store.set_tags(version, tags)
        return Answer(200, version_header(call, version))


def delete_object_tagging(call: Call) -> Answer:
    """DeleteObjectTagging."""
    with call.store.lock:
        version = _named_version(call)
        call.store.set_tags(version, {})
        return no_content(version_header(call, version))


def _named_version(call: Call) -> FakeKey:
    return call.store.find(call.request.bucket, call.request.key, call.request.version_id)
