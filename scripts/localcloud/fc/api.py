"""A stand-in for the API of Function Compute 3.0 (2023-03-30), for one function, over its real wire protocol.

Paths, actions and documents are those of the vendor's API reference and SDK. Codes are of its table of error codes:
404 FunctionNotFound, 403 AccessDenied, 400 EntityTooLarge, 400 InvalidArgument. Not said anywhere, and ours: the code
of an invocation that is refused because the function is disabled (403 FunctionDisabled), that its asynchronous events
wait for as long, and the 404 of a setting that was never made.
"""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Protocol, final

from scripts.localcloud.acs3 import Unauthorized, authenticate
from scripts.localcloud.fc.deployed import Deployed, Document, Restriction
from scripts.localcloud.fc.queue import Answer
from scripts.localcloud.http import ApiServer, Reply, Request
from scripts.localcloud.listening import StandIn
from scripts.localcloud.wire import Bystander, Fault, Identity, Observer, WireCall, has_right

VERSION = "2023-03-30"
MOST_ASYNC_BYTES = 128 * 1024
_PATH = re.compile(rf"/{VERSION}/functions/([^/]+)(/[a-z/-]+)?")
_OPERATIONS = {
    ("POST", "/invocations"): "InvokeFunction",
    ("POST", "/invoke/disable"): "DisableFunctionInvocation",
    ("POST", "/invoke/enable"): "EnableFunctionInvocation",
    ("GET", ""): "GetFunction",
    ("GET", "/async-invoke-config"): "GetAsyncInvokeConfig",
    ("GET", "/concurrency"): "GetConcurrencyConfig",
    ("GET", "/triggers"): "ListTriggers",
}


class Compute(Protocol):
    """What runs the function: `scripts/localcloud/fc/compute.py`."""

    def invoke(self, payload: bytes) -> Answer:
        """Run it and wait."""

    def invoke_async(self, payload: bytes) -> None:
        """Queue it."""

    def hold(self) -> None:
        """Keep asynchronous events back."""

    def release(self) -> None:
        """Let go of them."""

    def kill(self) -> int:
        """End what is under way."""


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@final
class FunctionApi(StandIn):
    """Function Compute's API on 127.0.0.1; a context manager. Thread-safe.

    `deployed` is what there is; None, before a deployment. Both may be replaced at any time, and `observer` too.
    """

    def __init__(
        self,
        identities: Iterable[Identity],
        *,
        compute: Compute,
        deployed: Deployed | None,
        port: int = 0,
        observer: Observer | None = None,
    ) -> None:
        self.deployed = deployed
        self.observer: Observer = observer or Bystander()
        self._compute = compute
        super().__init__(ApiServer(self._respond, port), identities)

    def _respond(self, request: Request) -> Reply | None:
        request_id = str(uuid.uuid4()).upper()
        try:
            call, deployed = self._admit(request)
            fault = self.observer.before(call) or Fault()
            if fault.drop == "before":
                return None
            reply = _spoil(fault) or self._do(call.operation, request, deployed)
        except (_Refused, Unauthorized) as refusal:
            body = {"RequestId": request_id, "Code": refusal.code, "Message": refusal.message}
            return _json(refusal.status, body)
        self.observer.after(call, reply.status)
        return None if fault.drop == "after" else reply

    def _admit(self, request: Request) -> tuple[WireCall, Deployed]:
        """Who asks for what, and may they? Raises _Refused and Unauthorized."""
        identity = authenticate(request, self._identities, time.time())
        path = _PATH.fullmatch(request.path)
        operation = _OPERATIONS.get((request.method, path[2] or "")) if path else None
        if path is None or operation is None or request.headers["x-acs-version"] != VERSION:
            raise _Refused(400, "PathNotSupported", f"'{request.path}' against '{request.method}' is not supported")
        action, resource = f"fc:{operation}", f"functions/{path[1]}"
        if not has_right(identity, action, resource):
            raise _Refused(403, "AccessDenied", f"the caller is not authorized to perform '{action}' on it")
        if self.deployed is None or path[1] != self.deployed.name:
            raise _Refused(404, "FunctionNotFound", f"function '{path[1]}' does not exist")
        call = WireCall("fc", operation, ((action, resource),), "", "", None, identity.access_key_id)
        return call, self.deployed

    def _do(self, operation: str, request: Request, deployed: Deployed) -> Reply:
        match operation:
            case "InvokeFunction":
                return self._invoke(request, deployed)
            case "DisableFunctionInvocation":
                return self._disable(request, deployed)
            case "EnableFunctionInvocation":
                deployed.restriction = Restriction(last_modified_time=_now())
                self._compute.release()
                return _json(200, {"success": True})
            case _:
                return _json(200, _READS[operation](deployed))

    def _invoke(self, request: Request, deployed: Deployed) -> Reply:
        if request.headers.get("x-fc-invocation-type", "Sync") == "Async":
            if len(request.body) > MOST_ASYNC_BYTES:
                message = f"payload size exceeds maximum allowed size ({MOST_ASYNC_BYTES} bytes)"
                raise _Refused(400, "EntityTooLarge", message)
            self._compute.invoke_async(request.body)
            return Reply(202, {}, b"")
        if deployed.restriction.disable:
            raise _Refused(403, "FunctionDisabled", "the invocation of the function is disabled")
        answer = self._compute.invoke(request.body)
        failed = {"x-fc-error-type": answer.function_error} if answer.function_error else {}
        return Reply(200, {"x-fc-request-id": answer.request_id, **failed}, answer.payload)

    def _disable(self, request: Request, deployed: Deployed) -> Reply:
        """Both parameters may be left out (vendor's API reference)."""
        asked = _read_body(request)
        deployed.restriction = Restriction(
            disable=True, reason=str(asked.get("reason") or ""), last_modified_time=_now()
        )
        self._compute.hold()
        if asked.get("abortOngoingRequest"):
            self._compute.kill()
        return _json(200, {"success": True})


def _read_async_config(deployed: Deployed) -> Document:
    if deployed.async_config is None:
        raise _Refused(404, "AsyncConfigNotExists", "async config does not exist")
    return deployed.async_config


def _read_concurrency(deployed: Deployed) -> Document:
    if deployed.reserved is None:
        raise _Refused(404, "ConcurrencyConfigNotExists", "concurrency config does not exist")
    return {"reservedConcurrency": deployed.reserved}


_READS: Mapping[str, Callable[[Deployed], Document]] = {
    "GetFunction": Deployed.describe,
    "GetAsyncInvokeConfig": _read_async_config,
    "GetConcurrencyConfig": _read_concurrency,
    "ListTriggers": lambda deployed: {"triggers": deployed.triggers},
}


def _read_body(request: Request) -> Document:
    try:
        asked = json.loads(request.body or b"{}")
    except ValueError as exc:
        raise _Refused(400, "InvalidArgument", "the body is no JSON") from exc
    if not isinstance(asked, dict):
        raise _Refused(400, "InvalidArgument", "the body is no object")
    return asked


def _json(status: int, document: Document) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _spoil(fault: Fault) -> Reply | None:
    """What goes out in place of an answer, or None; garbage is a 200 that some proxy might send. Raises _Refused."""
    time.sleep(fault.delay_s)
    if fault.status is not None:
        raise _Refused(fault.status, fault.code, fault.code)
    return Reply(200, {"Content-Type": "text/html"}, b"<html><body>It works!</body></html>") if fault.garbage else None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
