"""The whole of Bucket Warden in one process: the handler, with the real SDKs, over the stand-ins' real sockets."""

import io
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import oss2
import pytest
from PIL import Image, PngImagePlugin

from handler import index
from handler.adapters.ledger import OssLedger
from handler.adapters.oss.network import OssSession
from handler.errors import InvocationFailed
from handler.model import Finding
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked
from scripts.localcloud.green.fetch import OssFetch
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.oss.server import OssServer
from scripts.localcloud.wire import Fault, Identity, WireCall

REGION = "ap-southeast-1"
APP = Identity("LTAIapp", "app-secret")
FUNCTION = Identity("STS.function", "function-secret", "token-of-the-function")
SERVICE = Identity("LTAIservice", "service-secret")
POLICY = Path(__file__).parent / "policy.yml"
Document = dict[str, Any]
Record = dict[str, Any]

# What the moderation service says of a picture that has this word in it.
WORDS: Mapping[str, Answer] = {
    "GOOD": HARMLESS,
    "NUDE": Answer((Finding("pornographic_adultContent", 97.2, "high"),), risk="high"),
    "GORE": Answer((Finding("violent_bloody", 91.0, "high"),), risk="high"),
    "SPAM": Answer((Finding("QR code", 88.0, "medium"),), risk="medium"),
    "FLAG": Answer((Finding("flag_country", 80.0, "low"),), risk="low"),
}


def picture(word: str, *, salt: str = "") -> bytes:
    """Make a real PNG that the eyes of this test cloud see `word` in; `salt` makes other bytes of the same kind."""
    image = Image.new("RGB", (8, 8), (zlib.crc32((word + salt).encode()) % 256, 80, 160))
    info = PngImagePlugin.PngInfo()
    info.add_text("verdict", word + salt)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def earlier(record: Record, seconds: float = 10) -> Record:
    """The record as if its upload had been that much earlier: what is there now then came after it."""
    uploaded_at = datetime.fromisoformat(record["eventTime"].replace("Z", "+00:00")) - timedelta(seconds=seconds)
    return {**record, "eventTime": uploaded_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def refusing(operation: str, bucket: str) -> Callable[[WireCall], Fault | None]:
    """A fault of every such call."""
    refused = Fault(status=403, code="AccessDenied")
    return lambda call: refused if (call.operation, call.bucket) == (operation, bucket) else None


def calls(**counted: int) -> dict[str, int]:
    """The calls of an outcome; those that are not named are 0."""
    return {"oss": 0, "green": 0, "billed": 0, "maybe_billed": 0, **counted}


class Watcher:
    """The Observer of both stand-ins: notes the function's calls, and does what a test puts in their way.

    `interfere` maps the number of a call of the function (from 1) to what happens right after it; `spoil` is asked
    for a Fault before each.
    """

    def __init__(self) -> None:
        self.calls: list[WireCall] = []
        self._service_is_looking = False
        self.interfere: dict[int, Callable[[], object]] = {}
        self.spoil: Callable[[WireCall], Fault | None] = lambda _: None

    def before(self, call: WireCall) -> Fault | None:
        """Note the call, and spoil it where the test says so."""
        # The service reads by a link that the function signed: with the function's key, but no call of the function.
        if call.access_key_id != FUNCTION.access_key_id or self._is_read_by_link(call):
            return None
        self._service_is_looking = call.service == "green"
        self.calls.append(call)
        return self.spoil(call)

    def after(self, call: WireCall, status: int) -> None:
        """Let happen what the test planned for after this call."""
        del status
        if self._is_read_by_link(call):
            return
        if call.access_key_id == FUNCTION.access_key_id and (happen := self.interfere.pop(len(self.calls), None)):
            happen()

    def _is_read_by_link(self, call: WireCall) -> bool:
        return self._service_is_looking and call.operation == "GetObject"

    @property
    def operations(self) -> list[str]:
        """The names of the function's calls, in order."""
        return [call.operation for call in self.calls]


class WardenCloud:
    """The stand-ins and the function, with what a test does to them."""

    def __init__(self, oss: OssServer, green: GreenServer, records: list[Record], tmp_path: Path) -> None:
        self.oss = oss
        self.green = green
        self.records = records
        self.watcher = Watcher()
        self.answers: dict[str, Answer] = dict(WORDS)
        self.log = io.StringIO()
        self.error: InvocationFailed | None = None
        self._tmp_path = tmp_path
        self._session = OssSession()
        oss.observer = green.observer = self.watcher
        green.eyes = self._see

    def _see(self, image: bytes, asked: Asked) -> Answer:
        del asked
        return next((answer for word, answer in self.answers.items() if word.encode() in image), HARMLESS)

    def start(self, policy: Path | str = POLICY, **settings: str) -> None:
        """Start the function: its environment and initializer. A policy as text is written to a file first."""
        if isinstance(policy, str):
            path = self._tmp_path / "policy.yml"
            path.write_text(policy)
            policy = path
        self.stop()
        os.environ.update(
            {
                "POLICY": str(policy),
                "QUARANTINE_BUCKET": "quarantine",
                "WATCHED_BUCKETS": "uploads,versioned",
                "MAX_DELIVERIES": "3",
                "OSS_ENDPOINT": self.oss.endpoint,
                "GREEN_ENDPOINT": self.green.endpoint,
                **settings,
            }
        )
        with redirect_stdout(self.log):
            index.initializer(context())

    def bucket(self, name: str = "uploads", identity: Identity = APP) -> oss2.Bucket:
        """Connect a client of the application's, or of another identity."""
        credentials = oss2.credentials.StaticCredentialsProvider(
            identity.access_key_id, identity.access_key_secret, identity.security_token
        )
        auth = oss2.ProviderAuthV4(credentials)
        return oss2.Bucket(auth, self.oss.endpoint, name, session=self._session, region=REGION, is_path_style=True)

    def upload(
        self,
        key: str,
        body: bytes,
        *,
        bucket: str = "uploads",
        headers: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> Record:
        """Upload as the application does; answers with the trigger's record."""
        headers = dict(headers or {})
        if tags:
            headers["x-oss-tagging"] = urlencode(tags, quote_via=quote)
        self.bucket(bucket).put_object(key, body, headers=headers)
        return self.records[-1]

    def deliver(
        self, *records: Record, delivery: int = 1, timeout_s: float = 4, request_id: str = "1-fc-request"
    ) -> list[Document]:
        """Deliver one event to the function; answers with its documents. `error` says whether the invocation failed."""
        event = json.dumps({"events": records}).encode()
        return self.deliver_bytes(event, delivery=delivery, timeout_s=timeout_s, request_id=request_id)

    def deliver_bytes(
        self, event: bytes, *, delivery: int = 1, timeout_s: float = 4, request_id: str = "1-fc-request"
    ) -> list[Document]:
        """Deliver raw bytes."""
        self.error = None
        already = len(self.log_lines())
        try:
            index.handler(event, context(delivery, timeout_s, request_id))
        except InvocationFailed as exc:
            self.error = exc
        return [line for line in self.log_lines()[already:] if line["event"] == "upload.moderated"]

    def moderate(self, key: str, body: bytes, *, bucket: str = "uploads", **uploaded: Any) -> Document:  # noqa: ANN401
        """Upload and deliver once; the one document."""
        (document,) = self.deliver(self.upload(key, body, bucket=bucket, **uploaded))
        return document

    def log_lines(self) -> list[Document]:
        """Everything that the function logged, a document a line."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def keys(self, bucket: str) -> list[str]:
        """The keys of a bucket."""
        return [found.key for found in oss2.ObjectIterator(self.bucket(bucket))]

    def body(self, bucket: str, key: str, version_id: str | None = None) -> bytes:
        """The bytes of an object."""
        params = {"versionId": version_id} if version_id else None
        with self.bucket(bucket).get_object(key, params=params) as answer:
            return bytes(answer.read())

    def tags(self, bucket: str, key: str, version_id: str | None = None) -> dict[str, str]:
        """The tags of an object."""
        params = {"versionId": version_id} if version_id else None
        return dict(self.bucket(bucket).get_object_tagging(key, params=params).tag_set.tagging_rule)

    def versions(self, bucket: str, key: str) -> list[str]:
        """The ids of all versions of a key, newest first."""
        return [v.versionid for v in self.bucket(bucket).list_object_versions(prefix=key).versions if v.key == key]

    def held(self) -> list[tuple[str, bytes]]:
        """What the quarantine bucket holds, without sidecars: keys and bytes."""
        keys = [key for key in self.keys("quarantine") if not key.endswith(".metadata.json")]
        return [(key, self.body("quarantine", key)) for key in keys]

    def warm_up(self) -> None:
        """Let the function learn, as each instance does once for each folder, whether it may read tags."""
        for bucket in ("uploads", "versioned"):
            self.moderate("warm.png", picture("GOOD", salt="warm"), bucket=bucket)
            self.bucket(bucket).delete_object("warm.png")
        self.watcher.calls.clear()

    def close(self) -> None:
        """Close the application's connections and the function's."""
        self._session.session.close()
        self.stop()

    def stop(self) -> None:
        """End the function's instance: the next delivery needs another start."""
        self.drop_clients()
        index._instance.clear()  # noqa: SLF001  (Function Compute would end the process)

    def drop_clients(self) -> None:
        """Close the function's connections and forget its clients; settings and policy stay."""
        for warden in index._instance.values():  # noqa: SLF001
            for services in warden._services.values():  # noqa: SLF001
                close_session(services.store.connection.session)  # type: ignore[attr-defined]  # the port has none
                if isinstance(services.ledger, OssLedger):
                    close_session(services.ledger.connection.session)
            warden._services.clear()  # noqa: SLF001


def close_session(session: oss2.Session) -> None:
    """Close every socket of a session now; its own `close` leaves them to the garbage collector, which warns."""
    for adapter in session.session.adapters.values():
        pools = adapter.poolmanager.pools
        for pool in [pools[key] for key in pools.keys()]:  # noqa: SIM118  (urllib3's container refuses to iterate)
            pool.close()
    session.session.close()


def context(delivery: int = 1, timeout_s: float = 4, request_id: str = "1-fc-request") -> SimpleNamespace:
    """Function Compute's context of python3.10."""
    return SimpleNamespace(
        request_id=request_id,
        credentials=SimpleNamespace(
            access_key_id=FUNCTION.access_key_id,
            access_key_secret=FUNCTION.access_key_secret,
            security_token=FUNCTION.security_token,
        ),
        function=SimpleNamespace(name="bucket-warden", handler="handler.index.handler", memory=512, timeout=timeout_s),
        region=REGION,
        account_id="1234567890123456",
        retry_count=None if delivery == 1 else str(delivery - 1),
    )


@pytest.fixture(scope="session")
def _stand_ins() -> Iterator[tuple[OssServer, GreenServer, list[Record]]]:
    records: list[Record] = []
    with OssServer([APP, FUNCTION, SERVICE], region=REGION, on_event=records.append) as oss:
        fetch = OssFetch(oss.endpoint, REGION, SERVICE)
        # The limit of queries is a matter of its own tests; here it would only slow all others.
        with GreenServer([FUNCTION], fetch=fetch, eyes=lambda *_: HARMLESS, qps=10_000) as green:
            yield oss, green, records


@pytest.fixture
def cloud(
    _stand_ins: tuple[OssServer, GreenServer, list[Record]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WardenCloud]:
    """A fresh cloud: `uploads` (no versions), `versioned`, `quarantine`; the function is started on policy.yml."""
    oss, green, records = _stand_ins
    oss.reset()
    for identity in (APP, FUNCTION, SERVICE):
        oss.add_identity(identity)
    records.clear()
    oss.create_bucket("uploads")
    oss.create_bucket("versioned", versioned=True)
    oss.create_bucket("quarantine")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    cloud = WardenCloud(oss, green, records, tmp_path)
    cloud.start()
    yield cloud
    cloud.close()
    # What is answered too late would else have its effect in the next test, and take what was planned there.
    green.settle()
    oss.settle()
