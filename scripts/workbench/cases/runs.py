"""Finds tests, runs them, and says what failed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from handler.model import Decision
from handler.policy.rules import Policy
from handler.policy.tree import Problem, suggest
from scripts.workbench.cases.case import Case, Difference, compare
from scripts.workbench.cases.coverage import RuleCoverage, cover
from scripts.workbench.cases.files import CaseFile, find_unknown_names, read_cases
from scripts.workbench.files import SUFFIXES, TESTS, check_file, find_policies, read_bytes, shorten, tested_policy

_MOST_LOOKED_AT = 200  # files near a policy without tests


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
        yield _run(shorten(policy_file), files)


def _run(policy_file: Path, files: list[CaseFile]) -> Run:
    cases = tuple(case for file in files for case in file.cases)
    problems = [problem for file in files for problem in file.problems]
    try:
        text, checked = check_file(policy_file)
    except OSError as error:
        problems += [_miss_policy(file, policy_file, error.strerror or "") for file in files]
        return Run(policy_file, None, cases, tuple(problems), (), ())
    policy = checked.policy
    if files and tested_policy(text) is not None:
        problems += [_miss_policy(file, policy_file, "this is a file of tests, and no policy") for file in files]
        return Run(policy_file, None, cases, tuple(problems), (), ())
    if policy is None:
        return Run(policy_file, None, cases, (*problems, *checked.problems), (), ())
    problems += [problem for file in files for problem in find_unknown_names(policy, file)]
    problems += [] if files else _find_tests_elsewhere(policy_file)
    failures = tuple(_failures(policy, cases))
    is_sound = not problems and not failures
    return Run(policy_file, policy, cases, tuple(problems), failures, tuple(cover(policy, cases) if is_sound else ()))


def _miss_policy(file: CaseFile, policy_file: Path, why: str) -> Problem:
    above = sorted(path.name for path in file.path.parent.parent.glob("*.y*ml"))
    hint = f"; did you mean '../{policy_file.name}'" if policy_file.name in above else suggest(policy_file.name, above)
    message = f"{policy_file}: {why}{hint}; the path is seen from the folder of the tests, such as ../default.yml"
    return Problem("error", str(file.path), file.place.line, file.place.column, "policy", message)


def _find_tests_elsewhere(policy_file: Path) -> Iterator[Problem]:
    """Tests of a policy that has none where they belong: name those that lie somewhere near."""
    folder = policy_file.parent
    near = [folder, *_folders(folder), *_folders(folder.absolute().parent)]
    files = dict.fromkeys(path.resolve() for place in near for path in _files(place))
    for path in islice(files, _MOST_LOOKED_AT):
        found = _read(path) if path != policy_file.resolve() else None
        if found is not None and found.policy is not None and found.policy.resolve() == policy_file.resolve():
            right = shorten(folder / TESTS / path.name)
            message = f"these are tests of {policy_file}, and are not run here; move them to {right}, with policy: "
            yield Problem("error", str(shorten(path)), 1, 1, "", f"{message}../{policy_file.name}")


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_dir())


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
    return folder.resolve().name == TESTS or (path.is_file() and TESTS in path.parts and _holds_tests(path))


def _holds_tests(path: Path) -> bool:
    try:
        return tested_policy(read_bytes(path)) is not None
    except OSError:
        return False


def _listed(folder: Path) -> list[Path]:
    """The files of a folder of tests, those in folders within included."""
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES) if folder.is_dir() else []


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES)
