"""The ledger in a bucket: the real SDK over a real socket against the stand-in."""

import time
from collections.abc import Iterator

import oss2
import pytest

from handler.adapters.ledger import OssLedger
from handler.credentials import Credentials
from handler.errors import BadRecord, BadSettings, OperatorError, StoreUnavailable
from handler.meter import Meter
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Bystander, Fault, Identity, WireCall
from tests.localcloud.oss.oss_clients import close_session

ROLE = Identity("STS.role", "role-secret", "role-token")


class Trouble(Bystander):
    """Spoils the next calls."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = list(faults)

    def before(self, call: WireCall) -> Fault | None:
        """Spoil this one."""
        del call
        return self.faults.pop(0) if self.faults else None


@pytest.fixture(scope="module")
def server() -> Iterator[OssServer]:
    """One server for the module."""
    with OssServer([ROLE]) as server:
        yield server


@pytest.fixture
def meter() -> Meter:
    """Counts the calls."""
    return Meter()


@pytest.fixture
def ledger(server: OssServer, meter: Meter) -> Iterator[OssLedger]:
    """A ledger in an empty bucket."""
    server.reset()
    server.observer = Bystander()
    server.create_bucket("ledger")
    credentials = Credentials(ROLE.access_key_id, ROLE.access_key_secret, str(ROLE.security_token))
    ledger = OssLedger(
        credentials,
        bucket="ledger",
        endpoint=server.endpoint,
        region="ap-southeast-1",
        meter=meter,
        sleep=lambda _: None,
    )
    yield ledger
    close_session(ledger.connection.session)


def test_only_one_creates(ledger: OssLedger, meter: Meter) -> None:
    """The second finds it there, and changes nothing."""
    assert ledger.create("a/claim-1.json", {"by": "x"})
    assert not ledger.create("a/claim-1.json", {"by": "y"})
    assert ledger.read("a/claim-1.json") == {"by": "x"}
    assert meter.oss == 3


def test_writing_replaces(ledger: OssLedger) -> None:
    """An outcome may be written over a broken one."""
    ledger.write("a/x", {"n": 1})
    ledger.write("a/x", {"n": 2, "text": "\U0001f600 ü"})
    assert ledger.read("a/x") == {"n": 2, "text": "\U0001f600 ü"}
    assert ledger.read("a/y") is None


def test_a_folder_is_listed_by_the_clock_of_oss(ledger: OssLedger) -> None:
    """Only its own records, with times that can be compared with now."""
    ledger.write("a/x", {})
    ledger.write("a/deeper/y", {})
    ledger.write("ab/z", {})
    listing = ledger.look("a/")
    assert set(listing.written_at) == {"x"}
    assert abs(listing.now - time.time()) < 60
    assert 0 <= listing.now - listing.written_at["x"] < 60


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b" " * 1_048_577])
def test_what_is_no_record_is_said(ledger: OssLedger, body: bytes) -> None:
    """No JSON object, or too long for one of ours."""
    ledger._bucket.put_object("a/x", body)  # noqa: SLF001
    with pytest.raises(BadRecord):
        ledger.read("a/x")


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(status=503, code="ServiceUnavailable")] * 2,
        [Fault(drop="before")] * 2,
        [Fault(drop="after")] * 2,
    ],
)
def test_a_ledger_that_fails_twice_is_down(server: OssServer, ledger: OssLedger, faults: list[Fault]) -> None:
    """Two tries, no more: what it serves has no time for a third."""
    for call in (
        lambda: ledger.write("a", {}),
        lambda: ledger.read("a"),
        lambda: ledger.look("a/"),
        ledger.check,
    ):
        server.observer = Trouble(*faults)
        with pytest.raises(StoreUnavailable):
            call()


def test_one_fault_is_got_over(server: OssServer, ledger: OssLedger) -> None:
    """A second try is made."""
    server.observer = Trouble(Fault(status=503, code="ServiceUnavailable"))
    assert ledger.create("a", {})


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_an_answer_without_a_clock_is_none_of_oss(
    ledger: OssLedger, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    """Without the ledger's clock no lease can be told to have ended."""
    list_page = oss2.Bucket.list_objects_v2

    def spoilt(*args: object, **kwargs: object) -> object:
        page = list_page(*args, **kwargs)
        page.headers["Date"] = date
        return page

    monkeypatch.setattr(oss2.Bucket, "list_objects_v2", spoilt)
    with pytest.raises(StoreUnavailable, match="so it is not of OSS"):
        ledger.look("a/")


def test_a_refusal_says_what_to_mend(server: OssServer, ledger: OssLedger) -> None:
    """Rights and bucket are the operator's."""
    server.add_identity(Identity(ROLE.access_key_id, ROLE.access_key_secret, ROLE.security_token, frozenset()))
    try:
        with pytest.raises(OperatorError, match="AccessDenied"):
            ledger.create("a", {})
        with pytest.raises(BadSettings, match=r"LEDGER_BUCKET: .*AccessDenied"):
            ledger.check()
    finally:
        server.add_identity(ROLE)


def test_a_bucket_without_versions_is_fit(ledger: OssLedger) -> None:
    """Nothing to say."""
    ledger.check()


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_a_bucket_with_versions_is_refused(ledger: OssLedger, status: str) -> None:
    """In it no claim would hold."""
    ledger._bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig(status))  # noqa: SLF001
    with pytest.raises(BadSettings, match=rf"LEDGER_BUCKET: .*is {status}"):
        ledger.check()
