"""The errors of OSS in our words, in one place. Most specific first.

Only the code, the status and the request id are repeated, and only where they look like one: the body of an OSS error
can hold keys and signatures.
"""

import oss2

from handler.adapters.oss.network import explain
from handler.errors import CannotCopy, ObjectChanged, ObjectGone, OperatorError, StoreUnavailable, WardenError, plain

HTTP_NOT_MODIFIED = 304
HTTP_NOT_FOUND = 404
HTTP_PRECONDITION_FAILED = 412
HTTP_TOO_MANY_REQUESTS = 429
HTTP_SERVER_ERROR = 500
# Negative statuses are oss2's own: no connection, a checksum that does not fit, an answer that can't be read.
FAULTS_ON_THE_WAY = frozenset(
    {
        oss2.exceptions.OSS_REQUEST_ERROR_STATUS,
        oss2.exceptions.OSS_INCONSISTENT_ERROR_STATUS,
        oss2.exceptions.OSS_FORMAT_ERROR_STATUS,
        HTTP_TOO_MANY_REQUESTS,
    }
)
# NoSuchUpload: the answer to the completion of a multipart copy was lost, and the copy is asked for again.
PASSING_CODES = frozenset({"RequestTimeout", "QpsLimitExceeded", "DownloadTrafficRateLimitExceeded", "NoSuchUpload"})
# What is archived can be read as little as copied.
ARCHIVED_CODE = "InvalidObjectState"
# OSS API reference, CopyObject: an archived object must be restored first; an appendable object in a versioned bucket
# is not copied.
UNCOPIABLE_CODES = frozenset({ARCHIVED_CODE, "OperationNotSupported", "ObjectNotAppendable"})
# Something is there already: a write that forbids an overwrite, or one that a retention policy of the bucket forbids.
TAKEN_CODES = frozenset({"FileAlreadyExists", "FileImmutable"})
# A link whose target is missing, or is itself a link: there are no bytes behind the key.
LINK_TARGET_CODES = frozenset({"SymlinkTargetNotExist", "InvalidTargetType"})
# OSS gives data of this account to nobody over its public address (mainland regions, accounts since March 2025:
# "Access OSS through a custom domain name").
PUBLIC_ENDPOINT_FORBIDDEN = "PublicEndpointForbidden"
WRONG_REGION = "the region is not that of the bucket, or the endpoint is another region's"
MISFIT = (
    "the token does not fit the key; check the function's role, or in a command ALIBABA_CLOUD_SECURITY_TOKEN: unset it "
    "for keys that are not temporary"
)
# Whoever asks is the function by its role, or a person by the keys of a command's environment.
HINTS = {
    "NoSuchBucket": "create the bucket, or mend its name in the settings",
    "InvalidAccessKeyId": "the key is unknown or disabled; check the function's role, or in a command "
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the credentials are wrong: another key's, or cut; check the function's role, or in a "
    "command ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "SecurityTokenExpired": "the token has run out; Function Compute renews it with the next instance, for a command "
    "take new keys: all three ALIBABA_CLOUD_… variables",
    "InvalidSecurityToken": MISFIT,
    "AccessKeyIdAndSecurityTokenNotMatch": MISFIT,
    "RequestTimeTooSkewed": "the clock of the caller is more than 15 minutes off; set it right",
    "FileImmutable": "a retention policy (WORM) of the bucket keeps the object; until its time is over nobody can "
    "remove or overwrite it",
    "FileAlreadyExists": "something is there already, and nothing is overwritten",
    PUBLIC_ENDPOINT_FORBIDDEN: "OSS gives data of this account to nobody over its public address; map a domain of your "
    "own to the bucket, and name it in OSS_CUSTOM_DOMAINS; run a command inside the region, with the internal "
    "address of OSS as its endpoint",
    ARCHIVED_CODE: "an archived object has to be restored first",
    "KmsServiceNotEnabled": "the object or the bucket is encrypted by KMS, which this account has not activated",
    "InvalidEncryptionAlgorithmError": "the bucket or the object names an encryption that OSS does not have here",
}

# RAM's names for what each call needs, by the words that name the call.
RIGHTS = {
    "look at": "oss:GetObject",
    "read the link": "oss:GetObject",
    "read the tags of": "oss:GetObjectTagging",
    "read the ACL of": "oss:GetObjectAcl",
    "tag": "oss:PutObjectTagging",
    "copy": "oss:GetObject there, oss:PutObject and oss:PutObjectTagging where the copy goes, and kms:Decrypt and "
    "kms:GenerateDataKey on the key of what is encrypted by KMS",
    "read by a link": "oss:GetObject",
    "read": "oss:GetObject, and kms:Decrypt on the key of what is encrypted by KMS",
    "list the unfinished copies of": "oss:ListMultipartUploads",
    "list the parts of": "oss:ListParts",
    "abort the copy to": "oss:AbortMultipartUpload",
    "delete": "oss:DeleteObject",
    "list the versions of": "oss:ListObjectVersions",
    "list": "oss:ListObjects",
    "write": "oss:PutObject",
    "create": "oss:PutObject",
    "check": "oss:GetBucketVersioning",
}


def translate(exc: oss2.exceptions.OssError, doing: str) -> WardenError:
    """Say it in our words; `doing` names the call and the object, with the key as data (`copy uploads/'a.jpg'`)."""
    if isinstance(exc, oss2.exceptions.RequestError):
        return StoreUnavailable(f"could not {doing}: OSS gave no answer ({explain(exc.exception)})")
    # oss2's SelectOperationFailed has no request id.
    request_id = plain(getattr(exc, "request_id", ""), "id")
    code = plain(exc.code or type(exc).__name__, "code")
    facts = f"could not {doing}: OSS says {code} (HTTP {exc.status}, request {request_id})"
    if exc.status in FAULTS_ON_THE_WAY or exc.status >= HTTP_SERVER_ERROR or exc.code in PASSING_CODES:
        return StoreUnavailable(facts)
    if exc.code in LINK_TARGET_CODES or (exc.status == HTTP_NOT_FOUND and exc.code != "NoSuchBucket"):
        return ObjectGone(facts)
    if exc.status in {HTTP_PRECONDITION_FAILED, HTTP_NOT_MODIFIED}:
        return ObjectChanged(facts)
    if exc.code in UNCOPIABLE_CODES:
        return CannotCopy(f"{facts}; {HINTS.get(exc.code, 'OSS does not copy an object of this kind')}")
    return OperatorError(f"{facts}; {WRONG_REGION if _is_elsewhere(exc) else _hint(exc.code, doing)}")


def code_of(exc: WardenError) -> str | None:
    """The code of OSS's answer behind an error of ours, where there is one."""
    return getattr(exc.__cause__, "code", None)


def _is_elsewhere(exc: oss2.exceptions.OssError) -> bool:
    """Whether OSS says that the bucket is in another region.

    To an endpoint of another region it answers 403 AccessDenied and names the right one; to a signature for another one
    400 InvalidArgument (vendor's page on status code 403; oss2's own test of signatures, EC 0002-00000226).
    """
    if exc.code == "AccessDenied":
        return "Endpoint" in exc.details
    return exc.code == "InvalidArgument" and "signing region" in exc.details.get("Message", "")


def _hint(code: str, doing: str) -> str:
    if code != "AccessDenied":
        return HINTS.get(code, "this is no fault of the object")
    right = next((right for words, right in RIGHTS.items() if doing.startswith(words + " ")), "the right to do so")
    # An operator's command makes the same calls, with keys of his own.
    asks = "whoever asks (the function's role; in a command, your own user)"
    grant = f"give {asks} {right} (in a bucket with versions the …Version form too)"
    return f"{grant}, or look for a bucket policy that denies it"
