"""What several commands take alike."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from scripts.environment.making import ROOT
from scripts.operations.account import read_credentials
from scripts.services.client import is_host
from scripts.services.function_compute import FunctionClient, name_endpoint

FUNCTION_NAME = r"[A-Za-z0-9_-]{1,128}"
template_option = click.option(
    "--template",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / "template.yml",
    help="The template to deploy [default: template.yml].",
)


out_option = click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write files here instead of printing.",
)


def function_options(command: Any) -> Any:  # noqa: ANN401  (click's decorators are untyped in this)
    """The options by which a command finds the deployed function; `connect_function` takes them."""
    for option in (
        click.option("--region", envvar="GREEN_REGION", show_envvar=True, default="ap-southeast-1", show_default=True),
        click.option("--endpoint", envvar="FC_ENDPOINT", show_envvar=True, help="Of Function Compute, as a URL."),
        click.option(
            "--account", envvar="FC_ACCOUNT", show_envvar=True, help="The id of your account; makes the endpoint."
        ),
        click.option("--function", default="bucket-warden", show_default=True, help="The function's name."),
    ):
        command = option(command)
    return command


def find_endpoint(account: str | None, endpoint: str | None, region: str) -> str:
    """Where Function Compute is asked, as a URL. Raises UsageError."""
    if endpoint:
        if not is_host(endpoint):
            shown = endpoint.rpartition("@")[2]  # before it stands a password, if any
            raise click.BadParameter(f"{shown!r} is no URL of a host; write https://HOST", param_hint="--endpoint")
        return endpoint
    if not account:
        raise click.UsageError("say whose function it is: --account ID, or --endpoint URL")
    if not re.fullmatch(r"[0-9]{1,20}", account):
        raise click.BadParameter(f"{account!r} is no id of an account; it has 16 digits", param_hint="--account")
    if not re.fullmatch(r"[a-z0-9-]+", region):
        raise click.BadParameter(f"{region!r} is no region; one like ap-southeast-1 is", param_hint="--region")
    return name_endpoint(account, region)


def connect_function(function: str, account: str | None, endpoint: str | None, region: str) -> FunctionClient:
    """A client with the keys of the environment. Raises UsageError, and BadSettings without keys."""
    url = find_endpoint(account, endpoint, region)
    if not re.fullmatch(FUNCTION_NAME, function):
        message = f"{function!r} is no name of a function, which has letters, digits, - and _"
        raise click.BadParameter(message, param_hint="--function")
    return FunctionClient(read_credentials(os.environ), endpoint=url, region=region, function=function)


@contextmanager
def readable() -> Iterator[None]:
    """Name the file that cannot be read."""
    try:
        yield
    except OSError as exc:
        raise click.ClickException(f"{exc.filename}: cannot be read ({exc.strerror})") from exc
