"""Makes the environments of this project from its lock files, once, and runs modules in them.

An environment is `.venv/NAME-X.Y`: the packages of requirements/NAME.txt, every one checked against its hash, for
Python X.Y. It is made again when the lock file or the interpreter changes. Standard library only, for this runs before
there is anything else; and importable on Pythons too old for the project, so that it can look for a better one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.environment.progress import run_pip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
# Pythons that the environments are locked for, the preferred first. The development tools need 3.11.
VERSIONS = {
    "core": ("3.10", "3.11", "3.12"),
    "cloud": ("3.11", "3.12", "3.10"),
    "eyes": ("3.11", "3.12"),
    "dev": ("3.11", "3.12"),
}
# What is large enough for a word about it.
SIZES = {"eyes": "200 MB to fetch, 600 MB on disk: the models, and what runs them"}
SHOWN_LINES = 15
# `-m` would put the caller's directory on the path, where a folder named `handler` hides ours.
LAUNCHER = """
import runpy, sys
sys.path[0] = sys.argv.pop(1)
try:
    runpy.run_module(sys.argv.pop(1), None, '__main__', True)
except KeyboardInterrupt:
    sys.exit('stopped')
"""


class CannotPrepare(Exception):
    """There is no such interpreter, or the packages cannot be installed; the message says what to do."""


def find_python(version: str) -> Path | None:
    """An interpreter of that version ("3.10"): the one that runs this, one on the PATH, or one of pyenv's."""
    on_path = shutil.which("python" + version)
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), reverse=True)
    candidates = [Path(sys.executable), *([Path(on_path)] if on_path else []), *of_pyenv]
    return next((path for path in candidates if _version(path) == version), None)


def choose_python(name: str) -> Path:
    """The interpreter for an environment: the one that runs this if it fits, else the most preferred one found.

    Raises CannotPrepare.
    """
    versions = VERSIONS[name]
    running = "{}.{}".format(*sys.version_info)
    for version in (running, *versions) if running in versions else versions:
        if found := find_python(version):
            return found
    raise CannotPrepare(
        f"environment {name!r} needs Python {' or '.join(versions)}; found none on the PATH or in pyenv"
    )


def prepare(name: str, python: Path, root: Path = ROOT) -> Path:
    """The interpreter of the environment `name` for `python`, made first if it is not there as locked.

    Two runs at once wait for one another. Raises CannotPrepare.
    """
    environment = root / ".venv" / f"{name}-{_version(python)}"
    environment.parent.mkdir(exist_ok=True)
    with _locked(environment.with_suffix(environment.suffix + ".lock")):
        digest = _digest(root, name, python)
        stamp = environment / "stamp"  # written last: an environment without it is half-made
        inside = environment / "bin" / "python"
        if not (inside.exists() and stamp.exists() and stamp.read_text() == digest):
            size = f", {SIZES[name]}" if name in SIZES else ""
            say(f"making {environment.relative_to(root)} from requirements/{name}.txt (once; about a minute{size})")
            _make(environment, python, [root / "requirements" / "build.txt", root / "requirements" / f"{name}.txt"])
            stamp.write_text(digest)
    return inside


def run(name: str, module: str, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by `module`, run in the environment `name`; exits with 2 where that cannot be made."""
    try:
        python = str(prepare(name, choose_python(name)))
    except CannotPrepare as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the half-made environment is made anew next time")
    os.execv(python, [python, "-c", LAUNCHER, str(ROOT), module, *arguments])  # noqa: S606 - our own interpreter


def say(line: str) -> None:
    """Tell the person who waits; not on standard output, which belongs to the command."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the words of a command


def _version(python: Path) -> str | None:
    """Its version ("3.11"), or None where that is no interpreter, as pyenv's shims for versions not switched on."""
    command = [str(python), "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - found by us
    except (OSError, subprocess.CalledProcessError):
        return None


def _digest(root: Path, name: str, python: Path) -> str:
    parts = [(root / "requirements" / f"{lock}.txt").read_bytes() for lock in ("build", name)]
    return hashlib.sha256(b"\0".join([*parts, str(python.resolve()).encode()])).hexdigest()


def _make(environment: Path, python: Path, locks: Sequence[Path]) -> None:
    """A fresh environment with those locks installed, in that order; what was there is thrown away.

    Four packages come as sources only. They are built with the pinned setuptools of the first lock instead of
    whatever is newest that day, hence no build isolation.
    """
    shutil.rmtree(environment, ignore_errors=True)
    _call(
        "make a virtual environment (Debian keeps that in python3-venv)", [str(python), "-m", "venv", str(environment)]
    )
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    for lock in locks:
        options = ["--require-hashes", "--no-build-isolation", "--progress-bar=off", "--requirement", str(lock)]
        command = [*pip, "install", *options]
        returned, lines = run_pip(command, lock, environment)
        _check(f"install {lock.name} (is the package index reachable?)", command, returned, lines)


def _call(what: str, command: Sequence[str]) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    _check(what, command, done.returncode, done.stdout.splitlines())


def _check(what: str, command: Sequence[str], returned: int, lines: Sequence[str]) -> None:
    if returned:
        # Of a missing network pip warns a dozen times before it says what it could not find.
        shown = [line.rstrip() for line in lines if not line.startswith("WARNING: ")][-SHOWN_LINES:]
        raise CannotPrepare("\n  ".join([f"cannot {what}; {command[0]} said:", *shown]))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
