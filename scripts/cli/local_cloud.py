"""`warden local-cloud`: the local cloud in the foreground, for any client."""

import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from handler.errors import BadPolicy
from handler.settings import CALLS_A_SECOND
from scripts.environment.making import ROOT
from scripts.localcloud.cloud import LocalCloud, read_outcome, see_no_risk
from scripts.localcloud.eyes.script import BadScript, load_script
from scripts.localcloud.oss.protocol import OssError

DEFAULT_POLICY = ROOT / "policies" / "default.yml"
EXISTING_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


class Report:
    """Outcomes to standard output, one JSON object a line; everything else to standard error. Thread-safe.

    `closed` is set when nobody reads standard output any more.
    """

    def __init__(self, closed: threading.Event) -> None:
        self._closed = closed
        self._lock = threading.Lock()

    def write_json(self, document: object) -> None:
        """Write one object as one line of ASCII."""
        with self._lock:
            try:
                click.echo(json.dumps(document))
            except BrokenPipeError:
                # Python would try to write the rest once more at its end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                self._closed.set()

    def write_log(self, line: str) -> None:
        """Write a line of the function's log where it belongs, and no control character of it."""
        if outcome := read_outcome(line):
            self.write_json(outcome)
            return
        with self._lock:
            printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
            click.echo("".join(printable), err=True)


EXAMPLES = """\b
Examples:
  scripts/warden local-cloud
  scripts/warden local-cloud --policy my-policy.yml --verdicts verdicts.yml
  scripts/warden local-cloud --port 9000 --versioned --latency-ms 300 --qps 5
"""


@click.command("local-cloud", epilog=EXAMPLES)
@click.option(
    "--policy", type=EXISTING_FILE, default=DEFAULT_POLICY, help="Policy to decide by [default: policies/default.yml]."
)
@click.option(
    "--verdicts",
    metavar="FILE",
    type=EXISTING_FILE,
    help="What the moderation service is to say of which image, in YAML. Without it: no risk in any image.",
)
@click.option("--bucket", default="uploads", show_default=True, help="Name of the watched bucket.")
@click.option("--versioned", is_flag=True, help="Keep every version of an object in the watched bucket.")
@click.option(
    "--qps",
    type=click.FloatRange(min=0, min_open=True),
    default=CALLS_A_SECOND,
    show_default=True,
    help="Queries a second that the moderation service takes before it throttles.",
)
@click.option(
    "--latency-ms",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="How long the moderation service takes for an image, at least.",
)
@click.option(
    "--instances",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many uploads are handled at the same time, each by a process of its own.",
)
@click.option(
    "--port",
    type=click.IntRange(min=0, max=65535),
    default=0,
    show_default=True,
    help="Port of OSS on 127.0.0.1; 0 takes any free one.",
)
def command(*, verdicts: Path | None, **settings: Any) -> None:  # noqa: ANN401 - the other options, as LocalCloud names them
    """Run OSS, Content Moderation and the function on this machine.

    Upload to the bucket with any OSS client (path style, V4 signatures): each upload is moderated by the real
    function. No account is needed and nothing leaves this machine. Ctrl-C stops everything and forgets all objects.

    Standard output is JSON, one object a line: first, once all is ready, the endpoints, keys, region and buckets;
    then the outcome of each upload. Everything else goes to standard error.
    """
    stopped = threading.Event()
    report = Report(stopped)
    if verdicts is None:
        click.echo("no --verdicts given: the moderation service finds no risk in any image", err=True)
    cloud = make_cloud(verdicts, settings, report.write_log)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    with cloud:
        report.write_json(cloud.describe())
        stopped.wait()
    click.echo("stopped", err=True)


def make_cloud(verdicts: Path | None, settings: dict[str, Any], on_log: Callable[[str], None]) -> LocalCloud:
    """The cloud that these settings describe; what is wrong with them is told as click tells it."""
    try:
        eyes = load_script(verdicts) if verdicts else see_no_risk
        return LocalCloud(eyes=eyes, ledger_bucket="ledger", on_log=on_log, **settings)
    except (BadPolicy, BadScript) as error:
        raise click.ClickException(str(error)) from error
    except OssError as error:
        raise click.BadParameter(f"{settings['bucket']!r} cannot be made: {error}", param_hint="--bucket") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        message = f"port {settings['port']} is in use; choose another with --port, or 0 for any"
        raise click.ClickException(message) from error
