"""The errors of OSS in our words."""

from collections.abc import Callable, Iterator
from typing import Any

import oss2
import pytest

from handler.adapters.oss.errors import translate
from handler.errors import (
    CannotCopy,
    ObjectChanged,
    ObjectGone,
    OperatorError,
    StoreUnavailable,
    WardenError,
)

SECRETS = "<StringToSign>OSS4-HMAC the-secret</StringToSign><AccessKeyId>LTAIkey</AccessKeyId> Signature=abc"
OPERATOR = {
    "AccessDenied",
    "BucketNotEmpty",
    "BucketReplicationAlreadyExist",
    "ChannelStillLive",
    "Conflict",
    "InvalidArgument",
    "InvalidDigest",
    "InvalidEncryptionAlgorithmError",
    "InvalidEncryptionRequest",
    "InvalidObjectName",
    "InvalidRequest",
    "InvalidWORMConfiguration",
    "LiveChannelDisabled",
    "MalformedXml",
    "NoSuchBucket",
    "NotImplemented",
    "ObjectAlreadyExists",
    "PartNotSequential",
    "PositionNotEqualToLength",
    "RestoreAlreadyInProgress",
    "SignatureDoesNotMatch",
    "WORMConfigurationLocked",
    "ClientError",
    "SelectOperationClientError",
}
# Codes of the API reference that oss2 has no class for, and classes that need a closer look.
GONE = {
    "NotFound",
    "NoSuchKey",
    "NoSuchWebsite",
    "NoSuchLifecycle",
    "NoSuchCors",
    "NoSuchLiveChannel",
    "NoSuchBucketPolicy",
    "NoSuchInventory",
    "NoSuchReplicationRule",
    "NoSuchServerSideEncryptionRule",
    "NoSuchWORMConfiguration",
    "NoSuchTransferAccelerationConfiguration",
}
OTHERS: dict[str, type[WardenError]] = {
    "RequestError": StoreUnavailable,
    "InconsistentError": StoreUnavailable,
    "OpenApiFormatError": StoreUnavailable,
    "OpenApiServerError": StoreUnavailable,
    "NoSuchUpload": StoreUnavailable,
    "ServerError": StoreUnavailable,
    "SelectOperationFailed": StoreUnavailable,
    "PreconditionFailed": ObjectChanged,
    "NotModified": ObjectChanged,
    "OperationNotSupported": CannotCopy,
    "ObjectNotAppendable": CannotCopy,
}
EXPECTED = {**dict.fromkeys(OPERATOR, OperatorError), **dict.fromkeys(GONE, ObjectGone), **OTHERS}


def subclasses(made: Any) -> Iterator[Any]:  # noqa: ANN401  (oss2 has no types)
    """All classes below one."""
    for sub in made.__subclasses__():
        yield sub
        yield from subclasses(sub)


SDK_ERRORS = sorted(set(subclasses(oss2.exceptions.OssError)), key=lambda made: made.__name__)


def build(made: Any) -> Any:  # noqa: ANN401  (oss2 has no types)
    """An error of this class, full of what must not be repeated."""
    own: dict[str, Callable[[], Any]] = {
        "ClientError": lambda: made(SECRETS),
        "RequestError": lambda: made(ValueError(SECRETS)),
        "InconsistentError": lambda: made(SECRETS, "R-1"),
        "OpenApiFormatError": lambda: made(SECRETS),
        "OpenApiServerError": lambda: made(500, "R-1", SECRETS, "InternalError"),
        "SelectOperationClientError": lambda: made(SECRETS, "R-1"),
        "SelectOperationFailed": lambda: made(500, "SelectOperationFailed", SECRETS),
    }
    if made.__name__ in own:
        return own[made.__name__]()
    status = getattr(made, "status", 500)
    code = getattr(made, "code", "InternalError")
    return server_error(status, code, made)


def server_error(status: int, code: str | None, made: Any = oss2.exceptions.ServerError) -> Any:  # noqa: ANN401  (as above)
    """What OSS answered."""
    details = {"Code": code, "Message": SECRETS, "StringToSign": "the-secret"}
    headers = {"x-oss-request-id": "R-1", "Authorization": SECRETS, "x-oss-next-append-position": "0"}
    return made(status, headers, SECRETS, details)


def said_safely(exc: WardenError) -> str:
    """The message, which repeats none of the secrets."""
    said = f"{exc} {exc!r}"
    assert not [word for word in ("secret", "LTAIkey", "Signature=", "OSS4") if word in said]
    return str(exc)


@pytest.mark.parametrize("made", SDK_ERRORS, ids=lambda made: str(made.__name__))
def test_every_exception_of_the_sdk_is_mapped(made: type) -> None:
    """Each class of oss2 has its place; a new one fails here until it is placed."""
    assert made.__name__ in EXPECTED, f"{made} is new: say what it means"
    exc = translate(build(made), "look at uploads/'a.jpg'")
    assert type(exc) is EXPECTED[made.__name__]
    assert said_safely(exc).startswith("could not look at uploads/'a.jpg': OSS ")


def test_every_placed_class_still_exists() -> None:
    """The table holds nothing that oss2 has not."""
    assert set(EXPECTED) == {made.__name__ for made in SDK_ERRORS}


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (500, "InternalError", StoreUnavailable),
        (503, "ServiceUnavailable", StoreUnavailable),
        (503, "QpsLimitExceeded", StoreUnavailable),
        (429, "TooManyRequests", StoreUnavailable),
        (403, "QpsLimitExceeded", StoreUnavailable),
        (403, "DownloadTrafficRateLimitExceeded", StoreUnavailable),
        (400, "RequestTimeout", StoreUnavailable),
        (404, "", ObjectGone),
        (404, None, ObjectGone),
        (404, "NoSuchVersion", ObjectGone),
        (404, "SymlinkTargetNotExist", ObjectGone),
        (400, "InvalidTargetType", ObjectGone),
        (412, "", ObjectChanged),
        (304, "", ObjectChanged),
        (403, "InvalidObjectState", CannotCopy),
        (400, "OperationNotSupported", CannotCopy),
        (404, "NoSuchBucket", OperatorError),
        (403, "", OperatorError),
        (400, None, OperatorError),
        (409, "FileImmutable", OperatorError),
    ],
)
def test_codes_without_a_class_are_mapped_too(status: int, code: str | None, expected: type[WardenError]) -> None:
    """By code where it says more than the status, also where a HEAD brought none."""
    assert type(translate(server_error(status, code), "x")) is expected


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (403, "AccessDenied", "(the function's role; in a command, your own user) oss:PutObjectTagging"),
        (404, "NoSuchBucket", "create the bucket"),
        (403, "InvalidAccessKeyId", "check the function's role"),
        (403, "SecurityTokenExpired", "the token has run out"),
        (403, "RequestTimeTooSkewed", "15 minutes off"),
        (400, "InvalidArgument", "no fault of the object"),
        (409, "FileImmutable", "until its time is over nobody can remove or overwrite it"),
        (409, "FileAlreadyExists", "nothing is overwritten"),
        (403, "KmsServiceNotEnabled", "has not activated"),
        (400, "InvalidEncryptionAlgorithmError", "names an encryption"),
        (400, "PublicEndpointForbidden", "name it in OSS_CUSTOM_DOMAINS"),
        (403, "InvalidAccessKeyId", "in a command ALIBABA_CLOUD_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "in a command ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
        (403, "AccessKeyIdAndSecurityTokenNotMatch", "the token does not fit the key"),
    ],
)
def test_operator_is_told_what_to_mend(status: int, code: str, hint: str) -> None:
    """What, where, the request to quote, and what would be right."""
    message = said_safely(translate(server_error(status, code), "tag uploads/'a.jpg'"))
    assert message.startswith(f"could not tag uploads/'a.jpg': OSS says {code} (HTTP {status}, request R-1); ")
    assert hint in message


@pytest.mark.parametrize(
    ("code", "details"),
    [
        ("AccessDenied", {"Endpoint": "oss-cn-hangzhou.aliyuncs.com"}),
        ("InvalidArgument", {"Message": "Invalid signing region in Authorization header."}),
    ],
)
def test_a_bucket_of_another_region_is_no_missing_right(code: str, details: dict[str, str]) -> None:
    """OSS says it in words and in the right endpoint; neither right nor object is at fault."""
    error = server_error(403, code)
    error.details.update(details)
    message = said_safely(translate(error, "list uploads/''"))
    assert "the region is not that of the bucket" in message
    assert "give" not in message


@pytest.mark.parametrize(
    ("doing", "right"),
    [
        ("list ledger/'release/'", "oss:ListObjects"),
        ("create ledger/'release/1.json'", "oss:PutObject"),
        ("check ledger/''", "oss:GetBucketVersioning"),
        ("list the versions of uploads/'a.jpg'", "oss:ListObjectVersions"),
        ("copy uploads/'a.jpg'", "kms:Decrypt and kms:GenerateDataKey on the key"),
        ("read held/'a.jpg'", "oss:GetObject, and kms:Decrypt on the key"),
        ("read the tags of held/'a.jpg'", "oss:GetObjectTagging "),
        ("list the unfinished copies of held/'a.jpg'", "oss:ListMultipartUploads "),
        ("list the parts of held/'a.jpg'", "oss:ListParts "),
        ("abort the copy to held/'a.jpg'", "oss:AbortMultipartUpload "),
    ],
)
def test_missing_right_is_named_by_the_call(doing: str, right: str) -> None:
    """In RAM's words."""
    assert right in said_safely(translate(server_error(403, "AccessDenied"), doing))


@pytest.mark.parametrize(
    ("code", "reason"),
    [("InvalidObjectState", "an archived object has to be restored first"), ("OperationNotSupported", "of this kind")],
)
def test_reason_why_nothing_is_copied_is_true(code: str, reason: str) -> None:
    """What is not archived can't be restored."""
    assert said_safely(translate(server_error(400, code), "copy uploads/'a.jpg'")).endswith(reason)


def test_error_without_a_code_is_named_by_its_class() -> None:
    """A connection that failed has no code."""
    message = said_safely(translate(oss2.exceptions.RequestError(ValueError(SECRETS)), "x"))
    assert message == "could not x: OSS gave no answer (ValueError)"


@pytest.mark.parametrize("code", ["Signature=secret", "secret\nline", "secret" * 11, "<secret/>", "secr\u00e9t-secret"])
def test_a_code_that_is_none_is_not_repeated(code: str) -> None:
    """It may hold what was sent, or look like a line of a log."""
    message = said_safely(translate(server_error(403, code), "x"))
    assert message.startswith("could not x: OSS says an unreadable code (HTTP 403, request R-1); ")
