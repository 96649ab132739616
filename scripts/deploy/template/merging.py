"""Merge keys, `<<`: the keys of other sets put in, as YAML 1.1 has it and Serverless Devs reads it."""

from dataclasses import replace

from handler.adapters.yaml_tree import Flaw, read_tree
from handler.policy.tree import Entries, Items, Node, Path, Scalar

MERGE = "<<"


def read_merged(text: bytes) -> tuple[Node | None, list[Flaw]]:
    """Read the one document of a file, with what its merge keys name in their place; see `read_tree`."""
    tree, flaws = read_tree(text, keeps_merges=True)
    return (None, flaws) if tree is None else (_merge(tree, (), flaws), flaws)


def _merge(node: Node, path: Path, flaws: list[Flaw]) -> Node:
    if isinstance(node, Items):
        return replace(node, items=tuple(_merge(item, (*path, n), flaws) for n, item in enumerate(node.items)))
    if not isinstance(node, Entries):
        return node
    own: dict[str, tuple[Scalar, Node]] = {}
    merged: list[Entries] = []
    for key, value in node.entries:
        inner = _merge(value, (*path, key.text), flaws)
        if key.text == MERGE:
            merged += _sets(inner, (*path, key.text), flaws)
        else:
            own[key.text] = (key, inner)
    for key, value in (entry for each in merged for entry in each.entries):
        own.setdefault(key.text, (key, value))  # what is written here counts, then what comes first
    return replace(node, entries=tuple(own.values()))


def _sets(value: Node, path: Path, flaws: list[Flaw]) -> list[Entries]:
    """The sets of keys that a merge key names: one, or a list of them."""
    nodes = value.items if isinstance(value, Items) else (value,)
    sets = [node for node in nodes if isinstance(node, Entries)]
    if len(sets) < len(nodes):
        flaws.append(Flaw(value.place, path, "a merge key << takes a set of keys, or a list of such sets"))
    return sets
