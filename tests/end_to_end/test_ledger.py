"""The ledger, end to end: nothing is done twice, nothing paid twice, and nothing waits for ever."""

import json

import pytest

from handler import index
from handler.errors import BadSettings
from scripts.localcloud.wire import Fault, Identity, WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import FUNCTION, WardenCloud, calls, picture

# Claim, verdict and outcome; where versions are, one is taken too.
WRITES = {"uploads": ["PutObject"] * 3, "versioned": ["PutObject"] * 4}
STATUS_OF = {"GOOD": "passed", "SPAM": "flagged", "NUDE": "quarantined", "GORE": "deleted", "FLAG": "left-alone"}
# Of the five of a quarantine, one more for the ACL, which a restore gives back, and one for the latest tags.
BUDGET = {"GOOD": 4, "SPAM": 4, "NUDE": 7, "GORE": 3, "FLAG": 2}


def on_ledger(call: WireCall) -> bool:
    """Whether a call is to the ledger's bucket."""
    return call.bucket == "ledger"


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
@pytest.mark.parametrize("word", STATUS_OF)
def test_what_the_ledger_costs(ledgered: Ledgered, word: str, bucket: str) -> None:
    """Claim, verdict, outcome, and the taking of a version: no more calls than without a ledger, and one paid call."""
    cloud = ledgered.cloud
    cloud.warm_up()
    billed = ledgered.billed
    document = cloud.moderate("a.png", picture(word), bucket=bucket)
    assert document["outcome"]["status"] == STATUS_OF[word]
    kept = [call.operation for call in cloud.watcher.calls if on_ledger(call)]
    others = [call for call in cloud.watcher.calls if call.service == "oss" and not on_ledger(call)]
    assert kept == WRITES[bucket]
    assert len(others) <= BUDGET[word]
    assert document["outcome"]["calls"] == calls(oss=len(others) + len(kept), green=1, billed=1)
    assert ledgered.billed == billed + 1
    assert sorted(ledgered.records()) == ["claim-1.json", "outcome.json", "verdict.json"]


@pytest.mark.parametrize("word", STATUS_OF)
def test_a_duplicate_costs_two_calls_and_points_at_the_first(ledgered: Ledgered, word: str) -> None:
    """A redelivery of what is done changes nothing, pays nothing, and says where the first outcome is."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture(word))
    (first,) = cloud.deliver(record)
    cloud.watcher.calls.clear()
    (second,) = cloud.deliver(record)
    assert second["outcome"]["status"] == "duplicate"
    assert second["outcome"]["location"] == first["outcome"]["location"]
    assert second["outcome"]["earlier"] == {
        "status": STATUS_OF[word],
        "location": first["outcome"]["location"],
        "record": ledgered.folder() + "outcome.json",
    }
    assert cloud.watcher.operations == ["PutObject", "GetObject"]
    assert second["outcome"]["calls"] == calls(oss=2)
    assert cloud.error is None


def test_what_is_no_upload_of_ours_never_touches_the_ledger(ledgered: Ledgered) -> None:
    """Out of scope, of another kind, or malformed: no call."""
    cloud = ledgered.cloud
    thumbnail = cloud.upload("thumbnails/a.png", picture("GOOD"))
    removal = {**thumbnail, "eventName": "ObjectRemoved:DeleteObject"}
    cloud.watcher.calls.clear()
    cloud.deliver(thumbnail, removal, {"eventName": "ObjectCreated:PutObject"})
    assert cloud.watcher.calls == []


def test_the_ledger_holds_no_prose(ledgered: Ledgered) -> None:
    """What the service says of a picture in words stays out of the ledger."""
    ledgered.cloud.moderate("a.png", picture("NUDE"))
    text = json.dumps(ledgered.records())
    assert "pornographic_adultContent" in text
    assert "description" not in text
    assert '"ext"' not in text


def test_a_failed_delivery_gives_its_claim_back(ledgered: Ledgered) -> None:
    """After a failure the next delivery begins at once, whoever brings it; the failure can be read in the claim."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    (first,) = cloud.deliver(record, timeout_s=2)
    assert first["outcome"]["status"] == "failed"
    claim = ledgered.records()["claim-1.json"]
    assert claim["claim"]["state"] == "given-back"
    assert claim["outcome"]["error"] == first["outcome"]["error"]
    cloud.watcher.spoil = lambda _: None
    (second,) = cloud.deliver(record, delivery=2, request_id="1-another")
    assert second["outcome"]["status"] == "passed"
    assert sorted(ledgered.records()) == ["claim-1.json", "claim-2.json", "outcome.json", "verdict.json"]


def test_the_last_delivery_gives_its_claim_back_too(ledgered: Ledgered) -> None:
    """Unverified is not final: what comes back from the dead letters is judged."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    (last,) = cloud.deliver(record, delivery=3, timeout_s=2)
    assert last["outcome"]["status"] == "unverified"
    cloud.watcher.spoil = lambda _: None
    (redriven,) = cloud.deliver(record, request_id="1-redriven")
    assert redriven["outcome"]["status"] == "quarantined"


def test_a_delivery_at_work_is_not_disturbed(ledgered: Ledgered) -> None:
    """While another invocation may be at work, a copy of the event waits its share of the time and then fails."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    assert ledgered.deliver(record, kill_after=3, timeout_s=600) is None
    calls = ledgered.billed
    for same in (False, True):
        request_id = "1-fc-request" if same else "1-other"
        (second,) = cloud.deliver(record, request_id=request_id, timeout_s=1.5)
        assert second["outcome"]["status"] == "failed"
        assert "held by invocation '1-fc-request' until" in second["outcome"]["error"]
    assert ledgered.billed == calls
    assert cloud.body("uploads", "a.png") == picture("NUDE")


def test_a_copy_that_waits_sees_the_outcome(ledgered: Ledgered) -> None:
    """Where the other delivery ends while this one waits, this one is its duplicate."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    ledgered.deliver(record, kill_after=3, timeout_s=600)
    done = {"v": 1, "upload": {"bucket": "uploads", "request_id": record["responseElements"]["requestId"]}}
    done["outcome"] = {"status": "passed", "location": "uploads/a.png"}
    body = json.dumps(done).encode()
    cloud.watcher.calls.clear()
    cloud.watcher.interfere = {4: lambda: ledgered.write("outcome.json", body)}
    (document,) = cloud.deliver(record, request_id="1-other", timeout_s=8)
    assert document["outcome"]["status"] == "duplicate"


def test_a_lease_ends_by_the_clock_of_oss(ledgered: Ledgered) -> None:
    """After the function's timeout nobody can be at work: another invocation takes over, and pays nothing again."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    ledgered.deliver(record, kill_after=4, timeout_s=600)
    ledgered.age(seconds=602)
    (document,) = cloud.deliver(record, request_id="1-other")
    assert document["outcome"]["status"] == "quarantined"
    assert document["outcome"]["calls"]["billed"] == 0
    assert document["verdict"]["billed"] == 0
    assert ledgered.billed == 1
    assert "claim-2.json" in ledgered.records()


def test_a_takeover_waits_for_the_end_of_a_lease(ledgered: Ledgered) -> None:
    """Where the lease ends within the time of this delivery, it waits for that."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    ledgered.deliver(record, kill_after=1, timeout_s=60)
    ledgered.age(seconds=59.5)
    (document,) = cloud.deliver(record, request_id="1-other", timeout_s=8)
    assert document["outcome"]["status"] == "passed"


def test_of_two_that_take_over_one_does(ledgered: Ledgered) -> None:
    """Who comes second to the next claim waits like everybody."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    ledgered.deliver(record, kill_after=1, timeout_s=600)
    ledgered.age(seconds=700)
    claim = ledgered.records()["claim-1.json"]
    claim["claim"] |= {"token": "faster", "invocation": "1-faster"}
    cloud.watcher.calls.clear()
    cloud.watcher.interfere = {4: lambda: ledgered.write("claim-2.json", json.dumps(claim).encode())}
    (document,) = cloud.deliver(record, request_id="1-other", timeout_s=1.5)
    assert "held by invocation '1-faster'" in document["outcome"]["error"]


def test_a_claim_whose_answer_was_lost_is_still_ours(ledgered: Ledgered) -> None:
    """The connection breaks after the claim was created; the second try finds it, and knows it."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    faults = [Fault(drop="after")]
    cloud.watcher.spoil = lambda call: faults.pop() if on_ledger(call) and faults else None
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "passed"
    assert sorted(ledgered.records()) == ["claim-1.json", "outcome.json", "verdict.json"]


@pytest.mark.parametrize("operation", ["PutObject", "GetObject", "ListObjectsV2"])
def test_a_ledger_that_is_down_blocks_nothing(ledgered: Ledgered, operation: str) -> None:
    """Moderation goes on without it, and a line says what was skipped."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    if operation != "PutObject":
        ledgered.deliver(record, kill_after=1, timeout_s=600)
    cloud.watcher.spoil = lambda call: (
        Fault(status=503, code="ServiceUnavailable") if on_ledger(call) and call.operation == operation else None
    )
    (document,) = cloud.deliver(record, request_id="1-other", timeout_s=4)
    assert document["outcome"]["status"] == "quarantined"
    assert cloud.error is None
    (warning,) = [line for line in cloud.log_lines() if line["event"] == "ledger.unavailable"]
    assert warning["level"] == "warning"
    assert (warning["bucket"], warning["key"]) == ("uploads", "a.png")
    assert "ServiceUnavailable" in warning["error"]


def test_a_ledger_that_fails_at_the_end_costs_only_the_record(ledgered: Ledgered) -> None:
    """The outcome that could not be written is done again by the next delivery, at no cost but calls."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.watcher.spoil = lambda call: (
        Fault(status=503, code="ServiceUnavailable") if call.key.endswith("outcome.json") else None
    )
    (first,) = cloud.deliver(record)
    assert (first["outcome"]["status"], cloud.error) == ("passed", None)
    cloud.watcher.spoil = lambda _: None
    (second,) = cloud.deliver(record, delivery=2)
    assert second["outcome"]["status"] == "passed"
    assert ledgered.billed == 1


def test_a_ledger_that_refuses_us_is_the_operators_matter(ledgered: Ledgered) -> None:
    """Without a right on the ledger the record fails, untouched, and says what to mend."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    everything = [f"oss:{name}" for name in ("GetObject", "PutObject", "DeleteObject", "PutObjectTagging")]
    rights = frozenset((action, f"{bucket}/*") for action in everything for bucket in ("uploads", "quarantine"))
    cloud.oss.add_identity(
        Identity(FUNCTION.access_key_id, FUNCTION.access_key_secret, FUNCTION.security_token, rights)
    )
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "failed"
    assert "AccessDenied" in document["outcome"]["error"]
    assert ledgered.billed == 0
    assert cloud.body("uploads", "a.png") == picture("NUDE")


def test_a_refusal_at_the_end_is_told_with_what_was_done(ledgered: Ledgered) -> None:
    """The action stands; the invocation fails, so that somebody mends the ledger."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GORE"))
    cloud.watcher.spoil = lambda call: (
        Fault(status=403, code="AccessDenied") if call.key.endswith("outcome.json") else None
    )
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "deleted"
    assert "AccessDenied" in document["outcome"]["error"]
    assert cloud.error is not None


BAD_RECORDS = {
    "empty": b"",
    "no JSON": b"{",
    "no object": b"[1]",
    "null": b"null",
    "a newer version": b'{"v": 2, "upload": {}, "outcome": {"status": "passed"}}',
    "another upload's": b'{"v": 1, "upload": {"bucket": "uploads", "request_id": "X"}, '
    b'"outcome": {"status": "passed", "location": null}}',
    "too deep": b"[" * 100_000,
    "too long": b'"' + b"x" * 1024 * 1024 + b'"',
}


@pytest.mark.parametrize("name", ["claim-1.json", "verdict.json", "outcome.json"])
@pytest.mark.parametrize("kind", BAD_RECORDS)
def test_a_bad_record_counts_for_nothing(ledgered: Ledgered, kind: str, name: str) -> None:
    """A record that is corrupt, newer or not ours is logged and ignored; the upload is moderated afresh."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    ledgered.deliver(record, kill_after=3, timeout_s=600)
    if name != "claim-1.json":
        ledgered.age(seconds=700)
    ledgered.write(name, BAD_RECORDS[kind])
    (document,) = cloud.deliver(record, request_id="1-other")
    assert document["outcome"]["status"] == "quarantined"
    (warning,) = [line for line in cloud.log_lines() if line["event"] == "ledger.record-ignored"]
    assert warning["record"] == ledgered.folder() + name
    outcome = json.loads(cloud.body("ledger", ledgered.folder() + "outcome.json"))
    assert outcome["outcome"]["status"] == "quarantined"


def test_an_outcome_that_is_not_final_is_no_outcome(ledgered: Ledgered) -> None:
    """`duplicate` only ever follows a final outcome."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    ledgered.deliver(record, kill_after=1, timeout_s=600)
    ledgered.age(seconds=700)
    done = {"v": 1, "upload": {"bucket": "uploads", "request_id": record["responseElements"]["requestId"]}}
    done["outcome"] = {"status": "failed", "location": None}
    ledgered.write("outcome.json", json.dumps(done).encode())
    (document,) = cloud.deliver(record, request_id="1-other")
    assert document["outcome"]["status"] == "passed"


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_stored_verdict_is_decided_by_the_policy_of_now(ledgered: Ledgered, bucket: str) -> None:
    """After a kill and an edit of the policy, the verdict is not paid for again but decided anew."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    # Once the verdict is written down: after the claim, the look, the taking of a version and the call.
    ledgered.deliver(record, kill_after=4 if bucket == "uploads" else 5, timeout_s=600)
    cloud.start(
        "version: 1\nname: milder\nrules: [{name: any, match: {labels: ['*']}, action: tag}]\n"
        "quarantine: {bucket: quarantine, prefix: held/}\n",
        LEDGER_BUCKET="ledger",
    )
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["status"] == "flagged"
    assert ledgered.billed == 1


def test_a_verdict_of_another_service_is_not_used(ledgered: Ledgered) -> None:
    """A stored verdict is bound to the service that gave it."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"))
    ledgered.deliver(record, kill_after=4, timeout_s=600)
    kept = ledgered.records()["verdict.json"]
    kept["verdict"]["service"] = "baselineCheck"
    ledgered.write("verdict.json", json.dumps(kept).encode())
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["status"] == "quarantined"
    assert document["outcome"]["calls"]["billed"] == 1


@pytest.mark.parametrize("bucket", ["uploads", "versioned"])
def test_a_verdict_of_other_bytes_is_not_used(ledgered: Ledgered, bucket: str) -> None:
    """What was overwritten since is judged for itself: a stored verdict is bound to the bytes."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"), bucket=bucket)
    ledgered.deliver(record, kill_after=3, timeout_s=600)
    cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["calls"]["billed"] == 1
    assert document["outcome"]["status"] == ("passed" if bucket == "versioned" else "quarantined")


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_a_versioned_ledger_is_refused(ledgered: Ledgered, status: str) -> None:
    """In a bucket that is or was versioned no claim would hold: the function does not start, and says what to do."""
    ledgered.cloud.oss._store.bucket("ledger").versioning_status = status  # noqa: SLF001
    with pytest.raises(BadSettings, match=f"LEDGER_BUCKET: the versioning of 'ledger' is {status}.*make a new bucket"):
        ledgered.cloud.start(LEDGER_BUCKET="ledger")


def test_a_ledger_that_is_down_at_the_start_is_no_reason_not_to(ledgered: Ledgered) -> None:
    """The check is skipped, and a line says so."""
    cloud = ledgered.cloud
    cloud.watcher.spoil = lambda _: Fault(status=503, code="ServiceUnavailable")
    cloud.start(LEDGER_BUCKET="ledger")
    assert cloud.log_lines()[-1]["event"] == "ledger.unavailable"
    assert cloud.log_lines()[-1]["skipped"] == "check"


def test_an_odd_date_is_a_folder_of_its_own(ledgered: Ledgered) -> None:
    """An event's time is text from outside: where it is no date, the folder says so."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.deliver({**record, "eventTime": "../../x"})
    assert ledgered.folder().startswith("ledger/v1/undated/")


def test_without_a_ledger_nothing_of_it_is_called(cloud: WardenCloud) -> None:
    """An empty LEDGER_BUCKET is no ledger."""
    assert index._instance["warden"].settings.ledger_bucket is None  # noqa: SLF001
    cloud.moderate("a.png", picture("GOOD"))
    assert "PutObject" not in cloud.watcher.operations


def test_a_takeover_that_can_not_look_for_the_copy_tells_the_verdict(ledgered: Ledgered) -> None:
    """The bytes went with the killed delivery, and OSS fails: what was paid for is in the line all the same."""
    cloud = ledgered.cloud
    cloud.warm_up()
    record = cloud.upload("a.png", picture("NUDE"))
    ledgered.deliver(record)
    made = [(call.operation, call.bucket) for call in cloud.watcher.calls]
    cloud.oss.reset()
    for name in ("uploads", "quarantine", "ledger"):
        cloud.oss.create_bucket(name)
    record = cloud.upload("a.png", picture("NUDE"))
    ledgered.deliver(record, kill_after=made.index(("DeleteObject", "uploads")) + 1)
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.bucket == "quarantine" else None
    (document,) = ledgered.deliver(record, delivery=2) or []
    assert (document["outcome"]["status"], document["decision"]) == ("failed", None)
    assert document["verdict"]["findings"][0]["label"] == "pornographic_adultContent"
    cloud.watcher.spoil = lambda _: None
    (document,) = ledgered.deliver(record, delivery=3) or []
    assert (document["outcome"]["status"], document["outcome"]["action"]) == ("quarantined", "quarantine")
