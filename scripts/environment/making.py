"""Makes the environments of this project from its lock files, once, and runs modules in them.

An environment is `.venv/NAME-X.Y`: the packages of requirements/NAME.txt, every one checked against its hash, for
Python X.Y. It is made again when the lock file or the interpreter changes. Standard library only, for this runs before
there is anything else; and importable on Python 3.8, too old for the project, so that it can look for a better one.
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

from scripts.environment.causes import complain
from scripts.environment.pip import SHOWN_LINES, run_with_index
from scripts.environment.progress import run_pip
from scripts.environment.pythons import NoPython, choose_python, version_of
from scripts.environment.words import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
# What is large enough for a word about it.
SIZES = {"eyes": "200 MB to fetch, 600 MB on disk: the models, and what runs them"}
# `-m` would put the caller's directory on the path, where a folder named `handler` hides ours.
LAUNCHER = """
import runpy, sys
sys.path[0] = sys.argv.pop(1)
try:
    runpy.run_module(sys.argv.pop(1), None, '__main__', True)
except KeyboardInterrupt:
    sys.exit('stopped')
"""


# What makes another Python of the one that is started: other packages before ours, or no docstrings to help with.
# PYTHONPATH may even hold what is locked, so that pip takes it for installed.
FOREIGN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "PYTHONPLATLIBDIR",
    "PYTHONEXECUTABLE",
    "PYTHONSAFEPATH",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONOPTIMIZE",
    "PYTHONWARNINGS",
    "__PYVENV_LAUNCHER__",
)


class CannotPrepare(Exception):
    """The packages cannot be installed; the message says what to do."""


def prepare(name: str, python: Path, root: Path = ROOT) -> Path:
    """The interpreter of the environment `name` for `python`, made first if it is not there as locked.

    Two runs at once wait for one another. One that is there is used also by whoever may not write it. Raises
    CannotPrepare.
    """
    environment = root / ".venv" / f"{name}-{version_of(python)}"
    digest = _digest(root, name, python)
    try:
        if not _is_ready(environment, digest):
            _make_alone(name, python, root, environment, digest)
    except OSError as error:
        raise CannotPrepare(complain(f"make {environment}", "the system refuses", [str(error)])) from error
    return environment / "bin" / "python"


def _is_ready(environment: Path, digest: str) -> bool:
    stamp = environment / "stamp"  # written last: an environment without it is half-made
    return (environment / "bin" / "python").exists() and stamp.exists() and stamp.read_text() == digest


def _make_alone(name: str, python: Path, root: Path, environment: Path, digest: str) -> None:
    """Make it, unless another run has while this one waited. Raises CannotPrepare and OSError."""
    environment.parent.mkdir(exist_ok=True)
    with _locked(environment.with_suffix(environment.suffix + ".lock")):
        if _is_ready(environment, digest):
            return
        size = f", {SIZES[name]}" if name in SIZES else ""
        say(f"making {environment.relative_to(root)} from requirements/{name}.txt (once; about a minute{size})")
        _make(environment, python, [root / "requirements" / "build.txt", root / "requirements" / f"{name}.txt"])
        (environment / "stamp").write_text(digest)


def run(name: str, module: str, arguments: Sequence[str]) -> NoReturn:
    """Replace this process by `module`, run in the environment `name`; exits with 1 where that cannot be made."""
    for foreign in FOREIGN:
        os.environ.pop(foreign, None)
    try:
        python = str(prepare(name, choose_python(name)))
    except (CannotPrepare, NoPython) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the half-made environment is made anew next time")
    try:
        os.execv(python, [python, "-c", LAUNCHER, str(ROOT), module, *arguments])  # noqa: S606 - our own interpreter
    except OSError as error:
        sys.exit(f"error: {complain(f'run {python}', 'the system refuses', [str(error)])}")


def _digest(root: Path, name: str, python: Path) -> str:
    parts = [(root / "requirements" / f"{lock}.txt").read_bytes() for lock in ("build", name)]
    return hashlib.sha256(b"\0".join([*parts, str(python.resolve()).encode()])).hexdigest()


def _make(environment: Path, python: Path, locks: Sequence[Path]) -> None:
    """A fresh environment with those locks installed, in that order; what was there is thrown away.

    Four packages come as sources only. They are built with the pinned setuptools of the first lock instead of
    whatever is newest that day, hence no build isolation.
    """
    shutil.rmtree(environment, ignore_errors=True)
    _call("make a virtual environment", [str(python), "-m", "venv", str(environment)])
    inside = environment / "bin" / "python"
    for lock in locks:
        _install(lock, environment, inside)


def _install(lock: Path, environment: Path, inside: Path) -> None:
    command = [str(inside), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--require-hashes"]
    command += ["--no-build-isolation", "--progress-bar=off", "--requirement", str(lock)]
    said = run_with_index(inside, "install", lambda variables: run_pip(command, lock, environment, variables))
    if said is not None:
        raise CannotPrepare(complain(f"install {lock.name}", "is the package index reachable?", said))


def _call(what: str, command: Sequence[str]) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    if done.returncode:
        shown = done.stdout.splitlines()[-SHOWN_LINES:]
        raise CannotPrepare(complain(what, "Debian keeps it in python3-venv", [f"{command[0]} said:", *shown]))


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
