"""What no verdict will ever come for: few calls and seconds in each delivery, whatever it is, and never a pass.

The bounds are stated here, over all deliveries of an event, on a clock that counts what is waited for.
`scripts/warden bench hopeless` measures the same with the real function.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from scripts.localcloud.green.answer import Answer
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.chaos_world import VirtualClock
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import seldom
from tests.end_to_end.timing import TOO_LATE_S
from tests.end_to_end.warden_cloud import WardenCloud, picture

BUCKETS = ["uploads", "versioned"]
# The template's.
TIMEOUT_S = 120.0
# A delivery that fails, or ends, makes no more of these; whatever else happens is for the next one.
MOST_OSS_CALLS = 24
# What it waits for between its tries, with the real time of the calls.
MOST_SECONDS = 10.0
# What is throttled is asked for as long as there is time, ever more seldom.
MOST_THROTTLED_CALLS = 40


@dataclass(frozen=True)
class Kind:
    """Something that can't be judged.

    `failure` is what it is called, `asked` how often the service is asked at the most in one delivery, `end` how its
    last delivery ends.
    """

    failure: str
    asked: int
    end: str
    body: bytes = picture("GOOD")
    headers: tuple[tuple[str, str], ...] = ()
    answer: Answer | None = None
    fault: Fault | None = None


def archived(name: str) -> Kind:
    """An upload of a class that nobody can read."""
    return Kind("archived", 0, "failed", headers=(("x-oss-storage-class", name),))


KINDS = {
    "archived": archived("Archive"),
    "cold archived": archived("ColdArchive"),
    "deep cold archived": archived("DeepColdArchive"),
    "empty": Kind("unsupported", 0, "quarantined", body=b""),
    "too large": Kind("too_large", 0, "quarantined", body=bytes(20 * 1024 * 1024 + 1)),
    "401": Kind("rejected", 2, "quarantined", answer=Answer(code=401)),
    "402": Kind("rejected", 2, "quarantined", answer=Answer(code=402)),
    "404, and it is there": Kind("unreadable", 3, "quarantined", answer=Answer(code=404)),
    "405, and it is there": Kind("unreadable", 3, "quarantined", answer=Answer(code=405)),
    "406": Kind("too_large", 1, "quarantined", answer=Answer(code=406)),
    "407": Kind("unsupported", 1, "quarantined", answer=Answer(code=407)),
    "500 for ever": Kind("unavailable", 5, "unverified", answer=Answer(code=500)),
    "HTTP 503 for ever": Kind("unavailable", 5, "unverified", answer=Answer(status=503, error="ServiceUnavailable")),
    "an unknown code": Kind("unavailable", 5, "unverified", answer=Answer(body={"Code": 777, "RequestId": "r"})),
    "no verdict in it": Kind("unavailable", 1, "unverified", answer=Answer(body={"Code": 200, "RequestId": "r"})),
    "rubbish": Kind("unavailable", 2, "unverified", answer=Answer(body=b"<html>busy</html>")),
    "time-outs": Kind("unavailable", 2, "unverified", fault=Fault(delay_s=TOO_LATE_S)),
    "answers that are lost": Kind("unavailable", 2, "unverified", fault=Fault(drop="after")),
    "throttled for ever": Kind("unavailable", MOST_THROTTLED_CALLS, "unverified", answer=Answer(code=403)),
    "throttled by HTTP": Kind(
        "unavailable", MOST_THROTTLED_CALLS, "unverified", answer=Answer(status=429, error="Throttling.User")
    ),
}
# One of each that the code tells apart.
OFTEN = ["archived", "empty", "401", "405, and it is there", "407", "500 for ever", "time-outs", "throttled for ever"]


def spoil_service(fault: Fault | None) -> Callable[[WireCall], Fault | None]:
    """Spoil each call to the service so."""
    return lambda call: fault if call.service == "green" else None


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "bucket"),
    [
        *((name, BUCKETS[number % 2]) for number, name in enumerate(OFTEN)),
        *(
            seldom(name, bucket)
            for name in KINDS
            for bucket in BUCKETS
            if name not in OFTEN or OFTEN.index(name) % 2 != BUCKETS.index(bucket)
        ),
    ],
)
def test_it_costs_few_calls_and_seconds(ledgered: Ledgered, clock: VirtualClock, name: str, bucket: str) -> None:
    """Every delivery is bounded, none passes it, and in the end it is held, or marked where it stays."""
    cloud, kind = ledgered.cloud, KINDS[name]
    cloud.answers = {"GOOD": kind.answer} if kind.answer else {}
    cloud.watcher.spoil = spoil_service(kind.fault)
    record = cloud.upload("a.png", kind.body, bucket=bucket, headers=dict(kind.headers))
    statuses = []
    for delivery in (1, 2, 3):
        cloud.watcher.calls.clear()
        began_s = clock.now()
        (document,) = cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S)
        took_s = clock.now() - began_s
        statuses.append(document["outcome"]["status"])
        asked = cloud.watcher.operations.count("ImageModeration")
        assert asked <= kind.asked
        assert len(cloud.watcher.calls) - asked <= MOST_OSS_CALLS
        assert took_s <= (TIMEOUT_S if "throttled" in name else MOST_SECONDS)
        assert not {"passed", "left-alone"} & set(statuses)
        if cloud.error is None:
            break
        if document["decision"]:
            assert document["decision"]["failure"] == kind.failure
    assert statuses[-1] == kind.end or (statuses[0], statuses[-1]) == (kind.end, "duplicate")
    assert_held_or_marked(cloud, bucket, kind)


def assert_held_or_marked(cloud: WardenCloud, bucket: str, kind: Kind) -> None:
    """It is in quarantine, whole, or it says of itself that nobody has looked."""
    if kind.end == "quarantined":
        assert cloud.keys(bucket) == []
        assert [body for _, body in cloud.held()] == [kind.body]
        return
    assert cloud.keys(bucket) == ["a.png"]
    assert cloud.tags(bucket, "a.png")["moderation-status"] == "unverified"
    assert cloud.held() == []


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("ledger", ["", "ledger"], ids=["no ledger", "ledger"])
def test_what_is_archived_costs_no_call_to_the_service(
    ledgered: Ledgered, clock: VirtualClock, bucket: str, ledger: str
) -> None:
    """HEAD tells the class: marked in the first delivery already, the reason and what would help are told."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET=ledger)
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket, headers={"x-oss-storage-class": "Archive"})
    began_s = clock.now()
    (document,) = cloud.deliver(record, timeout_s=TIMEOUT_S)
    assert clock.now() - began_s < MOST_SECONDS
    assert document["decision"]["failure"] == "archived"
    assert document["outcome"]["calls"]["green"] == 0
    assert "an archived object has to be restored first" in document["outcome"]["error"]
    assert cloud.tags(bucket, "a.png")["moderation-status"] == "unverified"


def test_what_was_archived_and_is_thawed_is_judged(ledgered: Ledgered) -> None:
    """Its owner restores it, an operator sends its event again: it is a picture like any other."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"), headers={"x-oss-storage-class": "Archive"})
    assert cloud.deliver(record)[0]["outcome"]["status"] == "failed"
    cloud.bucket().restore_object("a.png")
    (document,) = cloud.deliver(record, delivery=2)
    assert (document["outcome"]["status"], cloud.error) == ("quarantined", None)
    assert document["decision"]["failure"] is None
    assert [body for _, body in cloud.held()] == [picture("NUDE")]


@pytest.mark.parametrize("action", ["tag", "none", "delete"])
def test_the_policy_says_what_becomes_of_the_archived(ledgered: Ledgered, action: str) -> None:
    """A failure like any other: marked, left alone or deleted, in one delivery, and final."""
    cloud = ledgered.cloud
    cloud.start(
        f"version: 1\nname: a\nrules: []\nfailures: {{archived: {action}}}\nquarantine: {{bucket: quarantine}}\n",
        LEDGER_BUCKET="ledger",
    )
    record = cloud.upload("a.png", picture("NUDE"), headers={"x-oss-storage-class": "ColdArchive"})
    (document,) = cloud.deliver(record)
    statuses = {"tag": "unverified", "none": "left-alone", "delete": "deleted"}
    assert (document["outcome"]["status"], cloud.error) == (statuses[action], None)
    assert cloud.deliver(record, delivery=2)[0]["outcome"]["status"] == "duplicate"
    assert ("a.png" in cloud.keys("uploads")) == (action != "delete")


def test_a_bad_picture_behind_hopeless_ones_is_held_in_the_same_delivery(
    ledgered: Ledgered, clock: VirtualClock
) -> None:
    """One event with an archived, a faulty, a throttled and a lost one before it: each has its share, and no more."""
    cloud = ledgered.cloud
    cloud.answers |= {"FAIL": Answer(code=500), "BUSY": Answer(code=403)}
    records = [
        cloud.upload("archived.png", b"x", headers={"x-oss-storage-class": "Archive"}),
        cloud.upload("faulty.png", picture("FAIL")),
        cloud.upload("busy.png", picture("BUSY")),
        cloud.upload("bad.png", picture("NUDE")),
    ]
    began_s = clock.now()
    documents = cloud.deliver(*records, timeout_s=TIMEOUT_S)
    assert clock.now() - began_s < TIMEOUT_S
    assert [document["outcome"]["status"] for document in documents] == ["failed", "failed", "failed", "quarantined"]
    assert [body for _, body in cloud.held()] == [picture("NUDE")]
