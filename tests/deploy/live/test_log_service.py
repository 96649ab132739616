"""`warden doctor --live`: what is wrong with the log's place, its index, alarms and dashboard is found."""

import copy
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.credentials import Credentials
from scripts.deploy.live.log_service import compare_index, examine_log
from scripts.localcloud.cloud import APPLICATION
from scripts.localcloud.wire import Identity
from scripts.logs.columns import columns
from scripts.logs.documents import index_document
from scripts.services.log_service import MOST_ALERTS, Index
from tests.deploy.checkout import Checkout
from tests.deploy.deployments import DEFAULT, deploy
from tests.services.http import NOBODY_THERE, Answer
from tests.services.log_stand_in import LogStandIn, log_stand_in

LAW = settings(deadline=None)  # a busy machine breaks no law
Examine = Callable[..., list[str]]
KEYS = Credentials(APPLICATION.access_key_id, APPLICATION.access_key_secret)
UPDATE = (
    "; scripts/warden logs --out logs/, then aliyunlog log update_index --project_name=warden-logs "
    '--logstore_name=bucket-warden --index_detail="file://./logs/index.json"'
)


@pytest.fixture
def found(checkout: Checkout, logs: LogStandIn) -> Examine:
    """Examine the log of the template; what is said, one line each."""
    deployment = deploy(checkout.folder, DEFAULT)

    def examine(endpoint: str = "", keys: Credentials = KEYS) -> list[str]:
        env = {"SLS_ENDPOINT": endpoint or logs.endpoint}
        return [str(finding) for finding in examine_log(deployment, keys, env)]

    return examine


def test_a_right_log_is_silent_and_is_only_read(found: Examine, logs: LogStandIn) -> None:
    """The logstore, its index, its alarms and the dashboard are each asked for once."""
    assert found() == []
    assert logs.asked == [
        "/logstores/bucket-warden",
        "/logstores/bucket-warden/index",
        f"/alerts?logstore=bucket-warden&offset=0&size={MOST_ALERTS}",
        "/dashboards/bucket-warden",
    ]


def test_temporary_keys_are_signed_with_their_token(checkout: Checkout) -> None:
    """The token is part of what is signed."""
    keys = Credentials("STS.id", "secret", "CAIS+token=/")
    deployment = deploy(checkout.folder, DEFAULT)
    with log_stand_in(Identity("STS.id", "secret", "CAIS+token=/"), "warden-logs", "bucket-warden") as right:
        assert [*examine_log(deployment, keys, {"SLS_ENDPOINT": right.endpoint})] == []


def test_a_project_that_is_not_there_is_one_error(found: Examine, logs: LogStandIn) -> None:
    """Nothing more is asked of it."""
    logs.project = "another"
    (said,) = found()
    assert said.startswith("error: log project warden-logs: there is none in ap-southeast-1, so there is no log; make")
    assert len(logs.asked) == 1


def test_a_logstore_that_is_not_there_is_one_error(found: Examine, logs: LogStandIn) -> None:
    """With the step that makes it."""
    logs.logstore = None
    (said,) = found()
    assert said.startswith("error: logstore warden-logs/bucket-warden: there is none, so there is no log; make it")
    assert "step 3" in said


@pytest.mark.parametrize(
    ("ttl", "said"),
    [
        (1, "keeps a line for 1 days; 90 or more"),
        (89, "keeps a line for 89 days; 90 or more"),
        (90, ""),
        (3599, ""),
        (3600, "keeps a line for 3,600 days, which nobody chose"),
        (3650, ""),
    ],
)
def test_a_retention_too_short_or_nobodys_is_said(found: Examine, logs: LogStandIn, ttl: int, said: str) -> None:
    """In days."""
    logs.logstore = {"logstoreName": "bucket-warden", "ttl": ttl}
    lines = found()
    assert len(lines) == bool(said)
    assert said in "".join(lines)


def test_a_logstore_without_sql_is_said(found: Examine, logs: LogStandIn) -> None:
    """Its type was chosen when it was made."""
    logs.logstore = {"logstoreName": "bucket-warden", "ttl": 90, "mode": "query"}
    (said,) = found()
    assert "of the type query, which no SQL can ask" in said


def test_a_log_without_an_index_is_said_with_the_command(found: Examine, logs: LogStandIn) -> None:
    """The one that creates, not the one that updates."""
    logs.index = None
    (said,) = found()
    assert said.startswith("warning: logstore warden-logs/bucket-warden has no index: no query and no alarm runs; ")
    assert said.endswith(UPDATE.removeprefix("; ").replace("update_index", "create_index"))


def test_the_index_that_auto_makes_is_said(found: Examine, logs: LogStandIn) -> None:
    """It names the fields of Function Compute's own lines, and not the one that holds ours."""
    names = ("functionName", "qualifier", "versionId", "instanceID")
    logs.index = {"keys": {name: {"type": "text", "doc_value": True} for name in names}, "line": {}}
    (said,) = found()
    assert "it has no field 'message', which holds our lines" in said
    assert said.endswith(UPDATE)


@LAW
@given(path=st.sampled_from(sorted(columns())), fault=st.sampled_from(["gone", "type", "no SQL"]))
def test_each_column_is_compared(path: str, fault: str) -> None:
    """Whichever of ours is missing, of another type or not seen by SQL, it is named; and no other."""
    index = copy.deepcopy(index_document())
    inside = index["keys"]["message"]["json_keys"]
    if fault == "gone":
        del inside[path]
    elif fault == "type":
        inside[path]["type"] = "text" if columns()[path] != "text" else "long"
    else:
        inside[path]["doc_value"] = False
    (said,) = compare_index(msgspec.convert(index, Index))
    assert f" {path} (" in said


def test_many_columns_are_counted(found: Examine, logs: LogStandIn) -> None:
    """Five by name, of more how many."""
    logs.index = index_document()
    logs.index["keys"]["message"]["json_keys"] = {"more.of.theirs": {"type": "text", "doc_value": True}}
    (said,) = found()
    assert said.count("(text)") + said.count("(long)") + said.count("(double)") == 5
    assert f"and {len(columns()) - 5} more" in said


def test_a_line_that_is_text_or_cut_short_is_said(found: Examine, logs: LogStandIn) -> None:
    """In one warning, with the command once."""
    logs.index = index_document()
    logs.index["keys"]["message"].update(type="text", doc_value=False)
    logs.index["max_text_len"] = 2048
    (said,) = found()
    assert "'message' is text without SQL; queries need json with SQL" in said
    assert "SQL cuts a value at 2,048 bytes (max_text_len); a line takes 16,384" in said
    assert said.count(UPDATE) == 1


def test_alarms_that_are_not_applied_or_switched_off_are_said(found: Examine, logs: LogStandIn) -> None:
    """Each by its document, or by its name."""
    del logs.alerts["bucket-warden-failures"]
    logs.alerts["bucket-warden-fails-for-good"] = "DISABLED"
    logs.alerts["somebody-elses"] = "DISABLED"
    missing, silent = found()
    assert "alarm-failures.json is not applied: nobody is woken" in missing
    assert '--project=warden-logs --detail="file://./logs/alarm-failures.json"' in missing
    assert ": bucket-warden-fails-for-good: switched off" in silent


def test_a_dashboard_that_is_not_applied_is_said(found: Examine, logs: LogStandIn) -> None:
    """With the command."""
    logs.dashboards.clear()
    (said,) = found()
    assert "not applied" in said
    assert 'create_dashboard --project=warden-logs --detail="file://./logs/dashboard.json"' in said


@pytest.mark.parametrize("action", ["log:GetIndex", "log:ListAlerts", "log:GetDashboard"])
def test_a_missing_right_is_named_and_the_rest_is_looked_at(found: Examine, logs: LogStandIn, action: str) -> None:
    """As the service names it."""
    logs.denied = {action}
    (said,) = found()
    assert said.startswith("warning: ")
    assert f"could not look: needs {action} (HTTP 401 Unauthorized)" in said


@pytest.mark.parametrize(
    ("message", "right"),
    [
        ("denied by sts or ram, action: log:GetProject, resource: acs:log:x", "log:GetProject"),
        ("The AccessKeyId is unauthorized.", "log:GetLogStore"),
    ],
)
def test_the_right_that_the_service_names_is_believed(
    found: Examine, logs: LogStandIn, message: str, right: str
) -> None:
    """Before the documented one, which stands for it where none is named."""
    logs.instead = Answer(401, b'{"errorCode": "Unauthorized", "errorMessage": "%s"}' % message.encode())
    (said,) = found()
    assert f"could not look: needs {right} (HTTP 401 Unauthorized)" in said


def test_without_the_right_to_the_logstore_nothing_more_is_asked(found: Examine, logs: LogStandIn) -> None:
    """One warning."""
    logs.denied = {"log:GetLogStore"}
    (said,) = found()
    assert "could not look: needs log:GetLogStore (HTTP 401 Unauthorized)" in said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, b"<html>Sign in</html>"), "HTTP 200, but its answer is none of this service"),
        (Answer(200, b"[]"), "HTTP 200, but its answer is none of this service"),
        (Answer(200, b'{"ttl": "ninety"}'), "HTTP 200, but its answer is none of this service"),
        (Answer(200, b'\xff{"ttl": 1}'), "HTTP 200, but its answer is none of this service"),
        (Answer(302, b""), "HTTP 302, but its answer is none of this service"),
        (Answer(502, b"bad gateway"), "HTTP 502, but its answer is none of this service"),
        (Answer(400, b'{"errorCode": "RequestTimeExpired"}'), "could not look: HTTP 400 RequestTimeExpired"),
        (Answer(500, b'{"errorCode": "a\\u001b[31m LTAIx"}'), "could not look: HTTP 500 an unreadable code"),
    ],
)
def test_a_strange_answer_is_a_warning(found: Examine, logs: LogStandIn, answer: Answer, said: str) -> None:
    """Whatever it is: never silence, never a traceback."""
    logs.instead = answer
    (line,) = found()
    assert line.startswith("warning: logstore warden-logs/bucket-warden: could not look: ")
    assert said in line


def test_wrong_keys_are_told_without_them(found: Examine) -> None:
    """The code, and neither key nor signature."""
    (said,) = found(keys=Credentials(APPLICATION.access_key_id, "wrong"))
    assert "could not look: HTTP 401 SignatureNotMatch" in said
    assert APPLICATION.access_key_id not in said


def test_keys_that_no_header_can_carry_are_no_traceback(found: Examine) -> None:
    """Nor are they shown."""
    for key in ("LTAI\u2026", "LTAI\nx", "\ud800"):
        (said,) = found(keys=Credentials(key, "secret"))
        assert "could not look: no answer (" in said
        assert "LTAI" not in said


@pytest.mark.parametrize(("endpoint", "said"), NOBODY_THERE)
def test_no_answer_names_its_cause(found: Examine, endpoint: str, said: str) -> None:
    """As for the other services."""
    (line,) = found(endpoint)
    assert line.startswith("warning: ")
    assert said in line


def test_a_password_in_an_endpoint_is_not_repeated(found: Examine) -> None:
    """It has no place there."""
    (said,) = found("https://me:pass@host.example")
    assert said.startswith("error: SLS_ENDPOINT: 'host.example' is no URL of a host")


@pytest.mark.parametrize(
    "endpoint",
    [
        "ap-southeast-1.log.aliyuncs.com",
        "ftp://x",
        "https://",
        "http://[",
        "http://h/p",
        "https://a..b",
        f"https://{'a' * 70}.invalid",
    ],
)
def test_an_endpoint_that_is_no_url_is_an_error(found: Examine, endpoint: str) -> None:
    """With the variable, the value and a right one."""
    (said,) = found(endpoint)
    assert said.startswith(
        f"error: SLS_ENDPOINT: {endpoint!r} is no URL of a host; one like https://ap-southeast-1.log"
    )
