"""The function's wire calls, noted where they arrive."""

import threading
from collections.abc import Callable

from scripts.localcloud.cloud import FUNCTION_ROLE
from scripts.localcloud.wire import Fault, WireCall


def spoil_nothing(call: WireCall) -> None:
    """Let every call be."""
    del call


class CallWatch:
    """The Observer of both stand-ins: notes the calls of a function with one instance, and has `spoil` spoil some.

    `spoil` may be replaced at any time.
    The service reads by a link that the function signed, with the function's key; that is no call of the function.
    """

    def __init__(self, spoil: Callable[[WireCall], Fault | None] = spoil_nothing) -> None:
        self.spoil = spoil
        self._calls: list[WireCall] = []
        self._service_looks = False
        self._lock = threading.Lock()

    def before(self, call: WireCall) -> Fault | None:
        """Note the call, and spoil it where that is wanted."""
        if call.access_key_id != FUNCTION_ROLE.access_key_id:
            return None
        with self._lock:
            if self._service_looks and call.operation == "GetObject":
                return None
            self._service_looks = call.service == "green"
            self._calls.append(call)
        return self.spoil(call)

    def after(self, call: WireCall, status: int) -> None:
        """Nothing is noted after a call."""
        del call, status

    def take(self) -> list[WireCall]:
        """The calls since the last time, in order."""
        with self._lock:
            taken, self._calls = self._calls, []
        return taken
