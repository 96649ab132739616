"""An entry of the ledger, over a ledger in memory."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from handler.errors import BadRecord, ClaimHeld, StoreUnavailable
from handler.model import Delivery, Earlier, Finding, Outcome, Status, Upload, Verdict
from handler.ports import Listing, NoLedger
from handler.upload.claiming import take_claim
from handler.upload.ledger import Entry, LenientLedger
from tests.upload.sample import FOUND, UPLOAD

VERDICT = Verdict("service", "none", (Finding("nonLabel"),))
DONE = Outcome(UPLOAD, Status.PASSED, location="uploads/a.png")


@dataclass
class Shelf:
    """A ledger in memory, with a clock that sleeping moves."""

    now: float = 1000.0
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    written_at: dict[str, float] = field(default_factory=dict)
    warnings: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    on_sleep: Callable[[], object] = lambda: None

    def create(self, name: str, record: dict[str, Any]) -> bool:
        """See Ledger."""
        if name in self.records:
            return False
        self.write(name, record)
        return True

    def write(self, name: str, record: dict[str, Any]) -> None:
        """See Ledger."""
        self.records[name] = record
        self.written_at[name] = self.now

    def read(self, name: str) -> dict[str, Any] | None:
        """See Ledger."""
        record = self.records.get(name)
        if record == {"bad": True}:
            raise BadRecord("it is not JSON")
        return record

    def look(self, folder: str) -> Listing:
        """See Ledger."""
        named = {name.removeprefix(folder): at for name, at in self.written_at.items() if name.startswith(folder)}
        return Listing(self.now, named)

    def check(self) -> None:
        """See Ledger."""

    def sleep(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds
        self.on_sleep()

    def entry(self, number: int = 1, request_id: str = "1-a", upload: Upload = UPLOAD) -> Entry:
        """A delivery of the upload."""
        delivery = Delivery(number, is_last=False, request_id=request_id, function="f", timeout_s=100)
        return Entry(upload, delivery, LenientLedger(self, upload, self.warn))

    def take(self, entry: Entry, time_s: float = 60) -> Entry | Earlier:
        """Claim it, with that much time to wait."""
        return take_claim(entry, lambda: self.now, self.sleep, self.now + time_s)

    def claimed(self, number: int = 1, request_id: str = "1-a", time_s: float = 60) -> Entry:
        """A delivery that has the claim."""
        taken = self.take(self.entry(number, request_id), time_s)
        assert isinstance(taken, Entry)
        return taken

    def warn(self, event: str, **facts: Any) -> None:  # noqa: ANN401
        """Note it."""
        self.warnings.append((event, facts))


@pytest.mark.parametrize(
    ("number", "request_id", "waits"),
    [(2, "1-a", False), (1, "1-a", True), (1, "1-b", True), (3, "1-b", True)],
)
def test_whose_holder_is_dead(*, number: int, request_id: str, waits: bool) -> None:
    """Only a later try of the very same invocation is certain; any other may be a copy while the first is at work."""
    shelf = Shelf()
    shelf.claimed()
    if waits:
        with pytest.raises(ClaimHeld, match=r"held by invocation '1-a' until 1970-01-01T00:18:21\+00:00"):
            shelf.claimed(number, request_id, time_s=60)
    else:
        assert shelf.claimed(number, request_id, time_s=60).is_takeover


def test_a_lease_is_waited_for_where_there_is_time() -> None:
    """To its end by the ledger's clock, with pauses that grow."""
    shelf = Shelf()
    shelf.claimed()
    second = shelf.claimed(request_id="1-b", time_s=500)
    assert (second.claim_number, shelf.now) == (2, 1101.0)


def test_a_claim_given_back_while_one_waits_is_taken_at_once() -> None:
    """The first delivery fails and says so; the copy that waits begins."""
    shelf = Shelf()
    first = shelf.claimed()
    shelf.on_sleep = lambda: first.close(Outcome(UPLOAD, Status.FAILED, error="no"))
    assert shelf.claimed(request_id="1-b", time_s=500).claim_number == 2
    assert shelf.now < 1002


def test_an_outcome_while_one_waits_makes_a_duplicate() -> None:
    """Nothing is done twice."""
    shelf = Shelf()
    first = shelf.claimed()
    shelf.on_sleep = lambda: first.close(DONE)
    earlier = shelf.take(shelf.entry(request_id="1-b"), time_s=500)
    assert isinstance(earlier, Earlier)
    assert (earlier.status, earlier.location) == (Status.PASSED, "uploads/a.png")


def test_only_who_holds_a_claim_writes_an_end() -> None:
    """A delivery that never had the claim leaves no trace."""
    shelf = Shelf()
    shelf.claimed()
    before = dict(shelf.records)
    other = shelf.entry(request_id="1-b")
    with pytest.raises(ClaimHeld):
        shelf.take(other, time_s=1)
    other.close(Outcome(UPLOAD, Status.FAILED, error="held"))
    assert shelf.records == before


def test_a_verdict_is_found_only_by_who_took_over() -> None:
    """By identity and service, and paid for no more."""
    shelf = Shelf()
    first = shelf.claimed()
    assert first.find_verdict(FOUND, "service") is None
    first.keep_verdict(FOUND, VERDICT, is_exact=False)
    second = shelf.claimed(2)
    assert second.find_verdict(FOUND, "service") == replace(VERDICT, billed=0)
    assert second.find_verdict(None, "service") == replace(VERDICT, billed=0)
    assert second.find_verdict(FOUND, "another") is None
    assert second.find_verdict(replace(FOUND, etag="E2"), "service") is None
    shelf.records[next(name for name in shelf.records if "verdict" in name)]["identity"]["etag"] = "E2"
    assert second.find_verdict(None, "service") is None


def test_a_bad_record_is_told_once() -> None:
    """However often it is looked at."""
    shelf = Shelf()
    shelf.claimed().close(DONE)
    name = next(name for name in shelf.records if "outcome" in name)
    shelf.records[name] = {"bad": True}
    assert shelf.claimed(2).is_takeover
    assert [event for event, _ in shelf.warnings] == ["ledger.record-ignored"]
    assert shelf.warnings[0][1] == {
        "v": 1,
        "bucket": "uploads",
        "key": "a.png",
        "record": name,
        "error": "it is not JSON",
    }


def test_once_down_the_ledger_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What serves the upload must not cost it its time."""
    shelf = Shelf()
    asked: list[str] = []

    def fail(self: Shelf, name: str, record: dict[str, Any]) -> bool:
        del self, record
        asked.append(name)
        raise StoreUnavailable("down")

    monkeypatch.setattr(Shelf, "create", fail)
    entry = shelf.claimed()
    assert not entry.claim_number
    entry.keep_verdict(FOUND, VERDICT, is_exact=True)
    entry.close(DONE)
    assert len(asked) == 1
    assert shelf.records == {}
    assert [event for event, _ in shelf.warnings] == ["ledger.unavailable"]


def test_without_a_ledger_every_claim_is_the_first() -> None:
    """One flow, with and without."""
    none = NoLedger()
    delivery = Delivery(1, is_last=False, request_id="1-a")
    copied = replace(UPLOAD, event_name="ObjectCreated:CopyObject")
    unclaimed = Entry(copied, delivery, LenientLedger(none, copied, lambda *_, **__: None))
    entry = take_claim(unclaimed, lambda: 0.0, lambda _: None, 1.0)
    assert isinstance(entry, Entry)
    assert entry.find_release(copied, FOUND) is None
    entry.keep_verdict(FOUND, VERDICT, is_exact=True)
    entry.close(DONE)
    assert none.look("x/") == Listing(0.0, {})
    none.check()


def test_a_ledger_of_the_first_layout_is_read() -> None:
    """What a deployed function has written since 0.1.0, by the names and in the form that it has on the disk."""
    file = Path(__file__).with_name("ledger-v1.json")  # written by the code of commit f5f4aa8
    shelf = Shelf(records=json.loads(file.read_text("utf-8")))
    shelf.written_at = dict.fromkeys(shelf.records, shelf.now)
    earlier = shelf.take(shelf.entry(2))
    assert isinstance(earlier, Earlier)
    assert (earlier.status, earlier.location) == (Status.PASSED, "uploads/a.png")
    killed = replace(UPLOAD, key="photos/ä +%.png", request_id="R2")
    taken = shelf.take(shelf.entry(2, upload=killed))
    assert isinstance(taken, Entry)
    assert (taken.claim_number, taken.find_verdict(None, "service")) == (2, replace(VERDICT, billed=0))
    given_back = replace(UPLOAD, key="b.png", request_id="R3")
    taken = shelf.take(shelf.entry(1, "1-another", upload=given_back))
    assert isinstance(taken, Entry)
    assert (taken.claim_number, shelf.warnings) == (2, [])
    restored = replace(UPLOAD, key="c.png", event_name="ObjectCreated:CopyObject")
    release = taken.find_release(restored, replace(FOUND, key="c.png"))
    assert release is not None
    assert (release.by, release.reason) == ("ann", "a statue")
