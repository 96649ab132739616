"""Content Moderation (ImageModeration) through its SDK: the port Moderator.

Source of codes, limits and parameters: the vendor's page "Image Moderation 2.0, large and small model integration".
"""

import json
import re
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from alibabacloud_green20220302.client import Client
from alibabacloud_tea_openapi.exceptions import ThrottlingException
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.exceptions import ResponseException, RetryError
from darabonba.runtime import RuntimeOptions
from Tea.exceptions import UnretryableException

from handler.adapters.dara import heed_network
from handler.adapters.oss.network import NEVER_SENT, explain
from handler.adapters.pace import Pace
from handler.credentials import Credentials
from handler.errors import FailureKind, NoVerdict, OperatorError, plain
from handler.meter import Meter
from handler.model import Finding, Upload, Verdict
from handler.settings import CALLS_A_SECOND

CONNECT_TIMEOUT_S = 3.0
# The service downloads the image (3 s at most) and then looks at it.
LONGEST_CALL_S = 10.0
# What a call is left of its time, however long it should wait for its turn.
SHORTEST_CALL_S = 1.0
OK = 200
THROTTLED = 403
CODES = {
    401: FailureKind.REJECTED,
    402: FailureKind.REJECTED,
    THROTTLED: FailureKind.UNAVAILABLE,
    404: FailureKind.UNREADABLE,
    405: FailureKind.UNREADABLE,
    406: FailureKind.TOO_LARGE,
    407: FailureKind.UNSUPPORTED,
    500: FailureKind.UNAVAILABLE,
}
MEANINGS = {
    401: "a parameter is invalid",
    402: "a parameter is too long",
    403: "throttled: more calls a second than the account may make",
    404: "it could not download the image",
    405: "its download of the image timed out",
    406: "the image is too large",
    407: "it does not take this format",
    500: "a fault of its own",
}
OPERATOR_CODES = {
    400: "the request lacks a parameter: report this as a fault of Bucket Warden",
    408: "activate Image Moderation 2.0, pay what is due, and grant the role yundun-greenweb:ImageModeration",
}
HTTP_UNAUTHORIZED = 401
HTTP_TOO_MANY_REQUESTS = 429
HTTP_SERVER_ERROR = 500
# Refusals at the level of HTTP that only the operator can mend, by their code, and what to look at. The vendor's pages
# list no more than some of them; whatever else is refused may pass, as far as anybody knows, and must not leave uploads
# unmarked for ever. Source: the common error codes of the vendor's API gateway.
OPERATOR_REFUSALS = (
    (
        r"AccessKey|SignatureDoesNotMatch|IncompleteSignature|SecurityToken|InvalidCredentials|Unauthori[sz]ed|Unauthent",
        "the keys are refused",
    ),
    (r"Forbidden|NoPermission|AccessDenied|NotAuthorized|ImplicitDeny|ExplicitDeny", "a right is missing"),
    (
        r"NotActivated|NotOpen|NotEnabled|NotSubscri|Unpurchased|Arrear|Overdue|InDebt|InsufficientBalance",
        "activate Image Moderation 2.0, and pay what is due",
    ),
    (
        r"InvalidAction|InvalidVersion|InvalidApi|InvalidRegion",
        "GREEN_ENDPOINT or GREEN_REGION leads elsewhere than to Content Moderation",
    ),
    (
        r"MissingParameter|InvalidParameter|InvalidService",
        "the request is refused: look at `moderation` in the policy, else report this as a fault of Bucket Warden",
    ),
)
# Too many calls, in the words of whichever gateway says so.
THROTTLING = re.compile(r"throttl|qps|rate.?limit|flow.?control|toomanyrequests", re.IGNORECASE)
DATA_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
HIGHEST_CONFIDENCE = 100
NO_VERDICT = "the moderation service answered with something else than a verdict"


class _Result(msgspec.Struct, rename="pascal"):
    label: Annotated[str, msgspec.Meta(min_length=1)]
    confidence: float | None = None
    risk_level: str | None = None
    description: str | None = None


class _Data(msgspec.Struct, rename="pascal"):
    result: Annotated[list[_Result], msgspec.Meta(min_length=1)]
    risk_level: str | None = None
    data_id: str | None = None
    ext: dict[str, Any] | None = None


class _Body(msgspec.Struct, rename="pascal"):
    code: int
    request_id: str = ""


class GreenModerator:
    """One account's ImageModeration at one endpoint. Keeps its calls apart once one was throttled."""

    def __init__(  # noqa: PLR0913  (the composition root names each)
        self,
        credentials: Credentials,
        *,
        endpoint: str,
        region: str,
        service: str,
        info_types: Sequence[str],
        referer: str | None,
        meter: Meter,
        calls_a_second: float = CALLS_A_SECOND,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        heed_network()
        url = urlsplit(endpoint)
        self._client = Client(
            Config(
                access_key_id=credentials.access_key_id,
                access_key_secret=credentials.access_key_secret,
                security_token=credentials.security_token or None,
                endpoint=url.netloc,
                protocol=url.scheme.upper(),
                region_id=region,
            )
        )
        self._service = service
        self._info_types = info_types
        self._referer = referer
        self._meter = meter
        self._clock = clock
        self._sleep = sleep
        self._pace = Pace.at_limit(calls_a_second)

    def judge(self, upload: Upload, *, url: str | None, timeout_s: float) -> Verdict:
        """See Moderator."""
        parameters = self._parameters(upload, url)
        started, waited_s = self._wait_for_turn(timeout_s - SHORTEST_CALL_S)
        body = self._ask(parameters, timeout_s - waited_s)
        latency_s = self._clock() - started
        answer = self._answer(body)
        if answer.code == THROTTLED:
            self._pace.throttle()
        else:
            self._pace.answer(latency_s)
        if answer.code != OK:
            raise _refusal(answer)
        self._meter.billed += 1
        return self._verdict(body, answer, parameters["dataId"], round(latency_s * 1000))

    def _wait_for_turn(self, longest_s: float) -> tuple[float, float]:
        """Keep this call apart from the last one; when it begins on the clock, and the seconds waited for that."""
        now_s = self._clock()
        wait_s = min(self._pace.wait_s(now_s), max(longest_s, 0.0))
        if wait_s:
            self._sleep(wait_s)
            now_s = self._clock()
        self._pace.begin(now_s)
        return now_s, wait_s

    def _parameters(self, upload: Upload, url: str | None) -> dict[str, str]:
        parameters = {"dataId": data_id(upload)}
        if url is None:
            parameters["ossBucketName"] = upload.bucket
            parameters["ossObjectName"] = upload.key
            parameters["ossRegionId"] = upload.region
        else:
            parameters["imageUrl"] = url
        if self._info_types:
            parameters["infoType"] = ",".join(self._info_types)
        if self._referer:
            parameters["referer"] = self._referer
        return parameters

    def _ask(self, parameters: dict[str, str], timeout_s: float) -> object:
        """Send the request once; the body as decoded JSON, whatever it holds.

        `call_api` is asked instead of `image_moderation`, whose models trip over a body of another shape.
        """
        call = Params(
            action="ImageModeration",
            version="2022-03-02",
            protocol="HTTPS",
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        form = {"Service": self._service, "ServiceParameters": json.dumps(parameters)}
        longest_s = min(timeout_s, LONGEST_CALL_S)
        runtime = RuntimeOptions(
            autoretry=False,
            connect_timeout=round(min(longest_s, CONNECT_TIMEOUT_S) * 1000),
            read_timeout=round(longest_s * 1000),
        )
        self._meter.green += 1
        try:
            return self._client.call_api(call, OpenApiRequest(body=form), runtime)["body"]
        except ResponseException as exc:
            self._note_request_id(getattr(exc, "request_id", None))
            if _is_throttled(exc):
                self._pace.throttle()
            raise _http_refusal(exc) from exc
        except UnretryableException as exc:
            raise self._no_answer(exc) from exc

    def _no_answer(self, exc: UnretryableException) -> NoVerdict:
        """No connection, no answer in time, or an answer that is no JSON."""
        inner = getattr(exc, "inner_exception", None)
        message = f"the moderation service gave no readable answer in time ({_why(inner)})"
        return self._unread(message, may_be_paid=not NEVER_SENT.search(str(inner)))

    def _unread(self, message: str, *, may_be_paid: bool) -> NoVerdict:
        self._meter.maybe_billed += may_be_paid
        return NoVerdict(FailureKind.UNAVAILABLE, message, may_be_paid=may_be_paid)

    def _answer(self, body: object) -> _Body:
        try:
            answer = msgspec.convert(body, _Body)
        except msgspec.ValidationError as exc:
            raise self._unread(f"{NO_VERDICT}: {exc}", may_be_paid=True) from exc
        self._note_request_id(answer.request_id)
        return answer

    def _note_request_id(self, request_id: str | None) -> None:
        # The SDK writes "None" for an answer without one.
        if request_id and request_id != "None":
            self._meter.green_request_ids.append(plain(request_id, "id"))

    def _verdict(self, body: Any, answer: _Body, sent_data_id: str, latency_ms: int) -> Verdict:  # noqa: ANN401
        try:
            data = msgspec.convert(body.get("Data"), _Data)
        except msgspec.ValidationError as exc:
            raise NoVerdict(FailureKind.UNAVAILABLE, f"{NO_VERDICT}: {exc}", is_paid=True) from exc
        return Verdict(
            service=self._service,
            risk=data.risk_level,
            findings=tuple(_finding(result) for result in data.result),
            request_id=plain(answer.request_id, "id"),
            data_id=plain(data.data_id or sent_data_id, "id"),
            billed=self._meter.billed,
            latency_ms=latency_ms,
            ext=data.ext,
        )


def data_id(upload: Upload) -> str:
    """Name an upload for the vendor's console: its request id, or a hash of it where the service would refuse that.

    At most 64 letters, digits, `_`, `-` and `.`.
    """
    if DATA_ID.fullmatch(upload.request_id):
        return upload.request_id
    return sha256(upload.request_id.encode()).hexdigest()


def _finding(result: _Result) -> Finding:
    confidence = result.confidence
    if confidence is not None and not 0 <= confidence <= HIGHEST_CONFIDENCE:
        confidence = None
    return Finding(result.label, confidence, result.risk_level, result.description)


def _refusal(answer: _Body) -> NoVerdict | OperatorError:
    """Say what a response code other than 200 means; one that the vendor's page does not list is a fault of theirs."""
    facts = f"the moderation service answered code {answer.code} (request {plain(answer.request_id, 'id')})"
    if answer.code in OPERATOR_CODES:
        return OperatorError(f"{facts}; {OPERATOR_CODES[answer.code]}")
    meaning = MEANINGS.get(answer.code, "which its documentation does not know")
    kind = CODES.get(answer.code, FailureKind.UNAVAILABLE)
    return NoVerdict(kind, f"{facts}: {meaning}", is_throttled=answer.code == THROTTLED)


def _http_refusal(exc: ResponseException) -> NoVerdict | OperatorError:
    request_id = plain(getattr(exc, "request_id", None), "id")
    facts = f"the moderation service answered HTTP {exc.status_code} {plain(exc.code, 'code')} (request {request_id})"
    if _is_throttled(exc):
        return NoVerdict(FailureKind.UNAVAILABLE, facts, is_throttled=True)
    mend = _operators_part(exc)
    if mend is None:
        return NoVerdict(FailureKind.UNAVAILABLE, facts)
    return OperatorError(f"{facts}; {mend}; check the function's role: it needs yundun-greenweb:ImageModeration")


def _operators_part(exc: ResponseException) -> str | None:
    """What the operator has to mend; None where it may pass by itself."""
    # Without a status the SDK refused the request before it was sent.
    if exc.status_code is not None and exc.status_code >= HTTP_SERVER_ERROR:
        return None
    if exc.status_code is None or exc.status_code == HTTP_UNAUTHORIZED:
        return OPERATOR_REFUSALS[0][1]
    return next((mend for words, mend in OPERATOR_REFUSALS if re.search(words, str(exc.code))), None)


def _why(inner: object) -> str:
    """The SDK hands on only the prose of what went wrong on the way; what is no answer of theirs has a type."""
    return explain(str(inner)) if isinstance(inner, RetryError) else type(inner).__name__


def _is_throttled(exc: ResponseException) -> bool:
    is_named_so = isinstance(exc, ThrottlingException) or THROTTLING.search(str(exc.code)) is not None
    return is_named_so or exc.status_code == HTTP_TOO_MANY_REQUESTS
