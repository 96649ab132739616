"""`warden letters`: dead letters, taken out of their queue."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from scripts.cli.options import template_option
from scripts.deploy.deployment import BadDeployment, load_deployment
from scripts.operations import letters
from scripts.operations.account import explained, read_credentials
from scripts.services.client import NoAnswer, Refused
from scripts.services.message_service import Queue, open_queue

RIGHTS = "mns:BatchReceiveMessage and mns:BatchDeleteMessage"
EXAMPLES = """\b
Examples:
  scripts/warden letters --out dead-letters.jsonl
  scripts/warden redrive dead-letters.jsonl
"""


@click.command("letters", epilog=EXAMPLES)
@template_option
@click.option(
    "--out",
    "file",
    metavar="FILE",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where they go: to its end, one JSON object a line.",
)
def command(*, template: Path, file: Path) -> None:
    """Take the dead letters out of the queue that the template names, into a FILE for `warden redrive`.

    A letter is deleted from the queue once it is on the disk, and not before: whatever stops this loses none, and at
    worst writes one twice, of which redrive sends one. Keys are those in ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET.
    MNS_ENDPOINT names another address of the Message Service than the region's public one, as a URL.

    Exit codes: 0 all are taken, or none waits, 1 something went wrong on the way, 2 the command line is wrong.
    """
    taken = 0
    try:
        with explained(), closing(open_letters(template)) as queue:
            for count in take(queue, file):
                taken += count
    except OSError as error:
        raise click.ClickException(f"{file}: it cannot be written ({error.strerror})") from error
    finally:
        if taken:
            click.echo(f"{taken:,} letters taken to {file}; to see and send them: scripts/warden redrive {file}")
    if not taken:
        click.echo("no letter waits")
    if taken >= letters.MOST_LETTERS:
        raise click.ClickException(f"it stopped at {letters.MOST_LETTERS:,} letters, and more may wait; run it again")


def open_letters(template: Path) -> Queue:
    """The queue of the template. Raises BadSettings, and ClickException where the template is wrong."""
    try:
        deployment = load_deployment(template, os.environ)
    except BadDeployment as error:
        raise click.ClickException(str(error)) from error
    return open_queue(deployment.dead_letters, read_credentials(os.environ), os.environ)


def take(queue: Queue, file: Path) -> Iterator[int]:
    """Take them, and say which right or which queue is missing."""
    try:
        yield from letters.take_letters(queue, file)
    except (Refused, NoAnswer) as error:
        needs = f"; needs {RIGHTS} on its messages" if isinstance(error, Refused) and error.is_denial else ""
        raise click.ClickException(f"queue {queue.name}: {error}{needs}") from error
