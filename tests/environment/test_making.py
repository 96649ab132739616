"""Making environments from lock files: real virtual environments where that is the point."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.environment import making
from scripts.environment.making import CannotPrepare, prepare

PYTHON = Path(sys.executable)
VERSION = "{}.{}".format(*sys.version_info)


def run_python(python: Path, *arguments: str) -> str:
    """What it prints."""
    return subprocess.check_output([python, *arguments], text=True)  # noqa: S603 - started by the test


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with two lock files that name no package."""
    (tmp_path / "requirements").mkdir()
    for name in ("build", "core"):
        (tmp_path / "requirements" / f"{name}.txt").write_text("# nothing\n")
    return tmp_path


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Makes environments in no time, without packages; lists what was made."""
    paths: list[Path] = []

    def make(path: Path, python: Path, locks: list[Path]) -> None:
        del python, locks
        paths.append(path)
        (path / "bin").mkdir(parents=True, exist_ok=True)
        (path / "bin" / "python").touch()

    monkeypatch.setattr(making, "_make", make)
    return paths


def test_environment_is_made_once(root: Path, made: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """The second call finds what the first one made, and says nothing."""
    path = root / ".venv" / f"core-{VERSION}"
    assert [prepare("core", PYTHON, root) for _ in range(2)] == [path / "bin" / "python"] * 2
    assert made == [path]
    assert capsys.readouterr().err.count("making .venv/core-") == 1


@pytest.mark.parametrize("lock", ["core", "build"])
def test_changed_lock_remakes_the_environment(root: Path, made: list[Path], lock: str) -> None:
    """Another content of either lock file makes it anew."""
    prepare("core", PYTHON, root)
    (root / "requirements" / f"{lock}.txt").write_text("# still nothing\n")
    prepare("core", PYTHON, root)
    assert len(made) == 2


def test_two_runs_at_once_make_it_once(root: Path, made: list[Path]) -> None:
    """A second run waits for the first and then uses what it made."""
    with ThreadPoolExecutor(2) as runs:
        found = set(runs.map(lambda _: prepare("core", PYTHON, root), range(2)))
    assert (len(found), len(made)) == (1, 1)


@pytest.mark.exhaustive
def test_half_made_environment_is_thrown_away(made_anew: Path) -> None:
    """An environment whose making was interrupted is not used; the new one runs Python."""
    assert run_python(made_anew / "bin" / "python", "-c", "print(1)") == "1\n"
    assert not (made_anew / "bin" / "left-behind").exists()


@pytest.mark.exhaustive
@pytest.mark.usefixtures("copied")
def test_failing_installation_says_what_and_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a package index the message names the lock file and repeats pip; nothing counts as made."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    (root / "requirements" / "core.txt").write_text(f"no-such-package-here==1 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(CannotPrepare, match=r"cannot install core\.txt \(is the package index reachable\?\)") as caught:
        prepare("core", PYTHON, root)
    assert "No matching distribution found for no-such-package-here==1" in str(caught.value)
    assert not (root / ".venv" / f"core-{VERSION}" / "stamp").exists()


@pytest.mark.exhaustive
@pytest.mark.usefixtures("copied")
def test_unpinned_hash_is_refused(root: Path) -> None:
    """A lock file whose packages carry no hash installs nothing."""
    (root / "requirements" / "core.txt").write_text("click\n")
    with pytest.raises(CannotPrepare, match="hash"):
        prepare("core", PYTHON, root)


def test_module_is_run_from_the_callers_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module runs in the caller's directory, yet nothing there hides ours."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "__init__.py").write_text("raise SystemExit('the wrong scripts')")
    monkeypatch.chdir(tmp_path)
    assert run_python(PYTHON, "-c", making.LAUNCHER, str(making.ROOT), "scripts.environment.making") == ""


def test_launcher_passes_arguments_on(tmp_path: Path) -> None:
    """The module sees its own arguments, and its own file as the program."""
    (tmp_path / "shown.py").write_text("import sys, os; print(os.path.basename(sys.argv[0]), sys.argv[1:])")
    shown = run_python(PYTHON, "-c", making.LAUNCHER, str(tmp_path), "shown", "a", "--b=c d")
    assert shown == "shown.py ['a', '--b=c d']\n"


@pytest.mark.usefixtures("made")
def test_what_is_there_is_used_by_whoever_may_not_write_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout that somebody else prepared needs no lock of ours."""
    inside = prepare("core", PYTHON, root)
    monkeypatch.setattr(making, "_locked", None)
    assert prepare("core", PYTHON, root) == inside


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (PermissionError(13, "Permission denied", "/there/.venv"), "a folder may not be written"),
        (OSError(30, "Read-only file system", "/there/.venv"), "a folder may not be written"),
        (OSError(28, "No space left on device"), "no space is left on the disk"),
        (OSError(5, "Input/output error"), "the system refuses"),
    ],
)
def test_what_the_system_refuses_is_said(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, cause: str
) -> None:
    """No traceback: the cause, and what the system said."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(making, "_make", fail)
    with pytest.raises(CannotPrepare) as caught:
        prepare("core", PYTHON, root)
    assert f"core-{VERSION} ({cause}" in str(caught.value)
    assert str(error) in str(caught.value)


def test_a_folder_in_the_way_is_said(root: Path) -> None:
    """A file where the environments belong."""
    (root / ".venv").touch()
    with pytest.raises(CannotPrepare, match=r"cannot make .*\.venv"):
        prepare("core", PYTHON, root)


STARTED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from scripts.environment import making
making.prepare = lambda *_: sys.executable
making.choose_python = lambda _: None
os.execv = lambda _python, command: print(command[-1], sorted(name for name in os.environ if name.startswith("PYTHON")))
making.run("core", "module", ["argument"])
"""


def test_the_python_of_the_environment_is_started_as_it_is(tmp_path: Path) -> None:
    """What makes another Python of it stays outside; what says how it talks does not."""
    foreign = dict.fromkeys(("PYTHONPATH", "PYTHONUSERBASE", "PYTHONSTARTUP"), str(tmp_path))
    foreign |= {"PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error", "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
    told = subprocess.check_output(  # noqa: S603 - started by the test
        [PYTHON, "-c", STARTED, str(making.ROOT)], env={"PATH": "/usr/bin:/bin", **foreign}, text=True
    )
    assert told == "argument ['PYTHONUTF8']\n"
