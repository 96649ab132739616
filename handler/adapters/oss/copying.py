"""Copies into and out of quarantine: the port Quarantine.

Facts of the OSS API used here (vendor's API reference, not tried on a live account): CopyObject takes
`x-oss-copy-source-if-match` and `-if-unmodified-since`, copies at most 1 GB at once and only within a region.
"""

from contextlib import suppress
from urllib.parse import quote, urlencode

import oss2
from oss2.models import PartInfo

from handler.adapters.oss.store import META, OssStore, version_of
from handler.errors import CannotCopy, OperatorError, StoreUnavailable
from handler.ports import HeldCopy, StoredObject

# OSS copies up to 1 GB at once, but how fast is not said: this much in READ_TIMEOUT_S asks for 13 MB a second.
SINGLE_COPY_BYTES = 128 * 1024**2
PART_BYTES = SINGLE_COPY_BYTES
MOST_PARTS = 10_000


class OssQuarantine:
    """Writes copies of what the store sees, and verifies them."""

    def __init__(
        self, store: OssStore, *, single_copy_bytes: int = SINGLE_COPY_BYTES, part_bytes: int = PART_BYTES
    ) -> None:
        self._store = store
        self._connection = store.connection
        self._single_copy_bytes = single_copy_bytes
        self._part_bytes = part_bytes

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """See Quarantine."""
        copy = self._store.head(bucket, key)
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
        bucket = self._connection.bucket(copy.bucket)
        conditional = {**headers, **_only_if_unchanged(found), "x-oss-metadata-directive": "REPLACE"}
        conditional["x-oss-tagging-directive"] = "REPLACE"

        def copy_at_once() -> None:
            answer = bucket.copy_object(found.bucket, found.key, copy.key, conditional, version_of(found))
            # A connection whose answer was not read to its end is never used again.
            answer.resp.read()

        try:
            self._connection.call("copy", found.bucket, found.key, copy_at_once)
        except CannotCopy:
            self._read_and_write(found, copy, headers)

    def _read_and_write(self, found: StoredObject, copy: HeldCopy, headers: dict[str, str]) -> None:
        """Carry the bytes through the function, where OSS does not copy this kind of object by itself."""

        def carry() -> None:
            source = self._connection.bucket(found.bucket).get_object(
                found.key, headers={"If-Match": f'"{found.etag}"'}, params=version_of(found)
            )
            with source:
                # As stored: oss2 would unpack what its uploader declared to be gzip.
                body = oss2.utils.SizedFileAdapter(source.resp.response.raw, source.content_length)
                self._connection.bucket(copy.bucket).put_object(copy.key, body, headers)

        self._connection.call("copy", found.bucket, found.key, carry)

    def _copy_parts(self, found: StoredObject, copy: HeldCopy, headers: dict[str, str]) -> None:
        """Copy by ranges: above 1 GB OSS copies in no other way."""
        bucket = self._connection.bucket(copy.bucket)
        started = self._connection.call(
            "copy", copy.bucket, copy.key, lambda: bucket.init_multipart_upload(copy.key, _without_acl(headers))
        )
        try:
            parts = [
                self._copy_part(found, copy, started.upload_id, number, start)
                for number, start in enumerate(range(0, found.size_bytes, self._part_size(found)), start=1)
            ]
            self._connection.call(
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
        bucket = self._connection.bucket(copy.bucket)
        answer = self._connection.call(
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
                version_of(found),
            ),
        )
        return PartInfo(number, answer.etag)

    def _write_sidecar(self, copy: HeldCopy, sidecar: bytes) -> None:
        bucket = self._connection.bucket(copy.bucket)
        key = copy.key + ".metadata.json"
        headers = {"Content-Type": "application/json", "x-oss-object-acl": "private"}
        self._connection.call("write", copy.bucket, key, lambda: bucket.put_object(key, sidecar, headers))

    def _verify(self, found: StoredObject, copy: HeldCopy) -> None:
        """Read back what was written: a 200 to a copy can carry an error."""
        written = self._store.head(copy.bucket, copy.key)
        if written is None or written.size_bytes != found.size_bytes or not _same_sum(found, written):
            raise StoreUnavailable(
                f"the copy of {found.location!r} at {copy.bucket}/{copy.key!r} does not hold the same bytes; "
                "the source stays where it is"
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
