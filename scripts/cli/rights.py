"""`warden rights`: least-privilege documents from the template and the policy."""

import json
import os
from pathlib import Path

import click

from scripts.cli.options import out_option, template_option
from scripts.deploy.choices import EVERYBODY, NOTE, Choices, read_choices
from scripts.deploy.deployment import BadDeployment, load_deployment
from scripts.deploy.documents import write_documents
from scripts.deploy.rights_folder import LEFT_OVER, find_dropped, find_leftovers, find_too_long, write_folder
from scripts.deploy.statements import Document

NOTES = """\
Apply (docs/operations.md, step 4): *-trust.json and *-role.json make the two roles in RAM; deployer.json goes to
whoever deploys, operators.json to whoever looks after it, uploaders-*.json to whoever uploads, and to nobody else;
gate-*.json onto the bucket as its bucket policy, *-lifecycle.xml onto those buckets, beside the rules that they have.
OSS documents no condition on storage classes: nothing here keeps uploaders from writing Archive objects. What becomes
of these, `failures.archived` of the policy says."""
# "Block public access" of the OSS documentation: a statement for `*` is public unless it has a condition on networks.
GATE_FOR_EVERYBODY = """\
The gate is for everybody: OSS refuses or ignores it while Block Public Access is on, for the bucket (as it is in
buckets made in the console) or for the account. Switch it off for the bucket, whose ACL stays private, or name readers
with --reader. scripts/warden doctor --live --rights DIR looks."""
EXAMPLES = """\b
Examples:
  scripts/warden rights --out rights/ --versioned my-uploads
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
    help="Who reads past the gate: an account, a user, arn:sts::ACCOUNT:assumed-role/ROLE/* [default: everybody].",
)
@out_option
@click.option("--anew", is_flag=True, help="Forget what the documents in --out were written for before.")
def command(  # noqa: PLR0913  (click hands over each option by its name)
    *,
    template: Path,
    versioned: tuple[str, ...],
    kms_keys: tuple[str, ...],
    gate: bool,
    readers: tuple[str, ...],
    out: Path | None,
    anew: bool,
) -> None:
    """Write what each role, uploader, reader and operator may, and no more.

    Everything follows from the template and the policy that it names: no right to delete where nothing deletes or
    quarantines. Without --out the documents are printed as one JSON object. Run it again after each change of either:
    the folder knows the options that it was written with (rights.json), and those that are given are added to them.
    """
    if anew and out is None:
        raise click.UsageError("--anew is about the folder in --out, and none is given")
    given = Choices(versioned=versioned, kms_keys=kms_keys, gate=gate, readers=readers)
    try:
        before = read_choices(out) if out is not None and not anew else None
        choices = (before or Choices()).add(given)
        documents = _write(template, choices, before)
        if out is not None:
            _tell_dropped(out, documents, is_meant=anew)
    except BadDeployment as error:
        raise click.ClickException(str(error)) from error
    if out is None:
        click.echo(json.dumps(documents, indent=2))
    else:
        _write_out(out, documents, choices)
    for message in find_too_long(documents):
        click.echo(message, err=True)
    click.echo(NOTES, err=True)
    if choices.gate and EVERYBODY in choices.who_reads:
        click.echo(GATE_FOR_EVERYBODY, err=True)


def _write(template: Path, choices: Choices, before: Choices | None) -> dict[str, Document | str]:
    try:
        return write_documents(load_deployment(template, os.environ), choices)
    except BadDeployment as error:
        if before is None or before == Choices():
            raise
        raise BadDeployment(f"{error}\n({NOTE} has {before}, from before; --anew forgets that)") from error


def _tell_dropped(out: Path, documents: dict[str, Document | str], *, is_meant: bool) -> None:
    """Say what the function may no more; refuse where nobody asked for that. Raises BadDeployment."""
    dropped = " ".join(find_dropped(out, documents))
    if dropped and not is_meant:
        raise BadDeployment(
            f"{out}: its function-role.json was written for {dropped}, which {NOTE} does not have: without it nothing "
            "there can be judged; give it again, or --anew with every option that is needed"
        )
    if dropped:
        click.echo(f"no longer in function-role.json: {dropped}; nothing that needs it can be judged then", err=True)


def _write_out(out: Path, documents: dict[str, Document | str], choices: Choices) -> None:
    try:
        paths = write_folder(out, documents, choices)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: cannot be written ({error.strerror})") from error
    for path in paths:
        click.echo(path)
    click.echo(f"written for {choices} ({out / NOTE})", err=True)
    for path in find_leftovers(out, documents):
        click.echo(f"{path}: {LEFT_OVER}", err=True)
