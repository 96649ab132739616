"""How the moderation stand-in gets at images: out of the OSS stand-in, and by URL."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import oss2
import pytest
from oss2.credentials import StaticCredentialsProvider

from scripts.localcloud.green import fetch as fetching
from scripts.localcloud.green.fetch import DownloadTimedOut, NotDownloaded, OssFetch, fetch_url
from scripts.localcloud.green.image import LARGEST_BYTES
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Identity

REGION = "ap-southeast-1"
OWNER = Identity("LTAI-owner", "owner secret")
ROLE = Identity("STS.scan", "scan secret", "scan+token/=", frozenset({("oss:GetObject", "uploads/*")}))


@pytest.fixture(scope="module")
def oss() -> Iterator[OssServer]:
    """An OSS with a bucket that the scanning role may read and one that it may not."""
    with OssServer([OWNER, ROLE], region=REGION) as server:
        server.create_bucket("uploads")
        server.create_bucket("private")
        yield server


@pytest.fixture
def fetch(oss: OssServer) -> OssFetch:
    """The scanning role's way in."""
    return OssFetch(oss.endpoint, REGION, ROLE)


def put(oss: OssServer, bucket: str, key: str, data: bytes) -> oss2.Bucket:
    """Upload as the owner."""
    auth = oss2.ProviderAuthV4(StaticCredentialsProvider(OWNER.access_key_id, OWNER.access_key_secret))
    owned = oss2.Bucket(auth, oss.endpoint, bucket, region=REGION, is_path_style=True, is_verify_object_strict=False)
    owned.put_object(key, data)
    return owned


@pytest.mark.parametrize("key", ["a.png", "a/b c+d%2Be.png", "图片/ü.png", "?x=1#y", "a//b/../c"])
def test_objects_are_read_by_their_raw_key(oss: OssServer, fetch: OssFetch, key: str) -> None:
    """No character of a key means anything but itself."""
    put(oss, "uploads", key, b"the bytes")
    assert fetch("uploads", key, REGION) == b"the bytes"


@pytest.mark.parametrize(
    ("bucket", "key", "region"),
    [
        ("uploads", "gone.png", REGION),
        ("no-such-bucket", "a.png", REGION),
        ("private", "a.png", REGION),
        ("uploads", "a.png", "cn-beijing"),
        ("NOT_A_BUCKET", "a.png", REGION),
    ],
    ids=["no key", "no bucket", "no right", "another region", "no bucket name"],
)
def test_what_the_role_cannot_read_is_not_downloaded(
    oss: OssServer, fetch: OssFetch, bucket: str, key: str, region: str
) -> None:
    """Absent and forbidden are one to the service."""
    put(oss, "private", "a.png", b"hidden")
    with pytest.raises(NotDownloaded):
        fetch(bucket, key, region)


@pytest.mark.parametrize("storage_class", ["Archive", "ColdArchive", "DeepColdArchive"])
def test_an_archived_object_is_not_downloaded(oss: OssServer, fetch: OssFetch, storage_class: str) -> None:
    """Neither by its name nor by a signed URL, before it is restored."""
    bucket = put(oss, "uploads", "cold.png", b"")
    bucket.put_object("cold.png", b"the bytes", headers={"x-oss-storage-class": storage_class})
    url = bucket.sign_url("GET", "cold.png", 60)
    with pytest.raises(NotDownloaded, match="403"):
        fetch("uploads", "cold.png", REGION)
    with pytest.raises(NotDownloaded, match="403"):
        fetch_url(url)
    bucket.restore_object("cold.png")
    assert fetch("uploads", "cold.png", REGION) == fetch_url(url) == b"the bytes"


def test_a_signed_url_reads_an_exact_version(oss: OssServer) -> None:
    """The other way in: a URL signed by whoever asks, which can name a version."""
    oss.create_bucket("versioned", versioned=True)
    bucket = put(oss, "versioned", "a b.png", b"first")
    version_id = bucket.head_object("a b.png").headers["x-oss-version-id"]
    put(oss, "versioned", "a b.png", b"second")
    url = bucket.sign_url("GET", "a b.png", 60, params={"versionId": version_id})
    assert fetch_url(url) == b"first"


class Site:
    """A web server that does as each test says."""

    def __init__(self) -> None:
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda _request: None
        self.referers: list[str | None] = []
        self.targets: list[str] = []
        self.closing = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.referers.append(self.headers["Referer"])
                site.targets.append(self.path)
                site.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    """A running site."""
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, args=(0.02,))
    thread.start()
    yield site
    site.closing.set()
    site.server.shutdown()
    thread.join()
    site.server.server_close()


def send(request: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, length: int | None = None) -> None:
    """An answer whose length may be a lie."""
    request.send_response(status)
    request.send_header("Location", "/elsewhere")
    request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    request.wfile.write(body)


def test_the_referer_goes_along(site: Site) -> None:
    """It is sent where the call gives one, for sites with hotlink protection."""
    site.answer = lambda request: send(request, b"image")
    assert fetch_url(f"{site.url}/a%20b.png?x=%2F&y=ü", "www.example.com") == b"image"
    assert fetch_url(site.url) == b"image"
    assert site.referers == ["www.example.com", None]
    assert site.targets == ["/a%20b.png?x=%2F&y=%C3%BC", "/"]


@pytest.mark.parametrize("status", [204, 301, 403, 404, 500])
def test_any_answer_but_200_is_not_downloaded(site: Site, status: int) -> None:
    """Redirects are not followed."""
    site.answer = lambda request: send(request, b"", status=status)
    with pytest.raises(NotDownloaded, match=str(status)):
        fetch_url(site.url)
    assert len(site.targets) == 1


def test_a_download_cut_short_is_not_downloaded(site: Site) -> None:
    """Half an image must not be judged as if it were whole."""
    site.answer = lambda request: send(request, b"half", length=8)
    with pytest.raises(NotDownloaded, match="4 bytes before its end"):
        fetch_url(site.url)


def test_a_download_is_not_read_far_past_the_largest_image(site: Site) -> None:
    """The rest of what is too large anyway stays where it is."""

    def flood(request: BaseHTTPRequestHandler) -> None:
        with pytest.raises(ConnectionError):
            send(request, bytes(LARGEST_BYTES * 2))

    site.answer = flood
    assert LARGEST_BYTES < len(fetch_url(site.url)) <= LARGEST_BYTES + 64 * 1024


@pytest.mark.parametrize("trickle", [b"", b"."], ids=["silent", "trickling"])
def test_a_slow_download_times_out(site: Site, monkeypatch: pytest.MonkeyPatch, trickle: bytes) -> None:
    """The limit is on the whole download, not on each wait."""
    monkeypatch.setattr(fetching, "DOWNLOAD_LIMIT_S", 0.3)

    def dawdle(request: BaseHTTPRequestHandler) -> None:
        send(request, b"begin", length=1_000_000)
        while not site.closing.wait(0.05):
            request.wfile.write(trickle)

    site.answer = dawdle
    try:
        with pytest.raises(DownloadTimedOut):
            fetch_url(site.url)
    finally:
        site.closing.set()


def test_the_limit_is_three_seconds() -> None:
    """The vendor's page says so."""
    assert fetching.DOWNLOAD_LIMIT_S == 3


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/a.png", "http://127.0.0.1:port/", "http:///a.png", "https://127.0.0.1:1/", "http://[/"]
)
def test_hosts_that_cannot_be_asked_are_not_downloaded(url: str) -> None:
    """Nobody there, or no such address."""
    with pytest.raises(NotDownloaded):
        fetch_url(url)
