"""What Function Compute's refusals mean, by the real SDK over real sockets."""

from collections.abc import Iterator

import pytest
from alibabacloud_fc20230330.models import GetFunctionRequest

from handler.credentials import Credentials
from scripts.localcloud.wire import Fault, Identity
from scripts.services.function_compute import FunctionClient, Refused, Unanswered
from tests.services.function_api import Api, open_api

OPERATOR = Identity("LTAIoperator", "operator-secret", security_token="the/token=")
KEYS = Credentials("LTAIoperator", "operator-secret", "the/token=")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A running Function Compute."""
    with open_api(monkeypatch, OPERATOR) as api:
        yield api


def look(api: Api, *, keys: Credentials = KEYS, function: str = "bucket-warden") -> str:
    """Ask for the function; its name as it is told."""
    client = FunctionClient(keys, endpoint=api.server.endpoint, region="ap-southeast-1", function=function)
    request = GetFunctionRequest()
    answer = client.call(
        "fc:GetFunction", lambda sdk, name, runtime: sdk.get_function_with_options(name, request, {}, runtime)
    )
    return str(answer.body.function_name)


def test_a_call_with_a_token_is_answered(api: Api) -> None:
    """The signature is checked, over path and token."""
    assert look(api) == "bucket-warden"


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "AccessDenied", "the keys need fc:GetFunction on the function 'bucket-warden', and --account has to be"),
        (403, "NoPermission", "the keys need fc:GetFunction"),
        (403, "Something", "the keys need fc:GetFunction"),
        (403, "SignatureNotMatch", "the credentials are wrong"),
        (404, "InvalidAccessKeyId.NotFound", "the key is unknown or disabled"),
        (400, "InvalidSecurityToken.Expired", "the token has run out"),
        (400, "InvalidSecurityToken.New", "the keys or their token are wrong or expired"),
        (400, "InvalidTimeStamp.Expired", "the clock of the caller is more than 15 minutes off"),
        (404, "FunctionNotFound", "there is no function 'bucket-warden' in this region of this account"),
        (429, "ResourceExhausted", "too many calls at once"),
        (400, "Throttling.User", "too many calls at once"),
        (503, "ResourceThrottled", "too many calls at once"),
    ],
)
def test_a_refusal_names_its_cause(api: Api, status: int, code: str, said: str) -> None:
    """The code, the status, and what to mend; whichever of the vendor's tables the code is of."""
    api.spoiler.fault = Fault(status=status, code=code)
    with pytest.raises(Refused) as caught:
        look(api)
    assert str(caught.value).startswith(f"Function Compute says {code} (HTTP {status}): ")
    assert said in str(caught.value)
    assert (caught.value.code, caught.value.status) == (code, status)
    assert caught.value.is_absence == (code == "FunctionNotFound")


def test_a_refusal_that_nobody_knows_is_repeated_and_no_more(api: Api) -> None:
    """No guess at a cause."""
    api.spoiler.fault = Fault(status=500, code="InternalServerError")
    with pytest.raises(Refused, match=r"^Function Compute says InternalServerError \(HTTP 500\)$"):
        look(api)


def test_words_of_a_stranger_are_not_repeated(api: Api) -> None:
    """A code that is none may hold what was sent."""
    api.spoiler.fault = Fault(status=403, code="no right for key LTAIoperator\n")
    with pytest.raises(Refused, match="an unreadable code") as caught:
        look(api)
    assert "LTAI" not in str(caught.value)


def test_wrong_keys_and_unknown_functions(api: Api) -> None:
    """As the stand-in itself refuses them."""
    with pytest.raises(Refused, match="the credentials are wrong"):
        look(api, keys=Credentials("LTAIoperator", "another", "the/token="))
    with pytest.raises(Refused, match="there is no function 'other'") as caught:
        look(api, function="other")
    assert caught.value.is_absence


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(drop="before"), "the connection broke off"),
        (Fault(drop="after"), "the connection broke off"),
        (Fault(garbage=True), "no readable answer of Function Compute"),
    ],
)
def test_no_answer_may_be_one_that_was_lost(api: Api, fault: Fault, said: str) -> None:
    """What left this machine may have been done."""
    api.spoiler.fault = fault
    with pytest.raises(Unanswered, match=said) as caught:
        look(api)
    assert caught.value.may_be_done


def test_what_never_left_was_not_done(api: Api) -> None:
    """Nobody listens there any more."""
    api.server.stop()
    with pytest.raises(Unanswered, match="nothing listens there") as caught:
        look(api)
    assert not caught.value.may_be_done
