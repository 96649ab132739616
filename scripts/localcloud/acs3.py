"""ACS3-HMAC-SHA256: who signed a request.

Sources of the codes: «documented» ones stand in the vendor's tables of common client errors (error codes of Mobile
Push and PolarDB, help.aliyun.com 48054 and 51132; 15 minutes of skew are from the first). Other tables give other
statuses to the same codes (Alibaba Cloud DNS: SignatureDoesNotMatch 403, an unknown key 400): tell them apart by code.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from types import SimpleNamespace

from alibabacloud_tea_openapi.utils import Utils

from scripts.localcloud.http import Request
from scripts.localcloud.wire import Identity

_ALGORITHM = "ACS3-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{{64}})"
)
_ALWAYS_SIGNED = frozenset(
    ("host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version")
)
_SKEW_S = 15 * 60


class Unauthorized(Exception):
    """The request is refused at the HTTP level; the fields are those of the vendor's error body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def authenticate(request: Request, identities: Mapping[str, Identity], now_s: float) -> Identity:
    """The identity that signed this request.

    `identities` are found by access key id. `now_s` is the server's time, seconds since 1970.
    Raises Unauthorized: 400 IncompleteSignature, 404 InvalidAccessKeyId.NotFound, 400 InvalidTimeStamp.Format and
    .Expired, 400 SignatureDoesNotMatch (all documented), 400 MissingSecurityToken (seen in public bug reports),
    400 InvalidSecurityToken.MismatchWithAccessKey (unverified), SignatureDoesNotMatch for a wrong
    x-acs-content-sha256 (unverified).
    """
    headers = request.headers
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if match is None:
        raise _incomplete(f"the Authorization header must read {_ALGORITHM} Credential=…,SignedHeaders=…,Signature=…")
    access_key_id, signed, signature = match.groups()
    _check_signed_headers(headers, signed.split(";"))
    identity = identities.get(access_key_id)
    if identity is None:
        raise Unauthorized(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    _check_date(headers["x-acs-date"], now_s)
    _check_token(headers.get("x-acs-security-token"), identity)
    _check_signature(request, signed.split(";"), signature, identity)
    return identity


def _incomplete(why: str) -> Unauthorized:
    return Unauthorized(
        400, "IncompleteSignature", f"The request signature does not conform to Aliyun standards: {why}."
    )


def _check_signed_headers(headers: Mapping[str, str], signed: list[str]) -> None:
    required = _ALWAYS_SIGNED | {name for name in headers if name.startswith("x-acs-")}
    unsigned = sorted(required.difference(signed))
    if unsigned:
        raise _incomplete(f"{', '.join(unsigned)} must be signed")
    absent = sorted(set(signed).difference(headers))
    if absent:
        raise _incomplete(f"{', '.join(absent)} is signed and not sent")


def _check_date(date: str, now_s: float) -> None:
    try:
        sent_at = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError as exc:
        raise Unauthorized(
            400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."
        ) from exc
    if abs(sent_at.timestamp() - now_s) > _SKEW_S:
        raise Unauthorized(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def _check_token(token: str | None, identity: Identity) -> None:
    if token is None and identity.security_token is not None:
        raise Unauthorized(400, "MissingSecurityToken", "SecurityToken is mandatory for this action.")
    if token != identity.security_token:
        raise Unauthorized(
            400,
            "InvalidSecurityToken.MismatchWithAccessKey",
            "Specified SecurityToken is mismatch with the AccessKey.",
        )


def _check_signature(request: Request, signed: list[str], signature: str, identity: Identity) -> None:
    digest = hashlib.sha256(request.body).hexdigest()
    headers = {name: request.headers[name] for name in signed}
    sent = SimpleNamespace(method=request.method, pathname=request.path, query=request.query, headers=headers)
    expected = Utils.get_authorization(sent, _ALGORITHM, digest, identity.access_key_id, identity.access_key_secret)
    genuine = hmac.compare_digest(signature, expected.rpartition("=")[2])
    if not genuine or headers["x-acs-content-sha256"] != digest:
        raise Unauthorized(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
