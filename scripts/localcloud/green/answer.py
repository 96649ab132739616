"""The seam between the moderation stand-in and whatever looks at the pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from handler.model import Finding


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks to have judged.

    Either `url` is set, or `bucket`, `key` and `region` are; what was not given is empty. `info_types` are the extra
    information asked for, in the vendor's words (`vlContent`).
    """

    service: str
    bucket: str = ""
    key: str = ""
    region: str = ""
    url: str = ""
    data_id: str = ""
    referer: str = ""
    info_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service says of one image.

    `code` is one of the vendor's (200, 400-408, 500); `findings`, `risk` and `ext` go with 200 only, and a call is
    billed only for that. `ext` is keyed as on the wire (`VlContent`), and only what was asked for is sent.
    `status` other than 200 is a failure of the HTTP level, with `error` as its code (`Throttling.User`).
    `body` stands in for the usual body of a 200, for answers that the vendor never documented: bytes go out as they
    are, anything else as JSON.
    """

    findings: tuple[Finding, ...] = ()
    risk: str | None = None
    ext: Mapping[str, object] | None = None
    code: int = 200
    status: int = 200
    error: str = ""
    body: bytes | Mapping[str, object] | Sequence[object] | str | None = None


HARMLESS = Answer(findings=(Finding("nonLabel", risk="none"),), risk="none")


class Eyes(Protocol):
    """Looks at an image that passed the service's limits.

    Called in the thread of the request, by several at once. An exception is answered with code 500.
    """

    def __call__(self, image: bytes, asked: Asked, /) -> Answer:
        """Judge one image, given as the bytes that were stored."""


class Refused(Exception):
    """The service gives no verdict on this call: `code` is the vendor's, 400-408 or 500."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
