"""The map of the rooms and the table in CONTRIBUTING.md, compared with the tree."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.environment.making import ROOT

MAP = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\S+?)/` \|.*\| (.*?) ?\|$", re.MULTILINE)
NAMED = re.compile(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|toml|yml))`")
# Rooms of tests that mirror no room of what is tested.
OWN_ROOMS = {"tests", "tests/docs", "tests/end_to_end"}


def modules(folder: str) -> list[Path]:
    """Every module below it."""
    return sorted((ROOT / folder).rglob("*.py"))


def room_of(path: Path) -> str:
    """The folder that a module is in."""
    return path.parent.relative_to(ROOT).as_posix()


def imported_rooms(path: Path) -> Iterator[str]:
    """The rooms that a module imports from."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in {"handler", "scripts"}:
            for name in node.names:
                module = ROOT / f"{node.module}.{name.name}".replace(".", "/")
                is_module = module.with_suffix(".py").exists()
                yield room_of(module if is_module else module.parent)


def stated() -> dict[str, set[str]]:
    """What each room imports, by the map."""
    return {room: set(re.findall(r"`(\S+)/`", rooms)) for room, rooms in ROW.findall(MAP)}


def test_every_room_is_on_the_map_with_what_it_imports() -> None:
    """No room is left out, none is invented, and no import goes where the map says that none does."""
    actual: dict[str, set[str]] = {}
    for path in [*modules("handler"), *modules("scripts")]:
        actual.setdefault(room_of(path), set()).update(imported_rooms(path))
    assert {room: rooms - {room} for room, rooms in actual.items()} == stated()


def test_tests_have_the_same_rooms() -> None:
    """Who knows where a thing is knows where it is tested."""
    rooms = {room_of(path) for path in modules("tests")} - OWN_ROOMS
    known = {room.partition("/")[2] for room in stated()}
    assert {room.removeprefix("tests/") for room in rooms} <= known


@pytest.mark.parametrize("page", [MAP, CONTRIBUTING], ids=["map", "CONTRIBUTING"])
def test_what_is_named_exists(page: str) -> None:
    """Every file and folder of ours that the page names is there."""
    roots = ("handler", "scripts", "tests", "policies", "docs", "requirements")
    names = [name for name in NAMED.findall(page) if name.split("/")[0] in roots]
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_table_is_linked_to_the_map() -> None:
    """A newcomer finds it."""
    assert "(docs/map.md)" in CONTRIBUTING
