"""Which events of OSS there are, and what each means to us.

The table is "Supported event types" of "OSS triggers" (Function Compute, 2026-02), and for EventBridge "OSS events"
of its user guide. The component's schema lists fewer: not those of replication.
"""

from collections.abc import Iterator

from handler.events import JUDGED_EVENTS, REPLICA_EVENTS
from handler.policy.tree import Path, Remark, suggest

# What every watched bucket needs. Those of replicas are right too, and needed only where replication ends.
EVENTS = tuple(sorted(f"oss:{name}" for name in JUDGED_EVENTS - REPLICA_EVENTS))
_EVENTS_OF_REPLICAS = tuple(sorted(f"oss:{name}" for name in REPLICA_EVENTS))
# Part of an upload that is not finished, or no upload: the function would be called and ignore it. Of the first three
# no native trigger knows, but the notifications of the Message Service or EventBridge.
_OTHERS = (
    "oss:BucketCreated:PutBucket",
    "oss:ObjectDownloaded:GetObject",
    "oss:ObjectRestore:FinishRestore",
    "oss:ObjectCreated:InitiateMultipartUpload",
    "oss:ObjectCreated:UploadPart",
    "oss:ObjectCreated:UploadPartCopy",
    "oss:ObjectModified:UpdateObjectMeta",
    "oss:ObjectRemoved:AbortMultipartUpload",
    "oss:ObjectRemoved:DeleteObject",
    "oss:ObjectRemoved:DeleteObjects",
    "oss:ObjectReplication:ObjectRemoved",
)
ALL_EVENTS = (*EVENTS, *_EVENTS_OF_REPLICAS, *_OTHERS)
_WILDCARDS = {
    "oss:ObjectCreated:*": f"fires for each part of a big upload too; name the events: {', '.join(EVENTS)}",
    "oss:ObjectReplication:*": f"fires for removals too; name the events: {', '.join(_EVENTS_OF_REPLICAS)}",
    "oss:ObjectRemoved:*": "fires for removals only, which are no uploads; take it out",
    "oss:ObjectModified:*": "fires for changed metadata only, which is no upload; take it out",
}


def check_event(event: str, path: Path) -> Iterator[Remark]:
    """Whether a trigger should name this event."""
    if event in EVENTS or event in _EVENTS_OF_REPLICAS or "${" in event:
        return
    if event in _WILDCARDS:
        message = f"{event!r} {_WILDCARDS[event]}"
    elif event in _OTHERS:
        message = f"{event!r} is no finished upload, and would be ignored; take it out"
    elif "*" in event:
        message = f"no event {event!r}: a * stands for a whole group only; name the events: {', '.join(EVENTS)}"
    else:
        message = f"no event {event!r}{_suggest(event)}"
    yield Remark("error", path, message)


def _suggest(event: str) -> str:
    """What was meant: by the name alone and whatever its case, then by likeness."""
    last = event.strip().rpartition(":")[2].casefold()
    known = [*EVENTS, *_EVENTS_OF_REPLICAS]
    same = [name for name in known if name.rpartition(":")[2].casefold() == last]
    return f"; did you mean {same[0]!r}" if same else suggest(event, known)
