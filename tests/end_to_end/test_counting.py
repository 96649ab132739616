"""What is paid is counted: what may have been and was not read, apart; and neither can be made to grow.

The law, whatever goes wrong between us and the service: what it bills is no more than what an outcome counts as billed
and as maybe billed, together; and one upload costs at most MOST_A_DELIVERY of both in a delivery.
"""

import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.adapters import green
from scripts.localcloud.green.answer import Answer
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.chaos_world import VirtualClock
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import seldom
from tests.end_to_end.timing import TOO_LATE_S
from tests.end_to_end.warden_cloud import Document, WardenCloud, picture

MOST_A_DELIVERY = 2
TIMEOUT_S = 120.0
FAULTS = {
    "too late": Fault(delay_s=TOO_LATE_S),
    "answered, and lost": Fault(drop="after"),
    "lost before": Fault(drop="before"),
    "rubbish": Fault(garbage=True),
}
EMPTY = Answer(body={"Code": 200, "Msg": "OK", "RequestId": "r", "Data": {"Result": []}})


def spoil(cloud: WardenCloud, *faults: Fault | None) -> None:
    """Spoil the next calls to the service, one by one; the last fault is that of all others too."""
    left = list(faults)

    def next_fault(call: WireCall) -> Fault | None:
        if call.service != "green":
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    cloud.watcher.spoil = next_fault


def paid(documents: list[Document]) -> tuple[int, int]:
    """What the outcomes count as billed, and as maybe billed."""
    counted = [document["outcome"]["calls"] for document in documents]
    return sum(calls["billed"] for calls in counted), sum(calls["maybe_billed"] for calls in counted)


def asked(cloud: WardenCloud) -> int:
    """How often the service was asked since the calls were cleared last."""
    return cloud.watcher.operations.count("ImageModeration")


@pytest.mark.parametrize("name", FAULTS)
def test_a_call_that_nobody_read_is_counted_apart(ledgered: Ledgered, clock: VirtualClock, name: str) -> None:
    """It fails once: the second call is read. One is billed, one may be, and what the service bills is within that."""
    del clock
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    spoil(cloud, FAULTS[name], None)
    documents = cloud.deliver(record, timeout_s=TIMEOUT_S)
    assert documents[0]["outcome"]["status"] == "passed"
    assert paid(documents) == (1, 1)
    assert documents[0]["outcome"]["cost_usd"] == 0.0012
    assert ledgered.billed <= 2


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("bucket", ["uploads", seldom("versioned")])
def test_a_service_that_is_never_read_is_asked_twice_a_delivery(
    ledgered: Ledgered, clock: VirtualClock, bucket: str, name: str
) -> None:
    """A service slower than our patience is not paid for as often as there is time."""
    del clock
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    spoil(cloud, FAULTS[name])
    for delivery in (1, 2, 3):
        cloud.watcher.calls.clear()
        documents = cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S)
        assert paid(documents) == (0, MOST_A_DELIVERY)
        assert asked(cloud) == MOST_A_DELIVERY
    assert ledgered.billed <= 3 * MOST_A_DELIVERY


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_200_without_a_verdict_is_billed_once(ledgered: Ledgered, clock: VirtualClock, bucket: str) -> None:
    """It was read, so it is certain to be paid: no second try in the same delivery."""
    del clock
    cloud = ledgered.cloud
    cloud.answers = {"GOOD": EMPTY}
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    for delivery in (1, 2, 3):
        cloud.watcher.calls.clear()
        documents = cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S)
        assert (paid(documents), asked(cloud)) == ((1, 0), 1)


@pytest.mark.parametrize("code", [401, 402, 403, 404, 405, 406, 407, 500])
def test_what_the_service_does_not_bill_is_not_counted(ledgered: Ledgered, clock: VirtualClock, code: int) -> None:
    """Only a 200 is paid, and an answer that was read leaves nothing uncertain."""
    del clock
    cloud = ledgered.cloud
    cloud.answers = {"GOOD": Answer(code=code)}
    before = ledgered.billed
    documents = cloud.deliver(cloud.upload("a.png", picture("GOOD")), timeout_s=8)
    assert paid(documents) == (0, 0)
    assert ledgered.billed == before


def test_what_never_left_is_not_counted(ledgered: Ledgered, clock: VirtualClock) -> None:
    """Where no connection was made, nobody can have billed anything; and it is tried as what costs nothing is."""
    del clock
    cloud = ledgered.cloud
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        cloud.start(LEDGER_BUCKET="ledger", GREEN_ENDPOINT=f"http://127.0.0.1:{taken.getsockname()[1]}")
        (document,) = cloud.deliver(cloud.upload("a.png", picture("GOOD")), timeout_s=TIMEOUT_S)
    assert document["outcome"]["status"] == "failed"
    assert paid([document]) == (0, 0)
    assert MOST_A_DELIVERY < document["outcome"]["attempts"] <= 5


def test_whatever_is_lost_the_count_covers_the_bill(ledgered: Ledgered, clock: VirtualClock) -> None:
    """Any run of lost, late and broken answers, over deliveries until one succeeds: bill <= billed + maybe billed.

    Over all of them together: what is answered too late is billed when the next is under way.
    """
    del clock
    cloud = ledgered.cloud
    documents: list[Document] = []

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(faults=st.lists(st.sampled_from([None, *FAULTS.values(), Fault(status=500, code="Down")]), max_size=6))
    def run(faults: list[Fault | None]) -> None:
        spoil(cloud, *faults, None)
        record = cloud.upload("a.png", picture("GOOD"))
        first = len(documents)
        for delivery in range(1, 9):
            documents.extend(cloud.deliver(record, delivery=min(delivery, 2), timeout_s=TIMEOUT_S))
            assert sum(paid(documents[-1:])) <= MOST_A_DELIVERY
            if cloud.error is None:
                break
        assert documents[-1]["outcome"]["status"] == "passed"
        assert paid(documents[first:])[0] == 1
        billed, maybe_billed = paid(documents)
        assert billed <= ledgered.billed <= billed + maybe_billed

    run()


@pytest.mark.parametrize("word", ["GOOD", "NUDE"])
def test_each_record_of_an_event_is_counted_by_itself(
    ledgered: Ledgered, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """One that is lost says nothing of its neighbours; the sum is the bill."""
    del clock
    monkeypatch.setattr(green, "LONGEST_CALL_S", TOO_LATE_S)
    cloud = ledgered.cloud
    records = [cloud.upload(f"{n}.png", picture(word, salt=str(n))) for n in range(3)]
    cloud.watcher.spoil = lambda call: Fault(drop="after") if call.service == "green" and asked(cloud) == 2 else None
    documents = cloud.deliver(*records, timeout_s=TIMEOUT_S)
    assert [document["outcome"]["calls"]["maybe_billed"] for document in documents] == [0, 1, 0]
    assert [document["outcome"]["calls"]["billed"] for document in documents] == [1, 1, 1]
    assert ledgered.billed == 4
