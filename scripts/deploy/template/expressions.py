"""Puts values in the place of `${…}`, as Serverless Devs does where it can be done without an account.

Which expressions there are: "Yaml variables" of Serverless Devs (docs/zh/variables.md in its repository); what becomes
of each was tried with `s preview` of 3.1.10, which ends with an error at any other. What only the deployment can know
(`config`, `file`, outputs of other resources) stays as it is: a text with `${` in it is no mistake, it is not known
here.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from handler.policy.tree import Entries, Items, Node, Path, Place, Remark, Scalar, suggest

OPEN = "${"
_EXPRESSION = re.compile(r"\$\{([^{}]*)\}")
_TWICE = re.compile(r"\$\{\{([^{}]*)\}\}")
_PLAIN = re.compile(r"\w+(?:\.[\w-]+|\[\d+\])*")
_KEY = re.compile(r"[\w-]+")
# `env.init` gives a number (github.com/Serverless-Devs/Serverless-Devs/issues/874), and takes no default.
_ENV = re.compile(r"""env(\.init)?\(\s*['"]?(\w+)['"]?\s*(?:,\s*(?:['"]([^'"]*)['"]|(\d+))\s*)?\)""")
_OTHER_TOOLS = re.compile(r"(env|self):(?:custom\.)?([\w.-]+).*")  # of the Serverless Framework
_HEADS = ("vars", "env", "file", "json", "path", "config", "regex", "resources", "this", "that", "credential", "cwd")
_DEEPEST = 8  # expressions that name expressions that name expressions


def is_open(node: Node) -> bool:
    """Whether it is a single value that only the deployment will know."""
    return isinstance(node, Scalar) and OPEN in node.text


def find_node(tree: Node, keys: Collection[str]) -> Node | None:
    """What stands under keys and positions; None where nothing does."""
    found: Node | None = tree
    for key in keys:
        match found:
            case Entries():
                found = next((value for name, value in found.entries if name.text == key), None)
            case Items() if key.isdigit() and int(key) < len(found.items):
                found = found.items[int(key)]
            case _:
                return None
    return found


class Filler:
    """Fills in one file. `remarks`: expressions that can't be right. `unfit`: variables to leave, told elsewhere."""

    def __init__(self, tree: Node, env: Mapping[str, str], unfit: Collection[str] = ()) -> None:
        self.remarks: list[Remark] = []
        self._tree, self._env, self._unfit = tree, env, unfit
        self._under_way: list[Path] = []
        self._missed: set[str] = set()

    def fill(self, node: Node, path: Path) -> Node:
        """The same tree, filled in."""
        match node:
            case Entries():
                entries = [(key, self.fill(value, (*path, key.text))) for key, value in node.entries]
                return replace(node, entries=tuple(entries))
            case Items():
                items = [self.fill(item, (*path, number)) for number, item in enumerate(node.items)]
                return replace(node, items=tuple(items))
            case Scalar():
                return self._fill_text(node, path)

    def _fill_text(self, node: Scalar, path: Path) -> Node:
        if path == ("access",):  # tried: it is taken as it stands
            if OPEN in node.text:
                message = f"{node.text!r}: Serverless Devs puts nothing in its place; write the name of your keys out"
                self.remarks.append(Remark("warning", path, message))
            return node
        whole = _EXPRESSION.fullmatch(node.text)
        if whole:  # a number stays a number, a list a list
            value = self._value(whole[1].strip(), node.place, path)
            return node if value is None else replace(value, place=node.place)

        def text_of(found: re.Match[str]) -> str:
            value = self._value(found[1].strip(), node.place, path)
            return value.text if isinstance(value, Scalar) else found[0]

        text = _EXPRESSION.sub(text_of, node.text)
        if "actions" not in path:  # there it may be the shell's
            self._check_braces(node.text, path)
        return node if text == node.text else replace(node, text=text, kind="text")

    def _check_braces(self, text: str, path: Path) -> None:
        if OPEN in text and "}" not in text.rpartition(OPEN)[2]:
            self._remark(path, f"{text!r} has a ${{ without its }}; close it, as in ${{vars.region}}")
        elif found := _TWICE.search(text):
            self._remark(path, f"{found[0]!r} is no expression; write ${{{found[1].strip()}}}")

    def _value(self, expression: str, place: Place, path: Path) -> Node | None:
        if asked := _ENV.fullmatch(expression):
            return self._environment(asked, place, path)
        if other := _OTHER_TOOLS.fullmatch(expression):
            right = {"env": f"env('{other[2]}')", "self": f"vars.{other[2]}"}[other[1]]
            self._remark(path, f"'${{{expression}}}' is no expression of Serverless Devs; write ${{{right}}}")
            return None
        head, *rest = _KEY.findall(expression)[:40] or [""]
        if head not in _HEADS:
            self._remark(path, f"'${{{expression}}}' is no expression{suggest(head, _HEADS)}")
            return None
        if not _PLAIN.fullmatch(expression):  # arithmetic, or a function
            return None
        keys = self._keys(head, rest, path)
        if keys is None or (head == "vars" and rest and rest[0] in self._unfit):
            return None
        found = find_node(self._tree, keys)
        if found is None and head == "vars":
            self._miss_variable(".".join(rest), path)
        return None if found is None else self._fill_inner(found, tuple(keys), path)

    def _fill_inner(self, node: Node, keys: Path, path: Path) -> Node | None:
        """What an expression names, itself filled in; None where it names what it is a part of, or is part of that."""
        around = [path, *self._under_way]
        is_circle = any(tuple(map(str, each[: len(keys)])) == keys for each in around)
        if is_circle or keys in self._under_way or len(self._under_way) >= _DEEPEST:
            return None
        self._under_way.append(keys)
        filled = self.fill(node, keys)
        self._under_way.pop()
        return None if is_open(filled) else filled

    def _keys(self, head: str, rest: list[str], path: Path) -> list[str] | None:
        """Where in the file a plain expression points; None for what is not in the file."""
        match head, rest:
            case "vars", _:
                return ["vars", *rest]
            case (("this" | "that"), ["props", *_]) if path[:1] == ("resources",):
                return ["resources", str(path[1]), *rest]
            case (("this" | "that"), ["access"]):
                return ["access"]
            case "resources", [_, "props", *_]:
                return ["resources", *rest]
            case _:
                return None

    def _environment(self, asked: re.Match[str], place: Place, path: Path) -> Node | None:
        is_number, name, text, number = asked.groups()
        value = self._env.get(name, None if is_number else text if number is None else number)
        if value is None:
            self._remark(path, f"{name} is not set in the environment, and has no default here; set it")
            return None
        whole = value.isdigit() and (is_number or (name not in self._env and number is not None))
        return Scalar(place, value, "int" if whole else "text")

    def _miss_variable(self, name: str, path: Path) -> None:
        variables = find_node(self._tree, ["vars"])
        if name in self._missed or (variables is not None and is_open(variables)):
            return
        self._missed.add(name)
        known = [key.text for key, _ in variables.entries] if isinstance(variables, Entries) else []
        self._remark(path, f"no variable {name!r} under vars{suggest(name, known)}; add it there")

    def _remark(self, path: Path, message: str) -> None:
        remark = Remark("error", path, message)
        if remark not in self.remarks:
            self.remarks.append(remark)
