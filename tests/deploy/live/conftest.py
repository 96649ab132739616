"""An account that is right, and all services in it, until a test says otherwise."""

from collections.abc import Iterator

import pytest

from scripts.localcloud.cloud import APPLICATION, REGION, SERVICE_ROLE, see_no_risk
from scripts.localcloud.fc.api import FunctionApi
from scripts.localcloud.green.fetch import OssFetch
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.oss.server import OssServer
from tests.deploy.checkout import Checkout
from tests.deploy.live.accounts import Account
from tests.deploy.live.storages import Storage
from tests.services.function_api import Recorder
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


@pytest.fixture
def account(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Reached by the endpoints of the template. No image is there yet, and no rights are in a folder."""
    with (
        OssServer([APPLICATION, SERVICE_ROLE], region=REGION) as oss,
        GreenServer(
            [APPLICATION], fetch=OssFetch(oss.endpoint, REGION, SERVICE_ROLE), eyes=see_no_risk, region=REGION
        ) as green,
        FunctionApi([APPLICATION], compute=Recorder(), deployed=None) as fc,
    ):
        monkeypatch.setenv("FC_ENDPOINT", fc.endpoint)
        for name in ("uploads", "quarantine", "ledger"):
            oss.create_bucket(name, versioned=name == "uploads")
        account = Account(oss, green, fc, checkout)
        account.deploy()
        account.apply_lifecycles()
        yield account


@pytest.fixture
def storage(account: Account) -> Storage:
    """With an image, and the rights for it."""
    storage = Storage(account.oss, account.green, account.fc, account.checkout)
    storage.upload()
    storage.write_rights("--versioned", "uploads")
    return storage
