"""What the function has to be allowed, and no more, from its policy and settings.

Follows the calls of handler/adapters/oss. Which action each call needs is from the "Permissions" tables of the OSS API
reference; where these can be read both ways (a versionId), both rights are given. Not tried on a live account.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handler.model import Action, Mode
from handler.policy.rules import Policy
from handler.upload import records, releases

MODERATE = "yundun-greenweb:ImageModeration"
EVERYTHING = "*"
# Where the function is in a VPC its role makes and removes the network interfaces there. What the system policy
# AliyunECSNetworkInterfaceManagementAccess has, which the vendor's pages ask for ("Permissions required for a
# service-linked role" of the component; ECS documentation, "System policies"), and what the policy of Function
# Compute's own role has beside it for this (AliyunServiceRolePolicyForFC). They are given on everything there.
IN_VPC = (
    "vpc:DescribeVSwitchAttributes",
    "vpc:DescribeVpcAttribute",
    "ecs:CreateNetworkInterface",
    "ecs:DeleteNetworkInterface",
    "ecs:DescribeNetworkInterfaces",
    "ecs:CreateNetworkInterfacePermission",
    "ecs:DescribeNetworkInterfacePermissions",
    "ecs:DeleteNetworkInterfacePermission",
)


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One action on one resource: `bucket/pattern`, a bucket, a key's ARN, or `*` where a service has no resources."""

    action: str
    resource: str


def policy_actions(policy: Policy) -> set[Action]:
    """Everything that the policy can decide by itself, shadow rules left out."""
    by_rule = {rule.action for rule in policy.rules if not rule.is_shadow}
    return by_rule | {*policy.otherwise.values()} | {*policy.failures.values()}


def function_rights(  # noqa: PLR0913  (all that they follow from)
    policy: Policy,
    watched: Sequence[str],
    versioned: Sequence[str],
    ledger_bucket: str | None,
    kms_keys: Sequence[str] = (),
    *,
    in_vpc: bool = False,
) -> list[Right]:
    """The rights of the function's role, sorted. `versioned`: those of the watched buckets that have versions.

    `kms_keys` are the ARNs of the keys by which OSS encrypts uploads, what is held or the ledger.
    """
    rights = {Right(MODERATE, EVERYTHING)}
    if in_vpc:
        rights.update(Right(action, EVERYTHING) for action in IN_VPC)
    for bucket in watched:
        rights.update(_on_source(policy, bucket, is_versioned=bucket in versioned))
    rights.update(_on_quarantine(policy))
    if ledger_bucket is not None:
        rights.update(_on_ledger(ledger_bucket))
    writes = _moves(policy) or ledger_bucket is not None
    for key in kms_keys:
        rights.update(_on_key(key, writes=writes))
    return sorted(rights)


def _moves(policy: Policy) -> bool:
    """Whether objects can leave their bucket for the quarantine."""
    return policy.mode is Mode.ENFORCE and policy.can_quarantine


def _on_source(policy: Policy, bucket: str, *, is_versioned: bool) -> Iterator[Right]:
    actions = policy_actions(policy) if policy.mode is Mode.ENFORCE else set()
    moves = _moves(policy)
    names = ["GetObject"]  # look at it; sign a link to it; be the source of its copy
    if moves or actions & {Action.PASS, Action.TAG}:
        names.append("GetObjectTagging")  # the user's own tags are kept
    if actions & {Action.PASS, Action.TAG}:
        names.append("PutObjectTagging")
    if moves or Action.DELETE in actions:
        names.append("DeleteObject")
    if moves:
        names.append("GetObjectAcl")  # written down with the copy, so that a restore brings it back
    for pattern in policy.scope.include:
        resource = f"{bucket}/{widen(pattern.text)}"
        for name in names:
            yield Right(f"oss:{name}", resource)
            if is_versioned:
                yield Right(f"oss:{_of_version(name)}", resource)
    if is_versioned:
        yield Right("oss:ListObjectVersions", bucket)


def _on_quarantine(policy: Policy) -> Iterator[Right]:
    rules = policy.quarantine
    if rules is None or not policy.can_quarantine:
        return
    resource = f"{rules.bucket}/{rules.prefix}*"
    yield Right("oss:GetObject", resource)  # verify the copy; find that of an earlier delivery
    if _moves(policy):
        yield Right("oss:PutObject", resource)
        yield Right("oss:PutObjectTagging", resource)
        # A copy in parts is gone on with by a later delivery, or given up where its source has changed.
        yield Right("oss:ListMultipartUploads", rules.bucket)
        yield Right("oss:ListParts", resource)
        yield Right("oss:AbortMultipartUpload", resource)


def _on_ledger(bucket: str) -> Iterator[Right]:
    yield Right("oss:GetBucketVersioning", bucket)  # the initializer's check that it never had versions
    yield Right("oss:ListObjects", bucket)  # who else is at work on an upload
    yield Right("oss:PutObject", f"{bucket}/{records.ROOT}*")
    yield Right("oss:GetObject", f"{bucket}/{records.ROOT}*")
    yield Right("oss:GetObject", f"{bucket}/{releases.RELEASES}*")  # written by a restore, never by the function


def _on_key(key: str, *, writes: bool) -> Iterator[Right]:
    """OSS asks KMS with the rights of whoever reads or writes ("Authorization syntax and elements", object level)."""
    yield Right("kms:Decrypt", key)
    if writes:  # a copy is encrypted as its source was, or as its bucket says
        yield Right("kms:GenerateDataKey", key)


def _of_version(name: str) -> str:
    """`GetObjectTagging` -> `GetObjectVersionTagging`."""
    return name.replace("Object", "ObjectVersion", 1)


def widen(glob: str) -> str:
    """A key glob as a RAM pattern that matches at least as much: its `*` passes slashes."""
    while "**" in glob:
        glob = glob.replace("**", "*")
    return glob


def is_exact(glob: str) -> bool:
    """Whether `widen` matches no more than the glob does: it has no `*` that stops at a slash, and no `?`."""
    stars = glob.replace("**", "")
    return "*" not in stars and "?" not in glob
