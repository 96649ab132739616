"""Why an environment can't be made: what pip says on a real wire, and what the system says."""

import socketserver
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.environment.causes import complain, find_cause
from scripts.environment.making import CannotPrepare, prepare

PYTHON = Path(sys.executable)
NAMES = ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_PROXY", "PIP_CERT")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that needs one package, and a machine without settings of its own; pip tries once."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "build.txt").write_text("# nothing\n")
    (tmp_path / "requirements" / "core.txt").write_text(f"no-such-package-here==1 --hash=sha256:{'0' * 64}\n")
    for name in (*NAMES, *PROXIES, *(proxy.upper() for proxy in PROXIES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_TIMEOUT", "2")
    # A name that nobody has, so that nothing of this test reaches an index.
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    return tmp_path


@pytest.fixture
def refusing() -> Iterator[str]:
    """A proxy that refuses whatever it is asked."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            list(iter(self.rfile.readline, b"\r\n"))
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def complaint(root: Path) -> str:
    """What is said where the environment can't be made."""
    with pytest.raises(CannotPrepare) as caught:
        prepare("core", PYTHON, root)
    return str(caught.value).splitlines()[0]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("copied")
def test_a_proxy_that_refuses_is_named(root: Path, refusing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the package, which pip says that it could not find."""
    monkeypatch.setenv("HTTPS_PROXY", refusing)
    assert complaint(root).startswith("cannot install core.txt (the proxy refuses to connect to the package index")


@pytest.mark.exhaustive
@pytest.mark.usefixtures("copied")
def test_a_proxy_that_is_not_there_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 1 has no listener."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    assert complaint(root).startswith("cannot install core.txt (the proxy does not answer; mend HTTPS_PROXY")


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "no space"),
        ("ERROR: [Errno 13] Permission denied: '/there'", "a folder may not be written"),
        ("OSError: [Errno 30] Read-only file system", "a folder may not be written"),
        (
            "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/']",
            "no folder for temporary files",
        ),
        ("(Caused by ProxyError('…', OSError('Tunnel connection failed: 407 Proxy …')))", "the proxy wants a name"),
        ("connection broken by 'NewConnectionError(… Failed to establish a new connection: …)'", "no network"),
        ("connection broken by 'NameResolutionError(…)'", "no network"),
        (f"SSLError({ssl.SSLCertVerificationError('CERTIFICATE_VERIFY_FAILED')!r})", "the certificate of the package"),
        ("connection broken by 'ReadTimeoutError(… Read timed out.)'", "the package index does not answer in time"),
        ("ERROR: HTTP error 401\n401 Client Error: Unauthorized for url", "the package index refuses"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "other files came"),
        ("ERROR: Could not find a suitable TLS CA certificate bundle, invalid path: /x", "the file of certificates"),
        ("ERROR: Missing dependencies for SOCKS support.", "a SOCKS proxy is not spoken"),
        ("ERROR: No matching distribution found for x", None),
    ],
)
def test_cause_is_read_off_what_was_said(said: str, cause: str | None) -> None:
    """Each in the words of pip or the system."""
    found = find_cause(["before", said, "after"])
    assert found is None if cause is None else found is not None and found.startswith(cause)


def test_without_a_cause_it_is_guessed() -> None:
    """And what was said stands below, whole."""
    assert complain("do it", "is it on?", ["a", "b"]) == "cannot do it (is it on?)\n  a\n  b"
