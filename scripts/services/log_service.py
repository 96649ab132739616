"""The Log Service (SLS): what one project says of a logstore, its index, alarms and dashboards.

Source: the API reference of version 2020-12-30 (GetLogStore, GetIndex, ListAlerts, GetDashboard); errors are JSON,
`{errorCode, errorMessage}` ("Error codes"). Not tried on a live account.
"""

from http import HTTPStatus
from typing import TypeVar

import msgspec

from scripts.services.client import STRANGE, Client, NoAnswer, Refused

MOST_ALERTS = 200  # a page of ListAlerts; more rules than that in a logstore are not looked through


class Logstore(msgspec.Struct):
    """`ttl` is the retention in days, 3,650 for ever. A `mode` of `query` has no SQL."""

    ttl: int
    mode: str = "standard"


class Column(msgspec.Struct):
    """A value inside a JSON field. `doc_value` is whether SQL sees it."""

    type: str = ""
    doc_value: bool = False


class Field(msgspec.Struct):
    """A field of the log, with the columns inside it where it is of the type `json`."""

    type: str = ""
    doc_value: bool = False
    json_keys: dict[str, Column] = {}


class Index(msgspec.Struct):
    """`max_text_len` in bytes: where SQL cuts a value."""

    keys: dict[str, Field] = {}
    max_text_len: int = 2048


class Alert(msgspec.Struct):
    """An alert rule. `status` is ENABLED or DISABLED."""

    name: str
    status: str = ""


class _Alerts(msgspec.Struct):
    results: list[Alert] = []


class _Error(msgspec.Struct):
    errorCode: str  # noqa: N815  (the vendor's word)
    errorMessage: str = ""  # noqa: N815


_Answer = TypeVar("_Answer", Logstore, Index, _Alerts, dict[str, object])


class LogService:
    """One project. Each question raises Refused and NoAnswer. Reads only."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def logstore(self, name: str) -> Logstore:
        """The right is log:GetLogStore."""
        return self._get(f"/logstores/{name}", Logstore)

    def index(self, logstore: str) -> Index:
        """Refused with the code IndexConfigNotExist where there is none. The right is log:GetIndex."""
        return self._get(f"/logstores/{logstore}/index", Index)

    def alerts(self, logstore: str) -> list[Alert]:
        """The alert rules that ask this logstore. The right is log:ListAlerts, or log:ListJobs: the pages disagree."""
        return self._get(f"/alerts?logstore={logstore}&offset=0&size={MOST_ALERTS}", _Alerts).results

    def require_dashboard(self, name: str) -> None:
        """Refused with the status 404 where there is none. The right is log:GetDashboard.

        The page names no code; the vendor's Terraform provider knows DashboardNotExist.
        """
        self._get(f"/dashboards/{name}", dict[str, object])

    def _get(self, path: str, kind: type[_Answer]) -> _Answer:
        answer = self._client.ask("GET", path)
        try:
            if answer.status_code == HTTPStatus.OK:
                return msgspec.json.decode(answer.content, type=kind)
            error = msgspec.json.decode(answer.content, type=_Error)
        except (ValueError, RecursionError) as exc:  # no JSON, of another shape, no UTF-8, nested without end
            raise NoAnswer(f"HTTP {answer.status_code}, but {STRANGE}") from exc
        raise Refused(answer.status_code, error.errorCode, error.errorMessage)
