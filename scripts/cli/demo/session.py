"""One run of the demo: pictures into the local cloud one by one, and what became of each."""

import contextlib
import os
import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, final

import oss2

from handler.adapters.oss.network import OssSession
from scripts.cli.demo.pictures import Picture
from scripts.localcloud.cloud import APPLICATION, REGION, LocalCloud, read_outcome
from scripts.localcloud.green.answer import Answer, Asked, Eyes

LONGEST_WAIT_S: Final = 300
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one picture.

    `file` is as it was given, None for what somebody else uploaded. `findings` are all that was seen, in the project's
    JSON form. `decided` is what the policy says, `action` what was carried out; `shadow` are the rules in shadow that
    matched, each with what it would have done. `reason` says why in a sentence;
    `error` what went wrong. `memory_mb` is the peak of this process while the eyes looked, None where they did not.
    """

    file: str | None
    key: str
    status: str
    rule: str | None = None
    decided: str | None = None
    action: str | None = None
    location: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    findings: tuple[dict[str, Any], ...] = ()
    duration_ms: int = 0
    cost_usd: float = 0.0
    billed: int = 0
    reason: str = ""
    error: str | None = None
    memory_mb: int | None = None
    shadow: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, object]:
        """The object that `--json` prints."""
        names = "file key status rule action location tags findings duration_ms cost_usd".split()  # noqa: SIM905 - short
        return {name: getattr(self, name) for name in names}


@final
class WatchedEyes:
    """Eyes whose use of memory is noted: `peaks_mb` by key. The models must not be asked for two pictures at once."""

    def __init__(self, eyes: Eyes) -> None:
        self.peaks_mb: dict[str, int] = {}
        self._eyes = eyes

    def __call__(self, image: bytes, asked: Asked, /) -> Answer:
        """Look, and note."""
        with contextlib.suppress(OSError):  # Linux: the peak is counted from here
            Path("/proc/self/clear_refs").write_text("5", "ascii")
        try:
            return self._eyes(image, asked)
        finally:
            self.peaks_mb[asked.key] = peak_mb()


def peak_mb() -> int:
    """The most memory that this process has held, in megabytes; on Linux since the last picture began."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 // _MEGABYTE
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes // _MEGABYTE


@final
class Session:
    """A local cloud of one instance, and an application's client for it; a context manager.

    Raises BadPolicy and BadSettings before anything runs. `held_bucket` is where the policy quarantines to.
    """

    def __init__(self, policy: Path, eyes: Eyes) -> None:
        self._eyes = WatchedEyes(eyes)
        self._http = OssSession()
        self._last_line = "it logged nothing"
        self.cloud = LocalCloud(policy=policy, eyes=self._eyes, instances=1, on_log=self._note)
        quarantine = self.cloud.loaded.quarantine
        self.held_bucket = quarantine.bucket if quarantine else self.cloud.quarantine_bucket
        if self.held_bucket not in (self.cloud.bucket, self.cloud.quarantine_bucket):
            self.cloud.oss.create_bucket(self.held_bucket)

    def __enter__(self) -> "Session":
        self.cloud.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._http.session.close()
        self.cloud.stop()

    def bucket(self, name: str) -> oss2.Bucket:
        """The application's client for a bucket."""
        auth = oss2.AuthV4(APPLICATION.access_key_id, APPLICATION.access_key_secret)
        return oss2.Bucket(auth, self.cloud.oss.endpoint, name, session=self._http, region=REGION, is_path_style=True)

    def judge(self, picture: Picture) -> Judged:
        """Upload one picture and wait until all is done that it sets off."""
        file = os.fspath(picture.file)
        seen = len(self.cloud.outcomes)
        try:
            self.bucket(self.cloud.bucket).put_object(picture.key, picture.file.read_bytes())
        except OSError as error:
            return Judged(file, picture.key, "failed", error=f"cannot be read: {error.strerror}")
        except oss2.exceptions.OssError as error:
            return Judged(file, picture.key, "failed", error=f"OSS refused it: {error.code} {error.message}")
        idle = self.cloud.fc.wait_idle(LONGEST_WAIT_S)
        outcomes = self.cloud.outcomes[seen:]
        if not outcomes:
            why = "the function gave no outcome" if idle else f"no outcome within {LONGEST_WAIT_S} s"
            return Judged(file, picture.key, "failed", error=f"{why}: {self._last_line}")
        return self.read(outcomes[-1], file)

    def read(self, document: dict[str, Any], file: str | None) -> Judged:
        """What a logged document says."""
        upload, verdict, decision, outcome = (document[noun] for noun in ("upload", "verdict", "decision", "outcome"))
        return Judged(
            file=file,
            key=upload["key"],
            status=outcome["status"],
            rule=decision and decision["rule"],
            decided=decision and decision["action"],
            action=outcome["action"],
            location=outcome["location"],
            tags=outcome["tags"],
            findings=tuple(verdict["findings"]) if verdict else (),
            duration_ms=outcome["duration_ms"],
            cost_usd=outcome["cost_usd"],
            billed=outcome["calls"]["billed"],
            reason=decision["reason"] if decision else "",
            error=outcome["error"],
            memory_mb=self._eyes.peaks_mb.get(upload["key"]),
            shadow=tuple((match["rule"], match["action"]) for match in decision["shadow"]) if decision else (),
        )

    def _note(self, line: str) -> None:
        if not read_outcome(line):
            self._last_line = line

    def count_objects(self, bucket: str) -> int:
        """How many objects a bucket holds now."""
        return sum(1 for _ in oss2.ObjectIteratorV2(self.bucket(bucket)))
