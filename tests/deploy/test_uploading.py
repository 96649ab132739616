"""The uploaders' document: every action on OSS has its column, and the document denies what is in the one for it."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from scripts.deploy.documents import our_tags, upload_document
from scripts.deploy.uploading import DENIED, DENIED_ANYWHERE, HARMLESS, flatten
from tests.deploy.deployments import DEFAULT, EVERY_ACTION, deploy

ACTIONS = [
    line
    for line in (Path(__file__).parent / "oss_actions.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
WATCHED = "acs:oss:*:1234567890123456:uploads"
SCOPE = 'scope: {include: ["**"], exclude: ["thumbnails/**"]}\n'
# By these an uploader would speak in our name, make an object public, or get behind a removal.
DANGEROUS = [
    "oss:PutObjectVersionTagging",
    "oss:DeleteObjectTagging",
    "oss:DeleteObjectVersionTagging",
    "oss:PutObjectAcl",
    "oss:PutObjectVersionAcl",
    "oss:GetObjectVersion",
    "oss:DeleteObjectVersion",
    "oss:RestoreObject",
    "oss:RestoreObjectVersion",
    "oss:PutBucketAcl",
    "oss:PutBucketPolicy",
    "oss:DeleteBucketPolicy",
    "oss:PutBucketVersioning",
    "oss:PutBucketLifecycle",
    "oss:PutBucketReplication",
    "oss:PutBucketCors",
    "oss:PutBucketWebsite",
    "oss:CompleteBucketWorm",
    "oss:PutObjectRetention",
    "oss:StopEventRecord",
]
# By these, given for any other bucket or for none, OSS itself would do it for them.
DANGEROUS_ANYWHERE = [
    "oss:CreateJob",
    "oss:UpdateJobStatus",
    "oss:UpdateJobPriority",
    "oss:PutBucketReplication",
    "oss:PostDataLakeStorageFileOperation",
    "oss:PostDataLakeStorageAdminOperation",
    "oss:CreateAccessPoint",
    "oss:DeletePublicAccessBlock",
]


def statements(tmp_path: Path, policy: str = EVERY_ACTION, *edits: tuple[str, str]) -> list[dict[str, Any]]:
    """What the document for the bucket `uploads` says."""
    found: list[dict[str, Any]] = upload_document(deploy(tmp_path, policy, *edits), "uploads")["Statement"]
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The document for a policy with every action."""
    return statements(tmp_path_factory.mktemp("whole"))


def denials(found: list[dict[str, Any]], resource: str) -> Iterator[str]:
    """The actions, or patterns, that are denied on a resource whatever the request says."""
    for statement in found:
        is_denial = statement["Effect"] == "Deny" and "Condition" not in statement
        if is_denial and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"]):
            yield from statement["Action"]


def is_among(action: str, patterns: Iterator[str] | list[str]) -> bool:
    """Whether one of them names the action."""
    return any(fnmatchcase(action, pattern) for pattern in patterns)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_of_oss_is_in_one_column(whole: list[dict[str, Any]], action: str) -> None:
    """What the vendor lists is either harmless, or denied by the document on the bucket and its objects."""
    is_harmless = action in flatten(HARMLESS)
    is_denied = [is_among(action, denials(whole, resource)) for resource in (WATCHED, f"{WATCHED}/a.png")]
    assert is_denied == [not is_harmless] * 2


def test_the_columns_name_only_what_there_is() -> None:
    """No action is twice in the vendor's list or in a column, and no name or pattern of a column matches nothing."""
    columns = flatten(HARMLESS) + flatten(DENIED) + flatten(DENIED_ANYWHERE)
    assert len(ACTIONS) == len(set(ACTIONS))
    assert len(columns) == len(set(columns))
    assert [name for name in columns if not any(fnmatchcase(action, name) for action in ACTIONS)] == []
    assert not any("*" in name for name in flatten(HARMLESS))


@pytest.mark.parametrize("action", DANGEROUS)
def test_what_would_undo_moderation_is_denied(whole: list[dict[str, Any]], action: str) -> None:
    """Whatever another policy gives: our tags, versions, ACLs and the bucket's settings are not an uploader's."""
    assert is_among(action, denials(whole, WATCHED))
    assert is_among(action, denials(whole, f"{WATCHED}/a.png"))


@pytest.mark.parametrize("action", DANGEROUS_ANYWHERE)
@pytest.mark.parametrize("resource", ["acs:oss:*:1234567890123456:his-own", "acs:oss:*:1234567890123456:*"])
def test_what_oss_would_do_in_their_place_is_denied_everywhere(
    whole: list[dict[str, Any]], resource: str, action: str
) -> None:
    """A job, a replication or an access point reaches our buckets from a bucket of the uploader's own."""
    assert is_among(action, denials(whole, resource))


def test_what_is_allowed_is_not_denied(tmp_path: Path) -> None:
    """An upload into the scope is denied only for what it carries: our tags, or a public ACL."""
    allowed, *others = statements(tmp_path, EVERY_ACTION + SCOPE)
    assert (allowed["Effect"], allowed["Resource"]) == ("Allow", [f"{WATCHED}/*"])
    assert {statement["Effect"] for statement in others} == {"Deny"}
    for action in allowed["Action"]:
        assert action in flatten(HARMLESS)
        assert not is_among(action, denials(others, f"{WATCHED}/a.png"))


def test_our_tags_and_public_acls_are_denied(tmp_path: Path) -> None:
    """Each tag that the function can set, any change of a judged object's tags, and an ACL that reads past the gate."""
    found = statements(tmp_path, EVERY_ACTION.replace("action: tag}", "action: tag, tags: {queue: spam}}"))
    conditional = [statement for statement in found if "Condition" in statement]
    assert all(statement["Effect"] == "Deny" for statement in conditional)
    assert all(statement["Resource"] == [f"{WATCHED}/*"] for statement in conditional)
    said: dict[tuple[str, ...], list[Any]] = {}
    for statement in conditional:
        said.setdefault(tuple(statement["Action"]), []).append(statement["Condition"])
    assert said == {
        ("oss:PutObject", "oss:PutObjectTagging"): [
            {"StringLike": {f"oss:RequestObjectTag/moderation-{name}": ["*"]}}
            for name in ("labels", "policy", "queue", "status")
        ],
        ("oss:PutObjectTagging",): [{"StringLike": {"oss:ExistingObjectTag/moderation-status": ["*"]}}],
        ("oss:PutObject",): [{"StringEquals": {"oss:x-oss-object-acl": ["public-read", "public-read-write"]}}],
    }


def test_unjudged_keys_are_denied(tmp_path: Path) -> None:
    """What the scope excludes is not looked at, and so not an uploader's to write."""
    found = statements(tmp_path, EVERY_ACTION + SCOPE)
    assert is_among("oss:PutObject", denials(found, f"{WATCHED}/thumbnails/a.png"))


@pytest.mark.parametrize("bucket", ["quarantine", "ledger"])
def test_what_is_held_and_the_ledger_are_closed(tmp_path: Path, bucket: str) -> None:
    """An uploader neither reads what was removed nor writes a release, as the bucket itself or as an object in it."""
    found = statements(tmp_path)
    for resource in (bucket, f"{bucket}/held/a.png", f"{bucket}/release/a.json"):
        assert is_among("oss:GetObject", denials(found, f"acs:oss:*:1234567890123456:{resource}"))
        assert is_among("oss:PutObject", denials(found, f"acs:oss:*:1234567890123456:{resource}"))


def test_a_quarantine_in_the_watched_bucket_closes_only_its_prefix(tmp_path: Path) -> None:
    """Where what is held lies beside the uploads, these can still be written."""
    policy = EVERY_ACTION.replace("bucket: quarantine", "bucket: uploads") + 'scope: {exclude: ["held/**"]}\n'
    found = statements(tmp_path, policy)
    assert is_among("oss:GetObject", denials(found, f"{WATCHED}/held/a.png"))
    assert not is_among("oss:GetObject", denials(found, f"{WATCHED}/a.png"))
    assert not is_among("oss:PutObject", denials(found, f"{WATCHED}/a.png"))


def test_without_quarantine_and_ledger_nothing_is_said_of_them(tmp_path: Path) -> None:
    """A policy that moves nothing, and no ledger: only access points are closed beside the bucket."""
    failures = "archived: tag, unsupported: tag, too_large: tag, unreadable: tag, rejected: tag, symlink: tag"
    policy = (
        "version: 1\nname: tags\nrules: []\notherwise: {high: tag, medium: tag}\n"
        f"failures: {{{failures}}}\ntags: {{when_full: evict}}\n"
    )
    *_, last = statements(tmp_path, policy, ("ledger_bucket: ledger", 'ledger_bucket: ""'))
    assert last["Resource"] == ["acs:oss:*:1234567890123456:accesspoint/*"]


def test_access_points_are_closed(tmp_path: Path) -> None:
    """The objects behind an access point go by its name: no denial for a bucket holds there."""
    found = statements(tmp_path)
    behind = "acs:oss:*:1234567890123456:accesspoint/ap-01/object/a.png"
    assert is_among("oss:PutObjectTagging", denials(found, behind))


def test_ram_takes_the_document(tmp_path: Path) -> None:
    """A custom policy has at most 6,144 characters (CreatePolicy, API reference): ours leaves room for more tags."""
    deployment = deploy(tmp_path, DEFAULT)
    assert len(our_tags(deployment.policy)) > 3
    assert len(str(upload_document(deployment, "uploads"))) < 5000
