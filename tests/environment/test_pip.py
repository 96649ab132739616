"""What of pip's own configuration is heeded: real pip, real environments."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.environment.making import prepare
from scripts.environment.pip import pip_environments

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
    """A person's configuration file, and none of this machine's own."""
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
    first, second = map(listed, pip_environments(PYTHON))
    assert first["index-url"] == "'https://mirror.invalid/simple'"
    assert first["extra-index-url"] == "'https://one.invalid/simple https://two.invalid/simple'"
    assert first["proxy"] == second["proxy"] == "'http://other.invalid:3128'"
    assert not {"user", "target", "constraint", "no-binary"} & (first.keys() | second.keys())
    assert not {"index-url", "extra-index-url"} & second.keys()


@pytest.mark.usefixtures("configure")
def test_without_an_index_none_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wants no index at all is not sent to PyPI behind their back."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert len(list(pip_environments(PYTHON))) == 1


@pytest.mark.usefixtures("configure", "copied")
def test_a_configuration_for_the_user_breaks_nothing(tmp_path: Path) -> None:
    """`user = true`, a target and an index out of reach: the environment is made all the same."""
    (tmp_path / "requirements").mkdir()
    for name in ("build", "core"):
        (tmp_path / "requirements" / f"{name}.txt").write_text("# nothing\n")
    assert prepare("core", PYTHON, tmp_path).exists()


def test_a_broken_configuration_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip can't read it can't heed."""
    file = tmp_path / "pip.conf"
    file.write_text("[global\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    assert [variables["PIP_CONFIG_FILE"] for variables in pip_environments(PYTHON)] == ["/dev/null"]
