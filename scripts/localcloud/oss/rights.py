"""Which RAM actions an OSS operation needs, and whether an identity has them.

The mapping is ours, put together from the "Permissions" tables of the OSS API reference; it was never compared with a
live account. Where the documentation can be read both ways, the stricter reading is taken: with a versionId the
`...Version` action is needed *as well as* the plain one ("this permission is also required"). A copy needs GetObject
on the source and PutObject on the destination; an upload that carries `x-oss-tagging` needs PutObjectTagging too.
Everything done with a multipart upload, with a symbolic link or by appending is PutObject, as documented. What KMS
encrypts needs rights on its key, which only the object or its bucket names: `encryption.py` asks for them.
"""

from scripts.localcloud.oss.copysource import CopySource, read_copy_source
from scripts.localcloud.oss.protocol import OssError, Request
from scripts.localcloud.wire import Identity, has_right

Action = tuple[str, str]

_ON_BUCKET = {
    "ListObjectsV2": "oss:ListObjects",
    "ListObjects": "oss:ListObjects",
    "ListBuckets": "oss:ListBuckets",
    "ListObjectVersions": "oss:ListObjectVersions",
    "ListMultipartUploads": "oss:ListMultipartUploads",
    "GetBucketVersioning": "oss:GetBucketVersioning",
    "PutBucketVersioning": "oss:PutBucketVersioning",
    "GetBucketInfo": "oss:GetBucketInfo",
    "GetBucketLocation": "oss:GetBucketLocation",
    "PutBucket": "oss:PutBucket",
    "DeleteBucket": "oss:DeleteBucket",
    **{
        name: f"oss:{name}"
        for name in (
            "PutBucketAcl",
            "GetBucketEncryption",
            "GetBucketWorm",
            "GetBucketLifecycle",
            "PutBucketLifecycle",
            "GetBucketReplication",
            "PutBucketReplication",
            "GetBucketPublicAccessBlock",
            "PutBucketPublicAccessBlock",
            "GetPublicAccessBlock",
            "PutPublicAccessBlock",
        )
    },
}
# The second action is needed too where the request names a version.
_ON_OBJECT = {
    "GetObject": ("oss:GetObject", "oss:GetObjectVersion"),
    "HeadObject": ("oss:GetObject", "oss:GetObjectVersion"),
    "GetObjectMeta": ("oss:GetObject", "oss:GetObjectVersion"),
    "GetSymlink": ("oss:GetObject", "oss:GetObjectVersion"),
    "GetObjectAcl": ("oss:GetObjectAcl", "oss:GetObjectVersionAcl"),
    "PutObjectAcl": ("oss:PutObjectAcl", "oss:PutObjectVersionAcl"),
    "GetObjectTagging": ("oss:GetObjectTagging", "oss:GetObjectVersionTagging"),
    "PutObjectTagging": ("oss:PutObjectTagging", "oss:PutObjectVersionTagging"),
    "DeleteObjectTagging": ("oss:DeleteObjectTagging", "oss:DeleteObjectVersionTagging"),
    "RestoreObject": ("oss:RestoreObject", "oss:RestoreObjectVersion"),
    "DeleteObject": ("oss:DeleteObject", "oss:DeleteObjectVersion"),
    "ListParts": ("oss:ListParts",),
    "AbortMultipartUpload": ("oss:AbortMultipartUpload",),
}
_COPIES = ("CopyObject", "UploadPartCopy")


def needed_actions(operation: str, request: Request) -> tuple[Action, ...]:
    """List the RAM actions that a request needs, as pairs of action and resource (`bucket/key`, or `bucket`)."""
    if operation in _ON_BUCKET:
        return ((_ON_BUCKET[operation], request.bucket),)
    resource = f"{request.bucket}/{request.key}"
    if operation in _ON_OBJECT:
        actions = _ON_OBJECT[operation]
        return tuple((action, resource) for action in (actions if request.version_id else actions[:1]))
    source = _source_actions(read_copy_source(request)) if operation in _COPIES else ()
    tagging = (("oss:PutObjectTagging", resource),) if "x-oss-tagging" in request.headers else ()
    return (*source, ("oss:PutObject", resource), *tagging)


def _source_actions(source: CopySource) -> tuple[Action, ...]:
    resource = f"{source.bucket}/{source.key}"
    plain = ("oss:GetObject", resource)
    return (plain, ("oss:GetObjectVersion", resource)) if source.version_id else (plain,)


def refuse_without_rights(identity: Identity, actions: tuple[Action, ...]) -> None:
    """Raise OssError 403 AccessDenied that names the first action which the identity lacks."""
    for action, resource in actions:
        if not has_right(identity, action, resource):
            raise OssError(403, "AccessDenied", f"You have no right to {action} on this resource.")
