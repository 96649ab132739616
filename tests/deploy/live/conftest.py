"""Stand-ins for services at which every examination of an account looks; right ones, until a test says otherwise."""

from collections.abc import Iterator

import pytest

from scripts.localcloud.cloud import APPLICATION
from tests.services.log_stand_in import LogStandIn, log_stand_in
from tests.services.queue_stand_in import QueueStandIn, queue_stand_in


@pytest.fixture(autouse=True)
def logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogStandIn]:
    """The Log Service, with the project and the logstore of the template."""
    with log_stand_in(APPLICATION, "warden-logs", "bucket-warden") as stand_in:
        monkeypatch.setenv("SLS_ENDPOINT", stand_in.endpoint)
        yield stand_in


@pytest.fixture(autouse=True)
def letters(monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueStandIn]:
    """The Message Service, with the queue of the template."""
    with queue_stand_in(APPLICATION, "bucket-warden-dead-letters") as stand_in:
        monkeypatch.setenv("MNS_ENDPOINT", stand_in.endpoint)
        yield stand_in
