"""Function Compute's API for one function, by the vendor's SDK: calls, and what its refusals mean.

Errors come as `{RequestId, Code, Message}`, in the vendor's table of codes as `{errorCode, errorMessage}`. Codes are
those of that table (FunctionNotFound, AccessDenied, SignatureNotMatch, InvalidAccessKeyID, ResourceExhausted) and of
its API gateway (InvalidAccessKeyId.NotFound, SignatureDoesNotMatch, Throttling): both are heeded. Not tried on a live
account.
"""

import re
from collections.abc import Callable
from typing import TypeVar

from alibabacloud_fc20230330.client import Client
from alibabacloud_fc20230330.models import Function, GetFunctionRequest
from alibabacloud_tea_openapi.exceptions import ThrottlingException
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.exceptions import ResponseException, RetryError
from darabonba.runtime import RuntimeOptions
from requests.exceptions import InvalidHeader, InvalidURL
from Tea.exceptions import UnretryableException

from handler.adapters.dara import heed_network
from handler.adapters.oss.errors import HINTS
from handler.adapters.oss.network import NEVER_SENT, explain
from handler.credentials import Credentials
from handler.errors import WardenError, plain
from scripts.services.client import OSS_CALLS_IT, UNSENDABLE

CONNECT_TIMEOUT_MS = 3_000
READ_TIMEOUT_MS = 10_000
HTTP_OK = 200
HTTP_NOT_FOUND = 404
HTTP_TOO_MANY_REQUESTS = 429
HTTP_FORBIDDEN = 403
_BEFORE_SENDING = (InvalidHeader, InvalidURL, UnicodeEncodeError)
WRONG_KEYS = "the keys or their token are wrong or expired, or this machine's clock is; export others"
KEYS = re.compile(r"AccessKey|Signature|SecurityToken|TimeStamp|InvalidCredentials", re.IGNORECASE)
RIGHTS = re.compile(r"AccessDenied|NoPermission|Forbidden|NotAuthorized|ImplicitDeny|ExplicitDeny", re.IGNORECASE)
THROTTLED = re.compile(r"Throttl|ResourceExhausted|TooManyRequests|FlowControl", re.IGNORECASE)

Answer = TypeVar("Answer")
Ask = Callable[[Client, str, RuntimeOptions], Answer]
"""The SDK's client, the function's name and the options of the call -> the SDK's answer."""


class Refused(WardenError):
    """Function Compute answered that it does not do it. `code` is its own word, `status` that of HTTP or None.

    `is_unexplained`: its word says nothing that we know.
    """

    def __init__(self, message: str, *, code: str, status: int | None, is_unexplained: bool) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.is_unexplained = is_unexplained

    @property
    def is_absence(self) -> bool:
        """Whether what was asked about, the function or a setting of it, is not there; unknown keys are a 404 too."""
        return self.status == HTTP_NOT_FOUND and not KEYS.search(self.code)


class Unanswered(WardenError):
    """No answer that can be read. `may_be_done`: whether what was asked for may have happened all the same."""

    def __init__(self, message: str, *, may_be_done: bool) -> None:
        super().__init__(message)
        self.may_be_done = may_be_done


def name_endpoint(account: str, region: str) -> str:
    """Function Compute's public address, by the account's id (vendor's page on endpoints)."""
    return f"https://{account}.{region}.fc.aliyuncs.com"


class FunctionClient:
    """Speaks to one function. `endpoint` is a URL. Each call is made once: a retry is for whoever runs the command."""

    def __init__(self, credentials: Credentials, *, endpoint: str, region: str, function: str) -> None:
        heed_network()
        scheme, _, host = endpoint.partition("://")
        self.function = function
        self._client = Client(
            Config(
                access_key_id=credentials.access_key_id,
                access_key_secret=credentials.access_key_secret,
                security_token=credentials.security_token or None,
                endpoint=host.rstrip("/"),
                region_id=region,
                protocol=scheme.upper(),
            )
        )

    def call(self, action: str, ask: Ask[Answer], *, status: int = HTTP_OK) -> Answer:
        """Ask once. `action` is the right that it takes, `status` that of a success. Raises Refused and Unanswered."""
        runtime = RuntimeOptions(connect_timeout=CONNECT_TIMEOUT_MS, read_timeout=READ_TIMEOUT_MS, autoretry=False)
        try:
            answer = ask(self._client, self.function, runtime)
        except ResponseException as exc:
            raise self._refusal(exc, action) from exc
        except UnretryableException as exc:
            raise _unanswered(getattr(exc, "inner_exception", None)) from exc
        # The SDK takes whatever is no error for an answer: a redirection, the page of some proxy.
        given = getattr(answer, "status_code", None)
        if given != status or getattr(answer, "body", None) is None:
            raise strange(f"HTTP {given}")
        return answer

    def _refusal(self, exc: ResponseException, action: str) -> Refused:
        code = plain(_code_of(exc), "code")
        facts = f"Function Compute says {code} (HTTP {exc.status_code})"
        mend = self._mend(exc, code, action)
        message = f"{facts}: {mend}" if mend else facts
        return Refused(message, code=code, status=exc.status_code, is_unexplained=not mend)

    def _mend(self, exc: ResponseException, code: str, action: str) -> str:
        """What to do about a refusal; "" where nobody knows. Keys first: their codes come with 403 and 404 too."""
        if KEYS.search(code):
            return HINTS.get(OSS_CALLS_IT.get(code, code), WRONG_KEYS)
        if exc.status_code == HTTP_TOO_MANY_REQUESTS or isinstance(exc, ThrottlingException) or THROTTLED.search(code):
            return "too many calls at once; run it again in a moment"
        if RIGHTS.search(code) or exc.status_code == HTTP_FORBIDDEN:
            return f"the keys need {action} on the function {self.function!r}, and --account has to be theirs"
        if exc.status_code == HTTP_NOT_FOUND and "Function" in code:
            return f"there is no function {self.function!r} in this region of this account; see --function and --region"
        return ""


def get_function(client: FunctionClient) -> Function:
    """What GetFunction tells, which names the function. The right is fc:GetFunction. Raises Refused and Unanswered."""
    request = GetFunctionRequest()
    found: Function = client.call(
        "fc:GetFunction", lambda sdk, name, runtime: sdk.get_function_with_options(name, request, {}, runtime)
    ).body
    if not found.function_name:
        raise strange(f"HTTP {HTTP_OK}")
    return found


def strange(what: str) -> Unanswered:
    """Something answered, but not Function Compute."""
    message = f"no readable answer of Function Compute ({what}, but not its own; see the endpoint, and any proxy)"
    return Unanswered(message, may_be_done=True)


def _unanswered(inner: Exception | None) -> Unanswered:
    if isinstance(inner, _BEFORE_SENDING):
        return Unanswered(f"Function Compute was not asked: {UNSENDABLE}", may_be_done=False)
    why = explain(str(inner)) if isinstance(inner, RetryError) else type(inner).__name__
    message = f"no readable answer of Function Compute ({why})"
    return Unanswered(message, may_be_done=not NEVER_SENT.search(str(inner)))


def _code_of(exc: ResponseException) -> str:
    """The code of an error, in either form of its body."""
    older = (exc.data or {}).get("errorCode") if isinstance(getattr(exc, "data", None), dict) else None
    return str(older or exc.code)
