"""What stands under `vars`, judged by what it is used for, so that a mistake is told once, and where it was made."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from handler.policy.tree import Entries, Items, Node, Path, Remark, Scalar, suggest
from scripts.deploy.template.expressions import is_open
from scripts.deploy.template.names import BUCKET_RULE, PLACEHOLDER, REGIONS, is_account, is_bucket, is_region

Use = Literal["account", "region", "bucket"]
_NAMED = re.compile(r"\$\{\s*vars\.([\w.-]+)\s*\}")
_ARN = re.compile(r"acs:(\w+):([^:]*):([^:]*):(.*)", re.DOTALL)
_BY_KEY: dict[str, Use] = {
    "region": "region",
    "GREEN_REGION": "region",
    "WATCHED_BUCKETS": "bucket",
    "QUARANTINE_BUCKET": "bucket",
    "LEDGER_BUCKET": "bucket",
}
# Serverless Devs reads YAML's numbers as JavaScript does: beyond this, the last digits are rounded.
_MOST_EXACT = 2**53 - 1


@dataclass(slots=True)
class Variables:
    """What was found. `unfit`: those that are wrong; whoever uses them need not be told again."""

    remarks: list[Remark] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)


def check_variables(tree: Node, filled: Node) -> Variables:
    """Check the variables of a template. `tree` is the file, `filled` its `vars`, filled in."""
    found = Variables()
    uses = dict(_find_uses(tree, ()))
    for name, value in _scalars(filled, ()):
        for remark in _check_value(value, ("vars", *name), uses.get(".".join(name))):
            found.remarks.append(remark)
            if remark.severity == "error":
                found.unfit.add(name[0])
    return found


def _scalars(node: Node, name: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    """The single values, however deep; what is in a list has no name."""
    if isinstance(node, Entries):
        for key, value in node.entries:
            yield from _scalars(value, (*name, key.text))
    elif isinstance(node, Scalar):
        yield name, node


def _find_uses(node: Node, path: Path) -> Iterator[tuple[str, Use]]:
    """What each variable is used for, where that shows."""
    match node:
        case Entries():
            for key, value in node.entries:
                yield from _find_uses(value, (*path, key.text))
        case Items():
            for number, item in enumerate(node.items):
                yield from _find_uses(item, (*path, number))
        case Scalar() if path[:1] != ("vars",):
            yield from _uses_of(node.text, path)


def _uses_of(text: str, path: Path) -> Iterator[tuple[str, Use]]:
    if arn := _ARN.fullmatch(text):
        by_place: dict[str, Use] = {arn[2]: "region", arn[3]: "account"}
        if arn[1] == "oss":
            by_place[arn[4]] = "bucket"
    else:
        by_place = {text: _BY_KEY[path[-1]]} if path and path[-1] in _BY_KEY else {}
    for part, use in by_place.items():
        if named := _NAMED.fullmatch(part.strip()):
            yield named[1], use


def _check_value(value: Scalar, path: Path, use: Use | None) -> Iterator[Remark]:
    text = value.text
    if PLACEHOLDER in text:
        yield Remark("error", path, f"{text!r} is not set yet; write your own here (the line above says what)")
    elif value.kind == "null":
        if use:
            yield Remark("error", path, 'nothing stands here; write it, "" where there is none')
    elif is_open(value):
        return
    elif use and text != text.strip():
        yield Remark("error", path, f"{text!r} has a blank at its beginning or end; take it out")
    elif use == "account":
        yield from _check_account(value, path)
    elif use == "region":
        yield from check_region(text, path)
    elif use == "bucket" and "," not in text and text and not is_bucket(text):
        yield Remark("error", path, f"{text!r} is no name of a bucket; {BUCKET_RULE}")


def _check_account(value: Scalar, path: Path) -> Iterator[Remark]:
    if not is_account(value.text):
        message = f"{value.text!r} is no account; 16 digits, in the console's upper right corner"
        yield Remark("error", path, message)
    elif value.kind == "int" and (value.text.startswith("0") or int(value.text) > _MOST_EXACT):
        message = f'{value.text} as a number loses digits on its way through Serverless Devs; quote it: "{value.text}"'
        yield Remark("error", path, message)


def check_region(text: str, path: Path) -> Iterator[Remark]:
    """Whether it is a region: an error by its form, a warning by the list that we have."""
    if not is_region(text):
        yield Remark("error", path, f"{text!r} is no region{suggest(text, REGIONS)}; one like ap-southeast-1")
    elif text not in REGIONS:
        message = f"{text!r} is no region that the component knows{suggest(text, REGIONS)}; a new one, or a slip?"
        yield Remark("warning", path, message)
