"""Bad events and a bad set-up: nothing is dropped, and each says what would be right."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from handler import index
from handler.errors import BadEvent, BadPolicy, BadSettings
from handler.upload import pipeline
from scripts.localcloud.wire import Fault, Identity, WireCall
from tests.end_to_end.warden_cloud import APP, FUNCTION, Record, WardenCloud, context, picture

WHOLLY_MALFORMED = {
    "not JSON": b"\xff\xfe not json",
    "empty": b"",
    "a number": b"7",
    "null": b"null",
    "no records": b'{"events": []}',
    "another object": b'{"hello": "world"}',
    "a timer's event": b'{"triggerTime": "2026-01-01T00:00:00Z", "triggerName": "nightly", "payload": ""}',
}


@pytest.mark.parametrize("name", WHOLLY_MALFORMED)
def test_an_event_that_is_none_fails_loudly(cloud: WardenCloud, name: str) -> None:
    """What is no upload event fails the invocation, and the log says why."""
    with pytest.raises(BadEvent, match="event"):
        cloud.deliver_bytes(WHOLLY_MALFORMED[name])
    line = cloud.log_lines()[-1]
    assert (line["event"], line["level"], line["request_id"]) == ("invocation.refused", "error", "1-fc-request")


def test_a_malformed_record_costs_the_others_nothing(cloud: WardenCloud) -> None:
    """Each record ends in exactly one Outcome; the malformed one names its place, and the invocation fails."""
    good = cloud.upload("good.png", picture("GOOD"))
    broken: Record = {"eventName": "ObjectCreated:PutObject", "oss": {"bucket": {"name": "uploads"}}}
    bad = cloud.upload("bad.png", picture("NUDE"))
    documents = cloud.deliver(good, broken, bad)
    assert [document["outcome"]["status"] for document in documents] == ["passed", "failed", "quarantined"]
    assert documents[1]["upload"] is None
    assert "events[1]" in documents[1]["outcome"]["error"]
    assert cloud.error is not None
    assert "events[1]" in str(cloud.error)


def test_the_answer_is_the_logged_document(cloud: WardenCloud) -> None:
    """The handler answers with what it logged, so that a destination can pass it on."""
    record = cloud.upload("a.png", picture("SPAM"))
    answer = json.loads(index.handler(json.dumps({"events": [record]}).encode(), context()))
    (logged,) = [line for line in cloud.log_lines() if line["event"] == "upload.moderated"]
    assert answer == {"v": 1, "outcomes": [{k: v for k, v in logged.items() if k not in {"event", "level", "time"}}]}


def test_eventbridge_delivers_the_same(cloud: WardenCloud) -> None:
    """The record as `data` of a CloudEvents object ends as the native event does."""
    record = cloud.upload("a.png", picture("NUDE"))
    event = {"id": "1", "source": "acs.oss", "type": "oss:ObjectCreated:PutObject", "data": record}
    (document,) = cloud.deliver_bytes(json.dumps(event).encode())
    assert document["outcome"]["status"] == "quarantined"


@pytest.mark.parametrize(
    "handed",
    [json.dumps, lambda event: event, lambda event: event["events"][0], lambda event: json.dumps([event["events"][0]])],
    ids=["text", "decoded", "raw data", "raw data in a list"],
)
def test_an_event_may_be_handed_over_in_other_ways(
    cloud: WardenCloud, handed: Callable[[dict[str, list[Record]]], object]
) -> None:
    """A test console's text or object, and EventBridge's raw data, end as the native event's bytes do."""
    record = cloud.upload("a.png", picture("NUDE"))
    answer = json.loads(index.handler(handed({"events": [record]}), context()))
    assert [document["outcome"]["status"] for document in answer["outcomes"]] == ["quarantined"]


def test_a_bucket_that_is_not_watched_is_refused(cloud: WardenCloud) -> None:
    """A trigger on a bucket that the settings don't name fails loudly, and touches nothing."""
    cloud.oss.create_bucket("strange")
    document = cloud.moderate("a.png", picture("NUDE"), bucket="strange")
    assert document["outcome"]["status"] == "failed"
    assert "WATCHED_BUCKETS" in document["outcome"]["error"]
    assert cloud.keys("strange") == ["a.png"]


def test_a_missing_quarantine_bucket_loses_nothing(cloud: WardenCloud) -> None:
    """The source stays where it is, and the operator is told which bucket to create."""
    cloud.start(QUARANTINE_BUCKET="no-such-bucket")
    document = cloud.moderate("a.png", picture("NUDE"))
    assert document["outcome"]["status"] == "failed"
    assert "NoSuchBucket" in document["outcome"]["error"]
    assert "create the bucket" in document["outcome"]["error"]
    assert cloud.keys("uploads") == ["a.png"]
    assert cloud.error is not None


def test_refused_credentials_are_the_operators(cloud: WardenCloud) -> None:
    """A wrong secret is refused by OSS: nothing is done, and no key is in the message."""
    cloud.oss.add_identity(Identity(FUNCTION.access_key_id, "another-secret", FUNCTION.security_token))
    document = cloud.moderate("a.png", picture("NUDE"))
    assert document["outcome"]["status"] == "failed"
    assert "SignatureDoesNotMatch" in document["outcome"]["error"]


def test_a_wrong_secret_is_refused_by_the_moderation_service_too(cloud: WardenCloud) -> None:
    """The service's refusal of our signature is the operator's, and touches nothing."""
    wrong = Identity(FUNCTION.access_key_id, "another-secret", FUNCTION.security_token)
    cloud.green.add_identity(wrong)
    try:
        document = cloud.moderate("a.png", picture("NUDE"))
    finally:
        cloud.green.add_identity(FUNCTION)
    assert document["outcome"]["status"] == "failed"
    assert "SignatureDoesNotMatch" in document["outcome"]["error"]
    assert cloud.keys("uploads") == ["a.png"]


@pytest.mark.parametrize(
    "missing", ["oss:GetObject", "oss:PutObjectTagging", "oss:DeleteObject", "yundun-greenweb:ImageModeration"]
)
def test_a_missing_right_is_named_and_loses_nothing(cloud: WardenCloud, missing: str) -> None:
    """Without a right the upload stays, and the message says what to grant."""
    rights = frozenset(
        (action, resource)
        for action in (
            "oss:GetObject",
            "oss:GetObjectTagging",
            "oss:PutObjectTagging",
            "oss:PutObject",
            "oss:DeleteObject",
        )
        for resource in ("uploads/*", "quarantine/*")
        if action != missing
    )
    some = Identity(FUNCTION.access_key_id, FUNCTION.access_key_secret, FUNCTION.security_token, rights)
    cloud.oss.add_identity(some)
    cloud.green.add_identity(FUNCTION if not missing.startswith("yundun") else some)
    word = "GOOD" if missing == "oss:PutObjectTagging" else "GORE"
    try:
        document = cloud.moderate("a.png", picture(word))
    finally:
        cloud.green.add_identity(FUNCTION)
    assert document["outcome"]["status"] == "failed"
    assert "role" in document["outcome"]["error"]
    assert cloud.keys("uploads") == ["a.png"]


def test_new_credentials_are_taken_up(cloud: WardenCloud) -> None:
    """When the token changes, the next invocation works with the new one; while it lives, the clients are kept."""
    cloud.moderate("a.png", picture("GOOD"))
    warden = index._instance["warden"]  # noqa: SLF001
    first = warden.services(context(), {})
    assert warden.services(context(), {}) is first
    renewed = Identity(FUNCTION.access_key_id, FUNCTION.access_key_secret, "a-new-token")
    cloud.oss.add_identity(renewed)
    cloud.green.add_identity(renewed)
    later = context()
    later.credentials.security_token = renewed.security_token
    try:
        record = cloud.upload("b.png", picture("GOOD"))
        index.handler(json.dumps({"events": [record]}).encode(), later)
    finally:
        cloud.green.add_identity(FUNCTION)
    first.store.connection.session.session.close()  # type: ignore[attr-defined]  # the port has none
    assert cloud.tags("uploads", "b.png")["moderation-status"] == "passed"


def test_oss_out_of_order_is_given_back(cloud: WardenCloud) -> None:
    """Where OSS fails three times, the invocation fails and the upload is untouched."""

    def spoil(call: WireCall) -> Fault | None:
        return Fault(status=503, code="ServiceUnavailable") if call.operation == "CopyObject" else None

    cloud.watcher.spoil = spoil
    document = cloud.moderate("a.png", picture("NUDE"))
    assert document["outcome"]["status"] == "failed"
    assert cloud.watcher.operations.count("CopyObject") == 3
    assert cloud.keys("uploads") == ["a.png"]


def test_a_bug_in_one_record_is_reported_and_costs_the_others_nothing(
    cloud: WardenCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody foresaw fails its own record, without the words of a stranger's exception."""
    real = pipeline.moderate

    def stumble(upload: object, *args: object, **kwargs: object) -> object:
        if upload.key == "a.png":  # type: ignore[attr-defined]
            raise KeyError("https://signed-url?secret")
        return real(upload, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("handler.index.moderate", stumble)
    documents = cloud.deliver(cloud.upload("a.png", picture("GOOD")), cloud.upload("b.png", picture("GOOD")))
    assert [document["outcome"]["status"] for document in documents] == ["failed", "passed"]
    assert "KeyError" in documents[0]["outcome"]["error"]
    assert "secret" not in cloud.log.getvalue()


def test_each_record_has_its_share_of_the_time(cloud: WardenCloud) -> None:
    """A record that the service never answers leaves time for the next."""
    see = cloud.green.eyes
    cloud.watcher.spoil = lambda call: (
        Fault(delay_s=1.2) if call.service == "green" and call.key == "slow.png" else None
    )
    cloud.green.eyes = see
    slow = cloud.upload("slow.png", picture("GOOD"))
    fast = cloud.upload("fast.png", picture("GOOD", salt="2"))
    documents = cloud.deliver(slow, fast, timeout_s=2.8)
    assert [document["outcome"]["status"] for document in documents] == ["failed", "passed"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"POLICY": ""}, "POLICY"),
        ({"MAX_DELIVERIES": "ten"}, "MAX_DELIVERIES"),
        ({"WATCHED_BUCKETS": ""}, "WATCHED_BUCKETS"),
        ({"OSS_ENDPOINT": "oss.example.com"}, "OSS_ENDPOINT"),
        ({"LEDGER_BUCKET": "uploads"}, "LEDGER_BUCKET"),
        ({"LEDGER_BUCKET": "nowhere"}, "LEDGER_BUCKET: .*NoSuchBucket"),
        ({"QUARANTINE_BUCKT": "typo"}, "QUARANTINE_BUCKET"),
    ],
)
def test_a_wrong_setting_fails_the_initializer(cloud: WardenCloud, settings: dict[str, str], named: str) -> None:
    """The function does not start on a wrong setting, and names it."""
    with pytest.raises(BadSettings, match=named):
        cloud.start(**settings)


def test_a_wrong_policy_fails_the_initializer(cloud: WardenCloud) -> None:
    """The function does not start on a policy that does not check; every mistake is said."""
    with pytest.raises(BadPolicy) as caught:
        cloud.start("version: 1\nname: x\nrulez: []\nmode: enforced\n")
    assert "rulez" in str(caught.value)
    assert "enforced" in str(caught.value)


def test_a_doubtful_policy_starts_and_says_so(cloud: WardenCloud) -> None:
    """A threshold written as a fraction, and a pattern that fits no key, are lines of the log."""
    cloud.start(
        "version: 1\nname: x\nquarantine: {bucket: quarantine}\nrules:\n"
        "  - {name: a, match: {min_confidence: 0.9, keys: [/avatars/**]}, action: delete}\n"
    )
    lines = [json.loads(line) for line in cloud.log.getvalue().splitlines()]
    told = [line["problem"] for line in lines if line["event"] == "policy.doubtful" and line["level"] == "warning"]
    assert ["min_confidence: 0.9 of 100 is next to nothing" in told[0], "write 'avatars/**'" in told[1]] == [True, True]


def test_a_missing_policy_file_fails_the_initializer(cloud: WardenCloud) -> None:
    """A path that names nothing is said."""
    with pytest.raises(BadPolicy, match="nowhere"):
        cloud.start(Path("policies/nowhere.yml"))


def test_no_secret_reaches_the_log(cloud: WardenCloud) -> None:
    """Over outcomes and failures of every kind, no key, token or signature is written anywhere."""
    for number, word in enumerate(("GOOD", "NUDE", "GORE", "SPAM")):
        cloud.moderate(f"{number}.png", picture(word))
    versioned = cloud.upload("v.png", picture("NUDE"), bucket="versioned")
    cloud.upload("v.png", picture("GOOD"), bucket="versioned")
    cloud.deliver(versioned)
    cloud.oss.add_identity(Identity(FUNCTION.access_key_id, "another-secret", FUNCTION.security_token))
    cloud.moderate("refused.png", picture("GOOD"))
    written = cloud.log.getvalue() + str(cloud.error)
    for secret in (FUNCTION.access_key_id, FUNCTION.access_key_secret, FUNCTION.security_token, APP.access_key_secret):
        assert str(secret) not in written
    assert "x-oss-signature" not in written.lower()


def test_descriptions_are_logged_only_when_asked_for(cloud: WardenCloud) -> None:
    """What the service says of a person's picture in words stays out, unless LOG_DETAILS says otherwise."""
    quiet = cloud.moderate("a.png", picture("NUDE"))
    assert "description" not in quiet["verdict"]["findings"][0]
    cloud.start(LOG_DETAILS="true")
    assert "description" in cloud.moderate("b.png", picture("NUDE", salt="2"))["verdict"]["findings"][0]
