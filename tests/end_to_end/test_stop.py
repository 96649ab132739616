"""The function stopped and started by an operator's commands: what was uploaded meanwhile is judged, once."""

import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from handler.adapters.oss.network import OssSession
from scripts.cli.__main__ import warden
from scripts.localcloud.cloud import APPLICATION, LocalCloud
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.test_crash_processes import connect, see
from tests.end_to_end.warden_cloud import POLICY, picture

IDLE_S = 60


class Service:
    """The Observer that tells when the moderation service is asked, and lets one call hang where it is told to."""

    def __init__(self) -> None:
        self.hangs = False
        self.was_asked = threading.Event()
        self.goes_on = threading.Event()

    def before(self, call: WireCall) -> Fault | None:
        """Hold the call up."""
        if call.service == "green":
            self.was_asked.set()
            if self.hangs:
                self.hangs = False
                self.goes_on.wait(IDLE_S)
        return None

    def after(self, call: WireCall, status: int) -> None:
        """Nothing."""
        del call, status


@pytest.fixture
def service() -> Service:
    """The service's observer."""
    return Service()


@pytest.fixture
def cloud(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    """A cloud with a ledger, and the operator's environment."""
    with LocalCloud(
        policy=POLICY, eyes=see, observer=service, ledger_bucket="ledger", retry_delay_s=0, timeout_s=10
    ) as cloud:
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", APPLICATION.access_key_id)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", APPLICATION.access_key_secret)
        monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
        monkeypatch.setenv("FC_ENDPOINT", cloud.fc_api.endpoint)
        yield cloud


def run(*arguments: str) -> None:
    """Run a command; all is well."""
    result = CliRunner().invoke(warden, arguments)
    assert result.exit_code == 0, result.output


def upload(cloud: LocalCloud, key: str, word: str) -> None:
    """As an application does."""
    session = OssSession()
    connect(cloud, session, "uploads").put_object(key, picture(word, salt=key))
    session.session.close()


def test_what_is_uploaded_during_a_stop_is_judged_after_it(cloud: LocalCloud, service: Service) -> None:
    """Nothing is asked and nothing touched until the start; then each upload has one outcome, paid once."""
    run("stop", "--reason", "a test")
    for number in range(3):
        upload(cloud, f"{number}.png", "NUDE" if number else "GOOD")
    assert (cloud.fc.deliveries, cloud.outcomes, service.was_asked.is_set()) == (0, [], False)
    run("start")
    assert cloud.fc.wait_idle(IDLE_S)
    ends = sorted((line["upload"]["key"], line["outcome"]["status"]) for line in cloud.outcomes)
    assert ends == [("0.png", "passed"), ("1.png", "quarantined"), ("2.png", "quarantined")]
    assert cloud.green.billed == 3


def test_what_an_abort_kills_is_finished_after_the_start(cloud: LocalCloud, service: Service) -> None:
    """Killed while the service looks: nothing happens until the start, then one outcome, at most one more payment."""
    service.hangs = True
    upload(cloud, "a.png", "NUDE")
    assert service.was_asked.wait(IDLE_S)
    run("stop", "--reason", "a test", "--abort")
    service.goes_on.set()
    assert cloud.fc.kills == 1
    assert cloud.outcomes == []
    run("start")
    assert cloud.fc.wait_idle(IDLE_S)
    assert [line["outcome"]["status"] for line in cloud.outcomes][-1] == "quarantined"
    assert cloud.green.billed <= 2
