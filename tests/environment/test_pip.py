"""What of pip's own configuration is heeded: real pip, real environments."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.environment.making import prepare
from scripts.environment.pip import pip_environments, run_with_index

PYTHON = Path(sys.executable)
VERSION = "{}.{}".format(*sys.version_info)
CONFIGURED = """
[global]
index-url = https://mirror.invalid/simple
extra-index-url =
    https://one.invalid/simple
    https://two.invalid/simple
proxy = http://proxy.invalid:3128
user = true
constraint = /nowhere/constraints.txt
[install]
target = /nowhere/packages
no-binary = :all:
"""


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's configuration file, and no variables of this machine's own."""
    file = tmp_path / "pip.conf"
    file.write_text(CONFIGURED)
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))


def listed(variables: dict[str, str]) -> dict[str, str]:
    """What pip itself reads in such an environment."""
    told = subprocess.check_output([PYTHON, "-m", "pip", "config", "list"], env=variables, text=True)  # noqa: S603
    return dict(line.removeprefix(":env:.").split("=", 1) for line in told.splitlines())


@pytest.mark.usefixtures("configure")
def test_only_the_way_to_an_index_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mirrors and proxies are; what would put packages elsewhere, or others in their place, is not."""
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_PROXY", "http://other.invalid:3128")
    first, second = (listed(variables) for _, variables in pip_environments(PYTHON, "install"))
    assert first["index-url"] == "'https://mirror.invalid/simple'"
    assert first["extra-index-url"] == "'https://one.invalid/simple https://two.invalid/simple'"
    assert first["proxy"] == second["proxy"] == "'http://other.invalid:3128'"
    assert not {"user", "target", "constraint", "no-binary"} & (first.keys() | second.keys())
    assert not {"index-url", "extra-index-url"} & second.keys()


@pytest.mark.usefixtures("configure")
def test_without_an_index_none_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wants no index at all is not sent to PyPI behind their back."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert len(pip_environments(PYTHON, "install")) == 1


@pytest.mark.exhaustive
@pytest.mark.usefixtures("configure", "copied")
def test_a_configuration_for_the_user_breaks_nothing(tmp_path: Path) -> None:
    """`user = true`, a target and an index out of reach: the environment is made all the same."""
    (tmp_path / "requirements").mkdir()
    for name in ("build", "core"):
        (tmp_path / "requirements" / f"{name}.txt").write_text("# nothing\n")
    assert prepare("core", PYTHON, tmp_path).exists()


def options(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What is heeded first, of a configuration file with this text."""
    file = tmp_path / "pip.conf"
    file.write_text(text)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    return pip_environments(PYTHON, "install")[0][1]


def test_a_configuration_that_pip_refuses_is_passed_over_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What pip can't read it can't heed; the person is told, for their mirror is lost with it."""
    assert options("[global\n", tmp_path, monkeypatch)["PIP_CONFIG_FILE"] == "/dev/null"
    assert "pip's own configuration is passed over; pip said: " in capsys.readouterr().err


@pytest.mark.usefixtures("configure")
def test_an_empty_variable_hides_no_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with pip itself."""
    monkeypatch.setenv("PIP_INDEX_URL", "")
    heeded = options("[global]\nindex-url = https://mirror.invalid/simple\n", tmp_path, monkeypatch)
    assert heeded["PIP_INDEX_URL"] == "https://mirror.invalid/simple"


@pytest.mark.usefixtures("configure")
def test_a_quiet_pip_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration that says `quiet` is read all the same."""
    heeded = options("[global]\nquiet = 2\nindex-url = https://mirror.invalid/simple\n", tmp_path, monkeypatch)
    assert heeded["PIP_INDEX_URL"] == "https://mirror.invalid/simple"


@pytest.mark.usefixtures("configure")
def test_an_index_is_wanted_where_it_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`no-index = false` says nothing."""
    assert "PIP_NO_INDEX" not in options("[global]\nno-index = false\n", tmp_path, monkeypatch)


@pytest.mark.usefixtures("configure")
def test_both_indexes_are_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who can reach only their mirror must see what that said."""
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.invalid/simple")

    def fail(variables: Mapping[str, str]) -> tuple[int, list[str]]:
        return 1, ["WARNING: again", f"ERROR: nothing at {variables.get('PIP_INDEX_URL', 'PyPI')}"]

    assert run_with_index(PYTHON, "install", fail) == [
        "with the index of your pip configuration pip said:",
        "  ERROR: nothing at https://mirror.invalid/simple",
        "with PyPI pip said:",
        "  ERROR: nothing at PyPI",
    ]


@pytest.mark.usefixtures("configure")
def test_pip_tries_once_more_to_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `retries = 0` it only says what it could not find."""
    assert options("[global]\nretries = 0\n", tmp_path, monkeypatch)["PIP_RETRIES"] == "1"


@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize("name", ["PIP_PYTHON", "PIP_LOG"])
def test_what_would_keep_pip_from_telling_its_configuration_is_passed_over(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another interpreter for pip, or a log that can't be written, hides no mirror."""
    monkeypatch.setenv(name, "/nowhere/at-all")
    heeded = options("[global]\nindex-url = https://mirror.invalid/simple\n", tmp_path, monkeypatch)
    assert heeded["PIP_INDEX_URL"] == "https://mirror.invalid/simple"
    assert capsys.readouterr().err == ""
