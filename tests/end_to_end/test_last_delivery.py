"""Which delivery is the last: told by the platform's count, by the ledger's claims, and by its clock; by none alone.

`retry_count` stands in no Python documentation, and refusals for concurrency may raise it. A burst must not make the
first real try the last, and a count that never comes, or never rises, must not put the last off for ever.
"""

import json
from types import SimpleNamespace

import pytest

from handler import index
from handler.errors import InvocationFailed
from scripts.localcloud.wire import Fault
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import Document, Record, WardenCloud, context, picture

pytestmark = pytest.mark.usefixtures("clock")
BUCKETS = ["uploads", "versioned"]
TIMEOUT_S = 20.0
# Each says no more than a first delivery does.
UNCOUNTED = {"absent": None, "zero": "0", "empty": "", "no number": "many", "a number": 0}


def take_down(cloud: WardenCloud, failures: str, ledger: str = "ledger") -> None:
    """Start on what the policy says to an outage, and let the service be out."""
    cloud.start(
        f"version: 1\nname: last\nrules: []\nfailures: {{{failures}}}\n"
        "quarantine: {bucket: quarantine, prefix: held/}\n",
        LEDGER_BUCKET=ledger,
    )
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None


def deliver(
    cloud: WardenCloud, record: Record, retry_count: object, request_id: str = "1-same", *, is_redriven: bool = False
) -> Document:
    """Deliver once, with what the platform says of the count; the one document."""
    said = SimpleNamespace(**{**vars(context(1, TIMEOUT_S, request_id)), "retry_count": retry_count})
    event = {"redriven": True, "events": [record]} if is_redriven else {"events": [record]}
    try:
        index.handler(json.dumps(event).encode(), said)
        cloud.error = None
    except InvocationFailed as exc:
        cloud.error = exc
    (*_, document) = [line for line in cloud.log_lines() if line["event"] == "upload.moderated"]
    return document


def status(document: Document) -> str:
    """How it ended."""
    return str(document["outcome"]["status"])


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("action", ["quarantine", "delete", "tag"])
def test_a_first_try_that_is_counted_as_the_last_moves_nothing(ledgered: Ledgered, action: str, bucket: str) -> None:
    """The ledger knows of no delivery before it: marked at the most, told, failed; the next one is the last indeed."""
    cloud = ledgered.cloud
    take_down(cloud, f"unavailable: {action}")
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    document = deliver(cloud, record, "7")
    assert (status(document), cloud.error is not None) == ("unverified", True)
    assert (cloud.keys(bucket), cloud.held()) == (["a.png"], [])
    assert cloud.tags(bucket, "a.png")["moderation-status"] == "unverified"
    assert ("only marked" in document["decision"]["reason"]) == (action != "tag")
    again = deliver(cloud, record, "8")
    assert status(again) == {"quarantine": "quarantined", "delete": "deleted", "tag": "unverified"}[action]


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("action", ["quarantine", "delete", "tag"])
def test_a_first_try_moves_nothing_where_no_tag_is_free(ledgered: Ledgered, action: str, bucket: str) -> None:
    """`when_full: quarantine` is for verdicts, and for a last delivery that is one."""
    cloud = ledgered.cloud
    take_down(cloud, f"unavailable: {action}")
    tags = {f"t{n}": "user" for n in range(10)}
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket, tags=tags)
    document = deliver(cloud, record, "7")
    assert (status(document), cloud.tags(bucket, "a.png")) == ("unverified", tags)
    assert "it is not moved" in document["outcome"]["tag_note"]


def test_a_failure_that_nothing_mends_needs_no_proof(ledgered: Ledgered) -> None:
    """What is a matter of the bytes is dealt with at once, whatever the count."""
    cloud = ledgered.cloud
    take_down(cloud, "unsupported: quarantine")
    document = deliver(cloud, cloud.upload("a.png", b""), "7")
    assert (status(document), cloud.error) == ("quarantined", None)


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("said", UNCOUNTED)
def test_without_a_count_the_claims_are_counted(ledgered: Ledgered, said: str, bucket: str) -> None:
    """The third of three deliveries is the last, under one request id or another: no event waits for ever."""
    cloud = ledgered.cloud
    take_down(cloud, "unavailable: quarantine")
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    statuses = [status(deliver(cloud, record, UNCOUNTED[said], f"1-number-{number}")) for number in range(3)]
    assert statuses == ["failed", "failed", "quarantined"]
    # For the dead letters: an operator hears of it.
    assert cloud.error is not None
    assert [body for _, body in cloud.held()] == [picture("GOOD")]


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("request_id", ["1-same", "1-number-{}"])
def test_beside_a_count_that_is_stuck_the_claims_are_counted(ledgered: Ledgered, request_id: str, bucket: str) -> None:
    """The third delivery that reached the function is the last of three, though each is said to be the second."""
    cloud = ledgered.cloud
    take_down(cloud, "unavailable: quarantine")
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    statuses = [status(deliver(cloud, record, "1", request_id.format(number))) for number in range(3)]
    assert statuses == ["failed", "failed", "quarantined"]
    assert cloud.error is not None
    assert [body for _, body in cloud.held()] == [picture("GOOD")]


def test_refusals_bring_no_last_nearer_by_claims(ledgered: Ledgered) -> None:
    """Deliveries that never reached the function raise the count and leave no claim: two real tries are two."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET="ledger", MAX_DELIVERIES="6")
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    record = cloud.upload("a.png", picture("GOOD"))
    assert [status(deliver(cloud, record, said)) for said in ("3", "4")] == ["failed", "failed"]


@pytest.mark.parametrize(
    ("said", "seconds", "second"),
    [("absent", 3601, "quarantined"), ("zero", 3601, "quarantined"), ("absent", 3000, "failed")],
)
def test_without_a_count_an_hour_is_the_last(ledgered: Ledgered, said: str, seconds: float, second: str) -> None:
    """By the ledger's clock, from the first claim on; never by the event's own time, which may be years old."""
    cloud = ledgered.cloud
    take_down(cloud, "unavailable: quarantine")
    record = {**cloud.upload("a.png", picture("GOOD")), "eventTime": "2020-01-01T00:00:00.000Z"}
    assert status(deliver(cloud, record, UNCOUNTED[said], "1-first")) == "failed"
    ledgered.age(seconds=seconds)
    assert status(deliver(cloud, record, UNCOUNTED[said], "1-second")) == second


def test_the_hour_is_that_of_the_first_claim(ledgered: Ledgered) -> None:
    """Each claim says when the first was: those that follow do not begin the hour anew."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET="ledger", MAX_DELIVERIES="9")
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    record = cloud.upload("a.png", picture("GOOD"))
    statuses = []
    for number in range(4):
        statuses.append(status(deliver(cloud, record, None, f"1-number-{number}")))
        let_time_pass(ledgered, number + 1, seconds=1500)
    assert statuses == ["failed", "failed", "failed", "unverified"]


def let_time_pass(ledgered: Ledgered, number: int, *, seconds: float) -> None:
    """For the ledger: its records grow older, and so does what the newest claim says of the first of them."""
    name = f"claim-{number}.json"
    claim = ledgered.records()[name]
    if claim["claim"]["first_at"] is not None:
        claim["claim"]["first_at"] -= seconds
        ledgered.write(name, json.dumps(claim).encode())
    ledgered.age(seconds=seconds)


@pytest.mark.parametrize("said", [None, "2", "8"])
@pytest.mark.parametrize("claims", [0, 4])
def test_what_is_redriven_is_never_the_last(ledgered: Ledgered, claims: int, said: str | None) -> None:
    """An operator has just sent it, and will again: no count, no claims and no time make it the last."""
    cloud = ledgered.cloud
    take_down(cloud, "unavailable: delete")
    record = cloud.upload("a.png", picture("GOOD"))
    for number in range(claims):
        deliver(cloud, record, None, f"1-number-{number}", is_redriven=True)
        ledgered.age(hours=1)
    assert status(deliver(cloud, record, said, "1-redriven", is_redriven=True)) == "failed"
    assert cloud.keys("uploads") == ["a.png"]
    assert cloud.error is not None


@pytest.mark.parametrize("bucket", BUCKETS)
def test_without_a_ledger_only_the_count_tells(ledgered: Ledgered, bucket: str) -> None:
    """Stated: nobody else counts. A count that says last is believed; without one it is never the last."""
    cloud = ledgered.cloud
    take_down(cloud, "unavailable: quarantine", ledger="")
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    assert [status(deliver(cloud, record, None, f"1-{number}")) for number in range(4)] == ["failed"] * 4
    assert cloud.keys(bucket) == ["a.png"]
    assert status(deliver(cloud, record, "2")) == "quarantined"


def test_a_count_that_is_read_is_told(ledgered: Ledgered) -> None:
    """The outcome says which delivery it was; what is no count is the first."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    told = [deliver(cloud, record, said, f"1-{said}")["outcome"]["delivery"] for said in (None, "0", "1", "many", "1")]
    assert told == [1, 1, 2, 1, 2]
