"""Which interpreter an environment takes."""

import os
import sys
from pathlib import Path

import pytest

from scripts.environment import pythons
from scripts.environment.pythons import NoPython, choose_python, find_python

PYTHON = Path(sys.executable)
VERSION = "{}.{}".format(*sys.version_info)


def test_running_interpreter_is_found_first() -> None:
    """The Python that runs this is taken for its own version."""
    assert find_python(VERSION) == PYTHON


def write_python(path: Path, version: str) -> Path:
    """A program that answers as an interpreter of that version would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def test_interpreter_of_pyenv_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that only pyenv has is found; the shim on the PATH that refuses to run is not taken for it."""
    shim = write_python(tmp_path / "shims" / "python3.99", "pyenv: command not found; exit 127")
    real = write_python(tmp_path / ".pyenv" / "versions" / "3.99.1" / "bin" / "python", "3.99")
    monkeypatch.setenv("PATH", f"{shim.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_python("3.99") == real


def test_interpreter_on_the_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The PATH comes before pyenv's versions."""
    real = write_python(tmp_path / "bin" / "python3.99", "3.99")
    monkeypatch.setenv("PATH", f"{real.parent}{os.pathsep}{os.environ['PATH']}")
    assert find_python("3.99") == real


def test_missing_interpreter_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no fitting Python is found the message names the versions that would do."""
    monkeypatch.setitem(pythons.VERSIONS, "core", ("3.97", "3.98"))
    monkeypatch.setenv("PYENV_ROOT", "/nowhere/pyenv")
    with pytest.raises(NoPython) as caught:
        choose_python("core")
    said = str(caught.value)
    assert "environment 'core' needs Python 3.97 or 3.98, and none was found" in said
    assert f"this Python ({VERSION}), python3.97, python3.98, python3 and python on the PATH" in said
    assert "/nowhere/pyenv/versions" in said
    assert "apt install python3" in said


@pytest.mark.parametrize("program", ["python3", "python"])
def test_interpreter_without_a_version_in_its_name_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """Some have only `python3`, whatever its version."""
    real = write_python(tmp_path / "bin" / program, "3.99")
    monkeypatch.setenv("PATH", f"{real.parent}{os.pathsep}{os.environ['PATH']}")
    assert find_python("3.99") == real


def test_interpreter_of_uv_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where uv keeps its own."""
    real = write_python(tmp_path / "cpython-3.99.2-linux-x86_64-gnu" / "bin" / "python3", "3.99")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))
    assert find_python("3.99") == real


def test_the_tools_run_on_every_python_from_311_on() -> None:
    """As far as there are wheels."""
    assert all({"3.11", "3.12", "3.13", "3.14"} <= set(versions) for versions in pythons.VERSIONS.values())
