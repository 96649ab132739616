"""How long a bad picture stays up behind uploads that can't be judged: what their bounds are worth."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from scripts.bench.application import Application
from scripts.bench.hopeless import ARCHIVED, FAULTY, LEDGER, MAX_RETRIES, NO_LIMIT_QPS, REFUSED, TIMEOUT_S, Kind
from scripts.bench.pictures import POLICY, SEEN, picture, see_folders
from scripts.localcloud.cloud import LocalCloud

# What an uploader can make at will, and once held an instance for 108 s and 47 calls a delivery; and a picture that the
# service trips over, however often it is asked.
STARVING = (ARCHIVED, FAULTY)
STARVING_UPLOADS = 6
STARVED_INSTANCES = 2
PATIENCE_S = 600.0
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class StarvedResult:
    """How many seconds a picture that is to be quarantined was up behind `uploads` of a kind; `was_held` in the end."""

    kind: str
    uploads: int
    instances: int
    seconds: float
    was_held: bool

    def sentence(self) -> str:
        """For people."""
        behind = f"behind {self.uploads} uploads ({self.kind})" if self.uploads else "behind nothing"
        up_for = f"was up for {self.seconds:.2f} s" if self.was_held else f"was STILL UP after {self.seconds:.0f} s"
        return f"A bad picture {up_for} {behind}, on {self.instances} instances."


def measure_starvation(
    timeout_s: float = TIMEOUT_S, uploads: int = STARVING_UPLOADS, kinds: Sequence[Kind] = STARVING
) -> Iterator[StarvedResult]:
    """Put a bad picture behind none, and behind so many uploads of each kind, all repeated at once when they fail."""
    for kind, count in ((kinds[0], 0), *((kind, uploads) for kind in kinds)):
        cloud = LocalCloud(
            policy=POLICY,
            eyes=see_folders(SEEN | REFUSED),
            ledger_bucket=LEDGER,
            instances=STARVED_INSTANCES,
            max_retries=MAX_RETRIES,
            timeout_s=timeout_s,
            retry_delay_s=0,
            qps=NO_LIMIT_QPS,
        )
        with cloud, closing(Application(cloud)) as application:
            application.warm_up("calm/warm-up", picture("calm/warm-up"))
            yield _starve(application, kind, count)


def _starve(application: Application, kind: Kind, count: int) -> StarvedResult:
    bad = "guns/bad.png"
    application.cloud.fc.hold()
    for number in range(count):
        kind.put(application.uploads, kind.key.replace("/", f"/{number}-"))
    application.uploads.put_object(bad, picture(bad))
    started = time.monotonic()
    application.cloud.fc.release()
    while (is_up := application.uploads.object_exists(bad)) and time.monotonic() - started < PATIENCE_S:
        time.sleep(LOOK_EVERY_S)
    seconds = round(time.monotonic() - started, 2)
    return StarvedResult(kind.name, count, STARVED_INSTANCES, seconds, was_held=not is_up)
