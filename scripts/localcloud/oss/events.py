"""The record that an OSS trigger delivers for one finished write, field by field as in the vendor's sample."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any


@dataclass(frozen=True, slots=True)
class Arrival:
    """One finished upload call, or replication: what is under the key now, and what was there before.

    The event's name is its type and the operation: `ObjectCreated:PutObject`, `ObjectReplication:ObjectModified`.
    `etag` is upper-case without quotes, `position` only that of an append, in bytes. `delta_bytes` is the growth of
    the bucket's data under this key and may be negative. What OSS says of the steps of a multipart upload is not
    documented: here, the part's ETag and size, and nothing for the initiation.
    """

    operation: str
    bucket: str
    key: str
    etag: str
    size_bytes: int
    delta_bytes: int
    position: int | None = None
    event_type: str = "ObjectCreated"


def trigger_record(
    arrival: Arrival, *, request_id: str, source_ip: str, region: str, account_id: str
) -> dict[str, Any]:
    """Build the dict that stands inside `events[]`. The key is raw; there is no version id, as with OSS."""
    stored = {"deltaSize": arrival.delta_bytes, "eTag": arrival.etag, "key": arrival.key, "size": arrival.size_bytes}
    if arrival.position is not None:
        stored["position"] = arrival.position
    return {
        "eventName": f"{arrival.event_type}:{arrival.operation}",
        "eventSource": "acs:oss",
        "eventTime": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventVersion": "1.0",
        "oss": {
            "bucket": {
                "arn": f"acs:oss:{region}:{account_id}:{arrival.bucket}",
                "name": arrival.bucket,
                "ownerIdentity": account_id,
            },
            "object": stored,
            "ossSchemaVersion": "1.0",
            "ruleId": hashlib.sha1(arrival.bucket.encode(), usedforsecurity=False).hexdigest(),
        },
        "region": region,
        "requestParameters": {"sourceIPAddress": source_ip},
        "responseElements": {"requestId": request_id},
        "userIdentity": {"principalId": account_id},
    }
