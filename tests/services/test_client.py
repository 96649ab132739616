"""The way to a service: proxies, `.netrc` and certificates are heeded as everywhere else."""

from contextlib import closing
from pathlib import Path

import pytest

from handler.adapters.oss.errors import HINTS
from handler.credentials import Credentials
from scripts.localcloud.http import Request
from scripts.services.client import OSS_CALLS_IT, Client, NoAnswer, Refused
from scripts.services.signature import LOG, Signature
from tests.services.http import Answer, serving

KEYS = Credentials("LTAIx", "secret")


def test_netrc_does_not_take_the_place_of_the_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the project stands in the Host, where the address can't have it in its name."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    arrived: list[Request] = []

    def respond(request: Request) -> Answer:
        arrived.append(request)
        return Answer(200)

    with serving(respond) as port, closing(_client(f"http://127.0.0.1:{port}")) as client:
        client.ask("GET", "/logstores/a")
    (request,) = arrived
    assert request.headers["authorization"].startswith("LOG LTAIx:")
    assert request.headers["host"] == f"project.127.0.0.1:{port}"


def test_a_redirection_is_not_followed() -> None:
    """Neither service redirects: what does so would get a signed request."""
    arrived: list[Request] = []

    def respond(request: Request) -> Answer:
        arrived.append(request)
        return Answer(302, location="/elsewhere")

    with serving(respond) as port, closing(_client(f"http://127.0.0.1:{port}")) as client:
        assert client.ask("GET", "/logstores/a").status_code == 302
    assert [request.target for request in arrived] == ["/logstores/a"]


def test_a_proxy_is_taken_and_named_where_it_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the service is out of reach then."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with (
        closing(_client("https://ap-southeast-1.log.example.com")) as client,
        pytest.raises(NoAnswer, match="the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names does not answer"),
    ):
        client.ask("GET", "/logstores/a")


def test_what_speaks_no_tls_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its cause; nothing of the URL is repeated."""
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    with (
        serving(lambda _: Answer(200)) as port,
        closing(_client(f"https://127.0.0.1:{port}")) as client,
        pytest.raises(NoAnswer, match="no encrypted connection") as caught,
    ):
        client.ask("GET", "/logstores/a")
    assert "logstores" not in str(caught.value)


def _client(endpoint: str) -> Client:
    return Client(endpoint, Signature(LOG, KEYS), label="project")


@pytest.mark.parametrize(
    "code", ["SignatureNotMatch", "SignatureDoesNotMatch", "InvalidAccessKeyId", "IllegalTimestamp"]
)
def test_a_refusal_of_keys_says_what_to_mend(code: str) -> None:
    """As OSS's does, whatever the service calls it; what it said beside the code is not repeated."""
    said = str(Refused(403, code, "The signature we calculated of LTAIsecret"))
    assert said.startswith(f"HTTP 403 {code}: ")
    assert HINTS[OSS_CALLS_IT.get(code, code)] in said
    assert "LTAI" not in said
