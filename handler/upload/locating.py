"""Which bytes in the store an upload is, and which of them are to be dealt with next.

What became of an upload is told here and nowhere else: an older version, a twin, a successor, a link below another.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from handler.errors import ObjectChanged, ObjectGone
from handler.events import SYMLINK_EVENT, spellings
from handler.model import Status, Upload
from handler.ports import Store, StoredObject
from handler.upload.missing import end_without_bytes
from handler.upload.progress import Progress, Run

# Last-Modified is cut to seconds, and how it relates to the event's time is not documented.
SAME_MOMENT = timedelta(seconds=2)


def locate_next(progress: Progress, run: Run) -> tuple[Progress, StoredObject | None]:
    """Find the bytes to deal with next: the upload's own, and after these an older twin that they may have covered.

    None where it has ended, or where only another look can tell.

    Raises what the store, the ledger and the quarantine raise.
    """
    try:
        upload, found = locate(progress.upload, run.services.store, decode=not progress.has_ended)
    except (ObjectGone, ObjectChanged) as exc:
        return _without_bytes(progress, run, exc), None
    progress = replace(progress, upload=upload)
    if not run.is_ours_to_judge(upload):
        return progress.end(Status.OUT_OF_SCOPE, location=found.location), None
    return progress, found


def _without_bytes(progress: Progress, run: Run, missed: ObjectGone | ObjectChanged) -> Progress:
    """Tell what became of bytes that are not there."""
    if progress.has_ended:
        # Nothing lay under the version that was removed.
        return progress.end_as(progress.ending)
    if isinstance(missed, ObjectGone):
        return end_without_bytes(progress, run)
    if not progress.may_have_marked:
        return progress.end(Status.SUPERSEDED)
    return _turn_to_successor(progress, run)


def _turn_to_successor(progress: Progress, run: Run) -> Progress:
    """Judge the bytes that took the upload's place: a tag of ours may sit on them."""
    now = run.services.store.head(progress.upload.bucket, progress.upload.key)
    if now is None or now.is_deletion:
        return end_without_bytes(progress, run)
    event_name = SYMLINK_EVENT if now.is_symlink else "ObjectCreated:PutObject"
    upload = replace(progress.upload, etag=now.etag, event_name=event_name)
    return replace(progress, upload=upload, superseded=progress.event_upload.etag)


def locate(upload: Upload, store: Store, *, decode: bool = True) -> tuple[Upload, StoredObject]:
    """Find the upload's own bytes; answers with the upload completed by what OSS knows (key, version, type, size).

    In a versioned bucket an older version is found too; with `decode`, a key that arrived encoded. Raises ObjectGone
    where the bytes are no longer there, and ObjectChanged where others took their place in a bucket without versions.
    """
    if upload.event_name == SYMLINK_EVENT:
        return upload, _locate_link(upload, store)
    now = store.head(upload.bucket, upload.key)
    if now is None:
        return _locate_decoded(upload, store, spellings(upload.key)[1:] if decode else [])
    if _is_it(now, upload) and not (now.is_pinned and _is_later(now, upload)):
        return _complete(upload, now), now
    version = None if now.version_id is None else _locate_version(upload, store)
    if version is not None:
        return _complete(upload, version), version
    if now.is_pinned or now.is_deletion:
        raise ObjectGone(f"no version of {now.location!r} holds these bytes any more")
    raise ObjectChanged(f"{now.location!r} holds other bytes by now")


def _is_it(found: StoredObject, upload: Upload) -> bool:
    # A link answers with the etag of its target, which may well be that of the upload.
    return found.etag == upload.etag and not found.is_symlink and not found.is_deletion


def _locate_link(upload: Upload, store: Store) -> StoredObject:
    """Find the link; in a versioned bucket also below a newer version, from where it would come back."""
    link = store.link(upload.bucket, upload.key)
    if link is not None and not (link.is_pinned and _is_later(link, upload)):
        return link
    now = link or store.head(upload.bucket, upload.key)
    if now is not None and now.version_id is not None:
        links = [version for version in store.versions(upload.bucket, upload.key) if version.is_symlink]
        if links:
            return min(links, key=lambda version: abs(_age(version, upload)))
    if now is None or now.is_pinned or now.is_deletion:
        raise ObjectGone(f"no link at {upload.bucket}/{upload.key!r} any more")
    raise ObjectChanged(f"{now.location!r} is no link any more")


def _locate_decoded(upload: Upload, store: Store, keys: list[str]) -> tuple[Upload, StoredObject]:
    """Take another spelling of the key where its etag is the event's."""
    for key in keys:
        now = store.head(upload.bucket, key)
        if now is not None and _is_it(now, upload):
            return _complete(replace(upload, key=key), now), now
    raise ObjectGone(f"nothing at {upload.bucket}/{upload.key!r} any more")


def _locate_version(upload: Upload, store: Store) -> StoredObject | None:
    """Among the versions with these very bytes, the one nearest to the event in time."""
    own = [version for version in store.versions(upload.bucket, upload.key) if _is_it(version, upload)]
    for version in sorted(own, key=lambda version: abs(_age(version, upload))):
        found = store.head(upload.bucket, upload.key, version.version_id)
        if found is not None:
            return replace(found, is_current=version.is_current)
    return None


def _is_later(found: StoredObject, upload: Upload) -> bool:
    """Whether these bytes were written again after the event: another upload of the same picture."""
    return _age(found, upload) > SAME_MOMENT


def _age(found: StoredObject, upload: Upload) -> timedelta:
    """How much later than the event the bytes were written; zero where either time can't be read."""
    try:
        uploaded_at = datetime.fromisoformat(upload.uploaded_at.replace("Z", "+00:00"))
        return parsedate_to_datetime(found.last_modified) - uploaded_at
    except (ValueError, TypeError, OverflowError):
        return timedelta()


def _complete(upload: Upload, found: StoredObject) -> Upload:
    return replace(
        upload,
        version_id=found.version_id,
        content_type=found.headers.get("Content-Type"),
        size_bytes=found.size_bytes,
    )
