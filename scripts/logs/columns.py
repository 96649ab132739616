"""The columns that the index gives our log lines: one for each single value of the nouns, under its path.

They follow handler/model.py, so that a field more there is a column more here. Lists and sets of tags are no columns:
the log service makes none of them, and queries read them out of the whole line.
"""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_type_hints

from handler.model import Decision, Outcome, Upload, Verdict

FIELD = "message"  # in which Function Compute delivers a line
_SHORT = re.compile(r"\$([a-z][a-z_.]*[a-z])")  # not the `$.rule` of a JSON path
_TYPES = {int: "long", float: "double", str: "text"}
# What is in a line beside the nouns; the document of the outcome has them as its brothers.
_BESIDE = {"v": "long", "event": "text", "level": "text", "time": "text"}
_NOUNS: dict[str, type] = {"upload": Upload, "verdict": Verdict, "decision": Decision}


def columns() -> dict[str, str]:
    """Path within the line -> type in the index."""
    found = dict(_BESIDE)
    for name, noun in _NOUNS.items():
        found.update(_of(noun, name))
    found.update((path, kind) for path, kind in _of(Outcome, "outcome") if path.split(".")[1] not in _NOUNS)
    return found


def put_in(sql: str) -> str:
    """The SQL with each `$outcome.status` as the column that it is. Raises KeyError where there is no such column."""
    known = columns()

    def quoted(found: re.Match[str]) -> str:
        known[found[1]]
        return f'"{FIELD}.{found[1]}"'

    return _SHORT.sub(quoted, sql)


def _of(noun: type, path: str) -> Iterator[tuple[str, str]]:
    hints = get_type_hints(noun)
    for field in fields(noun):
        yield from _of_value(hints[field.name], f"{path}.{field.name}")


def _of_value(hint: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  (any type of a field)
    if isinstance(hint, UnionType):  # a value, or null
        hint = get_args(hint)[0]
    if not isinstance(hint, type):
        return
    if is_dataclass(hint):
        yield from _of(hint, path)
    elif issubclass(hint, Enum):
        yield path, _TYPES[str]
    elif hint in _TYPES:
        yield path, _TYPES[hint]
