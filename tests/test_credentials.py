"""The keys that Function Compute hands over, and the count of what is done with them."""

from types import SimpleNamespace

import pytest

from handler.credentials import Credentials
from handler.errors import BadSettings
from handler.meter import Meter
from handler.model import Calls, RequestIds

ENV = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "env-id",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "env-secret",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "env-token",
}


def context(key_id: str | None, secret: str | None, token: str | None) -> SimpleNamespace:
    """A context as the python3.10 runtime has it."""
    return SimpleNamespace(
        credentials=SimpleNamespace(access_key_id=key_id, access_key_secret=secret, security_token=token)
    )


def test_context_comes_first() -> None:
    """On python3.10 the context has them, and the environment may be stale."""
    assert Credentials.find(context("id", "secret", "token"), ENV) == Credentials("id", "secret", "token")


@pytest.mark.parametrize("given", [SimpleNamespace(), SimpleNamespace(credentials=None), context(None, None, None)])
def test_environment_stands_in(given: SimpleNamespace) -> None:
    """On python3.12 the context has none."""
    assert Credentials.find(given, ENV) == Credentials("env-id", "env-secret", "env-token")


def test_key_and_token_are_never_mixed() -> None:
    """A key of the context without a token is not signed with the token of another key."""
    assert Credentials.find(context("id", "secret", None), ENV) == Credentials("id", "secret", "")


def test_function_without_a_role_is_told_so() -> None:
    """No keys anywhere: the initializer fails and says what to mend."""
    with pytest.raises(BadSettings, match=r"no credentials; give it a role"):
        Credentials.find(SimpleNamespace(), {"ALIBABA_CLOUD_ACCESS_KEY_ID": "id"})


def test_credentials_never_print() -> None:
    """Neither repr nor str shows a key, a secret or a token."""
    credentials = Credentials("the-id", "the-secret", "the-token")
    assert "the-" not in repr(credentials) + str(credentials)


def test_credentials_are_compared_by_value() -> None:
    """New keys make new clients; the same keys don't."""
    assert Credentials("a", "b", "c") in {Credentials("a", "b", "c"): 1}
    assert Credentials("a", "b", "d") not in {Credentials("a", "b", "c"): 1}


def test_meter_counts_one_upload_at_a_time() -> None:
    """A new upload starts from nothing, and what was handed out before does not change."""
    meter = Meter(oss=2, green=1, billed=1, oss_request_ids=["A", "B"], green_request_ids=["C"])
    calls, ids = meter.calls(), meter.request_ids("F")
    meter.start()
    assert calls == Calls(oss=2, green=1, billed=1)
    assert ids == RequestIds(fc="F", oss=("A", "B"), green=("C",))
    assert meter.calls() == Calls()
    assert meter.request_ids("") == RequestIds()
