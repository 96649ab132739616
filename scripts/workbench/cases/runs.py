"""Finds tests, runs them, and says what failed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from handler.model import Decision
from handler.policy.rules import Policy
from handler.policy.tree import Problem
from scripts.workbench.cases.case import Case, Difference, compare
from scripts.workbench.cases.coverage import RuleCoverage, cover
from scripts.workbench.cases.files import CaseFile, find_unknown_names, read_cases
from scripts.workbench.files import SUFFIXES, TESTS, check_file, find_policies, read_bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that does not hold. `decision` is None for an upload out of scope."""

    case: Case
    differences: tuple[Difference, ...]
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class Run:
    """All tests of one policy. `coverage` is measured only where all of them hold."""

    policy_file: Path
    policy: Policy | None
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]
    failures: tuple[Failure, ...]
    coverage: tuple[RuleCoverage, ...]

    @property
    def gaps(self) -> list[Problem]:
        """What the tests do not cover, at the lines of the policy."""
        return [
            Problem("error", str(self.policy_file), covered.rule.line, 1, "", gap)
            for covered in self.coverage
            for gap in covered.gaps
        ]


def run_tests(paths: Iterable[Path]) -> Iterator[Run]:
    """Run the tests in files and folders, policy by policy; a policy without tests has nothing covered."""
    by_policy: dict[Path, list[CaseFile]] = {}
    unnamed: list[CaseFile] = []
    for path in paths:
        for policy_file in _policies(path):
            by_policy.setdefault(policy_file.resolve(), [])
        for file in (_read(found) for found in _test_files(path)):
            if file.policy is None:
                unnamed.append(file)
            elif file.path not in {known.path for known in by_policy.get(file.policy.resolve(), [])}:
                by_policy.setdefault(file.policy.resolve(), []).append(file)
    for file in unnamed:
        yield Run(file.path, None, (), file.problems, (), ())
    for policy_file, files in by_policy.items():
        yield _run(_shorten(policy_file), files)


def _run(policy_file: Path, files: list[CaseFile]) -> Run:
    cases = tuple(case for file in files for case in file.cases)
    problems = [problem for file in files for problem in file.problems]
    try:
        _, checked = check_file(policy_file)
    except OSError as error:
        missing = Problem("error", str(files[0].path), 1, 1, "policy", f"{policy_file}: {error.strerror}")
        return Run(policy_file, None, cases, (*problems, missing), (), ())
    policy = checked.policy
    if policy is None:
        return Run(policy_file, None, cases, (*problems, *checked.problems), (), ())
    problems += [problem for file in files for problem in find_unknown_names(policy, file)]
    failures = tuple(_failures(policy, cases))
    is_sound = not problems and not failures
    return Run(policy_file, policy, cases, tuple(problems), failures, tuple(cover(policy, cases) if is_sound else ()))


def _failures(policy: Policy, cases: Iterable[Case]) -> Iterator[Failure]:
    for case in cases:
        decision = case.decide(policy)
        if differences := compare(case.expected, decision):
            yield Failure(case, tuple(differences), decision)


def _read(path: Path) -> CaseFile:
    try:
        return read_cases(read_bytes(path), path)
    except OSError as error:
        problem = Problem("error", str(path), 1, 1, "", f"this file cannot be read ({error.strerror})")
        return CaseFile(path, None, (), (problem,))


def _policies(path: Path) -> Iterator[Path]:
    """The policies that a path means: not those that only its tests name."""
    if _is_of_tests(path):
        return
    yield from find_policies([path])


def _test_files(path: Path) -> Iterator[Path]:
    """The files of tests that a path means; for a policy those beside it that name it."""
    if _is_of_tests(path):
        yield from _listed(path) if path.is_dir() else [path]
    elif path.is_dir():
        for folder in [path, *sorted(inner for inner in path.rglob("*") if inner.is_dir())]:
            if folder.name != TESTS or folder == path:
                yield from _listed(folder / TESTS)
    else:
        for found in _listed(path.parent / TESTS):
            policy = _read(found).policy
            if policy is None or policy.resolve() == path.resolve():
                yield found


def _is_of_tests(path: Path) -> bool:
    folder = path if path.is_dir() else path.parent
    return folder.resolve().name == TESTS


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES) if folder.is_dir() else []


def _shorten(path: Path) -> Path:
    """The path from where the person stands, where that is shorter."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
