"""The nouns: Upload, Verdict (of Findings), Decision, Outcome. Policy has a module of its own.

All are frozen values in the one JSON form of the project (version 1, snake_case), which the log line, the handler's
answer, scripted verdicts, policy tests and replay share.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NoReturn

from handler.errors import FailureKind

JSON_FORM_VERSION = 1


class Action(str, Enum):
    """What is done to an object."""

    PASS = "pass"  # noqa: S105  (a word of the policy language)
    TAG = "tag"
    QUARANTINE = "quarantine"
    DELETE = "delete"
    NONE = "none"


class Mode(str, Enum):
    """`shadow`: decide and log everything, touch nothing."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


class Risk(str, Enum):
    """The four risk words of the moderation service, from harmless to grave."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Status(str, Enum):
    """How an upload ended."""

    PASSED = "passed"
    FLAGGED = "flagged"
    QUARANTINED = "quarantined"
    DELETED = "deleted"
    LEFT_ALONE = "left-alone"
    SHADOW = "shadow"
    UNVERIFIED = "unverified"
    OUT_OF_SCOPE = "out-of-scope"
    IGNORED_EVENT = "ignored-event"
    GONE = "gone"
    SUPERSEDED = "superseded"
    DUPLICATE = "duplicate"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Upload:
    """One record of an OSS trigger: bytes that arrived under a key.

    `key` is raw, never URL-encoded. `etag` is upper-case without quotes, as in events. `size_bytes` >= 0.
    `version_id` and `content_type` come from OSS, never from the event (which has neither): None until known.
    `uploaded_at` is the event's own time (ISO 8601, UTC, milliseconds). `request_id` is that of the request that
    uploaded the bytes: together with bucket and key it names this upload for ever.
    """

    bucket: str
    key: str
    etag: str
    version_id: str | None
    size_bytes: int
    content_type: str | None
    region: str
    event_name: str
    uploaded_at: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One label that the service gave.

    `confidence` is 0-100, or None where the service gave none (or a number outside that range). For a `_lib` label it
    is a similarity. `risk` is the service's own word for this label, unchanged, or None. `description` is prose of
    the service and may change: nothing is ever decided on it.
    """

    label: str
    confidence: float | None = None
    risk: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the service said of one image. Has at least one finding: a verdict without findings is no verdict.

    `risk` is the overall word of the service, unchanged, or None. `billed`: calls paid for this verdict.
    `latency_ms` is that of the answer that counted. `ext` is the extra information asked for with `info_types`.
    Raises ValueError without findings.
    """

    service: str
    risk: str | None
    findings: tuple[Finding, ...]
    request_id: str = ""
    data_id: str = ""
    billed: int = 1
    latency_ms: int = 0
    ext: dict[str, object] | None = None

    def __post_init__(self) -> None:
        if not self.findings:
            message = "a verdict needs at least one finding; an image without risk has the finding nonLabel"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class ShadowMatch:
    """A rule in shadow that matched: what it would have done."""

    rule: str
    action: Action


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says is to be done, and why.

    `policy` is `name:sha256[:8]` of the file. `rule` is the name of the deciding rule, `(otherwise)`, `(failures)`, or
    `(release)` for what was brought back out of quarantine; `line` is its line in the policy file, counted from 1.
    `findings` are those that fired. `tags` are the rule's own, without prefix. `reason` is one sentence for a person.
    """

    policy: str
    action: Action
    rule: str
    line: int
    reason: str
    mode: Mode = Mode.ENFORCE
    failure: FailureKind | None = None
    findings: tuple[Finding, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    shadow: tuple[ShadowMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of an event to one invocation of the function.

    `number` counts from 1, of `most` (the setting MAX_DELIVERIES); without `is_counted` the platform gave no count, as
    at every first delivery. `request_id` is the invocation's, which a retry may keep. `is_redriven`: an operator sent
    the event again, so that this is never the last delivery.
    """

    number: int
    request_id: str
    function: str = ""
    most: int = 1
    is_counted: bool = True
    is_redriven: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """How the same upload ended in an earlier delivery; `record` is the name of what the ledger says of it."""

    status: Status
    location: str | None
    record: str


@dataclass(frozen=True, slots=True)
class Calls:
    """Wire calls made for one upload.

    `billed` counts answers of the service with code 200; `maybe_billed` calls that may have been answered so, but whose
    answer was not read: a timeout, a broken connection, a body that is none of the service's.
    """

    oss: int = 0
    green: int = 0
    billed: int = 0
    maybe_billed: int = 0


@dataclass(frozen=True, slots=True)
class RequestIds:
    """What to quote to the vendor: the invocation's id, and the ids of the answers in the order they came."""

    fc: str = ""
    oss: tuple[str, ...] = ()
    green: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one record: what was judged, decided and done. Exactly one for each record of each event.

    `upload` is None only for a record too malformed to name one; it says what was acted on (version, etag) where
    that differs from the event. `action` is the one carried out (None: none was). `location` is where the bytes are
    now, `bucket/key`, or None where they are gone or that is not known. `tags` are the tags of ours that were written.
    `superseded` is the
    etag of the event's bytes where other bytes, found under the key, were judged in their place. `attempts` counts
    calls to the service; `delivery` counts from 1. `earlier` is there only for a duplicate. `links` are the links under
    the key that were dealt with on the way. An Outcome with an `error` fails the invocation.
    """

    upload: Upload | None
    status: Status
    verdict: Verdict | None = None
    decision: Decision | None = None
    action: Action | None = None
    location: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    tag_note: str | None = None
    superseded: str | None = None
    earlier: Earlier | None = None
    links: tuple[str, ...] = ()
    attempts: int = 0
    delivery: int = 1
    calls: Calls = Calls()
    cost_usd: float = 0.0
    duration_ms: int = 0
    request_ids: RequestIds = RequestIds()
    error: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether no later delivery may change it."""
        return is_final(self.status, self.decision.failure if self.decision else None)


def is_final(status: Status, failure: FailureKind | None) -> bool:
    """Whether what ended so is done with.

    It is, where there was a verdict, where the bytes were moved or removed, and where no later delivery can mend the
    failure. A failure that can be mended and left the bytes in place is not, whatever the policy does meanwhile.
    """
    if status is Status.FAILED:
        return False
    return status in {Status.QUARANTINED, Status.DELETED} or failure is None or failure.is_lasting


def assert_never(missed: NoReturn) -> NoReturn:
    """Mark a branch that mypy proves empty; a new Action shows up here first (typing's own is Python 3.11)."""
    raise AssertionError(f"{missed!r} was forgotten here")
