"""`warden start`: the function runs again after `warden stop`."""

import click

from scripts.cli.options import connect_function, function_options
from scripts.cli.stop import look_first
from scripts.operations.account import explained
from scripts.services import switch
from scripts.services.function_compute import Unanswered
from scripts.workbench.terminal import open_console, styled

EXAMPLES = """\b
Examples:
  scripts/warden start --account 1234567890123456
  scripts/warden start --function bucket-warden-staging --region ap-southeast-1 --account 1234567890123456
"""


@click.command("start", epilog=EXAMPLES)
@function_options
def command(*, function: str, account: str | None, endpoint: str | None, region: str) -> None:
    """Have the function run again, after `warden stop`.

    Running already, it is left as it is. Takes the rights fc:EnableFunctionInvocation and, to tell whether it was
    stopped, fc:GetFunction.

    Exit codes: 0 it runs, 1 it does not, or nobody knows, 2 the command line is wrong.
    """
    with explained():
        client = connect_function(function, account, endpoint, region)
    console = open_console()
    before, is_known = look_first(client)
    if is_known and before is None:
        console.print(styled(f"{function!r} is not stopped; if nothing runs, ask scripts/warden doctor --live"))
        return
    with explained():
        try:
            switch.start(client)
        except Unanswered as exc:
            raise click.ClickException(f"{exc}; run the same command again") from exc
    was = f"; it had been stopped{before}" if before else ""
    console.print(styled((f"started: {function!r} takes invocations again{was}", "bold")))
    console.print('  after      what was uploaded meanwhile: docs/operations.md, "After a stop"')
