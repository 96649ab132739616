"""The keys that uploads really had, and the patterns of a policy that fit none of them."""

import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import nullcontext
from pathlib import Path

from handler.adapters.yaml_tree import read_tree
from handler.policy.compiler import sound
from handler.policy.globs import compile_key
from handler.policy.reader import ShapeReader
from handler.policy.shape import ConditionsShape, PolicyShape
from handler.policy.tree import Path as TreePath
from handler.policy.tree import Problem, write_path
from scripts.logs.entries import NOT_OURS
from scripts.logs.files import Unread, read_pieces
from scripts.workbench.replay.log_lines import read_records

MOST_KEYS = 200_000  # distinct ones; a pattern that fits none of so many is told with certainty enough
_SHOWN_FOLDERS = 5
_ADDRESS = re.compile("oss://[^/]+/")  # as the vendor's own command line lists objects


def read_keys(path: Path) -> Iterator[str]:
    """The keys of a list, one a line; `-` is standard input. Raises OSError, and UnicodeDecodeError."""
    with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as file:
        for line in file:
            if key := _ADDRESS.sub("", line.rstrip(b"\r\n").decode(), count=1):
                yield key


def logged_keys(path: Path, unread: Counter[str]) -> Iterator[str]:
    """The keys of the uploads in a log, whatever became of them; what could not be read is added to `unread`.

    Raises OSError.
    """
    for piece in read_pieces(path):
        for record in [piece] if isinstance(piece, Unread) else read_records(piece):
            if isinstance(record, Unread):
                unread[record.reason] += record is not NOT_OURS
            elif record.upload is not None:
                yield record.upload.key


def find_unused_patterns(text: bytes, file: str, keys: Collection[str]) -> Iterator[Problem]:
    """Warn of each key pattern of a policy file without errors that fits none of these keys."""
    tree, _ = read_tree(text)
    if tree is None:
        return
    reader = ShapeReader(None)
    for path, pattern in _patterns(reader.read(tree, PolicyShape)):
        glob = compile_key(pattern)
        if not any(glob.matches(key) for key in keys):
            place = reader.places.get(path)
            message = f"{pattern!r} fits none of the {len(keys):,} keys that were given{_hint(pattern, keys)}"
            line, column = (place.line, place.column) if place is not None else (1, 1)
            yield Problem("warning", file, line, column, write_path(path), message)


def _patterns(shape: PolicyShape) -> Iterator[tuple[TreePath, str]]:
    for part in ("include", "exclude"):
        yield from _numbered(("scope", part), getattr(shape.scope, part))
    for index, rule in enumerate(shape.rules):
        for part in ("match", "unless"):
            conditions = getattr(rule, part)
            if isinstance(conditions, ConditionsShape) and isinstance(conditions.keys, list):
                yield from _numbered(("rules", index, part, "keys"), conditions.keys)


def _numbered(path: TreePath, patterns: list[str]) -> Iterator[tuple[TreePath, str]]:
    for index, pattern in enumerate(sound(patterns)):
        yield (*path, index), pattern


def _hint(pattern: str, keys: Collection[str]) -> str:
    """The same in other letters, or the folders that there are."""
    loose = compile_key(pattern.lower())
    alike = next((key for key in keys if loose.matches(key.lower())), None)
    if alike is not None:
        return f"; {alike!r} differs from it in capitals only, and case matters"
    folders = Counter(key.partition("/")[0] + "/" for key in keys if "/" in key).most_common(_SHOWN_FOLDERS)
    return f"; they lie in {', '.join(folder for folder, _ in folders)}" if folders else "; they lie in no folder"
