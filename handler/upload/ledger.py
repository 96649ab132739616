"""The ledger as one upload sees it: not asked again once it is down, and what can't be read counts for nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from handler.errors import BadRecord, StoreUnavailable
from handler.json_form import Document
from handler.model import Upload
from handler.ports import Ledger, Listing

Answer = TypeVar("Answer")


@dataclass(slots=True)
class PatientLedger:
    """Asks the ledger for one upload; where it is down, this says so once, and all goes on as if there were none.

    `warn` logs: an event's name, then facts. `doing` names a call in that log, as what was skipped.
    Every method raises OperatorError where the ledger refuses us.
    """

    ledger: Ledger
    upload: Upload
    warn: Callable[..., object]
    is_down: bool = False
    _ignored: set[str] = field(default_factory=set)

    def create(self, doing: str, name: str, record: Document) -> bool:
        """Write a record that is not there yet; True too where the ledger is down."""
        return self._ask(doing, lambda: self.ledger.create(name, record), default=True)

    def write(self, doing: str, name: str, record: Document) -> None:
        """Write a record, over what is there."""
        self._ask(doing, lambda: self.ledger.write(name, record), default=None)

    def read(self, doing: str, name: str, convert: Callable[[Document], Answer]) -> Answer | None:
        """Read a record; one that is corrupt, of another version or not ours is logged, and ignored."""
        try:
            record = self._ask(doing, lambda: self.ledger.read(name), default=None)
            return None if record is None else convert(record)
        except BadRecord as exc:
            if name not in self._ignored:
                self._ignored.add(name)
                self._warn("ledger.record-ignored", record=name, error=str(exc))
            return None

    def look(self, doing: str, folder: str) -> Listing:
        """List the records of a folder; none where the ledger is down."""
        return self._ask(doing, lambda: self.ledger.look(folder), default=Listing(0.0, {}))

    def _ask(self, doing: str, call: Callable[[], Answer], default: Answer) -> Answer:
        """Make a call to the ledger; once it is down, none more for this upload."""
        if self.is_down:
            return default
        try:
            return call()
        except StoreUnavailable as exc:
            self.is_down = True
            self._warn("ledger.unavailable", skipped=doing, error=str(exc))
            return default

    def _warn(self, event: str, **facts: Any) -> None:  # noqa: ANN401  (whatever JSON can hold)
        self.warn(event, v=1, bucket=self.upload.bucket, key=self.upload.key, **facts)
