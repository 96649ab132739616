"""One service of the vendor's at one endpoint, asked over signed HTTP.

Why not the vendor's SDKs: for the handful of calls that we make, those of the Log Service bring ten packages and more
(native compression, protobuf; the older one an Elasticsearch client), and that of the Message Service's messages knows
no proxy and, with TLS, no time limit. The signature is a page (signature.py); requests is here already, below oss2.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests

from handler.adapters.oss.errors import HINTS
from handler.adapters.oss.network import Detour, explain, is_this_machine
from handler.errors import BadSettings, WardenError, plain
from scripts.services.signature import Signature

CONNECT_TIMEOUT_S = 3.05  # a little more than TCP needs to try again
READ_TIMEOUT_S = 15.0
STRANGE = "its answer is none of this service; something on the way, or another endpoint, gave it"
UNSENDABLE = "a key, the token or the address holds what no request can carry"
_LABEL = r"[^\s@:;.\[\]]{1,63}"
_HOST = re.compile(rf"({_LABEL}(\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(:[0-9]+)?")
_DENIALS = frozenset({"Unauthorized", "AccessDenied"})
_DENIED = re.compile(r"denied by sts or ram, action: ([a-z]+:[A-Za-z]+)")

# OSS's words, of which we know what mends them, for what other services call otherwise.
OSS_CALLS_IT = {
    "InvalidAccessKeyID": "InvalidAccessKeyId",
    "InvalidAccessKeyId.NotFound": "InvalidAccessKeyId",
    "InvalidAccessKeyId.Inactive": "InvalidAccessKeyId",
    "SignatureNotMatch": "SignatureDoesNotMatch",
    "IncompleteSignature": "SignatureDoesNotMatch",
    "InvalidSecurityToken.Expired": "SecurityTokenExpired",
    "InvalidSecurityToken.Malformed": "InvalidSecurityToken",
    "InvalidSecurityToken.MismatchWithAccessKey": "InvalidSecurityToken",
    "InvalidTimeStamp.Expired": "RequestTimeTooSkewed",
    "IllegalTimestamp": "RequestTimeTooSkewed",
}


class NoAnswer(WardenError):
    """The service gave no answer, or none that is its own. The message says why, and nothing secret."""


class Refused(WardenError):
    """The service answered with an error. `denied` is the right that it says is missing, where it says so."""

    def __init__(self, status: int, code: str, message: str) -> None:
        hint = HINTS.get(OSS_CALLS_IT.get(code, code))
        super().__init__(f"HTTP {status} {plain(code, 'code')}{f': {hint}' if hint else ''}")
        self.status = status
        self.code = code
        found = _DENIED.search(message)
        self.denied = found[1] if found else None

    @property
    def is_denial(self) -> bool:
        """Whether a right is missing, or the keys are not known there: both services use one code for the two."""
        return self.code in _DENIALS


def find_endpoint(env: Mapping[str, str], name: str, public: str) -> str:
    """The URL of an endpoint: what the environment says, or the public one. Raises BadSettings."""
    endpoint = env.get(name) or public
    if not is_host(endpoint):
        shown = endpoint.rpartition("@")[2]  # what stands before may be a password
        raise BadSettings(f"{name}: {shown!r} is no URL of a host; one like {public} would be right")
    return endpoint.rstrip("/")


def is_host(endpoint: str) -> bool:
    """Whether it is the URL of a host and nothing more: no name, no password, no path."""
    try:
        url = urlsplit(endpoint)
        is_port = url.port != 0  # raises ValueError where it is none
    except ValueError:
        return False
    is_bare = url.path in {"", "/"} and not (url.query or url.fragment)
    return url.scheme in {"http", "https"} and bool(_HOST.fullmatch(url.netloc)) and is_port and is_bare


class Client:
    """Asks one endpoint. `label` is what stands before its host for what is asked of: a project of the Log Service."""

    def __init__(self, endpoint: str, signature: Signature, *, label: str = "") -> None:
        scheme, _, host = endpoint.partition("://")
        named = f"{label}.{host}" if label else host
        # An address of this machine has no names below it: there the Host header alone says which project.
        self._base = endpoint if is_this_machine(endpoint) else f"{scheme}://{named}"
        self._headers = {"Host": named}
        self._session = requests.Session()
        self._session.auth = signature  # so that .netrc is not asked for one
        for prefix in ("http://", "https://"):
            self._session.mount(prefix, Detour(requests.adapters.HTTPAdapter()))

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def ask(self, method: str, path: str, body: bytes | None = None) -> requests.Response:
        """Send a request, once. Raises NoAnswer; what an error answer means is the caller's to read."""
        kind = {} if body is None else {"Content-Type": "text/xml"}
        try:
            return self._session.request(
                method,
                self._base + path,
                data=body,
                headers={**self._headers, **kind},
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                allow_redirects=False,  # neither service redirects; what does is something on the way
            )
        except ValueError as error:  # requests' own InvalidHeader and InvalidURL are such, too
            raise NoAnswer(f"no answer ({UNSENDABLE})") from error
        except requests.RequestException as error:
            raise NoAnswer(f"no answer ({explain(error)})") from error
