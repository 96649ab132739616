"""OSS through oss2: the ports Store, Tags and Quarantine.

Facts of the OSS API used here (vendor's API reference, not tried on a live account): CopyObject takes
`x-oss-copy-source-if-match` and `-if-unmodified-since`, copies at most 1 GB at once and only within a region;
`versionId` names a version; a HEAD on a deletion answers 404 with `x-oss-delete-marker`.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import oss2
from oss2.models import PartInfo, Tagging, TaggingRule

from handler.adapters.oss.connection import OssConnection, call_once, translated
from handler.adapters.oss.errors import LINK_TARGET_CODES
from handler.credentials import Credentials
from handler.errors import CannotCopy, ObjectGone, OperatorError, StoreUnavailable
from handler.meter import Meter
from handler.ports import HeldCopy, StoredObject

# OSS copies up to 1 GB at once, but how fast is not said: this much in READ_TIMEOUT_S asks for 13 MB a second.
SINGLE_COPY_BYTES = 128 * 1024**2
PART_BYTES = SINGLE_COPY_BYTES
MOST_PARTS = 10_000
# The most that ListObjectVersions gives; its 100 unasked would let an uploader make a list as long as he likes.
VERSIONS_A_PAGE = 999
KEPT_HEADERS = (
    "Content-Type",
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Expires",
)
META = "x-oss-meta-"
Answer = TypeVar("Answer")


class OssStore:
    """The watched buckets and the quarantine bucket, as one identity sees them.

    `endpoint` serves the calls; `public_endpoint` is written into signed URLs, because the moderation service reads
    from outside the function's network. `sleep` pauses between tries.
    """

    def __init__(  # noqa: PLR0913  (the composition root names each)
        self,
        credentials: Credentials,
        *,
        endpoint: str,
        public_endpoint: str,
        region: str,
        meter: Meter,
        sleep: Callable[[float], None],
        single_copy_bytes: int = SINGLE_COPY_BYTES,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._connection = OssConnection(credentials, endpoint=endpoint, region=region, meter=meter, sleep=sleep)
        self._session = self._connection.session
        self._public_endpoint = public_endpoint
        self._single_copy_bytes = single_copy_bytes
        self._part_bytes = part_bytes

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """See Store."""
        _refuse_dot_segments(bucket, key)
        params = {"versionId": version_id} if version_id is not None else None
        try:
            answer = self._call("look at", bucket, key, lambda: self._bucket(bucket).head_object(key, params=params))
        except ObjectGone as exc:
            if _leads_nowhere(exc):
                return self._link(bucket, key, params)
            return _delete_marker(bucket, key, exc)
        if not answer.etag:
            raise StoreUnavailable(f"could not look at {bucket}/{key!r}: the answer has no ETag, so it is not of OSS")
        return _stored(bucket, key, answer.headers)

    def link(self, bucket: str, key: str) -> StoredObject | None:
        """See Store."""
        _refuse_dot_segments(bucket, key)
        return self._link(bucket, key, None)

    def versions(self, bucket: str, key: str) -> list[StoredObject]:
        """See Store."""
        return [
            StoredObject(
                bucket=bucket,
                key=key,
                etag=version.etag.strip('"').upper(),
                last_modified=formatdate(version.last_modified, usegmt=True),
                size_bytes=int(version.size),
                version_id=version.versionid,
                is_current=version.is_latest,
                object_type=version.type or "Normal",
            )
            for version in self._list_versions(bucket, key)
        ]

    def delete(self, found: StoredObject) -> None:
        """See Store. Asked once where other bytes could meanwhile have come under the same name."""
        bucket = self._bucket(found.bucket)
        call = self._call if found.is_pinned else call_once
        with suppress(ObjectGone):
            call("delete", found.bucket, found.key, lambda: bucket.delete_object(found.key, _version(found)))

    def sign(self, found: StoredObject, *, expires_s: int) -> str:
        """See Store. Signing is local: no call."""
        bucket = self._bucket(found.bucket, self._public_endpoint)
        with translated("sign a link to", found.bucket, found.key):
            return str(bucket.sign_url("GET", found.key, expires_s, params=_version(found), slash_safe=True))

    def read_tags(self, found: StoredObject) -> dict[str, str]:
        """See Tags."""
        bucket = self._bucket(found.bucket)
        answer = self._call(
            "read the tags of", found.bucket, found.key, lambda: bucket.get_object_tagging(found.key, _version(found))
        )
        return dict(answer.tag_set.tagging_rule)

    def write_tags(self, found: StoredObject, tags: dict[str, str]) -> None:
        """See Tags."""
        bucket = self._bucket(found.bucket)

        def write() -> None:
            rule = TaggingRule()
            for key, value in tags.items():
                rule.add(key, value)
            bucket.put_object_tagging(found.key, Tagging(rule), params=_version(found))

        self._call("tag", found.bucket, found.key, write)

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """See Quarantine."""
        copy = self.head(bucket, key)
        return None if copy is None or copy.is_deletion else copy

    def hold(self, found: StoredObject, copy: HeldCopy) -> str | None:
        """See Quarantine."""
        if copy.sidecar is not None:
            self._write_sidecar(copy, copy.sidecar)
        note = self._copy_tagged(found, copy)
        self._verify(found, copy)
        return note

    def _copy_tagged(self, found: StoredObject, copy: HeldCopy) -> str | None:
        """Copy with tags; without them where OSS refuses: a tag never stops a quarantine."""
        try:
            self._copy(found, copy, _headers(copy, copy.tags))
        except OperatorError as exc:
            self._copy(found, copy, _headers(copy, {}))
            return f"the copy is untagged: {exc}"
        return None

    def _copy(self, found: StoredObject, copy: HeldCopy, headers: dict[str, str]) -> None:
        if found.size_bytes > self._single_copy_bytes:
            self._copy_parts(found, copy, headers)
            return
        bucket = self._bucket(copy.bucket)
        conditional = {**headers, **_only_if_unchanged(found), "x-oss-metadata-directive": "REPLACE"}
        conditional["x-oss-tagging-directive"] = "REPLACE"

        def copy_at_once() -> None:
            answer = bucket.copy_object(found.bucket, found.key, copy.key, conditional, _version(found))
            # A connection whose answer was not read to its end is never used again.
            answer.resp.read()

        try:
            self._call("copy", found.bucket, found.key, copy_at_once)
        except CannotCopy:
            self._read_and_write(found, copy, headers)

    def _read_and_write(self, found: StoredObject, copy: HeldCopy, headers: dict[str, str]) -> None:
        """Carry the bytes through the function, where OSS does not copy this kind of object by itself."""

        def carry() -> None:
            source = self._bucket(found.bucket).get_object(
                found.key, headers={"If-Match": f'"{found.etag}"'}, params=_version(found)
            )
            with source:
                # As stored: oss2 would unpack what its uploader declared to be gzip.
                body = oss2.utils.SizedFileAdapter(source.resp.response.raw, source.content_length)
                self._bucket(copy.bucket).put_object(copy.key, body, headers)

        self._call("copy", found.bucket, found.key, carry)

    def _copy_parts(self, found: StoredObject, copy: HeldCopy, headers: dict[str, str]) -> None:
        """Copy by ranges: above 1 GB OSS copies in no other way."""
        bucket = self._bucket(copy.bucket)
        started = self._call(
            "copy", copy.bucket, copy.key, lambda: bucket.init_multipart_upload(copy.key, _without_acl(headers))
        )
        try:
            parts = [
                self._copy_part(found, copy, started.upload_id, number, start)
                for number, start in enumerate(range(0, found.size_bytes, self._part_size(found)), start=1)
            ]
            self._call(
                "copy",
                copy.bucket,
                copy.key,
                lambda: bucket.complete_multipart_upload(
                    copy.key, started.upload_id, parts, headers=_completion_headers(copy)
                ),
            )
        except BaseException:
            # Parts that nobody completes are billed for ever.
            with suppress(oss2.exceptions.OssError):
                bucket.abort_multipart_upload(copy.key, started.upload_id)
            raise

    def _part_size(self, found: StoredObject) -> int:
        return max(self._part_bytes, -(-found.size_bytes // MOST_PARTS))

    def _copy_part(self, found: StoredObject, copy: HeldCopy, upload_id: str, number: int, start: int) -> PartInfo:
        end = min(start + self._part_size(found), found.size_bytes) - 1
        bucket = self._bucket(copy.bucket)
        answer = self._call(
            "copy",
            found.bucket,
            found.key,
            lambda: bucket.upload_part_copy(
                found.bucket,
                found.key,
                (start, end),
                copy.key,
                upload_id,
                number,
                _only_if_unchanged(found),
                _version(found),
            ),
        )
        return PartInfo(number, answer.etag)

    def _write_sidecar(self, copy: HeldCopy, sidecar: bytes) -> None:
        bucket = self._bucket(copy.bucket)
        key = copy.key + ".metadata.json"
        headers = {"Content-Type": "application/json", "x-oss-object-acl": "private"}
        self._call("write", copy.bucket, key, lambda: bucket.put_object(key, sidecar, headers))

    def _verify(self, found: StoredObject, copy: HeldCopy) -> None:
        """Read back what was written: a 200 to a copy can carry an error."""
        written = self.head(copy.bucket, copy.key)
        if written is None or written.size_bytes != found.size_bytes or not _same_sum(found, written):
            raise StoreUnavailable(
                f"the copy of {found.location!r} at {copy.bucket}/{copy.key!r} does not hold the same bytes; "
                "the source stays where it is"
            )

    def _link(self, bucket: str, key: str, params: dict[str, str] | None) -> StoredObject | None:
        with suppress(ObjectGone):
            answer = self._call("read the link", bucket, key, lambda: self._symlink(bucket, key, params))
            return answer and _stored(bucket, key, {**answer.headers, "x-oss-object-type": "Symlink"})
        return None

    def _symlink(self, bucket: str, key: str, params: dict[str, str] | None) -> Any:  # noqa: ANN401  (an oss2 result)
        """Read the link; None where the key holds an object that is none."""
        try:
            return self._bucket(bucket).get_symlink(key, params=params)
        except oss2.exceptions.ServerError as exc:
            if exc.code == "NotSymlink":
                return None
            raise

    def _list_versions(self, bucket: str, key: str) -> Iterator[Any]:
        """List by prefix; the exact key sorts first among those that begin with it."""
        key_marker = version_marker = ""
        while True:
            list_page = partial(
                self._bucket(bucket).list_object_versions,
                prefix=key,
                max_keys=VERSIONS_A_PAGE,
                key_marker=key_marker,
                versionid_marker=version_marker,
            )
            page = self._call("list the versions of", bucket, key, list_page)
            yield from (version for version in page.versions if version.key == key)
            if not page.is_truncated or page.next_key_marker != key:
                return
            key_marker, version_marker = page.next_key_marker, page.next_versionid_marker

    def _bucket(self, name: str, endpoint: str | None = None) -> oss2.Bucket:
        return self._connection.bucket(name, endpoint)

    def _call(self, doing: str, bucket: str, key: str, call: Callable[[], Answer]) -> Answer:
        return self._connection.call(doing, bucket, key, call)


def _refuse_dot_segments(bucket: str, key: str) -> None:
    """HTTP clients resolve `.` and `..` before they send: the call would name the bucket itself (RFC 3986, 5.2.4)."""
    if key in {".", ".."}:
        raise OperatorError(f"the key {key!r} in bucket {bucket} can't be named over HTTP; remove it by hand")


def _version(found: StoredObject) -> dict[str, str] | None:
    return {"versionId": found.version_id} if found.version_id is not None else None


def _delete_marker(bucket: str, key: str, exc: ObjectGone) -> StoredObject | None:
    """Tell a deletion in a versioned bucket, which hides older bytes, from a key that holds nothing."""
    headers = getattr(exc.__cause__, "headers", {})
    if headers.get("x-oss-delete-marker") != "true":
        return None
    return StoredObject(bucket, key, "", "", 0, version_id=headers.get("x-oss-version-id"), object_type="DeleteMarker")


def _leads_nowhere(exc: ObjectGone) -> bool:
    """Whether the key holds a link without a target, which hides what lies below it as a deletion does."""
    return getattr(exc.__cause__, "code", None) in LINK_TARGET_CODES


def _stored(bucket: str, key: str, headers: Any) -> StoredObject:  # noqa: ANN401  (requests' headers)
    named = {name.lower(): str(value) for name, value in headers.items()}
    return StoredObject(
        bucket=bucket,
        key=key,
        etag=named.get("etag", "").strip('"').upper(),
        last_modified=named.get("last-modified", ""),
        size_bytes=int(named.get("content-length", 0)),
        version_id=named.get("x-oss-version-id"),
        object_type=named.get("x-oss-object-type", "Normal"),
        crc64=named.get("x-oss-hash-crc64ecma"),
        tag_count=int(named.get("x-oss-tagging-count", 0)),
        headers={name: named[name.lower()] for name in KEPT_HEADERS if name.lower() in named},
        metadata={name.removeprefix(META): value for name, value in named.items() if name.startswith(META)},
    )


def _headers(copy: HeldCopy, tags: dict[str, str]) -> dict[str, str]:
    """Everything that travels with the bytes; a copy must restate it all to add to it."""
    headers = {**copy.headers, **{META + name: value for name, value in copy.metadata.items()}}
    headers["x-oss-object-acl"] = copy.acl
    if copy.is_new:
        headers["x-oss-forbid-overwrite"] = "true"
    if tags:
        headers["x-oss-tagging"] = urlencode(tags, quote_via=quote)
    return headers


def _completion_headers(copy: HeldCopy) -> dict[str, str]:
    forbid = {"x-oss-forbid-overwrite": "true"} if copy.is_new else {}
    return {"x-oss-object-acl": copy.acl, **forbid}


def _without_acl(headers: dict[str, str]) -> dict[str, str]:
    """InitiateMultipartUpload takes no ACL; CompleteMultipartUpload does."""
    return {name: value for name, value in headers.items() if name != "x-oss-object-acl"}


def _only_if_unchanged(found: StoredObject) -> dict[str, str]:
    conditions = {"x-oss-copy-source-if-match": f'"{found.etag}"'}
    if not found.is_pinned:
        conditions["x-oss-copy-source-if-unmodified-since"] = found.last_modified
    return conditions


def _same_sum(one: StoredObject, other: StoredObject) -> bool:
    """By CRC-64; by etag where OSS gave none (the etag of a copy made in parts differs)."""
    if one.crc64 is not None and other.crc64 is not None:
        return one.crc64 == other.crc64
    return one.etag == other.etag
