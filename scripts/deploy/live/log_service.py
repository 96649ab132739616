"""The Log Service: whether there is a place for the log, that keeps it long enough and can be asked."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from http import HTTPStatus

from handler.credentials import Credentials
from handler.errors import BadSettings, plain
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.deployment import Deployment
from scripts.deploy.live.unseen import unseen
from scripts.logs.alarms import alarms
from scripts.logs.columns import FIELD, columns
from scripts.logs.documents import LONGEST_TEXT_BYTES, NAME
from scripts.services.client import Client, NoAnswer, Refused, find_endpoint
from scripts.services.log_service import Index, LogService, Logstore
from scripts.services.signature import LOG, Signature

ENDPOINT = "SLS_ENDPOINT"
SHORTEST_DAYS = 90  # docs/operations.md, step 3: as long as the ledger remembers
AUTO_DAYS = 3600  # what the deployment's `logConfig: auto` sets; any other number somebody chose
SHOWN = 5
DOCUMENTS = "scripts/warden logs --out logs/"


def examine_log(deployment: Deployment, credentials: Credentials, env: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Look at the project and the logstore of the template's logConfig. Reads only.

    `env` may have another endpoint, SLS_ENDPOINT, as a URL.
    """
    try:
        endpoint = find_endpoint(env, ENDPOINT, f"https://{deployment.region}.log.aliyuncs.com")
    except BadSettings as error:
        yield Diagnosis("error", str(error))
        return
    with closing(Client(endpoint, Signature(LOG, credentials), label=deployment.log_project)) as client:
        service = LogService(client)
        where = f"logstore {deployment.log_project}/{deployment.logstore}"
        try:
            logstore = service.logstore(deployment.logstore)
        except (Refused, NoAnswer) as error:
            yield _missing(deployment, where, error)
            return
        yield from _examine_logstore(where, logstore)
        yield from _examine_index(deployment, service, where)
        yield from _examine_alarms(deployment, service)
        yield from _examine_dashboard(deployment, service)


def _missing(deployment: Deployment, where: str, error: Refused | NoAnswer) -> Diagnosis:
    """Nothing more is asked then: the rest would say the same."""
    mend = "make it (docs/operations.md, step 3), or mend its name in template.yml"
    if isinstance(error, Refused) and error.code == "ProjectNotExist":
        project = f"log project {deployment.log_project}"
        return Diagnosis("error", f"{project}: there is none in {deployment.region}, so there is no log; {mend}")
    if isinstance(error, Refused) and error.code == "LogStoreNotExist":
        return Diagnosis("error", f"{where}: there is none, so there is no log; {mend}")
    return unseen(where, error, "log:GetLogStore")


def _examine_logstore(where: str, logstore: Logstore) -> Iterator[Diagnosis]:
    if logstore.mode == "query":
        message = "it is of the type query, which no SQL can ask: no query and no alarm runs; make a standard one"
        yield Diagnosis("warning", f"{where}: {message}")
    if logstore.ttl < SHORTEST_DAYS:
        message = f"it keeps a line for {logstore.ttl} days; {SHORTEST_DAYS} or more let you ask about last quarter"
        yield Diagnosis("warning", f"{where}: {message} (data retention)")
    elif logstore.ttl == AUTO_DAYS:
        message = f"it keeps a line for {AUTO_DAYS:,} days, which nobody chose, and each is paid for"
        yield Diagnosis("warning", f"{where}: {message}; {SHORTEST_DAYS} are enough for ours (data retention)")


def _examine_index(deployment: Deployment, service: LogService, where: str) -> Iterator[Diagnosis]:
    try:
        index = service.index(deployment.logstore)
    except (Refused, NoAnswer) as error:
        if isinstance(error, Refused) and error.code == "IndexConfigNotExist":
            command = _apply(deployment, "create_index")
            yield Diagnosis("warning", f"{where} has no index: no query and no alarm runs; {command}")
        else:
            yield unseen(f"the index of {where}", error, "log:GetIndex")
        return
    differences = [*compare_index(index)]
    if differences:
        said = "; ".join(differences)
        yield Diagnosis("warning", f"the index of {where}: {said}; {_apply(deployment, 'update_index')}")


def compare_index(index: Index) -> Iterator[str]:
    """What queries would miss. More columns than ours are nobody's fault."""
    field = index.keys.get(FIELD)
    if field is None:
        yield f"it has no field {FIELD!r}, which holds our lines"
        return
    if field.type != "json" or not field.doc_value:
        yield f"{FIELD!r} is {_describe(field.type, is_seen=field.doc_value)}; queries need json with SQL"
    found = {path: column.type if column.doc_value else "" for path, column in field.json_keys.items()}
    wanted = columns()
    yield from _listed("it lacks", [f"{path} ({kind})" for path, kind in wanted.items() if path not in found])
    others = [
        f"{path} ({_describe(field.json_keys[path].type, is_seen=bool(found[path]))}, not {kind})"
        for path, kind in wanted.items()
        if path in found and found[path] != kind
    ]
    yield from _listed("of another type:", others)
    if index.max_text_len < LONGEST_TEXT_BYTES:
        yield f"SQL cuts a value at {index.max_text_len:,} bytes (max_text_len); a line takes {LONGEST_TEXT_BYTES:,}"


def _describe(kind: str, *, is_seen: bool) -> str:
    return plain(kind, "type") + ("" if is_seen else " without SQL")


def _listed(head: str, names: list[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"{head} {', '.join(names[:SHOWN])}{more}"


def _apply(deployment: Deployment, command: str) -> str:
    place = f"--project_name={deployment.log_project} --logstore_name={deployment.logstore}"
    return f'{DOCUMENTS}, then aliyunlog log {command} {place} --index_detail="file://./logs/index.json"'


def _examine_alarms(deployment: Deployment, service: LogService) -> Iterator[Diagnosis]:
    """Those of the Log Service; CloudMonitor, which has the others, is not asked."""
    what = f"the alarms of log project {deployment.log_project}"
    try:
        found = {alert.name: alert.status for alert in service.alerts(deployment.logstore)}
    except (Refused, NoAnswer) as error:
        yield unseen(what, error, "log:ListAlerts")
        return
    ours = {f"{NAME}-{alarm.name}": alarm.name for alarm in alarms(deployment.settings.max_deliveries) if alarm.rule}
    missing = [f"alarm-{file}.json" for name, file in ours.items() if name not in found]
    if missing:
        command = f'aliyunlog log create_alert --project={deployment.log_project} --detail="file://./logs/{missing[0]}"'
        said = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not applied: nobody is woken"
        yield Diagnosis("warning", f"{what}: {said}; {DOCUMENTS}, then {command}, and so each")
    silent = [name for name in ours if found.get(name) == "DISABLED"]
    if silent:
        yield Diagnosis("warning", f"{what}: {', '.join(silent)}: switched off; enable in the console, under Alerts")


def _examine_dashboard(deployment: Deployment, service: LogService) -> Iterator[Diagnosis]:
    what = f"dashboard {NAME} of log project {deployment.log_project}"
    try:
        service.require_dashboard(NAME)
    except (Refused, NoAnswer) as error:
        if isinstance(error, Refused) and error.status == HTTPStatus.NOT_FOUND:
            detail = '--detail="file://./logs/dashboard.json"'
            command = f"aliyunlog log create_dashboard --project={deployment.log_project} {detail}"
            yield Diagnosis("warning", f"{what}: not applied; {DOCUMENTS}, then {command}")
        else:
            yield unseen(what, error, "log:GetDashboard")
