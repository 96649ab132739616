"""A storm: every upload delivered several times in random order, and instances killed in the middle of their calls.

What must come of it: one final outcome an upload, every byte where its verdict wants it, and no more calls paid than
uploads and kills together (a kill between the service's answer and our record of it costs one more, G4).
"""

import hashlib
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass

import oss2

from handler.settings import CALLS_A_SECOND
from scripts.bench.application import Application
from scripts.bench.pictures import POLICY, SEEN, picture, see_folders
from scripts.localcloud.cloud import FUNCTION_ROLE, LocalCloud
from scripts.localcloud.fc.compute import FunctionCompute, Misbehaviour
from scripts.localcloud.wire import WireCall

LEDGER = "ledger"
# What is to come of a picture by its folder.
WANTED = {"calm": "passed", "guns": "quarantined", "gore": "deleted", "flags": "flagged"}
# Of ten uploads, in turn.
FOLDERS = ("calm", "guns", "calm", "flags", "calm", "gore", "calm", "guns", "calm", "flags")
TIMEOUT_S = 10.0
MAX_RETRIES = 8
KILL_CHANCE_A_CALL = 0.2
PATIENCE_AN_UPLOAD_S = 3.0
LEAST_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class StormResult:
    """What came of it.

    `final` uploads have exactly one final outcome in the ledger; `misplaced` ones are not where their verdict wants
    them, by their bytes and tags; `lost` ones are nowhere although nobody judged them to be deleted. `deliveries` are
    those that reached an instance; `kills` ended one in the middle. `paid` calls may be at most `paid_bound`:
    uploads + kills.
    """

    seed: int
    uploads: int
    copies: int
    deliveries: int
    kills: int
    seconds: float
    final: int
    statuses: dict[str, int]
    lost: int
    misplaced: int
    paid: int
    paid_bound: int
    dead_letters: int
    settled_in_time: bool

    @property
    def is_within_budget(self) -> bool:
        """Whether nothing was lost, doubled, or paid for beyond G4's bound."""
        whole = self.settled_in_time and self.final == self.uploads
        return whole and not (self.lost or self.misplaced or self.dead_letters) and self.paid <= self.paid_bound


class Killer:
    """The Observer that kills instances in the middle of their calls, until a share of all deliveries was killed.

    Before a call's effect or after it, as a seeded chance decides.
    """

    def __init__(self, share: float, seed: int) -> None:
        self.fc: FunctionCompute | None = None
        self._share = share
        self._chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._lock = threading.Lock()

    def before(self, call: WireCall) -> None:
        """Perhaps kill whoever is at work."""
        self._strike(call)

    def after(self, call: WireCall, status: int) -> None:
        """The same, with the call's effect done and its answer not sent."""
        del status
        self._strike(call)

    def _strike(self, call: WireCall) -> None:
        fc = self.fc
        if fc is None or call.access_key_id != FUNCTION_ROLE.access_key_id:
            return
        with self._lock:
            if fc.kills < self._share * fc.deliveries and self._chance.random() < KILL_CHANCE_A_CALL:
                fc.kill()


def raise_storm(*, uploads: int, copies: int, kill: float, seed: int, instances: int) -> StormResult:
    """Upload, deliver each event `copies` times in random order, kill the share `kill` of deliveries, and look."""
    killer = Killer(kill, seed)
    cloud = LocalCloud(
        policy=POLICY,
        eyes=see_folders(SEEN),
        qps=max(CALLS_A_SECOND, uploads),  # the limit is the burst's matter
        instances=instances,
        max_retries=MAX_RETRIES,
        timeout_s=TIMEOUT_S,
        observer=killer,
        misbehaviour=Misbehaviour(copies=copies, shuffle_seed=seed),
        ledger_bucket=LEDGER,
    )
    with cloud:
        return _run(cloud, killer, uploads, copies, seed)


def _run(cloud: LocalCloud, killer: Killer, uploads: int, copies: int, seed: int) -> StormResult:
    buckets = _Buckets(cloud)
    cloud.fc.hold()
    keys = [f"{FOLDERS[number % len(FOLDERS)]}/{number}.png" for number in range(uploads)]
    for key in keys:
        buckets.uploads.put_object(key, picture(key))
    killer.fc = cloud.fc
    started = time.monotonic()
    cloud.fc.release()
    settled = cloud.fc.wait_idle(LEAST_PATIENCE_S + uploads * PATIENCE_AN_UPLOAD_S)
    seconds = time.monotonic() - started
    killer.fc = None
    lost, misplaced = buckets.look(keys)
    result = StormResult(
        seed=seed,
        uploads=uploads,
        copies=copies,
        deliveries=cloud.fc.deliveries,
        kills=cloud.fc.kills,
        seconds=round(seconds, 1),
        final=buckets.count_endings(),
        statuses=dict(sorted(Counter(o["outcome"]["status"] for o in cloud.outcomes).items())),
        lost=lost,
        misplaced=misplaced,
        paid=cloud.green.billed,
        paid_bound=uploads + cloud.fc.kills,
        dead_letters=len(cloud.fc.dead_letters),
        settled_in_time=settled,
    )
    buckets.close()
    return result


class _Buckets:
    """The application's view of the three buckets."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._application = Application(cloud)
        self.uploads, self._quarantine = self._application.uploads, self._application.quarantine
        self._ledger = self._application.bucket(LEDGER)

    def look(self, keys: list[str]) -> tuple[int, int]:
        """How many uploads are lost, and how many are not where and as their verdict wants them."""
        present = {found.key: found.etag for found in oss2.ObjectIterator(self.uploads)}
        held = Counter(found.etag for found in oss2.ObjectIterator(self._quarantine))
        lost = misplaced = 0
        for key in keys:
            etag = hashlib.md5(picture(key)).hexdigest().upper()  # noqa: S324 - what OSS computes
            wanted = WANTED[key.partition("/")[0]]
            is_here, copies_held = present.get(key) == etag, held[etag]
            lost += not is_here and not copies_held and wanted != "deleted"
            if wanted in {"passed", "flagged"}:
                misplaced += not (is_here and not copies_held and self._status(key) == wanted)
            else:
                misplaced += is_here or copies_held != (wanted == "quarantined")
        return lost, misplaced

    def count_endings(self) -> int:
        """The uploads whose outcome the ledger holds."""
        return sum(found.key.endswith("/outcome.json") for found in oss2.ObjectIterator(self._ledger))

    def close(self) -> None:
        self._application.close()

    def _status(self, key: str) -> str | None:
        tags = self.uploads.get_object_tagging(key).tag_set.tagging_rule
        return str(tags["moderation-status"]) if "moderation-status" in tags else None
