"""What the moderation stand-in remembers of the calls that it answered."""

import threading
from dataclasses import dataclass

from scripts.localcloud.green.answer import Asked


@dataclass(frozen=True, slots=True)
class GreenCall:
    """One request that reached the stand-in.

    `asked` is what it named, also where that was refused (empty where it could not be told). `status` is that of
    HTTP; `code` is the vendor's number in a 200, the error code (`Throttling.User`) otherwise, and `garbage` or
    `drop` for a call spoiled so before the work; then `status` is 200 and 0. `access_key_id` is empty where the
    signature or the rights were refused. A call is billed once it is answered with
    code 200, even if the answer was then lost.
    """

    request_id: str
    access_key_id: str
    asked: Asked
    status: int
    code: int | str
    billed: bool = False


class Record:
    """The calls in the order in which they were answered. Thread-safe."""

    def __init__(self) -> None:
        self._calls: list[GreenCall] = []
        self._lock = threading.Lock()

    def add(self, call: GreenCall) -> None:
        """Note one call."""
        with self._lock:
            self._calls.append(call)

    def calls(self) -> list[GreenCall]:
        """A copy of the calls so far."""
        with self._lock:
            return list(self._calls)
