"""Buckets, objects and versions, kept in moto's S3 backend, with what OSS does otherwise put right.

The backend is used as a library, one of our own per store, and never through moto's HTTP front: that one decodes and
normalises paths, so keys with `//`, `..` or control characters would not survive. Versions are put, deleted and
listed here because moto 5.2.5 does otherwise: with versioning suspended it drops every version at the next put or
delete, and leaves no marker; its version listing copies every body and confuses versions of one millisecond.

What works around moto stays together here, which is why this module is longer than the others.

The headers that OSS answers with an object (`x-oss-object-type`, `x-oss-meta-*`, ...) are moto's metadata of the key.
"""

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from itertools import count
from threading import RLock

import crcmod
from moto.core.model_instances import reset_model_data
from moto.core.utils import utcnow
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, FakeMultipart, S3Backend, s3_backends

from scripts.localcloud.oss.protocol import OssError

NULL_VERSION = "null"
CRC64_HEADER = "x-oss-hash-crc64ecma"
_crc64 = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)

Version = FakeKey | FakeDeleteMarker


def crc64_of(body: bytes) -> str:
    """Compute the CRC-64/ECMA of a body, as the decimal text of `x-oss-hash-crc64ecma`."""
    return str(_crc64(body))


def etag_of(version: FakeKey) -> str:
    """Give the ETag as events have it: upper-case, without quotes."""
    return str(version.etag).strip('"').upper()


def modified_at(version: Version) -> datetime:
    """When the version was written, to the second, as OSS tells it."""
    return version.last_modified.replace(microsecond=0, tzinfo=timezone.utc)


class Store:
    """One account's buckets. Every method must be called with `lock` held where its result is acted on.

    Where `copies_have_crc` is false, what CopyObject writes has no CRC-64: OSS does not promise one.
    """

    def __init__(self, region: str, account_id: str) -> None:
        self.region = region
        self.account_id = account_id
        self.lock = RLock()
        self._backend = S3Backend(region, account_id)
        self._version_numbers = count(1)
        self._retained: set[str] = set()
        # By bucket (or none, the account) and name: what settings.py keeps.
        self.settings: dict[tuple[str, str], str] = {}
        self.copies_have_crc = True
        self._begun_at: dict[str, datetime] = {}

    def clear(self) -> None:
        """Drop everything. moto's own reset would also close the bodies of every other store of this process."""
        with self.lock:
            for bucket in self._backend.buckets.values():
                for _, versions in bucket.keys.iterlists():
                    _dispose(versions)
                for multipart in bucket.multiparts.values():
                    multipart.dispose()
            # moto also remembers every key that ever was; ours are closed now and would pile up there.
            reset_model_data()
            self._backend = S3Backend(self.region, self.account_id)
            self._retained.clear()
            self.settings.clear()
            self.copies_have_crc = True
            self._begun_at.clear()

    def create_bucket(self, name: str) -> FakeBucket:
        """Create a bucket. Raises OssError 409 BucketAlreadyExists."""
        with self.lock:
            if name in self._backend.buckets:
                raise OssError(409, "BucketAlreadyExists", "The requested bucket name is not available.")
            bucket = FakeBucket(name, self.account_id, self.region)  # type: ignore[abstract] # only on paper
            # moto knows one name space for the whole process, but other stores have buckets of the same name.
            s3_backends.bucket_accounts.pop(name, None)
            self._backend.buckets[name] = bucket
            return bucket

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket. Raises OssError NoSuchBucket or 409 BucketNotEmpty."""
        if self.bucket(name).keys:
            raise OssError(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
        del self._backend.buckets[name]
        self._retained.discard(name)
        self.settings = {place: value for place, value in self.settings.items() if place[0] != name}

    def buckets(self) -> list[FakeBucket]:
        """List the buckets by name."""
        return sorted(self._backend.buckets.values(), key=lambda bucket: bucket.name)

    def bucket(self, name: str) -> FakeBucket:
        """Look a bucket up. Raises OssError 404 NoSuchBucket."""
        bucket = self._backend.buckets.get(name)
        if bucket is None:
            raise OssError(404, "NoSuchBucket", "The specified bucket does not exist.")
        return bucket

    def retain(self, name: str, *, keep: bool) -> None:
        """Put a bucket under a retention policy, or lift it. Raises OssError NoSuchBucket.

        Under one, no bytes that are there may be deleted, overwritten or lengthened by anybody; new keys, tags and
        ACLs work as ever. In a bucket whose versioning is enabled a version goes only when it is named, so there a
        write adds a version and a plain delete a marker: what a policy does to these two is not documented, nor is
        what it does to ACLs, tags and delete markers. A policy on a bucket of suspended versioning is no case of OSS.
        """
        with self.lock:
            self.bucket(name)
            if keep:
                self._retained.add(name)
            else:
                self._retained.discard(name)

    def is_retained(self, name: str) -> bool:
        """Whether a bucket is under a retention policy. Raises OssError NoSuchBucket."""
        return self.bucket(name).name in self._retained

    def versions(self, bucket: str, key: str) -> list[Version]:
        """List what is under a key, oldest first; the last one is current."""
        return list(self.bucket(bucket).keys.getlist(key, []))

    def current(self, bucket: str, key: str) -> FakeKey | None:
        """Give the current version, or None where there is none or it is a delete marker."""
        version = self._version(bucket, key, None)
        return version if isinstance(version, FakeKey) else None

    def find(self, bucket: str, key: str, version_id: str | None) -> FakeKey:
        """Give the version that a request means. Raises OssError 404 NoSuchKey, NoSuchVersion, or 405 (a marker)."""
        found = self._version(bucket, key, version_id)
        if isinstance(found, FakeKey):
            return found
        if version_id is not None and found is None:
            raise OssError(404, "NoSuchVersion", "The specified version does not exist.")
        if found is None:
            raise OssError(404, "NoSuchKey", "The specified key does not exist.")
        headers = {"x-oss-delete-marker": "true", "x-oss-version-id": found.version_id}
        if version_id is not None:
            raise OssError(405, "MethodNotAllowed", "The specified version is a delete marker.", headers)
        raise OssError(404, "NoSuchKey", "The specified key does not exist.", headers)

    def overwritten_bytes(self, bucket: str, key: str) -> int:
        """Count the bytes that the next write under this key replaces: none where versioning is enabled."""
        overwritten = None if self.bucket(bucket).is_versioned else self._version(bucket, key, NULL_VERSION)
        return overwritten.size if isinstance(overwritten, FakeKey) else 0

    def put(self, bucket: str, key: str, body: bytes, headers: dict[str, str], etag: str | None = None) -> FakeKey:
        """Write a version under a key: a new one where versioning is enabled, else in place of the null version.

        Raises OssError 409 FileImmutable where that one is retained.
        """
        enabled = self.bucket(bucket).is_versioned
        if not enabled:
            self._refuse_to_lose(bucket, self._version(bucket, key, NULL_VERSION))
        version_id = self._new_version_id() if enabled else NULL_VERSION
        return self._write(bucket, key, body, headers, etag=etag, version_id=version_id)

    def put_replica(self, source: FakeKey, bucket: str) -> FakeKey:
        """Write the same version, with its tags, into another bucket, where it is the current one then.

        Raises OssError 409 FileImmutable where that version is there and retained.
        """
        key, version_id = source.name, source.version_id
        self._refuse_to_lose(bucket, self._version(bucket, key, version_id))
        self._delete_version(bucket, key, version_id)
        etag = str(source.etag).strip('"')
        replica = self._write(bucket, key, source.value, dict(source.metadata), etag=etag, version_id=version_id)
        replica.last_modified = source.last_modified
        self.set_tags(replica, self.tags(source))
        if CRC64_HEADER not in source.metadata:
            self.forget_crc(replica)
        return replica

    def _write(  # noqa: PLR0913 -- it is all that a version is
        self, bucket: str, key: str, body: bytes, headers: dict[str, str], *, etag: str | None, version_id: str
    ) -> FakeKey:
        version = FakeKey(
            key,
            body,
            account_id=self.account_id,
            region_name=self.region,
            etag=etag,
            version_id=version_id,
            bucket_name=bucket,
        )
        version.set_metadata({CRC64_HEADER: crc64_of(body), **headers}, replace=True)
        self._append(bucket, key, version)
        return version

    def lengthen(self, version: FakeKey, more: bytes) -> None:
        """Append to an object. Raises OssError 409 FileImmutable where it is retained."""
        self._refuse_to_lose(version.bucket_name or "", version)
        # moto's type of `value` covers the getter only; the etag and the time are computed once and kept.
        version.value = version.value + more  # type: ignore[misc]
        version._etag = None  # noqa: SLF001 -- moto has no way to write into an object
        version.last_modified = utcnow()
        if CRC64_HEADER in version.metadata:
            version.metadata[CRC64_HEADER] = crc64_of(version.value)

    def delete(self, bucket: str, key: str, version_id: str | None) -> dict[str, str]:
        """Delete as OSS does, and give the headers of the answer; what is not there counts as deleted.

        Raises OssError 409 FileImmutable where bytes would go that are retained.
        """
        status = self.bucket(bucket).versioning_status
        if version_id is not None or status != "Enabled":
            self._refuse_to_lose(bucket, self._version(bucket, key, version_id or NULL_VERSION))
        if version_id is not None:
            return self._delete_version(bucket, key, version_id)
        if status is None:
            self._keep(bucket, key, [])
            return {}
        versions = self.versions(bucket, key)
        if not versions:
            return {}
        marker = FakeDeleteMarker(versions[-1])  # type: ignore[arg-type] # only its name is read
        # moto gives a marker an id of its own kind.
        marker._version_id = NULL_VERSION if status == "Suspended" else self._new_version_id()  # noqa: SLF001
        self._append(bucket, key, marker)
        return {"x-oss-delete-marker": "true", "x-oss-version-id": marker.version_id}

    def forget_crc(self, version: FakeKey) -> None:
        """Make an object one from before OSS kept sums: it answers without `x-oss-hash-crc64ecma` from now on."""
        version.metadata.pop(CRC64_HEADER, None)

    def settle_crc_of_copy(self, source: FakeKey, copy: FakeKey) -> None:
        """Leave a copy without a CRC-64 where copies have none, or its source has none.

        What OSS does with a source that has none is not documented; nor whether an object made of copied parts has
        one, or one that an append lengthened: here, the former always, the latter as before.
        """
        if not self.copies_have_crc or CRC64_HEADER not in source.metadata:
            self.forget_crc(copy)

    def tags(self, version: FakeKey) -> dict[str, str]:
        """Give the tags of one version."""
        return self._backend.tagger.get_tag_dict_for_resource(version.arn)

    def set_tags(self, version: FakeKey, tags: dict[str, str]) -> None:
        """Replace the whole set of tags of one version."""
        self._backend.tagger.delete_all_tags_for_resource(version.arn)
        if tags:
            self._backend.tagger.tag_resource(version.arn, [{"Key": k, "Value": v} for k, v in tags.items()])

    def iterate(self, bucket: str) -> Iterator[tuple[str, list[Version]]]:
        """Go through the keys in the order of their UTF-8 bytes, each with its versions, oldest first."""
        return iter(sorted(self.bucket(bucket).keys.iterlists(), key=lambda item: item[0].encode()))

    def start_multipart(self, bucket: str, key: str, headers: dict[str, str], tags: dict[str, str]) -> FakeMultipart:
        """Begin a multipart upload; its `metadata` and `tags` will be the object's."""
        self.bucket(bucket)
        upload = self._backend.create_multipart_upload(bucket, key, headers, "STANDARD", tags, None, "", "")  # type: ignore[arg-type] # any mapping will do: moto only hands it on
        self._begun_at[upload.id] = datetime.now(timezone.utc)
        return upload

    def multiparts(self, bucket: str) -> list[FakeMultipart]:
        """List the unfinished uploads of a bucket."""
        return list(self.bucket(bucket).multiparts.values())

    def begun_at(self, upload: FakeMultipart) -> datetime:
        """When an upload was begun: moto does not keep it."""
        return self._begun_at[upload.id]

    def multipart(self, bucket: str, key: str, upload_id: str) -> FakeMultipart:
        """Look an upload up. Raises OssError 404 NoSuchUpload."""
        upload = self.bucket(bucket).multiparts.get(upload_id)
        if upload is None or upload.key_name != key:
            raise OssError(404, "NoSuchUpload", "The specified upload does not exist.")
        return upload

    def drop_multipart(self, bucket: str, upload_id: str) -> None:
        """Forget an upload and its parts."""
        self._backend.abort_multipart_upload(bucket, upload_id)
        self._begun_at.pop(upload_id)

    def _version(self, bucket: str, key: str, version_id: str | None) -> Version | None:
        versions = self.versions(bucket, key)
        if version_id is None:
            return versions[-1] if versions else None
        return next((version for version in versions if version.version_id == version_id), None)

    def _refuse_to_lose(self, bucket: str, version: Version | None) -> None:
        if bucket in self._retained and isinstance(version, FakeKey):
            raise OssError(409, "FileImmutable", "The object you specified is immutable.")

    def _append(self, bucket: str, key: str, version: Version) -> None:
        if version.version_id == NULL_VERSION:
            kept = [old for old in self.versions(bucket, key) if old.version_id != NULL_VERSION]
            self._keep(bucket, key, [*kept, version])
            return
        # Appended in place: a key may have tens of thousands of versions. The plain dict's, as in _keep.
        dict.setdefault(self.bucket(bucket).keys, key, []).append(version)

    def _new_version_id(self) -> str:
        # Ids are opaque; that ours grow with time is for list_object_versions alone.
        return f"{next(self._version_numbers):012x}{uuid.uuid4().hex[:20]}"

    def _delete_version(self, bucket: str, key: str, version_id: str) -> dict[str, str]:
        versions = self.versions(bucket, key)
        gone = self._version(bucket, key, version_id)
        self._keep(bucket, key, [version for version in versions if version is not gone])
        headers = {"x-oss-version-id": version_id}
        return headers | ({"x-oss-delete-marker": "true"} if isinstance(gone, FakeDeleteMarker) else {})

    def _keep(self, bucket: str, key: str, kept: list[Version]) -> None:
        keys = self.bucket(bucket).keys
        kept_ids = {id(version) for version in kept}
        gone = [version for version in self.versions(bucket, key) if id(version) not in kept_ids]
        for version in gone:
            if isinstance(version, FakeKey):
                self._backend.tagger.delete_all_tags_for_resource(version.arn)
        _dispose(gone)
        # moto's own pop fails on delete markers, so the plain dict's is used.
        if kept:
            dict.__setitem__(keys, key, kept)
        elif key in keys:
            dict.__delitem__(keys, key)


def _dispose(versions: Iterable[Version]) -> None:
    for version in versions:
        if isinstance(version, FakeKey):
            version.dispose()
