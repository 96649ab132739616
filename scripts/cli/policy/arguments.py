"""What the commands of `warden policy` have in common: their arguments, and how they refuse."""

from pathlib import Path
from typing import NoReturn

import click

from handler.policy.rules import Policy
from scripts.environment.making import ROOT
from scripts.workbench.files import check_file
from scripts.workbench.problems import show_problem
from scripts.workbench.terminal import open_console

POLICIES = ROOT / "policies"
FOUND = 1  # exit code: something is wrong with what was given
FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
FILE_OR_DASH = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path)
FILE_OR_FOLDER = click.Path(exists=True, readable=True, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")


class Refused(click.ClickException):
    """What was given is wrong: one line on standard error, exit code 1."""

    exit_code = FOUND


def load(path: Path) -> Policy:
    """The policy of a file; where it has errors they are shown, all of them, and the command ends."""
    try:
        text, checked = check_file(path)
    except OSError as error:
        refuse(f"{path}: cannot be read ({error.strerror})")
    if checked.policy is None:
        console = open_console(to_errors=True)
        for problem in checked.problems:
            show_problem(console, problem, text)
        raise click.exceptions.Exit(FOUND)
    return checked.policy


def refuse(message: str) -> NoReturn:
    """End the command with this message."""
    raise Refused(message)
