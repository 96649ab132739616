"""Which part of a template is ours: a template may deploy other things beside, and take parts from elsewhere."""

import posixpath
import re
from dataclasses import replace

from handler.policy.tree import Entries, Items, Node, Place, Remark, Scalar
from scripts.deploy.template.expressions import find_node

_COMPONENT = re.compile(r"fc3(@.*)?")
_OUR_SETTINGS = ("WATCHED_BUCKETS", "POLICY")


def pick_ours(tree: Entries) -> tuple[Entries, list[Remark]]:
    """The file without the resources of others, which are not ours to judge; and what is wrong if nothing is left."""
    resources = find_node(tree, ["resources"])
    if not isinstance(resources, Entries):
        return tree, []
    whole = [(key, _extend(tree, value)) for key, value in resources.entries]
    functions = [(key, value) for key, value in whole if _is_function(value)]
    ours = [(key, value) for key, value in functions if _is_ours(value)] if len(functions) > 1 else functions
    remarks = []
    if not ours:
        ours = [(key, value) for key, value in whole if _is_ours(value)]
        for key, value in ours:
            component = find_node(value, ["component"])
            named = component.text if isinstance(component, Scalar) else ""
            message = f"nothing is deployed: {named!r} knows no functions of Function Compute 3.0; write fc3"
            remarks.append(Remark("error", ("resources", key.text, "component"), message))
    if not ours:
        message = "nothing is deployed; name the function here: component fc3, handler handler.index.handler"
        remarks.append(Remark("error", ("resources",), message))
    entries = (
        (key, replace(resources, entries=tuple(ours)) if value is resources else value) for key, value in tree.entries
    )
    return replace(tree, entries=tuple(entries)), remarks


def merge(base: Node, own: Node) -> Node:
    """What `extend` makes of two trees: sections are joined, all else is taken from `own` (docs/zh/extend.md)."""
    if not isinstance(base, Entries) or not isinstance(own, Entries):
        return own
    entries = {key.text: (key, value) for key, value in base.entries}
    for key, value in own.entries:
        before = entries.get(key.text)
        entries[key.text] = (key, merge(before[1], value) if before else value)
    return replace(own, entries=tuple(entries.values()))


def move(node: Node, place: Place) -> Node:
    """The same tree, all of it at one place: for what comes from another file."""
    match node:
        case Entries():
            return Entries(place, tuple((replace(key, place=place), move(value, place)) for key, value in node.entries))
        case Items():
            return Items(place, tuple(move(item, place) for item in node.items))
        case Scalar():
            return replace(node, place=place)


def _extend(tree: Entries, resource: Node) -> Node:
    """Put under a resource's props what it takes from the file's `template` (`extend: {name, ignore}`)."""
    name, ignored = find_node(resource, ["extend", "name"]), find_node(resource, ["extend", "ignore"])
    base = find_node(tree, ["template", name.text]) if isinstance(name, Scalar) else None
    if not isinstance(base, Entries) or not isinstance(resource, Entries):
        return resource
    left_out = (
        {item.text for item in ignored.items if isinstance(item, Scalar)} if isinstance(ignored, Items) else set()
    )
    kept = replace(base, entries=tuple(entry for entry in base.entries if entry[0].text not in left_out))
    entries = {key.text: (key, value) for key, value in resource.entries}
    props = entries.get("props", (Scalar(resource.place, "props", "text"), Entries(resource.place, ())))
    entries["props"] = (props[0], merge(kept, props[1]))
    return replace(resource, entries=tuple(entries.values()))


def _is_function(resource: Node) -> bool:
    """Whether it is deployed by fc3: by name, by a path, by what is not known here, or by what is not said."""
    component = find_node(resource, ["component"])
    if not isinstance(component, Scalar):
        return True
    text = component.text
    return "${" in text or bool(_COMPONENT.fullmatch(posixpath.basename(text))) or text.startswith(("/", ".", "~"))


def _is_ours(resource: Node) -> bool:
    handler = find_node(resource, ["props", "handler"])
    if isinstance(handler, Scalar) and handler.text.startswith("handler.index."):
        return True
    return any(find_node(resource, ["props", "environmentVariables", name]) for name in _OUR_SETTINGS)
