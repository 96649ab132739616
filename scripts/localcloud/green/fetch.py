"""How the moderation stand-in gets at the image: from OSS by name, or from a URL; within 3 seconds either way."""

import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TypeAlias
from urllib.parse import quote, urlsplit

import oss2
from oss2.credentials import StaticCredentialsProvider

from scripts.localcloud.green.image import LARGEST_BYTES
from scripts.localcloud.wire import Identity

DOWNLOAD_LIMIT_S = 3.0

_CHUNK_BYTES = 64 * 1024
_SIGNED_FOR_S = 60
_OK = 200
# What may stand in a URL as it is; `%` too, for what is already quoted.
_URL_SAFE = "/:?#[]@!$&'()*+,;=~%"


class NotDownloaded(Exception):
    """There is no such image, or no right to read it."""


class DownloadTimedOut(NotDownloaded):
    """The download took over 3 seconds: code 405."""


Fetch: TypeAlias = Callable[[str, str, str], bytes]
"""Bucket, key, region -> the object's bytes. Raises NotDownloaded, or DownloadTimedOut past 3 seconds.

Of an object over 20 MB any part longer than that will do: it is refused unseen.
"""


class OssFetch:
    """Reads from OSS as the moderation service's own role does (AliyunCIPScanOSSRole on the vendor's page).

    `endpoint` is that of OSS, path style; `region` the one that it serves: a bucket elsewhere is not found. The reads
    are those of `identity`, which needs `oss:GetObject`.
    """

    def __init__(self, endpoint: str, region: str, identity: Identity) -> None:
        self._endpoint = endpoint
        self._region = region
        credentials = StaticCredentialsProvider(
            identity.access_key_id, identity.access_key_secret, identity.security_token or ""
        )
        self._auth = oss2.ProviderAuthV4(credentials)

    def __call__(self, bucket: str, key: str, region: str) -> bytes:
        """The object's bytes. Raises NotDownloaded, or DownloadTimedOut past 3 seconds."""
        if region != self._region:
            raise NotDownloaded(f"bucket {bucket!r} is not in {region!r}; this OSS serves {self._region!r}")
        return fetch_url(self._sign(bucket, key))

    def _sign(self, bucket: str, key: str) -> str:
        """A signed URL, so that one reader holds both ways in to the limit on the whole download.

        Past `Bucket.sign_url`, which refuses keys that are all spaces; OSS takes them.
        """
        try:
            reader = oss2.Bucket(self._auth, self._endpoint, bucket, region=self._region, is_path_style=True)
        except oss2.exceptions.ClientError as exc:
            raise NotDownloaded(f"{bucket!r}: OSS knows no such name") from exc
        url = reader._make_url(bucket, key, True)  # noqa: SLF001, FBT003  (oss2 has no public way)
        request = oss2.http.Request("GET", url, region=self._region, product="oss")
        return str(self._auth._sign_url(request, bucket, key, _SIGNED_FOR_S))  # noqa: SLF001


def fetch_url(url: str, referer: str = "") -> bytes:
    """The image behind an http or https URL, and at most a little more than 20 MB of it. Redirects are not followed.

    Raises NotDownloaded for any answer but 200, and DownloadTimedOut where the whole took over 3 seconds.
    """
    deadline_s = time.monotonic() + DOWNLOAD_LIMIT_S
    try:
        connection = _connection(url)
    except (ValueError, HTTPException) as exc:
        raise NotDownloaded("the URL names no host that could be asked") from exc
    try:
        return _download(connection, url, {"Referer": referer} if referer else {}, deadline_s)
    except TimeoutError as exc:
        raise DownloadTimedOut(f"over {DOWNLOAD_LIMIT_S:g} s") from exc
    except (OSError, HTTPException, ValueError) as exc:
        raise NotDownloaded(f"the download broke off: {type(exc).__name__}") from exc
    finally:
        connection.close()


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme.lower() == "https" else HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=DOWNLOAD_LIMIT_S)


def _download(connection: HTTPConnection, url: str, headers: dict[str, str], deadline_s: float) -> bytes:
    parts = urlsplit(url)
    target = quote(f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", safe=_URL_SAFE)
    connection.request("GET", target, headers=headers)
    # Kept, because the connection forgets it where the server closes after its answer.
    sock = connection.sock
    _hurry(sock, deadline_s)
    with connection.getresponse() as response:
        if response.status != _OK:
            raise NotDownloaded(f"the download was answered with status {response.status}")
        return _read(sock, response, deadline_s)


def _read(sock: socket.socket, response: HTTPResponse, deadline_s: float) -> bytes:
    image = bytearray()
    # From Python 3.13 on a response closes itself, and the socket with it, once it is read to its end.
    while not response.isclosed():
        if len(image) > LARGEST_BYTES:
            return bytes(image)
        _hurry(sock, deadline_s)
        chunk = response.read1(_CHUNK_BYTES)
        if not chunk:
            break
        image += chunk
    if response.length:
        raise NotDownloaded(f"the download broke off {response.length} bytes before its end")
    return bytes(image)


def _hurry(sock: socket.socket, deadline_s: float) -> None:
    """Give the next wait on the socket only what is left: a sender that trickles must not outlive the limit."""
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    sock.settimeout(left_s)
