"""Encryption at OSS: what an upload asks for, what its bucket does by default, and the rights on a KMS key.

As the API reference has it: an upload is encrypted by its own headers, else by the bucket's default; a copy without
them is not encrypted, whatever its source was, unless the bucket has a default. Who reads what KMS encrypted needs
`kms:Decrypt` on the key, who writes it `kms:GenerateDataKey`. The bytes themselves are kept as they are.
"""

from collections.abc import Mapping

from moto.s3.models import FakeBucket, FakeKey

from scripts.localcloud.oss.protocol import OssError
from scripts.localcloud.oss.rights import refuse_without_rights
from scripts.localcloud.wire import Identity

METHOD = "x-oss-server-side-encryption"
KEY_ID = "x-oss-server-side-encryption-key-id"
_HEADERS = (METHOD, KEY_ID, "x-oss-server-side-data-encryption")
_METHODS = frozenset({"AES256", "KMS", "SM4"})
# The key that OSS makes for an account which names none; how RAM names it is not confirmed.
_DEFAULT_KEY = "alias/acs/oss"


def is_encryption(header: str) -> bool:
    """Tell whether this header of an object says how it is encrypted."""
    return header in _HEADERS


def asked_encryption(bucket: FakeBucket, identity: Identity, headers: Mapping[str, str]) -> dict[str, str]:
    """Say how an upload with these headers is encrypted: what the object answers with, nothing where it is not.

    Raises OssError 400 InvalidEncryptionAlgorithmError for an unknown method, 403 AccessDenied without the right.
    """
    asked = {name: headers[name] for name in _HEADERS if name in headers} or dict(bucket.encryption or {})
    if asked and asked.get(METHOD) not in _METHODS:
        message = f"The encryption may be one of {sorted(_METHODS)}, not {asked.get(METHOD)!r}."
        raise OssError(400, "InvalidEncryptionAlgorithmError", message)
    _refuse_without_key(identity, "kms:GenerateDataKey", asked)
    return asked


def refuse_unreadable(identity: Identity, version: FakeKey) -> None:
    """Raise OssError 403 AccessDenied where KMS encrypted the bytes and the identity may not decrypt them."""
    _refuse_without_key(identity, "kms:Decrypt", version.metadata)


def _refuse_without_key(identity: Identity, action: str, encryption: Mapping[str, str]) -> None:
    if encryption.get(METHOD) == "KMS":
        refuse_without_rights(identity, ((action, encryption.get(KEY_ID, _DEFAULT_KEY)),))
