"""The log service in a test: lines as Function Compute delivers them, the index laid over them, SQL run on that.

Its SQL is Presto's: sqlglot puts it into DuckDB's, which runs it. What this engine does as the service does: only what
the index names is a column, and it is cut where the index says; a result has a hundred rows without a limit.
"""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from scripts.logs.columns import FIELD
from scripts.logs.documents import index_document

duckdb = pytest.importorskip("duckdb", reason="it has no wheel for Python 3.10")
sqlglot = pytest.importorskip("sqlglot", reason="it is not installed for Python 3.10")

DEFAULT_ROWS = 100
Row = dict[str, Any]
_KINDS = {"text": "VARCHAR", "json": "VARCHAR", "long": "BIGINT", "double": "DOUBLE"}
# Lines of the platform's own, between ours and in the same field.
FOREIGN = (
    "FC Initialize Start RequestId: 1-6565-0",
    "FC Invoke Start RequestId: 1-6565-1",
    '{"event": "something.else", "outcome": {"status": "passed"}}',
    '{"v": 1, "event": "upload.moder',
    "FC Invoke End RequestId: 1-6565-1",
)


class LogEngine:
    """A logstore. What the vendor does not say may be chosen.

    `null_is` is what a JSON null becomes in a column of text; with `is_raw` a column has text as the line writes it.
    """

    def __init__(
        self, lines: Iterable[str | tuple[float, str]], *, now: float, null_is: str | None = None, is_raw: bool = False
    ) -> None:
        """Index the lines, each logged at `now`, or at the time that stands with it."""
        index = index_document()
        self._null_is = null_is
        self._is_raw = is_raw
        self._longest = index["max_text_len"]
        self._kinds = {path: key["type"] for path, key in index["keys"][FIELD]["json_keys"].items()}
        self._database = duckdb.connect()
        columns = {"__time__": "long", "__source__": "text", FIELD: "text"}
        columns |= {f"{FIELD}.{path}": kind for path, kind in self._kinds.items()}
        names = ", ".join(f'"{name}" {_KINDS[kind]}' for name, kind in columns.items())
        self._database.execute(f"CREATE TABLE log ({names})")
        rows = [self._row(*(now, line) if isinstance(line, str) else line) for line in lines]
        marks = ", ".join(f"unnest(?::{_KINDS[kind]}[])" for kind in columns.values())
        if rows:  # a column at a time, for row by row takes a second
            values = [list(column) for column in zip(*rows, strict=True)]
            self._database.execute(f"INSERT INTO log SELECT {marks}", values)

    def ask(self, query: str) -> list[Row]:
        """What the service answers. Raises duckdb's errors, as it refuses a query."""
        searched, _, sql = query.partition("|")
        assert searched.strip() == "*"
        (tree,) = sqlglot.parse(sql, read="presto")
        if tree.args.get("limit") is None:
            tree = tree.limit(DEFAULT_ROWS)
        answer = self._database.execute(tree.sql(dialect="duckdb"))
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def _row(self, logged_at: float, line: str) -> list[Any]:
        try:
            document = json.loads(line)
        except ValueError:
            document = {}
        values = [self._value(document, path, kind) for path, kind in self._kinds.items()]
        return [int(logged_at), "", self._cut(line), *values]

    def _value(self, document: Any, path: str, kind: str) -> Any:  # noqa: ANN401  (JSON)
        value = document
        for part in path.split("."):
            if not isinstance(value, dict) or part not in value:
                return None
            value = value[part]
        if value is None:
            return self._null_is if kind == "text" else None
        if not isinstance(value, str):
            return value
        return self._cut(json.dumps(value)[1:-1] if self._is_raw else value)

    def _cut(self, text: str) -> str:
        return text.encode()[: self._longest].decode(errors="ignore")
