"""The policies of a package: the one that the template names, wherever it lies, and those of the folder policies/."""

from collections.abc import Mapping
from pathlib import Path

from handler.adapters.policy_file import check_policy
from scripts.deploy.package.wheels import CannotPackage
from scripts.deploy.template.policy import NamedPolicy, examine_policy
from scripts.deploy.template.reading import load_template

FOLDER = "policies"
SUFFIXES = {".yml", ".yaml"}


def named_policy(template: Path, env: Mapping[str, str]) -> NamedPolicy:
    """The policy that the template names; `env` is what `${env('NAME')}` stands for. Raises CannotPackage.

    What else is wrong with the template is for the doctor to say: a package can be made before everything is set.
    """
    try:
        read = load_template(template, env)
    except OSError as error:
        message = f"{template}: the template cannot be read ({error.strerror}); name one with --template"
        raise CannotPackage(message) from error
    named = examine_policy(read, template.parent)
    if named is None:
        raise CannotPackage(f"{template}: no policy is named there (POLICY); scripts/warden doctor says what is wrong")
    return named


def policy_files(folder: Path) -> list[Path]:
    """The policies that are packaged anyway: the YAML files of the folder itself, without their tests."""
    files = sorted(file for file in folder.glob("*") if file.suffix in SUFFIXES and file.is_file())
    return [file for file in files if not file.stem.endswith((".test", ".tests"))]


def collect_policies(root: Path, named: NamedPolicy | None) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Where each policy goes in the code directory, and the ids of all, that of the named one first.

    Raises CannotPackage with every error of every one, and where there is none.
    """
    places = {f"{FOLDER}/{file.name}": file for file in policy_files(root / FOLDER)}
    found = [check_policy(file.read_bytes(), str(file)) for file in places.values()]
    problems = [problem for checked in found for problem in checked.problems]
    ids = [checked.policy.id for checked in found if checked.policy is not None]
    if named is not None:
        places[named.place] = named.file
        problems += [problem for problem in named.problems if problem not in problems]
        ids = [named.policy.id, *ids] if named.policy is not None else ids
    if not places:
        raise CannotPackage(f"there is no policy in {root / FOLDER}; the function needs one (policies/*.yml)")
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    if errors:
        raise CannotPackage("\n".join([*errors, "nothing was packaged: mend the policy first"]))
    return places, tuple(dict.fromkeys(ids))
