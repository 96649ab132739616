"""The `x-oss-copy-source` header: `/bucket/URL-encoded key`, with `?versionId=` where a version is meant."""

from dataclasses import dataclass
from urllib.parse import unquote

from scripts.localcloud.oss.protocol import OssError, Request


@dataclass(frozen=True, slots=True)
class CopySource:
    """Where a copy takes its bytes from; the key is raw."""

    bucket: str
    key: str
    version_id: str | None


def read_copy_source(request: Request) -> CopySource:
    """Read the header. Raises OssError 400 InvalidArgument for a malformed one."""
    value = request.headers["x-oss-copy-source"]
    path, _, query = value.partition("?")
    bucket, _, key = path.removeprefix("/").partition("/")
    if not path.startswith("/") or not bucket or not key:
        raise OssError(400, "InvalidArgument", "x-oss-copy-source must be /bucket/URL-encoded-key.")
    version_id = query.removeprefix("versionId=") if query.startswith("versionId=") else None
    return CopySource(unquote(bucket), unquote(key), version_id)
