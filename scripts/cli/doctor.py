"""`warden doctor`: is everything as it must be, before and after a deployment."""

import os
from pathlib import Path

import click

from scripts.cli.options import template_option
from scripts.deploy.checkup import Diagnosis, examine
from scripts.deploy.choices import read_choices
from scripts.deploy.deployment import BadDeployment, load_deployment
from scripts.deploy.live.account import examine_account
from scripts.deploy.rights_folder import examine_folder

EXAMPLES = """\b
Examples:
  scripts/warden doctor
  scripts/warden doctor --rights rights/
  scripts/warden doctor --rights rights/ --live
"""


@click.command("doctor", epilog=EXAMPLES)
@template_option
@click.option(
    "--rights",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder written by `warden rights --out`: is it still right? With --live, do the buckets fit it?",
)
@click.option(
    "--live",
    is_flag=True,
    help="Ask the real account too, with the keys in ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET. One call is billed.",
)
def command(*, template: Path, rights: Path | None, live: bool) -> None:
    """Look for what would go wrong once it is deployed.

    Reads the template, the policy that it names and this machine; asks nobody, unless --live is given. Each finding
    says where it is and how to mend it. Exit code 1 if there is an error; warnings stop nothing.

    --live takes the public addresses of the region. From a private network name others, as URLs: SLS_ENDPOINT of the
    Log Service (https://REGION-intranet.log.aliyuncs.com), MNS_ENDPOINT of the Message Service
    (http://ACCOUNT.mns.REGION-internal.aliyuncs.com). What may not be looked at is a warning that names the right.
    """
    findings, unasked = examine(template, os.environ), ""
    if rights is not None and not _errors(findings):
        findings += examine_folder(template, os.environ, rights)
    if live and _errors(findings):
        click.echo("the account is asked only once nothing is wrong offline", err=True)
    elif live:
        choices = read_choices(rights) if rights is not None else None
        try:
            findings += examine_account(load_deployment(template, os.environ), os.environ, choices)
        except BadDeployment as error:  # no error, but known at deployment only
            unasked = str(error)
    for finding in findings:
        click.echo(str(finding))
    errors = _errors(findings)
    if errors:
        raise click.ClickException(f"{len(errors)} to mend before it is deployed")
    if unasked:
        raise click.ClickException(f"the account was not asked: {unasked}")
    asked = "the account too" if live else "offline; --live asks the account"
    click.echo(f"nothing to mend ({asked}), {len(findings)} warnings")


def _errors(findings: list[Diagnosis]) -> list[Diagnosis]:
    return [finding for finding in findings if finding.severity == "error"]
