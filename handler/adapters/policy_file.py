"""Policy files: find one, check one, load one."""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from handler.adapters.yaml_tree import MOST_BYTES, read_tree
from handler.errors import BadPolicy
from handler.policy.check import find_mistakes
from handler.policy.compiler import compile_policy
from handler.policy.doubts import find_doubts
from handler.policy.reader import ShapeReader
from handler.policy.rules import Policy
from handler.policy.shape import PolicyShape
from handler.policy.slips import find_slips
from handler.policy.tree import Place, Problem, Remark, write_path

# Where the package keeps a policy that does not lie below the template's folder.
OUTSIDE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a policy file: the policy, None where it has errors, and all problems by their place."""

    policy: Policy | None
    problems: tuple[Problem, ...]


def check_policy(
    text: bytes, file: str, settings: Mapping[str, str] | None = None, watched_buckets: Sequence[str] = ()
) -> Checked:
    """Check the bytes of a policy file; `file` is its name in problems.

    `settings` are what `${NAME}` stands for; with None it may stay unset, and stands for itself. Warnings about what
    rules do together are sought only in a file without errors.
    """
    checked, reader, shape = _read(text, file, settings, watched_buckets)
    if checked.policy is None or shape is None:
        return checked
    doubts = [_locate(doubt, reader, file) for doubt in find_doubts(shape, checked.policy)]
    return Checked(checked.policy, _sorted([*checked.problems, *doubts]))


def packaged_place(policy: str) -> str:
    """Where the package keeps the file that POLICY names, relative to the code directory.

    At its own path, if that leads below the template's folder; else (`../common/site.yml`, `/srv/site.yml`) in a folder
    of its own. Of the setting alone: the package is made on one machine, and the function starts on another.
    """
    path = posixpath.normpath(policy)
    if not path.startswith(("/", "../")) and path != "..":
        return path
    return f"{OUTSIDE}/{posixpath.basename(path)}"


def find_policy(code: Path, policy: str) -> Path:
    """The file that POLICY means to the function in `code`: what was packaged for it, else the path as it is.

    The latter is for what no package made, such as a checkout.
    """
    packaged = code / packaged_place(policy)
    return packaged if posixpath.isfile(packaged) else code / policy


def read_policy(path: str | Path) -> bytes:
    """The bytes of a policy file; of one that is too big, as many as show that it is. Raises OSError."""
    with Path(path).open("rb") as file:
        return file.read(MOST_BYTES + 1)


def load_policy(
    path: str | Path,
    settings: Mapping[str, str],
    watched_buckets: Sequence[str],
    warn: Callable[[Problem], object] = lambda _: None,
) -> Policy:
    """Load the policy for use. Raises BadPolicy with every error, one a line.

    `warn` is told of each value that was probably meant otherwise; what rules do together is left to `check_policy`,
    for it can take long.
    """
    try:
        text = read_policy(path)
    except OSError as error:
        message = f"{path}: the policy cannot be read ({error.strerror}); POLICY must name a policy file"
        raise BadPolicy(message) from error
    checked, _, _ = _read(text, str(path), settings, watched_buckets)
    if checked.policy is None:
        raise BadPolicy("\n".join(str(problem) for problem in checked.problems if problem.severity == "error"))
    for problem in checked.problems:
        warn(problem)
    return checked.policy


def _read(
    text: bytes, file: str, settings: Mapping[str, str] | None, watched_buckets: Sequence[str]
) -> tuple[Checked, ShapeReader, PolicyShape | None]:
    tree, flaws = read_tree(text)
    problems = [
        Problem("error", file, flaw.place.line, flaw.place.column, write_path(flaw.path), flaw.message)
        for flaw in flaws
    ]
    reader = ShapeReader(settings)
    shape = None
    if tree is not None:
        shape = reader.read(tree, PolicyShape)
        remarks = [*reader.remarks, *find_mistakes(shape, reader.places, watched_buckets)]
        problems += [_locate(remark, reader, file) for remark in remarks]
        wrong = {problem.path for problem in problems}  # what is wrong in itself need not make sense too
        slips = [_locate(slip, reader, file) for slip in find_slips(shape, watched_buckets)]
        problems += [slip for slip in slips if slip.path not in wrong]
    if shape is None or any(problem.severity == "error" for problem in problems):
        return Checked(None, _sorted(problems)), reader, shape
    policy = compile_policy(shape, text, reader.places, reader.key_places)
    return Checked(policy, _sorted(problems)), reader, shape


def _locate(remark: Remark, reader: ShapeReader, file: str) -> Problem:
    """Find the place of a remark: that of its path, or of the nearest part around it that is in the file."""
    path = remark.path
    while path not in reader.places:
        path = path[:-1]
    place: Place = reader.places[path]
    return Problem(remark.severity, file, place.line, place.column, write_path(remark.path), remark.message)


def _sorted(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column, problem.message)))
