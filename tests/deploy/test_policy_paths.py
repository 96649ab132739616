"""`POLICY` may name any file: doctor, package and function mean the same one, or refuse it together."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import CliRunner

from handler import index
from handler.adapters.policy_file import packaged_place
from handler.errors import BadPolicy
from scripts.cli.doctor import command as doctor
from scripts.cli.package import command as package
from scripts.deploy.package import staging, wheels
from tests.deploy.template.templates import edit_template

MINIMAL = "version: 1\nname: {name}\nrules: []\nquarantine: {{bucket: quarantine}}\n"
Lay: TypeAlias = Callable[[Path], str]  # puts what POLICY names beside a checkout, and answers with the setting


def write(path: Path) -> Path:
    """Put a policy here, named after its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MINIMAL.format(name="named"), encoding="utf-8")
    return path


def at(written: str, named: str | None = None) -> Lay:
    """A file at this path, seen from the checkout, which POLICY names so or otherwise."""

    def lay(checkout: Path) -> str:
        write(checkout / written)
        return written if named is None else named

    return lay


def as_bytes(text: bytes) -> Lay:
    """A policy as some editor saves it."""

    def lay(checkout: Path) -> str:
        (checkout / "policies" / "site.yml").write_bytes(text)
        return "policies/site.yml"

    return lay


def absolute(checkout: Path) -> str:
    """A file elsewhere on the machine, by its whole path."""
    return str(write(checkout.parent / "shared" / "site.yml"))


def absolute_inside(checkout: Path) -> str:
    """A file of the checkout, by its whole path."""
    return str(write(checkout / "policies" / "site.yml"))


def link(checkout: Path) -> str:
    """A link to a file outside the checkout."""
    (checkout / "policies" / "site.yml").symlink_to(write(checkout.parent / "shared" / "real.yml"))
    return "policies/site.yml"


def link_to_a_folder(checkout: Path) -> str:
    """A folder that is a link."""
    (checkout / "ours").symlink_to(write(checkout.parent / "shared" / "site.yml").parent)
    return "ours/site.yml"


def dead_link(checkout: Path) -> str:
    """A link that leads nowhere."""
    (checkout / "policies" / "site.yml").symlink_to(checkout / "nowhere.yml")
    return "policies/site.yml"


FOUND: dict[str, Lay] = {
    "relative": at("policies/site.yml"),
    "./": at("policies/site.yml", "./policies/site.yml"),
    "in the checkout itself": at("site.yml"),
    "deeper": at("policies/eu/site.yml"),
    "another folder": at("moderation/rules/site.yml"),
    "../": at("../common/site.yml"),
    "../../": at("../../site.yml"),
    "../ back into the checkout": at("policies/site.yml", "../checkout/policies/site.yml"),
    "up and down": at("policies/site.yml", "policies/../policies/site.yml"),
    "double slash": at("policies/site.yml", "policies//site.yml"),
    "absolute": absolute,
    "absolute, of the checkout": absolute_inside,
    "with spaces": at("our policies/the site.yml"),
    ".yaml": at("policies/site.yaml"),
    "no suffix": at("policies/site"),
    "like a test": at("policies/site.test.yml"),
    "a folder named tests": at("tests/site.yml"),
    "hidden": at(".warden/site.yml"),
    "non-ASCII": at("richtlinien/größe 规则 🙂.yml"),
    "a link": link,
    "a linked folder": link_to_a_folder,
    "with CRLF": as_bytes(MINIMAL.format(name="named").replace("\n", "\r\n").encode()),
    "with a BOM": as_bytes(b"\xef\xbb\xbf" + MINIMAL.format(name="named").encode()),
    "a colon": at("policies/eu:site.yml"),
    "with blanks at its ends": at("policies/ site.yml "),
    "decomposed letters": at("policies/e\u0301.yml"),
    "a very long path": at("/".join(["deep" * 12] * 10) + "/site.yml"),
    "the longest name": at("policies/" + "x" * 251 + ".yml"),
    "a folder of a dependency": at("yaml/site.yml"),
    "the folder for what lies outside": at("elsewhere/site.yml"),
    "capitals": at("Policies/Site.YML"),
    "a folder of the package": at("handler/site.yml"),
    "the same name as another": at("moderation/default.yml"),
    "the same name as another, outside": at("../default.yml"),
}
MISSING: dict[str, Lay] = {
    "missing": lambda _: "policies/nothing.yml",
    "missing folder": lambda _: "nowhere/site.yml",
    "missing outside": lambda _: "../nothing.yml",
    "missing, absolute": lambda checkout: str(checkout / "nothing.yml"),
    "a folder": lambda _: "policies",
    "the checkout": lambda _: ".",
    "outside": lambda _: "..",
    "a dead link": dead_link,
    "a home": at("site.yml", "~/site.yml"),
    "a variable": at("site.yml", "$HOME/site.yml"),
    "Windows": at("policies/site.yml", "policies\\site.yml"),
    "another case": at("policies/site.yml", "policies/Site.yml"),
    "another case of a folder": at("policies/site.yml", "Policies/site.yml"),
    "a / in front": at("policies/site.yml", "/policies/site.yml"),
    "in quotes": at("policies/site.yml", "'policies/site.yml'"),
    "from the folder above": at("policies/site.yml", "checkout/policies/site.yml"),
    "an address": lambda _: "oss://ours/site.yml",
    "a drive": lambda _: "C:/nowhere/site.yml",
    "a blank": at("policies/site.yml", "policies/site.yml "),
    "too long": lambda _: "x" * 300 + ".yml",
    "a file for a folder": at("site.yml", "site.yml/policy.yml"),
}


class Deployment:
    """A checkout in a folder of its own, whose template names a policy."""

    def __init__(self, folder: Path, lay: Lay) -> None:
        self.folder = folder
        self.checkout = folder / "work" / "checkout"
        (self.checkout / "handler").mkdir(parents=True)
        (self.checkout / "policies").mkdir()
        (self.checkout / "policies" / "default.yml").write_text(MINIMAL.format(name="default"))
        self.policy = lay(self.checkout)
        self.template = self.checkout / "template.yml"
        quoted = self.policy.replace("\\", "\\\\")
        self.template.write_text(edit_template(("policy: policies/default.yml", f'policy: "{quoted}"')), "utf-8")

    def doctor(self) -> str:
        """What the doctor says; nothing if all is well."""
        done = CliRunner().invoke(doctor, ["--template", str(self.template)])
        return done.output if done.exit_code else ""

    def package(self, monkeypatch: pytest.MonkeyPatch) -> str:
        """Package, all but the dependencies; what is said where that is refused."""
        code = self.folder / "code"
        monkeypatch.setattr(staging, "collect_wheels", lambda *_: [])
        monkeypatch.setattr(staging, "compile_bytecode", lambda *_: None)
        monkeypatch.setattr(staging, "CODE", "code")
        original = staging.build_package
        monkeypatch.setattr(
            "scripts.cli.package.build_package", lambda build, template: original(build, self.checkout, template)
        )
        done = CliRunner().invoke(package, ["--template", str(self.template), "--build", str(code.parent)])
        return done.output if done.exit_code else ""

    def start(self, monkeypatch: pytest.MonkeyPatch) -> str:
        """Start the function where there is nothing but the package; answers with the policy's id."""
        (self.folder / "work").rename(self.folder / "gone")
        if (self.folder / "site.yml").exists():
            (self.folder / "site.yml").unlink()
        monkeypatch.setattr(index, "CODE", self.folder / "code")
        env = {"POLICY": self.policy, "WATCHED_BUCKETS": "uploads", "MAX_DELIVERIES": "6"}
        return index.Warden.from_env(env).policy.id


@pytest.fixture(autouse=True)
def _python_for_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one, whatever this machine has."""
    monkeypatch.setattr(wheels, "find_python", lambda _version: Path(sys.executable))
    monkeypatch.setattr(staging, "require_python", lambda: Path(sys.executable))


@pytest.mark.parametrize("spelling", FOUND)
def test_any_file_is_found_by_all_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    """However its path is written, the doctor has nothing to say, and the function starts on what was packaged."""
    deployment = Deployment(tmp_path, FOUND[spelling])
    assert deployment.doctor() == ""
    assert deployment.package(monkeypatch) == ""
    assert deployment.start(monkeypatch).startswith("named:")


@pytest.mark.parametrize("spelling", MISSING)
def test_what_is_no_file_is_refused_by_all_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    """Before anything is deployed, with the setting and what it should be; a function would not start either."""
    deployment = Deployment(tmp_path, MISSING[spelling])
    for said in (deployment.doctor(), deployment.package(monkeypatch)):
        assert f"environmentVariables.POLICY: the policy {deployment.policy!r} cannot be read (" in said
        assert "POLICY is the path of a policy as seen from the folder of the template" in said
    (tmp_path / "code").mkdir()
    with pytest.raises(BadPolicy, match=r"the policy cannot be read .* POLICY must name a policy file"):
        deployment.start(monkeypatch)


@pytest.mark.parametrize(
    ("spelling", "hint"),
    [
        ("Windows", "folders are parted by /"),
        ("a home", "~ is not replaced here, write the folder out"),
        ("a variable", "$HOME is not replaced here"),
        ("another case", "did you mean 'policies/site.yml'"),
        ("another case of a folder", "did you mean 'policies/site.yml'"),
        ("a / in front", "did you mean 'policies/site.yml'"),
        ("in quotes", "did you mean 'policies/site.yml'"),
        ("from the folder above", "did you mean 'policies/site.yml'"),
        ("an address", "this is an address, and the policy is a file of this machine"),
        ("a blank", "there is a blank at its end or beginning"),
    ],
)
def test_a_path_that_is_nearly_right_gets_a_hint(tmp_path: Path, spelling: str, hint: str) -> None:
    """What people write on other systems, and slips of a letter."""
    assert hint in Deployment(tmp_path, MISSING[spelling]).doctor()


def test_a_policy_with_errors_is_refused_by_all_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it lies; each names the error with its place."""
    deployment = Deployment(tmp_path, at("../common/site.yml"))
    (deployment.checkout / deployment.policy).write_text("version: 2\nname: named\nrules: []\n")
    for said in (deployment.doctor(), deployment.package(monkeypatch)):
        assert "site.yml:1:10: version: unknown word '2'" in said
    (tmp_path / "code" / "elsewhere").mkdir(parents=True)
    (tmp_path / "code" / packaged_place(deployment.policy)).write_text("version: 2\n")
    with pytest.raises(BadPolicy, match="1:10: version: unknown word '2'"):
        deployment.start(monkeypatch)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_policy_that_is_not_utf8_is_refused_before_it_is_deployed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """As some editors save it; the file is named."""
    deployment = Deployment(tmp_path, as_bytes(MINIMAL.format(name="named").encode(encoding)))
    for said in (deployment.doctor(), deployment.package(monkeypatch)):
        assert "site.yml:1:1: this is UTF-16 text; save the policy as a UTF-8 file" in said


def test_a_template_that_names_no_policy_is_not_packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function could not start; nor is a template guessed that is not there."""
    deployment = Deployment(tmp_path, at("policies/site.yml"))
    deployment.template.write_text(edit_template(("        POLICY: ${vars.policy}\n", "")), "utf-8")
    assert "no policy is named there (POLICY)" in deployment.package(monkeypatch)
    deployment.template.unlink()
    assert "the template cannot be read (No such file or directory); name one" in deployment.package(monkeypatch)
