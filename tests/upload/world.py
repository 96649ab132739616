"""All that one upload meets, in memory: a bucket, a quarantine, the service and a ledger, on one clock."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

from handler.adapters.policy_file import load_policy
from handler.errors import NoVerdict, ObjectChanged, ObjectGone, PlaceTaken
from handler.meter import Meter
from handler.model import Delivery, Finding, Outcome, Upload, Verdict
from handler.policy.rules import Policy
from handler.ports import Copied, HeldCopy, Listing, NoLedger, StoredObject, VersionPage
from handler.upload.pipeline import moderate
from scripts.environment.making import ROOT
from tests.upload.sample import UPLOAD

POLICY = load_policy(ROOT / "policies/default.yml", {"QUARANTINE_BUCKET": "quarantine"}, ("uploads",))
SERVICE = POLICY.moderation.service
CLEAN = Verdict(SERVICE, "none", (Finding("nonLabel"),))
GRAVE = Verdict(SERVICE, "high", (Finding("violent_gun", 99.0, "high"),))
EVENT_TIME = datetime.fromisoformat(UPLOAD.uploaded_at.replace("Z", "+00:00")).timestamp()


def http_date(seconds: float) -> str:
    """A time as OSS writes it, cut to seconds."""
    return format_datetime(datetime.fromtimestamp(int(seconds), timezone.utc), usegmt=True)


@dataclass
class World:
    """A bucket of one key, and what judges and keeps its bytes. Versions are newest first.

    `answers` says what the service answers, by etag. `on_call` is told of each call before it is made: it may pass the
    time, change the bucket, or raise. `judged` names what the service gave a verdict on, by etag and version.
    """

    is_versioned: bool = False
    has_ledger: bool = True
    policy: Policy = POLICY
    now: float = EVENT_TIME
    answers: dict[str, Verdict | NoVerdict] = field(default_factory=dict)
    on_call: Callable[[str], object] = lambda _: None
    on_sleep: Callable[[float], object] | None = None
    versions_kept: list[StoredObject] = field(default_factory=list)
    tags: dict[str | None, dict[str, str]] = field(default_factory=dict)
    held: dict[str, tuple[StoredObject, HeldCopy]] = field(default_factory=dict)
    records: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    judged: list[tuple[str, str | None]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _count: int = 0

    def put(self, etag: str = "E1", *, later_s: float = 0.0, tags: dict[str, str] | None = None, **more: Any) -> str:  # noqa: ANN401  (fields of a StoredObject)
        """Somebody puts bytes under the key, so long after the sample's event; answers with the version."""
        self._count += 1
        version_id = f"v{self._count}" if self.is_versioned else None
        usual: dict[str, Any] = {"crc64": f"{etag}-{self._count}", "version_id": version_id}
        at = http_date(EVENT_TIME + later_s)
        found = StoredObject("uploads", "a.png", etag, at, 5, **(usual | more))
        self.versions_kept = [found, *(self.versions_kept if self.is_versioned else [])]
        self.tags[version_id] = tags or {}
        return str(version_id)

    def moderate(
        self,
        upload: Upload = UPLOAD,
        number: int = 1,
        *,
        share_s: float = 110.0,
        most: int = 6,
        **more: Any,  # noqa: ANN401  (fields of a Delivery)
    ) -> Outcome:
        """Deliver the event."""
        usual: dict[str, Any] = {"request_id": f"1-{number}", "function": "f", "most": most}
        delivery = Delivery(number, **(usual | more))
        services: Any = SimpleNamespace(
            moderator=SimpleNamespace(judge=self.judge),
            store=self,
            tags=self,
            quarantine=self,
            ledger=_Ledger(self) if self.has_ledger else NoLedger(),
            meter=Meter(lambda: self.now),
            clock=lambda: self.now,
            sleep=self.sleep,
            warn=lambda event, **_: self.warnings.append(event),
        )
        return moderate(upload, self.policy, services, delivery, share_s=share_s)

    def sleep(self, seconds: float) -> None:
        """Time goes by."""
        if self.on_sleep is None:
            self.now += seconds
        else:
            self.on_sleep(seconds)

    def note(self, call: str) -> None:
        """A call is about to be made."""
        self.calls.append(call)
        self.on_call(call)

    # The service.

    def judge(self, upload: Upload, *, url: str | None, timeout_s: float) -> Verdict:
        """See Moderator."""
        assert timeout_s > 0
        self.note("judge")
        found = self._now(url.rpartition("=")[2] if url else None)
        assert found is not None
        answer = self.answers.get(found.etag, CLEAN)
        if isinstance(answer, NoVerdict):
            raise answer
        self.judged.append((found.etag, found.version_id))
        return replace(answer, request_id=upload.request_id)

    # The bucket.

    def _now(self, version_id: str | None) -> StoredObject | None:
        kept = (one for one in self.versions_kept if version_id in {None, one.version_id})
        found = next(kept, None)
        return found and replace(found, tag_count=len(self.tags[found.version_id]))

    def _must_be_there(self, found: StoredObject) -> None:
        if self._now(found.version_id) is None:
            raise ObjectGone(f"nothing at {found.location!r}")

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """See Store."""
        self.note("head")
        return self._now(version_id) if (bucket, key) == ("uploads", "a.png") else None

    def link(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """See Store."""
        self.note("link")
        found = self._now(version_id) if (bucket, key) == ("uploads", "a.png") else None
        return found if found is not None and found.is_symlink else None

    def versions(self, bucket: str, key: str, after: str | None = None) -> VersionPage:
        """See Store."""
        assert (bucket, key, after) == ("uploads", "a.png", None)
        self.note("versions")
        kept = self.versions_kept
        return VersionPage([replace(one, is_current=one is kept[0]) for one in kept])

    def delete(self, found: StoredObject) -> None:
        """See Store."""
        self.note("delete")
        self.versions_kept = [one for one in self.versions_kept if one.version_id != found.version_id]

    def acl(self, found: StoredObject) -> str:
        """See Store."""
        self.note("acl")
        self._must_be_there(found)
        return "default"

    def sign(self, found: StoredObject, *, expires_s: int) -> str:
        """See Store. No call."""
        assert expires_s > 0
        return f"https://uploads.oss/a.png?versionId={found.version_id}"

    def check_link(self, found: StoredObject) -> None:
        """See Store. Links are read here."""
        self.note("check link")
        assert found.version_id is not None

    def read_tags(self, found: StoredObject, *, is_fresh: bool = False) -> dict[str, str]:
        """See Tags."""
        if is_fresh and not found.tag_count:
            return {}
        self.note("read tags")
        self._must_be_there(found)
        return dict(self.tags[found.version_id])

    def write_tags(self, found: StoredObject, tags: dict[str, str]) -> None:
        """See Tags."""
        self.note("write tags")
        if found.bucket == "quarantine":
            source, copy = self.held[found.key]
            self.held[found.key] = source, replace(copy, tags=tags)
            return
        self._must_be_there(found)
        self.tags[found.version_id] = dict(tags)

    # The quarantine.

    def hold(self, found: StoredObject, copy: HeldCopy, *, keep_going: Callable[[], None]) -> Copied:
        """See Quarantine."""
        keep_going()
        self.note("hold")
        self._must_be_there(found)
        now = self._now(found.version_id)
        if now is None or now.crc64 != found.crc64:
            raise ObjectChanged("other bytes")
        is_new = copy.key not in self.held
        if self.held.setdefault(copy.key, (found, copy))[0].crc64 != found.crc64:
            raise PlaceTaken("other bytes are there")
        return Copied(is_tagged=is_new)

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """See Quarantine."""
        self.note("find")
        there = self.held.get(key)
        return there and replace(there[0], bucket=bucket, key=key)

    def sha256(self, found: StoredObject, *, keep_going: Callable[[], None]) -> str:
        """See Quarantine; nothing is released here."""
        raise AssertionError((found, keep_going))


@dataclass(frozen=True)
class _Ledger:
    world: World

    def create(self, name: str, record: dict[str, Any]) -> bool:
        """See Ledger."""
        self.world.note("create")
        if name in self.world.records:
            return False
        self.world.records[name] = (self.world.now, record)
        return True

    def write(self, name: str, record: dict[str, Any]) -> None:
        """See Ledger."""
        self.world.note("write")
        self.world.records[name] = (self.world.now, record)

    def read(self, name: str) -> dict[str, Any] | None:
        """See Ledger."""
        self.world.note("read")
        return self.world.records.get(name, (0.0, None))[1]

    def look(self, folder: str) -> Listing:
        """See Ledger. Times are cut to seconds, as OSS cuts them."""
        self.world.note("look")
        named = {name: at for name, (at, _) in self.world.records.items() if name.startswith(folder)}
        written_at = {name.removeprefix(folder): float(int(at)) for name, at in named.items()}
        return Listing(float(int(self.world.now)), {name: at for name, at in written_at.items() if "/" not in name})
