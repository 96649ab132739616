"""The way to the vendor: proxies, `.netrc` and certificates, with both SDKs over real sockets."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from http.client import parse_headers
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import oss2
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from handler.adapters.dara import heed_network
from handler.adapters.green import GreenModerator
from handler.adapters.oss.connection import OssConnection
from handler.adapters.oss.network import Detour, OssSession, explain, is_this_machine
from handler.credentials import Credentials
from handler.errors import NoVerdict, StoreUnavailable, WardenError
from handler.meter import Meter
from handler.model import Upload
from scripts.localcloud.cloud import APPLICATION, REGION, LocalCloud
from scripts.operations.invoking import CannotInvoke, Invoker
from scripts.services.function_compute import FunctionClient

VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
BOTH_CASES = (*VARIABLES, *(name.upper() for name in VARIABLES))
KEYS = Credentials(APPLICATION.access_key_id, APPLICATION.access_key_secret)
UPLOAD = Upload("uploads", "a.png", "E", None, 1, None, REGION, "ObjectCreated:PutObject", "2026-01-01T00:00:00Z", "R")
# A host that no network has: a client that asks for its name has not asked the proxy.
ELSEWHERE = "https://elsewhere.invalid"


class Proxy:
    """Stands for a company's proxy: notes what it hears, and answers as told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        heard, proxy = self.heard, self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                heard.append(b"".join(iter(self.rfile.readline, b"\r\n")).decode("latin-1"))
                self.wfile.write(proxy.answer)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Hear no more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy that every variable names, no exception for this machine, and a `.netrc` for every host."""
    running = Proxy()
    for name in ("NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in BOTH_CASES:
        monkeypatch.setenv(name, running.url)
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login netrc-name password netrc-secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield running
    running.close()


def ask_oss(endpoint: str) -> None:
    """A HEAD through our connection, tried once."""
    connection = OssConnection(KEYS, endpoint=endpoint, region=REGION, meter=Meter(), sleep=lambda _: None, tries=1)
    try:
        connection.call("look at", "uploads", "a.png", lambda: connection.bucket("uploads").head_object("a.png"))
    finally:
        connection.session.session.close()


def ask_service(endpoint: str) -> None:
    """A call to the moderation service."""
    moderator = GreenModerator(
        KEYS, endpoint=endpoint, region=REGION, service="s", info_types=(), referer=None, meter=Meter()
    )
    moderator.judge(UPLOAD, url=None, timeout_s=5)


def ask_function(endpoint: str) -> None:
    """An invocation of the deployed function."""
    Invoker(FunctionClient(KEYS, endpoint=endpoint, region=REGION, function="f")).invoke("{}")


CLIENTS = (ask_oss, ask_service, ask_function)


def refusal(ask: Callable[[str], None], endpoint: str) -> str:
    """What a client says that gets no answer."""
    with pytest.raises((StoreUnavailable, NoVerdict, CannotInvoke)) as caught:
        ask(endpoint)
    return str(caught.value)


def test_nothing_of_the_local_cloud_leaves_this_machine(proxy: Proxy, tmp_path: Path) -> None:
    """With every proxy variable and a `.netrc`, an upload is judged and held, and the proxy hears nothing."""
    policy = tmp_path / "policy.yml"
    policy.write_text(
        "version: 1\nname: all\nrules: [{name: all, match: {labels: ['*']}, action: quarantine}]\n"
        "otherwise: {none: quarantine}\nquarantine: {bucket: '${QUARANTINE_BUCKET}', prefix: held/}\n"
    )
    with LocalCloud(policy=policy, ledger_bucket="ledger", instances=1) as cloud:
        session = OssSession()
        auth = oss2.AuthV4(APPLICATION.access_key_id, APPLICATION.access_key_secret)
        bucket = oss2.Bucket(auth, cloud.oss.endpoint, "uploads", session=session, region=REGION, is_path_style=True)
        bucket.put_object("a.png", (Path("samples") / "sk_chelsea.jpg").read_bytes())
        assert cloud.fc.wait_idle(60)
        ask_oss_of(cloud)
        session.session.close()
    assert [document["outcome"]["status"] for document in cloud.outcomes] == ["quarantined"]
    assert proxy.heard == []


def ask_oss_of(cloud: LocalCloud) -> None:
    """As an operator's command does, with the machine's own environment."""
    connection = OssConnection(
        KEYS, endpoint=cloud.oss.endpoint, region=REGION, meter=Meter(), sleep=lambda _: None, tries=1
    )
    assert (
        connection.call("list", "uploads", "", lambda: connection.bucket("uploads").list_objects_v2().object_list) == []
    )
    connection.session.session.close()


@pytest.mark.parametrize("ask", CLIENTS)
@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost"])
def test_this_machine_is_not_asked_through_a_proxy(proxy: Proxy, ask: Callable[[str], None], host: str) -> None:
    """Whatever the variables say; port 1 has no listener."""
    assert "no connection" in refusal(ask, f"http://{host}:1")
    assert proxy.heard == []


@pytest.mark.parametrize("ask", CLIENTS)
@pytest.mark.parametrize("name", [name for name in BOTH_CASES if name.lower() != "http_proxy"])
def test_each_client_heeds_the_proxy_elsewhere(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], None], name: str
) -> None:
    """Each variable by itself; and who is refused is told by whom. Nothing of `.netrc` is sent."""
    for other in BOTH_CASES:
        if other != name:
            monkeypatch.delenv(other)
    assert "the proxy refuses to connect there" in refusal(ask, ELSEWHERE)
    assert len(proxy.heard) == 1
    assert proxy.heard[0].startswith("CONNECT ")
    assert "elsewhere.invalid:443" in proxy.heard[0]
    assert "Basic" not in proxy.heard[0]


@pytest.mark.parametrize("ask", CLIENTS)
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_each_client_heeds_the_exceptions(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], None], name: str
) -> None:
    """A host that NO_PROXY names is asked directly; and that its name can't be resolved is said."""
    monkeypatch.setenv(name, ".invalid")
    assert "can't be resolved" in refusal(ask, ELSEWHERE)
    assert proxy.heard == []


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_proxy_that_wants_a_name_is_told_so(proxy: Proxy, ask: Callable[[str], None]) -> None:
    """407 is what a company's proxy says to a stranger."""
    proxy.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert "the proxy wants a name and a password" in refusal(ask, ELSEWHERE)


@pytest.mark.parametrize("ask", CLIENTS)
@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("http://127.0.0.1:1", "the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names does not answer"),
        ("socks5://127.0.0.1:1", "a SOCKS proxy is not spoken"),
        ("http://", "names does not answer; mend the variable"),
    ],
)
def test_a_proxy_that_is_none_is_named(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], None], url: str, cause: str
) -> None:
    """The variable is to be mended, not the account."""
    del proxy
    for name in BOTH_CASES:
        monkeypatch.setenv(name, url)
    assert cause in refusal(ask, ELSEWHERE)


def test_netrc_signs_nothing(proxy: Proxy) -> None:
    """What is sent elsewhere bears our signature, and nothing of `.netrc`, be it in an answer's redirect."""
    proxy.answer = b"HTTP/1.1 302 Found\r\nLocation: http://other.invalid/\r\nContent-Length: 0\r\n"
    proxy.answer += b"Connection: close\r\n\r\n"
    session = requests.Session()
    session.mount("http://", Detour(requests.adapters.HTTPAdapter()))
    session.max_redirects = 2
    with pytest.raises(requests.TooManyRedirects):
        session.get("http://elsewhere.invalid/", headers={"X": "1"})
    session.close()
    with pytest.raises(WardenError):
        ask_oss("http://elsewhere.invalid")
    assert len(proxy.heard) > 3
    assert not [heard for heard in proxy.heard if "Basic" in heard]
    assert "OSS4-HMAC-SHA256" in proxy.heard[3]


def test_the_certificates_that_the_environment_names_are_trusted(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where a proxy opens TLS, both SDKs take its CA from one variable, and say so where it is not there."""
    del proxy
    for name in BOTH_CASES:
        monkeypatch.delenv(name)
    sent: list[Any] = []
    answer = SimpleNamespace(send=lambda _request, **options: sent.append(options), close=lambda: None)
    detour = Detour(answer)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    detour.send(requests.Request("GET", ELSEWHERE).prepare(), verify=True)
    detour.close()
    assert sent == [{"proxies": {}, "verify": str(tmp_path / "ca.pem")}]
    assert "REQUESTS_CA_BUNDLE names a file that is not there" in refusal(ask_oss, ELSEWHERE)


@pytest.fixture
def intercepting(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server whose certificate a CA of its own has signed, as a proxy that opens TLS has it; and that CA's file."""
    certificate = tmp_path / "ca.pem"
    certificate.write_bytes(self_signed("localhost"))
    terms = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    terms.load_cert_chain(certificate)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                with terms.wrap_socket(self.connection, server_side=True) as encrypted:
                    read_request(encrypted)
                    encrypted.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            except OSError:
                return  # the client trusts nobody whom it doesn't know

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"https://localhost:{server.server_address[1]}", certificate
        server.shutdown()


def read_request(connection: socket.socket) -> None:
    """Read one to its end: what is left unread breaks the connection off, and the answer with it."""
    with connection.makefile("rb") as sent:
        sent.readline()
        headers = parse_headers(sent)
        sent.read(int(headers.get("Content-Length", 0)))


def self_signed(name: str) -> bytes:
    """A key and a certificate for that name, good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("ask", CLIENTS)
def test_tls_that_is_opened_on_the_way_is_said_and_can_be_trusted(
    intercepting: tuple[str, Path], proxy: Proxy, monkeypatch: pytest.MonkeyPatch, ask: Callable[[str], None]
) -> None:
    """One variable mends it for every client; without it nothing is sent."""
    del proxy
    endpoint, certificate = intercepting
    assert "its certificate is not trusted; where a proxy opens TLS" in refusal(ask, endpoint)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert "503" in refusal(ask, endpoint)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (ssl.SSLCertVerificationError("x"), "SSLCertVerificationError"),
        (ValueError("secret"), "ValueError"),
        ("secret", "no answer"),
        ("/Caused by ProxyError (Caused by SSLError('CERTIFICATE_VERIFY_FAILED'))", "its certificate is not trusted"),
        ("url: /SOCKS (Caused by ReadTimeoutError('Read timed out.'))", "no answer in time"),
        ("('Connection aborted.', ConnectionResetError(104))", "the connection broke off"),
        ("(Caused by SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER]')))", "no encrypted connection"),
    ],
)
def test_cause_is_read_behind_the_url(said: object, cause: str) -> None:
    """A key is an uploader's text; and nothing of what was said is repeated."""
    assert explain(said).startswith(cause)


@pytest.mark.parametrize(
    ("url", "is_it"),
    [
        ("http://127.0.0.1:9000/a", True),
        ("http://LOCALHOST", True),
        ("http://[::1]:80/", True),
        ("http://127.0.0.1.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("http://localhost.example.com", False),
        ("https://oss-ap-southeast-1.aliyuncs.com", False),
        ("nothing", False),
    ],
)
def test_this_machine_is_known_by_its_addresses(url: str, is_it: bool) -> None:  # noqa: FBT001
    """And not by what begins or ends like one."""
    assert is_this_machine(url) == is_it


def test_the_vendors_core_is_changed_once() -> None:
    """However many clients there are, a session takes one detour."""
    heed_network()
    heed_network()
    from darabonba.core import DaraCore  # noqa: PLC0415

    detour = DaraCore.get_adapter("HTTP")
    assert isinstance(detour, Detour)
    assert not isinstance(detour._adapter, Detour)  # noqa: SLF001
    detour.close()
