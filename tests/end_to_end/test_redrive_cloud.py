"""Dead letters of the local cloud, redriven: nothing in them is lost, and nothing doubled."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from handler.adapters.oss.network import OssSession
from scripts.cli.__main__ import warden
from scripts.localcloud.cloud import APPLICATION, LocalCloud
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.test_crash_processes import connect, see
from tests.end_to_end.warden_cloud import POLICY, picture

IDLE_S = 60


class Outage:
    """The Observer that keeps the moderation service down for a while."""

    is_down = True

    def before(self, call: WireCall) -> Fault | None:
        """No answer but an error."""
        return Fault(status=500, code="ServiceUnavailable") if self.is_down and call.service == "green" else None

    def after(self, call: WireCall, status: int) -> None:
        """Nothing."""
        del call, status


@pytest.mark.exhaustive
def test_dead_letters_are_brought_to_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an outage every upload has its outcome, each paid once, however often it is redriven."""
    outage = Outage()
    with LocalCloud(
        policy=POLICY,
        eyes=see,
        observer=outage,
        ledger_bucket="ledger",
        instances=2,
        max_retries=1,
        retry_delay_s=0,
        timeout_s=3,
    ) as cloud:
        session = OssSession()
        uploads = connect(cloud, session, "uploads")
        for number in range(4):
            uploads.put_object(f"{number}.png", picture("NUDE" if number % 2 else "GOOD", salt=str(number)))
        assert cloud.fc.wait_idle(IDLE_S)
        assert len(cloud.fc.dead_letters) == 4
        outage.is_down = False
        file = tmp_path / "dead.jsonl"
        file.write_text("\n".join(json.dumps(letter) for letter in cloud.fc.dead_letters * 2))
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", APPLICATION.access_key_id)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", APPLICATION.access_key_secret)
        monkeypatch.setenv("FC_ENDPOINT", cloud.fc_api.endpoint)
        for journal in ("one", "one", "two"):
            arguments = ["redrive", str(file), "--yes", "--journal", str(tmp_path / journal)]
            assert CliRunner().invoke(warden, arguments).exit_code == 0
            assert cloud.fc.wait_idle(IDLE_S)
        ends = [(line["upload"]["key"], line["outcome"]["status"]) for line in cloud.outcomes[-8:]]
        expected = [(f"{n}.png", "quarantined" if n % 2 else "passed") for n in range(4)]
        assert sorted(end for end in ends if end[1] != "duplicate") == expected
        assert sorted(key for key, status in ends if status == "duplicate") == [f"{n}.png" for n in range(4)]
        assert cloud.green.billed == 4
        session.session.close()
