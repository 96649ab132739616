"""Handing an event to the deployed function, asynchronously, as a trigger does.

Function Compute 3.0's InvokeFunction with `x-fc-invocation-type: Async`, answered 202 (vendor's API reference,
2023-03-30; not tried on a live account).
"""

from alibabacloud_fc20230330.models import InvokeFunctionHeaders, InvokeFunctionRequest

from handler.errors import WardenError
from scripts.services.function_compute import FunctionClient, Refused, Unanswered

ACTION = "fc:InvokeFunction"
ACCEPTED = 202
MOST_EVENT_BYTES = 128 * 1024


class CannotInvoke(WardenError):
    """Function Compute did not take the event."""


class Invoker:
    """Hands events to one function."""

    def __init__(self, client: FunctionClient) -> None:
        self._client = client

    def invoke(self, payload: str) -> None:
        """Queue the event; once this returns, Function Compute has it. Raises CannotInvoke."""
        body = payload.encode()
        if len(body) > MOST_EVENT_BYTES:
            raise CannotInvoke(f"the event has {len(body)} bytes; Function Compute takes {MOST_EVENT_BYTES}")
        request, headers = InvokeFunctionRequest(body=body), InvokeFunctionHeaders(x_fc_invocation_type="Async")
        try:
            self._client.call(
                ACTION,
                lambda sdk, name, runtime: sdk.invoke_function_with_options(name, request, headers, runtime),
                status=ACCEPTED,
            )
        except Refused as exc:
            raise CannotInvoke(str(exc)) from exc
        except Unanswered as exc:
            has_it = "it is not known whether it has" if exc.may_be_done else "it does not have"
            raise CannotInvoke(f"{exc}; {has_it} the event") from exc
