"""Reads template.yml: its variables put in, its shape and its sense checked, every mistake at once with its place."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import UnsetType

from handler.policy.reader import ShapeReader
from handler.policy.tree import Entries, Node, Place, Problem, Remark, Scalar, write_path
from handler.policy.tree import Path as TreePath
from scripts.deploy.template.check import find_mistakes
from scripts.deploy.template.expressions import Filler, find_node
from scripts.deploy.template.merging import read_merged
from scripts.deploy.template.reader import TemplateReader
from scripts.deploy.template.resources import merge, move, pick_ours
from scripts.deploy.template.shape import FunctionShape, TemplateShape
from scripts.deploy.template.slips import join_slips
from scripts.deploy.template.variables import check_variables

_SETTING = re.compile(r"""\s*(?:export\s+)?(\w+)\s*=\s*(['"]?)(.*?)\2\s*""")


@dataclass(frozen=True, slots=True)
class Template:
    """What came of a template: the function (None where the file has none), and all problems in order of place.

    `function` is what could be read, also where there are errors. `places` is where each part of the file stands.
    """

    function: FunctionShape | None
    problems: tuple[Problem, ...]
    file: str = "template.yml"
    name: str = ""
    reader: ShapeReader | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that must be mended; the others are warnings."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    def problem(self, part: str, message: str) -> Problem:
        """An error at a property of the function, or at the nearest part around it that is there."""
        keys = [int(key) if key.isdigit() else key for key in part.split(".")]
        path: TreePath = ("resources", self.name, "props", *keys)
        return _locate(Remark("error", path, message), self.reader, self.file)


def load_template(file: Path, env: Mapping[str, str]) -> Template:
    """Read and check a template file; `env` is what `${env('NAME')}` stands for. Raises OSError.

    A file that it extends is read too; what is wrong there is told at the word `extend`. So is a file `.env` beside it,
    as Serverless Devs does (parse-spec): what the environment has goes before it.
    """
    return check_template(file.read_bytes(), str(file), {**_read_dotenv(file.with_name(".env")), **env}, file.parent)


def _read_dotenv(file: Path) -> dict[str, str]:
    """NAME=VALUE, a line each; values may stand in quotes."""
    lines = file.read_text("utf-8", "replace").splitlines() if file.is_file() else []
    found = [match for line in lines if (match := _SETTING.fullmatch(line))]
    return {match[1]: match[3] for match in found}


def check_template(text: bytes, file: str, env: Mapping[str, str], folder: Path | None = None) -> Template:
    """Check the bytes of a template; `file` is its name in problems, `folder` where a file that it extends lies."""
    if not text.strip():
        message = "the file is empty; template.yml in the repository of Bucket Warden shows what belongs there"
        return Template(None, (Problem("error", file, 1, 1, "", message),), file)
    tree, flaws = read_merged(text)
    problems = [Problem("error", file, f.place.line, f.place.column, write_path(f.path), f.message) for f in flaws]
    if tree is None:
        return Template(None, tuple(problems), file)
    tree, remarks = _extend(tree, folder)
    filled, more = _fill(tree, env)
    reader = TemplateReader()
    shape = reader.read(filled, TemplateShape)
    remarks += [*more, *reader.remarks]
    said = {remark.path for remark in remarks}  # what is wrong in itself need not make sense too
    remarks += [remark for remark in find_mistakes(shape, reader) if remark.path not in said]
    problems += [_locate(remark, reader, file) for remark in join_slips([*_once(remarks)], reader.meant)]
    ordered = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column, problem.message)))
    for name, resource in (shape.resources or {}).items():  # UNSET where it does not fit
        if not isinstance(resource.props, UnsetType):
            return Template(resource.props, ordered, file, name, reader)
    return Template(None, ordered, file, reader=reader)


def _extend(tree: Node, folder: Path | None) -> tuple[Node, list[Remark]]:
    """Put below a file what it extends (docs/zh/extend.md of Serverless Devs)."""
    name = find_node(tree, ["extend"])
    if not isinstance(name, Scalar) or folder is None:
        return tree, []
    try:
        base, flaws = read_merged((folder / name.text).read_bytes())
    except OSError as error:
        message = f"{name.text!r} cannot be read ({error.strerror}); name a file as seen from this one"
        return tree, [Remark("error", ("extend",), message)]
    if base is None or flaws:
        told = "; ".join(f"{name.text}:{flaw.place.line}: {flaw.message}" for flaw in flaws)
        return tree, [Remark("error", ("extend",), told)]
    return merge(move(base, name.place), tree), []


def _fill(tree: Node, env: Mapping[str, str]) -> tuple[Node, list[Remark]]:
    """The tree of what is ours, filled in, and what is wrong with its variables and expressions."""
    if not isinstance(tree, Entries):
        return tree, []
    variables = find_node(tree, ["vars"])
    if variables is None:
        variables = Entries(Place(1, 1), ())
    first = Filler(tree, env)
    filled = first.fill(variables, ("vars",))
    checked = check_variables(tree, filled)
    whole = replace(tree, entries=tuple((key, filled if key.text == "vars" else value) for key, value in tree.entries))
    second = Filler(whole, env, checked.unfit)
    entries = [(key, value if key.text == "vars" else second.fill(value, (key.text,))) for key, value in whole.entries]
    ours, remarks = pick_ours(replace(whole, entries=tuple(entries)))
    return ours, [*first.remarks, *checked.remarks, *second.remarks, *remarks]


def _once(remarks: Iterable[Remark]) -> Iterable[Remark]:
    """Each once: what is said of a variable is not said again of where it is used."""
    said: dict[str, Remark] = {}
    for remark in remarks:
        first = said.setdefault(remark.message, remark)
        if first is remark or first.path[:1] != ("vars",):
            yield remark


def _locate(remark: Remark, reader: ShapeReader | None, file: str) -> Problem:
    """The place of a remark, or of the nearest part around it that is in the file."""
    path, places = remark.path, reader.places if reader else {}
    while path and path not in places:
        path = path[:-1]
    line, column = (places[path].line, places[path].column) if path in places else (1, 1)
    return Problem(remark.severity, file, line, column, write_path(remark.path), remark.message)
