"""`warden doctor`: is everything as it must be, before and after a deployment."""

import os
from pathlib import Path

import click

from scripts.cli.options import template_option
from scripts.deploy.checkup import Diagnosis, Rights, examine
from scripts.deploy.deployment import load_deployment
from scripts.deploy.live.account import examine_account

EXAMPLES = """\b
Examples:
  scripts/warden doctor
  scripts/warden doctor --rights rights/ --versioned my-uploads
  scripts/warden doctor --live
"""


@click.command("doctor", epilog=EXAMPLES)
@template_option
@click.option(
    "--rights",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder written by `warden rights --out`: is it still right?",
)
@click.option("--versioned", metavar="BUCKET", multiple=True, help="As given to `warden rights`; may be repeated.")
@click.option(
    "--kms-key", "kms_keys", metavar="ARN", multiple=True, help="As given to `warden rights`; may be repeated."
)
@click.option(
    "--live",
    is_flag=True,
    help="Ask the real account too, with the keys in ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET. One call is billed.",
)
def command(
    *, template: Path, rights: Path | None, versioned: tuple[str, ...], kms_keys: tuple[str, ...], live: bool
) -> None:
    """Look for what would go wrong once it is deployed.

    Reads the template, the policy that it names and this machine; asks nobody, unless --live is given. Each finding
    says where it is and how to mend it. Exit code 1 if there is an error; warnings stop nothing.

    --live takes the public addresses of the region. From a private network name others, as URLs: SLS_ENDPOINT of the
    Log Service (https://REGION-intranet.log.aliyuncs.com), MNS_ENDPOINT of the Message Service
    (http://ACCOUNT.mns.REGION-internal.aliyuncs.com). What may not be looked at is a warning that names the right.
    """
    findings = examine(template, os.environ, Rights(rights, versioned, kms_keys) if rights is not None else None)
    if live and _errors(findings):
        click.echo("the account is asked only once nothing is wrong offline", err=True)
    elif live:
        findings += examine_account(load_deployment(template, os.environ), os.environ)
    for finding in findings:
        click.echo(str(finding))
    errors = _errors(findings)
    if errors:
        raise click.ClickException(f"{len(errors)} to mend before it is deployed")
    asked = "the account too" if live else "offline; --live asks the account"
    click.echo(f"nothing to mend ({asked}), {len(findings)} warnings")


def _errors(findings: list[Diagnosis]) -> list[Diagnosis]:
    return [finding for finding in findings if finding.severity == "error"]
