"""An environment made once, for the tests that are about something else."""

import fcntl
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.environment import making

VERSION = "{}.{}".format(*sys.version_info)


@pytest.fixture(scope="session")
def made_anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real one, made where the making of another was interrupted; once for a run, for it takes seconds."""
    base = tmp_path_factory.getbasetemp()
    # With pytest-xdist each worker has a folder of its own inside that of the run.
    root = (base.parent if base.name.startswith("popen-") else base) / "project"
    environment = root / ".venv" / f"core-{VERSION}"
    root.mkdir(exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not environment.exists():
            (root / "requirements").mkdir()
            for name in ("build", "core"):
                (root / "requirements" / f"{name}.txt").write_text("# nothing\n")
            (environment / "bin").mkdir(parents=True)
            (environment / "bin" / "python").write_text("#!/bin/false\n")
            (environment / "bin" / "left-behind").touch()
            making.prepare("core", Path(sys.executable), root)
    return environment


@pytest.fixture
def copied(made_anew: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a virtual environment is to be made, that one is copied: pip in it is as real."""

    def copy(what: str, command: Sequence[str]) -> None:
        assert "virtual environment" in what
        shutil.copytree(made_anew, command[-1], symlinks=True)
        (Path(command[-1]) / "stamp").unlink()

    monkeypatch.setattr(making, "_call", copy)
