"""Every check of the project, one after the other: what `scripts/test` runs in the development environment.

Without arguments all of them, each even if an earlier one failed. Arguments are for pytest, which then runs alone:
`scripts/test -k policy`, `scripts/test tests/test_events.py`.
"""

import subprocess
import sys
import time
from pathlib import Path

from scripts.environment.making import ROOT, CannotPrepare, prepare
from scripts.environment.pythons import find_python

PRODUCTION = "3.10"
WORKERS = ("-n", "2")
# What tests the handler, and so runs on the version of production too; but what looks at every gap of every action
# once more has run by then.
OF_THE_HANDLER = ("tests/test_*.py", "tests/policy", "tests/upload", "tests/adapters", "tests/end_to_end")
SEEN_BEFORE = "tests/end_to_end/test_c[hr]a*.py"


def run_step(heading: str, command: list[str]) -> bool:
    """Run one check in the project's root, its output as it comes; True if it passed."""
    say(f"\n== {heading}")
    started = time.monotonic()
    passed = subprocess.run(command, cwd=ROOT, check=False).returncode == 0  # noqa: S603 - the commands below
    say(f"== {heading}: {'passed' if passed else 'FAILED'}, {time.monotonic() - started:.1f} s")
    return passed


def run_all() -> list[bool]:
    """All checks, and the suite once more on the Python of production."""
    tools = Path(sys.executable).parent
    python = sys.executable
    steps = {
        "ruff check": [python, "-m", "ruff", "check"],
        "ruff format": [python, "-m", "ruff", "format", "--check"],
        "mypy --strict": [python, "-m", "mypy"],
        "import-linter": [str(tools / "lint-imports"), "--no-logo"],
        "pytest, with branch coverage of handler": [python, "-m", "pytest", *WORKERS, "-q", "--cov"],
    }
    return [*(run_step(heading, command) for heading, command in steps.items()), *run_on_production_python()]


def run_on_production_python() -> list[bool]:
    """The handler's suite on Python 3.10, without coverage; no result, and a line that says so, where there is none."""
    python = find_python(PRODUCTION)
    if python is None:
        say(f"\n== no Python {PRODUCTION} here: the suite was NOT run on the version of production")
        return []
    heading = f"pytest of the handler on Python {PRODUCTION}"
    try:
        inside = prepare("dev", python)
    except CannotPrepare as error:
        say(f"\n== {heading}: FAILED, {error}")
        return [False]
    rooms = [str(path) for pattern in OF_THE_HANDLER for path in sorted(ROOT.glob(pattern))]
    return [run_step(heading, [str(inside), "-m", "pytest", *WORKERS, "-q", f"--ignore-glob={SEEN_BEFORE}", *rooms])]


def say(line: str) -> None:
    """Print a line in its place among the output of the checks."""
    print(line, flush=True)  # noqa: T201 - the report of a command


def main(arguments: list[str]) -> int:
    """The exit code: 1 if any check failed."""
    if arguments:
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode  # noqa: S603
    results = run_all()
    say(f"\nchecks: {sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
