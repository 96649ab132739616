"""The operations on a bucket: its listings, versioning and description."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote
from xml.etree import ElementTree as ET

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from scripts.localcloud.oss.archive import restoration_of
from scripts.localcloud.oss.call import Call, no_content
from scripts.localcloud.oss.protocol import Answer, OssError, text, xml, xml_answer
from scripts.localcloud.oss.store import NULL_VERSION, Version, etag_of, modified_at

MAX_KEYS = 1000
_VERSIONING = frozenset({"Enabled", "Suspended"})

Encode = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Row:
    """One entry of a listing of versions: a version, a delete marker, or a folder (which has no version)."""

    key: str
    version: Version | None
    is_latest: bool


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
        grant = call.store.settings.get((bucket.name, "Acl"), "private")
    acl = xml("AccessControlList", text("Grant", grant))
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
    encode, page_size = read_encoding(call), _page_size(call)
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
    """ListObjectVersions: keys in byte order, of each the newest version first. A page may part a key's versions.

    `max-keys` counts versions, delete markers and folders alike. Raises OssError 400 InvalidArgument for a
    version-id-marker without a key-marker.
    """
    asked, encode, page_size = call.request.parameters, read_encoding(call), _page_size(call)
    marker, version_marker = asked.get("key-marker", ""), asked.get("version-id-marker", "")
    if version_marker and not marker:
        raise OssError(400, "InvalidArgument", "A version-id-marker cannot be specified without a key-marker.")
    with call.store.lock:
        rows = list(islice(_version_rows(call, marker, version_marker), page_size + 1))
        truncated, page = len(rows) > page_size, rows[:page_size]
        shown = [_describe_version(call, row, encode) for row in page]
    fields = [
        *_asked_fields(call, encode),
        text("IsTruncated", str(truncated).lower()),
        text("KeyMarker", encode(marker)),
        text("VersionIdMarker", encode(version_marker)),
    ]
    if truncated:
        last = page[-1]
        version_id = last.version.version_id if last.version else ""
        fields += [text("NextKeyMarker", encode(last.key)), text("NextVersionIdMarker", encode(version_id))]
    return xml_answer(xml("ListVersionsResult", *fields, *shown))


def _version_rows(call: Call, marker: str, version_marker: str) -> Iterator[_Row]:
    """Go through what a listing of versions shows after both markers; nothing is described yet."""
    for key, versions in _fold(call.store.iterate(call.request.bucket), call, marker, inclusive=bool(version_marker)):
        if not versions:
            yield _Row(key, None, is_latest=False)
        seen = _count_seen(versions, version_marker) if key == marker else 0
        for number in range(seen, len(versions)):
            yield _Row(key, versions[-1 - number], is_latest=number == 0)


def _count_seen(versions: list[Version], version_marker: str) -> int:
    """Count the versions (newest first) up to and with the marker's.

    What a marker means whose version is gone by now is not documented. Here the page begins with the first one that
    is older: our ids grow with time. A null version has no such place, so without it the key begins again.
    """
    place = next((n for n, version in enumerate(reversed(versions), 1) if version.version_id == version_marker), None)
    if place is not None:
        return place
    newer = (version.version_id != NULL_VERSION and version.version_id > version_marker for version in versions)
    return 0 if version_marker == NULL_VERSION else sum(newer)


def _describe_version(call: Call, row: _Row, encode: Encode) -> str:
    if row.version is None:
        return xml("CommonPrefixes", text("Prefix", encode(row.key)))
    tag = "DeleteMarker" if isinstance(row.version, FakeDeleteMarker) else "Version"
    more = text("VersionId", row.version.version_id), text("IsLatest", str(row.is_latest).lower())
    return _describe(call, tag, row.key, row.version, encode, *more)


def _fold(
    entries: Iterable[tuple[str, list[Version]]], call: Call, marker: str, *, inclusive: bool = False
) -> Iterator[tuple[str, list[Version]]]:
    """Keep what has the prefix and comes after the marker; fold at the delimiter. A folder has no versions.

    An inclusive marker lets its own key through, but never a folder of that name: that was shown whole.
    """
    prefix, delimiter = call.request.parameters.get("prefix", ""), call.request.parameters.get("delimiter", "")
    last_folder = ""
    for key, versions in entries:
        if not key.startswith(prefix):
            continue
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        name = prefix + head + found if found else key
        passed = name.encode() < marker.encode() or (name == marker and not (inclusive and not found))
        if passed or (found and name == last_folder):
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
        restoration = restoration_of(version)
        fields += [text("RestoreInfo", restoration)] if restoration else []
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


def read_encoding(call: Call) -> Encode:
    """Read how the names of a listing are to be written."""
    if call.request.parameters.get("encoding-type") == "url":
        return lambda name: quote(name, safe="")
    return str


def read_page_size(call: Call, name: str, most: int, usual: int | None = None) -> int:
    """Read how much a page may hold. Raises OssError 400 InvalidArgument for none, or for more than the most."""
    value = call.request.parameters.get(name, str(usual or most))
    if not value.isdecimal() or not 0 < int(value) <= most:
        raise OssError(400, "InvalidArgument", f"{name} must be a number from 1 to {most}, not {value!r}.")
    return int(value)


def _page_size(call: Call) -> int:
    return read_page_size(call, "max-keys", MAX_KEYS, usual=100)


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
