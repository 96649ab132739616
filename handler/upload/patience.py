"""How often one delivery asks the service again about one upload.

An upload that keeps failing must not hold an instance that others wait for, nor be paid for again and again: the next
delivery comes later, when the trouble may be over.
"""

from dataclasses import dataclass

from handler.errors import FailureKind, NoVerdict


@dataclass(slots=True)
class Patience:
    """Calls that one delivery may yet make for one upload, by what became of the last one.

    `unread`: whose answer nobody read, so that each may be billed. `unreadable`: in which the service could not read
    the object. `faulty`: answered with a fault of the service's own. A throttled call looked at nothing and is bound by
    time alone.
    """

    unread: int = 2
    unreadable: int = 3
    faulty: int = 5

    @property
    def is_used_up(self) -> bool:
        """Whether no call may be made any more, for each might be billed unread."""
        return self.unread <= 0

    def allows_another(self, failure: NoVerdict) -> bool:
        """Count that call; say whether another is worth it."""
        if failure.is_paid:
            # A changed answer of the vendor's must not become a bill: one paid try a delivery.
            return False
        if failure.may_be_paid:
            self.unread -= 1
            return self.unread > 0
        if failure.kind is FailureKind.UNREADABLE:
            self.unreadable -= 1
            return self.unreadable > 0
        if failure.kind is FailureKind.UNAVAILABLE and not failure.is_throttled:
            self.faulty -= 1
            return self.faulty > 0
        return failure.is_throttled
