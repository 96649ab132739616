"""What is put off is not imported by the function, and is the real one for whoever uses it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from handler.adapters.imports import NEVER_USED, Later, put_off
from scripts.environment.making import ROOT
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Bystander, Fault, Identity, WireCall
from tests.adapters.test_green import PICTURE

ROLE = Identity("STS.role-id", "role-secret", "role-token")
# An SDK in small: each way in which the real ones import what they do not use.
SDK = """
import heavy
from heavy import Thing, twice
from heavy.inner import NUMBER
from heavy import inner
def look(thing: heavy.Thing) -> None: ...
def late(): return heavy.Thing(), inner.NUMBER
"""
HEAVY = """
class Thing:
    size = 3
    def __init__(self, *given, **named): self.given = given, named
def twice(number): return 2 * number
"""


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """The heavy package `heavy` with `heavy.inner`, and `sdk`, which imports both."""
    (tmp_path / "heavy").mkdir()
    (tmp_path / "heavy" / "__init__.py").write_text(HEAVY)
    (tmp_path / "heavy" / "inner.py").write_text("NUMBER = 7")
    (tmp_path / "sdk.py").write_text(SDK)
    monkeypatch.syspath_prepend(tmp_path)
    yield ("heavy", "heavy.inner")
    for name in ("heavy", "heavy.inner", "sdk"):
        sys.modules.pop(name, None)


def test_what_is_put_off_is_imported_when_it_is_used(names: tuple[str, ...]) -> None:
    """Not by the SDK's import, however it is written; then whatever is asked of it is the real one's."""
    with put_off(names):
        sdk = import_module("sdk")
    assert not set(names) & set(sys.modules)
    thing, number = sdk.late()
    heavy = sys.modules["heavy"]
    assert (type(thing), number) == (heavy.Thing, 7)
    assert sdk.Thing(1, a=2).given == ((1,), {"a": 2})
    assert (sdk.Thing.size, sdk.twice(4), sdk.heavy.twice is heavy.twice) == (3, 8, True)


def test_whoever_else_imports_it_gets_the_real_one(names: tuple[str, ...]) -> None:
    """Nothing is left of what stood there."""
    with put_off(names):
        import_module("sdk")
    inner = import_module("heavy.inner")
    assert inner is import_module("heavy").inner
    assert not {type(inner), type(import_module("heavy"))} & {Later}


def test_what_is_there_already_stays(names: tuple[str, ...]) -> None:
    """Another module may have imported it; it is used, and not taken away."""
    heavy = import_module("heavy")
    with put_off(names):
        sdk = import_module("sdk")
    assert sdk.heavy is sys.modules["heavy"] is heavy
    assert sdk.Thing is heavy.Thing


def test_a_second_one_within_leaves_the_first_as_it_was(names: tuple[str, ...]) -> None:
    """What is imported after it is stood for still, and real once both are over."""
    with put_off(names):
        with put_off(names[1:]):
            pass
        sdk = import_module("sdk")
        assert isinstance(sdk.Thing, Later)
    assert isinstance(sdk.late()[0], import_module("heavy").Thing)


def test_the_real_one_that_came_meanwhile_stays(names: tuple[str, ...]) -> None:
    """Whoever forgets the stand-in and imports again, within, keeps what he got."""
    with put_off(names):
        del sys.modules["heavy"], sys.modules["heavy.inner"]
        heavy = import_module("heavy")
    assert sys.modules["heavy"] is heavy
    assert heavy.twice(2) == 4


def test_an_import_that_fails_leaves_nothing_behind(names: tuple[str, ...]) -> None:
    """The error goes on as it is, and what is imported afterwards is real."""
    with pytest.raises(ModuleNotFoundError, match="no_such_sdk"), put_off(names):
        import_module("no_such_sdk")
    assert not isinstance(import_module("heavy"), Later)
    assert isinstance(import_module("sdk").late()[0], import_module("heavy").Thing)


def test_what_is_not_there_is_said_when_it_is_used(names: tuple[str, ...]) -> None:
    """A name that the real module lacks, and a module that is not installed, each by its name."""
    with put_off((*names, "no_such_module")):
        sdk, missing = import_module("sdk"), import_module("no_such_module")
        of_it = missing.Thing
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = sdk.heavy.no_such_name
    for use in (lambda: missing.Thing, of_it):
        with pytest.raises(ModuleNotFoundError, match="no_such_module"):
            use()


def test_a_part_that_is_not_named_is_no_silent_stand_in(names: tuple[str, ...]) -> None:
    """A package that is put off without one of its modules fails where that is imported."""
    with put_off(names[:1]), pytest.raises(ModuleNotFoundError, match=r"heavy\.inner"):
        import_module("sdk")


def run(code: str, *arguments: str) -> Any:  # noqa: ANN401  (JSON)
    """What this code prints last, as JSON, run as a process of its own in which nothing is imported yet."""
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  (code of ours)
    return json.loads(done.stdout.splitlines()[-1])


def test_every_name_is_one_that_the_sdks_import() -> None:
    """With them whole, each is there; one that an SDK no longer imports has to leave the list."""
    code = "import alibabacloud_green20220302.client, oss2, json, sys; print(json.dumps(sorted(sys.modules)))"
    assert set(NEVER_USED) <= set(run(code))


# What the service does, call by call, and how the adapter has to end.
TROUBLES: tuple[tuple[Fault | None, str, str], ...] = (
    (None, "good", "Verdict"),
    (None, "throttled", "NoVerdict"),
    (Fault(status=400, code="Throttling.User"), "good", "NoVerdict"),
    (Fault(status=403, code="Forbidden.RAM"), "good", "OperatorError"),
    (Fault(status=503, code="ServiceUnavailable"), "good", "NoVerdict"),
    (Fault(garbage=True), "good", "NoVerdict"),
    (Fault(drop="before"), "good", "NoVerdict"),
    (Fault(delay_s=2.0), "good", "NoVerdict"),
    (None, "good", "Verdict"),
)
JUDGE = """
import json, sys
from handler import index
from handler.adapters.imports import NEVER_USED
from handler.credentials import Credentials
from handler.errors import WardenError
from handler.meter import Meter
from handler.model import Upload
green, keys, role = sys.argv[1], json.loads(sys.argv[2]), Credentials(*json.loads(sys.argv[3]))
made = index.GreenModerator(role, endpoint=green, region="ap-southeast-1", service="postImageCheckByVL_global",
    info_types=(), referer=None, meter=Meter(), sleep=lambda _: None)
ends = []
for key in keys:
    upload = Upload("uploads", key, "E", None, 5, None, "ap-southeast-1", "n", "t", "R")
    try: ends.append(type(made.judge(upload, url=None, timeout_s=1.0)).__name__)
    except WardenError as exc: ends.append(type(exc).__name__)
print(json.dumps([ends, [name for name in sys.modules if name.startswith(NEVER_USED)]]))
"""


class Script(Bystander):
    """Spoils the calls one after the other, as TROUBLES says."""

    def __init__(self) -> None:
        self.faults = iter([fault for fault, _, _ in TROUBLES])

    def before(self, call: WireCall) -> Fault | None:
        """The next of them."""
        del call
        return next(self.faults)


def answer(_image: bytes, asked: Asked) -> Answer:
    """What the key says."""
    return Answer(code=403) if asked.key == "throttled" else HARMLESS


def test_no_answer_of_the_service_makes_the_adapter_use_it() -> None:
    """A verdict, throttling, a refusal, a fault, garbage, a broken connection, silence: all end without it."""
    with GreenServer([ROLE], fetch=lambda *_: PICTURE, eyes=answer, observer=Script(), qps=10_000) as green:
        keys = json.dumps([key for _, key, _ in TROUBLES])
        role = json.dumps([ROLE.access_key_id, ROLE.access_key_secret, ROLE.security_token])
        ends, imported = run(JUDGE, green.endpoint, keys, role)
    assert ends == [end for _, _, end in TROUBLES]
    assert imported == []


# What a script could do with the SDKs of a process that imported the function first. Each prints True.
CONNECT = """
import json, sys
from urllib.parse import urlsplit
from handler import index
import oss2
from alibabacloud_green20220302.client import Client
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions
green, oss, *keys = sys.argv[1:]
named = dict(zip(("access_key_id", "access_key_secret", "security_token"), keys))
client = Client(Config(**named, endpoint=urlsplit(green).netloc, protocol="HTTP", region_id="ap-southeast-1"))
parameters = json.dumps({"ossBucketName": "uploads", "ossObjectName": "good", "ossRegionId": "ap-southeast-1"})
service = "postImageCheckByVL_global"
"""
USES = {
    "asynchronous calls": """
import asyncio
call = Params(action="ImageModeration", version="2022-03-02", protocol="HTTP", pathname="/", method="POST",
    auth_type="AK", style="RPC", req_body_type="formData", body_type="json")
form = OpenApiRequest(body={"Service": service, "ServiceParameters": parameters})
print(json.dumps(asyncio.run(client.call_api_async(call, form, RuntimeOptions()))["body"]["Code"] == 200))
""",
    "typed calls": """
from alibabacloud_green20220302.models import ImageModerationRequest, ImageModerationResponse
answer = client.image_moderation(ImageModerationRequest(service=service, service_parameters=parameters))
print(json.dumps(answer.body.code == 200 and type(answer) is ImageModerationResponse))
""",
    "encryption in the client": """
from Crypto.PublicKey import RSA
pair = RSA.generate(2048)
pem = {"private_key": pair.export_key().decode(), "public_key": pair.public_key().export_key().decode()}
auth = oss2.ProviderAuthV4(oss2.credentials.StaticCredentialsProvider(*keys))
place = (auth, oss, "uploads"), {"region": "ap-southeast-1", "is_path_style": True}
oss2.CryptoBucket(*place[0], crypto_provider=oss2.RsaProvider(pem), **place[1]).put_object("a", b"plain")
stored = oss2.Bucket(*place[0], **place[1]).get_object("a").read()
read = oss2.CryptoBucket(*place[0], crypto_provider=oss2.RsaProvider(pem), **place[1]).get_object("a").read()
print(json.dumps(stored != read == b"plain"))
""",
    "keys of KMS": """
print(json.dumps(type(oss2.AliKMSProvider("id", "secret", "ap-southeast-1", "key").kms_client).__name__ == "AcsClient"))
""",
    "signatures by RSA": """
from alibabacloud_tea_openapi.utils import rsa_sign
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15
pair = RSA.generate(2048)
signature = rsa_sign(b"text", pair.export_key(pkcs=8).decode())
pkcs1_15.new(pair).verify(SHA256.new(b"text"), signature)  # raises where it is wrong
print(json.dumps(True))
""",
    "WebSockets": """
import darabonba.websocket
import websocket
print(json.dumps(darabonba.websocket.ABNF.OPCODE_BINARY == 2
    and darabonba.websocket.websocket.WebSocketApp is websocket.WebSocketApp))
""",
    "credentials that renew themselves": """
from alibabacloud_credentials.provider import ecs_ram_role
scheduler = ecs_ram_role.BackgroundScheduler()
print(json.dumps(type(scheduler).__module__ == "apscheduler.schedulers.background"))
""",
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("use", USES)
def test_the_sdks_stay_whole_for_whoever_imports_the_function_first(use: str) -> None:
    """What was put off is there when it is used, over real sockets where it speaks to the vendor."""
    with (
        OssServer([ROLE], region="ap-southeast-1") as oss,
        GreenServer([ROLE], fetch=lambda *_: PICTURE, eyes=answer, qps=10_000) as green,
    ):
        oss.create_bucket("uploads")
        keys = (ROLE.access_key_id, ROLE.access_key_secret, str(ROLE.security_token))
        assert run(CONNECT + USES[use], green.endpoint, oss.endpoint, *keys) is True
