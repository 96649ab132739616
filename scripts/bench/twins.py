"""Identical uploads to one key within a second, judged by many instances at once: each is one upload, paid once.

In a versioned bucket each of them leaves a version with the same bytes and, to the second, of the same time, and no
event says which is its own. With a ledger each event takes one; n of them must be paid n times and dealt with n times.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import oss2

from handler.model import Status
from scripts.bench.application import Application
from scripts.bench.pictures import POLICY, SEEN, picture, see_folders
from scripts.localcloud.cloud import LocalCloud

LEDGER = "ledger"
COUNTS = (1, 2, 5, 10, 20)
INSTANCES = 8
LATENCY_MS = 300
NO_LIMIT_QPS = 1e6
TIMEOUT_S = 60.0
MAX_RETRIES = 5
PATIENCE_S = 300.0
# What is put, by its folder, and how every one of them has to end.
FOLDERS = {"guns": Status.QUARANTINED, "calm": Status.PASSED}
STATUS_TAG = "moderation-status"
# All there before the first is judged; or one after the other, while the function is at work on those before.
ARRIVALS_S = {"at once": 0.0, "one by one": 0.9}
HEADINGS = (
    "uploads",
    "arrive",
    "within",
    "paid",
    "outcomes",
    "copies held",
    "versions left",
    "marked",
    "failed deliveries",
    "seconds",
    "right",
)


@dataclass(frozen=True, slots=True)
class TwinsResult:
    """What came of `uploads` identical uploads that were put within `within_s` seconds, as `arrival` says.

    `paid` calls; `outcomes` that were logged, by status; `held` copies; `left` versions under the key, `marked` of them
    with the status that is `wanted`. `failed` deliveries, each of which is delivered again; `dead_letters` of them in
    the end. `seconds` after these until nothing was queued or running.
    """

    wanted: str
    uploads: int
    arrival: str
    within_s: float
    paid: int
    outcomes: Mapping[str, int]
    held: int
    left: int
    marked: int
    failed: int
    dead_letters: int
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether each was paid once and dealt with once, at the first delivery."""
        each = self.uploads
        is_placed = (self.held, self.left) == ((each, 0) if self.wanted == Status.QUARANTINED.value else (0, each))
        return (
            self.paid == each
            and dict(self.outcomes) == {self.wanted: each}
            and is_placed
            and self.marked == self.left
            and not (self.failed or self.dead_letters)
        )

    def row(self) -> tuple[str, ...]:
        """The cells of a table, under HEADINGS."""
        return (
            str(self.uploads),
            self.arrival,
            f"{self.within_s:.2f} s",
            str(self.paid),
            ", ".join(f"{count} {status}" for status, count in self.outcomes.items()),
            *map(str, (self.held, self.left, self.marked, self.failed)),
            f"{self.seconds:.1f}",
            "yes" if self.is_right else "NO",
        )


def measure_twins(counts: Sequence[int] = COUNTS, *, instances: int = INSTANCES) -> Iterator[TwinsResult]:
    """Put each number of them, of a picture that is to be quarantined and of one that passes; a key for each round."""
    cloud = LocalCloud(
        policy=POLICY,
        eyes=see_folders(SEEN),
        versioned=True,
        ledger_bucket=LEDGER,
        instances=instances,
        max_retries=MAX_RETRIES,
        timeout_s=TIMEOUT_S,
        qps=NO_LIMIT_QPS,
        latency_ms=LATENCY_MS,
    )
    with cloud, closing(Application(cloud)) as application:
        application.warm_up("calm/warm-up", picture("calm/warm-up"))
        for folder, wanted in FOLDERS.items():
            for arrival in ARRIVALS_S:
                for count in counts:
                    yield _measure(application, f"{folder}/{arrival} {count}.png", count, arrival, wanted)


def _measure(application: Application, key: str, count: int, arrival: str, wanted: Status) -> TwinsResult:
    cloud = application.cloud
    paid, logged, failed = cloud.green.billed, len(cloud.outcomes), cloud.fc.failures
    given_up, held = len(cloud.fc.dead_letters), _count_held(application)
    within_s = _put(application, key, count, ARRIVALS_S[arrival])
    started = time.monotonic()
    cloud.fc.wait_idle(PATIENCE_S)
    seconds = time.monotonic() - started
    marks = list(_marks(application.uploads, key))
    return TwinsResult(
        wanted=wanted.value,
        uploads=count,
        arrival=arrival,
        within_s=round(within_s, 3),
        paid=cloud.green.billed - paid,
        outcomes=dict(Counter(str(document["outcome"]["status"]) for document in cloud.outcomes[logged:])),
        held=_count_held(application) - held,
        left=len(marks),
        marked=marks.count(wanted.value),
        failed=cloud.fc.failures - failed,
        dead_letters=len(cloud.fc.dead_letters) - given_up,
        seconds=round(seconds, 2),
    )


def _put(application: Application, key: str, count: int, over_s: float) -> float:
    """Put the same bytes to the same key `count` times, evenly over that many seconds; the seconds that it took."""
    if not over_s:
        application.cloud.fc.hold()
    started = time.monotonic()
    for _ in range(count):
        application.uploads.put_object(key, picture(key))
        time.sleep(over_s / count)
    within_s = time.monotonic() - started
    application.cloud.fc.release()
    return within_s


def _count_held(application: Application) -> int:
    return sum(1 for _ in oss2.ObjectIterator(application.quarantine))


def _marks(uploads: oss2.Bucket, key: str) -> Iterator[str | None]:
    """Our status on each version of a key, None where there is none."""
    # At most 1,000 of them are listed at once, far more than are put here.
    for version in uploads.list_object_versions(prefix=key).versions:
        tags = uploads.get_object_tagging(key, params={"versionId": version.versionid}).tag_set.tagging_rule
        yield tags.get(STATUS_TAG)
