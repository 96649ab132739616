"""The count of wire calls made for the upload under way."""

from dataclasses import dataclass, field

from handler.model import Calls, RequestIds


@dataclass(slots=True)
class Meter:
    """Filled by the adapters, one count for each request sent; an instance serves one upload at a time."""

    oss: int = 0
    green: int = 0
    billed: int = 0
    oss_request_ids: list[str] = field(default_factory=list)
    green_request_ids: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Begin the count of the next upload."""
        self.oss = self.green = self.billed = 0
        self.oss_request_ids = []
        self.green_request_ids = []

    def calls(self) -> Calls:
        """Return the calls counted so far."""
        return Calls(oss=self.oss, green=self.green, billed=self.billed)

    def request_ids(self, fc: str) -> RequestIds:
        """Return the ids of the answers so far."""
        return RequestIds(fc=fc, oss=tuple(self.oss_request_ids), green=tuple(self.green_request_ids))
