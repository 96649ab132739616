"""The rights of the deployment: enough for everything that the policy does, and each of them needed."""

import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import oss2
import pytest
from click.testing import CliRunner

from handler import index
from handler.adapters.oss.copying import OssQuarantine
from handler.adapters.oss.network import OssSession
from handler.adapters.oss.store import OssStore
from handler.adapters.policy_file import load_policy
from handler.credentials import Credentials
from handler.errors import InvocationFailed, ObjectChanged, WardenError
from handler.events import REPLICA_EVENTS
from handler.meter import Meter
from handler.model import Finding
from handler.ports import HeldCopy
from scripts.bench.overhead import PIXEL
from scripts.cli.find import command as find_command
from scripts.cli.restore import command as restore_command
from scripts.cli.rights import command
from scripts.deploy.choices import Choices
from scripts.deploy.deployment import BadDeployment, Deployment, load_deployment
from scripts.deploy.documents import function_document, gate_document, upload_document, write_documents
from scripts.deploy.people import DEPLOYER, OPERATORS, Row, deployer_document, operators_document
from scripts.deploy.rights import Right, function_rights, is_exact, widen
from scripts.deploy.statements import Document
from scripts.environment.making import ROOT
from scripts.localcloud.cloud import APPLICATION, FUNCTION_ROLE, REGION, SERVICE_ROLE
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked
from scripts.localcloud.green.fetch import OssFetch
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Bystander, Fault, WireCall
from tests.deploy.deployments import DEFAULT, EVERY_ACTION, deploy
from tests.deploy.template.templates import edit_template

# A policy in which nothing leaves its place.
TAGS_ONLY = """\
version: 1
name: tags-only
rules: []
otherwise: {high: tag, medium: tag, low: pass, none: pass}
failures: {archived: tag, unsupported: tag, too_large: tag, unreadable: tag, rejected: tag, symlink: tag}
tags: {when_full: evict}
"""
SEEN = {
    "GORE": Answer((Finding("violent_bloody", 91.0, "high"),), risk="high"),
    "NUDE": Answer((Finding("pornographic_adultContent", 97.0, "high"),), risk="high"),
    "SPAM": Answer((Finding("QR code", 88.0, "medium"),), risk="medium"),
}
WHOLE = {
    "GOOD": "passed",
    "SPAM": "flagged",
    "NUDE": "quarantined",
    "GORE": "deleted",
    "OLD": "flagged",
    "LINK": "deleted",
}
TAGGED = {
    "GOOD": "passed",
    "SPAM": "flagged",
    "NUDE": "flagged",
    "GORE": "flagged",
    "OLD": "flagged",
    "LINK": "unverified",
}


class Cloud:
    """The stand-ins and the handler, whose role has exactly the rights that a test gives."""

    def __init__(self, oss: OssServer, green: GreenServer, records: list[dict[str, Any]], tmp_path: Path) -> None:
        self.oss, self.green, self.records = oss, green, records
        self._policy = tmp_path / "policy.yml"
        self._session = OssSession()

    def run(
        self, policy: str, rights: Sequence[Right], *, versioned: bool, ledger: bool, event_name: str | None = None
    ) -> dict[str, tuple[str, ...]]:
        """What became of one upload of each kind: its status, and the names of the tags that it carries.

        `event_name` is how each is announced, where it is not as OSS does.
        """
        self.oss.reset()
        self.oss.create_bucket("uploads", versioned=versioned)
        self.oss.create_bucket("quarantine")
        self.oss.create_bucket("ledger")
        granted = frozenset((right.action, right.resource) for right in rights)
        role = replace(FUNCTION_ROLE, rights=granted)
        self.oss.add_identity(role)
        self.green.add_identity(role)
        self._policy.write_text(policy)
        os.environ.update(
            POLICY=str(self._policy),
            WATCHED_BUCKETS="uploads",
            QUARANTINE_BUCKET="quarantine",
            LEDGER_BUCKET="ledger" if ledger else "",
            MAX_DELIVERIES="1",
            OSS_ENDPOINT=self.oss.endpoint,
            GREEN_ENDPOINT=self.green.endpoint,
        )
        kinds = ["GOOD", "SPAM", "NUDE", "GORE", "LINK", *(["OLD"] if versioned else [])]
        results = {kind: self._moderate(kind, event_name) for kind in kinds}
        self.forget()
        return results

    def forget(self) -> None:
        """End the function's instance."""
        for warden in index._instance.values():  # noqa: SLF001  (the instance ends with the test)
            for services in warden._services.values():  # noqa: SLF001
                close(services.store)
                close(services.ledger)
        index._instance.clear()  # noqa: SLF001

    def _moderate(self, kind: str, event_name: str | None) -> tuple[str, ...]:
        bucket = self._bucket("uploads")
        if kind == "LINK":
            bucket.put_object("target.png", image("GOOD"))
            bucket.put_symlink("target.png", "LINK.png")
        else:
            word = "SPAM" if kind == "OLD" else kind
            bucket.put_object(f"{kind}.png", image(word), headers={"x-oss-tagging": "owner=ann"})
        record = self.records[-1]
        if event_name is not None:
            record = {**record, "eventName": event_name}
        if kind == "OLD":  # an overwritten version is judged by a link, and acted on as that version
            bucket.put_object("OLD.png", image("GOOD"))
        try:
            answer = json.loads(index.handler(json.dumps({"events": [record]}).encode(), context()))
        except InvocationFailed:
            return ("failed",)
        except WardenError as error:
            return ("refused", type(error).__name__)
        (document,) = answer["outcomes"]
        return document["outcome"]["status"], *sorted(self._tags(document))

    def _tags(self, document: dict[str, Any]) -> list[str]:
        """What the object carries in the end, the user's own tag among it."""
        if document["outcome"]["location"] is None:
            return []
        name, _, key = document["outcome"]["location"].partition("/")
        version = document["upload"]["version_id"] if name == "uploads" else None
        params = {"versionId": version} if version else None
        return [*self._bucket(name).get_object_tagging(key, params=params).tag_set.tagging_rule]

    def _bucket(self, name: str) -> oss2.Bucket:
        auth = oss2.AuthV4(APPLICATION.access_key_id, APPLICATION.access_key_secret)
        return oss2.Bucket(auth, self.oss.endpoint, name, session=self._session, region=REGION, is_path_style=True)

    def close(self) -> None:
        """Close the application's connections."""
        self._session.session.close()


def close(adapter: Any) -> None:  # noqa: ANN401  (a port, or the adapter behind it)
    """Close the connections of an adapter, which has none where it is the absent ledger."""
    connection = getattr(adapter, "connection", None)
    if connection is not None:
        connection.session.session.close()


def image(word: str) -> bytes:
    """The smallest PNG, with a word behind it for the eyes of this module."""
    return PIXEL + word.encode()


def see(body: bytes, _asked: Asked) -> Answer:
    """What the words say."""
    return next((answer for word, answer in SEEN.items() if word.encode() in body), HARMLESS)


def context() -> SimpleNamespace:
    """Function Compute's context."""
    keys = SimpleNamespace(
        access_key_id=FUNCTION_ROLE.access_key_id,
        access_key_secret=FUNCTION_ROLE.access_key_secret,
        security_token=FUNCTION_ROLE.security_token,
    )
    function = SimpleNamespace(name="bucket-warden", timeout=6)
    return SimpleNamespace(
        request_id="1-rights", credentials=keys, function=function, region=REGION, account_id="1", retry_count=None
    )


@pytest.fixture(scope="module")
def _stand_ins() -> Iterator[tuple[OssServer, GreenServer, list[dict[str, Any]]]]:
    records: list[dict[str, Any]] = []
    with OssServer([APPLICATION, FUNCTION_ROLE, SERVICE_ROLE], region=REGION, on_event=records.append) as oss:
        fetch = OssFetch(oss.endpoint, REGION, SERVICE_ROLE)
        with GreenServer([FUNCTION_ROLE], fetch=fetch, eyes=see, qps=10_000, region=REGION) as green:
            yield oss, green, records


@pytest.fixture
def cloud(
    _stand_ins: tuple[OssServer, GreenServer, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    """The cloud of one test."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    cloud = Cloud(*_stand_ins, tmp_path)
    yield cloud
    cloud.forget()
    cloud.close()


def rights_of(tmp_path: Path, policy: str, *, versioned: bool, ledger: bool) -> list[Right]:
    """What our model gives for a policy."""
    file = tmp_path / "policy.yml"
    file.write_text(policy)
    watched = ["uploads"]
    loaded = load_policy(file, {}, watched)
    return function_rights(loaded, watched, watched if versioned else [], "ledger" if ledger else None)


CASES = {
    "every action": (EVERY_ACTION, False, False, WHOLE),
    "every action, with versions": (EVERY_ACTION, True, False, WHOLE),
    "every action, with a ledger": (EVERY_ACTION, False, True, WHOLE),
    "tags only": (TAGS_ONLY, False, False, TAGGED),
    "tags only, with versions": (TAGS_ONLY, True, False, TAGGED),
}
# Not needed by any of these uploads: a copy in parts (tested below, and in tests/adapters/oss/test_parts.py), and what
# only a second delivery or a restore asks of the ledger.
NEEDED_ELSEWHERE = {
    Right("oss:ListMultipartUploads", "quarantine"),
    Right("oss:ListParts", "quarantine/held/*"),
    Right("oss:AbortMultipartUpload", "quarantine/held/*"),
    # What only a restore wants to know: without it the outcome says so, and all else is as with it.
    Right("oss:GetObjectAcl", "uploads/*"),
    Right("oss:GetObjectVersionAcl", "uploads/*"),
    Right("oss:ListObjects", "ledger"),
    Right("oss:GetObject", "ledger/ledger/v1/*"),
    Right("oss:GetObject", "ledger/release/*"),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", CASES)
def test_the_rights_are_enough_and_each_is_needed(cloud: Cloud, tmp_path: Path, case: str) -> None:
    """With exactly these rights every upload ends as it must; with one right fewer, some upload does not."""
    policy, versioned, ledger, wanted = CASES[case]
    rights = rights_of(tmp_path, policy, versioned=versioned, ledger=ledger)
    whole = cloud.run(policy, rights, versioned=versioned, ledger=ledger)
    assert {kind: result[0] for kind, result in whole.items()} == {kind: wanted[kind] for kind in whole}
    for right in rights:
        if right not in NEEDED_ELSEWHERE:
            fewer = [other for other in rights if other != right]
            assert cloud.run(policy, fewer, versioned=versioned, ledger=ledger) != whole, right


@pytest.mark.parametrize("name", sorted(REPLICA_EVENTS))
def test_replicas_end_as_uploads_do(cloud: Cloud, tmp_path: Path, name: str) -> None:
    """A picture that replication writes is judged, and held, with the same rights."""
    rights = rights_of(tmp_path, EVERY_ACTION, versioned=False, ledger=False)
    results = cloud.run(EVERY_ACTION, rights, versioned=False, ledger=False, event_name=name)
    pictures = ("GOOD", "SPAM", "NUDE", "GORE")
    assert {kind: results[kind][0] for kind in pictures} == {kind: WHOLE[kind] for kind in pictures}


def test_nothing_may_be_deleted_where_nothing_leaves(tmp_path: Path) -> None:
    """A policy that only tags has no right to delete, and none on the quarantine."""
    rights = rights_of(tmp_path, TAGS_ONLY, versioned=True, ledger=False)
    assert not [right for right in rights if "Delete" in right.action]
    assert {right.resource for right in rights} == {"*", "uploads", "uploads/*"}


def test_in_shadow_mode_nothing_may_be_written(tmp_path: Path) -> None:
    """What decides without acting needs to look and to ask."""
    policy = EVERY_ACTION.replace("rules:", "mode: shadow\nrules:", 1)
    rights = rights_of(tmp_path, policy, versioned=False, ledger=False)
    assert {right.action for right in rights} == {"oss:GetObject", "yundun-greenweb:ImageModeration"}


FOR_WHAT_IS_HELD = {
    Right("oss:GetObjectAcl", "uploads/*"),
    Right("oss:ListMultipartUploads", "quarantine"),
    Right("oss:ListParts", "quarantine/held/*"),
    Right("oss:AbortMultipartUpload", "quarantine/held/*"),
}


@pytest.mark.parametrize("versioned", [True, False])
def test_what_can_be_held_takes_rights_to_its_acl_and_to_unfinished_copies(tmp_path: Path, *, versioned: bool) -> None:
    """Its own ACL is noted for a restore, by version where there are some, and a copy in parts is gone on with."""
    rights = {*rights_of(tmp_path, EVERY_ACTION, versioned=versioned, ledger=False)}
    assert rights >= FOR_WHAT_IS_HELD
    assert (Right("oss:GetObjectVersionAcl", "uploads/*") in rights) == versioned


@pytest.mark.parametrize("policy", [TAGS_ONLY, EVERY_ACTION.replace("rules:", "mode: shadow\nrules:", 1)])
def test_where_nothing_is_held_these_are_not_given(tmp_path: Path, policy: str) -> None:
    """A policy that only tags, or only looks, reads no ACL and lists no copies."""
    rights = rights_of(tmp_path, policy, versioned=True, ledger=False)
    named = {right.action for right in FOR_WHAT_IS_HELD} | {"oss:GetObjectVersionAcl"}
    assert named.isdisjoint(right.action for right in rights)


def test_the_rights_end_with_the_scope(tmp_path: Path) -> None:
    """Keys that are not moderated are not the function's to touch."""
    policy = EVERY_ACTION + 'scope: {include: ["avatars/**", "covers/*.png"]}\n'
    rights = rights_of(tmp_path, policy, versioned=False, ledger=False)
    on_source = {right.resource for right in rights if right.resource.startswith("uploads")}
    assert on_source == {"uploads/avatars/*", "uploads/covers/*.png"}


class BrokenCopies(Bystander):
    """Lets every copied part meet other bytes, and notes what else was done."""

    def __init__(self) -> None:
        self.operations: list[str] = []

    def before(self, call: WireCall) -> Fault | None:
        """Spoil the parts."""
        self.operations.append(call.operation)
        return Fault(status=412, code="PreconditionFailed") if call.operation == "UploadPartCopy" else None


@pytest.mark.parametrize("is_given", [True, False])
def test_the_parts_of_a_failed_copy_take_a_right_to_remove(cloud: Cloud, tmp_path: Path, *, is_given: bool) -> None:
    """AbortMultipartUpload is needed by a big copy that can't be finished; else the parts stay, and cost money."""
    rights = rights_of(tmp_path, EVERY_ACTION, versioned=False, ledger=False)
    kept = [right for right in rights if is_given or right.action != "oss:AbortMultipartUpload"]
    cloud.run(EVERY_ACTION, kept, versioned=False, ledger=False)
    cloud._bucket("uploads").put_object("big.png", image("NUDE") * 9)  # noqa: SLF001
    role = Credentials(FUNCTION_ROLE.access_key_id, FUNCTION_ROLE.access_key_secret, FUNCTION_ROLE.security_token or "")
    endpoint = cloud.oss.endpoint
    store = OssStore(
        role,
        endpoint=endpoint,
        public_endpoint=endpoint,
        region=REGION,
        meter=Meter(),
        sleep=lambda _: None,
    )
    quarantine = OssQuarantine(store, single_copy_bytes=100, part_bytes=100)
    found = store.head("uploads", "big.png")
    assert found is not None
    cloud.oss.observer = observer = BrokenCopies()
    try:
        with pytest.raises(ObjectChanged):
            quarantine.hold(found, HeldCopy("quarantine", "held/big.png", {}, {}, {}), keep_going=lambda: None)
    finally:
        cloud.oss.observer = Bystander()
        close(store)
    assert ("AbortMultipartUpload" in observer.operations) == is_given


def test_the_uploaders_rights_allow_uploads_and_no_tags(cloud: Cloud, deployment: Deployment) -> None:
    """With exactly what is allowed, OSS takes an upload and refuses one with a tag, a tag later, and a new ACL."""
    allowed = upload_document(deployment, "uploads")["Statement"][0]
    granted = frozenset((action, where.split(":")[-1]) for action in allowed["Action"] for where in allowed["Resource"])
    cloud.oss.reset()
    cloud.oss.create_bucket("uploads")
    cloud.oss.add_identity(replace(APPLICATION, rights=granted))
    bucket = cloud._bucket("uploads")  # noqa: SLF001
    try:
        bucket.put_object("a.png", image("GOOD"))
        with pytest.raises(oss2.exceptions.AccessDenied):
            bucket.put_object("b.png", image("GOOD"), headers={"x-oss-tagging": "moderation-status=passed"})
        rule = oss2.models.TaggingRule()
        rule.add("moderation-status", "passed")
        with pytest.raises(oss2.exceptions.AccessDenied):
            bucket.put_object_tagging("a.png", oss2.models.Tagging(rule))
        with pytest.raises(oss2.exceptions.AccessDenied):
            bucket.put_object_acl("a.png", oss2.OBJECT_ACL_PUBLIC_READ)
    finally:
        cloud.oss.add_identity(APPLICATION)


def granted(document: Document) -> frozenset[tuple[str, str]]:
    """What a document allows, as the stand-ins hold it: pairs of action and resource."""
    return frozenset(
        (action, where.split(":", 4)[-1] if where.startswith("acs:oss:") else where)
        for statement in document["Statement"]
        for action in statement["Action"]
        for where in statement["Resource"]
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("versioned_quarantine", [True, False])
@pytest.mark.parametrize("versioned", [True, False])
def test_the_operators_rights_bring_an_object_back(
    cloud: Cloud, tmp_path: Path, *, versioned: bool, versioned_quarantine: bool
) -> None:
    """With exactly what operators.json allows, an upload is found and what was held goes back."""
    rights = rights_of(tmp_path, EVERY_ACTION, versioned=versioned, ledger=True)
    cloud.run(EVERY_ACTION, rights, versioned=versioned, ledger=True)
    if versioned_quarantine:
        cloud._bucket("quarantine").put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))  # noqa: SLF001
    (held,) = [found.key for found in oss2.ObjectIterator(cloud._bucket("quarantine"))]  # noqa: SLF001
    allowed = granted(operators_document(deploy(tmp_path, EVERY_ACTION), Choices()))
    operator = replace(APPLICATION, access_key_id="operator", rights=allowed)
    cloud.oss.add_identity(operator)
    keys = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": operator.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": operator.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": "",
    }
    at = ["--ledger", "ledger", "--endpoint", cloud.oss.endpoint, "--region", REGION]
    named = ["NUDE.png", "--bucket", "uploads", "--quarantine", "quarantine", *at]
    found = CliRunner().invoke(find_command, named, env=keys)
    assert "quarantined" in found.output
    done = CliRunner().invoke(restore_command, [f"quarantine/{held}", "--reason", "art", "--yes", *at], env=keys)
    assert done.exit_code == 0, done.output
    assert cloud._bucket("uploads").object_exists("NUDE.png")  # noqa: SLF001
    # The held copy says so too, with no word of a right that is missing.
    assert "not that it was restored" not in done.output
    tags = cloud._bucket("quarantine").get_object_tagging(held).tag_set.tagging_rule  # noqa: SLF001
    assert tags["moderation-status"] == "restored"
    all_keys = CliRunner().invoke(find_command, ["NUDE", "--as-prefix", *named[1:]], env=keys)
    assert all_keys.exit_code == 0, all_keys.output


@pytest.mark.parametrize("row", [*DEPLOYER, *OPERATORS], ids=lambda row: f"{row.commands}, {row.place}")
def test_the_page_has_the_rights_of_people(row: Row) -> None:
    """docs/operations.md says of each command what the documents allow it."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    actions = ", ".join(f"`{action}`" for action in row.actions)
    assert f"| {row.commands} | {row.place} | {actions} |" in text.splitlines()


def test_the_page_has_no_other_rights_of_people() -> None:
    """Each row of the two tables stands for one of the documents."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| ([a-z, -]+) \| ([^|]+) \| `[a-z-]+:\w+`[^|]* \|$", text, re.MULTILINE)
    assert sorted(told) == sorted((row.commands, row.place) for row in (*DEPLOYER, *OPERATORS))


def test_whoever_deploys_may_pass_our_roles_and_change_our_triggers_only(deployment: Deployment) -> None:
    """Nothing is given on other functions, buckets and roles, but what can't be narrowed."""
    allowed = granted(deployer_document(deployment, Choices()))
    function = "acs:fc:ap-southeast-1:1234567890123456:functions/bucket-warden"
    roles = {where for action, where in allowed if action == "ram:PassRole"}
    assert roles == {
        "acs:ram:*:1234567890123456:role/bucket-warden-function",
        "acs:ram:*:1234567890123456:role/bucket-warden-trigger",
    }
    assert {action for action, where in allowed if where == "*"} == {
        "fc:CreateFunction",
        "fc:GetTempBucketToken",
        "oss:GetPublicAccessBlock",
        "yundun-greenweb:ImageModeration",
    }
    assert {where for action, where in allowed if action == "fc:UpdateFunction"} == {function, f"{function}/*"}
    assert {where for action, where in allowed if action == "oss:PutBucketEventNotification"} == {"uploads"}
    assert not [action for action, _ in allowed if action in {"oss:PutObject", "oss:DeleteObject", "fc:DeleteFunction"}]


def test_operators_have_no_rights_to_what_is_not_there(tmp_path: Path) -> None:
    """Without a quarantine, a ledger and keys, nothing is given on any; with keys, each can be used."""
    deployment = deploy(tmp_path, TAGS_ONLY, ("ledger_bucket: ledger", 'ledger_bucket: ""'))
    allowed = granted(operators_document(deployment, Choices()))
    function = "acs:fc:ap-southeast-1:1234567890123456:functions/bucket-warden"
    letters = "acs:mns:ap-southeast-1:1234567890123456:/queues/bucket-warden-dead-letters/messages"
    assert {where for _, where in allowed} == {"uploads", "uploads/*", function, f"{function}/*", letters}
    assert {("kms:Decrypt", KEY), ("kms:GenerateDataKey", KEY)} == {
        pair for pair in granted(operators_document(deployment, Choices(kms_keys=(KEY,)))) if pair[1] == KEY
    }


def test_a_function_in_a_vpc_may_make_its_network_interfaces(tmp_path: Path, deployment: Deployment) -> None:
    """Only where the template puts it into one."""
    inside = deploy(
        tmp_path,
        DEFAULT,
        ("      # vpcConfig:\n      #   vpcId: vpc-…", "      vpcConfig:\n        vpcId: vpc-1"),
        ("      #   vSwitchIds: [vsw-…]", "        vSwitchIds: [vsw-1]"),
        ("      #   securityGroupId: sg-…", "        securityGroupId: sg-1"),
    )
    before, after = (granted(function_document(each, Choices())) for each in (deployment, inside))
    assert before < after
    assert {action for action, _ in after - before} == {
        "vpc:DescribeVSwitchAttributes",
        "vpc:DescribeVpcAttribute",
        "ecs:CreateNetworkInterface",
        "ecs:DeleteNetworkInterface",
        "ecs:DescribeNetworkInterfaces",
        "ecs:CreateNetworkInterfacePermission",
        "ecs:DescribeNetworkInterfacePermissions",
        "ecs:DeleteNetworkInterfacePermission",
    }


def test_find_needs_its_own_rows_only(cloud: Cloud, tmp_path: Path) -> None:
    """Who may find an image, and no more, can change nothing."""
    rights = rights_of(tmp_path, EVERY_ACTION, versioned=True, ledger=True)
    cloud.run(EVERY_ACTION, rights, versioned=True, ledger=True)
    finding = {action for row in OPERATORS if "find" in row.commands for action in row.actions}
    allowed = granted(operators_document(deploy(tmp_path, EVERY_ACTION), Choices()))
    ours = frozenset(pair for pair in allowed if pair[0] in finding)
    assert not [action for action, _ in ours if "Put" in action or "Delete" in action or "Abort" in action]
    cloud.oss.add_identity(replace(APPLICATION, access_key_id="finder", rights=ours))
    keys = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "finder",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": APPLICATION.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": "",
    }
    at = ["--ledger", "ledger", "--quarantine", "quarantine", "--endpoint", cloud.oss.endpoint, "--region", REGION]
    found = CliRunner().invoke(find_command, ["NUDE.png", "--bucket", "uploads", *at], env=keys)
    assert found.exit_code == 0, found.output
    assert "quarantined" in found.output


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """The project's own template and default policy."""
    return deploy(tmp_path, DEFAULT)


def test_the_functions_document_states_the_rights(deployment: Deployment) -> None:
    """Every right of the model, the dead letters and the log, as statements of RAM."""
    document = function_document(deployment, Choices(versioned=("uploads",)))
    pairs = {(a, r) for s in document["Statement"] for a in s["Action"] for r in s["Resource"]}
    rights = function_rights(deployment.policy, ["uploads"], ["uploads"], "ledger")
    prefix = "acs:oss:*:1234567890123456:"
    stated = {(r.action, "*" if r.resource == "*" else prefix + r.resource) for r in rights}
    queue = "acs:mns:ap-southeast-1:1234567890123456:/queues/bucket-warden-dead-letters/messages"
    logstore = "acs:log:ap-southeast-1:1234567890123456:project/warden-logs/logstore/bucket-warden"
    assert pairs == stated | {("mns:SendMessage", queue), ("log:PostLogStoreLogs", logstore)}
    assert {statement["Effect"] for statement in document["Statement"]} == {"Allow"}


KEY = "acs:kms:ap-southeast-1:1234567890123456:key/key-hzz65f1cb7aasj8g6zr0f"


def kms_actions(deployment: Deployment, *keys: str) -> dict[str, list[str]]:
    """What the function's document says of keys, by their ARNs."""
    found = function_document(deployment, Choices(kms_keys=keys))["Statement"]
    ours = [s for s in found if any(action.startswith("kms:") for action in s["Action"])]
    return {resource: s["Action"] for s in ours for resource in s["Resource"]}


def test_each_key_of_kms_is_a_right_to_read_and_to_write(deployment: Deployment) -> None:
    """What is encrypted by a named key can be read, and copied as it was encrypted; no other key is named."""
    other = f"{KEY}-2"
    both = ["kms:Decrypt", "kms:GenerateDataKey"]
    assert kms_actions(deployment, KEY, other) == {KEY: both, other: both}
    assert kms_actions(deployment) == {}


def test_a_key_only_reads_where_nothing_is_written(tmp_path: Path) -> None:
    """Without a ledger and with tags alone no object is written, so that no data key is ever needed."""
    deployment = deploy(tmp_path, TAGS_ONLY, ("ledger_bucket: ledger", 'ledger_bucket: ""'))
    assert kms_actions(deployment, KEY) == {KEY: ["kms:Decrypt"]}


def test_the_other_roles_are_trusted_and_limited(deployment: Deployment) -> None:
    """OSS may call this function and nothing else; Function Compute and OSS each assume their own role."""
    documents = write_documents(deployment, Choices())
    trigger, trust = documents["trigger-role.json"], documents["trigger-role-trust.json"]
    assert isinstance(trigger, dict)
    assert isinstance(trust, dict)
    (statement,) = trigger["Statement"]
    assert statement["Action"] == ["fc:InvokeFunction"]
    assert statement["Resource"][0] == "acs:fc:ap-southeast-1:1234567890123456:functions/bucket-warden"
    assert trust["Statement"][0]["Principal"] == {"Service": ["oss.aliyuncs.com"]}
    assert "fc.aliyuncs.com" in json.dumps(documents["function-role-trust.json"])


def test_the_gate_lets_passed_objects_be_read_and_unjudged_keys(tmp_path: Path) -> None:
    """Reading takes the tag, except for keys that are never judged; nothing is denied to anybody."""
    deployment = deploy(tmp_path, EVERY_ACTION + 'scope: {include: ["**"], exclude: ["thumbnails/**"]}\n')
    passed, unjudged = gate_document(deployment, "uploads", ["*"])["Statement"]
    assert passed["Condition"] == {"StringEquals": {"oss:ExistingObjectTag/moderation-status": ["passed"]}}
    assert passed["Action"] == unjudged["Action"] == ["oss:GetObject"]
    assert unjudged["Resource"] == ["acs:oss:*:1234567890123456:uploads/thumbnails/*"]
    assert "Condition" not in unjudged
    assert {passed["Effect"], unjudged["Effect"]} == {"Allow"}


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (("rules:", "mode: shadow\nrules:"), "no gate with mode: shadow"),
        (("action: tag}", "action: none}"), "no gate with the action none"),
        (("rules:", 'scope: {include: ["avatars/**"]}\nrules:'), "no gate with a narrowed scope.include"),
        (("rules:", 'scope: {include: ["**"], exclude: ["t/*.png"]}\nrules:'), "can't be said in a RAM policy"),
    ],
)
def test_a_gate_that_would_lock_out_or_let_through_is_refused(tmp_path: Path, edit: tuple[str, str], why: str) -> None:
    """Shadow mode, `none`, a narrowed scope and keys that RAM can't say are refused with the reason."""
    deployment = deploy(tmp_path, EVERY_ACTION.replace(*edit, 1))
    with pytest.raises(BadDeployment, match=why):
        gate_document(deployment, "uploads", ["*"])


def test_lifecycles_spare_what_is_held_and_what_was_released(deployment: Deployment) -> None:
    """Only parts of failed copies and old records go."""
    documents = write_documents(deployment, Choices())
    rules = {name: ET.fromstring(str(text))[0] for name, text in documents.items() if name.endswith(".xml")}  # noqa: S314  (our own)
    assert [child.tag for child in rules["quarantine-lifecycle.xml"]] == [
        "ID",
        "Prefix",
        "Status",
        "AbortMultipartUpload",
    ]
    # No part of a copy goes while a dead letter, which a queue keeps for 7 days, could still go on with it.
    assert rules["quarantine-lifecycle.xml"].findtext("AbortMultipartUpload/Days") == "7"
    assert rules["quarantine-lifecycle.xml"].findtext("Prefix") == "held/"
    assert rules["ledger-lifecycle.xml"].findtext("Prefix") == "ledger/v1/"


@pytest.mark.parametrize(
    ("glob", "wide", "exact"),
    [
        ("**", "*", True),
        ("avatars/**", "avatars/*", True),
        ("a/*/b", "a/*/b", False),
        ("***", "*", False),
        ("**.svg", "*.svg", True),
        ("what?", "what?", False),
    ],
)
def test_globs_become_ram_patterns(glob: str, wide: str, exact: bool) -> None:  # noqa: FBT001  (a parameter of pytest)
    """`**` is RAM's `*`; a `*` that stops at a slash and a `?` have no like there."""
    assert (widen(glob), is_exact(glob)) == (wide, exact)


def test_the_command_writes_files(tmp_path: Path, deployment: Deployment) -> None:
    """One file a document, the gate among them where it is asked for; the notes are not on standard output."""
    template = str(deployment.template.file)
    done = CliRunner().invoke(
        command, ["--template", template, "--gate", "--versioned", "uploads", "--out", str(tmp_path / "rights")]
    )
    assert done.exit_code == 0, done.output
    written = sorted(path.name for path in (tmp_path / "rights").iterdir())
    assert written == [
        "deployer.json",
        "function-role-trust.json",
        "function-role.json",
        "gate-uploads.json",
        "ledger-lifecycle.xml",
        "operators.json",
        "quarantine-lifecycle.xml",
        "rights.json",
        "trigger-role-trust.json",
        "trigger-role.json",
        "uploaders-uploads.json",
    ]
    assert [Path(line).name for line in done.stdout.splitlines()] != []
    assert "Apply" in done.stderr


def test_the_command_prints_one_object(deployment: Deployment) -> None:
    """Without --out standard output is JSON alone."""
    done = CliRunner().invoke(command, ["--template", deployment.template.file])
    assert set(json.loads(done.stdout)) >= {"function-role.json", "trigger-role.json", "uploaders-uploads.json"}


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--template", "nowhere.yml"], "nowhere.yml: the template cannot be read (No such file or directory)"),
        (["--versioned", "strange"], "--versioned strange: not watched; the watched ones: uploads"),
        (
            ["--kms-key", KEY.replace("ap-southeast-1", "cn-hangzhou")],
            "not a key of this region; acs:kms:ap-southeast-1:ACCOUNT:key/ID",
        ),
        (["--kms-key", "key-hzz65f1cb7aasj8g6zr0f"], "--kms-key 'key-hzz65f1cb7aasj8g6zr0f': not a key of this"),
    ],
)
def test_what_is_wrong_is_said(deployment: Deployment, arguments: list[str], wanted: str) -> None:
    """A template that is not there and a bucket that is not watched are named."""
    done = CliRunner().invoke(command, ["--template", deployment.template.file, *arguments])
    assert done.exit_code == 1
    assert wanted in done.output


def test_a_wrong_template_or_policy_stops_it(tmp_path: Path, deployment: Deployment) -> None:
    """No document is written from what does not check."""
    file = Path(deployment.template.file)
    (tmp_path / "policies" / "default.yml").write_text("version: 2\n")
    with pytest.raises(BadDeployment, match=r"default\.yml:1:10: version"):
        load_deployment(file, {})
    file.write_text(edit_template(("memorySize: 256", "memorySize: 1")))
    with pytest.raises(BadDeployment, match="memorySize: 1 is too low"):
        load_deployment(file, {})
