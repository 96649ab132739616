"""Policy files as they lie in folders."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from handler.adapters.policy_file import Checked, check_policy
from handler.adapters.yaml_tree import MOST_BYTES

SUFFIXES = (".yml", ".yaml")
TESTS = "tests"  # the folder beside policies that holds their tests


def find_policies(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named, and the policies in folders, those in folders within included, tests left out.

    A file that is named or found twice comes once.
    """
    seen: set[Path] = set()
    for path in paths:
        for found in _walk(path) if path.is_dir() else [path]:
            if found not in seen:
                seen.add(found)
                yield found


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name != TESTS and not path.is_symlink():
            yield from _walk(path)
        elif path.suffix in SUFFIXES and path.is_file():
            yield path


def read_bytes(path: Path) -> bytes:
    """The bytes of a small file: of one that is too big, as many as show that it is. Raises OSError."""
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def check_file(path: Path, watched_buckets: Sequence[str] = ()) -> tuple[bytes, Checked]:
    """The bytes of a policy file, and what is to be said of them. Raises OSError."""
    text = read_bytes(path)
    return text, check_policy(text, str(path), None, watched_buckets)
