"""The wheels of the package: requirements/core.txt for CPython 3.10 on x86-64 Linux with glibc 2.28.

Every file is checked against its hash in the lock files. Nearly all come as wheels for that platform, so that the
machine that packages may be any. Three are published as sources only; they hold no compiled code, and are built by the
pinned setuptools of requirements/build.txt. A fourth, crcmod, is C sources: requirements/package.txt names what stands
in its place.
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.environment.causes import complain
from scripts.environment.making import ROOT, CannotPrepare, prepare
from scripts.environment.pip import run_with_index
from scripts.environment.pythons import find_python
from scripts.environment.words import say

PYTHON = "3.10"
SOURCES_ONLY = ("alibabacloud-tea", "aliyun-python-sdk-core", "oss2")
REPLACED = ("crcmod",)
# pip takes a platform literally: each older one that would run too is to be named.
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
)


class CannotPackage(Exception):
    """There is no package; the message says what is missing or wrong, and what to do."""


def require_python() -> Path:
    """A CPython 3.10 on this machine. Raises CannotPackage where there is none."""
    python = find_python(PYTHON)
    if python is None:
        raise CannotPackage(
            f"packaging needs CPython {PYTHON}, the runtime of the function, to compile its bytecode; found none on "
            f"the PATH, in pyenv or uv. Install it (pyenv install {PYTHON}, or the packages python{PYTHON} and "
            f"python{PYTHON}-venv) and run this again"
        )
    code = "import sys; print(sys.implementation.name)"
    name = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - found above
    if name != "cpython":
        raise CannotPackage(f"{python} is {name!r}; packaging needs CPython {PYTHON}, as the function is run by it")
    return python


def collect_wheels(python: Path, root: Path = ROOT) -> list[Path]:
    """The wheels, sorted by name; fetched once and kept in `.venv/wheels` until a lock file changes.

    Raises CannotPackage.
    """
    locks = [root / "requirements" / f"{name}.txt" for name in ("build", "core", "package")]
    digest = hashlib.sha256(b"\0".join(lock.read_bytes() for lock in locks)).hexdigest()
    try:
        builder = prepare("build", python, root)
    except CannotPrepare as error:
        raise CannotPackage(str(error)) from error
    house = root / ".venv" / "wheels"
    with (root / ".venv" / "wheels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = house / "stamp"  # written last: without it the house is half-full
        if not (stamp.exists() and stamp.read_text() == digest):
            say("fetching the wheels of the package (once; under a minute)")
            shutil.rmtree(house, ignore_errors=True)
            house.mkdir()
            _fetch(builder, house, locks[1], locks[2])
            stamp.write_text(digest)
    return sorted(house.glob("*.whl"))


def _fetch(builder: Path, house: Path, core: Path, package: Path) -> None:
    blocks = _blocks(core.read_text())
    as_sources = [block for name, block in blocks if name in SOURCES_ONLY]
    as_wheels = [block for name, block in blocks if name not in (*SOURCES_ONLY, *REPLACED)]
    checked = ["--no-deps", "--require-hashes"]
    target = [f"--platform={platform}" for platform in PLATFORMS]
    target += ["--only-binary=:all:", "--python-version=3.10", "--implementation=cp"]
    target += ["--abi=cp310", "--abi=abi3", "--abi=none"]
    locked = _locked(house / "wheels.txt", [*as_wheels, package.read_text()])
    _call("fetch the wheels", builder, "download", [*checked, *target, "--dest", str(house), *locked])
    build = [*checked, "--no-build-isolation", "--wheel-dir", str(house)]
    before = set(house.glob("*.whl"))
    _call("build the wheels", builder, "wheel", [*build, *_locked(house / "sources.txt", as_sources)])
    for wheel in set(house.glob("*.whl")) - before:
        if not wheel.name.endswith("-none-any.whl"):
            raise CannotPackage(
                f"{wheel.name} holds code compiled for this machine, which may not run in Function Compute; "
                "name a package with wheels in requirements/package.txt, and add this one to REPLACED in "
                "scripts/deploy/package/wheels.py"
            )


def _blocks(lock: str) -> list[tuple[str, str]]:
    """The names in a lock file, each with its lines."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    return [(block.split("==")[0], block) for block in blocks]


def _locked(file: Path, blocks: Sequence[str]) -> list[str]:
    file.write_text("\n".join(blocks) + "\n")
    return ["--requirement", str(file)]


def _call(what: str, builder: Path, command: str, arguments: Sequence[str]) -> None:
    pip = [str(builder), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", command, *arguments]

    def run(variables: Mapping[str, str]) -> tuple[int, list[str]]:
        done = subprocess.run(  # noqa: S603 - pip
            pip, check=False, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return done.returncode, done.stdout.splitlines()

    said = run_with_index(builder, command, run)
    if said is not None:
        raise CannotPackage(complain(what, "is the package index reachable?", said))
