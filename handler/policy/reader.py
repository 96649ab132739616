"""Reads a tree of values as the shape that msgspec types describe, and notes everything that does not fit.

`msgspec.convert` would stop at the first mistake. Here what does not fit is left out: its default stands in its place,
UNSET where it has none, so that the rest can be checked in the same run.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, inspect

from handler.policy.tree import Entries, Items, Node, Path, Place, Remark, Scalar, guess, suggest, suggest_key

S = TypeVar("S", bound=msgspec.Struct)
SETTINGS_IN_POLICIES = ("GREEN_REGION", "QUARANTINE_BUCKET")
_SETTING = re.compile(r"\$\{([^}]*)\}")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
_LONGEST_SHOWN = 60
_READ_AS = {
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "date": "a date",
    "text": "text",
}

# Reading the types of the shape takes longer than reading a policy by them.
_type_of = cache(inspect.type_info)


class ShapeReader:
    """Reads one file.

    `remarks` are the mistakes; `places` is where each value stands, `key_places` where its key does. With
    `settings=None` a `${NAME}` is left as it is.
    """

    def __init__(self, settings: Mapping[str, str] | None) -> None:
        self.remarks: list[Remark] = []
        self.places: dict[Path, Place] = {}
        self.key_places: dict[Path, Place] = {}
        self._settings = settings

    def read(self, node: Node, shape: type[S]) -> S:
        """Read the whole tree. Required values that do not fit are UNSET in the result, whatever their type says."""
        read: S = self._read(node, _type_of(shape), ())
        return read

    def _read(self, node: Node, kind: inspect.Type, path: Path) -> Any:  # noqa: ANN401 - its type is in `kind`
        self.places[path] = node.place
        extra, json_schema, kind = _unwrap(kind)
        match kind:
            case inspect.StructType():
                return self._read_struct(node, kind, path, least=json_schema.get("minProperties", 0))
            case inspect.ListType():
                return self._read_list(node, kind, path)
            case inspect.DictType():
                return self._read_dict(node, kind, path)
            case inspect.UnionType():  # the one union of the language is: a value, or null
                is_null = isinstance(node, Scalar) and node.kind == "null"
                return None if is_null else self._read(node, kind.types[0], path)
            case _ if isinstance(node, Scalar):
                return self._read_scalar(node, kind, path, extra)
            case _:
                words = f"; one of: {', '.join(map(str, kind.values))}" if isinstance(kind, inspect.LiteralType) else ""
                return self._refuse(path, f"{_show(node)} stands where a single value belongs{words or _join(extra)}")

    def _read_struct(self, node: Node, kind: inspect.StructType, path: Path, *, least: int) -> msgspec.Struct:
        fields = {field.encode_name: field for field in kind.fields}
        values: dict[str, Any] = {}
        if isinstance(node, Entries):
            if len(node.entries) < least:
                self._refuse(path, f"an empty set of conditions; state at least one of {', '.join(fields)}")
            for key, value in node.entries:
                self._read_field(key, value, fields, path, values)
            self._miss_required(fields, {key.text for key, _ in node.entries}, path)
        else:
            self._refuse(path, f"{_show(node)} stands where keys belong; keys: {', '.join(fields)}")
        holes = {name: _hole(field.type) for name, field in fields.items() if field.required}
        sound = {name: value for name, value in values.items() if value is not UNSET}
        fitting: msgspec.Struct = kind.cls(**{**holes, **sound})
        return fitting

    def _read_field(
        self, key: Scalar, value: Node, fields: dict[str, inspect.Field], path: Path, values: dict[str, Any]
    ) -> None:
        inner = (*path, key.text)
        self.places[inner] = self.key_places[inner] = key.place
        if key.text in fields:
            values[key.text] = self._read(value, fields[key.text].type, inner)
        else:
            self._refuse(inner, f"unknown key {key.text!r}{suggest_key(key.text, fields)}")

    def _miss_required(self, fields: dict[str, inspect.Field], present: set[str], path: Path) -> None:
        missing = [name for name, field in fields.items() if field.required and name not in present]
        for name in missing:
            self._refuse(path, f"{name!r} is missing; it is required here")

    def _read_list(self, node: Node, kind: inspect.ListType, path: Path) -> Any:  # noqa: ANN401 - list or UNSET
        if not isinstance(node, Items):
            return self._refuse(path, f"{_show(node)} stands where a list belongs; write {_as_list(node)}")
        if len(node.items) < (kind.min_length or 0):
            return self._refuse(path, "an empty list; name at least one, or leave the key out")
        return [self._read(item, kind.item_type, (*path, index)) for index, item in enumerate(node.items)]

    def _read_dict(self, node: Node, kind: inspect.DictType, path: Path) -> Any:  # noqa: ANN401 - dict or UNSET
        if not isinstance(node, Entries):
            return self._refuse(path, f"{_show(node)} stands where keys belong; write {{key: value}}")
        result = {}
        for key, value in node.entries:
            inner = (*path, key.text)
            name = self._read(key, kind.key_type, inner)
            self.key_places[inner] = key.place
            item = self._read(value, kind.value_type, inner)
            if UNSET not in (name, item):
                result[name] = item
        return result

    def _read_scalar(self, node: Scalar, kind: Any, path: Path, extra: dict[str, Any]) -> Any:  # noqa: ANN401 - see above
        match kind:
            case inspect.LiteralType():
                return self._read_word(node, kind.values, path, extra)
            case inspect.IntType() | inspect.FloatType():
                return self._read_number(node, kind, path, extra)
            case inspect.BoolType():
                if node.kind == "bool":
                    return node.text.lower() in {"true", "yes", "on"}
                return self._refuse(path, f"{node.text!r} is {_READ_AS[node.kind]}; write true or false")
            case _:
                return self._read_text(node, kind, path, extra)

    def _read_word(self, node: Scalar, words: Sequence[object], path: Path, extra: dict[str, Any]) -> Any:  # noqa: ANN401 - word or UNSET
        for word in words:
            if node.text == str(word) and node.kind == ("int" if isinstance(word, int) else "text"):
                return word
        known = [str(word) for word in words]
        if isinstance(words[0], int) and _is_number(node, known):
            written = "text, because it stands in quotes" if node.kind == "text" else "no whole number"
            return self._refuse(path, f"{node.text!r} is {written}; write {node.text.strip().partition('.')[0]}")
        is_word = node.kind == "text" or (node.kind != "null" and not isinstance(words[0], str))
        wrong = f"unknown word {node.text!r}" if is_word else f"{node.text!r} is {_READ_AS[node.kind]} in YAML"
        meant = guess(node.text, known)
        hint = f"; did you mean {meant!r}" if meant else ""
        return self._refuse(path, f"{wrong}; one of: {', '.join(known)}{hint or _join(extra)}")

    def _read_number(self, node: Scalar, kind: Any, path: Path, extra: dict[str, Any]) -> Any:  # noqa: ANN401 - see above
        if node.kind not in {"int", "float"}:
            advice = (
                "; write it without quotes" if _DECIMAL.fullmatch(node.text) else self._advise(node.text, kind, extra)
            )
            return self._refuse(path, f"{node.text!r} is {_READ_AS[node.kind]}, not a number{advice}")
        if not _DECIMAL.fullmatch(node.text):
            return self._refuse(
                path, f"{_quote(node.text)} is not a plain number{self._advise(node.text, kind, extra)}"
            )
        if isinstance(kind, inspect.IntType) and node.kind != "int":
            return self._refuse(path, f"{node.text!r} is not a whole number{_join(extra)}")
        number = float(node.text) if isinstance(kind, inspect.FloatType) else int(node.text)
        too_low = (kind.ge is not None and number < kind.ge) or (kind.gt is not None and number <= kind.gt)
        too_high = (kind.le is not None and number > kind.le) or (kind.lt is not None and number >= kind.lt)
        if too_low or too_high:
            return self._refuse(path, f"{node.text} is too {'low' if too_low else 'high'}{_join(extra)}")
        return number

    def _advise(self, text: str, kind: Any, extra: dict[str, Any]) -> str:  # noqa: ANN401 - one of two number types
        """The number that was meant, before what is right in general."""
        from handler.policy import foreign  # noqa: PLC0415 - costs cold start, and only a wrong policy needs it

        number = foreign.read_size(text) if isinstance(kind, inspect.IntType) else foreign.read_confidence(text)
        is_fit = number is not None and (kind.lt is None or float(number) < kind.lt)
        return f"; write {number} if that is meant{_join(extra)}" if is_fit else _join(extra)

    def _read_text(self, node: Scalar, kind: Any, path: Path, extra: dict[str, Any]) -> Any:  # noqa: ANN401 - see above
        if node.kind == "null":
            return self._refuse(path, f"there is no value here{_join(extra)}")
        if node.kind != "text":
            return self._refuse(
                path, f'{node.text!r} is {_READ_AS[node.kind]} in YAML, not text; quote it: "{node.text}"'
            )
        text = self._interpolate(node.text, path) if extra.get("interpolated") else node.text
        if len(text) < (kind.min_length or 0) or (kind.pattern and not re.fullmatch(kind.pattern, text)):
            return self._refuse(path, f"{_quote(text)} is not allowed{_join(extra)}")
        return text

    def _interpolate(self, text: str, path: Path) -> str:
        """Put settings in the place of `${NAME}`; what cannot be replaced stays."""

        def value_of(found: re.Match[str]) -> str:
            name = found[1]
            if name not in SETTINGS_IN_POLICIES:
                self._refuse(path, f"no setting {name!r} for policies{suggest(name, SETTINGS_IN_POLICIES)}")
            elif self._settings is not None:
                if self._settings.get(name):
                    return self._settings[name]
                self._refuse(path, f"the setting {name} is not set; set it for the function, or write the value here")
            return found[0]

        return _SETTING.sub(value_of, text)

    def _refuse(self, path: Path, message: str) -> msgspec.UnsetType:
        self.remarks.append(Remark("error", path, message))
        return UNSET


def _is_number(node: Scalar, known: Sequence[str]) -> bool:
    """Tell whether one of these whole numbers was meant, in quotes or with a decimal point."""
    whole, point, rest = node.text.strip().partition(".")
    return whole in known and not rest.strip("0") and (node.kind == "text" or bool(point))


def _unwrap(kind: inspect.Type) -> tuple[dict[str, Any], dict[str, Any], inspect.Type]:
    """Take the annotations off a type: what is ours, what is for the JSON Schema, and the type itself."""
    if isinstance(kind, inspect.Metadata):
        return kind.extra or {}, kind.extra_json_schema or {}, kind.type
    return {}, {}, kind


def _hole(kind: inspect.Type) -> Any:  # noqa: ANN401 - see above
    """What stands for a required value that is missing or wrong: nothing, or a section or list with nothing in it."""
    match _unwrap(kind)[2]:
        case inspect.StructType(cls=cls):
            return cls()
        case inspect.ListType():
            return []
        case _:
            return UNSET


def _show(node: Node) -> str:
    match node:
        case Scalar(kind="null"):
            return "nothing"
        case Scalar(text=text):
            return _quote(text)
        case Items():
            return "a list"
        case _:
            return "a set of keys"


def _quote(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")


def _join(extra: dict[str, Any]) -> str:
    return f"; {extra['right']}" if "right" in extra else ""


def _as_list(node: Node) -> str:
    """The list that a single value was to be."""
    if not isinstance(node, Scalar) or node.kind == "null" or len(node.text) > _LONGEST_SHOWN:
        return "[a, b]"
    parts = [part.strip() for part in node.text.split(",")]
    return f"[{', '.join(part if part.isidentifier() else _quote(part) for part in parts)}]"
