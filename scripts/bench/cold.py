"""How long a cold start takes: the packaged function against its SDKs alone, and against itself without bytecode."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RATIO_BUDGET = 0.9
SPEEDUP_BUDGET = 2.0
MEMORY_BUDGET_MB = 128
PROBE = Path(__file__).with_name("cold_probe.py")
SETTINGS: Mapping[str, str] = {
    "POLICY": "policies/default.yml",
    "QUARANTINE_BUCKET": "quarantine",
    "WATCHED_BUCKETS": "uploads",
    "MAX_DELIVERIES": "4",
}


@dataclass(frozen=True, slots=True)
class Start:
    """One fresh process: seconds of its own CPU and of the clock, and the most memory it held."""

    cpu_s: float
    wall_s: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class ColdResult:
    """The best of some rounds of each.

    `ratio`: function / SDKs alone. `bytecode_speedup`: function without bytecode / function. Both of CPU seconds: the
    clock of a machine with other work counts that too.
    """

    ratio: float
    bytecode_speedup: float
    function_ms: int
    sdks_ms: int
    without_bytecode_ms: int
    wall_function_ms: int
    wall_sdks_ms: int
    memory_mb: int
    rounds: int

    @property
    def is_within_budget(self) -> bool:
        """Whether DESIGN's budgets for a cold start and for memory are met."""
        is_fast = self.ratio <= RATIO_BUDGET and self.bytecode_speedup >= SPEEDUP_BUDGET
        return is_fast and self.memory_mb <= MEMORY_BUDGET_MB


def measure_cold(code: Path, python: Path, rounds: int) -> ColdResult:
    """Start fresh processes on the packaged tree `code`, in turns, so that what else the machine does meets all."""
    with tempfile.TemporaryDirectory(prefix="bucket-warden-cold-") as folder:
        plain = Path(folder) / "code"
        shutil.copytree(code, plain, ignore=shutil.ignore_patterns("__pycache__"))
        turns = [
            (_start(python, code, "sdks"), _start(python, code, "function"), _start(python, plain, "function"))
            for _ in range(rounds)
        ]
    sdks, function, without = (list(starts) for starts in zip(*turns, strict=True))
    function_s, sdks_s, without_s = (min(start.cpu_s for start in starts) for starts in (function, sdks, without))
    return ColdResult(
        ratio=round(function_s / sdks_s, 3),
        bytecode_speedup=round(without_s / function_s, 2),
        function_ms=round(function_s * 1000),
        sdks_ms=round(sdks_s * 1000),
        without_bytecode_ms=round(without_s * 1000),
        wall_function_ms=round(min(start.wall_s for start in function) * 1000),
        wall_sdks_ms=round(min(start.wall_s for start in sdks) * 1000),
        memory_mb=round(max(start.memory_mb for start in function)),
        rounds=rounds,
    )


def _start(python: Path, code: Path, what: str) -> Start:
    """As Function Compute starts it: nothing but the code directory on the path, and no bytecode written there."""
    command = [str(python), "-I", "-B", str(PROBE), str(code), what]
    done = subprocess.run(  # noqa: S603 - an interpreter of ours, on a file of ours
        command, env={"PATH": os.defpath, **SETTINGS}, check=True, stdout=subprocess.PIPE, text=True
    )
    return Start(**json.loads(done.stdout.splitlines()[-1]))
