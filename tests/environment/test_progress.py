"""How far pip has come."""

import sys
from pathlib import Path

import pytest

from scripts.environment import progress
from scripts.environment.progress import run_pip

# Says what pip says, and installs what it says.
PIP = """
import sys, time
from pathlib import Path
site = Path(sys.argv[1], "lib", "python3.11", "site-packages")
site.mkdir(parents=True)
print("Ignoring colorama: markers do not match your environment")
for name in ("one", "two"):
    print(f"Collecting {name}==1", flush=True)
    time.sleep(0.15)
print("Installing collected packages: one, two", flush=True)
for name in ("one", "two"):
    (site / f"{name}-1.dist-info").mkdir()
    time.sleep(0.15)
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file of three packages, one of them for another system."""
    path = tmp_path / "lock.txt"
    path.write_text("colorama==1\none==1\ntwo==1\n")
    return path


def test_progress_is_shown_on_a_terminal(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line grows from fetching to installing, and is gone at the end."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress, "INTERVAL_S", 0.05)
    returned, lines = run_pip([sys.executable, "-c", PIP, str(tmp_path)], lock, tmp_path)
    assert (returned, lines[0]) == (0, "Ignoring colorama: markers do not match your environment\n")
    shown = capsys.readouterr().err
    assert "fetching two==1" in shown
    assert "100% installing, 2 of 2 packages" in shown
    assert shown.endswith("\r\x1b[K")


def test_nothing_is_shown_elsewhere(lock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a log file there are no bars; what pip said is handed back with its exit code."""
    returned, lines = run_pip([sys.executable, "-c", "print('no network'); exit(3)"], lock, tmp_path)
    assert (returned, lines, capsys.readouterr()) == (3, ["no network\n"], ("", ""))
