"""A stand-in for Alibaba Cloud Content Moderation: the ImageModeration action over its real wire protocol.

The documented parts follow the vendor's page on `postImageCheckByVL_global`. Its order of checks is ours: who asks,
rights, the observer, queries per second, parameters, download, limits, eyes.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

from handler.settings import CALLS_A_SECOND
from scripts.localcloud.acs3 import Unauthorized, authenticate
from scripts.localcloud.green import request as parameters
from scripts.localcloud.green.answer import Answer, Asked, Eyes, Refused
from scripts.localcloud.green.fetch import DownloadTimedOut, Fetch, NotDownloaded, fetch_url
from scripts.localcloud.green.image import check_image
from scripts.localcloud.green.record import GreenCall, Record
from scripts.localcloud.green.reply import error_reply, garbage_reply, reply_with
from scripts.localcloud.green.throttle import Limiter, TokenBucket
from scripts.localcloud.http import ApiServer, Reply, Request
from scripts.localcloud.listening import StandIn
from scripts.localcloud.wire import Bystander, Fault, Identity, Observer, WireCall, has_right

OPERATION: Final = "ImageModeration"
VERSION: Final = "2022-03-02"
ACTION: Final = "yundun-greenweb:ImageModeration"
RESOURCE: Final = "*"
DEFAULT_SERVICE: Final = "postImageCheckByVL_global"

_SUCCESS = 200
_THROTTLED = 403
_NOT_DOWNLOADED = 404
_TIMED_OUT = 405
_SYSTEM_ERROR = 500

_log = logging.getLogger(__name__)


@final
class GreenServer(StandIn):
    """Content Moderation on 127.0.0.1; a context manager. Thread-safe.

    `eyes`, `observer`, `latency_ms` and `limiter` may be replaced at any time.
    `fetch` reads an image that is named in OSS. `qps` queries a second are shared by all callers, with a burst of as
    many. `latency_ms` is how long a call takes at least that is neither throttled nor spoiled. `services` are the
    codes that are known. `clock` (seconds, monotonic) is that of the queries per second.
    """

    def __init__(  # noqa: PLR0913  (each is a fact of the service, and all but three have the vendor's value)
        self,
        identities: Iterable[Identity],
        *,
        fetch: Fetch,
        eyes: Eyes,
        port: int = 0,
        qps: float = CALLS_A_SECOND,
        observer: Observer | None = None,
        latency_ms: float = 0,
        services: Iterable[str] = (DEFAULT_SERVICE,),
        region: str = "ap-southeast-1",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.eyes = eyes
        self.observer: Observer = observer or Bystander()
        self.latency_ms = latency_ms
        self._fetch = fetch
        self._services = frozenset(services)
        self._host_id = f"green-cip.{region}.aliyuncs.com"
        self.limiter: Limiter = TokenBucket(qps, clock)
        self._record = Record()
        self._stopping = threading.Event()
        super().__init__(ApiServer(self._respond, port), identities)

    def stop(self) -> None:
        """Stop for good, and close all connections: calls are dropped, but a look at a picture is waited for."""
        self._stopping.set()
        super().stop()

    def expire_identity(self, access_key_id: str) -> None:
        """End a token: requests signed with it are answered 400 InvalidSecurityToken.Expired (status unverified)."""
        self._expired |= {access_key_id}

    @property
    def calls(self) -> list[GreenCall]:
        """Every request so far, in the order in which they were answered."""
        return self._record.calls()

    @property
    def billed(self) -> int:
        """How many calls are to be paid for."""
        return sum(call.billed for call in self.calls)

    def _respond(self, request: Request) -> Reply | None:
        request_id = str(uuid.uuid4()).upper()
        form = parameters.read_form(request.body)
        asked = parameters.describe(form)
        try:
            identity = self._admit(request)
        except Unauthorized as refusal:
            self._record.add(GreenCall(request_id, "", asked, refusal.status, refusal.code))
            return error_reply(refusal.status, refusal.code, refusal.message, request_id, self._host_id)
        call = _wire_call(asked, identity.access_key_id)
        fault = self.observer.before(call) or Fault()
        self._stopping.wait(fault.delay_s)
        if fault.status is not None or fault.garbage or fault.drop == "before":
            return self._spoil(fault, asked, request_id, identity)
        answer = self._judge(asked, form)
        self._record.add(_judged(answer, asked, request_id, identity))
        self.observer.after(call, answer.status)
        if fault.drop == "after" or self._stopping.is_set():
            return None
        return reply_with(answer, asked, request_id, self._host_id)

    def _admit(self, request: Request) -> Identity:
        """Raises Unauthorized; 403 NoPermission (documented) where the identity lacks the right to ImageModeration."""
        identity = authenticate(request, self._identities, time.time())
        if identity.access_key_id in self._expired:
            raise Unauthorized(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
        named = request.headers["x-acs-action"], request.headers["x-acs-version"]
        if (request.method, request.path, *named) != ("POST", "/", OPERATION, VERSION):
            raise Unauthorized(404, "InvalidAction.NotFound", "Specified api is not found, please check your url.")
        if not has_right(identity, ACTION, RESOURCE):
            why = f"You don't have permission. The right {ACTION} on {RESOURCE} is missing."
            raise Unauthorized(403, "NoPermission", why)
        return identity

    def _spoil(self, fault: Fault, asked: Asked, request_id: str, identity: Identity) -> Reply | None:
        reply: Reply | None
        if fault.status is not None:
            reply = error_reply(fault.status, fault.code, fault.code, request_id, self._host_id)
            status, code = fault.status, fault.code
        elif fault.garbage:
            reply = garbage_reply(request_id)
            status, code = reply.status, "garbage"
        else:
            reply = None
            status, code = 0, "drop"
        self._record.add(GreenCall(request_id, identity.access_key_id, asked, status, code))
        return reply

    def _judge(self, asked: Asked, form: Mapping[str, str]) -> Answer:
        if not self.limiter.take():
            return Answer(code=_THROTTLED)
        try:
            parameters.check(form, self._services)
            image = self._download(asked)
            check_image(image)
            answer = self.eyes(image, asked)
        except Refused as refusal:
            answer = Answer(code=refusal.code)
        except Exception:  # noqa: BLE001  (whatever breaks inside a service is its 500; the traceback is logged)
            _log.exception("the moderation stand-in failed on %r", asked.key or "an image by URL")
            answer = Answer(code=_SYSTEM_ERROR)
        self._stopping.wait(self.latency_ms / 1000)
        return answer

    def _download(self, asked: Asked) -> bytes:
        try:
            if asked.url:
                return fetch_url(asked.url, asked.referer)
            return self._fetch(asked.bucket, asked.key, asked.region)
        except DownloadTimedOut as exc:
            raise Refused(_TIMED_OUT) from exc
        except NotDownloaded as exc:
            raise Refused(_NOT_DOWNLOADED) from exc


def _wire_call(asked: Asked, access_key_id: str) -> WireCall:
    return WireCall("green", OPERATION, ((ACTION, RESOURCE),), asked.bucket, asked.key, None, access_key_id)


def _judged(answer: Answer, asked: Asked, request_id: str, identity: Identity) -> GreenCall:
    code = answer.code if answer.status == _SUCCESS else answer.error
    billed = answer.status == answer.code == _SUCCESS
    return GreenCall(request_id, identity.access_key_id, asked, answer.status, code, billed)
