"""Every answer of the moderation service, through its real SDK, to its documented outcome."""

import pytest

from scripts.localcloud.green.answer import Answer
from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.warden_cloud import WardenCloud, picture

UNAVAILABLE = {
    "code 403": Answer(code=403),
    "code 500": Answer(code=500),
    "a code nobody documented": Answer(body={"Code": 777, "Msg": "?", "RequestId": "r"}),
    "HTTP Throttling": Answer(status=400, error="Throttling.User"),
    "HTTP 400 of a code nobody documented": Answer(status=400, error="SomethingNew"),
    "HTTP 403 of a code nobody documented": Answer(status=403, error="RiskControl"),
    "HTTP 503": Answer(status=503, error="ServiceUnavailable"),
    "garbage": Answer(body=b"<html>busy</html>"),
    "200 without data": Answer(body={"Code": 200, "Msg": "OK", "RequestId": "r"}),
    "200 without findings": Answer(body={"Code": 200, "Msg": "OK", "RequestId": "r", "Data": {"Result": []}}),
    "200 with a wrong type": Answer(
        body={"Code": 200, "RequestId": "r", "Data": {"Result": [{"Label": "nonLabel", "Confidence": "high"}]}}
    ),
    "200 with a list for data": Answer(body={"Code": 200, "RequestId": "r", "Data": []}),
}
FAULTS = {
    "a timeout": Fault(delay_s=2.5),
    "a connection that breaks": Fault(drop="before"),
    "an answer that is lost": Fault(drop="after"),
}
OPERATOR = {
    "code 400": Answer(code=400),
    "code 408": Answer(code=408),
    "HTTP 403 NoPermission": Answer(status=403, error="NoPermission"),
    "HTTP 400 InvalidParameter": Answer(status=400, error="InvalidParameter"),
}


def spoil_green(fault: Fault) -> object:
    """Spoil every call to the moderation service, and none to OSS."""

    def spoil(call: WireCall) -> Fault | None:
        return fault if call.service == "green" else None

    return spoil


def test_code_200_is_a_verdict(cloud: WardenCloud) -> None:
    """A 200 is judged by the policy, billed once, and its ids are logged."""
    document = cloud.moderate("a.png", picture("SPAM"))
    assert document["outcome"]["status"] == "flagged"
    assert document["verdict"]["findings"] == [{"label": "QR code", "confidence": 88.0, "risk": "medium"}]
    assert document["outcome"]["calls"]["billed"] == document["outcome"]["attempts"] == 1
    assert document["outcome"]["cost_usd"] == 0.0012
    assert document["outcome"]["request_ids"]["green"] == [document["verdict"]["request_id"]]
    assert document["verdict"]["data_id"] == document["upload"]["request_id"]


@pytest.mark.parametrize("name", UNAVAILABLE)
def test_no_verdict_waits_and_then_says_so(cloud: WardenCloud, name: str) -> None:
    """What may pass is tried again; the last delivery marks the picture unverified, and fails for the dead letter."""
    cloud.answers = {"GOOD": UNAVAILABLE[name]}
    record = cloud.upload("a.png", picture("GOOD"))
    (first,) = cloud.deliver(record, timeout_s=2)
    assert (first["outcome"]["status"], first["decision"]) == ("failed", None)
    assert cloud.error is not None
    assert cloud.tags("uploads", "a.png") == {}
    (last,) = cloud.deliver(record, delivery=3, timeout_s=2)
    assert last["outcome"]["status"] == "unverified"
    assert last["decision"]["failure"] == "unavailable"
    assert cloud.error is not None
    assert cloud.tags("uploads", "a.png")["moderation-status"] == "unverified"


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_call_waits_and_then_says_so(cloud: WardenCloud, name: str) -> None:
    """No answer at all is no verdict either."""
    cloud.watcher.spoil = spoil_green(FAULTS[name])  # type: ignore[assignment]
    record = cloud.upload("a.png", picture("GOOD"))
    (first,) = cloud.deliver(record, timeout_s=2)
    assert first["outcome"]["status"] == "failed"
    (last,) = cloud.deliver(record, delivery=3, timeout_s=2)
    assert last["outcome"]["status"] == "unverified"
    assert cloud.error is not None


def test_a_passing_fault_is_tried_again_at_once(cloud: WardenCloud) -> None:
    """One throttled call costs a second one and nothing else."""
    throttled = [Answer(code=403)]
    see = cloud.green.eyes
    cloud.green.eyes = lambda image, asked: throttled.pop() if throttled else see(image, asked)
    document = cloud.moderate("a.png", picture("GOOD"))
    assert cloud.error is None
    assert document["outcome"]["status"] == "passed"
    assert (document["outcome"]["attempts"], document["outcome"]["calls"]["billed"]) == (2, 1)


@pytest.mark.parametrize("code", [404, 405])
def test_unreadable_waits_and_is_then_quarantined(cloud: WardenCloud, code: int) -> None:
    """What the service can't read, and which is still there, is quarantined at the last delivery, with the hint."""
    cloud.answers = {"GOOD": Answer(code=code)}
    record = cloud.upload("a.png", picture("GOOD"))
    (first,) = cloud.deliver(record, timeout_s=2)
    assert first["outcome"]["status"] == "failed"
    assert "authorised" in first["outcome"]["error"]
    (last,) = cloud.deliver(record, delivery=3, timeout_s=2)
    assert last["outcome"]["status"] == "quarantined"
    assert last["decision"]["failure"] == "unreadable"
    assert cloud.error is not None


def test_unreadable_because_it_is_gone(cloud: WardenCloud) -> None:
    """What the service can't read because its owner removed it is gone, and no failure."""
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.watcher.interfere[1] = lambda: cloud.bucket().delete_object("a.png")
    (document,) = cloud.deliver(record, timeout_s=2)
    assert document["outcome"]["status"] == "gone"
    assert cloud.error is None


@pytest.mark.parametrize("code", [401, 402])
def test_a_rejected_request_is_tried_by_url_first(cloud: WardenCloud, code: int) -> None:
    """A key that the service refuses is judged by a signed link."""
    see = cloud.green.eyes
    cloud.green.eyes = lambda image, asked: see(image, asked) if asked.url else Answer(code=code)
    document = cloud.moderate("a.png", picture("NUDE"))
    assert document["outcome"]["status"] == "quarantined"
    assert cloud.error is None
    assert (document["outcome"]["attempts"], document["outcome"]["calls"]["billed"]) == (2, 1)


@pytest.mark.parametrize("code", [401, 402])
def test_a_request_rejected_twice_is_quarantined_and_reported(cloud: WardenCloud, code: int) -> None:
    """Where the link is refused too, the failure's action is applied and the invocation fails."""
    cloud.answers = {"GOOD": Answer(code=code)}
    document = cloud.moderate("a.png", picture("GOOD"))
    assert document["outcome"]["status"] == "quarantined"
    assert document["decision"]["failure"] == "rejected"
    assert document["outcome"]["attempts"] == 2
    assert cloud.error is not None


@pytest.mark.parametrize(("code", "failure"), [(406, "too_large"), (407, "unsupported")])
def test_what_the_service_does_not_take_is_quarantined(cloud: WardenCloud, code: int, failure: str) -> None:
    """An image over the limits or of another format gets its failure's action, after one call."""
    cloud.answers = {"GOOD": Answer(code=code)}
    document = cloud.moderate("a.png", picture("GOOD"))
    assert document["outcome"]["status"] == "quarantined"
    assert document["decision"]["failure"] == failure
    assert (document["outcome"]["attempts"], document["outcome"]["calls"]["billed"]) == (1, 0)
    assert cloud.error is None


@pytest.mark.parametrize("name", OPERATOR)
def test_what_is_the_operators_never_touches_the_object(cloud: WardenCloud, name: str) -> None:
    """An account that is not activated is no fault of the picture: it is left alone, the message says what to mend."""
    cloud.answers = {"GOOD": OPERATOR[name]}
    record = cloud.upload("a.png", picture("GOOD"))
    for delivery in (1, 3):
        (document,) = cloud.deliver(record, delivery=delivery)
        assert document["outcome"]["status"] == "failed"
        assert document["outcome"]["attempts"] == 1
        assert "ImageModeration" in document["outcome"]["error"] or "Bucket Warden" in document["outcome"]["error"]
        assert cloud.error is not None
    assert cloud.tags("uploads", "a.png") == {}
    assert cloud.keys("quarantine") == []


def test_a_confidence_out_of_range_is_unknown(cloud: WardenCloud) -> None:
    """Unknown never helps: a confidence of 250 satisfies the threshold of a quarantine."""
    cloud.answers = {
        "GOOD": Answer(
            body={
                "Code": 200,
                "RequestId": "r",
                "Data": {"Result": [{"Label": "pornographic_adultContent", "Confidence": 250.0, "RiskLevel": "high"}]},
            }
        )
    }
    document = cloud.moderate("a.png", picture("GOOD"))
    assert document["outcome"]["status"] == "quarantined"
    assert document["verdict"]["findings"][0]["confidence"] is None


def test_info_types_and_referer_reach_the_service(cloud: WardenCloud) -> None:
    """What the policy asks of the service is on the wire, under the service's own names."""
    cloud.start(
        "version: 1\nname: asking\nrules: []\notherwise: {high: tag, medium: tag, low: pass, none: pass}\n"
        "failures: {unsupported: tag, too_large: tag, unreadable: tag, rejected: tag, unavailable: tag}\n"
        "tags: {when_full: evict}\nmoderation: {info_types: [vlContent], referer: www.example.com}\n"
    )
    record = cloud.upload("a.png", picture("GOOD"))
    cloud.deliver(record)
    asked = cloud.green.calls[-1].asked
    assert (asked.bucket, asked.key, asked.region) == ("uploads", "a.png", "ap-southeast-1")
    assert asked.info_types == ("vlContent",)
    assert asked.referer == "www.example.com"
    assert asked.data_id == record["responseElements"]["requestId"]


def test_links_that_the_account_may_not_hand_out_are_not_the_pictures_fault(cloud: WardenCloud) -> None:
    """Where OSS gives data to nobody over its public address, the operator is told how to mend it; nothing is moved."""
    cloud.oss.is_public_endpoint_open = False
    record = cloud.upload("a.png", picture("GOOD"), bucket="versioned")
    for delivery in (1, 2, 3):
        (document,) = cloud.deliver(record, delivery=delivery)
        assert document["outcome"]["status"] == "failed"
        assert "PublicEndpointForbidden" in document["outcome"]["error"]
        assert "name it in OSS_CUSTOM_DOMAINS" in document["outcome"]["error"]
        assert cloud.error is not None
    assert (cloud.keys("versioned"), cloud.held(), cloud.tags("versioned", "a.png")) == (["a.png"], [], {})


def test_links_go_by_the_buckets_own_domain(cloud: WardenCloud, own_domain: str) -> None:
    """A domain of the bucket's own is what the service reads by, where the default address is closed."""
    host = f"{own_domain}:{cloud.oss.endpoint.rpartition(':')[2]}"
    cloud.oss.map_domain(host, "versioned")
    cloud.oss.is_public_endpoint_open = False
    cloud.start(OSS_CUSTOM_DOMAINS=f"versioned=http://{host}")
    assert cloud.moderate("a.png", picture("SPAM"), bucket="versioned")["outcome"]["status"] == "flagged"
