"""A folder from which something is about to be deployed, and the doctor called upon it."""

from pathlib import Path

from click.testing import CliRunner, Result

from scripts.cli.doctor import command
from scripts.environment.making import ROOT
from tests.deploy.template.templates import edit_template


class Checkout:
    """A folder with a template and a policy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.yml"
        self.policy = folder / "policies" / "default.yml"
        self.policy.parent.mkdir()
        self.policy.write_bytes((ROOT / "policies" / "default.yml").read_bytes())
        self.edit()

    def edit(self, *edits: tuple[str, str]) -> None:
        """Write the template, edited."""
        self.template.write_text(edit_template(*edits), encoding="utf-8")

    def examine(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run the command."""
        return CliRunner().invoke(command, ["--template", str(self.template), *arguments], env=env)
