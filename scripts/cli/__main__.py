"""The command line of Bucket Warden: one module a command, mounted here."""

import click

from scripts.cli.bench import group as bench
from scripts.cli.demo.command import command as demo
from scripts.cli.doctor import command as doctor
from scripts.cli.find import command as find
from scripts.cli.letters import command as letters
from scripts.cli.local_cloud import command as local_cloud
from scripts.cli.logs import command as logs
from scripts.cli.package import command as package
from scripts.cli.policy.group import group as policy
from scripts.cli.redrive import command as redrive
from scripts.cli.restore import command as restore
from scripts.cli.rights import command as rights
from scripts.cli.start import command as start
from scripts.cli.stop import command as stop

EXAMPLES = """\b
Examples:
  scripts/warden demo
  scripts/warden policy --help
  scripts/warden local-cloud --verdicts verdicts.yml
  scripts/warden doctor
"""


@click.group(name="warden", epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
def warden() -> None:
    """Moderate every image that lands in an OSS bucket.

    Exit codes: 0 all is well, 1 something is wrong with what you gave, 2 the command line itself is wrong.
    """


warden.add_command(bench)
warden.add_command(demo)
warden.add_command(doctor)
warden.add_command(local_cloud)
warden.add_command(logs)
warden.add_command(package)
warden.add_command(policy)
warden.add_command(rights)
warden.add_command(find)
warden.add_command(letters)
warden.add_command(redrive)
warden.add_command(restore)
warden.add_command(start)
warden.add_command(stop)

if __name__ == "__main__":
    warden(prog_name="scripts/warden")
