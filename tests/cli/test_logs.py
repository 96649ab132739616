"""`warden logs`: documents that the vendor's tools take, from the template and one source."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from handler.model import Calls, Outcome, Upload
from scripts.cli import logs
from scripts.cli.__main__ import warden
from scripts.environment.making import ROOT
from scripts.logs.columns import columns, put_in
from scripts.logs.documents import LONGEST_TEXT_BYTES
from scripts.logs.page import NoBlock, write_page
from scripts.logs.queries import QUERIES
from tests.deploy.template.templates import edit_template

ALARMS = {"fails-for-good": 10, "nothing-is-judged": 8, "failures": 8, "sudden-severity": 6}
METRICS = {
    "fails-for-good": ["FunctionAsyncEventExpiredDropped", "FunctionDestinationErrors", "FunctionDestinationSucceeded"],
    "queue-grows": ["FunctionAsyncMessagesBacklogV2"],
}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template that is ready."""
    (tmp_path / "policies").symlink_to(ROOT / "policies")
    path = tmp_path / "template.yml"
    path.write_text(edit_template(('MAX_DELIVERIES: "6"', 'MAX_DELIVERIES: "4"'), ("Attempts: 5", "Attempts: 3")))
    return path


def run(*arguments: object, code: int = 0) -> Result:
    """Run the command; it has to end with that code."""
    result = CliRunner().invoke(warden, ["logs", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def documents(template: Path) -> dict[str, Any]:
    """What is printed."""
    written: dict[str, Any] = json.loads(run("--template", template, "--notify", "night").stdout)
    return written


def test_files_hold_what_is_printed(template: Path, tmp_path: Path, documents: dict[str, Any]) -> None:
    """One file a document, named on the way; what to do with them is said."""
    out = tmp_path / "new" / "logs"
    result = run("--template", template, "--notify", "night", "--out", out)
    assert result.stdout.splitlines() == [str(out / name) for name in documents]
    assert "index.json to the logstore, first" in result.stderr
    for name, document in documents.items():
        text = (out / name).read_text("utf-8")
        assert (json.loads(text) if name.endswith(".json") else text) == document
    assert len(documents) == 1 + 10 + len(ALARMS) + sum(map(len, METRICS.values())) + 1


def test_every_single_value_of_a_line_is_a_column(documents: dict[str, Any]) -> None:
    """By the nouns themselves, with the type that they have; lists are none. As long as the service allows."""
    index = documents["index.json"]
    message = index["keys"]["message"]
    assert (message["type"], message["doc_value"], index["max_text_len"]) == ("json", True, LONGEST_TEXT_BYTES)
    keys = message["json_keys"]
    assert {f"upload.{field.name}" for field in fields(Upload)} <= set(keys)
    assert {f"outcome.calls.{field.name}" for field in fields(Calls)} <= set(keys)
    lists = {"links", "tags"}
    nested = {"upload", "verdict", "decision", "earlier", "calls", "request_ids"}
    single = {field.name for field in fields(Outcome)} - lists - nested
    assert {path.split(".")[1] for path in keys if path.startswith("outcome.") and path.count(".") == 1} == single
    types = {path: key["type"] for path, key in keys.items()}
    assert types == columns()
    assert types["upload.size_bytes"] == types["outcome.delivery"] == "long"
    assert types["outcome.cost_usd"] == "double"
    assert types["decision.failure"] == types["outcome.status"] == types["event"] == "text"
    assert all(key["doc_value"] for key in keys.values())


def test_what_is_no_column_cannot_be_asked_for() -> None:
    """A query by a name that no line has does not come into being; paths within JSON are left alone."""
    assert put_in("select $outcome.calls.billed, '$.rule'") == "select \"message.outcome.calls.billed\", '$.rule'"
    with pytest.raises(KeyError):
        put_in("select $outcome.stat")


def test_queries_are_files_for_the_console(documents: dict[str, Any]) -> None:
    """Each as it is typed, searching for everything."""
    texts = [documents[f"query-{number:02}.sql"] for number in range(1, 11)]
    assert texts == [query.text + "\n" for query in QUERIES]
    assert all(text.startswith("* | select ") for text in texts)


def test_alarms_ask_the_logstore_of_the_template(documents: dict[str, Any]) -> None:
    """Whom they tell is what was said; the deliveries are the template's."""
    for name, severity in ALARMS.items():
        alarm = documents[f"alarm-{name}.json"]
        assert alarm["name"] == f"bucket-warden-{name}"
        configuration = alarm["configuration"]
        (query,) = configuration["queryList"]
        assert (query["project"], query["store"], query["region"]) == ("warden-logs", "bucket-warden", "ap-southeast-1")
        assert configuration["policyConfiguration"]["actionPolicyId"] == "night"
        assert configuration["severityConfigurations"][0]["severity"] == severity
        assert "](" not in json.dumps(configuration["annotations"])
        assert configuration["noDataFire"] is (name == "nothing-is-judged")
    assert ">= 4" in documents["alarm-fails-for-good.json"]["configuration"]["queryList"][0]["query"]


def test_metrics_are_of_the_function(documents: dict[str, Any]) -> None:
    """Parameters of PutResourceMetricRule, all text."""
    found = {name for name in documents if name.startswith("metric-")}
    assert found == {f"metric-{alarm}-{metric}.json" for alarm, metrics in METRICS.items() for metric in metrics}
    rule = documents["metric-queue-grows-FunctionAsyncMessagesBacklogV2.json"]
    assert json.loads(rule["Resources"]) == [
        {"userId": "1234567890123456", "region": "ap-southeast-1", "functionName": "bucket-warden"}
    ]
    assert (rule["Escalations.Critical.Threshold"], rule["ContactGroups"]) == ("6000", "night")
    assert all(isinstance(value, str) for value in rule.values())
    for unique in ("RuleId", "RuleName"):
        assert len({documents[name][unique] for name in found}) == len(found)


@pytest.mark.parametrize(("limit", "backlog"), [("50", "15000"), ("0.5", "150"), ("3.3", "990")])
def test_the_queue_is_measured_by_the_accounts_own_limit(template: Path, limit: str, backlog: str) -> None:
    """Five minutes' worth of it, as the template says it."""
    text = template.read_text(encoding="utf-8")
    template.write_text(
        text.replace('GREEN_CALLS_A_SECOND: "20"', f'GREEN_CALLS_A_SECOND: "{limit}"'), encoding="utf-8"
    )
    rule = json.loads(run("--template", template).stdout)["metric-queue-grows-FunctionAsyncMessagesBacklogV2.json"]
    assert rule["Escalations.Critical.Threshold"] == backlog


def test_the_dashboard_shows_what_needs_no_input(documents: dict[str, Any]) -> None:
    """No chart over another, and the columns that a line is drawn of are those of its query."""
    charts = documents["dashboard.json"]["charts"]
    assert [chart["title"] for chart in charts] == [f"query-{number:02}" for number in (1, 3, 4, 5, 6, 7, 8, 10)]
    places = [(chart["display"]["xPos"], chart["display"]["yPos"]) for chart in charts]
    assert len(set(places)) == len(charts)
    for chart in charts:
        assert chart["search"]["logstore"] == "bucket-warden"
        drawn = [*chart["display"]["xAxis"], *chart["display"]["yAxis"]]
        assert (chart["type"] == "line") is bool(drawn)
        assert all(f" as {name}" in chart["search"]["query"] for name in drawn)


def test_a_template_that_is_not_ready_is_told(tmp_path: Path) -> None:
    """With what is missing and where, and nothing is written."""
    result = run("--template", ROOT / "template.yml", "--out", tmp_path / "logs", code=1)
    assert "vars.log_project: 'CHANGE-ME-logs' is not set yet" in result.stderr
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("place", ["file/logs", "logs"])
def test_a_folder_that_cannot_be_written_is_told(template: Path, tmp_path: Path, place: str) -> None:
    """Where a file is in the place of the folder, or a folder in that of a document."""
    (tmp_path / "file").write_text("")
    (tmp_path / "logs" / "index.json").mkdir(parents=True)
    result = run("--template", template, "--out", tmp_path / place, code=1)
    assert f"Error: {tmp_path}" in result.stderr
    assert "cannot be written" in result.stderr


def test_the_page_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its marks, and nothing else; a page without them is told."""
    page = tmp_path / "operations.md"
    monkeypatch.setattr(logs, "PAGE", page)
    page.write_text("before\n<!-- logs -->\nold\n<!-- /logs -->\nafter\n", "utf-8")
    run("--write")
    written = page.read_text("utf-8")
    assert written.startswith("before\n<!-- logs -->\n## Ten queries\n")
    assert written.endswith(" |\n<!-- /logs -->\nafter\n")
    page.write_text("nothing", "utf-8")
    assert "<!-- logs -->" in run("--write", code=1).stderr
    with pytest.raises(NoBlock):
        write_page(written + written, 6)
