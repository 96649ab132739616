"""A copy in the quarantine: whose it is, where it came from and why, as the function wrote it there."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from urllib.parse import unquote

from handler.errors import WardenError
from handler.ports import StoredObject
from handler.upload.holding import PREFIX

SIDECAR = ".metadata.json"


class NotOurs(WardenError):
    """The object at that place is no copy that the function made."""


@dataclass(frozen=True)
class Held:
    """One quarantined copy. `source` is the bucket and the key that it was taken from; `facts` say why."""

    copy: StoredObject
    bucket: str
    key: str
    facts: dict[str, str]

    @property
    def uploaded_at(self) -> str:
        """The time of the upload, as its event gave it."""
        return self.facts.get("uploaded-at", "")

    @property
    def uploaded_time(self) -> datetime | None:
        """The same as a time; None where it is none, or says no zone."""
        try:
            time = datetime.fromisoformat(self.uploaded_at.replace("Z", "+00:00"))
        except ValueError:
            return None
        return time if time.tzinfo else None

    @property
    def request_id(self) -> str:
        """The request that uploaded it."""
        return self.facts.get("request-id", "")


def read_held(copy: StoredObject, prefix: str) -> Held:
    """Read where a copy came from; `prefix` is that of the quarantine. Raises NotOurs where it isn't the function's.

    Metadata can be written by anyone who can write there; the name is checked against it.
    """
    facts = {
        name.removeprefix(PREFIX): unquote(value) for name, value in copy.metadata.items() if name.startswith(PREFIX)
    }
    bucket, _, key = facts.get("source", "").partition("/")
    if not bucket or not key:
        raise NotOurs(f"{copy.location!r} says nothing of where it came from, so it is no copy of Bucket Warden's")
    if not copy.key.startswith(prefix + held_prefix(bucket, key)):
        raise NotOurs(
            f"{copy.location!r} claims to be {bucket}/{key!r}, but its name is not that of its copy under {prefix!r}; "
            "if the policy's quarantine.prefix is another, say so with --prefix"
        )
    return Held(copy, bucket, key, facts)


def held_prefix(bucket: str, key: str) -> str:
    """What every copy of that key is called, after the policy's prefix and up to the request id."""
    return f"{bucket}/{sha256(key.encode()).hexdigest()[:16]}-"


def read_sidecar(body: bytes, place: str) -> tuple[dict[str, str], dict[str, str]]:
    """The headers and the metadata that had no room on the copy. Raises NotOurs where it can't be read."""
    try:
        written = json.loads(body)
        parts = written["headers"], written["metadata"]
        fits = written["v"] == 1 and all(isinstance(text, str) for part in parts for text in part.values())
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise NotOurs(f"{place} is no sidecar of Bucket Warden's; nothing was restored") from exc
    if not fits:
        raise NotOurs(f"{place} is a sidecar of another version; nothing was restored")
    return parts
