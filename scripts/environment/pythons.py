"""Which interpreters this machine has, and which of them an environment takes.

Standard library only, and importable on Python 3.8, as making.py.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Pythons that the environments are locked for, the preferred first. The tools need 3.11; 3.10 is what is deployed on.
VERSIONS = {
    "core": ("3.10", "3.11", "3.12", "3.13", "3.14"),
    "cloud": ("3.11", "3.12", "3.13", "3.14", "3.10"),
    "eyes": ("3.11", "3.12", "3.13", "3.14"),
    "dev": ("3.11", "3.12", "3.13", "3.14"),
}
PROBE = """
import importlib.util, sys, sysconfig
kind = sys.implementation.name if not sysconfig.get_config_var("Py_GIL_DISABLED") else "free-threaded"
print(kind, "{}.{}".format(*sys.version_info), importlib.util.find_spec("ensurepip") is not None)
"""
PROBE_LIMIT_S = 20
HOW_TO_INSTALL = (
    "apt install python3 python3-venv (Debian 12 or later, Ubuntu 24.04 or later), brew install python@3.13, "
    "pyenv install 3.13, or uv python install 3.13"
)


class NoPython(Exception):
    """None of the versions that would do is on this machine; the message says where it was looked for."""


def find_python(version: str) -> Path | None:
    """A CPython of that version ("3.10"): the one that runs this, one on the PATH, or one of pyenv's or uv's.

    The first that can make environments; where none can, the first, so that what it lacks is said.
    """
    found = [path for path in _candidates(version) if version_of(path) == version]
    return next((path for path in found if _probe(path)[1]), found[0] if found else None)


def choose_python(name: str) -> Path:
    """The interpreter for an environment: the one that runs this if it fits, else the most preferred one found.

    Raises NoPython.
    """
    versions = VERSIONS[name]
    running = "{}.{}".format(*sys.version_info)
    for version in (running, *versions) if running in versions else versions:
        if found := find_python(version):
            return found
    raise NoPython(
        f"environment {name!r} needs Python {', '.join(versions[:-1])} or {versions[-1]}, and none was found.\n"
        f"  looked for: this Python ({running}), {', '.join('python' + version for version in versions)}, python3 and "
        f"python on the PATH, and in {' and '.join(str(root) for root, _ in _installers())}\n"
        f"  install one of them, for example: {HOW_TO_INSTALL}"
    )


def version_of(python: Path) -> str | None:
    """Its version ("3.11"); None where that is no CPython that runs, as pyenv's shims for versions not switched on."""
    return _probe(python)[0]


def _candidates(version: str) -> list[Path]:
    named = [shutil.which(name) for name in ("python" + version, "python3", "python")]
    installed = [path for root, inside in _installers() for path in sorted(root.glob(inside % version), key=_by_number)]
    return [Path(sys.executable), *(Path(path) for path in named if path), *installed]


def _by_number(path: Path) -> list[int]:
    """The newest first: 3.13.10 before 3.13.9."""
    return [-int(number) for number in re.findall(r"\d+", path.parents[1].name)]


def _installers() -> list[tuple[Path, str]]:
    """Where others keep Pythons that are not on the PATH, and how one of a version is called there."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises where there is none
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local" / "share" / "uv" / "python")
    return [(pyenv / "versions", "%s.*/bin/python"), (uv, "cpython-%s.*/bin/python3")]


@functools.lru_cache(maxsize=64)
def _probe(python: Path) -> tuple[str | None, bool]:
    """Its version, and whether it can make environments. A free-threaded build has other wheels, and does not count."""
    try:
        done = subprocess.run(  # noqa: S603 - found by us
            [str(python), "-c", PROBE], check=True, capture_output=True, timeout=PROBE_LIMIT_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None, False
    kind, _, rest = done.stdout.decode("utf-8", "replace").strip().partition(" ")
    version, _, can_make = rest.partition(" ")
    return (version, can_make == "True") if kind == "cpython" else (None, False)
