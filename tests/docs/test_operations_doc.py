"""docs/operations.md says what the project does."""

import re

import pytest

from handler.model import Status
from scripts.deploy.template.reading import check_template
from scripts.environment.making import ROOT
from scripts.logs.alarms import SHIPPED_DELIVERIES
from scripts.logs.page import write_page
from tests.deploy.template.templates import edit_template

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("status", Status)
def test_every_outcome_is_explained(status: Status) -> None:
    """The table of outcomes has a row for each status."""
    section = TEXT.partition("## What each outcome means")[2].partition("## ")[0]
    assert f"`{status.value}`" in section


def test_the_page_shows_the_queries_and_alarms_that_there_are() -> None:
    """Ten and five, as their source has them; `scripts/warden logs --write` writes them anew."""
    assert write_page(TEXT, SHIPPED_DELIVERIES) == TEXT
    queries = TEXT.partition("## Ten queries")[2].partition("## Five alarms")[0]
    assert re.findall(r"^\*\*(\d+)\.", queries, re.MULTILINE) == [str(number) for number in range(1, 11)]
    alarms = TEXT.partition("## Five alarms")[2].partition("## ")[0]
    assert len([line for line in alarms.splitlines() if line.startswith("| ")]) == 1 + 5


def test_the_trigger_of_eventbridge_is_right() -> None:
    """What the page shows passes the doctor, in the place of the template's own trigger."""
    trigger = re.search(r"```\n( +- triggerName: .*?)```", TEXT, re.DOTALL)
    assert trigger
    own = edit_template().partition("      triggers:\n")[2]
    names = (("REGION", "ap-southeast-1"), ("ACCOUNT", "1234567890123456"), ("BUCKET/", "uploads/"))
    shown = trigger[1]
    for name, value in names:
        shown = shown.replace(name, value)
    assert check_template(edit_template().replace(own, shown).encode(), "template.yml", {}).problems == ()


def test_the_numbers_are_those_of_the_template() -> None:
    """Retries, concurrency and the queue's name agree with template.yml; alarms too."""
    function = check_template(edit_template().encode(), "template.yml", {}).function
    assert function is not None
    assert function.asyncInvokeConfig
    assert function.concurrencyConfig
    assert function.asyncInvokeConfig.maxAsyncRetryAttempts == 5
    assert function.environmentVariables["MAX_DELIVERIES"] == str(SHIPPED_DELIVERIES)
    assert "delivers the event again, five times" in TEXT
    assert f"put it\n   back to {function.concurrencyConfig.reservedConcurrency} and" in TEXT
    assert "bucket-warden-dead-letters" in TEXT
