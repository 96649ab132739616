"""Fixtures of the tests of the OSS stand-in: one server for a module, emptied before each test, and real clients."""

from collections.abc import Iterator

import oss2
import pytest

from handler.adapters.oss.network import OssSession
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Bystander, Identity
from tests.localcloud.oss.oss_clients import OWNER, Connect, Events, auth_of, close_session


@pytest.fixture(scope="module")
def _running() -> Iterator[tuple[OssServer, Events]]:
    events: Events = []
    with OssServer([OWNER], on_event=events.append) as server:
        yield server, events


@pytest.fixture
def server(_running: tuple[OssServer, Events]) -> OssServer:
    """A server with two empty buckets: `uploads`, and `versions` whose versioning is enabled."""
    server, events = _running
    server.reset()
    server.observer = Bystander()
    server.add_identity(OWNER)
    server.create_bucket("uploads")
    server.create_bucket("versions", versioned=True)
    events.clear()
    return server


@pytest.fixture
def events(_running: tuple[OssServer, Events], server: OssServer) -> Events:
    """The trigger records of this test, in order."""
    del server
    return _running[1]


@pytest.fixture
def connect(server: OssServer) -> Iterator[Connect]:
    """A maker of oss2 clients: the owner's on `uploads`, unless told otherwise."""
    sessions: list[oss2.Session] = []

    def make(name: str = "uploads", identity: Identity = OWNER, region: str = "ap-southeast-1") -> oss2.Bucket:
        sessions.append(OssSession())
        return oss2.Bucket(
            auth_of(identity), server.endpoint, name, session=sessions[-1], region=region, is_path_style=True
        )

    yield make
    for session in sessions:
        close_session(session)


@pytest.fixture
def bucket(connect: Connect) -> oss2.Bucket:
    """The owner's client on the bucket without versioning."""
    return connect()


@pytest.fixture
def versions(connect: Connect) -> oss2.Bucket:
    """The owner's client on the versioned bucket."""
    return connect("versions")
