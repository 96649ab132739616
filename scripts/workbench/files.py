"""Policy files as they lie in folders."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from handler.adapters.policy_file import Checked, check_policy
from handler.adapters.yaml_tree import MOST_BYTES, read_tree
from handler.policy.tree import Entries, Problem, Scalar

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
    checked = check_policy(text, str(path), None, watched_buckets)
    if checked.policy is None and (named := tested_policy(text)) is not None:
        return text, Checked(None, (_tell_tests(path, named),))
    return text, checked


def _tell_tests(path: Path, named: str) -> Problem:
    policy = path.parent / named
    folder = policy.resolve().parent if policy.is_file() else path.absolute().parent
    message = "this is a file of tests, and no policy; tests lie in a folder named tests beside their policy"
    return Problem("error", str(path), 1, 1, "", f"{message}, as {shorten(folder / TESTS / path.name)}")


def tested_policy(text: bytes) -> str | None:
    """The policy that a file of tests names, wherever it lies; None if it is none, by the keys that only such have."""
    tree, _ = read_tree(text)
    keys = {key.text: value for key, value in tree.entries} if isinstance(tree, Entries) else {}
    named = keys.get("policy")
    return named.text if isinstance(named, Scalar) and "tests" in keys and "rules" not in keys else None


def shorten(path: Path) -> Path:
    """The path from where the person stands, where that is shorter."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
