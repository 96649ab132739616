"""Reads template.yml: its variables put in, its shape and its sense checked, every mistake at once with its place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import UnsetType

from handler.adapters.yaml_tree import read_tree
from handler.policy.reader import ShapeReader
from handler.policy.tree import Entries, Items, Node, Problem, Remark, Scalar, suggest, write_path
from handler.policy.tree import Path as TreePath
from scripts.deploy.template.check import PLACEHOLDER, find_mistakes
from scripts.deploy.template.shape import FunctionShape, TemplateShape

_EXPRESSION = re.compile(r"\$\{([^}]*)\}")
_ENV = re.compile(r"""env\(\s*['"](\w+)['"]\s*(?:,\s*['"]([^'"]*)['"]\s*)?\)""")


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

    def problem(self, part: str, message: str) -> Problem:
        """An error at a property of the function, or at the nearest part around it that is there."""
        keys = [int(key) if key.isdigit() else key for key in part.split(".")]
        path: TreePath = ("resources", self.name, "props", *keys)
        return _locate(Remark("error", path, message), self.reader, self.file)


def load_template(file: Path, env: Mapping[str, str]) -> Template:
    """Read and check a template file; `env` is what `${env('NAME')}` stands for. Raises OSError."""
    return check_template(file.read_bytes(), str(file), env)


def check_template(text: bytes, file: str, env: Mapping[str, str]) -> Template:
    """Check the bytes of a template; `file` is its name in problems."""
    if not text.strip():
        message = "the file is empty; template.yml in the repository of Bucket Warden shows what belongs there"
        return Template(None, (Problem("error", file, 1, 1, "", message),), file)
    tree, flaws = read_tree(text)
    problems = [Problem("error", file, f.place.line, f.place.column, write_path(f.path), f.message) for f in flaws]
    if tree is None:
        return Template(None, tuple(problems), file)
    filler = _Filler(_read_vars(tree), env)
    filled = filler.fill(tree, ())
    reader = ShapeReader(None)
    shape = reader.read(filled, TemplateShape)
    remarks = [*filler.remarks, *reader.remarks, *_find_placeholders(shape)]
    said = {remark.path for remark in remarks}  # what is wrong in itself need not make sense too
    remarks += [remark for remark in find_mistakes(shape, reader.places) if remark.path not in said]
    problems += [_locate(remark, reader, file) for remark in remarks]
    ordered = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column, problem.message)))
    for name, resource in (shape.resources or {}).items():  # UNSET where it does not fit
        if not isinstance(resource.props, UnsetType):
            return Template(resource.props, ordered, file, name, reader)
    return Template(None, ordered, file, reader=reader)


def _read_vars(tree: Node) -> dict[str, str]:
    if not isinstance(tree, Entries):
        return {}
    found = next((value for key, value in tree.entries if key.text == "vars"), None)
    entries = found.entries if isinstance(found, Entries) else ()
    return {key.text: value.text for key, value in entries if isinstance(value, Scalar)}


def _find_placeholders(shape: TemplateShape) -> Iterator[Remark]:
    for name, value in shape.vars.items():
        if PLACEHOLDER in value:
            yield Remark(
                "error", ("vars", name), f"{value!r} is not set yet; write your own here (the line above says what)"
            )


class _Filler:
    """Puts variables in the place of `${…}`, as Serverless Devs does. `remarks`: those that there are not."""

    def __init__(self, variables: Mapping[str, str], env: Mapping[str, str]) -> None:
        self.remarks: list[Remark] = []
        self._variables, self._env = variables, env

    def fill(self, node: Node, path: TreePath) -> Node:
        """The same tree, filled in."""
        match node:
            case Entries():
                entries = [(key, self.fill(value, (*path, key.text))) for key, value in node.entries]
                return replace(node, entries=tuple(entries))
            case Items():
                items = [self.fill(item, (*path, number)) for number, item in enumerate(node.items)]
                return replace(node, items=tuple(items))
            case Scalar():
                return replace(node, text=_EXPRESSION.sub(lambda found: self._value(found, path), node.text))

    def _value(self, found: re.Match[str], path: TreePath) -> str:
        expression = found[1].strip()
        name = expression.removeprefix("vars.")
        if name != expression:
            if name in self._variables:
                return self._variables[name]
            return self._miss(
                found, path, f"no variable {name!r} under vars{suggest(name, self._variables)}; add it there"
            )
        asked = _ENV.fullmatch(expression)
        if asked is None:
            return self._miss(
                found, path, f"{found[0]!r} is not understood; write ${{vars.NAME}} or ${{env('NAME', 'default')}}"
            )
        value = self._env.get(asked[1], asked[2])
        if value is None:
            return self._miss(found, path, f"{asked[1]} is not set in the environment, and has no default here; set it")
        return value

    def _miss(self, found: re.Match[str], path: TreePath, message: str) -> str:
        self.remarks.append(Remark("error", path, message))
        return found[0]


def _locate(remark: Remark, reader: ShapeReader | None, file: str) -> Problem:
    """The place of a remark, or of the nearest part around it that is in the file."""
    path, places = remark.path, reader.places if reader else {}
    while path and path not in places:
        path = path[:-1]
    line, column = (places[path].line, places[path].column) if path in places else (1, 1)
    return Problem(remark.severity, file, line, column, write_path(remark.path), remark.message)
