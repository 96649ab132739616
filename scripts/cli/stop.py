"""`warden stop`: the function runs no more, until `warden start`."""

import click

from scripts.cli.options import connect_function, function_options
from scripts.operations.account import explained
from scripts.services import switch
from scripts.services.function_compute import FunctionClient, Refused, Unanswered
from scripts.workbench.terminal import open_console, styled

EXAMPLES = """\b
Examples:
  scripts/warden stop --reason "it quarantines statues" --account 1234567890123456
  scripts/warden start --account 1234567890123456
"""
# How long it may be is not documented: a sentence or two surely pass.
MOST_REASON_CHARACTERS = 256
BY_HAND = "to stop it by hand, set its reserved concurrency to 0 in the console (docs/operations.md, Emergency stop)"
UNDER_WAY = "what runs already goes on to its end, within the function's timeout"
ABORTED = (
    "what ran was killed, wherever it was; with a ledger the next delivery of each upload goes on from there, once the "
    "killed one's lease is over"
)
MEANING = (
    ("uploads", "are taken as ever, and stay as they come: unjudged, and unreadable behind a gate"),
    (
        "events",
        "whether they wait is not documented. Refused for want of instances they do, for 5 hours: start it before that",
    ),
    ("stays", "until scripts/warden start; a deployment does not lift it"),
    ("look", "scripts/warden doctor --live tells that it is stopped, and why"),
    ("start", "scripts/warden start, with the same --function, --account, --region"),
    ("after", 'docs/operations.md, "After a stop": what was never judged, and how to have it judged'),
)


@click.command("stop", epilog=EXAMPLES)
@click.option("--reason", required=True, help="Why, in at most 256 characters; `doctor --live` shows it.")
@click.option("--abort", is_flag=True, help="End at once what is under way, too.")
@function_options
def command(  # noqa: PLR0913  (click hands over each option by its name)
    *, reason: str, abort: bool, function: str, account: str | None, endpoint: str | None, region: str
) -> None:
    """Have the function run no more, at once and until `warden start`.

    Uploads are not refused. Says what it means for them and for their events. Stopped already, it is left as it is;
    with --abort, what still runs is ended all the same. Takes the rights fc:DisableFunctionInvocation and, to tell
    whether it was stopped before, fc:GetFunction.

    Exit codes: 0 it is stopped, 1 it is not, or nobody knows, 2 the command line is wrong.
    """
    reason = read_reason(reason)
    with explained():
        client = connect_function(function, account, endpoint, region)
    before, _ = look_first(client)
    console = open_console()
    if before and not abort:
        console.print(styled(f"{function!r} is stopped already{before}"))
        return
    switch_off(client, before.reason if before else reason, abort=abort)
    console.print(styled((f"stopped: {function!r} takes no more invocations", "bold")))
    for name, meaning in (("under way", ABORTED if abort else UNDER_WAY), *MEANING):
        console.print(styled(f"  {name:11}{meaning}"))


def read_reason(text: str) -> str:
    """What is kept: a byte of the command line that is no text must not stand in the way. Raises BadParameter."""
    reason = text.strip().encode(errors="replace").decode()
    if not reason:
        raise click.BadParameter("it is empty; say why, for whoever finds it stopped", param_hint="--reason")
    if len(reason) > MOST_REASON_CHARACTERS:
        message = f"it has {len(reason):,} characters; say it in {MOST_REASON_CHARACTERS}"
        raise click.BadParameter(message, param_hint="--reason")
    return reason


def look_first(client: FunctionClient) -> tuple[switch.Stopped | None, bool]:
    """Whether it is stopped, and whether that is known: a stop must not wait for a right to look."""
    try:
        return switch.look(client), True
    except (Refused, Unanswered) as exc:
        if isinstance(exc, Refused) and exc.is_absence:
            raise click.ClickException(str(exc)) from exc
        click.echo(f"whether it is stopped could not be told: {exc}", err=True)
        return None, False


def switch_off(client: FunctionClient, reason: str, *, abort: bool) -> None:
    """Stop it; what goes wrong is told with what to do instead."""
    try:
        switch.stop(client, reason, abort=abort)
    except Unanswered as exc:
        state = "whether it is stopped is not known; run the same command again" if exc.may_be_done else "it runs on"
        raise click.ClickException(f"{exc}; {state}; {BY_HAND}") from exc
    except Refused as exc:
        beta = f"; {switch.STOP} is a beta that an account may not have" if exc.is_unexplained else ""
        raise click.ClickException(f"{exc}{beta}; it runs on; {BY_HAND}") from exc
    except switch.NotSwitched as exc:
        raise click.ClickException(f"{exc}; {BY_HAND}") from exc
