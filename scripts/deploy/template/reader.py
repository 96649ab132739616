"""Reads the filled-in tree of a template as its shape, and passes over what the component takes and we don't use."""

import re
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from msgspec import UNSET, Struct, inspect

from handler.policy.reader import ShapeReader
from handler.policy.tree import Entries, Node, Path, Remark, Scalar, suggest
from scripts.deploy.template.expressions import is_open

_NAMES = FilePath(__file__).with_name("fc3.txt")
_TEMPLATE_KEYS = ("edition", "name", "access", "vars", "resources", "actions", "flow", "template", "extend", "env")
_RESOURCE_KEYS = ("component", "props", "actions", "access", "extend")
_ACTION = re.compile(r"(pre|post|success|fail|complete)-.+|\$\{.*")
_ACTIONS = ("pre-deploy", "post-deploy", "success-deploy", "fail-deploy", "complete-deploy", "pre-remove")
_SLIP = 0.8  # as alike as `label` and `labels`
_AUTOMATIC = ("logConfig", "vpcConfig", "vSwitchIds")  # what the component makes, where `auto` stands for it


class TemplateReader(ShapeReader):
    """Reads one template.

    `open` are the places whose value is not known here, or was refused: UNSET in the result, whatever its default.
    `words` are what stands in the place of a section, such as `auto`.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.open: set[Path] = set()
        self.words: dict[Path, str] = {}

    def _read(self, node: Node, kind: inspect.Type, path: Path) -> Any:  # noqa: ANN401 - its type is in `kind`
        bare = kind.type if isinstance(kind, inspect.Metadata) else kind
        if is_open(node) and not isinstance(bare, inspect.StrType):
            return self._leave(node, path)
        if path and path[-1] in _AUTOMATIC and isinstance(node, Scalar) and node.text.startswith("auto"):
            self.words[path] = node.text
            return self._leave(node, path)
        if isinstance(node, Entries) and path[-1:] == ("code",):  # a package that lies in a bucket already
            return self._leave(node, path)
        read = super()._read(node, kind, path)
        if read is UNSET:
            self.open.add(path)
        return read

    def _read_dict(self, node: Node, kind: inspect.DictType, path: Path) -> Any:  # noqa: ANN401 - dict or UNSET
        if isinstance(node, Entries):  # see _read_field
            node = replace(node, entries=tuple(entry for entry in node.entries if not _is_empty(entry[1])))
        return super()._read_dict(node, kind, path)

    def _read_struct(self, node: Node, kind: inspect.StructType, path: Path, *, least: int) -> Struct:
        read = super()._read_struct(node, kind, path, least=least)
        for field in kind.fields:
            if (*path, field.name) in self.open and isinstance(getattr(read, field.name), (int, float, str)):
                setattr(read, field.name, UNSET)
        return read

    def _leave(self, node: Node, path: Path) -> Any:  # noqa: ANN401 - see above
        self.places[path] = node.place
        self.open.add(path)
        return UNSET

    def _read_field(
        self, key: Scalar, value: Node, fields: dict[str, inspect.Field], path: Path, values: dict[str, Any]
    ) -> None:
        inner = (*path, key.text)
        self.places[inner] = self.key_places[inner] = key.place
        if _is_empty(value):
            return  # Serverless Devs takes away what is empty (parse-spec, get-inputs)
        if key.text in fields:
            super()._read_field(key, value, fields, path, values)
        else:
            self._pass_over(key.text, inner, fields)
            if inner == ("vars",):
                self._note_places(value, inner)
            if key.text == "actions" and isinstance(value, Entries):
                self._look_at_actions(value, inner)

    def _note_places(self, node: Node, path: Path) -> None:
        self.places[path] = node.place
        for key, value in node.entries if isinstance(node, Entries) else ():
            self._note_places(value, (*path, key.text))

    def _pass_over(self, name: str, path: Path, fields: dict[str, inspect.Field]) -> None:
        """Say nothing of what the component knows; of all else, that it is passed over, by the schema that we have."""
        known = _known_names(path[:-1])
        if known is None or name in known:
            return
        meant = get_close_matches(name, [*fields, *sorted(known - set(fields))], n=1, cutoff=_SLIP)
        if meant or len(path) > 1:  # at the top anchors are kept under any name
            hint = f"; did you mean {meant[0]!r}" if meant else ""
            message = f"unknown key {name!r}{hint}; Serverless Devs and its component pass over it, as far as we know"
            self.remarks.append(Remark("warning", path, message))

    def _look_at_actions(self, actions: Entries, path: Path) -> None:
        for key, _ in actions.entries:
            inner = (*path, key.text)
            self.places[inner] = key.place
            if not _ACTION.fullmatch(key.text):
                message = f"unknown action {key.text!r}{suggest(key.text, _ACTIONS)}; it is never run"
                self.remarks.append(Remark("warning", inner, message))


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.kind == "null"


def _known_names(path: Path) -> set[str] | None:
    """What may stand under a path of a template; None where anything may."""
    if not path:
        return set(_TEMPLATE_KEYS)
    if len(path) == len(("resources", "NAME")):
        return set(_RESOURCE_KEYS)
    place = ".".join(str(key) for key in path[3:] if not isinstance(key, int))  # after resources, NAME, props
    names = _read_names().get(place, set())
    return None if "*" in names else names


@cache
def _read_names() -> dict[str, set[str]]:
    """The component's own names: of each place, what may stand there."""
    names: dict[str, set[str]] = {}
    for line in _NAMES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            place, _, name = line.rpartition(".")
            names.setdefault(place, set()).add(name)
    return names
