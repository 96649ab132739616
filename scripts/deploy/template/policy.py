"""The policy that a template names: doctor and package take it from here, so that they mean the same file."""

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
        message = f"the policy {name!r} cannot be read ({error.strerror}){_hint(name, file)}; {RIGHT}"
        return NamedPolicy(file, place, None, (template.problem("environmentVariables.POLICY", message),))
    values, watched = _settings(environment)
    checked = check_policy(text, str(file), values, watched)
    return NamedPolicy(file, place, checked.policy, checked.problems)


def _settings(environment: dict[str, str]) -> tuple[dict[str, str] | None, tuple[str, ...]]:
    """What `${NAME}` stands for, None where it is not set yet, and the watched buckets."""
    try:
        settings = Settings.from_env(environment)
    except BadSettings:
        return None, ()
    values = settings.policy_values
    return None if any(map(is_unknown, values.values())) else values, settings.watched_buckets


def _hint(name: str, file: Path) -> str:
    if "\\" in name:
        return "; folders are parted by /"
    if name.startswith(("~", "$")):
        return f"; {name.split('/', maxsplit=1)[0]} is not replaced here, write the folder out"
    if name != name.strip():
        return "; there is a blank at its end or beginning"
    beside = sorted(path.name for path in file.parent.glob("*.y*ml")) if file.parent.is_dir() else []
    return "" if file.name in beside else suggest(file.name, beside)
