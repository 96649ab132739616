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


def write_python(path: Path, version: str, kind: str = "cpython", *, can_make: bool = True) -> Path:
    """A program that answers as an interpreter of that version would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {kind} {version} {can_make}\n")
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


def test_what_cannot_make_environments_stands_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One on the PATH without `ensurepip` is taken only where there is no complete one anywhere."""
    bare = write_python(tmp_path / "bin" / "python3.99", "3.99", can_make=False)
    monkeypatch.setenv("PATH", f"{bare.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_python("3.99") == bare
    whole = write_python(tmp_path / "versions" / "3.99.1" / "bin" / "python", "3.99")
    assert find_python("3.99") == whole


def test_the_newest_is_taken_and_only_cpython(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """3.99.10 comes before 3.99.9; another implementation, or one without the lock of old, has other wheels."""
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    versions = tmp_path / "versions"
    for name, kind in (("3.99.11", "pypy"), ("3.99.12t", "free-threaded"), ("3.99.9", "cpython")):
        write_python(versions / name / "bin" / "python", "3.99", kind)
    newest = write_python(versions / "3.99.10" / "bin" / "python", "3.99")
    assert find_python("3.99") == newest


def test_odd_programs_by_that_name_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no text, or no answer at all: neither breaks the search."""
    monkeypatch.setattr(pythons, "PROBE_LIMIT_S", 0.2)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    odd = write_python(tmp_path / "bin" / "python3", "3.99")
    odd.write_bytes(b"#!/bin/sh\nprintf '\\377\\376'\n")
    hangs = write_python(tmp_path / "bin" / "python", "3.99")
    hangs.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setenv("PATH", f"{odd.parent}{os.pathsep}{os.environ['PATH']}")
    assert find_python("3.99") is None


def test_without_a_home_the_search_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user that the machine has no entry for."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert find_python(VERSION) == PYTHON
