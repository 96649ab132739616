"""An entry of the ledger, over a ledger in memory."""

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handler.errors import ClaimHeld, FailureKind, NoVerdict, StoreUnavailable
from handler.meter import Meter
from handler.model import Delivery, Earlier, Finding, Outcome, Status, Verdict
from handler.ports import Listing, NoLedger
from handler.upload.claiming import take_claim
from handler.upload.ledger import Entry, LenientLedger
from handler.upload.progress import Progress, Run
from tests.upload.sample import FOUND, UPLOAD
from tests.upload.shelf import Shelf

POLICY: Any = SimpleNamespace()
VERDICT = Verdict("service", "none", (Finding("nonLabel"),))
DONE = Outcome(UPLOAD, Status.PASSED, location="uploads/a.png")


def services(shelf: Shelf) -> Any:  # noqa: ANN401  (only what a claim needs of them)
    """The clock, the ledger, and nothing else."""
    return SimpleNamespace(
        ledger=shelf, warn=shelf.warn, clock=lambda: shelf.now, sleep=shelf.sleep, meter=Meter(lambda: shelf.now)
    )


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
    shelf.on_sleep = lambda: first.close(Outcome(UPLOAD, Status.FAILED, error="no"), None)
    assert shelf.claimed(request_id="1-b", time_s=500).claim_number == 2
    assert shelf.now < 1002


def test_an_outcome_while_one_waits_makes_a_duplicate() -> None:
    """Nothing is done twice."""
    shelf = Shelf()
    first = shelf.claimed()
    shelf.on_sleep = lambda: first.close(DONE, None)
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
    other.close(Outcome(UPLOAD, Status.FAILED, error="held"), None)
    assert shelf.records == before


def test_a_verdict_is_found_only_by_who_took_over() -> None:
    """By identity and service, and paid for no more."""
    shelf = Shelf()
    first = shelf.claimed()
    assert first.find_verdict(FOUND, "service") is None
    first.keep(FOUND, VERDICT, is_exact=False)
    second = shelf.claimed(2)
    assert second.find_verdict(FOUND, "service") == replace(VERDICT, billed=0)
    assert second.find_verdict(None, "service") == replace(VERDICT, billed=0)
    assert second.find_verdict(FOUND, "another") is None
    assert second.find_verdict(replace(FOUND, etag="E2"), "service") is None
    shelf.records[next(name for name in shelf.records if "verdict" in name)]["identity"]["etag"] = "E2"
    assert shelf.claimed(3).find_verdict(None, "service") is None


def test_why_there_is_no_verdict_is_kept_too() -> None:
    """It says no verdict, and by which kind of failure the bytes were dealt with."""
    shelf = Shelf()
    shelf.claimed().keep(FOUND, NoVerdict(FailureKind.ARCHIVED, "cold"), is_exact=True)
    second = shelf.claimed(2)
    assert second.known is not None
    assert (second.known.failure, second.find_verdict(FOUND, "service")) == (FailureKind.ARCHIVED, None)


def test_a_claim_is_renewed_while_there_is_work() -> None:
    """Once half of its lease is over, and not before: who waits goes on waiting."""
    shelf = Shelf()
    first = shelf.claimed()
    for _ in range(5):
        shelf.now += 49
        first.keep_hold()
        with pytest.raises(ClaimHeld):
            shelf.claimed(request_id="1-b", time_s=1)
    assert [name for name in shelf.records if "claim" in name] == [first.folder + "claim-1.json"]


def test_a_renewal_costs_a_call_in_half_a_lease() -> None:
    """No more."""
    shelf = Shelf()
    first = shelf.claimed()
    written_at = shelf.written_at[first.folder + "claim-1.json"]
    shelf.now += 50
    first.keep_hold()
    assert shelf.written_at[first.folder + "claim-1.json"] == written_at


@pytest.mark.parametrize("share_s", [22.5, 110.0, 590.0])
@pytest.mark.parametrize("died_after_s", [0.0, 1.0, 20.0])
def test_a_dead_claim_is_outwaited_within_one_delivery(share_s: float, died_after_s: float) -> None:
    """A retry under another request id comes at once, waits, and has a third of its time left for its own work."""
    shelf = Shelf()
    run_of = [Run.begin(POLICY, services(shelf), Delivery(n, request_id=f"1-{n}"), share_s) for n in (1, 2)]
    dead, retry = (Progress.begin(UPLOAD, run).entry for run in run_of)
    assert shelf.take(dead)
    shelf.now += died_after_s
    began = shelf.now
    taken = take_claim(retry, lambda: shelf.now, shelf.sleep, began + run_of[1].deadline_s - run_of[1].started_s)
    assert isinstance(taken, Entry)
    assert began + share_s - shelf.now > share_s / 3


def test_when_the_first_claim_was_is_handed_on() -> None:
    """So that an event for which the platform counts no deliveries is given up some time."""
    shelf = Shelf()
    for expected in (0.0, 10.0, 20.0, 30.0):
        entry = shelf.claimed(int(expected) + 1)
        assert entry.has_lasted_s == expected
        entry.close(Outcome(UPLOAD, Status.FAILED, error="no"), None)
        shelf.now += 10


def test_how_far_the_versions_were_listed_is_handed_on() -> None:
    """By the claim that is given back."""
    shelf = Shelf()
    assert shelf.claimed().listed_to is None
    shelf.claimed(2).close(Outcome(UPLOAD, Status.FAILED, error="no"), "v9")
    third = shelf.claimed(3)
    assert third.listed_to == "v9"
    # Killed, it leaves the same behind.
    assert shelf.claimed(4).listed_to == "v9"


def test_a_bad_record_is_told_once() -> None:
    """However often it is looked at."""
    shelf = Shelf()
    shelf.claimed().close(DONE, None)
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
    entry.keep(FOUND, VERDICT, is_exact=True)
    entry.close(DONE, None)
    assert len(asked) == 1
    assert shelf.records == {}
    assert [event for event, _ in shelf.warnings] == ["ledger.unavailable"]


def test_without_a_ledger_every_claim_is_the_first() -> None:
    """One flow, with and without."""
    none = NoLedger()
    delivery = Delivery(1, request_id="1-a")
    copied = replace(UPLOAD, event_name="ObjectCreated:CopyObject")
    unclaimed = Entry.begin(copied, delivery, LenientLedger(none, copied, lambda *_, **__: None), lambda: 0.0, 300)
    entry = take_claim(unclaimed, lambda: 0.0, lambda _: None, 1.0)
    assert isinstance(entry, Entry)
    assert entry.find_release(copied, FOUND, lambda: "") is None
    entry.keep(FOUND, VERDICT, is_exact=True)
    entry.close(DONE, None)
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
    written_at = datetime(2026, 11, 22, 9, 30, tzinfo=timezone.utc).timestamp()
    shelf.written_at.update(dict.fromkeys([name for name in shelf.records if name.startswith("release/")], written_at))
    release = taken.find_release(restored, replace(FOUND, key="c.png"), lambda: "")
    assert release is not None
    assert (release.by, release.reason) == ("ann", "a statue")


def test_who_keeps_no_ledger_finds_nothing_in_it() -> None:
    """The port's own answers, for whoever asks it without looking first."""
    none = NoLedger()
    assert none.create("a", {})
    none.write("a", {})
    assert none.read("a") is None
    assert none.look("") == Listing(0.0, {})
