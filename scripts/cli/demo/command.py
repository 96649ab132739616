"""`warden demo`: pictures through the whole system on this machine, judged by real models."""

import io
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from rich.console import Console

from handler.errors import BadPolicy, BadSettings
from handler.model import Status
from scripts.cli.demo.pictures import NoPictures, Picture, gather
from scripts.cli.demo.screen import JsonLines, Screen
from scripts.cli.demo.session import Judged, Session
from scripts.environment.making import ROOT
from scripts.localcloud.eyes.seeing import ModelEyes

SAMPLES = ROOT / "samples"
DEFAULT_POLICY = ROOT / "policies" / "default.yml"
POLL_S = 0.2
UNFINISHED = (Status.FAILED.value, Status.UNVERIFIED.value)
EXAMPLES = """\b
Examples:
  scripts/warden demo
  scripts/warden demo ~/Pictures/cat.jpg holiday/
  scripts/warden demo --policy policies/strict.yml --json holiday/
  scripts/warden demo --keep
"""


@click.command("demo", epilog=EXAMPLES)
@click.argument("paths", metavar="[IMAGE or FOLDER]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
    default=DEFAULT_POLICY,
    help="Policy to decide by [default: policies/default.yml].",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture, and nothing else.")
@click.option("--keep", is_flag=True, help="Leave the local cloud running, and say how to look at it.")
def command(*, paths: tuple[Path, ...], policy: Path, as_json: bool, keep: bool) -> None:
    """See what becomes of pictures, on this machine alone.

    Uploads the pictures (without arguments the samples of this project) to a local OSS. Each is judged by small models
    that know nudity, QR codes and some kinds of text, and the function does what the policy says. No account is
    needed and nothing leaves this machine.

    Exit codes: 0 every picture was dealt with, 1 one was not or nothing could be, 2 the command line is wrong.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    show_odd_names()
    warnings.simplefilter("ignore")  # decoders warn about odd pictures; what becomes of those is shown
    screen = JsonLines() if as_json else Screen(Console(highlight=False))
    pictures: list[Picture] = []
    judged: list[Judged] = []
    try:
        pictures = gather(paths or (SAMPLES,))
        with screen.busy("loading the models"):
            eyes = load_models()
        with Session(policy, eyes) as session:
            judge(pictures, session, screen, judged)
            if keep:
                wait(session, screen)
    except (NoPictures, BadPolicy, BadSettings) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo(f"stopped; {len(judged)} of {len(pictures)} judged, nothing is left running", err=True)
        sys.exit(1)
    sys.exit(any(each.status in UNFINISHED for each in judged))


def load_models() -> ModelEyes:
    """Load them in a thread, where no Ctrl-C arrives: libraries turn one into errors of their own, or lose it."""
    eyes = ModelEyes()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(eyes.load).result()
    return eyes


def judge(pictures: Sequence[Picture], session: Session, screen: Screen | JsonLines, judged: list[Judged]) -> None:
    """Judge all and show each; `judged` is filled on the way, for whoever has to say how far this came."""
    started = time.monotonic()
    for number, picture in enumerate(pictures, 1):
        with screen.busy(f"{number} of {len(pictures)}: {picture.key}"):
            judged.append(session.judge(picture))
        screen.show_picture(judged[-1])
    screen.show_summary(judged, session, time.monotonic() - started)


def wait(session: Session, screen: Screen | JsonLines) -> None:
    """Show what others upload, until Ctrl-C."""
    seen = len(session.cloud.outcomes)
    screen.show_access(session)
    try:
        while True:
            time.sleep(POLL_S)
            for document in session.cloud.outcomes[seen:]:
                seen += 1
                screen.show_picture(session.read(document, None))
    except KeyboardInterrupt:
        click.echo("stopped; nothing is left running", err=True)


def show_odd_names() -> None:
    """Have what is no text, as a file name may be, written as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
