"""The cloud of these tests with a ledger: its records, their age, and a function that is killed."""

import json
from datetime import timedelta
from typing import Any

import oss2
import pytest

from handler.adapters.green import GreenModerator
from handler.adapters.oss.connection import MeteredSession
from handler.upload.records import ROOT, VERSIONS
from tests.end_to_end.warden_cloud import Document, Record, WardenCloud


class Killed(BaseException):
    """The function was killed: nothing of it runs any more."""


class Ledgered:
    """A cloud whose function keeps a ledger, and may be killed after any of its wire calls."""

    def __init__(self, cloud: WardenCloud) -> None:
        self.cloud = cloud
        self.kill_after = 0
        self._billed_before = cloud.green.billed

    @property
    def billed(self) -> int:
        """The calls that were paid in this test."""
        return self.cloud.green.billed - self._billed_before

    def records(self) -> dict[str, Any]:
        """Every record of uploads by its name, as JSON; the folder's name is left out."""
        return {key.rpartition("/")[2]: json.loads(self.cloud.body("ledger", key)) for key in self._keys()}

    def folder(self) -> str:
        """The one folder of the ledger."""
        (folder,) = {key.rpartition("/")[0] + "/" for key in self._keys()}
        return folder

    def _keys(self) -> list[str]:
        """The names of all records but of what was taken and released."""
        return [key for key in self.cloud.keys("ledger") if key.startswith(ROOT) and not key.startswith(VERSIONS)]

    def write(self, name: str, body: bytes) -> None:
        """Write a record as somebody else might."""
        self.cloud.bucket("ledger").put_object(self.folder() + name, body)

    def age(self, **by: float) -> None:
        """Make every record older (timedelta's arguments)."""
        for key, versions in self.cloud.oss._store.iterate("ledger"):  # noqa: SLF001  (no request can do this)
            del key
            for version in versions:
                version.last_modified -= timedelta(**by)

    def deliver(self, *records: Record, kill_after: int = 0, **how: Any) -> list[Document] | None:  # noqa: ANN401
        """Deliver, killing the function right after the effect of that wire call (counted from 1); None if killed."""
        self.cloud.watcher.calls.clear()
        self.kill_after = kill_after
        try:
            return self.cloud.deliver(*records, **how)
        except Killed:
            self.cloud.drop_clients()
            return None
        finally:
            self.kill_after = 0

    @property
    def is_killed(self) -> bool:
        """Whether the call at which the function dies was made."""
        return 0 < self.kill_after <= len(self.cloud.watcher.calls)


@pytest.fixture
def ledgered(cloud: WardenCloud, monkeypatch: pytest.MonkeyPatch) -> Ledgered:
    """The function is started with a ledger."""
    cloud.oss.create_bucket("ledger")
    cloud.start(LEDGER_BUCKET="ledger")
    cloud.watcher.calls.clear()
    ledgered = Ledgered(cloud)
    send, judge = MeteredSession.do_request, GreenModerator.judge

    def die_after(call: Any) -> Any:  # noqa: ANN401
        def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if ledgered.is_killed:
                raise Killed
            answer = None
            try:
                answer = call(*args, **kwargs)
            finally:
                if ledgered.is_killed:
                    if isinstance(answer, oss2.http.Response):
                        answer.response.close()
                    raise Killed
            return answer

        return run

    monkeypatch.setattr(MeteredSession, "do_request", die_after(send))
    monkeypatch.setattr(GreenModerator, "judge", die_after(judge))
    return ledgered
