"""Copies in parts, which the next delivery carries on.

Facts of the OSS API used here (vendor's API reference, not tried on a live account): an unfinished upload keeps its
parts until it is completed or aborted. An object has at most 10,000 parts of 5 GB, all but the last of 100 KB or more.
UploadPartCopy takes the conditions of CopyObject. InitiateMultipartUpload and CompleteMultipartUpload take
`x-oss-forbid-overwrite`; an ACL is for the latter. ListMultipartUploads lists by key, ListParts 1,000 a page.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from hashlib import sha256

import oss2
from oss2.models import PartInfo

from handler.adapters.oss.asking import (
    FORBID_OVERWRITE,
    copied_by,
    copy_conditions,
    copy_or_carry,
    is_taken,
    open_bytes,
    send_tagged,
)
from handler.adapters.oss.connection import OssConnection, call_once, translated
from handler.adapters.oss.store import version_of
from handler.errors import CannotCopy, ObjectChanged, ObjectGone, StoreUnavailable, WardenError
from handler.ports import Copied, HeldCopy, StoredObject

# With what is added to it (SPREAD), no part is larger than what is copied at once.
PART_BYTES = 112 * 1024**2
MOST_PARTS = 10_000
LARGEST_PART_BYTES = 5 * 1024**3
# A part is larger than the least size by up to so much of it, which says of which source it is.
SPREAD = 8
PARTS_A_PAGE = 1000
# The key itself sorts before all that begin with it, and a delivery begins an upload only where it finds none.
UPLOADS_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload that was begun and not completed, and when: in seconds since 1970 by the clock of OSS."""

    begun_at: int
    upload_id: str


class PartsCopier:
    """Copies in parts. `resumes`: what a killed or late delivery left is carried on, and left for the next one."""

    def __init__(self, connection: OssConnection, *, part_bytes: int, resumes: bool) -> None:
        self._connection = connection
        self._part_bytes = part_bytes
        self._resumes = resumes

    def unfinished(self, copy: HeldCopy) -> list[Unfinished]:
        """The unfinished uploads of exactly this copy, in their fixed order: who was first has most of its parts."""
        if not self._resumes:
            return []
        bucket = self._connection.bucket(copy.bucket)
        page = self._connection.call(
            "list the unfinished copies of",
            copy.bucket,
            copy.key,
            lambda: bucket.list_multipart_uploads(prefix=copy.key, max_uploads=UPLOADS_A_PAGE),
        )
        begun = [
            Unfinished(int(upload.initiation_date), upload.upload_id)
            for upload in page.upload_list
            if upload.key == copy.key
        ]
        return sorted(begun, key=lambda upload: (upload.begun_at, upload.upload_id))

    def abort(self, copy: HeldCopy, uploads: list[Unfinished]) -> None:
        """Give up uploads that can never be finished: parts that nobody completes are billed for ever."""
        bucket = self._connection.bucket(copy.bucket)
        for upload in uploads:
            with suppress(WardenError):
                abort = partial(bucket.abort_multipart_upload, copy.key, upload.upload_id)
                call_once("abort the copy to", copy.bucket, copy.key, abort)

    def copy(
        self, found: StoredObject, copy: HeldCopy, unfinished: list[Unfinished], keep_going: Callable[[], None]
    ) -> Copied:
        """Go on with the first of these uploads that fits, or begin one; what does not fit is given up.

        Where the copy was completed already, nothing is known of the request. An upload that was carried on has the
        tags with which it was begun, if any, and no note of them.
        """
        upload, parts, note = self._resume(found, copy, unfinished) or self._begin(copy)
        try:
            copied = self._complete(copy, upload, self._send_missing(found, copy, upload, parts, keep_going))
        except BaseException as exc:
            if not self._resumes or isinstance(exc, ObjectChanged | ObjectGone | CannotCopy) or is_taken(exc):
                self.abort(copy, [upload])
            raise
        if upload in unfinished:
            self.abort(copy, unfinished[unfinished.index(upload) + 1 :])
        return replace(copied, note=note, is_tagged=note is None and upload not in unfinished)

    def part_bytes(self, found: StoredObject) -> int:
        """How large each part but the last is: always the same for a source, and another for another source.

        So that parts of other bytes are never carried on: two deliveries may mean the same place and not the same
        source, after an overwrite or with twins.
        """
        least = max(self._part_bytes, -(-found.size_bytes // MOST_PARTS))
        facts = (found.location, found.version_id or "null", found.etag, found.last_modified)
        digest = sha256("\n".join(facts).encode()).digest()
        spread = min(least // SPREAD, max(LARGEST_PART_BYTES - least, 0))
        return least + int.from_bytes(digest[:8], "big") % (spread + 1)

    def _spans(self, found: StoredObject) -> list[tuple[int, int]]:
        """Where each part begins, and its size."""
        size_bytes = self.part_bytes(found)
        return [(start, min(size_bytes, found.size_bytes - start)) for start in range(0, found.size_bytes, size_bytes)]

    def _begin(self, copy: HeldCopy) -> tuple[Unfinished, dict[int, PartInfo], str | None]:
        bucket = self._connection.bucket(copy.bucket)

        def begin(headers: dict[str, str]) -> str:
            own = {name: value for name, value in headers.items() if name != "x-oss-object-acl"}
            started = self._connection.call(
                "copy", copy.bucket, copy.key, lambda: bucket.init_multipart_upload(copy.key, own)
            )
            return str(started.upload_id)

        upload_id, note = send_tagged(copy, begin)
        return Unfinished(0, upload_id), {}, note

    def _resume(
        self, found: StoredObject, copy: HeldCopy, unfinished: list[Unfinished]
    ) -> tuple[Unfinished, dict[int, PartInfo], str | None] | None:
        for upload in unfinished:
            parts = self._list_parts(copy, upload)
            if self._fits(found, upload, parts):
                return upload, parts, None
            self.abort(copy, [upload])
        return None

    def _fits(self, found: StoredObject, upload: Unfinished, parts: dict[int, PartInfo]) -> bool:
        """Whether all parts are of this source.

        What is not pinned is read only as it was last written; no part from before can be of it, whoever made the
        sizes agree.
        """
        with translated("read the date of", found.bucket, found.key):
            if not found.is_pinned and upload.begun_at < parsedate_to_datetime(found.last_modified).timestamp():
                return False
        sizes = {number: size for number, (_, size) in enumerate(self._spans(found), start=1)}
        return all(sizes.get(number) == part.size for number, part in parts.items())

    def _list_parts(self, copy: HeldCopy, upload: Unfinished) -> dict[int, PartInfo]:
        """All parts by number, in at most MOST_PARTS / PARTS_A_PAGE calls."""
        bucket = self._connection.bucket(copy.bucket)
        parts: dict[int, PartInfo] = {}
        marker: str | None = ""
        while marker is not None:
            read = partial(bucket.list_parts, copy.key, upload.upload_id, marker=marker, max_parts=PARTS_A_PAGE)
            page = self._connection.call("list the parts of", copy.bucket, copy.key, read)
            parts |= {part.part_number: part for part in page.parts}
            marker = page.next_marker if page.is_truncated else None
        return parts

    def _send_missing(
        self,
        found: StoredObject,
        copy: HeldCopy,
        upload: Unfinished,
        parts: dict[int, PartInfo],
        keep_going: Callable[[], None],
    ) -> list[PartInfo]:
        spans, there = self._spans(found), dict(parts)
        try:
            for number, span in enumerate(spans, start=1):
                if number not in there:
                    keep_going()
                    there[number] = self._send(found, copy, upload, number, span)
            keep_going()
        except StoreUnavailable as exc:
            if not self._resumes:
                raise
            progress = f"{len(there)} of {len(spans)} parts are copied; the next delivery goes on"
            raise StoreUnavailable(f"{exc}; {progress}") from exc
        return [there[number] for number in sorted(there)]

    def _send(
        self, found: StoredObject, copy: HeldCopy, upload: Unfinished, number: int, span: tuple[int, int]
    ) -> PartInfo:
        """Copy a part, or read and write it."""
        bucket, (start, size_bytes) = self._connection.bucket(copy.bucket), span

        def copy_it() -> str:
            answer = bucket.upload_part_copy(
                found.bucket,
                found.key,
                (start, start + size_bytes - 1),
                copy.key,
                upload.upload_id,
                number,
                copy_conditions(found),
                version_of(found),
            )
            answer.resp.read()
            return str(answer.etag)

        def carry() -> str:
            with open_bytes(self._connection, found, start, size_bytes) as body:
                return str(bucket.upload_part(copy.key, upload.upload_id, number, body).etag)

        call = partial(self._connection.call, "copy", found.bucket, found.key)
        return PartInfo(number, copy_or_carry(found, lambda: call(copy_it), lambda: call(carry)))

    def _complete(self, copy: HeldCopy, upload: Unfinished, parts: list[PartInfo]) -> Copied:
        """Answers with what is known of the request: nothing where the upload is unknown by now.

        That is what a second try gets where the answer to the first was lost; the copy is looked at afterwards.
        """
        bucket = self._connection.bucket(copy.bucket)
        headers = {"x-oss-object-acl": copy.acl, **FORBID_OVERWRITE}

        def complete() -> Copied:
            try:
                answer = bucket.complete_multipart_upload(copy.key, upload.upload_id, parts, headers=headers)
            except oss2.exceptions.NoSuchUpload:
                return Copied()
            answer.resp.read()
            return copied_by(answer)

        return self._connection.call("copy", copy.bucket, copy.key, complete)
