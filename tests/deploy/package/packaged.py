"""The package as the tests of several modules use it: built once for a run, whichever processes run it."""

import fcntl
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.deploy.package.staging import ARCHIVE, CODE, Package, build_package
from scripts.deploy.package.wheels import require_python


@dataclass(frozen=True, slots=True)
class Packaged:
    """Where the package is, and the Python 3.10 to run it."""

    build: Path
    code: Path
    archive: Path
    python: Path


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Packaged:
    """The package of this checkout."""
    base = tmp_path_factory.getbasetemp()
    # With pytest-xdist each worker has a folder of its own inside that of the run.
    shared = base.parent if "xdist" in sys.modules and base.name.startswith("popen-") else base
    build = shared / "packaged"
    with (shared / "packaged.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (build / ARCHIVE).exists():
            build_package(build)
    return Packaged(build, build / CODE, build / ARCHIVE, require_python())


def build_again(build: Path) -> Package:
    """Build it once more, somewhere else."""
    return build_package(build)
