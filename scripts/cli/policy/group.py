"""`scripts/warden policy`: know what an edit of a policy does, before it is live. One module a command."""

import click

from scripts.cli.policy.check import command as check
from scripts.cli.policy.explain import command as explain
from scripts.cli.policy.labels import command as labels
from scripts.cli.policy.replay import command as replay
from scripts.cli.policy.schema import SCHEMA_FILE, write_schema
from scripts.cli.policy.schema import command as print_schema
from scripts.cli.policy.test import command as test

__all__ = ["SCHEMA_FILE", "group", "write_schema"]
EXAMPLES = """\b
Examples, in the order of an edit:
  scripts/warden policy labels feet --policy policies/default.yml
  scripts/warden policy check policies/default.yml
  scripts/warden policy explain policies/default.yml --label sexual_feet=60,low --key avatars/ann.jpg
  scripts/warden policy test --coverage
  scripts/warden policy replay policies/default.yml last-week.jsonl.gz --html what-changes.html
"""


@click.group(name="policy", epilog=EXAMPLES)
def group() -> None:
    """Know what an edit of a policy does, before it is live.

    docs/policy.md explains the language. Exit codes: 0 fine, 1 something was found, 2 a wrong command line.
    """


for _command in (check, explain, labels, print_schema, replay, test):
    group.add_command(_command)
