"""The template of the deployment, and our own check of one that was edited wrongly."""

import re
from pathlib import Path

import pytest

from handler.events import JUDGED_EVENTS
from scripts.deploy.deployment import BadDeployment, load_deployment
from scripts.deploy.template.events import EVENTS
from scripts.deploy.template.reading import check_template, load_template
from scripts.environment.making import ROOT
from tests.deploy.template.templates import add_trigger, edit_template

VPC = "vpcConfig: {vpcId: vpc-1, vSwitchIds: [vsw-1], securityGroupId: sg-1}"
GREEN_VPC = "GREEN_ENDPOINT: https://green-cip-vpc.ap-southeast-1.aliyuncs.com"
# The section of the log, as it stands in the template.
_, LOG, _ = re.split(r"(logConfig:.*?enableInstanceMetrics: false\n)", edit_template(), flags=re.DOTALL)
# What is edited, and the line that it must lead to: place, part of the template, what would be right.
MISTAKES: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {
    "a wrong event name": (
        (("ObjectCreated:PutObject", "ObjectCreated:PutObjects"),),
        "triggerConfig.events[0]: no event 'oss:ObjectCreated:PutObjects'; did you mean 'oss:ObjectCreated:PutObject'",
    ),
    "a wildcard event": (
        (("oss:ObjectCreated:PutObject", '"oss:ObjectCreated:*"'),),
        "events[0]: 'oss:ObjectCreated:*' fires for each part of a big upload too; name the events: ",
    ),
    "an event of a part": (
        (("oss:ObjectCreated:PutObject", "oss:ObjectCreated:UploadPart"),),
        "events[0]: 'oss:ObjectCreated:UploadPart' is no finished upload, and would be ignored; take it out",
    ),
    "a removal by replication": (
        (("oss:ObjectCreated:PutObject", "oss:ObjectReplication:ObjectRemoved"),),
        "events[0]: 'oss:ObjectReplication:ObjectRemoved' is no finished upload, and would be ignored; take it out",
    ),
    "a wildcard of replication": (
        (("oss:ObjectCreated:PutObject", '"oss:ObjectReplication:*"'),),
        "events[0]: 'oss:ObjectReplication:*' fires for removals too; name the events: oss:ObjectReplication:Object",
    ),
    "a mistyped event of replication": (
        (("oss:ObjectCreated:PutObject", "oss:ObjectReplication:ObjectCreate"),),
        "no event 'oss:ObjectReplication:ObjectCreate'; did you mean 'oss:ObjectReplication:ObjectCreated'",
    ),
    "a mistyped filter key": ((('suffix: ""', 'sufix: ""'),), "key.sufix: unknown key 'sufix'; did you mean 'suffix'"),
    "no filter": (
        (("            filter:\n              key:", "            filtr:\n              key:"),),
        "triggerConfig.filtr: unknown key 'filtr'; did you mean 'filter'; 'filter' is missing: key: {prefix",
    ),
    "an unknown property": (
        (("memorySize: 256", "memorysize: 256"),),
        "props.memorysize: unknown key 'memorysize'; did you mean 'memorySize'",
    ),
    "a number where text belongs": (
        (('MAX_DELIVERIES: "6"', "MAX_DELIVERIES: 6"),),
        "environmentVariables.MAX_DELIVERIES: '6' is a number in YAML, not text; quote it: \"6\"",
    ),
    "text where a number belongs": (
        (("reservedConcurrency: 8", 'reservedConcurrency: "8"'),),
        "reservedConcurrency: '8' is text, not a number; write it without quotes",
    ),
    "memory in another step": (
        (("memorySize: 256", "memorySize: 300"),),
        "memorySize: 300 is no multiple of 64 MB; 320",
    ),
    "too much memory": ((("memorySize: 256", "memorySize: 65536"),), "memorySize: 65536 is too high; 128 to 32768 MB"),
    "the default timeout": ((("timeout: 120 ", "timeout: 3 "),), "timeout: 3 s is too short for a verdict"),
    "overlapping triggers": (
        (add_trigger(("triggerName: uploads", "triggerName: avatars"), ('prefix: ""', 'prefix: "avatars/"')),),
        "triggers[1].triggerConfig.filter.key: it overlaps triggers[0] on 'uploads' in event, prefix and suffix",
    ),
    "the same name twice": (
        (add_trigger(("${vars.bucket}", "another")), ("${vars.bucket}  ", "uploads,another  ")),
        "triggers[1].triggerName: the name 'uploads' is taken by triggers[0]; give each its own",
    ),
    "a bucket elsewhere": (
        (("acs:oss:${vars.region}", "acs:oss:cn-hangzhou"),),
        "sourceArn: the bucket is in 'cn-hangzhou' and the function in 'ap-southeast-1'; a trigger needs both in one",
    ),
    "a source that is none": (
        (("acs:oss:${vars.region}", "oss:${vars.region}"),),
        "is not right; acs:oss:REGION:ACCOUNT:BUCKET",
    ),
    "a bucket that is not watched": (
        (("WATCHED_BUCKETS: ${vars.bucket}", "WATCHED_BUCKETS: other"),),
        "WATCHED_BUCKETS: a trigger below is of 'uploads', and",
    ),
    "a watched bucket without a trigger": (
        (("WATCHED_BUCKETS: ${vars.bucket}", 'WATCHED_BUCKETS: "uploads,other"'),),
        "WATCHED_BUCKETS: the bucket 'other' has no trigger below, so nothing of it is judged; add one",
    ),
    "no invocation role": (
        (("          invocationRole:", "          #"),),
        "triggers[0].invocationRole: 'invocationRole' is missing: Serverless Devs then makes one that may call every",
    ),
    "a wrong invocation role": (
        (("role/bucket-warden-trigger", "user/bucket-warden-trigger"),),
        "'acs:ram::1234567890123456:user/bucket-warden-trigger' is not right; acs:ram::ACCOUNT:role/NAME; a wrong one",
    ),
    "no dead letter": (
        (("destinationConfig:\n          onFailure:\n            destination:", "destinationConfig: {} #"),),
        "destinationConfig.onFailure: 'onFailure' is missing: an event that fails for good would be lost; name a queue",
    ),
    "retries that disagree": (
        (("maxAsyncRetryAttempts: 5", "maxAsyncRetryAttempts: 3"),),
        "maxAsyncRetryAttempts: 3 retries are 4 deliveries, and MAX_DELIVERIES says 6; make them agree",
    ),
    "an age below the retries": (
        (("InSeconds: 86400", "InSeconds: 600"),),
        "maxAsyncEventAgeInSeconds: 600 s end before 6 deliveries of 120 s each; at least 720",
    ),
    "a log whose lines are glued": (
        (('logBeginRule: "None"', "logBeginRule: DefaultRegex"),),
        'logConfig.logBeginRule: an entry has to begin at each line: write "None"; DefaultRegex, which `auto` stands',
    ),
    "a log that is left to the component": (
        ((LOG, "logConfig: auto\n"),),
        'logConfig.logBeginRule: an entry has to begin at each line: write "None"; DefaultRegex, which `auto` stands',
    ),
    "a log without a place": (
        ((LOG, "logConfig: nowhere\n"),),
        "logConfig: 'nowhere' stands where keys belong; keys: project, logstore, logBeginRule",
    ),
    "a project that cannot be": (
        (("log_project: warden-logs", "log_project: My_Logs"),),
        "logConfig.project: 'My_Logs' is no name of a project; 3 to 63 of a-z, 0-9 and -",
    ),
    "a reserved name": (
        (("LOG_LEVEL:", "FC_LOG_LEVEL:"),),
        "FC_LOG_LEVEL: 'FC_LOG_LEVEL': names that begin with FC_ are reserved, and removed; rename it",
    ),
    "an unknown setting": (
        (("LOG_LEVEL:", "LOGLEVEL:"),),
        "LOGLEVEL: unknown setting 'LOGLEVEL'; did you mean 'LOG_LEVEL'",
    ),
    "a wrong setting": ((("LOG_LEVEL: INFO", "LOG_LEVEL: LOUD"),), "LOG_LEVEL: 'LOUD' is unknown; one of DEBUG, INFO"),
    "too large an environment": (
        (("LOG_LEVEL: INFO", "LOG_LEVEL: " + "x" * 4096),),
        "bytes of environment; Function Compute takes 4096",
    ),
    "a variable that is not there": (
        (("${vars.dead_letters}", "${vars.dead_leters}"),),
        "destination: no variable 'dead_leters' under vars; did you mean 'dead_letters'; add it there",
    ),
    "an environment variable that is not set": (
        (("FC3_COMPONENT', 'fc3'", "FC3_COMPONENT'"),),
        "component: FC3_COMPONENT is not set in the environment, and has no default here; set it",
    ),
    "an expression that is none": (
        (("region: ${vars.region}", "region: ${var.region}"),),
        "props.region: '${var.region}' is no expression; did you mean 'vars'",
    ),
    "an unknown action": ((("pre-deploy:", "predeploy:"),), "unknown action 'predeploy'; did you mean 'pre-deploy'"),
    "the service's VPC address outside one": (
        (("LOG_LEVEL: INFO", GREEN_VPC),),
        "GREEN_ENDPOINT: 'https://green-cip-vpc.ap-southeast-1.aliyuncs.com' answers only inside a VPC",
    ),
    "no network at all": (
        (("      logConfig:", "      internetAccess: false\n      logConfig:"),),
        "internetAccess: without a VPC nothing can be reached; set vpcConfig, or true",
    ),
    "a VPC that does not reach the service": (
        (("      logConfig:", f"      internetAccess: false\n      {VPC}\n      logConfig:"),),
        "cannot be reached without internetAccess; set https://green-cip-vpc.ap-southeast-1.aliyuncs.com",
    ),
    "no sections": (
        (("concurrencyConfig:\n        reservedConcurrency: 8", "description: again"),),
        "concurrencyConfig: 'concurrencyConfig' is missing: without reservedConcurrency a burst calls the service",
    ),
    "no initializer": (
        (("        initializer:\n          handler: handler.index.initializer\n          timeout: 30 ", "        {}"),),
        "instanceLifecycleConfig.initializer: 'initializer' is missing: handler.index.initializer",
    ),
    "a key twice": (
        (("runtime: python3.10", "region: x\n      runtime: python3.10"),),
        "the key 'region' is here twice",
    ),
    "another runtime": (
        (("runtime: python3.10", "runtime: python3.12"),),
        "unknown word 'python3.12'; one of: python3.10",
    ),
}


def problems(text: str) -> list[str]:
    """What our check says, as its lines."""
    return [str(problem) for problem in check_template(text.encode(), "template.yml", {}).problems]


def test_the_template_is_right_once_its_variables_are_set() -> None:
    """Nothing is wrong with the project's own template."""
    assert problems(edit_template()) == []


def test_what_must_be_set_is_named() -> None:
    """The template as it comes lacks exactly the user's own values, each named with its place."""
    lines = problems((ROOT / "template.yml").read_text(encoding="utf-8"))
    assert [line.split(": ")[1] for line in lines] == [
        "vars.account",
        "vars.bucket",
        "vars.quarantine_bucket",
        "vars.ledger_bucket",
        "vars.log_project",
    ]
    assert all("is not set yet; write your own here" in line for line in lines)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str) -> None:
    """Each mistake leads to a line with its place, its part of the template, and what would be right."""
    edits, wanted = MISTAKES[mistake]
    lines = problems(edit_template(*edits))
    (line,) = [line for line in lines if wanted in line]
    file, number, column, _ = line.split(":", 3)
    assert (file, int(number) > 1, int(column) > 1) == ("template.yml", True, True)


def test_no_key_of_the_file_is_repeated() -> None:
    """Whoever wrote a key into the template is told where, and whoever reads the log of that learns nothing."""
    lines = problems(edit_template(("LOG_LEVEL: INFO", "ALIBABA_CLOUD_ACCESS_KEY_SECRET: q1w2e3")))
    assert "no key belongs in this file" in lines[0]
    assert "q1w2e3" not in "".join(lines)


def test_all_mistakes_come_at_once() -> None:
    """Several mistakes are several lines, in the order of the file."""
    edits = (("memorySize: 256", "memorySize: 100"), ("ObjectCreated:PutObject", "ObjectCreated:Put"))
    lines = problems(edit_template(*edits))
    assert [line.split(": ")[1].rpartition("props.")[2] for line in lines] == [
        "memorySize",
        "triggers[0].triggerConfig.events[0]",
    ]


def test_the_place_is_where_the_mistake_is() -> None:
    """Line and column are those of the wrong word."""
    text = edit_template(("ObjectCreated:CopyObject", "ObjectCreated:CopyObjct"))
    (line,) = problems(text)
    _, number, column, _ = line.split(":", 3)
    assert text.splitlines()[int(number) - 1][int(column) - 1 :] == "oss:ObjectCreated:CopyObjct"


def test_two_triggers_that_do_not_overlap_are_right() -> None:
    """Triggers of one bucket with different prefixes, and of two buckets, are no mistake."""
    by_prefix = add_trigger(("triggerName: uploads", "triggerName: b"), ('prefix: ""', 'prefix: "b/"'))
    assert problems(edit_template((by_prefix[0], by_prefix[1].replace('prefix: ""', 'prefix: "a/"')))) == []


def test_a_vpc_is_right_with_the_services_address_there() -> None:
    """The VPC variant of the template's comments checks."""
    edits = (
        ("LOG_LEVEL: INFO", GREEN_VPC),
        ("      logConfig:", f"      internetAccess: false\n      {VPC}\n      logConfig:"),
    )
    assert problems(edit_template(*edits)) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "template.yml:1:1: the file is empty"),
        ("[]", "template.yml:1:1: a list stands where keys belong; keys: edition, resources"),
        ("a: [", "this is not YAML"),
        ("resources: {}", "template.yml:1:12: resources: nothing is deployed; name the function here"),
        ("resources: [1]", "resources: a list stands where keys belong"),
        ("resources: {a: {component: fc3}}", "resources.a.props: 'props' is missing"),
        ("resources: {a: {component: fc3, props: 7}}", "resources.a.props: '7' stands where keys belong"),
        ("resources: {a: {props: {triggers: [1, {triggerConfig: 2}]}}}", "triggers[1].triggerConfig: '2' stands where"),
    ],
)
def test_another_file_is_refused(text: str, wanted: str) -> None:
    """What is no template at all is refused with its place, never with a traceback."""
    assert any(wanted in line for line in problems(text))


def test_every_finished_upload_is_subscribed_to() -> None:
    """The template's trigger has each event by which an upload ends, and no other."""
    function = check_template(edit_template().encode(), "template.yml", {}).function
    assert function is not None
    config = function.triggers[0].triggerConfig
    assert config
    assert sorted(config.events) == list(EVENTS)


def test_replicas_can_be_subscribed_to() -> None:
    """What the template has as a comment, for a destination of replication, is right where it is none any more."""
    text = edit_template(("# - oss:ObjectReplication:", "- oss:ObjectReplication:"))
    template = check_template(text.encode(), "template.yml", {})
    assert template.problems == ()
    assert template.function is not None
    config = template.function.triggers[0].triggerConfig
    assert config
    assert {event.removeprefix("oss:") for event in config.events} == JUDGED_EVENTS


@pytest.mark.parametrize(
    ("merge", "wanted"),
    [
        ("<<: *sizes", []),
        ("<<: [*sizes, {cpu: 16}]", []),
        ("cpu: 0.3\n      <<: *sizes", ["resources.bucket_warden.props.cpu"]),
        ("<<: 7\n      memorySize: 256\n      cpu: 0.25", ["resources.bucket_warden.props.<<"]),
        ("<<: [*sizes, no]", ["resources.bucket_warden.props.<<"]),
    ],
)
def test_a_merge_key_puts_in_what_it_names(merge: str, wanted: list[str]) -> None:
    """What is written beside it goes before, then what comes first in a list."""
    sizes = "x-sizes: &sizes {memorySize: 256, cpu: 0.25}\nresources:\n"
    text = edit_template(("resources:\n", sizes), ("memorySize: 256 ", f"{merge} #"), ("      cpu: 0.25\n", ""))
    found = check_template(text.encode(), "template.yml", {}).problems
    assert [problem.path for problem in found] == [path.replace("cpu", "memorySize") for path in wanted]


@pytest.mark.parametrize(
    "line", ["ACME=1234567890123456", "export ACME = '1234567890123456'", '# x\nACME="1234567890123456"']
)
def test_a_file_of_settings_beside_the_template_is_read(tmp_path: Path, line: str) -> None:
    """As Serverless Devs reads it; what the environment itself has goes before."""
    file = tmp_path / "template.yml"
    file.write_text(edit_template(('"1234567890123456"', "${env('ACME')}")), encoding="utf-8")
    (said,) = {problem.message for problem in load_template(file, {}).problems}
    assert said == "ACME is not set in the environment, and has no default here; set it"
    (tmp_path / ".env").write_text(line, encoding="utf-8")
    assert load_template(file, {}).problems == ()
    assert "is no account" in load_template(file, {"ACME": "1"}).problems[0].message


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("${env('MB', 256)}", ""),
        ("${env('MB', '256')}", "'256' is text, not a number"),
        ("${env('SET', 256)}", "'320' is text, not a number"),
        ("${env.init('SET')}", ""),
        ("${env.init('MB', 256)}", "MB is not set in the environment, and has no default here"),
        ("${this.props.timeout}", "120 is too low"),
        ("${this.props.memorySize}", ""),
        ("${vars.region.deeper}", "no variable 'region.deeper' under vars"),
        ("${resources.bucket_warden.props.timeout}", "120 is too low"),
        ("${memory}", "'${memory}' is no expression"),
        ("${}", "'${}' is no expression"),
    ],
)
def test_an_expression_is_what_serverless_devs_makes_of_it(expression: str, wanted: str) -> None:
    """Numbers stay numbers, and what the environment says is text; a circle is left alone."""
    text = edit_template(("memorySize: 256 ", f"memorySize: {expression} "))
    found = [problem.message for problem in check_template(text.encode(), "t.yml", {"SET": "320"}).problems]
    assert (wanted in found[0] and len(found) == 1) if wanted else not found, found


def test_a_mistake_in_a_file_that_is_extended_is_told(tmp_path: Path) -> None:
    """At the word that names it: of what stands there, and where it is not there."""
    base = edit_template()
    (tmp_path / "base.yml").write_text(base.replace("memorySize: 256", "memorySize: 300"), encoding="utf-8")
    (tmp_path / "broken.yml").write_text("a: [", encoding="utf-8")
    file = tmp_path / "template.yml"
    for name, wanted in (
        ("base", "300 is no multiple"),
        ("broken", "broken.yml:"),
        ("none", "cannot be read"),
    ):
        file.write_text(f"edition: 3.0.0\nextend: {name}.yml\n", encoding="utf-8")
        found = [problem for problem in load_template(file, {}).problems if wanted in problem.message]
        assert [problem.line for problem in found] == [2]


def test_what_a_deployment_alone_knows_is_asked_for_by_live_and_rights(tmp_path: Path) -> None:
    """The account of the deployer's keys is no mistake; documents that name it need it in the file."""
    (tmp_path / "policies").symlink_to(ROOT / "policies")
    file = tmp_path / "template.yml"
    file.write_text(edit_template(('"1234567890123456"', "${config('AccountID')}")), encoding="utf-8")
    assert load_template(file, {}).problems == ()
    with pytest.raises(BadDeployment, match=r"template\.yml: account, queue: only the deployment itself will know"):
        load_deployment(file, {})


def test_more_triggers_than_a_bucket_takes_are_refused() -> None:
    """OSS takes ten triggers a bucket."""
    text = edit_template()
    head, mark, first = text.partition("      triggers:\n")
    names = [
        first.replace("Name: uploads", f"Name: t{n}").replace('prefix: ""', f'prefix: "{n:02}/"') for n in range(11)
    ]
    lines = problems(head + mark + "".join(name.rstrip() + "\n" for name in names))
    assert any("triggers[10]: more than 10 triggers on 'uploads'; OSS takes no more" in line for line in lines)
    assert len(lines) == 1
