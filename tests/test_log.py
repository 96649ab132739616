"""An Outcome as one line."""

import json
import logging
from datetime import datetime
from typing import Any

import pytest

from handler.errors import FailureKind
from handler.json_form import document
from handler.log import log_outcome, set_up_log
from handler.model import (
    Action,
    Calls,
    Decision,
    Finding,
    Mode,
    Outcome,
    RequestIds,
    ShadowMatch,
    Status,
    Upload,
    Verdict,
)

NASTY = "a\nb\x1b[31m\u202e\x85\u2028%s{0}🎉.jpg"
FINDING = Finding("QR code", 81.5, "high", "a code to scan")
OUTCOME = Outcome(
    upload=Upload(
        "uploads",
        NASTY,
        "E1",
        "v1",
        5,
        "image/jpeg",
        "ap-southeast-1",
        "ObjectCreated:PutObject",
        "2022-08-13T06:45:43.000Z",
        "58F9",
    ),
    status=Status.QUARANTINED,
    verdict=Verdict("svc", "high", (FINDING,), "G1", "58F9", 1, 300, {"VlContent": {"OutputText": "a face"}}),
    decision=Decision(
        "default:0123abcd",
        Action.QUARANTINE,
        "adult",
        7,
        "because",
        Mode.ENFORCE,
        FailureKind.UNAVAILABLE,
        (FINDING,),
        {"queue": "legal"},
        (ShadowMatch("new", Action.DELETE),),
    ),
    action=Action.QUARANTINE,
    location="held/k",
    tags={"moderation-status": "quarantined"},
    tag_note="note",
    superseded="E0",
    attempts=2,
    delivery=3,
    calls=Calls(5, 2, 1),
    cost_usd=0.0012,
    duration_ms=400,
    request_ids=RequestIds("F1", ("O1",), ("G0", "G1")),
    error=None,
)
WRITTEN: dict[str, Any] = {
    "v": 1,
    "upload": {
        "bucket": "uploads",
        "key": NASTY,
        "etag": "E1",
        "version_id": "v1",
        "size_bytes": 5,
        "content_type": "image/jpeg",
        "region": "ap-southeast-1",
        "event_name": "ObjectCreated:PutObject",
        "uploaded_at": "2022-08-13T06:45:43.000Z",
        "request_id": "58F9",
    },
    "verdict": {
        "service": "svc",
        "risk": "high",
        "findings": [{"label": "QR code", "confidence": 81.5, "risk": "high"}],
        "request_id": "G1",
        "data_id": "58F9",
        "billed": 1,
        "latency_ms": 300,
    },
    "decision": {
        "policy": "default:0123abcd",
        "action": "quarantine",
        "rule": "adult",
        "line": 7,
        "reason": "because",
        "mode": "enforce",
        "failure": "unavailable",
        "findings": [{"label": "QR code", "confidence": 81.5, "risk": "high"}],
        "tags": {"queue": "legal"},
        "shadow": [{"rule": "new", "action": "delete"}],
    },
    "outcome": {
        "status": "quarantined",
        "action": "quarantine",
        "location": "held/k",
        "tags": {"moderation-status": "quarantined"},
        "tag_note": "note",
        "superseded": "E0",
        "earlier": None,
        "links": [],
        "attempts": 2,
        "delivery": 3,
        "calls": {"oss": 5, "green": 2, "billed": 1, "maybe_billed": 0},
        "cost_usd": 0.0012,
        "duration_ms": 400,
        "request_ids": {"fc": "F1", "oss": ["O1"], "green": ["G0", "G1"]},
        "error": None,
    },
}


def printed(capsys: pytest.CaptureFixture[str], outcome: Outcome, *, level: str = "INFO", details: bool = False) -> str:
    """What is printed for this outcome."""
    log_outcome(set_up_log(level), outcome, details=details)
    return capsys.readouterr().out


def test_line_is_the_whole_record(capsys: pytest.CaptureFixture[str]) -> None:
    """Every field, no more and no less; a new one belongs here too."""
    line = json.loads(printed(capsys, OUTCOME))
    time = datetime.fromisoformat(line.pop("time").replace("Z", "+00:00"))
    assert time.utcoffset() is not None
    assert line == {**WRITTEN, "event": "upload.moderated", "level": "info"}


def test_line_is_one_line_of_printable_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """No character of a key reaches a terminal, not even one of Unicode's own controls."""
    text = printed(capsys, OUTCOME)
    assert text.endswith("\n")
    assert text[:-1].isascii()
    assert text[:-1].isprintable()


def test_answer_is_what_the_line_says(capsys: pytest.CaptureFixture[str]) -> None:
    """The handler's answer and the log line share one form."""
    written = log_outcome(set_up_log("INFO"), OUTCOME, details=False)
    line = json.loads(capsys.readouterr().out)
    assert json.loads(json.dumps(written)) == WRITTEN
    assert WRITTEN.items() <= line.items()


def test_words_about_the_picture_are_written_only_on_request() -> None:
    """Descriptions and extra information are people's data."""
    with_details = json.loads(json.dumps(document(OUTCOME, details=True)))
    assert with_details["verdict"]["ext"] == {"VlContent": {"OutputText": "a face"}}
    assert with_details["verdict"]["findings"][0]["description"] == "a code to scan"
    assert with_details["decision"]["findings"][0]["description"] == "a code to scan"
    without = json.dumps(document(OUTCOME, details=False))
    assert "face" not in without
    assert "scan" not in without


@pytest.mark.parametrize("details", [True, False])
def test_record_without_upload_verdict_or_decision_is_written(details: bool) -> None:  # noqa: FBT001
    """What never came to be is null."""
    written = document(Outcome(None, Status.FAILED, error="no key"), details=details)
    assert (written["upload"], written["verdict"], written["decision"]) == (None, None, None)
    assert written["outcome"]["error"] == "no key"


def test_failure_is_an_error_line_at_any_level(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever logs less still sees what fails; the rest stays quiet."""
    failed = Outcome(None, Status.FAILED, error="no key")
    assert json.loads(printed(capsys, failed, level="ERROR"))["level"] == "error"
    assert printed(capsys, OUTCOME, level="WARNING") == ""


@pytest.mark.parametrize(
    "name", ["oss2.api", "oss2.http", "darabonba-core", "alibabacloud-tea", "urllib3.connectionpool"]
)
def test_sdks_are_kept_quiet(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever the runtime does to the root logger, their headers and answers are not written."""
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    set_up_log("DEBUG")
    assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    assert logging.getLogger(name).isEnabledFor(logging.WARNING)


def test_writing_changes_nothing() -> None:
    """The outcome is the same after it was written without details."""
    document(OUTCOME, details=False)
    assert OUTCOME.verdict is not None
    assert OUTCOME.verdict.ext is not None
    assert OUTCOME.verdict.findings == (FINDING,)
