"""What the tests of the OSS stand-in need to ask it with oss2."""

from collections.abc import Callable
from typing import Any

import oss2
import pytest

from scripts.localcloud.wire import Identity

OWNER = Identity("LTAIowner", "owner-secret", "sts/token+with=signs")

Events = list[dict[str, Any]]
Connect = Callable[..., oss2.Bucket]


def auth_of(identity: Identity) -> oss2.ProviderAuthV4:
    """Sign as somebody."""
    return oss2.ProviderAuthV4(
        oss2.credentials.StaticCredentialsProvider(
            identity.access_key_id, identity.access_key_secret, identity.security_token
        )
    )


def close_session(session: oss2.Session) -> None:
    """Close every socket of a session now.

    Session.close() leaves them to the garbage collector (urllib3 2), which may find the socket first and warn.
    """
    for adapter in session.session.adapters.values():
        pools = adapter.poolmanager.pools
        for pool in [pools[key] for key in pools.keys()]:  # noqa: SIM118 -- urllib3's container refuses to iterate
            pool.close()
    session.session.close()


def drained(result: Any) -> Any:  # noqa: ANN401 -- any of oss2's untyped results
    """Read what oss2 leaves unread of the answer to a copy or a completion, so that its connection is free again."""
    result.resp.read()
    return result


def refusal(act: Callable[[], object]) -> tuple[int, str]:
    """Give status and code with which OSS refuses."""
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        act()
    return refused.value.status, refused.value.code
