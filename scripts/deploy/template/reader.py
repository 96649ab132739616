"""Reads the filled-in tree of a template as its shape, and passes over what the component takes and we don't use."""

import re
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from msgspec import UNSET, Struct, inspect

from handler.policy.reader import ShapeReader
from handler.policy.tree import Entries, Items, Node, Path, Remark, Scalar, suggest
from scripts.deploy.template.expressions import is_open
from scripts.deploy.template.slips import find_home

_NAMES = FilePath(__file__).with_name("fc3.txt")
_TEMPLATE_KEYS = ("edition", "name", "access", "vars", "resources", "actions", "flow", "template", "extend", "env")
_RESOURCE_KEYS = ("component", "props", "actions", "access", "extend")
_ACTION = re.compile(r"(pre|post|success|fail|complete)-.+|\$\{.*")
_ACTIONS = ("pre-deploy", "post-deploy", "success-deploy", "fail-deploy", "complete-deploy", "pre-remove")
_STEPS = ("run", "component", "plugin")  # what an action does ("actions" in docs/zh/yaml.md of Serverless Devs)
_WITH_UNIT = re.compile(r"([0-9]{1,9})\s*(?:MB?|Mi|MiB|s|sec|seconds)", re.IGNORECASE)
_SLIP = 0.8  # as alike as `label` and `labels`
_AUTOMATIC = ("logConfig", "vpcConfig", "vSwitchIds")  # what the component makes, where `auto` stands for it


class TemplateReader(ShapeReader):
    """Reads one template.

    `open` are the places whose value is not known here, or was refused: UNSET in the result, whatever its default.
    `words` are what stands in the place of a section, such as `auto`. `empty` are keys without a value, which
    Serverless Devs takes away (parse-spec, get-inputs); `meant` is which place an unknown key was meant for.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.open: set[Path] = set()
        self.words: dict[Path, str] = {}
        self.empty: set[Path] = set()
        self.meant: dict[Path, Path] = {}

    def has(self, path: Path) -> bool:
        """Whether something stands there, right or wrong."""
        return path in self.places and path not in self.empty

    def _read(self, node: Node, kind: inspect.Type, path: Path) -> Any:  # noqa: ANN401 - its type is in `kind`
        bare = kind.type if isinstance(kind, inspect.Metadata) else kind
        if is_open(node) and not isinstance(bare, inspect.StrType):
            return self._leave(node, path)
        if path and path[-1] in _AUTOMATIC and isinstance(node, Scalar) and _is_automatic(node.text):
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

    def _miss_required(self, fields: dict[str, inspect.Field], present: set[str], path: Path) -> None:
        super()._miss_required(fields, present, path)
        for name, field in fields.items():
            if field.required and (*path, name) in self.empty:
                message = f'{name!r} is missing: nothing stands here; write its value, "" where it may be empty'
                self._refuse((*path, name), message)

    def _advise(self, text: str, kind: Any, extra: dict[str, Any]) -> str:  # noqa: ANN401, ARG002 - the policies' has it
        """Sizes and times stand without their unit here."""
        found = _WITH_UNIT.fullmatch(text)
        return f"; write {found[1]}" if found else f"; {extra['right']}" if "right" in extra else ""

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
            self.empty.add(inner)
        elif key.text in fields:
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
        alike = get_close_matches(name, [*fields, *sorted(known - set(fields))], n=1, cutoff=_SLIP)
        home = None if alike else find_home(path, _read_names())
        if not alike and home is None and len(path) == 1:
            return  # at the top anchors are kept under any name
        hint = ""
        if alike:
            hint, self.meant[path] = f"; did you mean {alike[0]!r}", (*path[:-1], alike[0])
        elif home is not None:
            hint, self.meant[path] = f"; it belongs under {home[-2]!r}", home
        message = f"unknown key {name!r}{hint}; Serverless Devs and its component pass over it, as far as we know"
        self.remarks.append(Remark("warning", path, message))

    def _look_at_actions(self, actions: Entries, path: Path) -> None:
        for key, steps in actions.entries:
            inner = (*path, key.text)
            self._look_at_steps(steps, inner)
            self.places[inner] = key.place
            if not _ACTION.fullmatch(key.text):
                message = f"unknown action {key.text!r}{suggest(key.text, _ACTIONS)}; it is never run"
                self.remarks.append(Remark("warning", inner, message))

    def _look_at_steps(self, steps: Node, path: Path) -> None:
        for number, step in enumerate(steps.items if isinstance(steps, Items) else ()):
            names = [key.text for key, _ in step.entries] if isinstance(step, Entries) else list(_STEPS)
            if not any(name in _STEPS for name in names):
                inner = (*path, number)
                self.places[inner] = step.place
                hints = [hint for name in names if "did you mean" in (hint := suggest(name, _STEPS))]
                message = f"nothing is run here{hints[0] if hints else ''}; a step has one of {', '.join(_STEPS)}"
                self.remarks.append(Remark("warning", inner, message))


def _is_automatic(text: str) -> bool:
    """As the component asks (`isAuto` in its src/utils): in any case, and with settings of its own behind a |."""
    return text.partition("|")[0].lower() == "auto"


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
