"""How far one upload has come: the value that the steps of the pipeline take and hand on; and what they work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from handler.errors import FailureKind, ObjectChanged, ObjectGone, StoreUnavailable, TagAstray
from handler.meter import Meter
from handler.model import Decision, Delivery, Mode, Outcome, Status, Upload, Verdict
from handler.policy.rules import Policy, in_scope
from handler.ports import Ledger, Moderator, Quarantine, Store, StoredObject, Tags
from handler.upload.holding import is_held
from handler.upload.ledger import Entry, LenientLedger
from handler.upload.patience import Patience
from handler.upload.scanning import Scan
from handler.upload.tagging import join_notes

# How often bytes that change under our hands are looked for again before the delivery is given up.
MOST_CHANGES = 4
# Kept back from asking the service and from waiting, for what is to be done with the answer.
ACTING_SHARE = 0.25
LONGEST_ACTING_S = 10.0
# Where the platform counts no deliveries, an event is given up that long after its first claim. Function Compute
# retries within minutes; nothing is documented.
LONGEST_RETRYING_S = 3600.0
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

    After `deadline_s` neither the service nor another delivery is waited for; after `ends_s` nothing new is begun, so
    that every record of an event has its share of all the time. `patience` is what is left for the service's faults.
    """

    policy: Policy
    services: Services
    delivery: Delivery
    started_s: float
    deadline_s: float
    ends_s: float
    patience: Patience = field(default_factory=Patience)

    @classmethod
    def begin(cls, policy: Policy, services: Services, delivery: Delivery, share_s: float) -> "Run":
        """Start the count of calls and the clock, for `share_s` seconds."""
        started_s = services.clock()
        ends_s = started_s + share_s
        services.meter.start(ends_s)
        return cls(
            policy, services, delivery, started_s, ends_s - min(share_s * ACTING_SHARE, LONGEST_ACTING_S), ends_s
        )

    @property
    def is_enforced(self) -> bool:
        """Whether the policy may touch objects."""
        return self.policy.mode is Mode.ENFORCE

    def keep_going(self, entry: Entry) -> None:
        """Called before anything that takes long: keeps the claim. Raises OutOfTime where the time is used up."""
        self.services.meter.time_left_s()
        entry.keep_hold()

    def is_ours_to_judge(self, upload: Upload) -> bool:
        """Whether the upload is in scope, and no copy that we hold ourselves."""
        return in_scope(self.policy, upload.key) and not is_held(upload, self.policy.quarantine)


def name_of(found: StoredObject) -> str:
    """`bucket/key`, with the version where there is one."""
    return found.location if found.version_id is None else f"{found.location}?versionId={found.version_id}"


@dataclass(frozen=True, slots=True)
class Progress:
    """One upload under way.

    `upload` is completed by what OSS knows, and replaced where other bytes have to be judged in its place: then
    `superseded` is the etag of the event's. `verdict` and `decision` are the last that held for the bytes judged.
    `may_have_marked`: a tag of ours may sit on bytes that were not judged; `astray` are the tags that were written when
    the bytes changed under them. `ending`: how it ended. `must_look`: but something was removed, or only a link was
    dealt with, and bytes of this upload may have come to light, or links are left. `has_acted`: its own bytes, if there
    were any, were dealt with, and only links are looked for. `has_removed`: its own bytes were removed, and without a
    ledger a twin of them may have come to light. `changes`: how often its bytes changed under our hands.
    `links` are the links that were dealt with, by place and version; `link_error` says what kept the first of those
    that stay. `listed_to`: how far the versions were looked through in vain. `has_resumed`: what an earlier delivery
    took was looked at. `looked`: the versions as listed since the last change under our hands.
    """

    entry: Entry
    upload: Upload
    verdict: Verdict | None = None
    decision: Decision | None = None
    superseded: str | None = None
    may_have_marked: bool = False
    astray: Mapping[str, str] = field(default_factory=dict)
    ending: Outcome = UNENDED
    must_look: bool = False
    has_acted: bool = False
    has_removed: bool = False
    changes: int = 0
    links: tuple[str, ...] = ()
    link_error: str | None = None
    listed_to: str | None = None
    has_resumed: bool = False
    looked: Scan | None = None

    @classmethod
    def begin(cls, upload: Upload, run: Run) -> "Progress":
        """Before anything is known but the event."""
        ledger = LenientLedger(run.services.ledger, upload, run.services.warn)
        share_s = run.ends_s - run.started_s
        return cls(Entry.begin(upload, run.delivery, ledger, run.services.clock, share_s), upload)

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
        return self.has_ended and not self.must_look

    @property
    def links_left(self) -> tuple[StoredObject, ...]:
        """Those of the links that were listed that were not dealt with yet."""
        links = self.looked.links if self.looked is not None else ()
        # A set: there may be thousands, and they are looked through once for each.
        done = set(self.links)
        return tuple(link for link in links if name_of(link) not in done)

    @property
    def takes_versions(self) -> bool:
        """Whether a version is taken before it is dealt with, so that each event has its own."""
        return self.entry.ledger.is_kept

    @property
    def is_last(self) -> bool:
        """Whether no delivery of this event will follow, by the platform's count or the ledger's.

        An event must not wait for ever: a count may be stuck, so claims are counted beside it (what was refused before
        it reached the function makes none); and where there is no count, the time since the first of them tells too.
        """
        delivery, entry = self.entry.delivery, self.entry
        if delivery.is_redriven:
            return False
        if max(delivery.number, entry.claim_number) >= delivery.most:
            return True
        return not delivery.is_counted and entry.has_lasted_s >= LONGEST_RETRYING_S

    @property
    def is_unproven(self) -> bool:
        """Whether the ledger knows of no delivery before this one, whatever the platform counted.

        What was refused before it reached the function may be counted too.
        """
        entry = self.entry
        return entry.ledger.is_kept and not entry.is_takeover and entry.delivery.number > 1

    def look_again(self, changed: ObjectGone | ObjectChanged) -> "Progress":
        """Note that bytes changed under our hands: the next look tells what became of them.

        Raises StoreUnavailable where they never hold still.
        """
        if self.changes == MOST_CHANGES:
            raise StoreUnavailable(f"{self.upload.bucket}/{self.upload.key!r} kept changing while it was judged")
        progress = replace(self, changes=self.changes + 1, looked=None)
        if isinstance(changed, TagAstray):
            return replace(progress, may_have_marked=True, astray={**self.astray, **changed.tags})
        return progress

    def end_own(self, ending: Outcome) -> "Progress":
        """End it as far as its own bytes go; links may be left."""
        return replace(self, ending=ending, has_acted=True, must_look=bool(self.links_left))

    def fail(self, error: str) -> "Progress":
        """End it with this error; what was done to its own bytes stays its end, where only links were left.

        The end of a link does not: the event may as well tell of one that is left.
        """
        is_of_link = self.decision is not None and self.decision.failure is FailureKind.SYMLINK
        if self.has_acted and not is_of_link:
            return replace(self, link_error=join_notes(self.link_error, error)).end_as(self.ending)
        return self.end(Status.FAILED, error=error)

    def end(self, status: Status, *, location: str | None = None, error: str | None = None) -> "Progress":
        """End it with nothing done to any bytes."""
        return self.end_as(Outcome(self.upload, status, location=location, error=error))

    def end_as(self, ending: Outcome) -> "Progress":
        """End it, with nothing left to look for."""
        return replace(self, ending=ending, must_look=False)
