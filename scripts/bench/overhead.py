"""What the function costs beyond the SDK calls that it makes: CPU per upload, against these calls made bare.

The stand-ins run in this process, the function and the bare calls take turns in another one.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import oss2

from handler.adapters.oss.network import OssSession
from scripts.localcloud.cloud import APPLICATION, FUNCTION_ROLE, REGION, SERVICE_ROLE, see_no_risk
from scripts.localcloud.green.fetch import OssFetch
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.oss.server import OssServer

RATIO_BUDGET = 1.25
PROBE = Path(__file__).with_name("overhead_probe.py")
NO_LIMIT_QPS = 1e6
# The smallest PNG there is: one transparent pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000000020001e221bc330000000049454e44ae426082"
)


@dataclass(frozen=True, slots=True)
class OverheadResult:
    """CPU of one passed upload, in ms, by the function and by the same calls made bare.

    `ratio` is the first / the second, the median of all rounds. `calls` are those of one upload.
    """

    ratio: float
    function_ms: float
    bare_ms: float
    uploads: int
    rounds: int
    calls: dict[str, int]

    @property
    def is_within_budget(self) -> bool:
        """Whether DESIGN's budget for the CPU per upload is met."""
        return self.ratio <= RATIO_BUDGET


def measure_overhead(code: Path, python: Path, rounds: int, uploads: int) -> OverheadResult:
    """Run the packaged tree `code` on `rounds` times `uploads` uploads, in turns with the bare calls."""
    records: list[dict[str, Any]] = []
    identities = [APPLICATION, FUNCTION_ROLE, SERVICE_ROLE]
    with (
        OssServer(identities, region=REGION, on_event=records.append) as oss,
        GreenServer(
            [FUNCTION_ROLE],
            fetch=OssFetch(oss.endpoint, REGION, SERVICE_ROLE),
            eyes=see_no_risk,
            qps=NO_LIMIT_QPS,
            region=REGION,
        ) as green,
    ):
        for bucket in ("uploads", "quarantine"):
            oss.create_bucket(bucket)
        _upload(oss.endpoint, rounds * uploads + 1)  # one to warm up with
        work = {
            "records": records,
            "uploads": uploads,
            "oss": oss.endpoint,
            "green": green.endpoint,
            "region": REGION,
            "keys": [FUNCTION_ROLE.access_key_id, FUNCTION_ROLE.access_key_secret, FUNCTION_ROLE.security_token],
        }
        answer = _run(code, python, work)
    pairs = list(zip(answer["function_s"], answer["bare_s"], strict=True))
    function_s, bare_s = min(answer["function_s"]), min(answer["bare_s"])
    return OverheadResult(
        ratio=round(median(function_s / bare_s for function_s, bare_s in pairs), 3),
        function_ms=round(function_s / uploads * 1000, 2),
        bare_ms=round(bare_s / uploads * 1000, 2),
        uploads=uploads,
        rounds=rounds,
        calls=answer["calls"],
    )


def _upload(endpoint: str, count: int) -> None:
    session = OssSession()
    auth = oss2.AuthV4(APPLICATION.access_key_id, APPLICATION.access_key_secret)
    bucket = oss2.Bucket(auth, endpoint, "uploads", session=session, region=REGION, is_path_style=True)
    for number in range(count):
        bucket.put_object(f"avatars/{number}.png", PIXEL)
    session.session.close()


def _run(code: Path, python: Path, work: dict[str, Any]) -> dict[str, Any]:
    settings = {
        "POLICY": "policies/default.yml",
        "QUARANTINE_BUCKET": "quarantine",
        "WATCHED_BUCKETS": "uploads",
        "MAX_DELIVERIES": "4",
        "OSS_ENDPOINT": work["oss"],
        "GREEN_ENDPOINT": work["green"],
    }
    done = subprocess.run(  # noqa: S603 - an interpreter of ours, on a file of ours
        [str(python), "-I", "-B", str(PROBE), str(code)],
        input=json.dumps(work),
        env={"PATH": os.defpath, **settings},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
