"""Buckets, objects and versions, kept in moto's S3 backend, with what OSS does otherwise put right.

The backend is used as a library, one of our own per store, and never through moto's HTTP front: that one decodes and
normalises paths, so keys with `//`, `..` or control characters would not survive. Versions are put, deleted and
listed here because moto 5.2.5 does otherwise: with versioning suspended it drops every version at the next put or
delete, and leaves no marker; its version listing copies every body and confuses versions of one millisecond.

The headers that OSS answers with an object (`x-oss-object-type`, `x-oss-meta-*`, ...) are moto's metadata of the key.
"""

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from threading import RLock

import crcmod
from moto.core.model_instances import reset_model_data
from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey, FakeMultipart, S3Backend, s3_backends

from scripts.localcloud.oss.protocol import OssError

NULL_VERSION = "null"
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
    """One account's buckets. Every method must be called with `lock` held where its result is acted on."""

    def __init__(self, region: str, account_id: str) -> None:
        self.region = region
        self.account_id = account_id
        self.lock = RLock()
        self._backend = S3Backend(region, account_id)

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

    def buckets(self) -> list[FakeBucket]:
        """List the buckets by name."""
        return sorted(self._backend.buckets.values(), key=lambda bucket: bucket.name)

    def bucket(self, name: str) -> FakeBucket:
        """Look a bucket up. Raises OssError 404 NoSuchBucket."""
        bucket = self._backend.buckets.get(name)
        if bucket is None:
            raise OssError(404, "NoSuchBucket", "The specified bucket does not exist.")
        return bucket

    def versions(self, bucket: str, key: str) -> list[Version]:
        """List what is under a key, oldest first; the last one is current."""
        return list(self.bucket(bucket).keys.getlist(key, []))

    def current(self, bucket: str, key: str) -> FakeKey | None:
        """Give the current version, or None where there is none or it is a delete marker."""
        versions = self.versions(bucket, key)
        return versions[-1] if versions and isinstance(versions[-1], FakeKey) else None

    def find(self, bucket: str, key: str, version_id: str | None) -> FakeKey:
        """Give the version that a request means. Raises OssError 404 NoSuchKey, NoSuchVersion, or 405 (a marker)."""
        versions = self.versions(bucket, key)
        if version_id is None:
            found = versions[-1] if versions else None
        else:
            found = next((version for version in versions if version.version_id == version_id), None)
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

    def put(self, bucket: str, key: str, body: bytes, headers: dict[str, str], etag: str | None = None) -> FakeKey:
        """Write a version under a key: a new one where versioning is enabled, else in place of the null version."""
        enabled = self.bucket(bucket).is_versioned
        version = FakeKey(
            key,
            body,
            account_id=self.account_id,
            region_name=self.region,
            etag=etag,
            version_id=uuid.uuid4().hex if enabled else NULL_VERSION,
            bucket_name=bucket,
        )
        version.set_metadata({"x-oss-hash-crc64ecma": crc64_of(body), **headers}, replace=True)
        self._append(bucket, key, version)
        return version

    def delete(self, bucket: str, key: str, version_id: str | None) -> dict[str, str]:
        """Delete as OSS does, and give the headers of the answer; what is not there counts as deleted."""
        status = self.bucket(bucket).versioning_status
        if version_id is not None:
            return self._delete_version(bucket, key, version_id)
        if status is None:
            self._keep(bucket, key, [])
            return {}
        versions = self.versions(bucket, key)
        if not versions:
            return {}
        marker = FakeDeleteMarker(versions[-1])  # type: ignore[arg-type] # only its name is read
        if status == "Suspended":
            marker._version_id = NULL_VERSION  # noqa: SLF001 -- moto gives every marker an id of its own
        self._append(bucket, key, marker)
        return {"x-oss-delete-marker": "true", "x-oss-version-id": marker.version_id}

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
        return self._backend.create_multipart_upload(bucket, key, headers, "STANDARD", tags, None, "", "")  # type: ignore[arg-type] # any mapping will do: moto only hands it on

    def multipart(self, bucket: str, key: str, upload_id: str) -> FakeMultipart:
        """Look an upload up. Raises OssError 404 NoSuchUpload."""
        upload = self.bucket(bucket).multiparts.get(upload_id)
        if upload is None or upload.key_name != key:
            raise OssError(404, "NoSuchUpload", "The specified upload does not exist.")
        return upload

    def drop_multipart(self, bucket: str, upload_id: str) -> None:
        """Forget an upload and its parts."""
        self._backend.abort_multipart_upload(bucket, upload_id)

    def _append(self, bucket: str, key: str, version: Version) -> None:
        kept = self.versions(bucket, key)
        if version.version_id == NULL_VERSION:
            kept = [old for old in kept if old.version_id != NULL_VERSION]
        self._keep(bucket, key, [*kept, version])

    def _delete_version(self, bucket: str, key: str, version_id: str) -> dict[str, str]:
        versions = self.versions(bucket, key)
        gone = next((version for version in versions if version.version_id == version_id), None)
        self._keep(bucket, key, [version for version in versions if version is not gone])
        headers = {"x-oss-version-id": version_id}
        return headers | ({"x-oss-delete-marker": "true"} if isinstance(gone, FakeDeleteMarker) else {})

    def _keep(self, bucket: str, key: str, kept: list[Version]) -> None:
        keys = self.bucket(bucket).keys
        gone = [version for version in self.versions(bucket, key) if version not in kept]
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
