"""The rights as documents for RAM and OSS, ready to apply.

Grammar: "Policy syntax and elements" of the OSS documentation. It knows Principal and Resource and neither
NotPrincipal nor NotResource, and its condition keys have tags and ACLs, no storage class: so the gate allows instead of
denying (what nothing allows is refused), and archive classes are a note, not a rule.
"""

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from handler.model import Action, Mode
from handler.policy.rules import Policy
from handler.upload import records
from scripts.deploy.deployment import BadDeployment, Deployment
from scripts.deploy.rights import EVERYTHING, Right, function_rights, is_exact, policy_actions, widen

Document = dict[str, Any]
ABANDONED_DAYS = 3
# Far longer than any event is redelivered, and long enough to ask about a month.
LEDGER_DAYS = 90
PUBLIC_ACLS = ["public-read", "public-read-write"]


def write_documents(deployment: Deployment, *, versioned: Sequence[str]) -> dict[str, Document | str]:
    """Every document but the gate, by the name of its file. Raises BadDeployment."""
    watched = deployment.settings.watched_buckets
    strangers = [bucket for bucket in versioned if bucket not in watched]
    if strangers:
        raise BadDeployment(f"--versioned {', '.join(strangers)}: not watched; the watched ones: {', '.join(watched)}")
    documents: dict[str, Document | str] = {
        "function-role-trust.json": _trust("fc.aliyuncs.com"),
        "function-role.json": function_document(deployment, versioned=versioned),
        "trigger-role-trust.json": _trust("oss.aliyuncs.com"),
        "trigger-role.json": trigger_document(deployment),
    }
    for bucket in watched:
        documents[f"uploaders-{bucket}.json"] = upload_document(deployment, bucket)
    if deployment.policy.quarantine is not None:
        # What is held stays: it may be proof.
        documents["quarantine-lifecycle.xml"] = lifecycle(
            "abandoned-parts", deployment.policy.quarantine.prefix, "AbortMultipartUpload", ABANDONED_DAYS
        )
    if deployment.settings.ledger_bucket is not None:
        # Releases stay: what was restored stays restored.
        documents["ledger-lifecycle.xml"] = lifecycle("old-records", records.ROOT, "Expiration", LEDGER_DAYS)
    return documents


def function_document(deployment: Deployment, *, versioned: Sequence[str]) -> Document:
    """What the function's role may."""
    settings = deployment.settings
    rights = function_rights(deployment.policy, settings.watched_buckets, versioned, settings.ledger_bucket)
    by_resource: dict[str, list[str]] = {}
    for right in rights:
        by_resource.setdefault(_resource(deployment, right), []).append(right.action)
    statements = [_allow(actions, [resource]) for resource, actions in sorted(by_resource.items())]
    statements.append(_allow(["mns:SendMessage"], [deployment.dead_letters]))
    return _document(statements)


def trigger_document(deployment: Deployment) -> Document:
    """What the role of the triggers may: call this function."""
    function = f"acs:fc:{deployment.region}:{deployment.account}:functions/{deployment.function_name}"
    return _document([_allow(["fc:InvokeFunction"], [function, f"{function}/*"])])


def upload_document(deployment: Deployment, bucket: str) -> Document:
    """What whoever uploads may: write objects that will be judged, without our tags.

    To set any tag takes oss:PutObjectTagging, which is not given. The denials hold where other policies give more.
    Raises BadDeployment where the scope can't be said as a RAM pattern.
    """
    policy = deployment.policy
    _require_exact(policy, ("include", "exclude"))
    included = [_object(deployment, bucket, glob.text) for glob in policy.scope.include]
    excluded = [_object(deployment, bucket, glob.text) for glob in policy.scope.exclude]
    everything = [_object(deployment, bucket, "**")]
    writing = ["oss:PutObject", "oss:PutObjectTagging"]
    statements = [
        _allow(["oss:PutObject", "oss:AbortMultipartUpload"], included),
        *(_deny(writing, everything, _tag_condition(key)) for key in our_tags(policy)),
        # An object that is public by its own ACL is read past any gate.
        _deny(["oss:PutObject"], everything, {"StringEquals": {"oss:x-oss-object-acl": PUBLIC_ACLS}}),
        _deny(["oss:PutObjectAcl", "oss:DeleteObjectTagging"], everything, {}),
    ]
    if excluded:
        statements.append(_deny(["oss:PutObject"], excluded, {}))
    return _document(statements)


def our_tags(policy: Policy) -> list[str]:
    """The keys of every tag that the function can set under this policy."""
    names = {"status", "policy", "labels", *(name for rule in policy.rules for name in rule.tags)}
    return sorted(policy.tags.prefix + name for name in names)


def gate_document(deployment: Deployment, bucket: str, readers: Sequence[str]) -> Document:
    """The bucket policy "readable only once passed", for a bucket whose ACL is private.

    `readers` are account or user ids, or ARNs of assumed roles; `*` is everybody. An allowance takes nothing from the
    function's and the moderation service's roles, which read by rights of their own. Raises BadDeployment where it
    would lock out what is never tagged passed.
    """
    policy = deployment.policy
    if policy.mode is Mode.SHADOW:
        raise BadDeployment("no gate with mode: shadow: nothing is tagged, so that nothing could be read; set enforce")
    if Action.NONE in policy_actions(policy):
        raise BadDeployment("no gate with the action none: what is left untagged can't be read; write pass or tag")
    if [glob.text for glob in policy.scope.include] != ["**"]:
        raise BadDeployment(
            "no gate with a narrowed scope.include: all other keys are never tagged and could not be read; "
            'include ["**"] and exclude what is not to be judged'
        )
    _require_exact(policy, ("exclude",))
    tag = f"oss:ExistingObjectTag/{policy.tags.prefix}status"
    passed = _allow(["oss:GetObject"], [_object(deployment, bucket, "**")])
    passed |= {"Principal": [*readers], "Condition": {"StringEquals": {tag: ["passed"]}}}
    statements = [passed]
    if policy.scope.exclude:
        unjudged = _allow(["oss:GetObject"], [_object(deployment, bucket, glob.text) for glob in policy.scope.exclude])
        statements.append({**unjudged, "Principal": [*readers]})
    return _document(statements)


def lifecycle(name: str, prefix: str, rule: str, days: int) -> str:
    """A lifecycle document of one rule: `Expiration` of objects, or `AbortMultipartUpload`, after so many days."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<LifecycleConfiguration>\n  <Rule>\n'
        f"    <ID>{name}</ID>\n    <Prefix>{escape(prefix)}</Prefix>\n    <Status>Enabled</Status>\n"
        f"    <{rule}><Days>{days}</Days></{rule}>\n"
        "  </Rule>\n</LifecycleConfiguration>\n"
    )


def _require_exact(policy: Policy, parts: Sequence[str]) -> None:
    for part in parts:
        for glob in getattr(policy.scope, part):
            if not is_exact(glob.text):
                raise BadDeployment(
                    f"scope.{part} {glob.text!r} can't be said in a RAM policy, where * passes every slash and ? is "
                    "any character; write ** for *, or write this document by hand"
                )


def _tag_condition(key: str) -> Document:
    return {"StringLike": {f"oss:RequestObjectTag/{key}": ["*"]}}


def _resource(deployment: Deployment, right: Right) -> str:
    if right.resource == EVERYTHING:
        return EVERYTHING
    return f"acs:oss:*:{deployment.account}:{right.resource}"


def _object(deployment: Deployment, bucket: str, glob: str) -> str:
    return f"acs:oss:*:{deployment.account}:{bucket}/{widen(glob)}"


def _trust(service: str) -> Document:
    principal = {"Service": [service]}
    return _document([{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}])


def _allow(actions: Sequence[str], resources: Sequence[str]) -> Document:
    return {"Effect": "Allow", "Action": [*actions], "Resource": [*resources]}


def _deny(actions: Sequence[str], resources: Sequence[str], condition: Document) -> Document:
    denied = {"Effect": "Deny", "Action": [*actions], "Resource": [*resources]}
    return {**denied, "Condition": condition} if condition else denied


def _document(statements: Sequence[Document]) -> Document:
    return {"Version": "1", "Statement": [*statements]}
