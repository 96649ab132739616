"""What the tests of the OSS adapter share: who asks, what spoils a call, and what must be there."""

from collections.abc import Callable
from typing import Any

import oss2
import pytest
from oss2.models import BucketVersioningConfig

from handler.adapters.oss.copying import OssQuarantine
from handler.adapters.oss.store import OssStore
from handler.errors import (
    WardenError,
)
from handler.ports import Copied, HeldCopy, StoredObject
from scripts.localcloud.wire import Bystander, Fault, Identity, WireCall

REGION = "ap-southeast-1"
ROLE = Identity("STS.role-id", "role-secret", "role+token/with=signs&more")
SECRETS = (
    ROLE.access_key_id,
    ROLE.access_key_secret,
    str(ROLE.security_token),
    "OSS4-HMAC",
    "Signature=",
    "signature=",
)
BUCKETS = ("uploads", "versions", "paused", "held")
EVERY_HEADER = {
    "Content-Type": "image/png; charset=x",
    "Cache-Control": "max-age=1, private",
    "Content-Disposition": 'attachment; filename="a b.png"',
    "Content-Encoding": "identity",
    "Content-Language": "de",
    "Expires": "Sat, 13 Aug 2022 06:45:43 GMT",
}
LONG_KEY = "🎉" * 255 + "abc"
ODD_KEYS = [
    "a b+c.jpg",
    "a%20b%2B.jpg",
    "?x",
    "?versionId=1",
    " ",
    "a//b",
    "a/../b",
    "./a",
    "...",
    "\n",
    "a\x01b",
    "&b=c#d",
    "~",
    "a\\b",
    '"<&>',
    LONG_KEY,
]

Connect = Callable[..., OssStore]


class Script(Bystander):
    """Spoils calls of an operation, as often as told; runs something after one; notes the operations."""

    def __init__(self) -> None:
        self.faults: dict[str, list[Fault]] = {}
        self.afterwards: dict[str, Callable[[], object]] = {}
        self.operations: list[str] = []
        self.calls: list[WireCall] = []

    def before(self, call: WireCall) -> Fault | None:
        """Spoil the next call of that operation."""
        if call.access_key_id == ROLE.access_key_id:
            self.operations.append(call.operation)
            self.calls.append(call)
            waiting = self.faults.get(call.operation)
            if waiting:
                return waiting.pop(0)
        return None

    def after(self, call: WireCall, status: int) -> None:
        """Interfere once."""
        del status
        interfere = self.afterwards.pop(call.operation, None) if call.access_key_id == ROLE.access_key_id else None
        if interfere:
            interfere()


OWNER = Identity("LTAIowner", "owner-secret")
Owner = Callable[[str], oss2.Bucket]


def look(store: OssStore, bucket: str, key: str = "a.jpg", version_id: str | None = None) -> StoredObject:
    """What must be there."""
    found = store.head(bucket, key, version_id)
    assert found is not None
    return found


def body(owner: Owner, bucket: str, key: str = "a.jpg", version_id: str | None = None) -> bytes:
    """The bytes of an object, as stored."""
    answer = owner(bucket).get_object(key, params={"versionId": version_id} if version_id else None)
    with answer:
        return bytes(answer.resp.response.raw.read())


def exists(owner: Owner, bucket: str, key: str = "a.jpg") -> bool:
    """Whether a GET would find something."""
    return bool(owner(bucket).object_exists(key))


def pause_versioning(owner: Owner, name: str = "paused") -> None:
    """Enable versioning, put one version, and suspend it."""
    owner(name).put_bucket_versioning(BucketVersioningConfig("Enabled"))
    owner(name).put_object("a.jpg", b"first")
    owner(name).put_bucket_versioning(BucketVersioningConfig("Suspended"))


def copy_to(key: str = "k.jpg", **changes: Any) -> HeldCopy:  # noqa: ANN401  (any field of it)
    """A plain copy to the quarantine."""
    usual: dict[str, Any] = {"bucket": "held", "key": key, "headers": {}, "metadata": {}, "tags": {}}
    return HeldCopy(**(usual | changes))


def hold(quarantine: OssQuarantine, found: StoredObject, copy: HeldCopy) -> Copied:
    """Copy with all the time that it takes."""
    return quarantine.hold(found, copy, keep_going=lambda: None)


def refusal(call: Callable[[], object], expected: type[WardenError]) -> str:
    """The message with which the call is refused; checked for secrets, whatever the test is about."""
    with pytest.raises(WardenError) as caught:
        call()
    said = f"{caught.value} {caught.value!r}"
    assert type(caught.value) is expected, said
    assert not [secret for secret in SECRETS if secret in said]
    return str(caught.value)


def without(*actions: str) -> Identity:
    """The role without some rights."""
    every = {"oss:GetObject", "oss:GetObjectTagging", "oss:PutObject", "oss:PutObjectTagging", "oss:DeleteObject"}
    every |= {"oss:ListMultipartUploads", "oss:ListParts", "oss:AbortMultipartUpload"}
    rights = frozenset((action, "*") for action in every - set(actions))
    return Identity(ROLE.access_key_id, ROLE.access_key_secret, ROLE.security_token, rights)
