"""The way to the vendor: which proxy a request takes, whose certificates are trusted, and what went wrong on it.

One rule for both SDKs, which follow three of their own: the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
`NO_PROXY` in either case (and the system's settings where there are such) say which proxy; this machine is never asked
through one; `REQUESTS_CA_BUNDLE` says what else is trusted. `.netrc` is never read: every request is signed already,
and what stands there would take the signature's place.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from oss2.http import Session, requests

# The addresses of this machine: no proxy could reach them, and a stand-in that listens there is sent whole pictures.
THIS_MACHINE = re.compile(r"127(\.\d{1,3}){3}|localhost|::1")
POOL_SIZE = 10
# What requests and urllib3 say, in prose alone, of a request that never left: nobody can have acted on it.
NEVER_SENT = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|Tunnel connection failed|CERTIFICATE_VERIFY_FAILED"
)
# What they say of whatever went wrong: the words to look for, and the cause in ours. Most specific first.
CAUSES = (
    (r"Tunnel connection failed: 407", "the proxy wants a name and a password: http://NAME:PASSWORD@HOST:PORT"),
    (
        r"Tunnel connection failed",
        "the proxy refuses to connect there; have it allowed, or name the host in NO_PROXY",
    ),
    (
        r"ProxyError|InvalidProxyURL|proxy URL",
        "the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names does not answer; mend the variable, or unset it",
    ),
    (r"SOCKS", "a SOCKS proxy is not spoken; name an HTTP proxy in HTTPS_PROXY, or unset ALL_PROXY"),
    (
        r"CERTIFICATE_VERIFY_FAILED",
        "its certificate is not trusted; where a proxy opens TLS, name the file of its CA in REQUESTS_CA_BUNDLE",
    ),
    (r"NO_CERTIFICATE_OR_CRL_FOUND", "REQUESTS_CA_BUNDLE names a file without a certificate"),
    (r"CA certificate bundle", "REQUESTS_CA_BUNDLE names a file that is not there"),
    (r"SSL|TLS", "no encrypted connection: the other side speaks no TLS, or something on the way breaks it"),
    (
        r"NameResolutionError|getaddrinfo|Name or service not known|nodename nor servname",
        "the name of its host can't be resolved; there is no network, or the region or the endpoint is wrong",
    ),
    (r"timed out|Timeout", "no answer in time"),
    (r"NewConnectionError|Connection refused|unreachable", "no connection; nothing listens there, or no network"),
    (r"Connection aborted|reset by peer|ConnectionReset|RemoteDisconnected|IncompleteRead", "the connection broke off"),
)


class Detour(requests.adapters.BaseAdapter):  # type: ignore[misc]  # oss2 has no types
    """An adapter of requests that takes the way which the module's rule says, whatever the SDK above it says."""

    def __init__(self, adapter: Any) -> None:  # noqa: ANN401  (of requests, which oss2 hands on untyped)
        super().__init__()
        self._adapter = adapter
        self._environment = requests.Session()

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  (as above)
        """Send it. Raises what the adapter does."""
        # Neither SDK signs so: it is requests' own, out of .netrc, added to what follows a redirect.
        if request.headers.get("Authorization", "").startswith("Basic "):
            del request.headers["Authorization"]
        found = self._environment.merge_environment_settings(
            request.url, {}, options.get("stream"), options.get("verify"), options.get("cert")
        )
        options["verify"] = found["verify"]
        options["proxies"] = {} if is_this_machine(request.url) else found["proxies"]
        try:
            return self._adapter.send(request, **options)
        except requests.RequestException:
            raise
        except OSError as exc:  # REQUESTS_CA_BUNDLE names no file; the SDKs know only what requests itself raises
            raise requests.ConnectionError(str(exc)) from exc

    @property
    def poolmanager(self) -> Any:  # noqa: ANN401  (as above)
        """The connections, as every adapter of requests has them."""
        return self._adapter.poolmanager

    def close(self) -> None:
        """Close every connection."""
        self._adapter.close()
        self._environment.close()


class OssSession(Session):  # type: ignore[misc]  # oss2 has no types
    """An oss2 session that goes by the module's rule."""

    def __init__(self) -> None:
        super().__init__(
            adapter=Detour(requests.adapters.HTTPAdapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE))
        )
        # Else requests puts what .netrc has in the place of the signature.
        self.session.trust_env = False


def is_this_machine(url: str) -> bool:
    """Whether a URL names an address of this machine."""
    return bool(THIS_MACHINE.fullmatch(urlsplit(url).hostname or ""))


def explain(said: object) -> str:
    """Why there was no answer, by an exception of requests or an SDK's words about it; nothing of it is repeated."""
    # Before these words stands the URL: an uploader's key, and perhaps a signature.
    text = str(said).rpartition("Caused by")[2]
    name = "no answer" if isinstance(said, str) else type(said).__name__
    return next((cause for words, cause in CAUSES if re.search(words, text)), name)
