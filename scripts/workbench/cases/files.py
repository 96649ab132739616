"""Files of tests, beside the policies that they are about."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from handler.adapters.yaml_tree import read_tree
from handler.errors import FailureKind
from handler.model import Verdict
from handler.policy.reader import ShapeReader
from handler.policy.rules import FAILURES, OTHERWISE, Policy
from handler.policy.tree import Entries, Items, Node, Place, Problem, Scalar, suggest, write_path
from handler.policy.tree import Path as TreePath
from scripts.workbench.cases.case import Case, Expected
from scripts.workbench.short_form import BUCKET, KEY, doubt_label, sample_upload, value_finding

_START = Place(1, 1)
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


@dataclass(frozen=True, slots=True)
class Mention:
    """A label, or a rule, that a test names, and where."""

    kind: Literal["label", "rule"]
    name: str
    case: str
    place: Place


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of tests: its cases, none where it has problems; what they mention is there all the same.

    `policy` is where the policy should be, if named; `place` is where it is named.
    """

    path: Path
    policy: Path | None
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...]
    mentions: tuple[Mention, ...] = ()
    place: Place = _START


def read_cases(text: bytes, path: Path) -> CaseFile:
    """Read a file of tests; every mistake in it is told at once."""
    tree, flaws = read_tree(text)
    problems = [Problem("error", str(path), f.place.line, f.place.column, write_path(f.path), f.message) for f in flaws]
    if tree is None:
        return CaseFile(path, None, (), tuple(problems))
    reader = ShapeReader(None)
    shape = reader.read(_as_words(tree), FileShape)
    problems += [_locate(path, reader, remark.path, remark.message) for remark in reader.remarks]
    for index, test in enumerate(shape.tests):
        mistakes = _find_mistakes(test, ("tests", index), reader.places)
        problems += [_locate(path, reader, where, message) for where, message in mistakes]
    ordered = sorted(problems, key=lambda problem: (problem.line, problem.column, problem.message))
    places = [reader.places.get(("tests", index), _START) for index in range(len(shape.tests))]
    cases = () if problems else tuple(map(_read_case, shape.tests, repeat(str(path)), places))
    mentions = [mention for index, test in enumerate(shape.tests) for mention in _mentions(test, index, reader.places)]
    policy = None if isinstance(shape.policy, UnsetType) else path.parent / shape.policy
    place = reader.places.get(("policy",), _START)
    return CaseFile(path, policy, cases, tuple(ordered), tuple(mentions), place)


def find_unknown_names(policy: Policy, file: CaseFile) -> Iterator[Problem]:
    """Labels and rules in tests that nobody knows: such a test would prove nothing."""
    rules = [rule.name for rule in policy.rules]
    for mention in file.mentions:
        if mention.kind == "label":
            doubt = doubt_label(policy, mention.name)
        else:
            is_known = mention.name in {*rules, OTHERWISE, FAILURES}
            doubt = None if is_known else f"the policy has no rule {mention.name!r}{suggest(mention.name, rules)}"
        if doubt:
            line, column = mention.place.line, mention.place.column
            yield Problem("error", str(file.path), line, column, "", f"{mention.case}: {doubt}")


def _find_mistakes(test: CaseShape, path: TreePath, places: Container[TreePath]) -> Iterator[tuple[TreePath, str]]:
    """What is wrong with a test beyond its shape. What did not fit the shape (it is in `places`) was told there."""
    expect, verdict = (*path, "expect"), (*path, "verdict")
    if isinstance(test.expect.action, UnsetType) and expect in places and (*expect, "action") not in places:
        yield expect, "'action' is missing; say what must be decided, such as {action: quarantine}"
    given = [part for part in ("verdict", "failure") if (*path, part) in places]
    if len(given) != 1 or ("failure" in given and (*path, "risk") in places):
        yield verdict, "a test has a `verdict` (such as {sexual_feet: 60 low}) or a `failure`, and not both"
    if isinstance(test.verdict, UnsetType):
        return
    if not test.verdict:
        yield verdict, "a verdict without findings is none; write {nonLabel: none} for a harmless picture"
    for label, value in test.verdict.items():
        if wrong := _wrong_finding(label, value):
            yield (*verdict, label), wrong


def _wrong_finding(label: str, value: str) -> str | None:
    try:
        value_finding(label, value)
    except ValueError as error:
        return str(error)
    return None


def _mentions(test: CaseShape, index: int, places: Mapping[TreePath, Place]) -> Iterator[Mention]:
    case = "a test" if isinstance(test.name, UnsetType) else test.name
    for label in {} if isinstance(test.verdict, UnsetType) else test.verdict:
        yield Mention("label", label, case, places["tests", index, "verdict", label])
    if not isinstance(test.expect.rule, UnsetType):
        yield Mention("rule", test.expect.rule, case, places["tests", index, "expect", "rule"])
    shadow = [] if isinstance(test.expect.shadow, UnsetType) else test.expect.shadow
    for position, name in enumerate(shadow):
        if isinstance(name, str):
            yield Mention("rule", name, case, places["tests", index, "expect", "shadow", position])


def _read_case(test: CaseShape, file: str, place: Place) -> Case:
    """Put a test without mistakes together."""
    given, expect = test.upload, test.expect
    upload = sample_upload(given.key, given.bucket, given.size_bytes, given.content_type)
    expected = Expected(
        "" if isinstance(expect.action, UnsetType) else expect.action,
        None if isinstance(expect.rule, UnsetType) else expect.rule,
        None if isinstance(expect.tags, UnsetType) else expect.tags,
        None if isinstance(expect.shadow, UnsetType) else tuple(expect.shadow),
    )
    return Case(test.name, file, place.line, upload, _read_verdict(test), expected)


def _read_verdict(test: CaseShape) -> Verdict | FailureKind:
    if not isinstance(test.failure, UnsetType):
        return FailureKind(test.failure)
    risk = None if isinstance(test.risk, UnsetType) else test.risk
    labels = {} if isinstance(test.verdict, UnsetType) else test.verdict
    return Verdict("", risk, tuple(value_finding(label, value) for label, value in labels.items()))


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
