"""How bytes in the store compare with an event, and the versions of a key, looked through in bounds.

A key that is overwritten every second has millions of versions: no more is listed than the event's age asks for, and
nothing is kept but what may concern it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256

from handler.events import REPLICA_EVENTS, SYMLINK_EVENT
from handler.model import Upload
from handler.ports import Store, StoredObject

# Last-Modified is cut to seconds, and how it relates to the event's time is not documented.
SAME_MOMENT = timedelta(seconds=2)
# Whether Last-Modified of these is when the upload began is not documented: it may be days before the event.
# A replica keeps the time of its source.
BEGUN_EARLIER = REPLICA_EVENTS | {"ObjectCreated:CompleteMultipartUpload"}
# Of 999 versions each: 2.7 hours of a key that is overwritten every second. The next delivery goes on.
MOST_PAGES = 10
# What is older than its event, a replica, may have taken what is this event's, and is left to it then.
MOST_TWINS = 100


@dataclass(frozen=True, slots=True)
class Scan:
    """What a listing showed: versions that the upload may be, nearest to its event first, and links of its time.

    `twins` are older versions of the same bytes; some, nearest first. `listed_to`: how far it went, where that was not
    far enough.
    """

    fitting: tuple[StoredObject, ...]
    twins: tuple[StoredObject, ...]
    links: tuple[StoredObject, ...]
    listed_to: str | None = None


def scan(upload: Upload, store: Store, after: str | None) -> Scan:
    """List the versions of the upload's key, from `after` on, to the first page that ends with one older than it.

    Not only down to the first such one: a replica keeps its source's time, and may lie on top of what is younger.

    Raises OperatorError and StoreUnavailable.
    """
    fitting: list[StoredObject] = []
    twins: list[StoredObject] = []
    links: list[StoredObject] = []
    for _ in range(MOST_PAGES):
        page = store.versions(upload.bucket, upload.key, after)
        for version in page.versions:
            if fits(version, upload):
                fitting.append(version)
            elif _has_same_bytes(version, upload) and is_earlier(version, upload):
                twins.append(version)
            elif version.is_symlink and not (is_earlier(version, upload) or is_later(version, upload)):
                links.append(version)
        twins = _nearest_first(twins, upload)[:MOST_TWINS]
        after = page.after
        if after is None or (page.versions and is_earlier(page.versions[-1], upload)):
            after = None
            break
    return Scan(tuple(_nearest_first(fitting, upload)), tuple(twins), tuple(links), listed_to=after)


def _nearest_first(versions: list[StoredObject], upload: Upload) -> list[StoredObject]:
    """Order by time from the event; of those of one moment, each event begins with another."""

    def order(version: StoredObject) -> tuple[timedelta, str]:
        names = f"{version.version_id} {upload.request_id}"
        return abs(age(version, upload)), sha256(names.encode()).hexdigest()

    return sorted(versions, key=order)


def see_itself(found: StoredObject, store: Store, version_id: str | None) -> StoredObject | None:
    """What is there of it now; a link as itself, for HEAD answers for its target. None: nothing."""
    ask = store.link if found.is_symlink else store.head
    return ask(found.bucket, found.key, version_id)


def fits(found: StoredObject, upload: Upload) -> bool:
    """Whether these may be the upload's bytes.

    By etag, and where each upload makes a version of its own, also by time: the same bytes may be put again later.
    """
    if not _has_same_bytes(found, upload):
        return False
    return not found.is_pinned or not (is_later(found, upload) or is_earlier(found, upload))


def _has_same_bytes(found: StoredObject, upload: Upload) -> bool:
    # A link answers with the etag of its target, which may well be that of the upload.
    is_none = found.is_symlink or found.is_deletion or upload.event_name == SYMLINK_EVENT
    return not is_none and found.etag == upload.etag


def is_later(found: StoredObject, upload: Upload) -> bool:
    """Whether it was written after the event."""
    return age(found, upload) > SAME_MOMENT


def is_earlier(found: StoredObject, upload: Upload) -> bool:
    """Whether it was written before what the event tells of."""
    return upload.event_name not in BEGUN_EARLIER and age(found, upload) < -SAME_MOMENT


def age(found: StoredObject, upload: Upload) -> timedelta:
    """How much later than the event it was written; zero where either time can't be read."""
    try:
        uploaded_at = datetime.fromisoformat(upload.uploaded_at.replace("Z", "+00:00"))
        return parsedate_to_datetime(found.last_modified) - uploaded_at
    except (ValueError, TypeError, OverflowError):
        return timedelta()
