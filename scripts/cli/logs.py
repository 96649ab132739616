"""`warden logs`: what the log service needs to be asked, and to wake somebody."""

import json
import os
from pathlib import Path

import click

from scripts.cli.options import out_option, template_option
from scripts.deploy.deployment import BadDeployment, load_deployment
from scripts.environment.making import ROOT
from scripts.logs.alarms import SHIPPED_DELIVERIES
from scripts.logs.documents import NAME, Document, Setting, as_text, write_documents
from scripts.logs.page import NoBlock, write_page

PAGE = ROOT / "docs" / "operations.md"
NOTES = """\
Apply (docs/operations.md, step 7): index.json to the logstore, first: without it no query runs; alarm-*.json and
dashboard.json to the project; metric-*.json to CloudMonitor. query-*.sql are for the console."""
EXAMPLES = """\b
Examples:
  scripts/warden logs --out logs/
  scripts/warden logs --out logs/ --notify night-shift
"""


@click.command("logs", epilog=EXAMPLES)
@template_option
@click.option(
    "--notify",
    metavar="NAME",
    default=NAME,
    show_default=True,
    help="Whom alarms tell: the action policy of the Log Service, and the contact group of CloudMonitor, of that name.",
)
@out_option
@click.option("--write", is_flag=True, help="Write the queries and alarms into docs/operations.md, for developers.")
def command(*, template: Path, notify: str, out: Path | None, write: bool) -> None:
    """Write the index, the queries, the alarms and the dashboard of the function's log.

    All follow from the template and from one source, which docs/operations.md shows too. Without --out the documents
    are printed as one JSON object. Nobody is asked and nothing is changed.

    Exit codes: 0 written, 1 the template or its policy is wrong, 2 the command line is wrong.
    """
    if write:
        renew_page()
        return
    try:
        documents = write_documents(read_setting(template, notify))
    except BadDeployment as error:
        raise click.ClickException(str(error)) from error
    if out is None:
        click.echo(json.dumps(documents, indent=2))
    else:
        try:
            write_files(out, documents)
        except OSError as error:
            raise click.ClickException(f"{error.filename}: cannot be written ({error.strerror})") from error
    click.echo(NOTES, err=True)


def write_files(out: Path, documents: dict[str, Document | str]) -> None:
    """One file a document, each named on the way. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (out / name).write_text(as_text(document), encoding="utf-8")
        click.echo(out / name)


def read_setting(template: Path, notify: str) -> Setting:
    """What the template says of the function and its log. Raises BadDeployment."""
    deployment = load_deployment(template, os.environ)
    return Setting(
        project=deployment.log_project,
        logstore=deployment.logstore,
        region=deployment.region,
        account=deployment.account,
        function=deployment.function_name,
        most_deliveries=deployment.settings.max_deliveries,
        notify=notify,
        calls_a_second=deployment.settings.calls_a_second,
    )


def renew_page() -> None:
    """Put what the source says now into the page."""
    page = PAGE.read_text("utf-8")
    try:
        PAGE.write_text(write_page(page, SHIPPED_DELIVERIES), "utf-8")
    except NoBlock as error:
        raise click.ClickException(f"{PAGE}: {error}") from error
