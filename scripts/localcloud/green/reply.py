"""The bodies that the moderation stand-in sends, as the vendor documents them.

A verdict or a refusal is `{Code, Msg, RequestId, Data?}` in a 200 (the vendor's page); a failure of the HTTP level is
`{RequestId, HostId, Code, Message}`, which is what the SDK reads. Confidences have two decimals.
"""

import json

from handler.model import Finding
from scripts.localcloud.green.answer import Answer, Asked
from scripts.localcloud.http import Reply

MESSAGES = {
    200: "OK",
    400: "A request parameter is empty.",
    401: "A request parameter is invalid.",
    402: "The length of a request parameter does not meet API requirements.",
    403: "The request exceeds the queries per second (QPS) limit.",
    404: "An error occurred while downloading the input image.",
    405: "The download of the input image timed out.",
    406: "The input image is too large.",
    407: "The image format is not supported.",
    408: "The account does not have permission to call the API.",
    500: "A system error occurred.",
}
"""The vendor's words for its codes, in full or their first sentence."""

_JSON = "application/json;charset=utf-8"
_BILLED = 200


def reply_with(answer: Answer, asked: Asked, request_id: str, host_id: str) -> Reply:
    """What goes out for an answer of the eyes."""
    if answer.status != _BILLED:
        return error_reply(answer.status, answer.error, answer.error, request_id, host_id)
    if isinstance(answer.body, bytes):
        return _reply(200, answer.body, request_id)
    body: object = answer.body if answer.body is not None else _usual_body(answer, asked, request_id)
    return _reply(200, json.dumps(body, ensure_ascii=False).encode(), request_id)


def error_reply(status: int, code: str, message: str, request_id: str, host_id: str) -> Reply:
    """A failure of the HTTP level."""
    body = {"RequestId": request_id, "HostId": host_id, "Code": code, "Message": message}
    return _reply(status, json.dumps(body).encode(), request_id)


def garbage_reply(request_id: str) -> Reply:
    """A 200 that some proxy might send: not of the protocol."""
    return _reply(200, b"<html><body>It works!</body></html>", request_id)


def _reply(status: int, body: bytes, request_id: str) -> Reply:
    return Reply(status, {"Content-Type": _JSON, "x-acs-request-id": request_id}, body)


def _usual_body(answer: Answer, asked: Asked, request_id: str) -> dict[str, object]:
    body: dict[str, object] = {"Code": answer.code, "Msg": MESSAGES.get(answer.code, ""), "RequestId": request_id}
    if answer.code == _BILLED:
        body["Data"] = _data(answer, asked)
    return body


def _data(answer: Answer, asked: Asked) -> dict[str, object]:
    data: dict[str, object] = {"Result": [_result(finding) for finding in answer.findings]}
    if answer.risk is not None:
        data["RiskLevel"] = answer.risk
    if asked.data_id:
        data["DataId"] = asked.data_id
    ext = {key: value for key, value in (answer.ext or {}).items() if _info_type(key) in asked.info_types}
    if ext:
        data["Ext"] = ext
    return data


def _info_type(key: str) -> str:
    """`VlContent`, as in the answer -> `vlContent`, as in the request."""
    return key[:1].lower() + key[1:]


def _result(finding: Finding) -> dict[str, object]:
    result: dict[str, object] = {"Label": finding.label}
    if finding.confidence is not None:
        result["Confidence"] = round(finding.confidence, 2)
    if finding.description is not None:
        result["Description"] = finding.description
    if finding.risk is not None:
        result["RiskLevel"] = finding.risk
    return result
