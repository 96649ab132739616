"""The queries and alarms as docs/operations.md has them: written by `warden logs --write`, compared by a test."""

import re
from collections.abc import Iterator

from scripts.logs.alarms import Alarm, alarms
from scripts.logs.queries import QUERIES

_BLOCK = re.compile(r"(?<=<!-- logs -->\n).*?(?=<!-- /logs -->)", re.DOTALL)


class NoBlock(Exception):
    """The page has no place for them."""


def write_page(page: str, most_deliveries: int) -> str:
    """The page with the block as it is to be now. Raises NoBlock."""
    written = "\n".join(_lines(most_deliveries)) + "\n"
    renewed, places = _BLOCK.subn(lambda _: written, page)
    if places != 1:
        raise NoBlock("no '<!-- logs -->' and '<!-- /logs -->', once, on lines of their own")
    return renewed


def _lines(most_deliveries: int) -> Iterator[str]:
    yield "## Ten queries"
    yield ""
    yield "In the log console of the logstore (SLS), which asks for a span of time beside each."
    for number, query in enumerate(QUERIES, start=1):
        note = f" ({query.note})" if query.note else ""
        yield from ("", f"**{number}. {query.title}**{note}", "```sql", query.text, "```")
    yield ""
    yield "## Five alarms"
    yield ""
    yield "| alarm | sounds when | first thing to do | document |"
    yield "|---|---|---|---|"
    for alarm in alarms(most_deliveries):
        yield f"| {alarm.title} | {alarm.when} | {alarm.first} | {_files(alarm)} |"


def _files(alarm: Alarm) -> str:
    files = [f"`alarm-{alarm.name}.json`"] if alarm.rule else []
    return ", ".join([*files, *(f"`metric-{alarm.name}-{metric.name}.json`" for metric in alarm.metrics)])
