"""What people may with keys of their own: whoever deploys, and whoever looks after it.

One source of `deployer.json`, `operators.json` and of the two tables in docs/operations.md, which a test compares.

Sources, none tried on a live account. Which calls `s deploy` makes: the component fc3 (src/subCommands/deploy/impl,
src/resources/fc/index.ts), and the minimal permissions on its page on triggers. Which action and resource a call of
Function Compute needs: the tables "RAM authorization" of its API reference, 2023-03-30 (CreateFunction can't be
narrowed to one function; DisableFunctionInvocation and EnableFunctionInvocation can). The vendor's pages name the right
to the asynchronous configuration in two ways, so both are given. Actions on OSS: "Permissions" of its API reference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handler.upload import releases
from scripts.deploy.choices import Choices
from scripts.deploy.deployment import Deployment
from scripts.deploy.rights import EVERYTHING, MODERATE, Right
from scripts.deploy.statements import Document, allow_each, document, function_arn

QUARANTINE, HELD = "quarantine", "quarantine, `held/*`"
UPLOADS, UPLOADED = "uploads", "uploads, `*`"
LEDGER, RECORDS, RELEASES = "ledger", "ledger, `ledger/*` and `release/*`", "ledger, `release/*`"
KEYS, FUNCTION, ROLES, ACCOUNT = "each key of KMS", "the function", "both roles", "everything, `*`"
LOG, QUEUE, LETTERS = "the log's project", "the queue", "the queue's messages"


@dataclass(frozen=True, slots=True)
class Row:
    """What some commands need: actions on a place, which is named as in docs/operations.md."""

    commands: str
    place: str
    actions: tuple[str, ...]


DEPLOYER = (
    Row("s deploy", ACCOUNT, ("fc:CreateFunction", "fc:GetTempBucketToken")),
    Row(
        "s deploy",
        FUNCTION,
        (
            "fc:GetFunction",
            "fc:UpdateFunction",
            "fc:GetAsyncInvokeConfig",
            "fc:PutAsyncInvokeConfig",
            "fc:GetFunctionAsyncInvokeConfig",
            "fc:PutFunctionAsyncInvokeConfig",
            "fc:GetConcurrencyConfig",
            "fc:PutConcurrencyConfig",
            "fc:ListTriggers",
            "fc:GetTrigger",
            "fc:CreateTrigger",
            "fc:UpdateTrigger",
        ),
    ),
    Row("s deploy", ROLES, ("ram:PassRole",)),
    Row(
        "s deploy",
        UPLOADS,
        (
            "oss:ListBucket",
            "oss:GetBucketEventNotification",
            "oss:PutBucketEventNotification",
            "oss:DeleteBucketEventNotification",
        ),
    ),
    *(
        Row(
            "doctor --live",
            place,
            (
                "oss:GetBucketInfo",
                "oss:GetBucketEncryption",
                "oss:GetBucketWorm",
                "oss:GetBucketReplication",
                *more,
            ),
        )
        for place, more in {
            UPLOADS: ("oss:GetBucketPublicAccessBlock", "oss:ListObjects"),
            QUARANTINE: ("oss:GetBucketLifecycle",),
            LEDGER: ("oss:GetBucketLifecycle", "oss:GetBucketVersioning"),
        }.items()
    ),
    Row("doctor --live", UPLOADED, ("oss:GetObject",)),
    Row(
        "doctor --live",
        FUNCTION,
        ("fc:GetFunction", "fc:GetAsyncInvokeConfig", "fc:GetConcurrencyConfig", "fc:ListTriggers"),
    ),
    # Two pages of the Log Service name the right to list alerts in two ways.
    Row(
        "doctor --live",
        LOG,
        ("log:GetLogStore", "log:GetIndex", "log:ListAlerts", "log:ListJobs", "log:GetDashboard"),
    ),
    Row("doctor --live", QUEUE, ("mns:GetQueueAttributes",)),
    Row("doctor --live", ACCOUNT, ("oss:GetPublicAccessBlock", MODERATE)),
)
OPERATORS = (
    Row(
        "find, restore",
        HELD,
        ("oss:GetObject", "oss:GetObjectTagging", "oss:GetObjectVersion", "oss:GetObjectVersionTagging"),
    ),
    Row("restore", HELD, ("oss:PutObjectTagging", "oss:PutObjectVersionTagging")),
    Row("find, restore", QUARANTINE, ("oss:ListObjects",)),
    Row("find, restore", UPLOADED, ("oss:GetObject", "oss:GetObjectVersion")),
    Row("restore", UPLOADED, ("oss:PutObject", "oss:PutObjectTagging", "oss:AbortMultipartUpload")),
    Row("find, restore", UPLOADS, ("oss:ListObjectVersions", "oss:ListObjects")),
    Row("find, restore", RECORDS, ("oss:GetObject",)),
    Row("restore", RELEASES, ("oss:PutObject",)),
    Row("find, restore", LEDGER, ("oss:ListObjects",)),
    Row("find, restore", KEYS, ("kms:Decrypt", "kms:GenerateDataKey")),
    # The pages on the two calls name the rights of a batch; those of single messages do no harm beside them.
    Row(
        "letters",
        LETTERS,
        ("mns:BatchReceiveMessage", "mns:BatchDeleteMessage", "mns:ReceiveMessage", "mns:DeleteMessage"),
    ),
    Row("redrive", FUNCTION, ("fc:InvokeFunction",)),
    Row("stop, start", FUNCTION, ("fc:GetFunction", "fc:DisableFunctionInvocation", "fc:EnableFunctionInvocation")),
)


def deployer_document(deployment: Deployment, choices: Choices) -> Document:
    """What whoever deploys needs, and whoever asks `doctor --live`."""
    return _write(deployment, choices, DEPLOYER)


def operators_document(deployment: Deployment, choices: Choices) -> Document:
    """What find, restore, letters, redrive, stop and start need. Whoever has it can make an image pass."""
    return _write(deployment, choices, OPERATORS)


def _write(deployment: Deployment, choices: Choices, rows: Sequence[Row]) -> Document:
    return document(allow_each(deployment, {*_rights(deployment, choices, rows)}))


def _rights(deployment: Deployment, choices: Choices, rows: Sequence[Row]) -> Iterator[Right]:
    places = _places(deployment, choices)
    for row in rows:
        for resource in places[row.place]:
            for action in row.actions:
                yield Right(action, resource)


def _places(deployment: Deployment, choices: Choices) -> dict[str, list[str]]:
    """The resources of each place; none where the deployment has no such place."""
    settings, rules = deployment.settings, deployment.policy.quarantine
    ledger = [] if settings.ledger_bucket is None else [settings.ledger_bucket]
    function, watched = function_arn(deployment), settings.watched_buckets
    roles = (deployment.function_role, *deployment.trigger_roles)
    project = f"acs:log:{deployment.region}:{deployment.account}:project/{deployment.log_project}"
    return {
        LOG: [project, f"{project}/*"],
        QUEUE: [deployment.dead_letters.removesuffix("/messages")],
        LETTERS: [deployment.dead_letters],
        QUARANTINE: [rules.bucket] if rules else [],
        HELD: [f"{rules.bucket}/{rules.prefix}*"] if rules else [],
        UPLOADS: [*watched],
        UPLOADED: [f"{bucket}/*" for bucket in watched],
        LEDGER: ledger,
        RECORDS: [f"{bucket}/{folder}*" for bucket in ledger for folder in ("ledger/", releases.RELEASES)],
        RELEASES: [f"{bucket}/{releases.RELEASES}*" for bucket in ledger],
        KEYS: [*choices.kms_keys],
        FUNCTION: [function, f"{function}/*"],
        ROLES: [f"acs:ram:*:{deployment.account}:role/{name}" for name in dict.fromkeys(roles)],
        ACCOUNT: [EVERYTHING],
    }
