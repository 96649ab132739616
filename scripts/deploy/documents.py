"""The rights as documents for RAM and OSS, ready to apply.

Grammar: "Policy syntax and elements" of the OSS documentation. It knows Principal and Resource and neither
NotPrincipal nor NotResource, and its condition keys have tags and ACLs, no storage class: so the gate allows instead of
denying (what nothing allows is refused), and archive classes are a note, not a rule.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape

from handler.model import Action, Mode
from handler.policy.rules import Policy
from handler.upload import records
from scripts.deploy.deployment import BadDeployment, Deployment
from scripts.deploy.rights import EVERYTHING, Right, function_rights, is_exact, policy_actions, widen
from scripts.deploy.uploading import DENIED, DENIED_ANYWHERE, flatten

Document = dict[str, Any]
# A copy in parts is left unfinished between deliveries, and gone on with. No delivery comes later than a redrive, and a
# queue keeps a dead letter for 7 days at the most. Until then its parts are billed.
ABANDONED_DAYS = 7
# Far longer than any event is redelivered, and long enough to ask about a month.
LEDGER_DAYS = 90
PUBLIC_ACLS = ["public-read", "public-read-write"]
# Source: "Use RAM to control access to KMS resources" of the KMS documentation.
_KEY = re.compile(r"acs:kms:([a-z0-9-]+):[0-9]{16}:key/[A-Za-z0-9-]+")


def write_documents(
    deployment: Deployment, *, versioned: Sequence[str], kms_keys: Sequence[str] = ()
) -> dict[str, Document | str]:
    """Every document but the gate, by the name of its file. `kms_keys` are ARNs. Raises BadDeployment."""
    watched = deployment.settings.watched_buckets
    strangers = [bucket for bucket in versioned if bucket not in watched]
    if strangers:
        raise BadDeployment(f"--versioned {', '.join(strangers)}: not watched; the watched ones: {', '.join(watched)}")
    for key in kms_keys:
        _require_key(deployment, key)
    documents: dict[str, Document | str] = {
        "function-role-trust.json": _trust("fc.aliyuncs.com"),
        "function-role.json": function_document(deployment, versioned=versioned, kms_keys=kms_keys),
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


def _require_key(deployment: Deployment, key: str) -> None:
    found = _KEY.fullmatch(key)
    if found is None or found[1] != deployment.region:
        right = f"acs:kms:{deployment.region}:ACCOUNT:key/ID (ACCOUNT has 16 digits)"
        raise BadDeployment(f"--kms-key {key!r}: not a key of this region; {right}, as the key's page in KMS says it")


def function_document(deployment: Deployment, *, versioned: Sequence[str], kms_keys: Sequence[str] = ()) -> Document:
    """What the function's role may."""
    settings = deployment.settings
    rights = function_rights(deployment.policy, settings.watched_buckets, versioned, settings.ledger_bucket, kms_keys)
    by_resource: dict[str, list[str]] = {}
    for right in rights:
        by_resource.setdefault(_resource(deployment, right), []).append(right.action)
    statements = [_allow(actions, [resource]) for resource, actions in sorted(by_resource.items())]
    statements.append(_allow(["mns:SendMessage"], [deployment.dead_letters]))
    # A function with a role of its own writes its log by that role; without the right no line appears, nor an error.
    statements.append(_allow(["log:PostLogStoreLogs"], [_logstore(deployment)]))
    return _document(statements)


def _logstore(deployment: Deployment) -> str:
    place = f"project/{deployment.log_project}/logstore/{deployment.logstore}"
    return f"acs:log:{deployment.region}:{deployment.account}:{place}"


def trigger_document(deployment: Deployment) -> Document:
    """What the role of the triggers may: call this function."""
    function = f"acs:fc:{deployment.region}:{deployment.account}:functions/{deployment.function_name}"
    return _document([_allow(["fc:InvokeFunction"], [function, f"{function}/*"])])


def upload_document(deployment: Deployment, bucket: str) -> Document:
    """What whoever uploads may: write objects that will be judged, and nothing in our name or past us.

    To set any tag takes oss:PutObjectTagging, which is not given. The denials hold where other policies give more;
    scripts/deploy/uploading.py has the reason of each. Raises BadDeployment where the scope can't be said as a RAM
    pattern.
    """
    policy = deployment.policy
    _require_exact(policy, ("include", "exclude"))
    included = [_object(deployment, bucket, glob.text) for glob in policy.scope.include]
    excluded = [_object(deployment, bucket, glob.text) for glob in policy.scope.exclude]
    objects = [_object(deployment, bucket, "**")]
    statements = [
        _allow(["oss:PutObject", "oss:AbortMultipartUpload"], included),
        *(_deny(["oss:PutObject", "oss:PutObjectTagging"], objects, _is_set(key)) for key in our_tags(policy)),
        # It replaces all tags of an object: of one that has ours it would remove them.
        _deny(["oss:PutObjectTagging"], objects, {"StringLike": {_existing(policy): ["*"]}}),
        # An object that is public by its own ACL is read past any gate.
        _deny(["oss:PutObject"], objects, {"StringEquals": {"oss:x-oss-object-acl": PUBLIC_ACLS}}),
        _deny(flatten(DENIED), [_arn(deployment, bucket), *objects], {}),
        _deny(flatten(DENIED_ANYWHERE), [EVERYTHING], {}),
        _deny(["oss:*"], [_arn(deployment, name) for name in _not_for_uploaders(deployment)], {}),
    ]
    if excluded:
        statements.append(_deny(["oss:PutObject"], excluded, {}))
    return _document(statements)


def _not_for_uploaders(deployment: Deployment) -> Iterator[str]:
    """What else is closed to uploaders: what is held, the ledger, and every access point.

    The objects behind an access point go by its name, not their bucket's ("PutAccessPointPolicy" of the OSS API
    reference): no denial for a bucket holds there.
    """
    settings, quarantine = deployment.settings, deployment.policy.quarantine
    if quarantine is not None and quarantine.bucket in settings.watched_buckets:
        yield f"{quarantine.bucket}/{quarantine.prefix}*"
    elif quarantine is not None:
        yield from (quarantine.bucket, f"{quarantine.bucket}/*")
    if settings.ledger_bucket is not None:
        yield from (settings.ledger_bucket, f"{settings.ledger_bucket}/*")
    yield "accesspoint/*"


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
    passed = _allow(["oss:GetObject"], [_object(deployment, bucket, "**")])
    passed |= {"Principal": [*readers], "Condition": {"StringEquals": {_existing(policy): ["passed"]}}}
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


def _is_set(key: str) -> Document:
    return {"StringLike": {f"oss:RequestObjectTag/{key}": ["*"]}}


def _existing(policy: Policy) -> str:
    """The condition key that has the tag by which an object was judged."""
    return f"oss:ExistingObjectTag/{policy.tags.prefix}status"


def _resource(deployment: Deployment, right: Right) -> str:
    is_whole = right.resource == EVERYTHING or right.resource.startswith("acs:")
    return right.resource if is_whole else _arn(deployment, right.resource)


def _object(deployment: Deployment, bucket: str, glob: str) -> str:
    return _arn(deployment, f"{bucket}/{widen(glob)}")


def _arn(deployment: Deployment, resource: str) -> str:
    """A bucket, or `bucket/pattern`, as RAM names it."""
    return f"acs:oss:*:{deployment.account}:{resource}"


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
