"""The signature, held against the vendor's own."""

import pytest
import requests

from handler.credentials import Credentials
from scripts.services import signature
from scripts.services.signature import LOG, MNS, Scheme, Signature

MNS_KEYS = Credentials("LTAIexample", "secret")
NOON = "Wed, 25 Nov 2026 12:00:00 GMT"


def sign(scheme: Scheme, keys: Credentials, method: str, target: str, body: bytes | None = None) -> str:
    """The header of such a request."""
    headers = {} if body is None else {"Content-Type": "text/xml"}
    request = requests.Request(method, f"https://host.example{target}", headers=headers, data=body)
    return str(Signature(scheme, keys)(request.prepare()).headers["Authorization"])


def test_it_is_the_log_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of its page on signatures, which is also a test of the vendor's SDK for Node.js."""
    monkeypatch.setattr(signature, "formatdate", lambda **_: "Mon, 09 Nov 2015 06:11:16 GMT")
    keys = Credentials("bq2sjzesjmo86kq35behupbq", "4fdO2fTDDnZPU/L7CHNdemB2Nsk=")
    signed = sign(LOG, keys, "GET", "/logstores?logstoreName=&offset=0&size=1000")
    assert signed == "LOG bq2sjzesjmo86kq35behupbq:jEYOTCJs2e88o+y5F4/S5IsnBJQ="


def test_it_is_the_message_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """What aliyun-mns-sdk 1.3.0 makes of the same requests, with a query and with a body."""
    monkeypatch.setattr(signature, "formatdate", lambda **_: NOON)
    received = sign(MNS, MNS_KEYS, "GET", "/queues/q/messages?numOfMessages=16&waitseconds=3")
    assert received == "MNS LTAIexample:EmP2XXSULwVbPycSQWXNlnfiwiY="
    deleted = sign(MNS, MNS_KEYS, "DELETE", "/queues/q/messages", b"<ReceiptHandles/>")
    assert deleted == "MNS LTAIexample:79ydV78oPlY8rhxB8OFwcpZmH4o="


@pytest.mark.parametrize(("scheme", "signatures"), [(LOG, 2), (MNS, 1)])
def test_a_token_is_signed_by_the_log_service_alone(
    monkeypatch: pytest.MonkeyPatch, scheme: Scheme, signatures: int
) -> None:
    """As the vendor's SDKs do."""
    monkeypatch.setattr(signature, "formatdate", lambda **_: NOON)
    signed = {sign(scheme, Credentials("STS.x", "secret", token), "GET", "/") for token in ("one", "two")}
    assert len(signed) == signatures
