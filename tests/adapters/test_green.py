"""Content Moderation's adapter: the real SDK over a real socket against the stand-in."""

import inspect
import io
import json
import math
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import alibabacloud_tea_openapi.client
import alibabacloud_tea_openapi.exceptions
import darabonba.exceptions
import pytest
import Tea.exceptions
from darabonba.policy.retry import RetryPolicyContext
from PIL import Image

from handler.adapters.green import GreenModerator, data_id
from handler.credentials import Credentials
from handler.errors import FailureKind, NoVerdict, OperatorError, WardenError
from handler.meter import Meter
from handler.model import Finding, Upload, Verdict
from scripts.localcloud.green.answer import Answer, Asked
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.wire import Bystander, Fault, Identity, WireCall

SERVICE = "postImageCheckByVL_global"
ROLE = Identity("STS.role-id", "role-secret", "role+token/with=signs")
SECRETS = (
    ROLE.access_key_id,
    ROLE.access_key_secret,
    str(ROLE.security_token),
    "url-secret",
    "Signature=",
    "ACS3-HMAC",
)
URL = "https://uploads.oss.example.com/a.jpg?x-oss-signature=url-secret"
UPLOAD = Upload(
    bucket="uploads",
    key="a.jpg",
    etag="E1",
    version_id=None,
    size_bytes=5,
    content_type="image/jpeg",
    region="ap-southeast-1",
    event_name="ObjectCreated:PutObject",
    uploaded_at="2022-08-13T06:45:43.000Z",
    request_id="58F9FF2D3DF792092E12044C",
)
KNOWN = {
    401: FailureKind.REJECTED,
    402: FailureKind.REJECTED,
    403: FailureKind.UNAVAILABLE,
    404: FailureKind.UNREADABLE,
    405: FailureKind.UNREADABLE,
    406: FailureKind.TOO_LARGE,
    407: FailureKind.UNSUPPORTED,
    500: FailureKind.UNAVAILABLE,
}
GOOD = {"Label": "violent_gun", "Confidence": 81.22, "RiskLevel": "high", "Description": "a gun"}


def picture() -> bytes:
    """An image that the service takes."""
    written = io.BytesIO()
    Image.new("RGB", (200, 200)).save(written, "PNG")
    return written.getvalue()


PICTURE = picture()


class Service(Bystander):
    """What the stand-in is told to answer, or to spoil; it notes what it was asked."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Say that nothing was found, and forget what was asked."""
        self.answer = Answer(findings=(Finding("nonLabel", risk="none"),), risk="none")
        self.fault: Fault | None = None
        self.asked: list[Asked] = []
        self.heard = 0

    def before(self, call: WireCall) -> Fault | None:
        """Spoil the call, if told so."""
        del call
        self.heard += 1
        return self.fault

    def look(self, image: bytes, asked: Asked) -> Answer:
        """Be the eyes."""
        assert image == PICTURE
        self.asked.append(asked)
        return self.answer

    def body(self, data: object, **others: object) -> None:
        """Answer with these data, whatever they are."""
        body = {"Code": 200, "Msg": "OK", "RequestId": "R-1", "Data": data, **others}
        # As bytes: Python's JSON writes NaN, which the stand-in's own check might not.
        self.answer = Answer(body=json.dumps(body).encode())


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[GreenServer, Service]]:
    """One server for all tests of the module."""
    service = Service()
    server = GreenServer(
        [ROLE],
        fetch=lambda bucket, key, region: PICTURE if (bucket, region) == ("uploads", "ap-southeast-1") and key else b"",
        eyes=service.look,
        observer=service,
        qps=10_000,
    )
    with server:
        yield server, service


@pytest.fixture
def service(running: tuple[GreenServer, Service]) -> Service:
    """The service in its usual mood."""
    _, service = running
    service.reset()
    return service


@pytest.fixture
def meter() -> Meter:
    """A count that starts at nothing."""
    return Meter()


@pytest.fixture
def moderator(running: tuple[GreenServer, Service], service: Service, meter: Meter) -> GreenModerator:
    """The adapter, with a role's temporary keys."""
    del service
    return connect(running[0].endpoint, meter)


ROLE_KEYS = Credentials(ROLE.access_key_id, ROLE.access_key_secret, str(ROLE.security_token))


def connect(endpoint: str, meter: Meter, keys: Credentials = ROLE_KEYS, **changes: Any) -> GreenModerator:  # noqa: ANN401
    """An adapter on this endpoint, the role's unless told otherwise."""
    usual: dict[str, Any] = {
        "region": "ap-southeast-1",
        "service": SERVICE,
        "info_types": (),
        "referer": None,
        "meter": meter,
    }
    return GreenModerator(keys, endpoint=endpoint, **(usual | changes))


def judge(moderator: GreenModerator, url: str | None = None, timeout_s: float = 5.0) -> Verdict:
    """Ask about the usual upload."""
    return moderator.judge(UPLOAD, url=url, timeout_s=timeout_s)


def refusal(moderator: GreenModerator, timeout_s: float = 5.0) -> WardenError:
    """Why there is no verdict; checked for secrets, whatever the test is about."""
    with pytest.raises((NoVerdict, OperatorError)) as caught:
        judge(moderator, timeout_s=timeout_s)
    said = f"{caught.value} {caught.value!r}"
    assert not [secret for secret in SECRETS if secret in said]
    return caught.value


def kind_of(exc: WardenError) -> FailureKind:
    """The kind of a NoVerdict."""
    assert isinstance(exc, NoVerdict)
    return exc.kind


def test_verdict_is_what_the_service_said(moderator: GreenModerator, service: Service, meter: Meter) -> None:
    """Labels, confidences, risks and words arrive unchanged, with the ids that find them again."""
    service.answer = Answer(
        findings=(Finding("violent_gun", 81.22, "high", "a gun"), Finding("nonLabel", None, "none")), risk="medium"
    )
    verdict = judge(moderator)
    assert verdict.findings == service.answer.findings
    assert (verdict.service, verdict.risk, verdict.billed, verdict.ext) == (SERVICE, "medium", 1, None)
    assert verdict.data_id == UPLOAD.request_id
    assert meter.green_request_ids == [verdict.request_id] != [""]
    assert (meter.green, meter.billed, meter.oss) == (1, 1, 0)


def test_image_is_named_by_bucket_key_and_region(moderator: GreenModerator, service: Service) -> None:
    """The service reads straight from the bucket."""
    judge(moderator)
    assert service.asked == [
        Asked(SERVICE, bucket="uploads", key="a.jpg", region="ap-southeast-1", data_id=UPLOAD.request_id)
    ]


@pytest.mark.parametrize("key", ["a b+c%20.jpg", "图🎉.jpg", '"\\\n\x01', "a&b=c", "..", "?x", " ", "🎉" * 255])
def test_odd_keys_arrive_as_they_are(moderator: GreenModerator, service: Service, key: str) -> None:
    """Form, JSON and signature carry any key."""
    moderator.judge(
        Upload("uploads", key, "E", None, 5, None, "ap-southeast-1", "n", "t", "R"), url=None, timeout_s=5.0
    )
    assert service.asked[0].key == key


def test_image_is_named_by_url(moderator: GreenModerator, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signed URL stands in for the three names, never beside them."""
    monkeypatch.setattr("scripts.localcloud.green.server.fetch_url", lambda *_: PICTURE)
    judge(moderator, URL)
    assert service.asked == [Asked(SERVICE, url=URL, data_id=UPLOAD.request_id)]


def test_extra_information_and_referer_are_asked_for(
    running: tuple[GreenServer, Service], service: Service, meter: Meter
) -> None:
    """As the policy says; the extra information comes back as it is."""
    moderator = connect(running[0].endpoint, meter, info_types=("vlContent", "customImage"), referer="www.example.com")
    service.answer = Answer((Finding("nonLabel"),), "none", ext={"VlContent": {"OutputText": "a cat"}})
    assert judge(moderator).ext == {"VlContent": {"OutputText": "a cat"}}
    assert service.asked[0].info_types == ("vlContent", "customImage")
    assert service.asked[0].referer == "www.example.com"


def test_lasting_keys_need_no_token(running: tuple[GreenServer, Service], service: Service, meter: Meter) -> None:
    """A key pair without a token signs too."""
    running[0].add_identity(Identity("LTAIuser", "user-secret"))
    moderator = connect(running[0].endpoint, meter, Credentials("LTAIuser", "user-secret"))
    assert judge(moderator).findings == service.answer.findings


@pytest.mark.parametrize(
    ("request_id", "expected"),
    [
        ("58F9FF2D3DF792092E12044C", "58F9FF2D3DF792092E12044C"),
        ("a" * 64, "a" * 64),
        ("a" * 65, None),
        ("a b", None),
        ("", None),
        ("abc\n", None),
        ("é", None),
    ],
)
def test_data_id_is_always_one_that_the_service_takes(request_id: str, expected: str | None) -> None:
    """At most 64 letters, digits, `_`, `-` and `.`; what would be refused is hashed."""
    made = data_id(Upload("b", "k", "E", None, 1, None, "r", "n", "t", request_id))
    assert made == expected or (expected is None and len(made) == 64 and made.isalnum() and made.isascii())


@pytest.mark.parametrize(("code", "kind"), KNOWN.items())
def test_each_code_of_the_vendors_page_is_told_apart(
    moderator: GreenModerator, service: Service, meter: Meter, code: int, kind: FailureKind
) -> None:
    """Each refusal has its row in the policy's failures; none is paid for."""
    service.answer = Answer(code=code)
    exc = refusal(moderator)
    assert kind_of(exc) is kind
    assert f"code {code} (request " in str(exc)
    assert (meter.green, meter.billed, len(meter.green_request_ids)) == (1, 0, 1)


@pytest.mark.parametrize(("code", "hint"), [(400, "report this"), (408, "activate Image Moderation 2.0")])
def test_the_operators_codes_say_what_to_mend(
    moderator: GreenModerator, service: Service, code: int, hint: str
) -> None:
    """The account or our own request is at fault, never the object."""
    service.answer = Answer(code=code)
    exc = refusal(moderator)
    assert isinstance(exc, OperatorError)
    assert hint in str(exc)


@pytest.mark.parametrize("code", [0, -1, 201, 399, 409, 501, 592, 10**30])
def test_unlisted_code_is_the_services_fault(moderator: GreenModerator, service: Service, code: int) -> None:
    """A code that the page does not list may pass; it is no verdict."""
    service.body(None, Code=code)
    assert kind_of(refusal(moderator)) is FailureKind.UNAVAILABLE


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "Throttling"),
        (400, "Throttling.User"),
        (400, "Throttling.Api"),
        (429, "TooManyRequests"),
        (400, "QpsLimitExceeded"),
        (403, "FlowControl.User"),
        (408, "RequestTimeout"),
        (400, "SignatureNonceUsed"),
        (400, "SomethingNew"),
        (403, "RiskControl"),
        (404, "NoSuchRoute"),
        (409, "Conflict"),
        (418, "None"),
        (500, "InternalError"),
        (502, "BadGateway"),
        (503, "ServiceUnavailable"),
        (504, "GatewayTimeout"),
    ],
)
def test_http_trouble_that_passes_is_unavailable(
    moderator: GreenModerator, service: Service, meter: Meter, status: int, code: str
) -> None:
    """Too many requests, faults of theirs, and refusals that nobody documented: those may not last for ever."""
    service.fault = Fault(status=status, code=code)
    exc = refusal(moderator)
    assert kind_of(exc) is FailureKind.UNAVAILABLE
    assert f"HTTP {status} {code} (request {meter.green_request_ids[0]})" in str(exc)
    assert (meter.green, meter.billed) == (1, 0)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "InvalidAccessKeyId.NotFound"),
        (400, "SignatureDoesNotMatch"),
        (400, "MissingParameter"),
        (401, "Unauthorized"),
        (401, "SomethingNew"),
        (403, "Forbidden.RAM"),
        (403, "NoPermission"),
        (403, "Account.Arrearage"),
        (404, "InvalidAction.NotFound"),
    ],
)
def test_http_refusal_is_the_operators(moderator: GreenModerator, service: Service, status: int, code: str) -> None:
    """A wrong key, a missing right, no activation, another address."""
    service.fault = Fault(status=status, code=code)
    exc = refusal(moderator)
    assert isinstance(exc, OperatorError)
    assert f"HTTP {status} {code}" in str(exc)
    assert "yundun-greenweb:ImageModeration" in str(exc)


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        ("InvalidSecurityToken.Expired", "the keys are refused"),
        ("NoPermission", "a right is missing"),
        ("User.NotActivated", "activate Image Moderation 2.0"),
        ("InvalidAction.NotFound", "GREEN_ENDPOINT or GREEN_REGION leads elsewhere"),
        ("InvalidParameter", "look at `moderation` in the policy"),
    ],
)
def test_http_refusal_says_what_to_mend(moderator: GreenModerator, service: Service, code: str, mend: str) -> None:
    """By its kind, before the right that everybody needs."""
    service.fault = Fault(status=403, code=code)
    assert mend in str(refusal(moderator))


@pytest.mark.parametrize(("status", "code"), [(400, "Throttling.User"), (403, "QpsLimitExceeded"), (429, "None")])
def test_http_throttling_is_known_by_its_words(
    moderator: GreenModerator, service: Service, status: int, code: str
) -> None:
    """Whichever gateway says so, the next call waits its turn."""
    service.fault = Fault(status=status, code=code)
    exc = refusal(moderator)
    assert isinstance(exc, NoVerdict)
    assert exc.is_throttled


def test_role_without_the_right_is_the_operators(running: tuple[GreenServer, Service], meter: Meter) -> None:
    """As the service itself refuses it."""
    running[0].add_identity(Identity("LTAInothing", "s", rights=frozenset()))
    moderator = connect(running[0].endpoint, meter, Credentials("LTAInothing", "s"))
    assert isinstance(refusal(moderator), OperatorError)


@pytest.mark.parametrize(
    "fault",
    [Fault(garbage=True), Fault(drop="before"), Fault(drop="after"), Fault(delay_s=0.6)],
    ids=["garbage", "dropped unheard", "dropped unanswered", "too late"],
)
def test_no_answer_is_unavailable(moderator: GreenModerator, service: Service, meter: Meter, fault: Fault) -> None:
    """A dropped connection, no answer in time and an answer that is no JSON, each asked once."""
    service.fault = fault
    exc = refusal(moderator, timeout_s=0.2)
    assert kind_of(exc) is FailureKind.UNAVAILABLE
    assert "no readable answer in time" in str(exc)
    assert (meter.green, meter.billed, service.heard) == (1, 0, 1)


def test_nobody_listening_is_unavailable(meter: Meter) -> None:
    """A refused connection may be theirs or the network's; it passes."""
    with GreenServer([ROLE], fetch=lambda *_: PICTURE, eyes=lambda *_: Answer()) as closed:
        endpoint = closed.endpoint
    assert kind_of(refusal(connect(endpoint, meter))) is FailureKind.UNAVAILABLE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"{}",
        b'{"Code": "200"}',
        b'{"Code": null}',
        b'{"Code": true}',
        b'{"Code": 200.5}',
        b'{"Code": 200, "RequestId": 5}',
        b"[" * 100_000,
    ],
)
def test_body_of_another_shape_is_unavailable(
    moderator: GreenModerator, service: Service, meter: Meter, body: bytes
) -> None:
    """Whatever some proxy sends with a 200 is no verdict, and breaks nothing."""
    service.answer = Answer(body=body)
    assert kind_of(refusal(moderator)) is FailureKind.UNAVAILABLE
    assert meter.billed == 0


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {"Result": None},
        {"Result": []},
        {"Result": {}},
        {"Result": "text"},
        {"Result": [None]},
        {"Result": [[]]},
        {"Result": [{}]},
        {"Result": [{**GOOD, "Label": ""}]},
        {"Result": [{**GOOD, "Label": None}]},
        {"Result": [{**GOOD, "Label": 7}]},
        {"Result": [{**GOOD, "Confidence": "81.22"}]},
        {"Result": [{**GOOD, "Confidence": True}]},
        {"Result": [{**GOOD, "Confidence": 10**400}]},
        {"Result": [{**GOOD, "Confidence": [81]}]},
        {"Result": [{**GOOD, "RiskLevel": 3}]},
        {"Result": [{**GOOD, "Description": {}}]},
        {"Result": [GOOD, {}]},
        {"Result": [GOOD], "RiskLevel": 3},
        {"Result": [GOOD], "DataId": 3},
        {"Result": [GOOD], "Ext": "text"},
    ],
    ids=lambda data: json.dumps(data)[:60],
)
def test_200_without_a_readable_verdict_is_none_and_paid(
    moderator: GreenModerator, service: Service, meter: Meter, data: object
) -> None:
    """Missing data, no findings and wrong types are no verdict, never a pass; the 200 is billed all the same."""
    service.body(data)
    exc = refusal(moderator)
    assert kind_of(exc) is FailureKind.UNAVAILABLE
    assert "something else than a verdict" in str(exc)
    assert (meter.green, meter.billed, meter.green_request_ids) == (1, 1, ["R-1"])


@pytest.mark.parametrize(
    ("confidence", "known"),
    [
        (0, 0.0),
        (0.0, 0.0),
        (100, 100.0),
        (100.0, 100.0),
        (81.22, 81.22),
        (None, None),
        (-0.01, None),
        (100.01, None),
        (10**300, None),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
    ],
)
def test_confidence_outside_its_range_is_unknown(
    moderator: GreenModerator, service: Service, confidence: float | None, known: float | None
) -> None:
    """0 to 100, or nothing: unknown never helps an uploader."""
    service.body({"Result": [{**GOOD, "Confidence": confidence}]})
    [finding] = judge(moderator).findings
    assert finding == Finding("violent_gun", known, "high", "a gun")


def test_what_the_answer_lacks_or_adds_is_no_matter(moderator: GreenModerator, service: Service) -> None:
    """Risk, description, data id and message may be missing, a field may be new."""
    service.body({"Result": [{"Label": "new_label", "Later": 1}], "Later": []}, Msg=None, Later={})
    verdict = judge(moderator)
    assert verdict.findings == (Finding("new_label"),)
    assert (verdict.risk, verdict.data_id, verdict.request_id) == (None, UPLOAD.request_id, "R-1")


def test_answer_without_a_request_id_is_still_a_verdict(
    moderator: GreenModerator, service: Service, meter: Meter
) -> None:
    """The id is for the vendor's console only; none is made up."""
    service.answer = Answer(body={"Code": 200, "Data": {"Result": [GOOD]}})
    assert judge(moderator).request_id == ""
    assert meter.green_request_ids == []


def test_every_paid_call_of_an_upload_is_counted(moderator: GreenModerator, service: Service, meter: Meter) -> None:
    """A paid answer that could not be read and the one that could make two."""
    service.body(None)
    refusal(moderator)
    service.body({"Result": [GOOD]})
    assert judge(moderator).billed == 2
    assert (meter.green, meter.billed) == (2, 2)


def test_latency_is_measured_on_the_given_clock(running: tuple[GreenServer, Service], service: Service) -> None:
    """From question to answer, in milliseconds."""
    del service
    ticks = iter([10.0, 10.3])
    moderator = connect(running[0].endpoint, Meter(), clock=lambda: next(ticks))
    assert judge(moderator).latency_ms == 300


def walk(*modules: ModuleType) -> list[type[Exception]]:
    """Every exception class of these modules."""
    found = {
        made
        for module in modules
        for _, made in inspect.getmembers(module, inspect.isclass)
        if issubclass(made, Exception)
    }
    return sorted(found, key=lambda made: (made.__module__, made.__name__))


def unretryable(made: type[Exception]) -> Exception:
    """The SDK's wrapper, of either of the two packages that have one."""
    cause = ValueError("role-secret")
    wrapped = RetryPolicyContext(exception=cause)
    return made(wrapped) if made is darabonba.exceptions.UnretryableException else made(None, cause)


SDK_ERRORS = walk(alibabacloud_tea_openapi.exceptions, darabonba.exceptions, Tea.exceptions)
REFUSALS: dict[str, Callable[[type[Exception]], Exception]] = {
    "ResponseException": lambda made: made(status_code=403, code="Forbidden.RAM", message="role-secret"),  # type: ignore[call-arg]
    "AlibabaCloudException": lambda made: made(status_code=403, code="Forbidden.RAM", message="role-secret"),  # type: ignore[call-arg]
    "ClientException": lambda made: made(code="InvalidCredentials", message="role-secret"),  # type: ignore[call-arg]
}
FAULTS: dict[str, Callable[[type[Exception]], Exception]] = {
    "ServerException": lambda made: made(status_code=503, code="ServiceUnavailable", message="role-secret"),  # type: ignore[call-arg]
    "ThrottlingException": lambda made: made(status_code=400, code="Slow", message="role-secret", retry_after=1),  # type: ignore[call-arg]
    "TeaException": lambda made: made({"message": "role-secret"}),
    "DaraException": lambda made: made({"message": "role-secret"}),
    "ValidateException": lambda made: made("role-secret"),
    "RequiredArgumentException": lambda made: made("role-secret"),
    "RetryError": lambda made: made.__new__(made, "role-secret"),
    "UnretryableException": unretryable,
}


@pytest.mark.parametrize("made", SDK_ERRORS, ids=lambda made: f"{made.__module__}.{made.__name__}")
def test_every_exception_of_the_sdk_is_mapped(
    moderator: GreenModerator, monkeypatch: pytest.MonkeyPatch, made: type[Exception]
) -> None:
    """Each class that the SDK has, wherever it is raised below the call; a new class fails here until it is placed."""
    assert made.__name__ in {**REFUSALS, **FAULTS}, f"{made} is new: say what it means"
    make = {**REFUSALS, **FAULTS}[made.__name__]

    def fail(*_: object) -> None:
        raise make(made)

    monkeypatch.setattr(alibabacloud_tea_openapi.client.DaraCore, "do_action", fail)
    exc = refusal(moderator)
    if made.__name__ in REFUSALS:
        assert isinstance(exc, OperatorError)
    else:
        assert kind_of(exc) is FailureKind.UNAVAILABLE


def test_walk_sees_the_sdks_exceptions() -> None:
    """The walk is of use only while it finds the classes that the adapter names."""
    names = {made.__name__ for made in SDK_ERRORS}
    assert {"ThrottlingException", "ResponseException", "UnretryableException"} <= names
