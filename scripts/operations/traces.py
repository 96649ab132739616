"""What is asked of an image, and what is found: every trace that an upload has left."""

from dataclasses import dataclass
from typing import Any

from handler.ports import StoredObject

# No word of the log's: there is no outcome yet.
AT_WORK = "at work"


@dataclass(frozen=True)
class Place:
    """What is asked: a key of a watched bucket, and where else to look. `days` back from today, by our clock.

    `tag_prefix` begins the names of our tags.
    """

    bucket: str
    key: str
    function: str
    ledger: str | None
    quarantine: str | None
    prefix: str
    days: int
    tag_prefix: str


@dataclass(frozen=True)
class Trace:
    """One upload of the key, as far as anything still knows of it.

    `status` is that of the latest outcome, in the log's words, or `at work` where there is none yet. `document` is the
    ledger's, in the project's JSON form. `release`: who brought it back and why, each None where only the held copy
    tells; its `state` is `restored`, or `restore begun` where that was interrupted. `restored_at`: when, in UTC, where
    the release says so. `is_there`: whether the bytes are at `location` now. `mark`: the status that the held copy
    carries as a tag.
    """

    request_id: str
    uploaded_at: str
    status: str
    location: str | None
    is_there: bool | None
    etag: str | None = None
    error: str | None = None
    document: dict[str, Any] | None = None
    release: dict[str, str | None] | None = None
    restored_at: str | None = None
    mark: str | None = None


@dataclass(frozen=True)
class Found:
    """All that was found. `current` is what is under the key now; `strange` names what could not be read.

    `unread`: how many lines of the logs these are. `not_asked` names what could have been asked, and was not.
    """

    traces: tuple[Trace, ...]
    current: StoredObject | None
    current_tags: dict[str, str]
    strange: tuple[str, ...]
    unread: int = 0
    not_asked: tuple[str, ...] = ()
