"""A ledger in memory, and deliveries that claim in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from handler.errors import BadRecord
from handler.model import Delivery, Earlier, Upload
from handler.ports import Listing
from handler.upload.claiming import take_claim
from handler.upload.ledger import Entry, LenientLedger
from tests.upload.sample import UPLOAD


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
        delivery = Delivery(number, request_id=request_id, function="f", most=6)
        # A share of 300 s makes a lease of 100 s.
        return Entry.begin(upload, delivery, LenientLedger(self, upload, self.warn), lambda: self.now, 300)

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
