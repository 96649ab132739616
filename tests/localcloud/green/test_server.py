"""The moderation stand-in, asked by the real SDK over real sockets."""

import json
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import oss2
import pytest
from alibabacloud_green20220302.client import Client
from alibabacloud_green20220302.models import ImageModerationRequest, ImageModerationResponseBody
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_openapi.utils import Utils
from darabonba.exceptions import UnretryableException
from darabonba.runtime import RuntimeOptions

from handler.model import Finding
from scripts.localcloud.eyes.script import load_script
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked
from scripts.localcloud.green.fetch import DownloadTimedOut, NotDownloaded, OssFetch
from scripts.localcloud.green.server import DEFAULT_SERVICE, GreenServer
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Fault, Identity, WireCall

RIGHT = ("yundun-greenweb:ImageModeration", "*")
OWNER = Identity("LTAI-owner", "owner secret")
LONG_LIVED = Identity("LTAI-key", "a secret", rights=frozenset({RIGHT}))
STS = Identity("STS.key", "another secret", security_token="CAIS/token+with=signs")
POWERLESS = Identity("LTAI-powerless", "its secret", rights=frozenset({("oss:GetObject", "uploads/*")}))
BUCKET = {"ossBucketName": "uploads", "ossObjectName": "a.png", "ossRegionId": "ap-southeast-1"}
FIREWORKS = Answer(
    findings=(
        Finding("violent_explosion", 81.2249, "high", "Fireworks content"),
        Finding("contraband_certificate_tii", risk="low", description="Text"),
    ),
    risk="high",
    ext={"VlContent": {"OutputText": "A rocket."}, "OcrResult": [{"Text": "boom"}]},
)


def png(width: int, height: int, tail: bytes = b"") -> bytes:
    """The header of a PNG of any size, without its pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + tail


class Bucketful:
    """A Fetch that has its objects in memory, and raises those that are exceptions."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes | Exception] = {"a.png": png(300, 300)}

    def __call__(self, bucket: str, key: str, region: str) -> bytes:
        """The object of that key."""
        del bucket, region
        found = self.objects.get(key, NotDownloaded("no such key"))
        if isinstance(found, Exception):
            raise found
        return found


class Watcher:
    """An Observer that spoils each call by `fault` and notes what it saw."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.before_calls: list[WireCall] = []
        self.after_statuses: list[int] = []

    def before(self, call: WireCall) -> Fault | None:
        """Spoil the call."""
        self.before_calls.append(call)
        return self.fault

    def after(self, call: WireCall, status: int) -> None:
        """Note the status."""
        assert call == self.before_calls[-1]
        self.after_statuses.append(status)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """The seconds."""
        return self.now_s


class Cloud:
    """The stand-in, with everything about it in the test's hands."""

    def __init__(self) -> None:
        self.fetch = Bucketful()
        self.watcher = Watcher()
        self.clock = Clock()
        self.seen: list[tuple[bytes, Asked]] = []
        self.answer: Answer | Exception = HARMLESS
        self.server = GreenServer(
            [LONG_LIVED, STS, POWERLESS],
            fetch=self.fetch,
            eyes=self.look,
            observer=self.watcher,
            clock=self.clock,
            services=[DEFAULT_SERVICE, "postImageCheckByVL_copy1"],
        )

    def look(self, image: bytes, asked: Asked) -> Answer:
        """The eyes."""
        self.seen.append((image, asked))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def ask(
        self, parameters: object = None, *, identity: Identity = LONG_LIVED, service: str | None = DEFAULT_SERVICE
    ) -> ImageModerationResponseBody:
        """One call by the SDK; parameters that are text are sent as they are."""
        endpoint = self.server.endpoint.removeprefix("http://")
        config = Config(
            access_key_id=identity.access_key_id,
            access_key_secret=identity.access_key_secret,
            security_token=identity.security_token,
            protocol="HTTP",
            endpoint=endpoint,
        )
        text = parameters if isinstance(parameters, str) else json.dumps(BUCKET if parameters is None else parameters)
        request = ImageModerationRequest(service=service, service_parameters=text)
        runtime = RuntimeOptions(autoretry=False, read_timeout=5000)
        return Client(config).image_moderation_with_options(request, runtime).body

    def code(self, parameters: object = None, *, service: str | None = DEFAULT_SERVICE) -> int:
        """The code of one call."""
        code = self.ask(parameters, service=service).code
        assert isinstance(code, int)
        return code


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A running stand-in."""
    cloud = Cloud()
    with cloud.server:
        yield cloud


def test_a_verdict_has_the_documented_form(cloud: Cloud) -> None:
    """Findings, overall risk and the data id come back as the vendor documents, and no more."""
    cloud.answer = FIREWORKS
    body = cloud.ask({**BUCKET, "dataId": "img-1_2.3"}).to_map()
    assert body.pop("RequestId")
    assert body == {
        "Code": 200,
        "Msg": "OK",
        "Data": {
            "DataId": "img-1_2.3",
            "RiskLevel": "high",
            "Result": [
                {
                    "Label": "violent_explosion",
                    "Confidence": 81.22,
                    "Description": "Fireworks content",
                    "RiskLevel": "high",
                },
                {"Label": "contraband_certificate_tii", "Description": "Text", "RiskLevel": "low"},
            ],
        },
    }


def test_extra_information_is_given_only_where_asked_for(cloud: Cloud) -> None:
    """Of what the eyes know beside the verdict, only the info types in the request are sent."""
    cloud.answer = FIREWORKS
    ext = cloud.ask({**BUCKET, "infoType": "vlContent, customImage"}).data.ext
    assert ext.vl_content.output_text == "A rocket."
    assert not ext.ocr_result


def test_the_eyes_see_the_bytes_and_what_was_asked(cloud: Cloud) -> None:
    """The eyes get the stored bytes and every parameter of the call."""
    cloud.fetch.objects["ü /+%2B?.png"] = png(7, 9)
    cloud.ask({**BUCKET, "ossObjectName": "ü /+%2B?.png", "dataId": "d", "referer": "r", "infoType": "vlContent"})
    asked = Asked(
        DEFAULT_SERVICE,
        "uploads",
        "ü /+%2B?.png",
        "ap-southeast-1",
        data_id="d",
        referer="r",
        info_types=("vlContent",),
    )
    assert cloud.seen == [(png(7, 9), asked)]


def test_eyes_can_be_replaced_while_it_runs(cloud: Cloud) -> None:
    """The next call is judged by the new eyes."""
    assert cloud.ask().data.risk_level == "none"
    cloud.server.eyes = lambda _image, _asked: FIREWORKS
    assert cloud.ask().data.risk_level == "high"


@pytest.mark.parametrize("identity", [LONG_LIVED, STS], ids=["long-lived key", "STS"])
def test_signed_calls_are_accepted(cloud: Cloud, identity: Identity) -> None:
    """A call signed with a key is served, with and without a security token."""
    assert cloud.ask(identity=identity).code == 200
    assert cloud.server.calls[0].access_key_id == identity.access_key_id


@pytest.mark.parametrize(
    ("identity", "status", "code"),
    [
        (Identity("LTAI-key", "wrong"), 400, "SignatureDoesNotMatch"),
        (Identity("LTAI-unknown", "a secret"), 404, "InvalidAccessKeyId.NotFound"),
        (Identity("STS.key", "another secret"), 400, "MissingSecurityToken"),
        (Identity("STS.key", "another secret", "stale"), 400, "InvalidSecurityToken.MismatchWithAccessKey"),
        (POWERLESS, 403, "NoPermission"),
    ],
    ids=["wrong secret", "unknown key", "no token", "wrong token", "no right"],
)
def test_who_may_not_call_is_refused(cloud: Cloud, identity: Identity, status: int, code: str) -> None:
    """A refusal at the door is an HTTP error with the vendor's code; it is recorded, not billed and not judged."""
    with pytest.raises(ClientException) as refused:
        cloud.ask(identity=identity)
    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert [(call.status, call.code, call.billed) for call in cloud.server.calls] == [(status, code, False)]
    assert cloud.seen == []
    assert cloud.watcher.before_calls == []


def test_a_token_can_expire_and_be_replaced(cloud: Cloud) -> None:
    """Once expired, a token is refused; the next one of the same role is served."""
    cloud.server.expire_identity("STS.key")
    with pytest.raises(ClientException) as refused:
        cloud.ask(identity=STS)
    assert refused.value.code == "InvalidSecurityToken.Expired"
    renewed = Identity("STS.key", "a newer secret", security_token="newer")
    cloud.server.add_identity(renewed)
    assert cloud.ask(identity=renewed).code == 200


def test_error_bodies_have_the_documented_fields(cloud: Cloud) -> None:
    """The body of an HTTP error names request, host, code and message."""
    with pytest.raises(ClientException) as refused:
        cloud.ask(identity=POWERLESS)
    assert sorted(refused.value.data) == ["Code", "HostId", "Message", "RequestId", "statusCode"]
    assert refused.value.data["HostId"] == "green-cip.ap-southeast-1.aliyuncs.com"
    assert refused.value.request_id == cloud.server.calls[0].request_id


def signed_headers(cloud: Cloud, body: bytes, **changes: str) -> dict[str, str]:
    """What the SDK would send; `changes` are made before signing, with dashes for underscores."""

    class Request:
        method = "POST"
        pathname = "/"
        query: dict[str, str] = {}  # noqa: RUF012  (the shape that the SDK's helper reads)
        headers: dict[str, str]

    request = Request()
    request.headers = {
        "host": cloud.server.endpoint.removeprefix("http://"),
        "x-acs-action": "ImageModeration",
        "x-acs-version": "2022-03-02",
        "x-acs-date": Utils.get_timestamp(),
        "x-acs-signature-nonce": "once",
        "x-acs-content-sha256": Utils.hash(body, "ACS3-HMAC-SHA256").hex(),
        "content-type": "application/x-www-form-urlencoded",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    digest = Utils.hash(body, "ACS3-HMAC-SHA256").hex()
    authorization = Utils.get_authorization(
        request, "ACS3-HMAC-SHA256", digest, LONG_LIVED.access_key_id, LONG_LIVED.access_key_secret
    )
    return {**request.headers, "Authorization": authorization}


def post(cloud: Cloud, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    """Send by hand what no SDK would."""
    connection = HTTPConnection(cloud.server.endpoint.removeprefix("http://"), timeout=5)
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


BODY = b"Service=postImageCheckByVL_global&ServiceParameters=" + json.dumps(BUCKET).encode()


def test_a_call_signed_by_hand_is_accepted(cloud: Cloud) -> None:
    """The requests of the tests below are right but for what each of them changes."""
    assert post(cloud, signed_headers(cloud, BODY), BODY)[1]["Code"] == 200


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"x_acs_date": "2020-01-01T00:00:00Z"}, 400, "InvalidTimeStamp.Expired"),
        ({"x_acs_date": "yesterday"}, 400, "InvalidTimeStamp.Format"),
        ({"x_acs_content_sha256": "0" * 64}, 400, "SignatureDoesNotMatch"),
        ({"x_acs_action": "TextModeration"}, 404, "InvalidAction.NotFound"),
        ({"x_acs_version": "2017-01-12"}, 404, "InvalidAction.NotFound"),
    ],
)
def test_a_wrong_header_is_refused_though_well_signed(
    cloud: Cloud, changes: dict[str, str], status: int, code: str
) -> None:
    """Date, digest, action and version are checked beside the signature."""
    answered, body = post(cloud, signed_headers(cloud, BODY, **changes), BODY)
    assert (answered, body["Code"]) == (status, code)


def test_a_body_changed_on_the_way_is_refused(cloud: Cloud) -> None:
    """The signature covers the body."""
    headers = signed_headers(cloud, BODY)
    assert post(cloud, headers, BODY.replace(b"a.png", b"b.png"))[1]["Code"] == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda headers: headers.pop("Authorization"),
        lambda headers: headers.update(Authorization="Basic abc"),
        lambda headers: headers.update({"x-acs-extra": "unsigned"}),
        lambda headers: headers.pop("content-type"),
    ],
    ids=["unsigned", "another scheme", "a header left out of the signature", "a signed header left out"],
)
def test_an_incomplete_signature_is_refused(cloud: Cloud, spoil: Callable[[dict[str, str]], object]) -> None:
    """What is signed and what is sent must agree."""
    headers = signed_headers(cloud, BODY)
    spoil(headers)
    status, body = post(cloud, headers, BODY)
    assert (status, body["Code"]) == (400, "IncompleteSignature")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("", 400),
        ({}, 400),
        ({"ossBucketName": "uploads", "ossObjectName": "a.png"}, 400),
        ({**BUCKET, "ossObjectName": ""}, 400),
        ({"imageUrl": ""}, 400),
        ("{", 401),
        ("[" * 100_000, 401),
        ("[]", 401),
        ({**BUCKET, "ossObjectName": 7}, 401),
        ({**BUCKET, "ossObjectName": "\ud83d"}, 401),
        ({**BUCKET, "imageUrl": "http://127.0.0.1/a.png"}, 401),
        ({"imageUrl": "ftp://127.0.0.1/a.png"}, 401),
        ({"imageUrl": "http://127.0.0.1/图.png"}, 401),
        ({**BUCKET, "dataId": "with space"}, 401),
        ({**BUCKET, "dataId": "d" * 65}, 402),
        ({**BUCKET, "referer": "r" * 257}, 402),
        ({"imageUrl": "http://127.0.0.1/" + "a" * 2032}, 402),
        ({**BUCKET, "dataId": "d" * 64, "referer": "r" * 256}, 200),
        ({"imageUrl": "http://127.0.0.1:1/" + "a" * 2029}, 404),
    ],
)
def test_parameters_are_checked_as_documented(cloud: Cloud, parameters: object, code: int) -> None:
    """Empty is 400, invalid 401, too long 402; at the limit it is none of them."""
    assert cloud.code(parameters) == code


@pytest.mark.parametrize(("service", "code"), [("", 400), ("postImageCheck", 401), ("postImageCheckByVL_copy1", 200)])
def test_only_known_services_are_served(cloud: Cloud, service: str, code: int) -> None:
    """The service must be the default one or one copied in the console."""
    assert cloud.code(service=service) == code


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (NotDownloaded("no right"), 404),
        (DownloadTimedOut("3 s"), 405),
        (png(16_384, 15_258), 200),
        (png(16_385, 1), 406),
        (png(1, 16_385), 406),
        (png(16_384, 15_259), 406),
        (png(1, 1, bytes(20 * 1024 * 1024 - 33)), 200),
        (png(1, 1, bytes(20 * 1024 * 1024 - 32)), 406),
        (b"", 407),
        (b"not an image", 407),
        (png(0, 5), 407),
        (RuntimeError("fetch broke"), 500),
    ],
    ids=range(12),
)
def test_the_image_is_held_to_the_limits(cloud: Cloud, found: bytes | Exception, code: int) -> None:
    """What cannot be had is 404 or 405, what is too large 406, what is no image 407."""
    cloud.fetch.objects["a.png"] = found
    assert cloud.code() == code
    assert len(cloud.seen) == (code == 200)


def test_an_object_that_is_not_there_is_404(cloud: Cloud) -> None:
    """The key is looked up as it is."""
    assert cloud.code({**BUCKET, "ossObjectName": "gone.png"}) == 404


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 405, 406, 407, 408, 500])
def test_every_code_can_be_answered_and_none_of_them_is_billed(cloud: Cloud, code: int) -> None:
    """The eyes can give any code of the vendor's; it comes without data, in an HTTP 200."""
    cloud.answer = Answer(code=code)
    body = cloud.ask()
    assert (body.code, body.data, bool(body.msg)) == (code, None, True)
    assert [(call.status, call.code, call.billed) for call in cloud.server.calls] == [(200, code, False)]
    assert cloud.server.billed == 0


def test_eyes_that_break_are_a_system_error(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    """An exception is answered with 500, and its traceback is logged."""
    cloud.answer = RuntimeError("no model")
    assert cloud.code() == 500
    assert "no model" in caplog.text


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(status=400, error="Throttling.User"), ClientException),
        (Answer(status=403, error="Forbidden"), ClientException),
        (Answer(status=503, error="ServiceUnavailable"), ServerException),
    ],
)
def test_http_errors_can_be_answered(cloud: Cloud, answer: Answer, kind: type[ClientException]) -> None:
    """The eyes can fail at the HTTP level; that is recorded by its code, and not billed."""
    cloud.answer = answer
    with pytest.raises(kind) as failed:
        cloud.ask()
    assert (failed.value.status_code, failed.value.code) == (answer.status, answer.error)
    assert [(call.status, call.code, call.billed) for call in cloud.server.calls] == [
        (answer.status, answer.error, False)
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"Code": 200, "Msg": "OK"},
        {"Code": 200, "Data": {"RiskLevel": "high"}},
        {"Code": "200", "Data": {"Result": [{"Label": 7, "Confidence": "high"}]}},
        ["no", "object"],
    ],
    ids=["no data", "no result", "wrong types", "no object"],
)
def test_bodies_of_any_shape_can_be_answered(cloud: Cloud, body: Any) -> None:  # noqa: ANN401
    """What the eyes give as a body goes out as it is, and is billed like any 200."""
    cloud.answer = Answer(body=body)
    sent = post(cloud, signed_headers(cloud, BODY), BODY)
    assert sent == (200, body)
    assert cloud.server.billed == 1


def test_a_raw_body_reaches_the_sdk(cloud: Cloud) -> None:
    """Bytes that are no JSON make the SDK raise, though the call was billed."""
    cloud.answer = Answer(body=b"\xff\x00 not json")
    with pytest.raises(UnretryableException):
        cloud.ask()
    assert cloud.server.billed == 1


def test_calls_are_billed_one_by_one(cloud: Cloud) -> None:
    """Each 200 counts, nothing else does."""
    for key in ("a.png", "gone.png", "a.png"):
        cloud.ask({**BUCKET, "ossObjectName": key})
    assert [call.billed for call in cloud.server.calls] == [True, False, True]
    assert cloud.server.billed == 2
    assert [call.asked.key for call in cloud.server.calls] == ["a.png", "gone.png", "a.png"]


def test_twenty_a_second_are_shared_by_all_callers(cloud: Cloud) -> None:
    """The bucket holds 20, whoever calls, refills at 20 a second, and what is beyond is code 403 and not billed."""
    codes = [cloud.ask(identity=(LONG_LIVED, STS)[turn % 2]).code for turn in range(21)]
    assert codes == [200] * 20 + [403]
    cloud.clock.now_s += 0.1
    assert [cloud.code() for _ in range(3)] == [200, 200, 403]
    cloud.clock.now_s += 60
    assert [cloud.code() for _ in range(21)] == [200] * 20 + [403]
    assert cloud.server.billed == 42


def test_a_burst_from_many_threads_is_counted_exactly(cloud: Cloud) -> None:
    """Of 32 calls at once, 20 are served and 12 throttled."""
    threads = [threading.Thread(target=cloud.ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = [call.code for call in cloud.server.calls]
    assert (codes.count(200), codes.count(403)) == (20, 12)


def test_a_rate_that_is_not_positive_is_refused() -> None:
    """No queries per second would mean that nobody is ever served."""
    with pytest.raises(ValueError, match="it must be above 0"):
        GreenServer([], fetch=Bucketful(), eyes=lambda _image, _asked: HARMLESS, qps=0)


def test_the_observer_sees_each_call_before_and_after(cloud: Cloud) -> None:
    """It learns what is asked, which right it takes, and how it ended."""
    cloud.ask()
    assert cloud.watcher.before_calls == [
        WireCall("green", "ImageModeration", (RIGHT,), "uploads", "a.png", None, "LTAI-key")
    ]
    assert cloud.watcher.after_statuses == [200]


def test_a_fault_can_answer_in_place_of_the_work(cloud: Cloud) -> None:
    """A status with a code is an HTTP error; nothing is judged or billed."""
    cloud.watcher.fault = Fault(delay_s=0.01, status=400, code="Throttling.User")
    with pytest.raises(ClientException) as throttled:
        cloud.ask()
    assert throttled.value.code == "Throttling.User"
    assert [(call.status, call.code) for call in cloud.server.calls] == [(400, "Throttling.User")]
    assert (cloud.seen, cloud.server.billed, cloud.watcher.after_statuses) == ([], 0, [])


def test_a_fault_can_send_garbage(cloud: Cloud) -> None:
    """A 200 that is not of the protocol makes the SDK raise; nothing is billed."""
    cloud.watcher.fault = Fault(garbage=True)
    with pytest.raises(UnretryableException):
        cloud.ask()
    assert (cloud.server.calls[0].code, cloud.seen, cloud.server.billed) == ("garbage", [], 0)


@pytest.mark.parametrize(("drop", "billed"), [("before", 0), ("after", 1)])
def test_a_fault_can_drop_the_connection(cloud: Cloud, drop: Any, billed: int) -> None:  # noqa: ANN401
    """Dropped before the work it costs nothing, dropped after it the verdict is paid for and lost."""
    cloud.watcher.fault = Fault(drop=drop)
    with pytest.raises(UnretryableException):
        cloud.ask()
    assert (len(cloud.seen), cloud.server.billed, len(cloud.watcher.after_statuses)) == (billed, billed, billed)
    cloud.watcher.fault = None
    assert cloud.code() == 200


def test_a_caller_that_gives_up_is_billed(cloud: Cloud) -> None:
    """The verdict that nobody waited for is paid for all the same, once the calls under way are settled."""
    looked, gave_up = threading.Event(), threading.Event()

    def look(_image: bytes, _asked: Asked) -> Answer:
        looked.set()
        gave_up.wait()
        return HARMLESS

    cloud.server.eyes = look
    connection = HTTPConnection(cloud.server.endpoint.removeprefix("http://"), timeout=5)
    connection.request("POST", "/", BODY, signed_headers(cloud, BODY))
    assert looked.wait(5)
    connection.close()
    assert cloud.server.billed == 0
    threading.Timer(0.05, gave_up.set).start()
    cloud.server.settle()
    assert cloud.server.billed == 1


def test_stopping_drops_calls_under_way(cloud: Cloud) -> None:
    """Whoever waits out a latency is cut off when the server stops."""
    looked = threading.Event()

    def look(_image: bytes, _asked: Asked) -> Answer:
        looked.set()
        return HARMLESS

    cloud.server.latency_ms = 60_000
    cloud.server.eyes = look
    connection = HTTPConnection(cloud.server.endpoint.removeprefix("http://"), timeout=5)
    connection.request("POST", "/", BODY, signed_headers(cloud, BODY))
    assert looked.wait(5)
    cloud.server.stop()
    with pytest.raises(ConnectionError):
        connection.getresponse()
    connection.close()


def test_an_upload_is_judged_where_it_lies(cloud: Cloud, tmp_path: Path) -> None:
    """OSS, the scanning role and a script together: by name, and by a URL that the uploader's side signed."""
    script = tmp_path / "verdicts.yaml"
    script.write_text("{v: 1, verdicts: [{key: a/*.png, verdict: {risk: high, findings: [{label: violent_gun}]}}]}")
    with OssServer([OWNER]) as oss:
        oss.create_bucket("uploads")
        fetch = OssFetch(oss.endpoint, "ap-southeast-1", OWNER)
        auth = oss2.AuthV4(OWNER.access_key_id, OWNER.access_key_secret)
        bucket = oss2.Bucket(auth, oss.endpoint, "uploads", region="ap-southeast-1", is_path_style=True)
        bucket.put_object("a/b c.png", png(300, 300))
        with GreenServer([LONG_LIVED], fetch=fetch, eyes=load_script(script)) as cloud.server:
            by_name = cloud.ask({**BUCKET, "ossObjectName": "a/b c.png"})
            by_url = cloud.ask({"imageUrl": bucket.sign_url("GET", "a/b c.png", 60)})
            assert cloud.code({**BUCKET, "ossObjectName": "gone.png"}) == 404
    assert [by_name.data.risk_level, by_url.data.risk_level] == ["high", "high"]


def test_a_verdict_may_say_nothing(cloud: Cloud) -> None:
    """Eyes without findings and risk give a 200 with an empty result and no risk."""
    cloud.answer = Answer()
    assert post(cloud, signed_headers(cloud, BODY), BODY)[1]["Data"] == {"Result": []}


def test_a_request_that_is_too_long_is_not_read(cloud: Cloud) -> None:
    """Over a megabyte is no call of this API."""
    connection = HTTPConnection(cloud.server.endpoint.removeprefix("http://"), timeout=5)
    connection.request("POST", "/", headers={"Content-Length": str(1024 * 1024 + 1)})
    assert connection.getresponse().status == 413
    connection.close()
    assert cloud.server.calls == []


def test_connections_are_kept_alive(cloud: Cloud) -> None:
    """Many calls go over one connection, as with the real service."""
    connection = HTTPConnection(cloud.server.endpoint.removeprefix("http://"), timeout=5)
    connection.connect()
    own_port = connection.sock.getsockname()[1]
    for _ in range(3):
        connection.request("POST", "/", BODY, signed_headers(cloud, BODY))
        assert json.loads(connection.getresponse().read())["Code"] == 200
        assert connection.sock.getsockname()[1] == own_port
    connection.close()


def test_a_server_that_is_stopped_answers_nobody(cloud: Cloud) -> None:
    """Connections that were open are closed too."""
    assert cloud.code() == 200
    cloud.server.stop()
    with pytest.raises(UnretryableException):
        cloud.ask()
