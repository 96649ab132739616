"""OSS through oss2: the ports Store and Tags.

Facts of the OSS API used here (vendor's API reference, not tried on a live account): `versionId` names a version; a
HEAD on a deletion answers 404 with `x-oss-delete-marker`.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from typing import Any, TypeVar

import oss2
from oss2.models import Tagging, TaggingRule

from handler.adapters.oss.connection import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, OssConnection, call_once, translated
from handler.adapters.oss.errors import LINK_TARGET_CODES, PUBLIC_ENDPOINT_FORBIDDEN, code_of
from handler.credentials import Credentials
from handler.errors import ObjectGone, OperatorError, StoreUnavailable, WardenError
from handler.meter import Meter
from handler.ports import StoredObject, VersionPage

# The most that ListObjectVersions gives; its 100 unasked would let an uploader make a list as long as he likes.
VERSIONS_A_PAGE = 999
# Whoever may upload makes as many folders as he likes.
MOST_FOLDERS = 1000
KEPT_HEADERS = (
    "Content-Type",
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Expires",
)
META = "x-oss-meta-"
# `x-oss-server-side-encryption`, `…-key-id`, `x-oss-server-side-data-encryption`.
ENCRYPTION = "x-oss-server-side-"
# What `x-oss-restore` says of an archived object that can be read for a while.
THAWED = 'ongoing-request="false"'
Answer = TypeVar("Answer")
METHOD_NOT_ALLOWED = 405
HTTP_REFUSED = 300
CHECKED_LINK_S = 60


class OssStore:
    """The buckets of uploads and of the quarantine, as one identity sees them.

    `endpoint` serves the calls; `public_endpoint` is written into signed URLs, because the moderation service reads
    from outside the function's network; `custom_domains` (bucket to URL) go before it. `sleep` pauses between tries.
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
        custom_domains: Mapping[str, str] | None = None,
    ) -> None:
        self.connection = OssConnection(credentials, endpoint=endpoint, region=region, meter=meter, sleep=sleep)
        self._public_endpoint = public_endpoint
        self._custom_domains = custom_domains or {}
        # Buckets and folders in which this identity is known to be allowed to read tags: rights go by key.
        self._tags_readable: set[tuple[str, str]] = set()

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """See Store."""
        _refuse_dot_segments(bucket, key)
        params = {"versionId": version_id} if version_id is not None else None
        try:
            answer = self._call("look at", bucket, key, lambda: self._head(bucket, key, params))
        except ObjectGone as exc:
            if _leads_nowhere(exc):
                return self.link(bucket, key, version_id)
            return _delete_marker(bucket, key, exc)
        if answer is None:
            return None
        if not answer.etag:
            raise StoreUnavailable(f"could not look at {bucket}/{key!r}: the answer has no ETag, so it is not of OSS")
        return _stored(bucket, key, answer.headers)

    def link(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """See Store."""
        _refuse_dot_segments(bucket, key)
        params = {"versionId": version_id} if version_id is not None else None
        with suppress(ObjectGone):
            answer = self._call("read the link", bucket, key, lambda: self._symlink(bucket, key, params))
            return answer and _stored(bucket, key, {**answer.headers, "x-oss-object-type": "Symlink"})
        return None

    def versions(self, bucket: str, key: str, after: str | None = None) -> VersionPage:
        """See Store. Listed by prefix: the exact key sorts first among those that begin with it."""
        page = self._call("list the versions of", bucket, key, partial(self._list_page, bucket, key, after))
        versions = [_listed(bucket, version) for version in page.versions if version.key == key]
        goes_on = page.is_truncated and page.next_key_marker == key
        return VersionPage(versions, page.next_versionid_marker if goes_on else None)

    def acl(self, found: StoredObject) -> str:
        """See Store."""
        bucket = self._bucket(found.bucket)
        answer = self._call(
            "read the ACL of", found.bucket, found.key, lambda: bucket.get_object_acl(found.key, version_of(found))
        )
        return str(answer.acl)

    def delete(self, found: StoredObject) -> None:
        """See Store. Asked once where other bytes could meanwhile have come under the same name."""
        bucket = self._bucket(found.bucket)
        call = self._call if found.is_pinned else call_once
        with suppress(ObjectGone):
            call("delete", found.bucket, found.key, lambda: bucket.delete_object(found.key, version_of(found)))

    def sign(self, found: StoredObject, *, expires_s: int) -> str:
        """See Store. Signing is local: no call."""
        domain = self._custom_domains.get(found.bucket)
        bucket = self.connection.bucket(
            found.bucket, domain or self._public_endpoint, is_custom_domain=domain is not None
        )
        with translated("sign a link to", found.bucket, found.key):
            return str(bucket.sign_url("GET", found.key, expires_s, params=version_of(found), slash_safe=True))

    def check_link(self, found: StoredObject) -> None:
        """See Store."""
        try:
            self.read_by_link(found)
        except WardenError as exc:
            if code_of(exc) == PUBLIC_ENDPOINT_FORBIDDEN:
                raise

    def read_by_link(self, found: StoredObject) -> None:
        """Read the first byte by a signed URL, as whoever is given one does. Raises what any read does."""
        url = self.sign(found, expires_s=CHECKED_LINK_S)
        request = oss2.http.Request("GET", url, headers={"Range": "bytes=0-0"})
        with translated("read by a link", found.bucket, found.key):
            answer = self.connection.session.do_request(request, (CONNECT_TIMEOUT_S, READ_TIMEOUT_S))
            if answer.status >= HTTP_REFUSED:
                raise oss2.exceptions.make_exception(answer)
            answer.read()

    def read_tags(self, found: StoredObject, *, is_fresh: bool = False) -> dict[str, str]:
        """See Tags. HEAD counts them only for who may read them: once for each folder it is asked whether we may."""
        place = found.bucket, found.key.rpartition("/")[0]
        if is_fresh and not found.tag_count and place in self._tags_readable:
            return {}
        bucket = self._bucket(found.bucket)
        answer = self._call(
            "read the tags of", found.bucket, found.key, lambda: bucket.get_object_tagging(found.key, version_of(found))
        )
        if len(self._tags_readable) >= MOST_FOLDERS:
            self._tags_readable.clear()
        self._tags_readable.add(place)
        return dict(answer.tag_set.tagging_rule)

    def write_tags(self, found: StoredObject, tags: dict[str, str]) -> None:
        """See Tags."""
        bucket = self._bucket(found.bucket)

        def write() -> None:
            rule = TaggingRule()
            for key, value in tags.items():
                rule.add(key, value)
            bucket.put_object_tagging(found.key, Tagging(rule), params=version_of(found))

        self._call("tag", found.bucket, found.key, write)

    def _head(self, bucket: str, key: str, params: dict[str, str] | None) -> Any:  # noqa: ANN401  (an oss2 result)
        """Look; None where that version is a deletion (vendor's API reference, HeadObject: 405)."""
        try:
            return self._bucket(bucket).head_object(key, params=params)
        except oss2.exceptions.ServerError as exc:
            if params and exc.status == METHOD_NOT_ALLOWED:
                return None
            raise

    def _symlink(self, bucket: str, key: str, params: dict[str, str] | None) -> Any:  # noqa: ANN401  (an oss2 result)
        """Read the link; None where the key holds an object that is none."""
        try:
            return self._bucket(bucket).get_symlink(key, params=params)
        except oss2.exceptions.ServerError as exc:
            if exc.code == "NotSymlink":
                return None
            raise

    def _list_page(self, bucket: str, key: str, after: str | None) -> Any:  # noqa: ANN401  (an oss2 result)
        marker = {} if after is None else {"key_marker": key, "versionid_marker": after}
        return self._bucket(bucket).list_object_versions(prefix=key, max_keys=VERSIONS_A_PAGE, **marker)

    def _bucket(self, name: str) -> oss2.Bucket:
        return self.connection.bucket(name)

    def _call(self, doing: str, bucket: str, key: str, call: Callable[[], Answer]) -> Answer:
        return self.connection.call(doing, bucket, key, call)


def _refuse_dot_segments(bucket: str, key: str) -> None:
    """HTTP clients resolve `.` and `..` before they send: the call would name the bucket itself (RFC 3986, 5.2.4)."""
    if key in {".", ".."}:
        raise OperatorError(f"the key {key!r} in bucket {bucket} can't be named over HTTP; remove it by hand")


def version_of(found: StoredObject) -> dict[str, str] | None:
    """The parameter by which a call names exactly this version, where it has an id."""
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


def _listed(bucket: str, version: Any) -> StoredObject:  # noqa: ANN401  (oss2's)
    return StoredObject(
        bucket=bucket,
        key=version.key,
        etag=version.etag.strip('"').upper(),
        last_modified=formatdate(version.last_modified, usegmt=True),
        size_bytes=int(version.size),
        version_id=version.versionid,
        is_current=version.is_latest,
        object_type=version.type or "Normal",
    )


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
        storage_class=named.get("x-oss-storage-class", "Standard"),
        is_thawed=THAWED in named.get("x-oss-restore", ""),
        headers={name: named[name.lower()] for name in KEPT_HEADERS if name.lower() in named},
        metadata={name.removeprefix(META): value for name, value in named.items() if name.startswith(META)},
        encryption={name: value for name, value in named.items() if name.startswith(ENCRYPTION)},
    )
