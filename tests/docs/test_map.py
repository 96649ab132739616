"""The map of the rooms and the table in CONTRIBUTING.md, compared with the tree."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.environment.making import ROOT

MAP = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\S+?)/` \| (.*?) \| (.*?) ?\|$", re.MULTILINE)
FLOW = re.compile(r"^```\n(.*?)^```$", re.DOTALL | re.MULTILINE)
STEP = re.compile(r"^ {19}(\w+)  .*?(?:\((\w+(?:, \w+)*)\))?$", re.MULTILINE)
ROOTS = ("handler", "scripts", "tests", "policies", "docs", "requirements")
# Rooms of tests that mirror no room of what is tested, and rooms whose tests are those of their commands.
OWN_ROOMS = {"tests", "tests/docs", "tests/end_to_end"}
BY_THEIR_COMMANDS = {"workbench", "workbench/cases", "workbench/replay"}


def modules(folder: str) -> list[Path]:
    """Every module below it."""
    return sorted((ROOT / folder).rglob("*.py"))


def room_of(path: Path) -> str:
    """The folder that a module is in."""
    return path.parent.relative_to(ROOT).as_posix()


def imported_rooms(path: Path) -> Iterator[str]:
    """The rooms that a module imports from, in whatever form."""
    package = room_of(path).split("/")
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names = [".".join([*base, *filter(None, [node.module]), name.name]) for name in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] in {"handler", "scripts"}:
                module = ROOT.joinpath(*parts)
                yield room_of(module if module.with_suffix(".py").exists() else module.parent)


def rows() -> list[tuple[str, str, str]]:
    """Room, what lives there, and the rooms that it imports, by the map."""
    return ROW.findall(MAP)


def test_every_room_is_on_the_map_with_what_it_imports() -> None:
    """No room is left out or told twice, none is invented, and no import goes where the map says that none does."""
    actual: dict[str, set[str]] = {}
    for path in [*modules("handler"), *modules("scripts")]:
        actual.setdefault(room_of(path), set()).update(imported_rooms(path))
    stated = {room: set(re.findall(r"`(\S+)/`", rooms)) for room, _, rooms in rows()}
    assert {room: rooms - {room} for room, rooms in actual.items()} == stated
    assert len(stated) == len(rows())


def test_only_the_entry_looks_into_the_rooms_below_it() -> None:
    """As the row of `handler/` says."""
    others = [path for path in (ROOT / "handler").glob("*.py") if path.name != "index.py"]
    assert {room for path in others for room in imported_rooms(path)} == {"handler"}


def test_tests_have_the_same_rooms() -> None:
    """Who knows where a thing is knows where it is tested."""
    rooms = {room_of(path).removeprefix("tests/") for path in modules("tests") if room_of(path) not in OWN_ROOMS}
    # Top-level modules of `handler/` and `scripts/` are tested at the top.
    mirrored = {room.partition("/")[2] for room, _, _ in rows()} - {""}
    assert rooms == mirrored - BY_THEIR_COMMANDS


def test_the_flow_names_what_is_there() -> None:
    """Every file and every step of the story."""
    (flow,) = FLOW.findall(MAP)
    paths = re.findall(r"\w+/[\w/]*\.py", flow)
    steps = [name for step, others in STEP.findall(flow) for name in [step, *filter(None, others.split(", "))]]
    assert len(paths) > 3
    assert {"claiming", "missing", "recording"} <= set(steps)
    named = [*paths, *(f"handler/upload/{step}.py" for step in steps)]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", [MAP, CONTRIBUTING], ids=["map", "CONTRIBUTING"])
def test_what_is_named_exists(page: str) -> None:
    """Every file and folder of ours that the page names is there."""
    named = [name for name in re.findall(r"`([\w./-]+/[\w./-]*)`", page) if name.split("/")[0] in ROOTS]
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_what_lives_in_a_room_is_there() -> None:
    """Files that a row names without their folder are in its room, or at the top."""
    for room, what, _ in rows():
        for name in re.findall(r"`([\w-]+\.\w+)`", what):
            assert (ROOT / room / name).exists() or (ROOT / name).exists(), f"{room}: {name}"


def test_the_table_is_linked_to_the_map() -> None:
    """A newcomer finds it."""
    assert "(docs/map.md)" in CONTRIBUTING
