"""The checks of the project, one after the other: what `scripts/test` runs in the development environment.

scripts/test               what to run at each change; each check runs even if an earlier one failed
scripts/test --all         what has to pass before a change lands: that, what is exhaustive, and Python 3.10
scripts/test -k policy     any other arguments are pytest's, which then runs alone
"""

import subprocess
import sys
import time
from pathlib import Path

from scripts.environment.making import ROOT, CannotPrepare, prepare
from scripts.environment.pythons import find_python

PRODUCTION = "3.10"
PYTEST = ("-m", "pytest", "-n", "2", "-q")
# Where the handler is tested: measured for coverage, which costs every call that is made there, and run on the version
# of production too.
OF_THE_HANDLER = ("tests/test_*.py", "tests/policy", "tests/upload", "tests/adapters", "tests/end_to_end")
LONGER_CHAOS = ("tests/end_to_end/test_chaos.py", "--chaos-examples", "120")


def run_step(heading: str, command: list[str]) -> bool:
    """Run one check in the project's root, its output as it comes; True if it passed."""
    say(f"\n== {heading}")
    started = time.monotonic()
    passed = subprocess.run(command, cwd=ROOT, check=False).returncode == 0  # noqa: S603 - the commands below
    say(f"== {heading}: {'passed' if passed else 'FAILED'}, {time.monotonic() - started:.1f} s")
    return passed


def common_steps(*, has_production: bool, is_quick: bool) -> dict[str, list[str]]:
    """What is run either way; the package is tested only where its Python is there to build it."""
    python, tools, rooms = sys.executable, Path(sys.executable).parent, handler_rooms()
    chosen = "not exhaustive" if has_production else "not exhaustive and not packaged"
    examples = ["--hypothesis-profile=quick"] if is_quick else []
    pytest = [python, *PYTEST, "-m", chosen, *examples]
    return {
        "ruff check": [python, "-m", "ruff", "check"],
        "ruff format": [python, "-m", "ruff", "format", "--check"],
        "mypy --strict": [python, "-m", "mypy"],
        "import-linter": [str(tools / "lint-imports"), "--no-logo"],
        "pytest of the handler, with branch coverage": [*pytest, "--cov=handler", *rooms],
        "pytest of the tools": [*pytest, *(f"--ignore={room}" for room in rooms)],
    }


def run_exhaustive(production: Path | None) -> list[bool]:
    """What takes minutes: every gap of every action, long histories, and the handler on the version of production."""
    pytest = [sys.executable, *PYTEST]
    results = [
        run_step("pytest, what is exhaustive", [*pytest, "-m", "exhaustive"]),
        run_step("pytest, longer chaos", [*pytest, *LONGER_CHAOS]),
    ]
    if production is None:
        say(f"\n== pytest of the handler on Python {PRODUCTION}: FAILED, there is none here")
        return [*results, False]
    heading = f"pytest of the handler on Python {PRODUCTION}"
    try:
        inside = prepare("dev", production)
    except CannotPrepare as error:
        say(f"\n== {heading}: FAILED, {error}")
        return [*results, False]
    return [*results, run_step(heading, [str(inside), *PYTEST, "-m", "not exhaustive", *handler_rooms()])]


def handler_rooms() -> list[str]:
    """The paths of the tests of the handler."""
    return [str(path.relative_to(ROOT)) for pattern in OF_THE_HANDLER for path in sorted(ROOT.glob(pattern))]


def say(line: str) -> None:
    """Print a line in its place among the output of the checks."""
    print(line, flush=True)  # noqa: T201 - the report of a command


def main(arguments: list[str]) -> int:
    """The exit code: 1 if any check failed."""
    if "--all" in arguments and len(arguments) > 1:
        say("--all stands alone; what is meant for pytest goes without it: scripts/test -k policy")
        return 2
    if arguments not in ([], ["--all"]):
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode  # noqa: S603
    production = find_python(PRODUCTION)
    steps = common_steps(has_production=production is not None, is_quick=not arguments)
    results = [run_step(heading, command) for heading, command in steps.items()]
    if arguments:
        results += run_exhaustive(production)
    if production is None:
        say(f"\nno Python {PRODUCTION} here: the package was NOT tested (install one: pyenv install {PRODUCTION})")
    left_out = "" if production else ", 1 left out"
    say(f"\nchecks: {sum(results)} passed, {len(results) - sum(results)} failed{left_out}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
