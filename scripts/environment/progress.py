"""How far pip has come, shown in one line on a terminal; pip itself says nothing for half a minute.

Standard library only, and importable on Python 3.8, as making.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

INTERVAL_S = 0.2
BAR_WIDTH = 30


def run_pip(
    command: Sequence[str], lock: Path, environment: Path, variables: Mapping[str, str] | None = None
) -> tuple[int, list[str]]:
    """Run `pip install` of a lock file into an environment; its exit code, and all that it printed, by line.

    `variables` are those that it runs with (None: those of this process).

    On a terminal the progress is shown on standard error: each package counts once when fetched and once when
    installed. Ctrl-C ends pip too.
    """
    lines: list[str] = []
    process = subprocess.Popen(  # noqa: S603 - pip, as composed by making.py
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        reader = threading.Thread(target=lines.extend, args=(process.stdout or (),), daemon=True)
        reader.start()
        present, locked = _count_installed(environment), lock.read_text("utf-8").count("==")
        try:
            while process.poll() is None:
                reader.join(INTERVAL_S)
                installed = _count_installed(environment) - present
                _show(_draw(list(lines), locked, installed))
        finally:
            _show("")
        reader.join()
    return process.returncode, lines


def _count_installed(environment: Path) -> int:
    return sum(1 for _ in environment.glob("lib/python*/site-packages/*.dist-info"))


def _draw(lines: Sequence[str], locked: int, installed: int) -> str:
    """The bar, and what pip is at. Packages that are not for this Python are announced as ignored."""
    packages = max(1, locked - sum(line.startswith("Ignoring ") for line in lines))
    fetched = sum(line.startswith("Collecting ") for line in lines)
    done = min(1.0, (fetched + installed) / (2 * packages))
    bar = ("#" * round(done * BAR_WIDTH)).ljust(BAR_WIDTH, ".")
    if any(line.startswith("Installing ") for line in lines):
        doing = f"installing, {installed} of {packages} packages"
    else:
        named = [line.split()[1] for line in lines if line.startswith("Collecting ")]
        doing = f"fetching {named[-1]}" if named else "starting"
    return f"  [{bar}] {done:4.0%} {doing}"


def _show(line: str) -> None:
    """Replace the last line of the terminal, if there is one."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{line[:width]}")
        sys.stderr.flush()
