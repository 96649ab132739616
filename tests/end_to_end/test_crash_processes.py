"""G4 and G5 once more, with processes: each instance is killed (SIGKILL) after a wire call of its own.

Fewer cases than test_crash_matrix.py, which has them all: here every kill costs a start.
"""

import json
from pathlib import Path

import oss2
import pytest

from handler.adapters.oss.network import OssSession
from scripts.localcloud.cloud import APPLICATION, FUNCTION_ROLE, REGION, LocalCloud
from scripts.localcloud.fc.compute import Misbehaviour
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.warden_cloud import POLICY, WORDS, picture

IDLE_S = 60
STATUS_OF = {"GOOD": "passed", "NUDE": "quarantined", "GORE": "deleted"}


def see(image: bytes, asked: Asked) -> Answer:
    """What the word in the picture stands for."""
    del asked
    return next((answer for word, answer in WORDS.items() if word.encode() in image), HARMLESS)


class Reaper:
    """The Observer that kills the function after one of its calls."""

    def __init__(self) -> None:
        self.cloud: LocalCloud | None = None
        self.calls: list[str] = []
        self.kill_after = 0

    def before(self, call: WireCall) -> Fault | None:
        """Count the function's calls, without that of its initializer."""
        if call.access_key_id == FUNCTION_ROLE.access_key_id and call.operation != "GetBucketVersioning":
            self.calls.append(call.operation)
        return None

    def after(self, call: WireCall, status: int) -> None:
        """Kill once."""
        del call, status
        if self.cloud is not None and 0 < self.kill_after <= len(self.calls):
            self.kill_after = 0
            self.cloud.fc.kill()


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("NUDE", marks=pytest.mark.exhaustive),
        pytest.param("GOOD", marks=pytest.mark.exhaustive),
        pytest.param("GORE", marks=pytest.mark.exhaustive),
    ],
)
def test_processes_are_killed_after_every_call(word: str) -> None:
    """Killed at any point, delivered again by Function Compute: one outcome, the same end, at most one more payment."""
    reaper = Reaper()
    with LocalCloud(
        policy=Path(POLICY),
        eyes=see,
        observer=reaper,
        ledger_bucket="ledger",
        instances=1,
        retry_delay_s=0,
        timeout_s=30,
    ) as cloud:
        reaper.cloud = cloud
        undisturbed = run(cloud, reaper, word, 0)
        assert undisturbed == (STATUS_OF[word], 1)
        for kill in range(1, len(reaper.calls) + 1):
            status, paid = run(cloud, reaper, word, kill)
            assert status == STATUS_OF[word], f"killed after call {kill}"
            assert paid <= 2, f"killed after call {kill}"
            assert cloud.fc.kills == kill
        assert cloud.fc.dead_letters == []


@pytest.mark.exhaustive
def test_copies_of_an_event_at_the_same_time_pay_once() -> None:
    """Each event is delivered three times at once, to three instances: one outcome and one payment each."""
    with LocalCloud(
        policy=Path(POLICY),
        eyes=see,
        ledger_bucket="ledger",
        instances=3,
        latency_ms=200,
        misbehaviour=Misbehaviour(copies=3, shuffle_seed=1),
        timeout_s=30,
    ) as cloud:
        session = OssSession()
        for number in range(6):
            word = list(STATUS_OF)[number % 3]
            connect(cloud, session, "uploads").put_object(f"{number}.png", picture(word, salt=str(number)))
        assert cloud.fc.wait_idle(IDLE_S)
        session.session.close()
        ends = [line["outcome"]["status"] for line in cloud.outcomes]
        assert sorted(ends) == sorted(["duplicate"] * 12 + list(STATUS_OF.values()) * 2)
        assert cloud.green.billed == 6


def run(cloud: LocalCloud, reaper: Reaper, word: str, kill: int) -> tuple[str, int]:
    """Upload once, wait until all is done; answers with the final outcome of the ledger, and what was paid."""
    paid = cloud.green.billed
    reaper.calls.clear()
    reaper.kill_after = kill
    session = OssSession()
    body, key = picture(word), f"{kill}.png"
    connect(cloud, session, "uploads").put_object(key, body)
    assert cloud.fc.wait_idle(IDLE_S)
    statuses = []
    for name in [found.key for found in oss2.ObjectIterator(connect(cloud, session, "ledger"))]:
        if name.endswith("outcome.json"):
            with connect(cloud, session, "ledger").get_object(name) as answer:
                document = json.loads(answer.read())
            if document["upload"]["key"] == key:
                statuses.append(document["outcome"]["status"])
    (status,) = statuses
    left = [connect(cloud, session, "uploads").object_exists(key), *find_held(cloud, session, body, status)]
    assert left == [status == "passed", *([True] if status == "quarantined" else [])]
    session.session.close()
    return status, cloud.green.billed - paid


def find_held(cloud: LocalCloud, session: oss2.Session, body: bytes, status: str) -> list[bool]:
    """Whether the quarantine holds these bytes, where it should."""
    if status != "quarantined":
        return []
    bucket = connect(cloud, session, "quarantine")
    bodies = []
    for found in oss2.ObjectIterator(bucket):
        with bucket.get_object(found.key) as answer:
            bodies.append(answer.read())
    return [body in bodies]


def connect(cloud: LocalCloud, session: oss2.Session, name: str) -> oss2.Bucket:
    """The application's client."""
    auth = oss2.AuthV4(APPLICATION.access_key_id, APPLICATION.access_key_secret)
    return oss2.Bucket(auth, cloud.oss.endpoint, name, session=session, region=REGION, is_path_style=True)
