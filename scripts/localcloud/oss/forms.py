"""PostObject: an upload by an HTML form, signed with V4 over its policy.

Of the policy, the signature and the expiration are verified; its conditions are not.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import quote

from scripts.localcloud.oss.call import Call
from scripts.localcloud.oss.objects import put_object
from scripts.localcloud.oss.protocol import Answer, OssError, Request
from scripts.localcloud.oss.signature import check_scope, find_identity, sign
from scripts.localcloud.wire import Identity

_STATUSES = ("200", "201", "204")


def read_form(
    request: Request, identities: Mapping[str, Identity], expired: frozenset[str], region: str
) -> tuple[Request, Identity]:
    """Verify a form and turn it into the request that a PutObject of the same bytes would have been.

    Raises OssError 400 MalformedPOSTRequest or InvalidPolicyDocument, or 403 as for any other signature.
    """
    fields, file_name, body = _parse(request)
    try:
        credential, date, policy = fields["x-oss-credential"], fields["x-oss-date"], fields["policy"]
        signature, key = fields["x-oss-signature"], fields["key"].replace("${filename}", file_name)
    except KeyError as error:
        raise OssError(403, "AccessDenied", f"The form lacks the field {error.args[0]!r}.") from error
    access_key_id, _, scope = credential.partition("/")
    identity = find_identity(identities, expired, access_key_id, fields.get("x-oss-security-token"))
    check_scope(scope, date, region)
    if not hmac.compare_digest(sign(identity.access_key_secret, scope, policy.encode()), signature):
        raise OssError(403, "SignatureDoesNotMatch", "The request signature we calculated does not match yours.")
    _check_expiration(policy)
    headers = {name: value for name, value in fields.items() if name not in ("key", "policy")}
    path = f"/{request.bucket}/{quote(key, safe='')}"
    return replace(request, raw_path=path, headers=headers, body=body), identity


def post_object(call: Call) -> Answer:
    """PostObject: a PutObject that is answered with the status that the form asks for (204 by default)."""
    status = call.request.headers.get("success_action_status", "204")
    answer = put_object(call)
    answer.status = int(status) if status in _STATUSES else 204
    return answer


def _parse(request: Request) -> tuple[dict[str, str], str, bytes]:
    """Split multipart/form-data into its fields (lower-case names), the file's name and the file's bytes."""
    kind, _, boundary = request.headers.get("content-type", "").partition("boundary=")
    if not kind.startswith("multipart/form-data") or not boundary:
        raise OssError(400, "MalformedPOSTRequest", "The body is not multipart/form-data.")
    fields: dict[str, str] = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary.strip('"').encode())[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        disposition, *others = head.decode().strip().split("\r\n")
        name, file_name = _quoted(disposition, ' name="'), _quoted(disposition, 'filename="')
        if name == "file":
            types = [line.partition(":")[2].strip() for line in others if line.lower().startswith("content-type:")]
            return {"content-type": types[0], **fields} if types else fields, file_name, content
        fields[name.lower()] = content.decode()
    raise OssError(400, "MalformedPOSTRequest", "The form has no field named file, which must be the last.")


def _quoted(line: str, before: str) -> str:
    return line.partition(before)[2].partition('"')[0]


def _check_expiration(policy: str) -> None:
    try:
        expiration = json.loads(base64.b64decode(policy))["expiration"]
        expires_at = datetime.fromisoformat(expiration.replace("Z", "+00:00"))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise OssError(400, "InvalidPolicyDocument", "The policy is no base64 JSON with an expiration.") from error
    if expires_at <= datetime.now(timezone.utc):
        raise OssError(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
