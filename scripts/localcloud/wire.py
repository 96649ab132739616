"""What the stand-ins share: identities, the record of a wire call, and the means to watch a call or spoil it."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who may sign requests.

    With a `security_token` (STS), each request must carry exactly that token. `rights` are pairs of a RAM action
    (`oss:GetObject`) and a resource pattern (`uploads/*`, `functions/*`, `*` any run of characters; `*` alone for the
    moderation API); None means every right.
    """

    access_key_id: str
    access_key_secret: str
    security_token: str | None = None
    rights: frozenset[tuple[str, str]] | None = None


def has_right(identity: Identity, action: str, resource: str) -> bool:
    """Tell whether the identity may do this."""
    if identity.rights is None:
        return True
    return any(action == allowed and _pattern(where).fullmatch(resource) for allowed, where in identity.rights)


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


@dataclass(frozen=True, slots=True)
class WireCall:
    """One authenticated request that reached a stand-in.

    `operation` is the API's own name (`HeadObject`, `CopyObject`, `ImageModeration`); `actions` are the RAM actions it
    needs, as pairs of action and resource (`("oss:GetObject", "uploads/a.jpg")`). `bucket` and `key` are empty where
    the call has none; `version_id` is the one that the request named.
    """

    service: Literal["oss", "green", "fc"]
    operation: str
    actions: tuple[tuple[str, str], ...]
    bucket: str
    key: str
    version_id: str | None
    access_key_id: str


@dataclass(frozen=True, slots=True)
class Fault:
    """How a call is spoiled.

    `delay_s` before anything else. Then at most one of: `status` with `code` answered instead of doing the work;
    `garbage`, a 200 whose body is not of the protocol; `drop="before"`, the connection is closed and nothing is done;
    `drop="after"`, the work is done and the connection is closed without an answer.
    """

    delay_s: float = 0.0
    status: int | None = None
    code: str = ""
    garbage: bool = False
    drop: Literal["before", "after"] | None = None


class Observer(Protocol):
    """Watches every call of a stand-in, and may spoil it.

    Both methods run in the server's thread with no lock held, so they may call the stand-ins themselves.
    """

    def before(self, call: WireCall) -> Fault | None:
        """Called when a request is authenticated and allowed, before its effect. A Fault spoils it."""

    def after(self, call: WireCall, status: int) -> None:
        """Called when the effect is done, before the answer is sent."""


class Bystander:
    """The Observer that lets everything be."""

    def before(self, call: WireCall) -> Fault | None:
        """Spoil nothing."""
        del call
        return None

    def after(self, call: WireCall, status: int) -> None:
        """Note nothing."""
        del call, status
