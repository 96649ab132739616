"""OSS's V4 signature (OSS4-HMAC-SHA256), in the Authorization header or in the URL, verified as OSS does.

The algorithm is that of "Include a V4 signature" in the OSS documentation; which bytes go into it was read in the
signers of oss2 2.19.1 and alibabacloud-oss-v2 1.4.1. Signatures are made over the raw path and query: the two
SDKs write slashes and spaces differently, so both are decoded and encoded again.
"""

import hashlib
import hmac
import time
from calendar import timegm
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_plus, unquote_to_bytes

from scripts.localcloud.oss.protocol import OssError, Request
from scripts.localcloud.wire import Identity

ALGORITHM = "OSS4-HMAC-SHA256"
MAX_SKEW_S = 15 * 60
MAX_EXPIRES_S = 7 * 24 * 3600
_ALWAYS_SIGNED = ("content-type", "content-md5")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature. `expires_s` is None where the signature is in the header."""

    credential: str
    signature: str
    date: str
    additional_headers: tuple[str, ...]
    token: str | None
    expires_s: int | None

    @property
    def access_key_id(self) -> str:
        """The first part of the credential."""
        return self.credential.partition("/")[0]

    @property
    def scope(self) -> str:
        """Date, region, product and the fixed end of the credential."""
        return self.credential.partition("/")[2]


def authenticate(
    request: Request, identities: Mapping[str, Identity], expired: frozenset[str], region: str
) -> Identity:
    """Say who signed the request.

    `expired` holds the access key ids whose token is over. Raises OssError 403 with OSS's codes: AccessDenied,
    InvalidAccessKeyId, InvalidSecurityToken, SecurityTokenExpired, RequestTimeTooSkewed, SignatureDoesNotMatch.
    """
    claim = _read_claim(request)
    identity = find_identity(identities, expired, claim.access_key_id, claim.token)
    check_scope(claim.scope, claim.date, region)
    _check_time(claim, time.time())
    expected = sign(identity.access_key_secret, claim.scope, _string_to_sign(request, claim))
    if not hmac.compare_digest(expected, claim.signature):
        raise OssError(403, "SignatureDoesNotMatch", "The request signature we calculated does not match yours.")
    return identity


def is_link(request: Request) -> bool:
    """Whether the signature is in the URL."""
    return "x-oss-signature-version" in request.parameters


def find_identity(
    identities: Mapping[str, Identity], expired: frozenset[str], access_key_id: str, token: str | None
) -> Identity:
    """Look up who this is, and hold the token against the one that was issued. Raises OssError 403."""
    identity = identities.get(access_key_id)
    if identity is None:
        raise OssError(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.")
    if token != identity.security_token:
        raise OssError(403, "InvalidSecurityToken", "The security token you provided is invalid.")
    if access_key_id in expired:
        raise OssError(403, "SecurityTokenExpired", "The security token you provided has expired.")
    return identity


def check_scope(scope: str, date: str, region: str) -> None:
    """Raise OssError unless the scope is of this day, this region and this product."""
    if scope != f"{date[:8]}/{region}/oss/aliyun_v4_request":
        raise OssError(403, "SignatureDoesNotMatch", f"The credential's scope is not that of OSS in {region}.")


def sign(secret: str, scope: str, string_to_sign: bytes) -> str:
    """Compute the signature, 64 hexadecimal digits."""
    key = f"aliyun_v4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, string_to_sign, hashlib.sha256).hexdigest()


def _read_claim(request: Request) -> Claim:
    try:
        if is_link(request):
            return _read_presigned(request.parameters)
        return _read_header(request.headers)
    except (KeyError, ValueError) as error:
        message = f"A signature {ALGORITHM} is needed, in the Authorization header or in the URL."
        raise OssError(403, "AccessDenied", message) from error


def _read_header(headers: Mapping[str, str]) -> Claim:
    algorithm, _, rest = headers["authorization"].partition(" ")
    if algorithm != ALGORITHM:
        raise ValueError(algorithm)
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    additional = tuple(sorted(filter(None, fields.get("AdditionalHeaders", "").split(";"))))
    token = headers.get("x-oss-security-token")
    return Claim(fields["Credential"], fields["Signature"], headers["x-oss-date"], additional, token, None)


def _read_presigned(parameters: Mapping[str, str]) -> Claim:
    if parameters["x-oss-signature-version"] != ALGORITHM:
        raise ValueError(parameters["x-oss-signature-version"])
    return Claim(
        credential=parameters["x-oss-credential"],
        signature=parameters["x-oss-signature"],
        date=parameters["x-oss-date"],
        additional_headers=tuple(sorted(filter(None, parameters.get("x-oss-additional-headers", "").split(";")))),
        token=parameters.get("x-oss-security-token"),
        expires_s=int(parameters["x-oss-expires"]),
    )


def _check_time(claim: Claim, now_s: float) -> None:
    try:
        signed_at_s = timegm(time.strptime(claim.date, "%Y%m%dT%H%M%SZ"))
    except ValueError as error:
        raise OssError(403, "AccessDenied", "x-oss-date must look like 20250417T081516Z.") from error
    if claim.expires_s is None:
        if abs(now_s - signed_at_s) > MAX_SKEW_S:
            raise OssError(403, "RequestTimeTooSkewed", "The request's time and ours are over 15 minutes apart.")
    elif not 0 < claim.expires_s <= MAX_EXPIRES_S or signed_at_s > now_s + MAX_SKEW_S:
        raise OssError(403, "AccessDenied", "The signed URL is not valid yet, or for longer than seven days.")
    elif now_s >= signed_at_s + claim.expires_s:
        raise OssError(403, "AccessDenied", "Request has expired.")


def _string_to_sign(request: Request, claim: Claim) -> bytes:
    canonical = b"\n".join(
        (
            request.method.encode(),
            _quote(unquote_to_bytes(request.raw_path), safe="/"),
            _canonical_query(request.raw_query),
            _canonical_headers(request.headers, claim.additional_headers),
            ";".join(claim.additional_headers).encode(),
            request.headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD").encode(),
        )
    )
    digest = hashlib.sha256(canonical).hexdigest()
    return f"{ALGORITHM}\n{claim.date}\n{claim.scope}\n{digest}".encode()


def _canonical_query(raw_query: str) -> bytes:
    pairs = (pair.partition("=") for pair in raw_query.split("&") if pair)
    encoded = sorted((_requote(name), _requote(value)) for name, _, value in pairs)
    return b"&".join(name + b"=" + value if value else name for name, value in encoded if name != b"x-oss-signature")


def _canonical_headers(headers: Mapping[str, str], additional: tuple[str, ...]) -> bytes:
    signed = sorted(
        name for name in headers if name.startswith("x-oss-") or name in _ALWAYS_SIGNED or name in additional
    )
    return b"".join(f"{name}:{headers[name]}\n".encode("latin-1") for name in signed)


def _requote(encoded: str) -> bytes:
    return _quote(unquote_plus(encoded).encode(), safe="")


def _quote(raw: bytes, safe: str) -> bytes:
    return quote_from_bytes(raw, safe=safe).encode()
