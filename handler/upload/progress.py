"""How far one upload has come: the value that the steps of the pipeline take and hand on; and what they work with."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from handler.errors import ObjectChanged, ObjectGone, StoreUnavailable, TagAstray
from handler.meter import Meter
from handler.model import Decision, Delivery, Mode, Outcome, Status, Upload, Verdict
from handler.policy.rules import Policy, in_scope
from handler.ports import Ledger, Moderator, Quarantine, Store, Tags
from handler.upload.holding import is_held
from handler.upload.ledger import Entry, LenientLedger

# How often bytes that change under our hands are judged afresh before the delivery is given up.
ROUNDS = 5
# Should anything ever leave an upload without an end, then this is it: never a silent one.
UNENDED = Outcome(None, Status.FAILED, error="it was not brought to an end; this is a fault of Bucket Warden")


@dataclass(frozen=True, slots=True)
class Services:
    """What the pipeline works with. `clock` counts seconds and only goes forward; `sleep` takes seconds.

    `warn` logs what an operator should know although the upload goes on: an event's name, then facts.
    """

    moderator: Moderator
    store: Store
    tags: Tags
    quarantine: Quarantine
    ledger: Ledger
    meter: Meter
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    warn: Callable[..., object]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the pipeline: what its steps work by and with. Times are on the clock of the services, in seconds.

    After `deadline_s` neither the service nor another delivery is waited for.
    """

    policy: Policy
    services: Services
    delivery: Delivery
    started_s: float
    deadline_s: float

    @classmethod
    def begin(cls, policy: Policy, services: Services, delivery: Delivery, share_s: float) -> "Run":
        """Start the count of calls and the clock, for `share_s` seconds of asking."""
        services.meter.start()
        started_s = services.clock()
        return cls(policy, services, delivery, started_s, started_s + share_s)

    @property
    def is_enforced(self) -> bool:
        """Whether the policy may touch objects."""
        return self.policy.mode is Mode.ENFORCE

    def is_ours_to_judge(self, upload: Upload) -> bool:
        """Whether the upload is in scope, and no copy that we hold ourselves."""
        return in_scope(self.policy, upload.key) and not is_held(upload, self.policy.quarantine)


@dataclass(frozen=True, slots=True)
class Progress:
    """One upload under way.

    `upload` is completed by what OSS knows, and replaced where other bytes have to be judged in its place: then
    `superseded` is the etag of the event's. `verdict` and `decision` are the last that held for the bytes judged.
    `may_have_marked`: a tag of ours may sit on bytes that were not judged. `ending`: how it ended.
    `may_have_uncovered`: but a version was removed, and an older one of the very same bytes may be current now (a
    client's retry puts a picture twice). `rounds`: how often its bytes were looked for.
    """

    entry: Entry
    upload: Upload
    verdict: Verdict | None = None
    decision: Decision | None = None
    superseded: str | None = None
    may_have_marked: bool = False
    ending: Outcome = UNENDED
    may_have_uncovered: bool = False
    rounds: int = 0

    @classmethod
    def begin(cls, upload: Upload, run: Run) -> "Progress":
        """Before anything is known but the event."""
        ledger = LenientLedger(run.services.ledger, upload, run.services.warn)
        return cls(Entry(upload, run.delivery, ledger), upload)

    @property
    def event_upload(self) -> Upload:
        """The upload as its event names it."""
        return self.entry.upload

    @property
    def has_ended(self) -> bool:
        """Whether its bytes, or those in their place, were dealt with."""
        return self.ending is not UNENDED

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and nothing is left to look for."""
        return self.has_ended and not self.may_have_uncovered

    def next_round(self) -> "Progress":
        """Count a look for its bytes. Raises StoreUnavailable where they never hold still."""
        if self.rounds == ROUNDS:
            raise StoreUnavailable(f"{self.upload.bucket}/{self.upload.key!r} kept changing while it was judged")
        return replace(self, rounds=self.rounds + 1)

    def look_again(self, changed: ObjectGone | ObjectChanged) -> "Progress":
        """Note that bytes changed under our hands: the next look tells what became of them."""
        return replace(self, may_have_marked=self.may_have_marked or isinstance(changed, TagAstray))

    def end(self, status: Status, *, location: str | None = None, error: str | None = None) -> "Progress":
        """End it with nothing done to any bytes."""
        return self.end_as(Outcome(self.upload, status, location=location, error=error))

    def end_as(self, ending: Outcome) -> "Progress":
        """End it, with nothing left to look for."""
        return replace(self, ending=ending, may_have_uncovered=False)
