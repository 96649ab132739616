"""What is final, and what is not: an outage is never taken for the end of an upload, whatever the policy says to it.

Final is what had a verdict, what was moved or removed, and a failure that no later delivery can mend.
"""

from dataclasses import dataclass

import pytest

from scripts.localcloud.green.answer import Answer
from scripts.localcloud.wire import Fault
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import WORDS, picture

pytestmark = pytest.mark.usefixtures("clock")
BUCKETS = ["uploads", "versioned"]
TIMEOUT_S = 20.0


def policy(failures: str = "", mode: str = "enforce") -> str:
    """A policy of no rules: what is grave is quarantined."""
    return (
        f"version: 1\nname: final\nmode: {mode}\nrules: []\nfailures: {{{failures}}}\n"
        "quarantine: {bucket: quarantine, prefix: held/}\n"
    )


@dataclass(frozen=True)
class Failure:
    """Why there is no verdict: `answer` is the service's, or the call is spoiled. `is_passing`: it may be mended."""

    is_passing: bool
    answer: Answer | None = None
    fault: Fault | None = None
    body: bytes = picture("NUDE")
    headers: tuple[tuple[str, str], ...] = ()


FAILURES = {
    "unavailable": Failure(is_passing=True, fault=Fault(status=500, code="Down")),
    "unreadable": Failure(is_passing=True, answer=Answer(code=404)),
    "rejected": Failure(is_passing=True, answer=Answer(code=401)),
    "unsupported": Failure(is_passing=False, body=b""),
    "too_large": Failure(is_passing=False, answer=Answer(code=406)),
    "archived": Failure(is_passing=False, headers=(("x-oss-storage-class", "Archive"),)),
}
PASSING = [name for name, failure in FAILURES.items() if failure.is_passing]
LASTING = [name for name, failure in FAILURES.items() if not failure.is_passing]


def break_down(ledgered: Ledgered, name: str) -> None:
    """Let the service fail so from now on."""
    cloud, failure = ledgered.cloud, FAILURES[name]
    if failure.answer:
        cloud.answers = {**WORDS, "NUDE": failure.answer}
    cloud.watcher.spoil = lambda call: failure.fault if call.service == "green" else None


def recover(ledgered: Ledgered) -> None:
    """All is well again."""
    ledgered.cloud.answers = dict(WORDS)
    ledgered.cloud.watcher.spoil = lambda _: None


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("action", ["tag", "none"])
@pytest.mark.parametrize("name", PASSING)
def test_a_failure_that_left_it_in_place_is_judged_when_it_can_be(
    ledgered: Ledgered, name: str, action: str, bucket: str
) -> None:
    """However it was given up, what comes back from the dead letters is judged, and its first mark is gone."""
    cloud = ledgered.cloud
    cloud.start(policy(f"{name}: {action}"), LEDGER_BUCKET="ledger")
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    break_down(ledgered, name)
    for delivery in (1, 2, 3):
        cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S)
        # Each fails its invocation, the last one too: that is how it comes to the dead letters.
        assert cloud.error is not None
    marks = cloud.tags(bucket, "a.png")
    assert marks.get("moderation-status") == ("unverified" if action == "tag" else None)
    assert "outcome.json" not in ledgered.records()
    recover(ledgered)
    (document,) = cloud.deliver(record, request_id="1-redriven")
    assert (document["outcome"]["status"], cloud.error) == ("quarantined", None)
    ((held, body),) = cloud.held()
    assert body == picture("NUDE")
    assert cloud.tags("quarantine", held)["moderation-status"] == "quarantined"


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("action", ["tag", "none"])
def test_a_mark_of_an_outage_gives_way_to_a_verdict(ledgered: Ledgered, action: str, bucket: str) -> None:
    """A harmless picture that was marked unverified, or not at all, is passed in the end, and says so."""
    cloud = ledgered.cloud
    cloud.start(policy(f"unavailable: {action}"), LEDGER_BUCKET="ledger")
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket, tags={"owner": "ann"})
    break_down(ledgered, "unavailable")
    for delivery in (1, 2, 3):
        cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S)
    recover(ledgered)
    assert cloud.deliver(record, request_id="1-redriven")[0]["outcome"]["status"] == "passed"
    tags = cloud.tags(bucket, "a.png")
    assert (tags["moderation-status"], tags["owner"]) == ("passed", "ann")


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("name", PASSING)
def test_an_outage_in_shadow_leaves_a_verdict_to_be_had(ledgered: Ledgered, name: str, bucket: str) -> None:
    """Decide and log everything, touch nothing: also what failed at first is decided and logged in the end."""
    cloud = ledgered.cloud
    cloud.start(policy(mode="shadow"), LEDGER_BUCKET="ledger")
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    break_down(ledgered, name)
    for delivery in (1, 2, 3):
        cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S)
        assert cloud.error is not None
    recover(ledgered)
    (document,) = cloud.deliver(record, request_id="1-redriven")
    assert (document["outcome"]["status"], cloud.error) == ("shadow", None)
    assert document["decision"]["action"] == "quarantine"
    assert document["verdict"]["findings"][0]["label"] == "pornographic_adultContent"
    assert (cloud.tags(bucket, "a.png"), cloud.held()) == ({}, [])
    # That is final: a verdict was had.
    assert cloud.deliver(record, request_id="1-again")[0]["outcome"]["status"] == "duplicate"


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("action", ["tag", "none", "delete"])
@pytest.mark.parametrize("name", LASTING)
def test_a_failure_that_nothing_mends_is_final(ledgered: Ledgered, name: str, action: str, bucket: str) -> None:
    """A matter of the bytes: one delivery, no failed invocation, and a redelivery is its duplicate."""
    cloud, failure = ledgered.cloud, FAILURES[name]
    cloud.start(policy(f"{name}: {action}"), LEDGER_BUCKET="ledger")
    break_down(ledgered, name)
    record = cloud.upload("a.png", failure.body, bucket=bucket, headers=dict(failure.headers))
    (document,) = cloud.deliver(record, timeout_s=TIMEOUT_S)
    assert document["outcome"]["status"] == {"tag": "unverified", "none": "left-alone", "delete": "deleted"}[action]
    assert cloud.error is None
    recover(ledgered)
    assert cloud.deliver(record, request_id="1-redriven")[0]["outcome"]["status"] == "duplicate"


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("action", ["quarantine", "delete"])
@pytest.mark.parametrize("name", PASSING)
def test_what_a_failure_moved_or_removed_is_final(ledgered: Ledgered, name: str, action: str, bucket: str) -> None:
    """Nothing is left to be judged: reported once, and then done with."""
    cloud = ledgered.cloud
    cloud.start(policy(f"{name}: {action}"), LEDGER_BUCKET="ledger")
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    break_down(ledgered, name)
    statuses = []
    for delivery in (1, 2, 3):
        (document,) = cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S)
        statuses.append(document["outcome"]["status"])
    done = {"quarantine": "quarantined", "delete": "deleted"}[action]
    assert done in statuses
    assert cloud.keys(bucket) == []
    assert len(cloud.held()) == (action == "quarantine")
    recover(ledgered)
    assert cloud.deliver(record, request_id="1-redriven")[0]["outcome"]["status"] == "duplicate"


@pytest.mark.parametrize("action", ["tag", "none"])
def test_without_a_ledger_a_rejected_one_reaches_the_dead_letters(ledgered: Ledgered, action: str) -> None:
    """Every delivery fails its invocation, the last one too: no retry turns it into a success."""
    cloud = ledgered.cloud
    cloud.start(policy(f"rejected: {action}"), LEDGER_BUCKET="")
    record = cloud.upload("a.png", picture("NUDE"))
    break_down(ledgered, "rejected")
    for delivery in (1, 2, 3):
        cloud.deliver(record, delivery=delivery, timeout_s=TIMEOUT_S)
        assert cloud.error is not None
