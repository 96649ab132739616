"""The wire calls of one upload, by what comes of it, held against the budget.

Counted where they arrive, in the stand-ins, not where the function says that it made them. The budget is the design's:
what a passed, a quarantined, a deleted upload may cost, and how much more with a ledger. A call more than that has to
be one that a promise needs, seen on the wire at its place: a number above its budget that none explains is a fault.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from handler.model import Status
from scripts.bench.application import Application, Deliveries, Record
from scripts.bench.pictures import POLICY, SEEN, picture, see_folders
from scripts.bench.watching import CallWatch
from scripts.localcloud.cloud import LocalCloud
from scripts.localcloud.wire import WireCall

LEDGER = "ledger"
# What a ledger adds: claim, verdict and outcome; with versions the take of one too.
LEDGER_CALLS, LEDGER_CALLS_VERSIONED = 3, 4
DUPLICATE_CALLS = 2
NO_LIMIT_QPS = 1e6
HEADINGS = ("bucket", "ledger", "upload", "OSS", "budget", "on the ledger", "budget", "service", "paid", "above for")


@dataclass(frozen=True, slots=True)
class Promise:
    """Why one call more than the budget is made: `operations` follow one another on the wire, the last is that call."""

    operations: tuple[str, ...]
    text: str

    def is_seen_in(self, calls: Sequence[WireCall]) -> bool:
        """Whether the call that it needs was made."""
        made = tuple(call.operation for call in calls)
        length = len(self.operations)
        return any(made[at : at + length] == self.operations for at in range(len(made) - length + 1))


ACL = Promise(("GetObjectAcl",), "a restore gives the ACL back")
# HEAD counts tags only for who may read them.
MAY_READ_TAGS = Promise(("GetObjectTagging",), "an instance asks once a folder whether it may read tags")
LATEST_TAGS = Promise(("HeadObject", "GetObjectTagging"), "the copy has the user's latest tags")
UNCOVERED = Promise(("DeleteObject", "HeadObject"), "no ledger: a twin that the removal uncovers is judged")
NEVER_VERSIONED = Promise(("GetBucketVersioning",), "an instance refuses a ledger that was ever versioned")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of upload.

    `oss` are the calls to OSS that it may cost on the watched bucket and the quarantine, without versions and with;
    `service` those to the moderation service, each of them paid. `uses_ledger`: whether the ledger hears of it.
    """

    name: str
    key: str
    status: Status
    oss: tuple[int, int]
    service: int = 1
    uses_ledger: bool = True
    tags: dict[str, str] = field(default_factory=dict)


# A tag, and nothing at all, may cost what a pass may: the design gives these no number of their own. The user's own
# tags cost one call more, and so do ours where an upload is judged again.
PASSED = (4, 3)
PASSED_WITH_TAGS = (5, 4)
FIRST = Kind("passed, an instance's first", "calm/first.png", Status.PASSED, PASSED)
KINDS = (
    FIRST,
    Kind("passed", "calm/1.png", Status.PASSED, PASSED),
    Kind("passed, with tags", "calm/2.png", Status.PASSED, PASSED_WITH_TAGS, tags={"owner": "ann"}),
    Kind("flagged", "flags/1.png", Status.FLAGGED, PASSED),
    Kind("quarantined", "guns/1.png", Status.QUARANTINED, (5, 5)),
    Kind("deleted", "gore/1.png", Status.DELETED, (3, 3)),
    Kind("left alone", "tattoos/1.png", Status.LEFT_ALONE, PASSED),
    Kind("out of scope", "thumbnails/1.png", Status.OUT_OF_SCOPE, (0, 0), service=0, uses_ledger=False),
)
AGAIN_KEY = "calm/again.png"
DUPLICATE = Kind("duplicate", AGAIN_KEY, Status.DUPLICATE, (0, 0), service=0)
# Without a ledger nobody knows that it was judged before.
JUDGED_AGAIN = Kind("duplicate (judged again)", AGAIN_KEY, Status.PASSED, PASSED_WITH_TAGS)


@dataclass(frozen=True, slots=True)
class CallsOfUpload:
    """What one upload cost.

    `oss` calls on the watched bucket and the quarantine, `ledger` on the ledger, `service` to the moderation service,
    `paid` of these; each but the last with what it may be. `above_for`: the promises for which more was made than
    that, one call each. `unexplained` calls are above the budget for no promise. `status` is how the upload ended.
    """

    versioned: bool
    has_ledger: bool
    upload: str
    status: str
    wanted_status: str
    oss: int
    oss_budget: int
    ledger: int
    ledger_budget: int
    service: int
    service_budget: int
    paid: int
    above_for: tuple[str, ...]
    unexplained: int

    @property
    def is_within_budget(self) -> bool:
        """Whether it ended as it should, and every call is in the budget or made for a promise."""
        return self.status == self.wanted_status and not self.unexplained

    def row(self) -> tuple[str, ...]:
        """The cells of a table, under HEADINGS."""
        why = list(self.above_for)
        if self.unexplained:
            why.append(f"{self.unexplained} FOR NO PROMISE")
        if self.status != self.wanted_status:
            why.append(f"ENDED AS {self.status}, NOT {self.wanted_status}")
        return (
            "versioned" if self.versioned else "plain",
            "yes" if self.has_ledger else "no",
            self.upload,
            *map(str, (self.oss, self.oss_budget, self.ledger, self.ledger_budget, self.service, self.paid)),
            "; ".join(why),
        )


def measure_calls() -> list[CallsOfUpload]:
    """Every kind of upload, in a bucket without versions and with, without a ledger and with one."""
    return [
        row
        for versioned in (False, True)
        for has_ledger in (False, True)
        for row in measure_bucket(versioned=versioned, has_ledger=has_ledger)
    ]


def measure_bucket(*, versioned: bool, has_ledger: bool) -> Iterator[CallsOfUpload]:
    """Every kind of upload to one bucket, one after the other on one instance."""
    watch = CallWatch()
    cloud = LocalCloud(
        policy=POLICY,
        eyes=see_folders(SEEN),
        versioned=versioned,
        ledger_bucket=LEDGER if has_ledger else None,
        instances=1,
        qps=NO_LIMIT_QPS,
        observer=watch,
    )
    with cloud, closing(Application(cloud)) as application:
        deliveries = Deliveries(cloud)

        def measure(kind: Kind, record: Record) -> CallsOfUpload:
            watch.take()
            paid = cloud.green.billed
            deliveries.deliver(record)
            status = str(cloud.outcomes[-1]["outcome"]["status"]) if cloud.outcomes else "nothing"
            return weigh(cloud, kind, status, watch.take(), cloud.green.billed - paid)

        def upload(kind: Kind) -> Record:
            headers = {"x-oss-tagging": urlencode(kind.tags)} if kind.tags else None
            application.uploads.put_object(kind.key, picture(kind.key), headers=headers)
            return deliveries.newest(cloud.bucket)

        for kind in KINDS:
            if kind is not FIRST:
                # What an instance learns of a folder is told by its first upload alone.
                deliveries.deliver(upload(replace(kind, key=f"{kind.key}.first")))
            yield measure(kind, upload(kind))
        again = DUPLICATE if has_ledger else JUDGED_AGAIN
        record = upload(again)
        deliveries.deliver(record)
        yield measure(again, record)


def weigh(cloud: LocalCloud, kind: Kind, status: str, calls: Sequence[WireCall], paid: int) -> CallsOfUpload:
    """Hold the calls of one upload against what they may be."""
    has_ledger = cloud.ledger_bucket is not None
    of_ledger = [call for call in calls if call.service == "oss" and call.bucket == cloud.ledger_bucket]
    of_oss = [call for call in calls if call.service == "oss" and call.bucket != cloud.ledger_bucket]
    service = len(calls) - len(of_ledger) - len(of_oss)
    oss_budget = kind.oss[cloud.versioned]
    ledger_budget = _ledger_budget(kind, versioned=cloud.versioned) if has_ledger else 0
    kept = [promise for promise in _promises(kind, cloud) if promise.is_seen_in(of_oss)]
    kept_by_ledger = [NEVER_VERSIONED] if kind is FIRST and NEVER_VERSIONED.is_seen_in(of_ledger) else []
    above_oss, above_ledger = max(0, len(of_oss) - oss_budget), max(0, len(of_ledger) - ledger_budget)
    unexplained = max(0, above_oss - len(kept)) + max(0, above_ledger - len(kept_by_ledger))
    above_for = (*(kept if above_oss else ()), *(kept_by_ledger if above_ledger else ()))
    return CallsOfUpload(
        versioned=cloud.versioned,
        has_ledger=has_ledger,
        upload=kind.name,
        status=status,
        wanted_status=kind.status.value,
        oss=len(of_oss),
        oss_budget=oss_budget,
        ledger=len(of_ledger),
        ledger_budget=ledger_budget,
        service=service,
        service_budget=kind.service,
        paid=paid,
        above_for=tuple(promise.text for promise in above_for),
        unexplained=unexplained + max(0, service - kind.service) + max(0, paid - kind.service),
    )


def _ledger_budget(kind: Kind, *, versioned: bool) -> int:
    if not kind.uses_ledger:
        return 0
    if kind is DUPLICATE:
        return DUPLICATE_CALLS
    return LEDGER_CALLS_VERSIONED if versioned else LEDGER_CALLS


def _promises(kind: Kind, cloud: LocalCloud) -> Iterator[Promise]:
    """The promises that may cost this kind of upload a call more in this cloud."""
    if kind is FIRST:
        yield MAY_READ_TAGS
    if kind.status is Status.QUARANTINED:
        yield ACL
        yield LATEST_TAGS
    if kind.status in {Status.QUARANTINED, Status.DELETED} and cloud.versioned and cloud.ledger_bucket is None:
        yield UNCOVERED
