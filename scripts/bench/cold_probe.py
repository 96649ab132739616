"""One cold start, run by path in a fresh process on the packaged tree: argv[1] is that, argv[2] what to import.

`sdks`: oss2 and the Green client alone, whole. `function`: the handler, and its initializer once. Imports nothing of
this project but what is packaged.
"""

import json
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace


def start_function() -> None:
    """Import the handler and initialize it, as Function Compute does before the first invocation."""
    from handler.index import initializer  # noqa: PLC0415 - the import is what is measured

    credentials = SimpleNamespace(access_key_id="id", access_key_secret="secret", security_token="token")  # noqa: S106
    initializer(SimpleNamespace(credentials=credentials, region="ap-southeast-1"))


def import_sdks() -> None:
    """Import the two SDKs."""
    import alibabacloud_green20220302.client  # noqa: F401, PLC0415 - the import is what is measured
    import oss2  # noqa: F401, PLC0415


def main() -> None:
    """Measure and print."""
    code, what = sys.argv[1:]
    sys.path.insert(0, code)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    if what == "function":
        start_function()
    else:
        import_sdks()
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    print(json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "memory_mb": peak_memory_mb()}))  # noqa: T201 - the result


def peak_memory_mb() -> float:
    """The most that this process held.

    From /proc where there is one (Linux): getrusage counts what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
