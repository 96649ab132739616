"""Handing an event to the deployed function, asynchronously, as a trigger does.

Function Compute 3.0's InvokeFunction (vendor's API reference, 2023-03-30; not tried on a live account): POST
`/2023-03-30/functions/NAME/invocations` with `x-fc-invocation-type: Async`, signed with ACS3-HMAC-SHA256, answered 202.
"""

from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.exceptions import ResponseException, RetryError
from darabonba.runtime import RuntimeOptions
from Tea.exceptions import UnretryableException

from handler.adapters.dara import heed_network
from handler.adapters.oss.network import NEVER_SENT, explain
from handler.credentials import Credentials
from handler.errors import WardenError, plain

VERSION = "2023-03-30"
CONNECT_TIMEOUT_MS = 3_000
READ_TIMEOUT_MS = 10_000
MOST_EVENT_BYTES = 128 * 1024


class CannotInvoke(WardenError):
    """Function Compute did not take the event."""


class Invoker:
    """Speaks to one function. `endpoint` is a URL."""

    def __init__(self, credentials: Credentials, *, endpoint: str, region: str, function: str) -> None:
        heed_network()
        scheme, _, host = endpoint.partition("://")
        self._function = function
        self._protocol = scheme.upper()
        self._client = Client(
            Config(
                access_key_id=credentials.access_key_id,
                access_key_secret=credentials.access_key_secret,
                security_token=credentials.security_token or None,
                endpoint=host.rstrip("/"),
                region_id=region,
                protocol=self._protocol,
            )
        )

    def invoke(self, payload: str) -> None:
        """Queue the event; once this returns, Function Compute has it. Raises CannotInvoke."""
        body = payload.encode()
        if len(body) > MOST_EVENT_BYTES:
            raise CannotInvoke(f"the event has {len(body)} bytes; Function Compute takes {MOST_EVENT_BYTES}")
        params = Params(
            action="InvokeFunction",
            version=VERSION,
            protocol=self._protocol,
            pathname=f"/{VERSION}/functions/{self._function}/invocations",
            method="POST",
            auth_type="AK",
            style="ROA",
            req_body_type="byte",
            body_type="none",
        )
        request = OpenApiRequest(headers={"x-fc-invocation-type": "Async"}, body=body)
        runtime = RuntimeOptions(connect_timeout=CONNECT_TIMEOUT_MS, read_timeout=READ_TIMEOUT_MS, autoretry=False)
        try:
            self._client.call_api(params, request, runtime)
        except ResponseException as exc:
            raise CannotInvoke(f"Function Compute says {plain(exc.code, 'code')} (HTTP {exc.status_code})") from exc
        except UnretryableException as exc:
            inner = getattr(exc, "inner_exception", None)
            why = explain(str(inner)) if isinstance(inner, RetryError) else type(inner).__name__
            has_it = "it does not have" if NEVER_SENT.search(str(inner)) else "it is not known whether it has"
            raise CannotInvoke(f"no readable answer of Function Compute ({why}); {has_it} the event") from exc
