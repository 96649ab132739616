"""Template files: every example says in its first lines what is wrong with it, so that a case needs no Python.

`valid` are other shapes that the component takes; `parts` what some of them name.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.deploy.checkup import examine
from scripts.deploy.deployment import BadDeployment, load_deployment
from scripts.deploy.template.reading import check_template
from scripts.environment.making import ROOT

EXAMPLES = Path(__file__).parent / "files"
STATED = re.compile(r"# (error|warning): (\d+):(\d+): (.*)")
FOUND = re.compile(r"(error|warning): .+?\.yml:(\d+):(\d+): (.*)", re.DOTALL)
Place = tuple[str | int, ...]
LAW = settings(deadline=None)  # a busy machine breaks no law
BASE = yaml.safe_load((EXAMPLES / "parts" / "base.yml").read_text(encoding="utf-8"))
NAMES = ROOT / "scripts" / "deploy" / "template" / "fc3.txt"

pytestmark = pytest.mark.usefixtures("python_for_the_build")


def examples(*folders: str) -> list[Path]:
    """List the example files of these folders."""
    return sorted(path for folder in folders for path in (EXAMPLES / folder).glob("*.yml"))


def stated(path: Path) -> Iterator[tuple[str, int, int, str]]:
    """Read what an example says of itself."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if said := STATED.fullmatch(line):
            yield said[1], int(said[2]), int(said[3]), said[4]


def name_of(path: Path) -> str:
    """Name a case by its folder and file."""
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", examples("valid"), ids=name_of)
def test_the_doctor_is_silent_about_what_is_right(path: Path) -> None:
    """Whatever shape it has: neither errors nor warnings."""
    assert [str(finding) for finding in examine(path, {})] == []


@pytest.mark.parametrize("path", examples("invalid", "warned"), ids=name_of)
def test_a_mistake_is_found_at_its_line(path: Path) -> None:
    """Every stated finding is there, at its line and column, and no other; an error stops the deployment."""
    wanted = list(stated(path))
    found = [match for finding in examine(path, {}) if (match := FOUND.fullmatch(str(finding)))]
    assert [(each[1], int(each[2]), int(each[3])) for each in found] == [
        (s, line, column) for s, line, column, _ in wanted
    ]
    for match, (_, _, _, message) in zip(found, wanted, strict=True):
        assert message in match[4]
    assert ("error" in {severity for severity, *_ in wanted}) == (path.parent.name == "invalid")


@pytest.mark.parametrize("path", examples("warned", "valid"), ids=name_of)
def test_documents_are_made_of_what_is_no_error(path: Path) -> None:
    """Rights and documents of the log are written; where they need what is not in the template, that is said."""
    unknown = "${config(" in path.read_text() or "output" in path.read_text() or "auto|" in path.read_text()
    if unknown:
        with pytest.raises(BadDeployment, match="only the deployment itself will know"):
            load_deployment(path, {})
    else:
        assert load_deployment(path, {}).account == "1234567890123456"


def paths_in(value: object, path: Place = ()) -> Iterator[Place]:
    """Where something stands in a template."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = [*value.items()]
    elif isinstance(value, list):
        inner = [*enumerate(value)]
    for key, each in inner:
        yield (*path, key)
        yield from paths_in(each, (*path, key))


def put(path: Place, value: object) -> bytes:
    """The base, with another value at a place."""
    tree = yaml.safe_load(yaml.safe_dump(BASE))
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return yaml.safe_dump(tree).encode()


PATHS = [*paths_in(BASE)]
TEXTS = ["", " ", "auto", "a/b:c*?", "${", "${}", "${vars", "${vars.}", "${this.props}", "${this.props.region.x}"]
ODD: st.SearchStrategy[object] = st.sampled_from([None, True, 0, -1, 0.5, 10**20, [], {}, *TEXTS])
NAMED = [path for path in PATHS if path[3:] and "environmentVariables" not in path and isinstance(path[-1], str)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for the files of a law."""
    return tmp_path_factory.mktemp("odd")


@LAW
@given(st.sampled_from(PATHS), ODD | st.text(max_size=8) | st.lists(ODD) | st.dictionaries(st.text(max_size=3), ODD))
def test_whatever_stands_anywhere_is_told_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, path: Place, value: object
) -> None:
    """No value at any place of a template ends in a traceback."""
    file = tmp_path_factory.mktemp("odd") / "template.yml"
    file.write_bytes(put(path, value))
    for finding in examine(file, {}):
        assert FOUND.fullmatch(str(finding)), finding


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))
def test_what_only_the_deployment_knows_is_no_error(path: Place) -> None:
    """An expression in the place of any value of the file is left to Serverless Devs."""
    for expression in ("${config('Anything')}", "${file('./anything')}", "${resources.other.output.anything}"):
        template = check_template(put(path, expression), "template.yml", {})
        assert template.errors == ()


def known_places() -> Iterator[Place]:
    """The properties of the function that the component knows, in sections that the base has."""
    for line in NAMES.read_text(encoding="utf-8").splitlines():
        keys = line.split(".")
        if not line.startswith("#") and "*" not in keys and "triggers" not in keys[:-1]:
            path = ("resources", "bucket_warden", "props", *keys)
            if path not in PATHS and keys[0] != "code" and (len(keys) == 1 or path[:-1] in PATHS):
                yield path


@pytest.mark.parametrize("path", [*known_places()], ids=lambda path: ".".join(path[3:]))
def test_what_the_component_knows_is_not_remarked_upon(path: Place) -> None:
    """Whichever property it is; those that mean something to us are judged by their value."""
    template = check_template(put(path, None), "template.yml", {})
    assert template.problems == ()
    others = {"onSuccess", "qualifier", "vpcConfig", "diskSize", "internetAccess", "instanceConcurrency"}
    if path[-1] not in others:
        assert check_template(put(path, {"any": "thing"}), "template.yml", {}).problems == ()


@LAW
@given(st.sampled_from(NAMED), st.integers(0, 30))
def test_a_slip_in_a_property_is_told(path: Place, position: int) -> None:
    """Where a letter of a key is doubled, the right one is named, or what is missing then."""
    name = str(path[-1])
    tree = yaml.safe_load(yaml.safe_dump(BASE))
    inner = tree
    for key in path[:-1]:
        inner = inner[key]
    at = position % len(name)
    slip = name[:at] + name[at] + name[at:]
    inner[slip] = inner.pop(name)
    lines = [problem.message for problem in check_template(yaml.safe_dump(tree).encode(), "t.yml", {}).problems]
    assert any(line.startswith(f"unknown key {slip!r}; did you mean {name!r}") for line in lines), lines
