"""The rights as documents for RAM and OSS, ready to apply; scripts/deploy/statements.py has their grammar."""

import re
import shlex
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from handler.model import Action, Mode
from handler.policy.rules import Policy
from handler.upload import records
from scripts.deploy.choices import Choices
from scripts.deploy.deployment import BadDeployment, Deployment
from scripts.deploy.people import deployer_document, operators_document
from scripts.deploy.rights import EVERYTHING, function_rights, is_exact, policy_actions
from scripts.deploy.statements import (
    Document,
    allow,
    allow_each,
    bucket_arn,
    deny,
    document,
    function_arn,
    object_arn,
    trust,
)
from scripts.deploy.uploading import DENIED, DENIED_ANYWHERE, flatten

# A copy in parts is left unfinished between deliveries, and gone on with. No delivery comes later than a redrive, and a
# queue keeps a dead letter for 7 days at the most. Until then its parts are billed.
ABANDONED_DAYS = 7
# Far longer than any event is redelivered, and long enough to ask about a month.
LEDGER_DAYS = 90
PUBLIC_ACLS = ["public-read", "public-read-write"]
# Source: "Use RAM to control access to KMS resources" of the KMS documentation.
_KEY = re.compile(r"acs:kms:([a-z0-9-]+):[0-9]{16}:key/[A-Za-z0-9-]+")
# "Policy syntax and elements" of the OSS user guide, Principal: `UID|*`, for a user, an account or a role; none at all
# is everybody there, so that nothing empty may pass.
_READER = re.compile(r"\*|[0-9]+|(arn|acs):[^\s\"']+")


def write_documents(deployment: Deployment, choices: Choices) -> dict[str, Document | str]:
    """Every document, by the name of its file. Raises BadDeployment."""
    watched = deployment.settings.watched_buckets
    strangers = [bucket for bucket in choices.versioned if bucket not in watched]
    if strangers:
        named = ", ".join(map(shlex.quote, strangers))
        raise BadDeployment(f"--versioned {named}: not watched; the watched ones: {', '.join(watched)}")
    if choices.readers and not choices.gate:
        raise BadDeployment("--reader says who reads past a gate, and there is none; give --gate too")
    for reader in choices.readers:
        _require_reader(reader)
    for key in choices.kms_keys:
        _require_key(deployment, key)
    documents: dict[str, Document | str] = {
        "function-role-trust.json": trust("fc.aliyuncs.com"),
        "function-role.json": function_document(deployment, choices),
        "trigger-role-trust.json": trust("oss.aliyuncs.com"),
        "trigger-role.json": trigger_document(deployment),
        "deployer.json": deployer_document(deployment, choices),
        "operators.json": operators_document(deployment, choices),
    }
    for bucket in watched:
        documents[f"uploaders-{bucket}.json"] = upload_document(deployment, bucket)
        if choices.gate:
            documents[f"gate-{bucket}.json"] = gate_document(deployment, bucket, choices.who_reads)
    return documents | dict(_lifecycles(deployment))


def _lifecycles(deployment: Deployment) -> Iterator[tuple[str, str]]:
    if deployment.policy.quarantine is not None:
        # What is held stays: it may be proof.
        prefix = deployment.policy.quarantine.prefix
        yield "quarantine-lifecycle.xml", lifecycle("abandoned-parts", prefix, "AbortMultipartUpload", ABANDONED_DAYS)
    if deployment.settings.ledger_bucket is not None:
        # Releases stay: what was restored stays restored.
        yield "ledger-lifecycle.xml", lifecycle("old-records", records.ROOT, "Expiration", LEDGER_DAYS)


def _require_key(deployment: Deployment, key: str) -> None:
    found = _KEY.fullmatch(key)
    if found is None or found[1] != deployment.region:
        right = f"acs:kms:{deployment.region}:ACCOUNT:key/ID (ACCOUNT has 16 digits)"
        raise BadDeployment(f"--kms-key {key!r}: not a key of this region; {right}, as the key's page in KMS says it")


def _require_reader(reader: str) -> None:
    if not _READER.fullmatch(reader):
        raise BadDeployment(
            f"--reader {reader!r}: names nobody; the id of an account or a user (digits), "
            "arn:sts::ACCOUNT:assumed-role/ROLE/*, or * for everybody"
        )


def function_document(deployment: Deployment, choices: Choices) -> Document:
    """What the function's role may."""
    settings = deployment.settings
    rights = function_rights(
        deployment.policy,
        settings.watched_buckets,
        choices.versioned,
        settings.ledger_bucket,
        choices.kms_keys,
        in_vpc=deployment.is_in_vpc,
    )
    statements = allow_each(deployment, rights)
    statements.append(allow(["mns:SendMessage"], [deployment.dead_letters]))
    # A function with a role of its own writes its log by that role; without the right no line appears, nor an error.
    statements.append(allow(["log:PostLogStoreLogs"], [_logstore(deployment)]))
    return document(statements)


def _logstore(deployment: Deployment) -> str:
    place = f"project/{deployment.log_project}/logstore/{deployment.logstore}"
    return f"acs:log:{deployment.region}:{deployment.account}:{place}"


def trigger_document(deployment: Deployment) -> Document:
    """What the role of the triggers may: call this function."""
    function = function_arn(deployment)
    return document([allow(["fc:InvokeFunction"], [function, f"{function}/*"])])


def upload_document(deployment: Deployment, bucket: str) -> Document:
    """What whoever uploads may: write objects that will be judged, and nothing in our name or past us.

    To set any tag takes oss:PutObjectTagging, which is not given. The denials hold where other policies give more;
    scripts/deploy/uploading.py has the reason of each. Raises BadDeployment where the scope can't be said as a RAM
    pattern.
    """
    policy = deployment.policy
    _require_exact(policy, ("include", "exclude"))
    included = [object_arn(deployment, bucket, glob.text) for glob in policy.scope.include]
    excluded = [object_arn(deployment, bucket, glob.text) for glob in policy.scope.exclude]
    objects = [object_arn(deployment, bucket, "**")]
    statements = [
        allow(["oss:PutObject", "oss:AbortMultipartUpload"], included),
        *(deny(["oss:PutObject", "oss:PutObjectTagging"], objects, _is_set(key)) for key in our_tags(policy)),
        # It replaces all tags of an object: of one that has ours it would remove them.
        deny(["oss:PutObjectTagging"], objects, {"StringLike": {_existing(policy): ["*"]}}),
        # An object that is public by its own ACL is read past any gate.
        deny(["oss:PutObject"], objects, {"StringEquals": {"oss:x-oss-object-acl": PUBLIC_ACLS}}),
        deny(flatten(DENIED), [bucket_arn(deployment, bucket), *objects], {}),
        deny(flatten(DENIED_ANYWHERE), [EVERYTHING], {}),
        deny(["oss:*"], [bucket_arn(deployment, name) for name in _not_for_uploaders(deployment)], {}),
    ]
    if excluded:
        statements.append(deny(["oss:PutObject"], excluded, {}))
    return document(statements)


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
    passed = allow(["oss:GetObject"], [object_arn(deployment, bucket, "**")])
    passed |= {"Principal": [*readers], "Condition": {"StringEquals": {_existing(policy): ["passed"]}}}
    statements = [passed]
    if policy.scope.exclude:
        unjudged = allow(
            ["oss:GetObject"], [object_arn(deployment, bucket, glob.text) for glob in policy.scope.exclude]
        )
        statements.append({**unjudged, "Principal": [*readers]})
    return document(statements)


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
