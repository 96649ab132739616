"""The index, the queries, the alarms and the dashboard as documents that the vendor's tools apply.

Their forms: "CreateIndex" and "CreateDashboard" of the Log Service's API reference; an alert rule of version 2.0 as the
vendor's SDKs write it (`Alert` of aliyun-log-go-sdk); "PutResourceMetricRule" of CloudMonitor's API reference.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from handler.settings import CALLS_A_SECOND
from scripts.logs.alarms import Alarm, Metric, Rule, alarms
from scripts.logs.columns import FIELD, columns
from scripts.logs.queries import QUERIES, Query

Document = dict[str, Any]

NAME = "bucket-warden"
# A column is cut there for SQL. The service's default is 2,048, and it allows no more than this; a line has 1 to 8 KB.
LONGEST_TEXT_BYTES = 16_384
_LINK = re.compile(r"\[(.*?)\]\(.*?\)")
_TOKENS = list(", '\";=()[]{}?@&<>/:\n\t\r")
_CHART_WIDTH, _CHART_HEIGHT = 10, 8  # of a grid of 20


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the documents are to apply. `notify` names an action policy of the log service and a contact group.

    `calls_a_second` is the account's limit at the moderation service.
    """

    project: str
    logstore: str
    region: str
    account: str
    function: str
    most_deliveries: int
    notify: str
    calls_a_second: float = CALLS_A_SECOND


def write_documents(setting: Setting) -> dict[str, Document | str]:
    """Every document by the name of its file."""
    documents: dict[str, Document | str] = {"index.json": index_document()}
    for number, query in enumerate(QUERIES, start=1):
        documents[f"query-{number:02}.sql"] = f"{query.text}\n"
    for alarm in alarms(setting.most_deliveries, setting.calls_a_second):
        if alarm.rule is not None:
            documents[f"alarm-{alarm.name}.json"] = rule_document(alarm, alarm.rule, setting)
        for metric in alarm.metrics:
            documents[f"metric-{alarm.name}-{metric.name}.json"] = metric_document(alarm, metric, setting)
    documents["dashboard.json"] = dashboard_document(setting)
    return documents


def as_text(document: Document | str) -> str:
    """The document as its file holds it."""
    return document if isinstance(document, str) else json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def index_document() -> Document:
    """The columns: the line itself, and each of our own fields."""
    ours = {path: {"type": kind, "alias": "", "doc_value": True} for path, kind in columns().items()}
    searched = {"caseSensitive": False, "chn": True, "token": _TOKENS}
    line = {"type": "json", "alias": "", "doc_value": True, "index_all": True, "max_depth": -1, "json_keys": ours}
    return {"line": searched, "keys": {FIELD: {**line, **searched}}, "max_text_len": LONGEST_TEXT_BYTES}


def rule_document(alarm: Alarm, rule: Rule, setting: Setting) -> Document:
    """An alert rule of the log service, which sounds where its query has a row."""
    query = {
        "storeType": "log",
        "region": setting.region,
        "project": setting.project,
        "store": setting.logstore,
        "query": rule.text,
        "timeSpanType": "Custom",
        "start": f"-{rule.over_s}s",
        "end": "now",
        "powerSqlMode": "auto",
    }
    first = _LINK.sub(r"\1", alarm.first)
    said = [("title", f"{NAME}: {alarm.title}"), ("desc", f"{alarm.when}. First: {first} (docs/operations.md)")]
    configuration = {
        "version": "2.0",
        "type": "default",
        "dashboard": NAME,
        "queryList": [query],
        "joinConfigurations": [],
        "groupConfiguration": {"type": "no_group", "fields": []},
        # Without a condition: wherever the query has a row.
        "severityConfigurations": [
            {"severity": rule.severity, "evalCondition": {"condition": rule.silence, "countCondition": ""}}
        ],
        "labels": [],
        "annotations": [{"key": key, "value": value} for key, value in said],
        "autoAnnotation": True,
        "threshold": 1,
        # Sounds whenever the query has no row ("No-data alerts", user guide of the log service): only where it is to
        # have one always. A query without any log may answer with none, instead of a count of 0.
        "noDataFire": bool(rule.silence),
        "noDataSeverity": rule.severity,
        "sendResolved": True,
        "policyConfiguration": {
            "alertPolicyId": "sls.builtin.dynamic",
            "actionPolicyId": setting.notify,
            "repeatInterval": "1h",
        },
    }
    return {
        "name": f"{NAME}-{alarm.name}",
        "displayName": f"{NAME}: {alarm.title}",
        "description": alarm.when,
        "type": "Alert",
        "status": "ENABLED",
        "configuration": configuration,
        "schedule": {"type": "FixedRate", "interval": f"{rule.every_min}m", "delay": 0, "runImmediately": False},
    }


def metric_document(alarm: Alarm, metric: Metric, setting: Setting) -> Document:
    """A rule of CloudMonitor, with the parameters of PutResourceMetricRule."""
    where = {"userId": setting.account, "region": setting.region, "functionName": setting.function}
    return {
        "RuleId": f"{NAME}-{alarm.name}-{metric.name}",
        "RuleName": f"{NAME}: {alarm.title} ({metric.name})",  # whether two rules may have one name is not said
        "Namespace": "acs_fc",
        "MetricName": metric.name,
        "Resources": json.dumps([where]),
        "ContactGroups": setting.notify,
        "Period": "60",
        "Escalations.Critical.Statistics": metric.statistics,
        "Escalations.Critical.ComparisonOperator": "GreaterThanThreshold",
        "Escalations.Critical.Threshold": str(metric.above),
        "Escalations.Critical.Times": str(metric.times),
    }


def dashboard_document(setting: Setting) -> Document:
    """Every query that asks of no one image or policy, two beside one another."""
    shown = [(number, query) for number, query in enumerate(QUERIES, start=1) if not query.asks_of_one]
    charts = [_chart(place, number, query, setting) for place, (number, query) in enumerate(shown)]
    return {
        "dashboardName": NAME,
        "displayName": "Bucket Warden",
        "description": "The queries of docs/operations.md",
        "attribute": {"type": "grid"},
        "charts": charts,
    }


def _chart(place: int, number: int, query: Query, setting: Setting) -> Document:
    across, up = query.line or ("", ())
    title = f"{number}. {query.title}"
    return {
        "title": f"query-{number:02}",
        "type": "line" if query.line else "table",
        "action": {},
        "search": {
            "logstore": setting.logstore,
            "topic": "",
            "query": query.text,
            "start": "-86400s",
            "end": "now",
        },
        "display": {
            "displayName": title,
            "xAxis": [across] if across else [],
            "yAxis": list(up),
            "xPos": place % 2 * _CHART_WIDTH,
            "yPos": place // 2 * _CHART_HEIGHT,
            "width": _CHART_WIDTH,
            "height": _CHART_HEIGHT,
        },
    }
