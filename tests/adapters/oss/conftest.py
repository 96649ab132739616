"""The fixtures of the tests of the OSS adapter: a server, its owner's clients, and the role's store."""

from collections.abc import Callable, Iterator
from typing import Any

import oss2
import pytest

from handler.adapters.oss.network import OssSession
from handler.adapters.oss.store import OssStore
from handler.credentials import Credentials
from handler.meter import Meter
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Bystander, Identity
from tests.adapters.oss.oss_world import BUCKETS, OWNER, REGION, ROLE, Connect, Script


@pytest.fixture(scope="module")
def running() -> Iterator[OssServer]:
    """One server for all tests of the module."""
    with OssServer([OWNER, ROLE]) as server:
        yield server


@pytest.fixture
def server(running: OssServer) -> OssServer:
    """Empty buckets: plain, versioned, suspended, and the quarantine."""
    running.reset()
    running.observer = Bystander()
    running.add_identity(ROLE)
    for name in BUCKETS:
        running.create_bucket(name, versioned=name == "versions")
    return running


@pytest.fixture
def script(server: OssServer) -> Script:
    """Watches the role's calls."""
    script = Script()
    server.observer = script
    return script


@pytest.fixture(scope="module")
def owner(running: OssServer) -> Callable[[str], oss2.Bucket]:
    """The owner's own clients, which no script watches."""
    keys = oss2.credentials.StaticCredentialsProvider(OWNER.access_key_id, OWNER.access_key_secret)
    session = OssSession()

    def bucket(name: str) -> oss2.Bucket:
        return oss2.Bucket(
            oss2.ProviderAuthV4(keys), running.endpoint, name, session=session, region=REGION, is_path_style=True
        )

    return bucket


@pytest.fixture
def meter() -> Meter:
    """A count that starts at nothing."""
    return Meter()


@pytest.fixture
def connect(server: OssServer, meter: Meter) -> Connect:
    """A maker of stores, the role's unless told otherwise."""

    def make(identity: Identity = ROLE, **changes: Any) -> OssStore:  # noqa: ANN401  (any setting of it)
        keys = Credentials(identity.access_key_id, identity.access_key_secret, identity.security_token or "")
        usual = {"endpoint": server.endpoint, "public_endpoint": server.endpoint, "region": REGION, "meter": meter}
        return OssStore(keys, **{**usual, "sleep": lambda _: None, **changes})

    return make


@pytest.fixture
def store(connect: Connect, script: Script) -> OssStore:
    """The role's store, watched."""
    del script
    return connect()
