"""Stopping the function, and starting it again: a switch of Function Compute's own.

DisableFunctionInvocation "prevents a function from being invoked and optionally terminates all requests that are being
processed"; no new instance is made (vendor's API reference, 2023-03-30). It is marked as a beta there, "in private
preview": an account may not have it. GetFunction tells of it, as `invocationRestriction` (vendor's SDK). What becomes
of asynchronous events meanwhile is not documented. UpdateFunction has no parameter for it, and the component fc3 that
deploys calls it only for a `scalingConfig` of the mode `drain` (its scaling_config.ts), which our template can't have:
so it outlives a deployment. Not tried on a live account.
"""

from dataclasses import dataclass

from alibabacloud_fc20230330.models import DisableFunctionInvocationRequest

from handler.errors import WardenError
from scripts.services.function_compute import FunctionClient, get_function

STOP = "fc:DisableFunctionInvocation"
START = "fc:EnableFunctionInvocation"


class NotSwitched(WardenError):
    """Function Compute answered, but did not say that it did it."""


@dataclass(frozen=True)
class Stopped:
    """Since when the function is stopped (as Function Compute writes times), and why; "" where it does not say."""

    since: str
    reason: str

    def __str__(self) -> str:
        """As it stands behind "stopped"."""
        since = f" since {self.since}" if self.since else ""
        return f"{since}: {self.reason!r}" if self.reason else f"{since}, nobody said why"


def look(client: FunctionClient) -> Stopped | None:
    """Whether the function is stopped. Raises Refused and Unanswered."""
    return read_restriction(get_function(client).invocation_restriction)


def read_restriction(restriction: object) -> Stopped | None:
    """What a function's `invocationRestriction` says; the vendor's FunctionRestriction, or None."""
    if not getattr(restriction, "disable", None):
        return None
    since, reason = (getattr(restriction, name, None) or "" for name in ("last_modified_time", "reason"))
    return Stopped(str(since), str(reason))


def stop(client: FunctionClient, reason: str, *, abort: bool) -> None:
    """Take no more invocations; with `abort`, end those under way too. Raises Refused, Unanswered and NotSwitched."""
    request = DisableFunctionInvocationRequest(abort_ongoing_request=abort, reason=reason)
    answer = client.call(
        STOP,
        lambda sdk, name, runtime: sdk.disable_function_invocation_with_options(name, request, {}, runtime),
    )
    _require(answer.body.success, "stopped")


def start(client: FunctionClient) -> None:
    """Take invocations again. Raises Refused, Unanswered and NotSwitched."""
    answer = client.call(
        START, lambda sdk, name, runtime: sdk.enable_function_invocation_with_options(name, {}, runtime)
    )
    _require(answer.body.success, "started")


def _require(success: object, done: str) -> None:
    if success is not True:
        raise NotSwitched(f"Function Compute did not say that the function is {done}; run the same command again")
