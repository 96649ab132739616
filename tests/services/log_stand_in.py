"""A stand-in for the Log Service: one project, asked over its REST API by somebody who signs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from scripts.localcloud.http import Request
from scripts.localcloud.wire import Identity
from scripts.logs.documents import index_document
from tests.services.http import Answer, is_signed, serving

RULES = ("fails-for-good", "nothing-is-judged", "failures", "sudden-severity")


class LogStandIn:
    """Everything is as docs/operations.md would have it; a test changes what it is about."""

    def __init__(self, identity: Identity, project: str, logstore: str) -> None:
        self.identity = identity
        self.project = project
        self.logstore_name = logstore
        self.logstore: dict[str, Any] | None = {"logstoreName": logstore, "ttl": 90, "mode": "standard"}
        self.index: dict[str, Any] | None = {**index_document(), "ttl": 90, "index_mode": "v2", "lastModifyTime": 1}
        self.alerts = {f"bucket-warden-{name}": "ENABLED" for name in RULES}
        self.dashboards = {"bucket-warden"}
        self.denied: set[str] = set()
        self.instead: Answer | None = None
        self.asked: list[str] = []
        self.endpoint = ""

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        if self.instead is not None:
            return self.instead
        if not is_signed(request, self.identity, "LOG", ("x-log-", "x-acs-"), "x-acs-security-token"):
            return _refuse(401, "SignatureNotMatch", "signature not matched")
        self.asked.append(request.target)
        if request.headers["host"] != f"{self.project}.{self.endpoint.partition('://')[2]}":
            return _refuse(404, "ProjectNotExist", "The Project does not exist")
        return self._of_project(urlsplit(request.target).path)

    def _of_project(self, path: str) -> Answer:
        if path.startswith("/dashboards/"):
            return self._dashboard(path.rpartition("/")[2])
        if path == "/alerts":
            return self._alerts()
        if self.logstore is None or path.split("/")[2] != self.logstore_name:
            return _refuse(404, "LogStoreNotExist", "logstore does not exist")
        return self._index() if path.endswith("/index") else self._allowed("log:GetLogStore", self.logstore)

    def _allowed(self, action: str, document: object) -> Answer:
        if action in self.denied:
            return _refuse(401, "Unauthorized", f"denied by sts or ram, action: {action}, resource: acs:log:x")
        return Answer(200, json.dumps(document).encode())

    def _index(self) -> Answer:
        if self.index is None:
            return _refuse(404, "IndexConfigNotExist", "index config doesn't exist")
        return self._allowed("log:GetIndex", self.index)

    def _alerts(self) -> Answer:
        rules = [{"name": name, "displayName": name, "status": status} for name, status in self.alerts.items()]
        return self._allowed("log:ListAlerts", {"count": len(rules), "total": len(rules), "results": rules})

    def _dashboard(self, name: str) -> Answer:
        if name not in self.dashboards:
            return _refuse(404, "DashboardNotExist", "dashboard does not exist")
        return self._allowed("log:GetDashboard", {"dashboardName": name, "charts": []})


@contextmanager
def log_stand_in(identity: Identity, project: str, logstore: str) -> Iterator[LogStandIn]:
    """One that runs."""
    stand_in = LogStandIn(identity, project, logstore)
    with serving(stand_in.respond) as port:
        stand_in.endpoint = f"http://127.0.0.1:{port}"
        yield stand_in


def _refuse(status: int, code: str, message: str) -> Answer:
    return Answer(status, json.dumps({"errorCode": code, "errorMessage": message}).encode())
