"""`warden rights`: least-privilege documents from the template and the policy."""

import json
import os
from pathlib import Path

import click

from scripts.cli.options import template_option
from scripts.deploy.deployment import BadDeployment, Deployment, load_deployment
from scripts.deploy.documents import Document, gate_document, write_documents

NOTES = """\
Apply (docs/operations.md, step 4): *-trust.json and *-role.json make the two roles in RAM; uploaders-*.json goes to
whoever uploads, and to nobody else; gate-*.json onto the bucket as its bucket policy, *-lifecycle.xml onto those
buckets, beside the rules that they have.
OSS documents no condition on storage classes: nothing here keeps uploaders from writing Archive objects. What becomes
of these, `failures.archived` of the policy says."""
EXAMPLES = """\b
Examples:
  scripts/warden rights --out rights/
  scripts/warden rights --versioned my-uploads --gate --reader '*'
  scripts/warden rights --out rights/ --kms-key acs:kms:ap-southeast-1:1234567890123456:key/9468da86-3509-4f8d-a61e
"""


@click.command("rights", epilog=EXAMPLES)
@template_option
@click.option(
    "--versioned", metavar="BUCKET", multiple=True, help="A watched bucket that has versions; may be repeated."
)
@click.option(
    "--kms-key",
    "kms_keys",
    metavar="ARN",
    multiple=True,
    help="A key of KMS that uploads, the quarantine or the ledger are encrypted with; may be repeated.",
)
@click.option("--gate", is_flag=True, help="Also the bucket policy by which only passed objects can be read.")
@click.option(
    "--reader",
    "readers",
    metavar="ID",
    multiple=True,
    default=("*",),
    help="Who reads past the gate: an account, a user, arn:sts::ACCOUNT:assumed-role/ROLE/* [default: everybody].",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write files here instead of printing.",
)
def command(  # noqa: PLR0913  (click hands over each option by its name)
    *,
    template: Path,
    versioned: tuple[str, ...],
    kms_keys: tuple[str, ...],
    gate: bool,
    readers: tuple[str, ...],
    out: Path | None,
) -> None:
    """Write what each role, uploader and reader may, and no more.

    Everything follows from the template and the policy that it names: no right to delete where nothing deletes or
    quarantines. Without --out the documents are printed as one JSON object. Run it again after each change of either.
    """
    try:
        deployment = load_deployment(template, os.environ)
        documents = write_documents(deployment, versioned=versioned, kms_keys=kms_keys)
        if gate:
            documents |= _gates(deployment, readers)
    except BadDeployment as error:
        raise click.ClickException(str(error)) from error
    if out is None:
        click.echo(json.dumps(documents, indent=2))
    else:
        _write(documents, out)
    click.echo(NOTES, err=True)


def _gates(deployment: Deployment, readers: tuple[str, ...]) -> dict[str, Document | str]:
    watched = deployment.settings.watched_buckets
    return {f"gate-{bucket}.json": gate_document(deployment, bucket, readers) for bucket in watched}


def _write(documents: dict[str, Document | str], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        text = document if isinstance(document, str) else json.dumps(document, indent=2) + "\n"
        (out / name).write_text(text, encoding="utf-8")
        click.echo(out / name)
