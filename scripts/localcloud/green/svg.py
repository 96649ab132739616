"""The size of an SVG, from its root element. No XML parser: nothing is expanded, nothing is fetched.

Lengths in other units than pixels are reckoned at 96 to the inch, as CSS does; without a usable width and height the
viewBox counts, and without that the 300 x 150 of CSS. Whether the service reckons so is unverified.
"""

import codecs
import math
import re

_HEAD_BYTES = 64 * 1024
_DEFAULT_SIZE = (300, 150)
_ROOT = re.compile(r"<(?:[\w.-]+:)?svg(?=[\s/>])((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)>")
_ATTRIBUTE = re.compile(r"\s(width|height|viewBox)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_LENGTH = re.compile(r"\s*\+?(\d{0,9}\.?\d{1,9})(px|pt|pc|mm|cm|in|)\s*")
_PX = {"": 1.0, "px": 1.0, "pt": 96 / 72, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}
_VIEW_BOX_NUMBERS = 4


def svg_size(image: bytes) -> tuple[int, int] | None:
    """Width and height in whole pixels, at least 1, or None where the root element is not `svg`."""
    head = _text(image[:_HEAD_BYTES])
    root = _ROOT.match(head, _prologue_end(head))
    if root is None:
        return None
    attributes = {match[1]: match[2] or match[3] or "" for match in _ATTRIBUTE.finditer(root[1])}
    view_box = _view_box(attributes.get("viewBox", ""))
    width = _length(attributes.get("width", "")) or view_box[0]
    height = _length(attributes.get("height", "")) or view_box[1]
    return max(1, math.ceil(width)), max(1, math.ceil(height))


def _text(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", "replace")
    return head.decode("utf-8-sig", "replace")


def _prologue_end(head: str) -> int:
    """Where the root element begins: after declarations, comments, and a doctype with what it holds in brackets."""
    at = 0
    while True:
        while head[at : at + 1].isspace():
            at += 1
        if head.startswith("<?", at):
            end = head.find("?>", at)
        elif head.startswith("<!--", at):
            end = head.find("-->", at + 4)
        elif head.startswith("<!DOCTYPE", at):
            end = _doctype_end(head, at)
        else:
            return at
        closed = head.find(">", end) if end >= 0 else -1
        if closed < 0:
            return len(head)
        at = closed + 1


def _doctype_end(head: str, at: int) -> int:
    end = head.find(">", at)
    opened = head.find("[", at, end)
    return end if opened < 0 else head.find("]", opened)


def _view_box(text: str) -> tuple[float, float]:
    numbers = [_length(word) for word in text.replace(",", " ").split()]
    if len(numbers) == _VIEW_BOX_NUMBERS:
        return numbers[2] or _DEFAULT_SIZE[0], numbers[3] or _DEFAULT_SIZE[1]
    return _DEFAULT_SIZE


def _length(text: str) -> float:
    """Pixels, or 0 for what is no absolute length (`100%`, `auto`, nothing)."""
    match = _LENGTH.fullmatch(text)
    return float(match[1]) * _PX[match[2]] if match else 0.0
