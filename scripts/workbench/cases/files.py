"""Files of tests, beside the policies that they are about."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from handler.adapters.yaml_tree import read_tree
from handler.errors import FailureKind
from handler.model import Finding, Verdict
from handler.policy.reader import ShapeReader
from handler.policy.rules import FAILURES, OTHERWISE, Policy
from handler.policy.tree import Entries, Items, Node, Problem, Scalar, suggest, write_path
from handler.policy.tree import Path as TreePath
from scripts.workbench.cases.case import Case, Expected
from scripts.workbench.short_form import BUCKET, KEY, doubt_label, sample_upload, value_finding

Text = Annotated[str, Meta(min_length=1, extra={"right": "write some text"})]


class UploadShape(Struct, forbid_unknown_fields=True):
    """The upload of a test."""

    key: Text = KEY
    bucket: Text = BUCKET
    size_bytes: Annotated[int, Meta(ge=0, extra={"right": "a whole number of bytes"})] = 100_000
    content_type: Text | None = "image/jpeg"


class ExpectShape(Struct, forbid_unknown_fields=True):
    """What must be decided; of the rest only what is stated is compared. `action` is required."""

    action: Literal["delete", "none", "out-of-scope", "pass", "quarantine", "tag"] | UnsetType = UNSET
    rule: Text | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET
    shadow: list[Text] | UnsetType = UNSET


class CaseShape(Struct, forbid_unknown_fields=True):
    """One test. It has a verdict or a failure."""

    name: Text
    expect: ExpectShape
    upload: UploadShape = msgspec.field(default_factory=UploadShape)
    verdict: dict[Text, str] | UnsetType = UNSET
    risk: Literal["high", "low", "medium", "none"] | UnsetType = UNSET
    failure: (
        Literal["archived", "rejected", "symlink", "too_large", "unavailable", "unreadable", "unsupported"] | UnsetType
    ) = UNSET


class FileShape(Struct, forbid_unknown_fields=True):
    """One file of tests; `policy` is the policy's file, seen from the folder of this one."""

    policy: Text
    tests: Annotated[list[CaseShape], Meta(min_length=1)]


class BadCase(Exception):
    """A part of a test that cannot be what is meant."""

    def __init__(self, part: str, message: str) -> None:
        super().__init__(message)
        self.part = part


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of tests: its cases, none where it has problems. `policy` is where the policy should be, if named."""

    path: Path
    policy: Path | None
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]


def read_cases(text: bytes, path: Path) -> CaseFile:
    """Read a file of tests; every mistake in it is told at once."""
    tree, flaws = read_tree(text)
    problems = [Problem("error", str(path), f.place.line, f.place.column, write_path(f.path), f.message) for f in flaws]
    if tree is None:
        return CaseFile(path, None, (), tuple(problems))
    reader = ShapeReader(None)
    shape = reader.read(_as_words(tree), FileShape)
    problems += [_locate(path, reader, remark.path, remark.message) for remark in reader.remarks]
    cases: list[Case] = []
    if not problems:
        for index, test in enumerate(shape.tests):
            try:
                cases.append(_read_case(test, str(path), reader.places["tests", index].line))
            except BadCase as error:  # noqa: PERF203 - every mistake of the file is told
                problems.append(_locate(path, reader, ("tests", index, error.part), str(error)))
    policy = None if isinstance(shape.policy, UnsetType) else path.parent / shape.policy
    return CaseFile(path, policy, () if problems else tuple(cases), tuple(problems))


def find_unknown_names(policy: Policy, file: CaseFile) -> Iterator[Problem]:
    """Labels and rules in tests that nobody knows: such a test would prove nothing."""
    rules = [rule.name for rule in policy.rules]
    for case in file.cases:
        doubts = [doubt_label(policy, finding.label) for finding in _findings(case)]
        named = [*(case.expected.shadow or ()), *([case.expected.rule] if case.expected.rule else [])]
        doubts += [
            f"the policy has no rule {name!r}{suggest(name, rules)}"
            for name in named
            if name not in {*rules, OTHERWISE, FAILURES}
        ]
        for doubt in filter(None, doubts):
            yield Problem("error", case.file, case.line, 1, "", f"{case.name}: {doubt}")


def _findings(case: Case) -> tuple[Finding, ...]:
    return case.verdict.findings if isinstance(case.verdict, Verdict) else ()


def _read_case(test: CaseShape, file: str, line: int) -> Case:
    """Raises BadCase."""
    given, expect = test.upload, test.expect
    if isinstance(expect.action, UnsetType):
        raise BadCase("expect", "'action' is missing; say what must be decided, such as {action: quarantine}")
    upload = sample_upload(given.key, given.bucket, given.size_bytes, given.content_type)
    expected = Expected(
        expect.action,
        None if isinstance(expect.rule, UnsetType) else expect.rule,
        None if isinstance(expect.tags, UnsetType) else expect.tags,
        None if isinstance(expect.shadow, UnsetType) else tuple(expect.shadow),
    )
    return Case(test.name, file, line, upload, _read_verdict(test), expected)


def _read_verdict(test: CaseShape) -> Verdict | FailureKind:
    """Raises BadCase."""
    risk = None if isinstance(test.risk, UnsetType) else test.risk
    match test.verdict, test.failure:
        case dict() as labels, UnsetType():
            return Verdict("", risk, _read_findings(labels))
        case UnsetType(), str() as failure if risk is None:
            return FailureKind(failure)
        case _:
            message = "a test has a `verdict` (such as {sexual_feet: 60 low}) or a `failure`, and not both"
            raise BadCase("verdict", message)


def _read_findings(labels: dict[str, str]) -> tuple[Finding, ...]:
    """Raises BadCase."""
    if not labels:
        raise BadCase("verdict", "a verdict without findings is none; write {nonLabel: none} for a harmless picture")
    try:
        return tuple(value_finding(label, value) for label, value in labels.items())
    except ValueError as error:
        raise BadCase("verdict", str(error)) from error


def _as_words(node: Node, *, in_verdict: bool = False) -> Node:
    """Take the values of verdicts as words of ours: YAML would make a number of 60, and null of no value."""
    match node:
        case Entries(place, entries):
            words = [(key, _as_words(value, in_verdict=in_verdict or key.text == "verdict")) for key, value in entries]
            return Entries(place, tuple(words))
        case Items(place, items):
            return Items(place, tuple(_as_words(item) for item in items))
        case Scalar(place, text, kind) if in_verdict and kind != "text":
            return Scalar(place, "" if kind == "null" else text, "text")
        case _:
            return node


def _locate(path: Path, reader: ShapeReader, where: TreePath, message: str) -> Problem:
    nearest = where
    while nearest not in reader.places:
        nearest = nearest[:-1]
    place = reader.places[nearest]
    return Problem("error", str(path), place.line, place.column, write_path(where), message)
