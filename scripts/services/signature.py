"""The signature of the Log Service and of the Message Service: HMAC-SHA1 over the head of a request.

Both sign alike; only the word before the key, and the headers that count, differ. Sources: "Request signatures" of
the Log Service's developer reference (2026-05), "Request protocol" of the Message Service's (2026-03), and where these
are silent, on temporary keys, the vendor's own SDKs (aliyun-log-python-sdk 0.9.52, aliyun-mns-sdk 1.3.0).
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from email.utils import formatdate

from requests import PreparedRequest
from requests.auth import AuthBase

from handler.credentials import Credentials


@dataclass(frozen=True, slots=True)
class Scheme:
    """What one service wants signed. `always` are headers of every request; `token` is where a temporary key's goes."""

    word: str
    prefixes: tuple[str, ...]
    token: str
    always: tuple[tuple[str, str], ...]


LOG = Scheme(
    word="LOG",
    prefixes=("x-log-", "x-acs-"),
    token="x-acs-security-token",  # noqa: S106  (the name of a header)
    always=(("x-log-apiversion", "0.6.0"), ("x-log-signaturemethod", "hmac-sha1")),
)
MNS = Scheme(
    word="MNS",
    prefixes=("x-mns-",),
    token="security-token",  # noqa: S106  (the name of a header)
    always=(("x-mns-version", "2015-06-06"),),
)


class Signature(AuthBase):
    """Signs each request of a session."""

    def __init__(self, scheme: Scheme, credentials: Credentials) -> None:
        self._scheme = scheme
        self._credentials = credentials

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add what is signed, and the signature."""
        request.headers.update(self._scheme.always)
        request.headers["Date"] = formatdate(usegmt=True)
        if self._credentials.security_token:
            request.headers[self._scheme.token] = self._credentials.security_token
        key = self._credentials.access_key_secret.encode()
        digest = hmac.new(key, self._head(request).encode(), hashlib.sha1).digest()
        signature = base64.b64encode(digest).decode()
        request.headers["Authorization"] = f"{self._scheme.word} {self._credentials.access_key_id}:{signature}"
        return request

    def _head(self, request: PreparedRequest) -> str:
        """What is signed. The query as it is sent: ours are in their order by name, and nothing in them is escaped."""
        names = ("Content-MD5", "Content-Type", "Date")
        lines = [str(request.method), *(str(request.headers.get(name, "")) for name in names)]
        ours = {name.lower(): str(value) for name, value in request.headers.items()}
        signed = sorted(name for name in ours if name.startswith(self._scheme.prefixes))
        return "\n".join([*lines, *(f"{name}:{ours[name]}" for name in signed), request.path_url])
