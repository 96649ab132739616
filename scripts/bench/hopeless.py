"""What one delivery costs where an upload can't be judged, or not be moved: time and calls, for every kind of it.

Nobody may hold an instance that others wait for with uploads that no answer comes for. So each kind has a stated bound
of calls, and only what is throttled goes on for as long as there is time: a throttled call costs nothing, and the
trouble is the account's, not the upload's.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import oss2

from handler.adapters.green import LONGEST_CALL_S
from handler.index import RESERVE_SHARE
from handler.upload.ledger import LEASE_SHARE
from scripts.bench.application import Application, Deliveries, Record
from scripts.bench.pictures import POLICY, SEEN, picture, see_folders
from scripts.bench.watching import CallWatch, spoil_nothing
from scripts.localcloud.cloud import LocalCloud
from scripts.localcloud.green.answer import Answer
from scripts.localcloud.wire import Fault, WireCall

LEDGER = "ledger"
# Those of the template (timeout, maxAsyncRetryAttempts).
TIMEOUT_S = 120.0
MAX_RETRIES = 5
NO_LIMIT_QPS = 1e6
LARGEST_IMAGE_BYTES = 20 * 1024 * 1024
INVOCATION = "1-hopeless"
# What the calls of one delivery to OSS are made of. The claim, and what it ends with: the outcome, or given back.
CLAIM = 2
KEPT_VERDICT = 1
# The look, the user's tags, the ACL, the copy, a look at that, the tags again, the look before the removal, and that.
HOLD = 8
# Where the copy was there already: a look, the tags that it may lack, and whether they are still those of the source.
TAGGED_LATE = 3
# Where OSS refuses a copy, the bytes are read and written instead, or that is refused too.
OTHER_COPY = 1
# The tags there, ours, and the look back.
MARK = 3
LOOK = 1
# As it came, as a link, before and after its removal, and what is there in its place.
LINK = 5
# After each refusal to read: whether it is still there.
LOOKS_AFTER = 3
# What a redelivery asks of the ledger: outcome, list, claim, verdict, the next claim, and two lists of releases.
TAKEOVER = 7
HELD = CLAIM + HOLD
UNMOVED = CLAIM + KEPT_VERDICT + HOLD + OTHER_COPY + TAGGED_LATE + MARK
# The look, and the one after the service had no answer.
UNVERIFIED = CLAIM + LOOK + LOOK + MARK
HEADINGS = (
    "upload",
    "delivery",
    "ends as",
    "seconds",
    "of its time",
    "service",
    "at most",
    "perhaps paid",
    "OSS",
    "at most",
    "bound",
)
Put = Callable[[oss2.Bucket, str], object]
# What the service answers for a picture in these folders, however often it is asked.
REFUSED = {
    "refused": Answer(code=401),
    "unread": Answer(code=404),
    "large": Answer(code=406),
    "odd": Answer(code=407),
    "faulty": Answer(code=500),
    "throttled": Answer(code=403),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of upload that can't be judged or not be moved.

    `put` writes it under a key; `spoil` is what the stand-ins do to the calls about it; `is_retained`: its bucket is
    under retention afterwards. One delivery makes at most `service` calls to the moderation service and `oss` to OSS,
    ledger included, and TAKEOVER more where it repeats one; None: bound by time alone.
    """

    name: str
    key: str
    service: int | None
    oss: int | None
    put: Put = lambda bucket, key: bucket.put_object(key, picture(key))
    spoil: Callable[[WireCall], Fault | None] = spoil_nothing
    is_retained: bool = False


def _put_archived(bucket: oss2.Bucket, key: str) -> None:
    bucket.put_object(key, b"x" * 10, headers={"x-oss-storage-class": "Archive"})


def _put_link(bucket: oss2.Bucket, key: str) -> None:
    bucket.put_symlink("calm/target.png", key)


def _deny_copies(call: WireCall) -> Fault | None:
    is_copy = call.bucket == "quarantine" and call.operation not in {"HeadObject", "GetObject"}
    return Fault(status=403, code="AccessDenied") if is_copy else None


def _stall(call: WireCall) -> Fault | None:
    """Answer later than anybody waits for."""
    return Fault(delay_s=LONGEST_CALL_S * 1.2) if call.service == "green" else None


ARCHIVED = Kind("archived", "odd/archived.png", 0, UNMOVED, put=_put_archived)
FAULTY = Kind("the service answers 500", "faulty/1.png", 5, UNVERIFIED)
KINDS = (
    ARCHIVED,
    Kind("empty", "odd/empty.png", 0, HELD, put=lambda bucket, key: bucket.put_object(key, b"")),
    Kind(
        "over 20 MB",
        "odd/big.png",
        0,
        HELD,
        put=lambda bucket, key: bucket.put_object(key, bytes(LARGEST_IMAGE_BYTES + 1)),
    ),
    Kind("a link", "odd/link.png", 0, CLAIM + LINK, put=_put_link),
    Kind("refused by name and by link (401)", "refused/1.png", 2, HELD),
    Kind("the service can't download it (404)", "unread/1.png", 3, HELD + LOOKS_AFTER),
    Kind("too large for the service (406)", "large/1.png", 1, HELD),
    Kind("no format of the service's (407)", "odd/1.png", 1, HELD),
    FAULTY,
    Kind("the service does not answer in time", "calm/slow.png", 2, UNVERIFIED, spoil=_stall),
    Kind("may not be copied", "guns/uncopied.png", 1, UNMOVED, spoil=_deny_copies),
    Kind("may not be removed", "guns/retained.png", 1, UNMOVED, is_retained=True),
    # Last: an instance that was throttled keeps its calls apart.
    Kind("the service throttles", "throttled/1.png", None, None),
)


@dataclass(frozen=True, slots=True)
class HopelessResult:
    """One delivery of one such upload.

    It took `seconds` of `timeout_s`, made `service` calls to the moderation service (`maybe_paid` of them may have been
    billed, or were) and `oss` calls to OSS, ledger included; each with its bound, None where only time bounds it.
    `was_killed`: it did not end by itself.
    """

    name: str
    delivery: str
    status: str
    seconds: float
    timeout_s: float
    service: int
    service_bound: int | None
    maybe_paid: int
    oss: int
    oss_bound: int | None
    was_killed: bool

    @property
    def is_bounded(self) -> bool:
        """Whether it ended by itself, with no more calls than its kind may cost.

        Not counted: the claim is renewed as time goes by, and no sooner than after a quarter of its lease.
        """
        shortest_lease_s = self.timeout_s * (1 - RESERVE_SHARE) * LEASE_SHARE
        renewals = int(self.seconds / (shortest_lease_s / 4))
        is_over = any(
            bound is not None and made > bound
            for made, bound in ((self.service, self.service_bound), (self.oss - renewals, self.oss_bound))
        )
        return not (is_over or self.was_killed)

    def row(self) -> tuple[str, ...]:
        """The cells of a table, under HEADINGS."""
        return (
            self.name,
            self.delivery,
            self.status,
            f"{self.seconds:.1f}",
            f"{self.seconds / self.timeout_s:.0%}",
            str(self.service),
            _bound(self.service_bound),
            str(self.maybe_paid),
            str(self.oss),
            _bound(self.oss_bound),
            "kept" if self.is_bounded else "PASSED",
        )


def _bound(calls: int | None) -> str:
    return "time alone" if calls is None else str(calls)


def measure_hopeless(timeout_s: float = TIMEOUT_S, kinds: Sequence[Kind] = KINDS) -> Iterator[HopelessResult]:
    """Deliver each kind once; where that is to be delivered again, measure the last delivery too."""
    watch = CallWatch()
    cloud = LocalCloud(
        policy=POLICY,
        eyes=see_folders(SEEN | REFUSED),
        ledger_bucket=LEDGER,
        instances=1,
        max_retries=MAX_RETRIES,
        timeout_s=timeout_s,
        qps=NO_LIMIT_QPS,
        observer=watch,
    )
    with cloud, closing(Application(cloud)) as application:
        deliveries = Deliveries(cloud)
        application.uploads.put_object("calm/warm-up.png", picture("calm/warm-up.png"))
        deliveries.deliver(deliveries.newest(cloud.bucket))
        for kind in kinds:
            kind.put(application.uploads, kind.key)
            yield from _measure(cloud, kind, deliveries, watch)


def _measure(cloud: LocalCloud, kind: Kind, deliveries: Deliveries, watch: CallWatch) -> Iterator[HopelessResult]:
    record = deliveries.newest(cloud.bucket)
    watch.spoil = kind.spoil
    cloud.oss.retain(cloud.bucket, keep=kind.is_retained)
    first, is_done = _deliver(cloud, kind, deliveries, watch, record, None)
    yield first
    if not is_done:
        yield _deliver(cloud, kind, deliveries, watch, record, MAX_RETRIES)[0]
    watch.spoil = spoil_nothing
    cloud.oss.retain(cloud.bucket, keep=False)


def _deliver(  # noqa: PLR0913, PLR0917  (a delivery, and all who have a part in it)
    cloud: LocalCloud, kind: Kind, deliveries: Deliveries, watch: CallWatch, record: Record, retry_count: int | None
) -> tuple[HopelessResult, bool]:
    """One delivery, and whether the function was satisfied with it."""
    watch.take()
    logged, kills = len(cloud.outcomes), cloud.fc.kills
    started = time.monotonic()
    answer = deliveries.deliver(record, retry_count=retry_count, request_id=f"{INVOCATION}-{kind.key}")
    seconds = time.monotonic() - started
    calls = watch.take()
    outcomes = [document["outcome"] for document in cloud.outcomes[logged:]]
    service = sum(call.service == "green" for call in calls)
    result = HopelessResult(
        name=kind.name,
        delivery="first" if retry_count is None else "last",
        status=", ".join(str(outcome["status"]) for outcome in outcomes) or "nothing",
        seconds=round(seconds, 2),
        timeout_s=cloud.timeout_s,
        service=service,
        service_bound=kind.service,
        maybe_paid=sum(outcome["calls"]["billed"] + outcome["calls"]["maybe_billed"] for outcome in outcomes),
        oss=len(calls) - service,
        oss_bound=None if kind.oss is None else kind.oss + TAKEOVER * (retry_count is not None),
        was_killed=cloud.fc.kills > kills,
    )
    return result, answer.function_error is None
