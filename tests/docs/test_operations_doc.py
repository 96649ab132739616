"""docs/operations.md says what the project does."""

import re

import pytest

from handler.model import Status
from scripts.deploy.template.reading import check_template
from scripts.environment.making import ROOT
from tests.deploy.template.templates import edit_template

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("status", Status)
def test_every_outcome_is_explained(status: Status) -> None:
    """The table of outcomes has a row for each status."""
    section = TEXT.partition("## What each outcome means")[2].partition("## ")[0]
    assert f"`{status.value}`" in section


def test_there_are_ten_queries_and_five_alarms() -> None:
    """As many as the headings promise, and every path of a query is one of the log line."""
    queries = TEXT.partition("## Ten queries")[2].partition("## Five alarms")[0]
    assert re.findall(r"^\*\*(\d+)\.", queries, re.MULTILINE) == [str(number) for number in range(1, 11)]
    alarms = TEXT.partition("## Five alarms")[2].partition("## ")[0]
    rows = [line for line in alarms.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 5


def test_the_queries_ask_for_what_is_logged() -> None:
    """Each `$.part.field` is a field of that part of the document."""
    fields = {
        "upload": {"bucket", "key"},
        "decision": {"policy", "rule", "action", "shadow", "failure"},
        "outcome": {"status", "location", "error", "duration_ms", "calls", "cost_usd", "attempts"},
    }
    for part, field in re.findall(r"\$\.(\w+)\.(\w+)", TEXT):
        assert field in fields[part]


def test_the_numbers_are_those_of_the_template() -> None:
    """Retries, concurrency and the queue's name agree with template.yml."""
    function = check_template(edit_template().encode(), "template.yml", {}).function
    assert function is not None
    assert function.asyncInvokeConfig
    assert function.concurrencyConfig
    assert function.asyncInvokeConfig.maxAsyncRetryAttempts == 5
    assert "delivers the event again, five times" in TEXT
    assert f"put it\n   back to {function.concurrencyConfig.reservedConcurrency} and" in TEXT
    assert "bucket-warden-dead-letters" in TEXT
