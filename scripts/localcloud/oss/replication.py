"""Replication between two buckets: OSS's own doing, told to the trigger as `ObjectReplication:...`.

A replica is exact (Same-region replication in the OSS user guide): name, version id, bytes, creation time, headers,
metadata and ACL are the source's, so that its Last-Modified is older than its event. Tags are taken along as well.
Both buckets have the same versioning.
"""

from scripts.localcloud.oss.events import Arrival
from scripts.localcloud.oss.store import Store, etag_of


def replicate(store: Store, source_bucket: str, key: str, to_bucket: str) -> Arrival:
    """Replicate the current version of a key, as one write, and give what the trigger is told.

    It becomes the current version, whatever is there: what OSS does where the destination has a newer one is not
    documented. Raises OssError NoSuchBucket, NoSuchKey or FileImmutable; ValueError where versioning differs.
    """
    with store.lock:
        source = store.find(source_bucket, key, None)
        before, after = (store.bucket(name).versioning_status for name in (source_bucket, to_bucket))
        if before != after:
            raise ValueError(f"OSS replicates between buckets of one versioning only, not from {before} to {after}")
        operation = "ObjectCreated" if store.current(to_bucket, key) is None else "ObjectModified"
        overwritten = store.overwritten_bytes(to_bucket, key)
        replica = store.put_replica(source, to_bucket)
        delta = replica.size - overwritten
        return Arrival(operation, to_bucket, key, etag_of(replica), replica.size, delta, event_type="ObjectReplication")
