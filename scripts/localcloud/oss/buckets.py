"""The operations on a bucket: its listings, versioning and description."""

from collections.abc import Callable, Iterable
from itertools import islice
from urllib.parse import quote
from xml.etree import ElementTree as ET

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from scripts.localcloud.oss.call import Call, no_content
from scripts.localcloud.oss.protocol import Answer, OssError, text, xml, xml_answer
from scripts.localcloud.oss.store import Version, etag_of, modified_at

MAX_KEYS = 1000
_VERSIONING = frozenset({"Enabled", "Suspended"})

Encode = Callable[[str], str]


def list_buckets(call: Call) -> Answer:
    """ListBuckets."""
    with call.store.lock:
        entries = [_bucket_fields(call, bucket) for bucket in call.store.buckets()]
    return xml_answer(
        xml("ListAllMyBucketsResult", _owner(call), xml("Buckets", *(xml("Bucket", *e) for e in entries)))
    )


def put_bucket(call: Call) -> Answer:
    """PutBucket."""
    call.store.create_bucket(call.request.bucket)
    return Answer(200)


def delete_bucket(call: Call) -> Answer:
    """DeleteBucket."""
    with call.store.lock:
        call.store.delete_bucket(call.request.bucket)
    return no_content()


def get_bucket_info(call: Call) -> Answer:
    """GetBucketInfo; Versioning is absent where it was never set, as with OSS."""
    with call.store.lock:
        bucket = call.store.bucket(call.request.bucket)
        fields = _bucket_fields(call, bucket)
        versioning = [text("Versioning", bucket.versioning_status)] if bucket.versioning_status else []
    acl = xml("AccessControlList", text("Grant", "private"))
    return xml_answer(xml("BucketInfo", xml("Bucket", *fields, _owner(call), acl, *versioning)))


def get_bucket_location(call: Call) -> Answer:
    """GetBucketLocation."""
    with call.store.lock:
        call.store.bucket(call.request.bucket)
    return xml_answer(text("LocationConstraint", f"oss-{call.store.region}"))


def get_bucket_versioning(call: Call) -> Answer:
    """GetBucketVersioning: Enabled, Suspended, or nothing where it was never set."""
    with call.store.lock:
        status = call.store.bucket(call.request.bucket).versioning_status
    return xml_answer(xml("VersioningConfiguration", *([text("Status", status)] if status else [])))


def put_bucket_versioning(call: Call) -> Answer:
    """PutBucketVersioning."""
    try:
        status = ET.fromstring(call.request.body).findtext("Status", "")  # noqa: S314 -- our own tests and demos
    except ET.ParseError as error:
        raise OssError(400, "MalformedXML", "The XML you provided was not well-formed.") from error
    if status not in _VERSIONING:
        raise OssError(400, "InvalidArgument", f"Versioning may be Enabled or Suspended, not {status!r}.")
    with call.store.lock:
        call.store.bucket(call.request.bucket).versioning_status = status
    return Answer(200)


def list_objects(call: Call) -> Answer:
    """ListObjects and ListObjectsV2: keys in byte order, folded at the delimiter, paged."""
    is_v2 = call.operation == "ListObjectsV2"
    asked = call.request.parameters
    marker = (asked.get("continuation-token") or asked.get("start-after", "")) if is_v2 else asked.get("marker", "")
    encode, page_size = _encoding(call), _page_size(call)
    with call.store.lock:
        current = ((key, versions[-1:]) for key, versions in call.store.iterate(call.request.bucket))
        entries = _fold(((key, kept) for key, kept in current if isinstance(kept[0], FakeKey)), call, marker)
        page = list(islice(entries, page_size + 1))
        truncated, page = len(page) > page_size, page[:page_size]
        contents = [_describe(call, "Contents", key, v[0], encode) for key, v in page if v]
    folders = [xml("CommonPrefixes", text("Prefix", encode(folder))) for folder, versions in page if not versions]
    fields = [*_asked_fields(call, encode), text("IsTruncated", str(truncated).lower())]
    if is_v2:
        fields.append(text("KeyCount", len(page)))
    else:
        fields.append(text("Marker", encode(marker)))
    if truncated:
        fields.append(text("NextContinuationToken" if is_v2 else "NextMarker", encode(page[-1][0])))
    return xml_answer(xml("ListBucketResult", *fields, *contents, *folders))


def list_object_versions(call: Call) -> Answer:
    """ListObjectVersions: keys in byte order, of each the newest version first. Pages never part a key's versions."""
    asked, encode, page_size = call.request.parameters, _encoding(call), _page_size(call)
    marker = asked.get("key-marker", "")
    shown: list[str] = []
    last, count, truncated = "", 0, False
    with call.store.lock:
        for key, versions in _fold(call.store.iterate(call.request.bucket), call, marker):
            if count >= page_size:
                truncated = True
                break
            shown += _version_fields(call, key, versions, encode)
            last, count = key, count + max(1, len(versions))
    fields = [
        *_asked_fields(call, encode),
        text("IsTruncated", str(truncated).lower()),
        text("KeyMarker", encode(marker)),
        text("VersionIdMarker", asked.get("version-id-marker", "")),
    ]
    if truncated:
        fields += [text("NextKeyMarker", encode(last)), text("NextVersionIdMarker", "")]
    return xml_answer(xml("ListVersionsResult", *fields, *shown))


def _version_fields(call: Call, key: str, versions: list[Version], encode: Encode) -> list[str]:
    if not versions:
        return [xml("CommonPrefixes", text("Prefix", encode(key)))]
    shown = []
    for version in reversed(versions):
        tag = "DeleteMarker" if isinstance(version, FakeDeleteMarker) else "Version"
        latest = text("IsLatest", str(version is versions[-1]).lower())
        shown.append(_describe(call, tag, key, version, encode, text("VersionId", version.version_id), latest))
    return shown


def _fold(entries: Iterable[tuple[str, list[Version]]], call: Call, marker: str) -> Iterable[tuple[str, list[Version]]]:
    """Keep what has the prefix and comes after the marker; fold at the delimiter. A folder has no versions."""
    prefix, delimiter = call.request.parameters.get("prefix", ""), call.request.parameters.get("delimiter", "")
    last_folder = ""
    for key, versions in entries:
        if not key.startswith(prefix):
            continue
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        name = prefix + head + found if found else key
        if name.encode() <= marker.encode() or (found and name == last_folder):
            continue
        last_folder = name if found else last_folder
        yield name, [] if found else versions


def _describe(call: Call, tag: str, key: str, version: Version, encode: Encode, *more: str) -> str:
    fields = [text("Key", encode(key)), *more]
    fields.append(text("LastModified", modified_at(version).strftime("%Y-%m-%dT%H:%M:%S.000Z")))
    if isinstance(version, FakeKey):
        fields += [
            text("ETag", f'"{etag_of(version)}"'),
            text("Type", version.metadata["x-oss-object-type"]),
            text("Size", version.size),
            text("StorageClass", version.metadata["x-oss-storage-class"]),
        ]
    return xml(tag, *fields, _owner(call))


def _asked_fields(call: Call, encode: Encode) -> list[str]:
    asked = call.request.parameters
    fields = [
        text("Name", call.request.bucket),
        text("Prefix", encode(asked.get("prefix", ""))),
        text("MaxKeys", _page_size(call)),
        text("Delimiter", encode(asked.get("delimiter", ""))),
    ]
    return [*fields, text("EncodingType", "url")] if asked.get("encoding-type") == "url" else fields


def _encoding(call: Call) -> Encode:
    if call.request.parameters.get("encoding-type") == "url":
        return lambda name: quote(name, safe="")
    return str


def _page_size(call: Call) -> int:
    value = call.request.parameters.get("max-keys", "100")
    if not value.isdecimal() or not 0 < int(value) <= MAX_KEYS:
        raise OssError(400, "InvalidArgument", f"max-keys must be a number from 1 to {MAX_KEYS}, not {value!r}.")
    return int(value)


def _bucket_fields(call: Call, bucket: FakeBucket) -> list[str]:
    region = call.store.region
    return [
        text("Name", bucket.name),
        text("Location", f"oss-{region}"),
        text("Region", region),
        text("CreationDate", bucket.creation_date.strftime("%Y-%m-%dT%H:%M:%S.000Z")),
        text("StorageClass", "Standard"),
        text("ExtranetEndpoint", f"oss-{region}.aliyuncs.com"),
        text("IntranetEndpoint", f"oss-{region}-internal.aliyuncs.com"),
    ]


def _owner(call: Call) -> str:
    return xml("Owner", text("ID", call.store.account_id), text("DisplayName", call.store.account_id))
