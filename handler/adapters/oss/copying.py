"""Copies into and out of quarantine: the port Quarantine.

Facts of the OSS API used here (vendor's API reference, not tried on a live account): CopyObject takes
`x-oss-copy-source-if-match` and `-if-unmodified-since`, copies at most 1 GB at once (where class or encryption
changes) and only within a region. `x-oss-forbid-overwrite: true` is answered 409 FileAlreadyExists where something is
there, a write over what a retention policy keeps 409 FileImmutable. CRC-64 of a copy is not guaranteed.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

import oss2

from handler.adapters.oss.asking import (
    FORBID_OVERWRITE,
    copied_by,
    copy_conditions,
    copy_or_carry,
    is_taken,
    open_bytes,
    send_tagged,
)
from handler.adapters.oss.parts import PART_BYTES, PartsCopier
from handler.adapters.oss.store import OssStore, version_of
from handler.errors import ObjectChanged, ObjectGone, OperatorError, PlaceTaken, StoreUnavailable
from handler.ports import OF_VERSION, Copied, HeldCopy, StoredObject

# OSS copies up to 1 GB at once, but how fast is not said: this much in READ_TIMEOUT_S asks for 13 MB a second.
SINGLE_COPY_BYTES = 128 * 1024**2
# What is compared by reading is read in such pieces, between which it is asked whether there is time for another.
PIECE_BYTES = 16 * 1024**2
CHUNK_BYTES = 64 * 1024
# What urllib3 raises where a connection breaks in the middle of a body that is read as it is stored.
BROKEN_READ = oss2.http.requests.packages.urllib3.exceptions.HTTPError


class OssQuarantine:
    """Writes copies of what the store sees, and verifies them.

    `resumes`: an unfinished upload under a copy's key is one of ours, and is carried on. Not where others write: a
    stranger's parts would become the copy.
    """

    def __init__(
        self,
        store: OssStore,
        *,
        single_copy_bytes: int = SINGLE_COPY_BYTES,
        part_bytes: int = PART_BYTES,
        resumes: bool = True,
    ) -> None:
        self._store = store
        self._connection = store.connection
        self._single_copy_bytes = single_copy_bytes
        self._parts = PartsCopier(store.connection, part_bytes=part_bytes, resumes=resumes)

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """See Quarantine."""
        copy = self._store.head(bucket, key)
        return None if copy is None or copy.is_deletion else copy

    def sha256(self, found: StoredObject, *, keep_going: Callable[[], None]) -> str:
        """See Quarantine. No more than CHUNK_BYTES are held in memory."""
        read = sha256()
        for start in range(0, found.size_bytes, PIECE_BYTES):
            keep_going()
            size_bytes = min(PIECE_BYTES, found.size_bytes - start)
            read = self._connection.call(
                "read", found.bucket, found.key, partial(self._read_on, read, found, start, size_bytes)
            )
        return str(read.hexdigest())

    def hold(self, found: StoredObject, copy: HeldCopy, *, keep_going: Callable[[], None]) -> Copied:
        """See Quarantine. What has no CRC-64 must be compared within one delivery."""
        if copy.sidecar is not None:
            self._write_sidecar(copy, copy.sidecar)
        in_parts = found.size_bytes > self._single_copy_bytes
        unfinished = self._parts.unfinished(copy) if in_parts else []
        if unfinished and self._is_held(found, copy, keep_going):
            self._parts.abort(copy, unfinished)
            return Copied()
        try:
            if in_parts:
                copied = self._parts.copy(found, copy, unfinished, keep_going)
            else:
                copied = self._copy_at_once(found, copy)
        except OperatorError as exc:
            if not is_taken(exc):
                raise
            return self._accept(found, copy, keep_going, exc)
        except StoreUnavailable:
            # A copy that takes longer than a call may is made all the same. Parts are for the next delivery.
            if in_parts or not self._is_held(found, copy, keep_going):
                raise
            return Copied()
        # Read back what was written: a 200 to a copy can carry an error.
        if not self._is_held(found, copy, keep_going):
            raise StoreUnavailable(
                f"the copy of {found.location!r} at {copy.bucket}/{copy.key!r} does not hold the same bytes; "
                "the source stays where it is"
            )
        return copied

    def _copy_at_once(self, found: StoredObject, copy: HeldCopy) -> Copied:
        copied, note = send_tagged(copy, partial(self._write, found, copy))
        return replace(copied, note=note, is_tagged=note is None)

    def _write(self, found: StoredObject, copy: HeldCopy, headers: dict[str, str]) -> Copied:
        bucket = self._connection.bucket(copy.bucket)
        replacing = {"x-oss-metadata-directive": "REPLACE", "x-oss-tagging-directive": "REPLACE"}

        def copy_it() -> Copied:
            conditional = {**headers, **copy_conditions(found), **replacing}
            answer = bucket.copy_object(found.bucket, found.key, copy.key, conditional, version_of(found))
            # A connection whose answer was not read to its end is never used again.
            answer.resp.read()
            return copied_by(answer)

        def carry() -> Copied:
            with open_bytes(self._connection, found, 0, found.size_bytes) as body:
                return copied_by(bucket.put_object(copy.key, body, headers))

        call = partial(self._connection.call, "copy", found.bucket, found.key)
        return copy_or_carry(found, lambda: call(copy_it), lambda: call(carry))

    def _write_sidecar(self, copy: HeldCopy, sidecar: bytes) -> None:
        """As protected as the copy: it holds the user's words. An earlier delivery wrote the same."""
        bucket = self._connection.bucket(copy.bucket)
        key = copy.key + ".metadata.json"
        private = {"Content-Type": "application/json", "x-oss-object-acl": "private"}
        headers = {**private, **copy.encryption, **FORBID_OVERWRITE}
        try:
            self._connection.call("write", copy.bucket, key, lambda: bucket.put_object(key, sidecar, headers))
        except OperatorError as exc:
            if not is_taken(exc):
                raise

    def _accept(
        self, found: StoredObject, copy: HeldCopy, keep_going: Callable[[], None], refusal: OperatorError
    ) -> Copied:
        """Take what is there for the copy, where it holds the same bytes: its answer was lost, or came too late."""
        place = f"{copy.bucket}/{copy.key!r}"
        held = self.find(copy.bucket, copy.key)
        if held is None:
            raise StoreUnavailable(f"{refusal}, and now nothing is at {place}") from refusal
        if not self._is_copy(found, copy, held, keep_going):
            raise PlaceTaken(
                f"{place} holds another object than {found.location!r}, which stays where it is; they are not "
                "overwritten: look at both, and move away what is there"
            ) from refusal
        return Copied()

    def _is_held(self, found: StoredObject, copy: HeldCopy, keep_going: Callable[[], None]) -> bool:
        held = self.find(copy.bucket, copy.key)
        return held is not None and self._is_copy(found, copy, held, keep_going)

    def _is_copy(self, found: StoredObject, copy: HeldCopy, held: StoredObject, keep_going: Callable[[], None]) -> bool:
        """Whether what is held is this copy. Two versions of the same bytes have each headers and tags of their own."""
        is_of_version = held.metadata.get(OF_VERSION) == copy.metadata.get(OF_VERSION)
        return is_of_version and self._same_bytes(found, held, keep_going)

    def _same_bytes(self, found: StoredObject, held: StoredObject, keep_going: Callable[[], None]) -> bool:
        """By size and CRC-64; where either has none, both are read.

        Never by etag: that is an MD5 at best, and who may upload can make two files of one MD5.
        """
        if held.size_bytes != found.size_bytes:
            return False
        if held.crc64 is not None and found.crc64 is not None:
            return held.crc64 == found.crc64
        try:
            digest = self.sha256(held, keep_going=keep_going)
        except (ObjectChanged, ObjectGone) as exc:
            raise StoreUnavailable(f"the copy changed while it was compared: {exc}") from exc
        return digest == self.sha256(found, keep_going=keep_going)

    def _read_on(self, read: Any, found: StoredObject, start: int, size_bytes: int) -> Any:  # noqa: ANN401  (a hash)
        """The hash with one more piece; the one given stays as it is, for another try."""
        more, left = read.copy(), size_bytes
        with open_bytes(self._connection, found, start, size_bytes) as body:
            try:
                while chunk := body.read(CHUNK_BYTES):
                    more.update(chunk)
                    left -= len(chunk)
            except BROKEN_READ as exc:
                raise oss2.exceptions.RequestError(exc) from exc
        if left:
            raise StoreUnavailable(f"could not read {found.location!r}: {left} of {size_bytes} bytes did not come")
        return more
