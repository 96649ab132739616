"""The policy that a template names: doctor and package take it from here, so that they mean the same file."""

import os
from dataclasses import dataclass
from pathlib import Path

from msgspec import UnsetType

from handler.adapters.policy_file import check_policy, packaged_place, read_policy
from handler.errors import BadSettings
from handler.policy.rules import Policy
from handler.policy.tree import Problem, suggest
from handler.settings import Settings
from scripts.deploy.template.names import is_unknown
from scripts.deploy.template.reading import Template

RIGHT = "POLICY is the path of a policy as seen from the folder of the template, such as policies/default.yml"


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """What POLICY names. `file` is it on this machine, `place` in the package; no `policy`: there are errors."""

    file: Path
    place: str
    policy: Policy | None
    problems: tuple[Problem, ...]
    text: bytes = b""


def examine_policy(template: Template, folder: Path) -> NamedPolicy | None:
    """Read and check it; `folder` is the template's.

    None where the template has no POLICY, which is said there, or one that is not known here.
    """
    environment = template.function.environmentVariables if template.function is not None else {}
    name = "" if isinstance(environment, UnsetType) else environment.get("POLICY", "")
    if not name or is_unknown(name):
        return None
    file, place = folder / name, packaged_place(name)
    try:
        text = read_policy(file)
    except OSError as error:
        message = f"the policy {name!r} cannot be read ({error.strerror}){_hint(name, folder)}; {RIGHT}"
        return NamedPolicy(file, place, None, (template.problem("environmentVariables.POLICY", message),))
    values, watched = _settings(environment)
    checked = check_policy(text, str(file), values, watched)
    return NamedPolicy(file, place, checked.policy, checked.problems, text)


def _settings(environment: dict[str, str]) -> tuple[dict[str, str] | None, tuple[str, ...]]:
    """What `${NAME}` stands for, None where it is not set yet, and the watched buckets."""
    try:
        settings = Settings.from_env(environment)
    except BadSettings:
        return None, ()
    values = settings.policy_values
    return None if any(map(is_unknown, values.values())) else values, settings.watched_buckets


def _hint(name: str, folder: Path) -> str:
    if "\\" in name:
        return "; folders are parted by /"
    if name.startswith(("~", "$")):
        return f"; {name.split('/', maxsplit=1)[0]} is not replaced here, write the folder out"
    if name != name.strip():
        return "; there is a blank at its end or beginning"
    if meant := _find_meant(name, folder):
        return f"; did you mean {meant!r}"
    if "://" in name:
        return "; this is an address, and the policy is a file of this machine"
    file = folder / name
    beside = sorted(path.name for path in file.parent.glob("*.y*ml")) if file.parent.is_dir() else []
    return "" if file.name in beside else suggest(file.name, beside)


def _find_meant(name: str, folder: Path) -> str | None:
    """A file below the folder: without quotes or a / in front, seen from one folder above, or in other capitals."""
    plain = name.strip("'\"").removeprefix("file://").lstrip("/")
    for meant in (plain, plain.partition("/")[2]):
        path = folder
        for part in meant.split("/"):
            path = path / _find_alike(part, path)
        if os.path.isfile(path):  # noqa: PTH113 - Path's own raises where a name is too long
            return path.relative_to(folder).as_posix()
    return None


def _find_alike(part: str, folder: Path) -> str:
    """The name in a folder that differs in capitals at most; the same where there is none, or many."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return part
    alike = [name for name in names if name.lower() == part.lower()]
    return alike[0] if len(alike) == 1 else part
