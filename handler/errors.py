"""Every exception that the function raises on purpose.

WardenError
├── BadSettings       the environment of the function is wrong: fails the initializer
├── BadPolicy         the policy file is wrong: fails the initializer, carries every mistake at once
├── BadEvent          an event, or one record of it, is not what an OSS trigger sends
├── NoVerdict         the service gave no verdict: `kind` says which row of the policy's `failures` applies
├── OperatorError     the account, the role or our own request is at fault; never the object
├── StoreUnavailable  OSS did not answer, throttled, or failed on its side; worth another delivery
│   └── OutOfTime     … or the time that this record has in this delivery is used up
├── ObjectGone        the object, or that version of it, is no longer there
├── ObjectChanged     the object is not the one that was judged
│   └── TagAstray     … and a tag of ours may sit on what is there instead
├── CannotCopy        OSS refuses to copy this object, whoever asks
├── PlaceTaken        where a copy should go, other bytes are
├── ClaimHeld         another delivery of the same upload is at work on it
├── BadRecord         a record of the ledger can't be read, or isn't ours
└── InvocationFailed  raised by the handler at the end, so that Function Compute delivers again
"""

import re
from enum import Enum

# What codes and ids are made of. Anything else may be what was sent, signature and token, or a line of a log.
PLAIN = re.compile(r"[A-Za-z0-9._-]{0,64}")


class FailureKind(str, Enum):
    """Why there is no verdict; the keys of the policy's `failures`."""

    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    SYMLINK = "symlink"
    ARCHIVED = "archived"

    @property
    def is_passing(self) -> bool:
        """Whether the next delivery may well have a verdict, so that nothing is decided before the last."""
        return self in {FailureKind.UNAVAILABLE, FailureKind.UNREADABLE}

    @property
    def is_lasting(self) -> bool:
        """Whether it is a matter of the bytes themselves, so that no later delivery can mend it."""
        return self in {FailureKind.UNSUPPORTED, FailureKind.TOO_LARGE, FailureKind.SYMLINK, FailureKind.ARCHIVED}


def plain(text: object, what: str) -> str:
    """A code or an id of a stranger's answer, as it may be repeated; `an unreadable {what}` where it is none."""
    said = str(text)
    return said if PLAIN.fullmatch(said) else f"an unreadable {what}"


class WardenError(Exception):
    """The root. Messages say what, where and what would be right; never a key, a token or a signed URL."""


class BadSettings(WardenError):
    """The environment of the function lacks something or holds a wrong value; names the variable."""


class BadPolicy(WardenError):
    """The policy is refused. The message holds every mistake, one a line."""


class BadEvent(WardenError):
    """The event, or one of its records, is malformed; names the place."""


class NoVerdict(WardenError):
    """The moderation service gave no verdict on this object.

    `is_paid`: its answer was billed all the same; `may_be_paid`: perhaps it was, for nobody read it. `is_throttled`: it
    looked at nothing, because the account asks too much.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        is_paid: bool = False,
        may_be_paid: bool = False,
        is_throttled: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.is_paid = is_paid
        self.may_be_paid = may_be_paid
        self.is_throttled = is_throttled


class OperatorError(WardenError):
    """Credentials, rights, activation or a request of ours is wrong; the message says what to mend."""


class StoreUnavailable(WardenError):
    """OSS did not answer, or answered with a fault of its own; the same call may go through later."""


class OutOfTime(StoreUnavailable):
    """The record's share of this delivery's time is used up; what is left is for the next delivery."""


class ObjectGone(WardenError):
    """No such object, or no such version of it."""


class ObjectChanged(WardenError):
    """The precondition of a conditional call failed: the object is not the one that was judged."""


class TagAstray(ObjectChanged):
    """The object changed, or went, while it was tagged, so that the tags may have met other bytes.

    `tags` are all that were written, the user's among them.
    """

    def __init__(self, message: str, tags: dict[str, str]) -> None:
        super().__init__(message)
        self.tags = tags


class CannotCopy(WardenError):
    """OSS refuses to copy this very object (archived, or appendable in a versioned bucket)."""


class PlaceTaken(WardenError):
    """The copy's place holds other bytes; they may be all that is left of a picture, so they are not overwritten."""


class ClaimHeld(WardenError):
    """Another delivery of this upload is at work, or was killed and its lease has not ended."""


class BadRecord(WardenError):
    """A record of the ledger is corrupt, of another version, or about something else; it counts for nothing."""


class InvocationFailed(WardenError):
    """At least one record must be delivered again, or is for the operator."""
