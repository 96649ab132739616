"""`warden policy schema`: the JSON Schema of the policy language."""

import json

import click

from handler.policy.shape import schema
from scripts.cli.policy.arguments import POLICIES

SCHEMA_FILE = POLICIES / "policy.schema.json"
EXAMPLES = """\b
Examples:
  scripts/warden policy schema > policy.schema.json
  scripts/warden policy schema --write
"""


@click.command("schema", epilog=EXAMPLES)
@click.option("--write", is_flag=True, help="Write policies/policy.schema.json instead of printing.")
def command(*, write: bool) -> None:
    """Print the JSON Schema of policies.

    Editors complete and check policies by it. The first line of a policy names it:
    # yaml-language-server: $schema=./policy.schema.json
    """
    if write:
        SCHEMA_FILE.write_text(write_schema(), encoding="utf-8")
    else:
        click.echo(write_schema(), nl=False)


def write_schema() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
