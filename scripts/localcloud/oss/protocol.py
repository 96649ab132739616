"""The OSS wire protocol: a request taken apart, an answer, an error; and which API operation a request is."""

import base64
import re
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote, unquote_plus, unquote_to_bytes
from xml.sax.saxutils import escape

MAX_KEY_BYTES = 1023
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")

# One sub-resource in the query decides the operation; the first that is present wins.
_OBJECT_SUBRESOURCES = {
    "GET": {
        "acl": "GetObjectAcl",
        "tagging": "GetObjectTagging",
        "symlink": "GetSymlink",
        "uploadId": "ListParts",
        "objectMeta": "GetObjectMeta",
        "": "GetObject",
    },
    "HEAD": {"objectMeta": "GetObjectMeta", "": "HeadObject"},
    "PUT": {
        "tagging": "PutObjectTagging",
        "acl": "PutObjectAcl",
        "symlink": "PutSymlink",
        "uploadId": "UploadPart",
        "": "PutObject",
    },
    "POST": {
        "uploads": "InitiateMultipartUpload",
        "uploadId": "CompleteMultipartUpload",
        "append": "AppendObject",
        "restore": "RestoreObject",
    },
    "DELETE": {"tagging": "DeleteObjectTagging", "uploadId": "AbortMultipartUpload", "": "DeleteObject"},
}
_BUCKET_SUBRESOURCES = {
    "GET": {
        "versions": "ListObjectVersions",
        "versioning": "GetBucketVersioning",
        "bucketInfo": "GetBucketInfo",
        "location": "GetBucketLocation",
        "uploads": "ListMultipartUploads",
        "encryption": "GetBucketEncryption",
        "lifecycle": "GetBucketLifecycle",
        "worm": "GetBucketWorm",
        "replication": "GetBucketReplication",
        "publicAccessBlock": "GetBucketPublicAccessBlock",
        "list-type": "ListObjectsV2",
        "": "ListObjects",
    },
    "PUT": {
        "versioning": "PutBucketVersioning",
        "acl": "PutBucketAcl",
        "lifecycle": "PutBucketLifecycle",
        "publicAccessBlock": "PutBucketPublicAccessBlock",
        "": "PutBucket",
    },
    "POST": {"delete": "DeleteMultipleObjects", "replication": "PutBucketReplication", "": "PostObject"},
    "DELETE": {"": "DeleteBucket"},
}
_SERVICE_SUBRESOURCES = {
    "GET": {"publicAccessBlock": "GetPublicAccessBlock", "": "ListBuckets"},
    "PUT": {"publicAccessBlock": "PutPublicAccessBlock"},
}


class OssError(Exception):
    """An answer that OSS gives instead of the one hoped for. `headers` go out with it."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


@dataclass(slots=True)
class Answer:
    """What goes back: a status, headers (latin-1 text, as they travel) and a body."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Request:
    """One HTTP request as it came.

    `raw_path` and `raw_query` are still percent-encoded: signatures are made over them. `headers` have lower-case
    names and latin-1 values, byte for byte what was sent. `request_id` is the one that will be answered.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: dict[str, str]
    body: bytes
    source_ip: str
    request_id: str

    @cached_property
    def bucket(self) -> str:
        """The bucket of a path-style request, or nothing for the service itself."""
        return unquote(self.raw_path.removeprefix("/").partition("/")[0])

    @cached_property
    def key(self) -> str:
        """The object's key, raw, or nothing. Bytes that are no UTF-8 are refused: OSS keys are UTF-8."""
        encoded = self.raw_path.removeprefix("/").partition("/")[2]
        try:
            return unquote_to_bytes(encoded).decode("utf-8")
        except UnicodeDecodeError as error:
            raise OssError(400, "InvalidObjectName", "The specified object is not valid.") from error

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The query, decoded. oss2 writes a space as `+`, the presigner as `%20`; a plus is always `%2B`."""
        pairs = (pair.partition("=") for pair in self.raw_query.split("&") if pair)
        return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}

    @property
    def version_id(self) -> str | None:
        """The version that the request names, if any."""
        return self.parameters.get("versionId")


def name_operation(request: Request) -> str:
    """Say which API operation this is, by its name in the OSS API reference. Raises OssError for an unknown one."""
    if not request.bucket:
        table = _SERVICE_SUBRESOURCES
    else:
        table = _OBJECT_SUBRESOURCES if request.key else _BUCKET_SUBRESOURCES
    choices = table.get(request.method, {})
    operation = next((choices[name] for name in choices if name and name in request.parameters), choices.get("", ""))
    if "x-oss-copy-source" in request.headers:
        operation = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}.get(operation, operation)
    if not operation:
        raise OssError(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    return operation


def refuse_bad_names(bucket: str, key: str) -> None:
    """Raise OssError where OSS would refuse the name itself (3-63 characters; 1-1,023 bytes, no leading slash)."""
    if bucket and not _BUCKET_NAME.fullmatch(bucket):
        raise OssError(400, "InvalidBucketName", "The specified bucket is not valid.")
    if len(key.encode()) > MAX_KEY_BYTES or key.startswith(("/", "\\")):
        raise OssError(400, "InvalidObjectName", "The specified object is not valid.")


def xml(tag: str, *children: str) -> str:
    """Build an element out of ready-made children."""
    return f"<{tag}>{''.join(children)}</{tag}>"


def text(tag: str, value: object) -> str:
    """Build an element that holds text."""
    return f"<{tag}>{escape(str(value))}</{tag}>"


def xml_answer(root: str) -> Answer:
    """Wrap a document in a 200."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{root}'.encode()
    return Answer(200, {"Content-Type": "application/xml"}, body)


def error_answer(error: OssError, request_id: str, host: str) -> Answer:
    """Turn an error into OSS's XML.

    A HEAD answer has no body, so the same document also travels base64-encoded in `x-oss-err`, where both SDKs look
    for it (oss2/exceptions.py, alibabacloud_oss_v2/_client.py).
    """
    fields = (text("Code", error.code), text("Message", error.message))
    if error.status == 304:  # noqa: PLR2004 -- HTTP's own number: Not Modified has neither body nor code
        return Answer(304, error.headers)
    root = xml("Error", *fields, text("RequestId", request_id), text("HostId", host))
    answer = xml_answer(root)
    answer.status = error.status
    answer.headers |= error.headers
    answer.headers["x-oss-err"] = base64.b64encode(answer.body).decode()
    return answer
