"""Which bytes in the store an upload is, and which of them are to be dealt with next.

An event is a hint that something happened at a key; what is to be done is read from the store. What became of an upload
is told here and nowhere else: an older version, a twin, a link, a successor, or what stands there in its place.
"""

from dataclasses import replace
from datetime import timedelta

from handler.errors import ObjectGone
from handler.events import LINK_EVENTS, SYMLINK_EVENT, spellings
from handler.model import Earlier, Outcome, Status
from handler.ports import Store, StoredObject
from handler.upload.missing import end_as_before, end_without_bytes
from handler.upload.progress import Progress, Run, name_of
from handler.upload.scanning import Scan, age, fits, is_later, scan, see_itself
from handler.upload.taking import take, take_again, take_now, wait_for_one
from handler.upload.waiting import Waiting

# Each costs a look at its take and at its upload. All others are taken too, and their uploads answer for them.
MOST_WATCHED = 10

# There may be thousands of the event's moment: past these the upload's own bytes come first, and the others after them.
MOST_LINKS_FIRST = 10

Next = tuple[Progress, StoredObject | None]


def locate_next(progress: Progress, run: Run) -> Next:
    """Find the bytes to deal with next: links under the key that are not newer than the event, then the upload's own.

    Of many links, some come first and the others last.
    Of versions that an upload may be, it takes one that no other has. None where it has ended.

    Raises ObjectGone where a version went while it was looked for, and what the store, the ledger and the quarantine
    raise.
    """
    resumed = _resume(progress, run) or _go_on_with_links(progress, run)
    if resumed is not None:
        return resumed
    progress, now = _look_under(replace(progress, has_resumed=True), run.services.store)
    upload = progress.upload
    if not run.is_ours_to_judge(upload):
        return progress.end(Status.OUT_OF_SCOPE, location=f"{upload.bucket}/{upload.key}"), None
    if now is not None and _is_link_to_deal_with(now, progress) and _may_come_first(progress):
        return progress, now
    if now is not None and not progress.has_acted and fits(now, upload) and _is_for_this(progress, now):
        return _begin(progress, now)
    if now is None or now.version_id is None:
        return _without_own(progress, run, now)
    return _locate_version(progress, run, now)


def _resume(progress: Progress, run: Run) -> Next | None:
    """Go on with the version that an earlier delivery took; None without one, or where another upload has it by now."""
    known = progress.entry.known
    if known is None or not known.found.is_pinned or progress.has_resumed:
        return None
    kept = known.found
    found = run.services.store.head(kept.bucket, kept.key, kept.version_id)
    if found is None:
        return end_without_bytes(replace(progress, has_resumed=True), run), None
    if not take_again(progress.entry, found):
        return None
    progress = replace(progress, has_resumed=True)
    progress = replace(progress, upload=replace(progress.upload, key=kept.key))
    if kept.etag != progress.upload.etag:
        progress = replace(progress, upload=replace(progress.upload, etag=kept.etag), superseded=progress.upload.etag)
    # Whether it is current no answer of a version tells, and a version needs no telling.
    return _begin(progress, replace(found, is_current=False))


def _go_on_with_links(progress: Progress, run: Run) -> Next | None:
    """Deal with the next link of those listed; None where none is to be dealt with now, or nothing was listed."""
    if not _may_come_first(progress):
        return None
    link = next(iter(progress.links_left), None)
    if link is None:
        return None
    # A version is looked at no more before it goes: only what may be overwritten has to be known exactly.
    return progress, link if link.is_pinned else _expect(link, run.services.store)


def _may_come_first(progress: Progress) -> bool:
    """Whether a link comes before all else by now."""
    return progress.has_acted or len(progress.links) < MOST_LINKS_FIRST


def _look_under(progress: Progress, store: Store) -> tuple[Progress, StoredObject | None]:
    """What is under the key now; a link with its own time. A key that arrived encoded is decoded where that fits."""
    upload = progress.upload
    now = store.link(upload.bucket, upload.key) if upload.event_name == SYMLINK_EVENT else None
    now = now or store.head(upload.bucket, upload.key)
    if now is not None:
        # HEAD answers for the link's target.
        is_link_by_head = now.is_symlink and upload.event_name != SYMLINK_EVENT
        return progress, (store.link(upload.bucket, upload.key) or now) if is_link_by_head else now
    for key in [] if progress.has_ended else spellings(upload.key)[1:]:
        other = store.head(upload.bucket, key)
        if other is not None and fits(other, upload):
            return replace(progress, upload=replace(upload, key=key)), other
    return progress, None


def take_first(progress: Progress, found: StoredObject) -> bool:
    """Take a version that nobody had yet; without a ledger, whoever comes has it."""
    return not progress.takes_versions or take(progress.entry, found)


def _is_for_this(progress: Progress, now: StoredObject) -> bool:
    """Whether what is current is the upload's to deal with, where it fits.

    What can be overwritten is taken by nobody: a twin with an id of its own, below it, may wait for this event. So may
    a version that an earlier delivery of it took, and what is of a later second than the event is rather another's.
    An event that may tell of a link has to look for that first: under it may lie bytes of the very same etag.
    """
    if now.version_id is None:
        return True
    if progress.upload.event_name in LINK_EVENTS:
        return False
    if not progress.takes_versions:
        return True
    is_own = not progress.entry.is_takeover and age(now, progress.upload) <= timedelta()
    return now.is_pinned and is_own and take(progress.entry, now)


def _locate_version(progress: Progress, run: Run, now: StoredObject) -> Next:
    """Look below what is current, at a list that holds until something changes under our hands."""
    looked = progress.looked or scan(progress.upload, run.services.store, progress.entry.listed_to)
    progress = replace(progress, looked=looked)
    link = _go_on_with_links(progress, run)
    if link is not None:
        return link
    if progress.has_acted:
        return progress.end_as(progress.ending), None
    progress, found = _locate_own(progress, run, now, looked)
    return (progress, found) if found is not None else (progress.end_own(progress.ending), None)


def _locate_own(progress: Progress, run: Run, now: StoredObject, looked: Scan) -> Next:
    """Find the upload's own version among those listed."""
    if progress.takes_versions:
        return _take_version(progress, run, now, looked)
    pinned, unpinned = _parted(looked)
    # Once its own was removed, an older one is another upload's.
    older = () if progress.has_removed else _older_twins(progress, looked)
    # One look at a time: there may be as many as are listed.
    complete = (_complete(version, run.services.store) for version in (*pinned, *older, *unpinned))
    found = next(filter(None, complete), None)
    return _begin(progress, found) if found is not None else _without_version(progress, run, now, looked)


def _older_twins(progress: Progress, looked: Scan) -> tuple[StoredObject, ...]:
    """Older versions of the same bytes, as far as they are nearer to the event than what can't be taken.

    A slow upload looks older than it is, and the event of an older one, a replica, may have taken this one's.
    """
    upload = progress.upload
    _, unpinned = _parted(looked)
    newest = max((age(version, upload) for version in unpinned if not is_later(version, upload)), default=None)
    # What is not listed yet may be its own.
    if looked.listed_to is not None:
        return ()
    return tuple(twin for twin in looked.twins if newest is None or age(twin, upload) > newest)


def _parted(looked: Scan) -> tuple[list[StoredObject], list[StoredObject]]:
    """Those that fit: what can be taken, and what can't."""
    pinned = [version for version in looked.fitting if version.is_pinned]
    return pinned, [version for version in looked.fitting if not version.is_pinned]


def _take_version(progress: Progress, run: Run, now: StoredObject, looked: Scan) -> Next:
    """Take a version that nobody has: one that fits by its time, else an older one, whose event may have taken that.

    What can't be taken comes before an older one where it is nearer to the event. Only where there is none at all,
    others at work on those that fit are waited for.
    """
    services = run.services
    pinned, unpinned = _parted(looked)
    found = take_now(progress.entry, [*pinned, *_older_twins(progress, looked)]) or next(iter(unpinned), None)
    if found is None and pinned:
        taken = wait_for_one(
            progress.entry, pinned[:MOST_WATCHED], Waiting(services.clock, services.sleep, run.deadline_s)
        )
        if isinstance(taken, Earlier):
            return _end_as_duplicate(progress, taken, looked), None
        found = taken
    if found is None:
        return _without_version(progress, run, now, looked)
    return _begin(progress, _expect(found, services.store))


def _expect(version: StoredObject, store: Store) -> StoredObject:
    there = _complete(version, store)
    if there is None:
        raise ObjectGone(f"{name_of(version)!r} was removed while it was looked for")
    return there


def _complete(version: StoredObject, store: Store) -> StoredObject | None:
    """A listed version with all that a look tells of it; None where it was removed meanwhile."""
    there = see_itself(version, store, version.version_id)
    return None if there is None else replace(there, is_current=version.is_current)


def _end_as_duplicate(progress: Progress, taken: Earlier, looked: Scan) -> Progress:
    """All that fit are other uploads', and were dealt with: so is this one, unless it may be one not listed yet."""
    if progress.has_ended:
        return progress.end_as(progress.ending)
    if looked.listed_to is not None:
        return _look_on_later(progress, looked.listed_to)
    return progress.end_as(Outcome(progress.upload, Status.DUPLICATE, location=taken.location, earlier=taken))


def _without_version(progress: Progress, run: Run, now: StoredObject, looked: Scan) -> Next:
    if looked.listed_to is not None and not progress.has_ended:
        return _look_on_later(progress, looked.listed_to), None
    return _without_own(progress, run, now)


def _look_on_later(progress: Progress, listed_to: str) -> Progress:
    """Give up for this delivery: a key that is overwritten all the time has too many versions to list at once."""
    place = f"{progress.upload.bucket}/{progress.upload.key!r}"
    error = f"{place} has many newer versions, and its own was not among those listed; the next delivery looks on"
    return replace(progress, listed_to=listed_to).end(Status.FAILED, error=error)


def _without_own(progress: Progress, run: Run, now: StoredObject | None) -> Next:
    """Tell what became of bytes that are not there: that needs something written after them, or nothing at all.

    What is there and is not newer is judged in their place: nothing proves that anybody ever looked at it.
    """
    if progress.has_ended:
        return progress.end_as(progress.ending), None
    is_newer = now is not None and (now.is_symlink or is_later(now, progress.upload))
    if now is None or now.is_deletion or (is_newer and now.is_pinned):
        return end_without_bytes(progress, run), None
    if is_newer and (now.is_symlink or not progress.may_have_marked):
        return progress.end(Status.SUPERSEDED), None
    ended = _end_beside(progress, run, now)
    return (ended, None) if ended is not None else _begin_in_place(progress, now)


def _end_beside(progress: Progress, run: Run, now: StoredObject) -> Progress | None:
    """End it without a judgement on what is there, where that is somebody else's; else None."""
    if progress.may_have_marked and not now.is_pinned:
        # A tag of ours may sit on it, whatever became of the upload itself.
        return None
    ended = end_as_before(progress, run)
    if ended is not None:
        return ended
    if progress.upload.event_name == SYMLINK_EVENT:
        # It was a link, and is none any more: nothing of it is left to judge.
        return progress.end(Status.GONE if now.is_pinned else Status.SUPERSEDED)
    # What another event has is dealt with there.
    return progress.end(Status.GONE) if now.is_pinned and not _take_over(progress, now) else None


def _take_over(progress: Progress, found: StoredObject) -> bool:
    return take_first(progress, found) or take_again(progress.entry, found)


def _begin_in_place(progress: Progress, now: StoredObject) -> Next:
    """Judge what stands in the place of the event's bytes; the same bytes by etag are taken for these, of any age."""
    if now.etag == progress.upload.etag:
        return _begin(progress, now)
    upload = replace(progress.upload, etag=now.etag)
    return _begin(replace(progress, upload=upload, superseded=progress.event_upload.etag), now)


def _begin(progress: Progress, found: StoredObject) -> Next:
    """Complete the upload by what OSS knows. A folder, as consoles make them, has no bytes: no picture is in it."""
    if found.size_bytes == 0 and found.key.endswith("/"):
        folder = Outcome(progress.upload, Status.OUT_OF_SCOPE, location=found.location)
        return progress.end_as(progress.ending if progress.has_ended else folder), None
    upload = replace(
        progress.upload,
        version_id=found.version_id,
        content_type=found.headers.get("Content-Type"),
        size_bytes=found.size_bytes,
    )
    return replace(progress, upload=upload), found


def _is_link_to_deal_with(found: StoredObject, progress: Progress) -> bool:
    """Whether it is a link that was there at the event, and was not dealt with yet; a newer one has its own event."""
    return found.is_symlink and not is_later(found, progress.upload) and name_of(found) not in progress.links
