"""All interleavings of several deliveries: the real pipeline, where each call to the ledger is one atomic step.

A delivery is a function of the answers that it got so far. So it needs no thread: it is run again from its answers, as
far as its next call, and a state of the whole is what the ledger and the bucket hold and what each delivery was
answered. All schedules are gone through, each state once.

A schedule may also kill a delivery after any call, and let time pass. Time goes in ticks of a little more than half a
lease: after one, a holder renews; after two, a claim that nobody renewed is over. A tick passes where every delivery
waits, and where a schedule says so, while all hang (`slow_ticks`). Function Compute delivers again what failed or was
killed. The bucket is read together with the step before, and written in steps of its own.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from handler.errors import ObjectGone
from handler.meter import Meter
from handler.model import Delivery, Finding, Outcome, Upload, Verdict
from handler.policy.rules import Policy
from handler.ports import HeldCopy, Listing, StoredObject, VersionPage
from handler.upload.pipeline import moderate
from handler.upload.progress import Services
from handler.upload.records import HELD, OUTCOME, VERSIONS, folder_of
from handler.upload.waiting import CLOCK_STEP_S
from tests.upload.sample import FOUND, UPLOAD

MAX_DELIVERIES = 3
LEASE_S = 10.0
SHARE_S = 3 * LEASE_S
TICK_S = 6.0
# What no delivery reads back, and what would make states differ that are alike.
UNREAD = {"duration_ms": 0, "calls": {}, "request_ids": {}, "attempts": 0, "cost_usd": 0}
# What is asked of the bucket: which versions are gone. A look is no step of its own, but goes with the one before.
READS = frozenset({"there"})

Call = tuple[str, ...]
Answer = Any


class Suspended(BaseException):
    """The answers end here: this is the call that comes next."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self.call = call


@dataclass(slots=True)
class Script:
    """Everything that one delivery works with; answers from a list, and is suspended where that ends."""

    answers: list[tuple[float, Answer]]
    now_s: float
    versions: tuple[str, ...]
    service: str
    at: int = 0

    def ask(self, *call: str) -> Answer:
        """Answer a call."""
        if self.at == len(self.answers):
            raise Suspended(call)
        answer = self.answers[self.at][1]
        self.at += 1
        return answer

    def clock(self) -> float:
        """The time at which the next call is made: all between two calls happens right before the second."""
        return self.answers[self.at][0] if self.at < len(self.answers) else self.now_s

    def sleep(self, seconds: float) -> None:
        """See Services."""
        del seconds
        self.ask("sleep")

    def warn(self, event: str, **facts: object) -> None:
        """No ledger of these tests is down, and none of its records is corrupt."""
        raise AssertionError((event, facts))

    # The ledger.

    def create(self, name: str, record: dict[str, Any]) -> bool:
        """See Ledger."""
        return bool(self.ask("create", name, _text(record)))

    def write(self, name: str, record: dict[str, Any]) -> None:
        """See Ledger."""
        self.ask("write", name, _text(record))

    def read(self, name: str) -> dict[str, Any] | None:
        """See Ledger."""
        text = self.ask("read", name)
        return None if text is None else dict(json.loads(text))

    def look(self, folder: str) -> Listing:
        """See Ledger."""
        now, written_at = self.ask("look", folder)
        return Listing(now, dict(written_at))

    def check(self) -> None:
        """See Ledger."""

    # The service.

    def judge(self, upload: Upload, *, url: str | None, timeout_s: float) -> Verdict:
        """See Moderator."""
        del timeout_s
        self.ask("judge", url or str(upload.version_id))
        return Verdict(self.service, "high", (Finding("violent_bloody", 90.0, "high"),))

    # The bucket.

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """See Store."""
        del bucket, key
        there = self._there()
        found = there[-1:] if version_id is None else [v for v in there if v == version_id]
        return self._object(found[0], is_current=found == there[-1:]) if found else None

    def link(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """See Store; there is none."""
        del bucket, key, version_id
        return None

    def versions_of(self) -> list[StoredObject]:
        """The newest first."""
        there = self._there()
        return [self._object(version, is_current=version == there[-1]) for version in reversed(there)]

    def _there(self) -> list[str]:
        gone = self.ask("there")
        return [version for version in self.versions if version not in gone]

    def _object(self, version: str, *, is_current: bool) -> StoredObject:
        return replace(FOUND, version_id=version or None, is_current=is_current)

    def acl(self, found: StoredObject) -> str:
        """See Store; nothing is copied here."""
        raise AssertionError(found)

    def sign(self, found: StoredObject, *, expires_s: int) -> str:
        """See Store."""
        del expires_s
        return str(found.version_id)

    def check_link(self, found: StoredObject) -> None:
        """See Store."""
        raise AssertionError(found)

    def delete(self, found: StoredObject) -> None:
        """See Store."""
        self.ask("delete", found.version_id or "")

    def read_tags(self, found: StoredObject, *, is_fresh: bool = False) -> dict[str, str]:
        """See Tags."""
        del is_fresh
        if (found.version_id or "") not in self._there():
            raise ObjectGone(found.location)
        return {}

    def write_tags(self, found: StoredObject, tags: dict[str, str]) -> None:
        """See Tags."""
        del tags
        if not self.ask("tag", found.version_id or ""):
            raise ObjectGone(found.location)

    # The quarantine bucket.

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """See Quarantine; nothing was ever held."""
        del bucket, key
        return None

    def hold(self, found: StoredObject, copy: HeldCopy, *, keep_going: Callable[[], None]) -> Any:  # noqa: ANN401
        """See Quarantine."""
        raise AssertionError((found, copy, keep_going))

    def sha256(self, found: StoredObject, *, keep_going: Callable[[], None]) -> Any:  # noqa: ANN401
        """See Quarantine."""
        raise AssertionError((found, keep_going))


class _Bucket:
    """The port Store of a script: it has a method of the same name as its own field."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._script, name)

    def versions(self, bucket: str, key: str, after: str | None = None) -> VersionPage:
        """See Store."""
        del bucket, key, after
        return VersionPage(self._script.versions_of())


def _text(record: dict[str, Any]) -> str:
    if "claim" not in record and isinstance(record.get("outcome"), dict):
        record = {**record, "outcome": {**record["outcome"], **UNREAD}}
    return json.dumps(record, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """Who comes: each claimant is one copy of an event, by the number of its upload; and what happens to them.

    `versions`: the ids under the key, oldest first, all of the same bytes and second; the empty one: no versions.
    `crashes`: how many deliveries may be killed. `slow_ticks`: how often time may pass while somebody is at work.
    `keeps_id`: whether a retry comes under the invocation id of the delivery that it repeats.
    """

    policy: Policy
    claimants: tuple[int, ...]
    versions: tuple[str, ...] = ("",)
    crashes: int = 0
    slow_ticks: int = 0
    keeps_id: bool = True

    def upload(self, claimant: int) -> Upload:
        """The upload that this claimant's event tells of."""
        return replace(UPLOAD, request_id=f"R{self.claimants[claimant]}")

    def delivery(self, claimant: int, number: int) -> Delivery:
        """That delivery of it."""
        request_id = f"invocation-{claimant}" + ("" if self.keeps_id else f"-{number}")
        return Delivery(number, request_id, "f", MAX_DELIVERIES, is_counted=number > 1)


@dataclass(frozen=True, slots=True)
class Claimant:
    """One copy of an event on its way. `answers` are named by a number; 0: none yet.

    `claim` is the record by which it holds its upload, `version` the one that it took or paid for. `ended` is the
    status that it came to, `dead` where it was given up. `is_asleep`: it waits, and nothing has changed since.
    `has_lapsed`: it hung for longer than its lease, so that another may have what it holds.
    """

    number: int = 1
    answers: int = 0
    claim: str = ""
    version: str | None = None
    ended: str = ""
    is_asleep: bool = False
    has_lapsed: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Everything at one moment. `records` are the ledger's: name, text and when it was written.

    `paid` and `done` name versions, `gone` those that were removed. `overrun`: how often a claim was taken over whose
    holder was alive: slower than its lease.
    """

    claimants: tuple[Claimant, ...]
    now: int = 0
    records: tuple[tuple[str, str, int], ...] = ()
    paid: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    gone: frozenset[str] = frozenset()
    crashes: int = 0
    slow_ticks: int = 0
    overrun: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing is on its way any more."""
        return all(claimant.ended for claimant in self.claimants)


@dataclass(slots=True)
class Explorer:
    """Goes through all that can happen, with as many events as versions or more.

    `endings` counts the final states by how their claimants ended. `fix_token` is given the name of a run: the token of
    its claims has to come from that, so that it can be run again.
    """

    setting: Setting
    fix_token: Callable[[str], None]
    endings: Counter[tuple[str, ...]] = field(default_factory=Counter)
    came_from: dict[State, tuple[State | None, str]] = field(default_factory=dict)
    _histories: list[tuple[int, float, Answer]] = field(default_factory=lambda: [(0, 0.0, None)])
    _numbers: dict[tuple[int, float, Answer], int] = field(default_factory=dict)
    _next: dict[tuple[int, int, int, int], Call | Outcome] = field(default_factory=dict)

    def explore(self) -> None:
        """Visit every state once. Raises AssertionError, with the way there, where one must not be."""
        start = State(tuple(Claimant() for _ in self.setting.claimants))
        self.came_from[start] = None, "start"
        waiting = [start]
        while waiting:
            state = waiting.pop()
            for how, following in self._successors(state):
                if following not in self.came_from:
                    self.came_from[following] = (state, how)
                    self._check(following)
                    waiting.append(following)

    # What may happen next.

    def _successors(self, state: State) -> Iterator[tuple[str, State]]:
        can_act = False
        for number, claimant in enumerate(state.claimants):
            if claimant.ended:
                continue
            if claimant.answers and state.crashes < self.setting.crashes:
                yield f"{number} is killed", self._fail(replace(state, crashes=state.crashes + 1), number)
            if not claimant.is_asleep:
                can_act = True
                yield self._act(state, number)
        if not state.is_settled and (not can_act or state.slow_ticks < self.setting.slow_ticks):
            yield "time passes", self._tick(state, is_slow=can_act)

    def _tick(self, state: State, *, is_slow: bool) -> State:
        state = replace(state, now=state.now + 1, slow_ticks=state.slow_ticks + is_slow)
        awake = [
            replace(c, is_asleep=False, has_lapsed=c.has_lapsed or (bool(c.claim) and not self._has_lease(state, n)))
            for n, c in enumerate(state.claimants)
        ]
        return replace(state, claimants=tuple(awake))

    def _fail(self, state: State, number: int) -> State:
        """It is delivered again, or given up."""
        delivery = state.claimants[number].number
        again = Claimant(delivery + 1) if delivery < MAX_DELIVERIES else Claimant(delivery, ended="dead")
        return self._with(state, number, again)

    def _act(self, state: State, number: int) -> tuple[str, State]:
        """Let one make its next call, and read the bucket after it."""
        call = self._ask(state, number)
        how = f"{number}.{state.claimants[number].number}: {_short(call)}"
        if isinstance(call, tuple):
            state = self._carry_out(state, number, call)
            call = self._ask(state, number) if not state.claimants[number].is_asleep else call
        while isinstance(call, tuple) and call[0] in READS:
            state = self._answer(state, number, state.gone)
            call = self._ask(state, number)
        if isinstance(call, Outcome):
            how += f" -> {_short(call)}"
            if call.error:
                return how, self._fail(state, number)
            self._check_ending(state, number, call)
            ended = replace(state.claimants[number], answers=0, claim="", version=None, ended=call.status.value)
            state = self._with(state, number, ended)
        return how, state

    def _ask(self, state: State, number: int) -> Call | Outcome:
        """What this one does next, by all that it was answered."""
        claimant = state.claimants[number]
        name = number, claimant.number, claimant.answers, state.now
        if name not in self._next:
            self._next[name] = self._run(number, claimant, state.now * TICK_S)
        return self._next[name]

    def _run(self, number: int, claimant: Claimant, now_s: float) -> Call | Outcome:
        answers: list[tuple[float, Answer]] = []
        at = claimant.answers
        while at:
            at, when, answer = self._histories[at]
            answers.append((when, answer))
        answers.reverse()
        script = Script(answers, now_s, self.setting.versions, self.setting.policy.moderation.service)
        store: Any = _Bucket(script)
        self.fix_token(f"{number}.{claimant.number}")
        services = Services(
            script, store, script, script, script, Meter(script.clock), script.clock, script.sleep, script.warn
        )
        delivery = self.setting.delivery(number, claimant.number)
        try:
            return moderate(self.setting.upload(number), self.setting.policy, services, delivery, share_s=SHARE_S)
        except Suspended as suspended:
            return suspended.call

    def _carry_out(self, state: State, number: int, call: Call) -> State:
        """The state after a call, with what it was answered."""
        match call:
            case ["sleep"]:
                state = self._with(state, number, replace(state.claimants[number], is_asleep=True))
                return self._answer(state, number, None)
            case ["judge", version]:
                self._check_alone(state, number, version)
                state = replace(state, paid=tuple(sorted((*state.paid, version))))
                state = self._with(state, number, replace(state.claimants[number], version=version))
                return self._answer(state, number, None)
            case ["tag" | "delete" as what, version]:
                is_there = version not in state.gone
                done = tuple(sorted({*state.done, version})) if is_there else state.done
                gone = state.gone | {version} if what == "delete" else state.gone
                return self._answer(replace(state, done=done, gone=gone), number, is_there)
            case ["there"]:
                return self._answer(state, number, state.gone)
        return self._ask_ledger(state, number, call)

    def _ask_ledger(self, state: State, number: int, call: Call) -> State:
        what, name, *text = call
        there = {record: (written, at) for record, written, at in state.records}
        answer: Answer = None
        if what == "create":
            answer = name not in there
        elif what == "read":
            answer = there[name][0] if name in there else None
        elif what == "look":
            named = (
                (record.removeprefix(name), at * TICK_S) for record, (_, at) in there.items() if record.startswith(name)
            )
            answer = state.now * TICK_S, tuple(named)
        if what == "write" or answer is True:
            state = self._write(state, name, *text)
        if answer is True:
            state = self._note_hold(state, number, name, *text)
        return self._answer(state, number, answer)

    def _write(self, state: State, name: str, text: str) -> State:
        """Put a record; who waits may find out."""
        others = tuple(record for record in state.records if record[0] != name)
        awake = tuple(replace(claimant, is_asleep=False) for claimant in state.claimants)
        records = tuple(sorted((*others, (name, text, state.now))))
        return replace(state, claimants=awake, records=records)

    def _answer(self, state: State, number: int, answer: Answer) -> State:
        claimant = state.claimants[number]
        history = claimant.answers, state.now * TICK_S, answer
        if history not in self._numbers:
            self._numbers[history] = len(self._histories)
            self._histories.append(history)
        return self._with(state, number, replace(claimant, answers=self._numbers[history]))

    def _with(self, state: State, number: int, claimant: Claimant) -> State:
        before, after = state.claimants[:number], state.claimants[number + 1 :]
        return replace(state, claimants=(*before, claimant, *after))

    # What must hold.

    def _note_hold(self, state: State, number: int, name: str, text: str) -> State:
        """Note who has a claim or a version now, and that nobody else has it yet."""
        claimant = state.claimants[number]
        if name.startswith(VERSIONS):
            version = str(json.loads(text)["version_id"])
            self._check_alone(state, number, version)
            return self._with(state, number, replace(claimant, version=version))
        folder = name.rpartition("/")[0]
        others = [
            n
            for n, c in enumerate(state.claimants)
            if n != number and c.claim.rpartition("/")[0] == folder and not c.ended
        ]
        holders = [n for n in others if self._has_lease(state, n)]
        assert not holders, self._tell(state, f"{number} and {holders} hold {folder}")
        state = replace(state, overrun=state.overrun + len(others))
        return self._with(state, number, replace(claimant, claim=name))

    def _check_alone(self, state: State, number: int, version: str) -> None:
        if state.claimants[number].has_lapsed:
            return  # it does not know yet that another may have gone on in its place
        for n, other in enumerate(state.claimants):
            if n != number and other.version == version and self._has_lease(state, n):
                raise AssertionError(self._tell(state, f"{number} and {n} are at work on version {version!r}"))

    def _has_lease(self, state: State, number: int) -> bool:
        claim = "" if state.claimants[number].has_lapsed else state.claimants[number].claim
        for name, text, at in state.records:
            if name == claim:
                ends_s = at * TICK_S + LEASE_S + CLOCK_STEP_S
                return state.now * TICK_S < ends_s and json.loads(text)["claim"]["state"] == HELD
        return False

    def _check_ending(self, state: State, number: int, outcome: Outcome) -> None:
        """`duplicate` only ever follows a final outcome."""
        if outcome.earlier is not None:
            names = [name for name, _, _ in state.records]
            assert outcome.earlier.record in names, self._tell(state, f"{number} is a duplicate of nothing")
            assert outcome.earlier.record.endswith(OUTCOME)

    def _check(self, state: State) -> None:
        self._check_payment(state)
        if not state.is_settled:
            return
        self.endings[tuple(claimant.ended for claimant in state.claimants)] += 1
        dead = [number for number, claimant in enumerate(state.claimants) if claimant.ended == "dead"]
        assert not dead or state.slow_ticks, self._tell(state, f"{dead} were given up")
        names = {name for name, _, _ in state.records}
        for number in range(len(state.claimants)):
            folder = folder_of("f", self.setting.upload(number))
            is_given_up = number in dead
            assert is_given_up or folder + OUTCOME in names, self._tell(state, f"{number} has no outcome")
        missing = [version for version in self.setting.versions if version not in state.done]
        assert len(missing) <= len(dead), self._tell(state, f"nobody dealt with {missing}")

    def _check_payment(self, state: State) -> None:
        more = len(state.paid) - len(set(state.paid))
        assert more <= state.crashes + state.overrun, self._tell(state, f"paid for {state.paid}")

    def _tell(self, state: State, what: str) -> str:
        steps = []
        at: State | None = state
        while at is not None and at in self.came_from:
            at, how = self.came_from[at]
            steps.append(how)
        return "\n".join([what, *reversed(steps)])


def _short(call: Call | Outcome) -> str:
    if isinstance(call, Outcome):
        return f"{call.status.value} {call.error or ''}".strip()
    return " ".join(part.rpartition("/")[2][-28:] for part in call[:2])
