"""`warden restore`: a quarantined object goes back, and stays."""

import getpass
import json
from dataclasses import asdict

import click

from scripts.operations.account import Account, account_options, explained, open_account
from scripts.operations.causes import LEDGER, QUARANTINE
from scripts.operations.releases import Grounds
from scripts.operations.restoring import Restore, Where, carry_out, plan_restore
from scripts.workbench.terminal import open_console, styled

SHOWN = frozenset({"headers", "metadata", "tags", "acl", "storage_class", "encryption"})
EXAMPLES = """\b
Examples:
  scripts/warden restore quarantine/held/uploads/0f3c-5A.jpg --reason "a statue, see ticket 4711"
  scripts/warden restore quarantine/held/uploads/0f3c-5A.jpg --reason "a statue, see ticket 4711" --yes
"""


@click.command("restore", epilog=EXAMPLES)
@click.argument("location")
@click.option("--reason", required=True, help="Why, for whoever asks later. Kept in the ledger and in the log.")
@click.option("--by", default=getpass.getuser, help="Who says so [default: your user name].")
@click.option("--ledger", envvar="LEDGER_BUCKET", show_envvar=True, required=True, help="The ledger's bucket.")
@click.option(
    "--quarantine", envvar="QUARANTINE_BUCKET", show_envvar=True, required=True, help="The quarantine bucket."
)
@click.option("--prefix", default="held/", show_default=True, help="The policy's quarantine.prefix.")
@click.option("--tag-prefix", default="moderation-", show_default=True, help="The policy's tags.prefix.")
@click.option("--yes", is_flag=True, help="Do it. Without this, only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@account_options
def command(  # noqa: PLR0913  (click hands over each option by its name)
    *,
    location: str,
    reason: str,
    by: str,
    ledger: str,
    quarantine: str,
    prefix: str,
    tag_prefix: str,
    yes: bool,
    as_json: bool,
    endpoint: str | None,
    region: str,
) -> None:
    """Put the quarantined object at LOCATION (bucket/key) back where it was, and let it stay there.

    It gets its headers, metadata, tags, ACL and storage class back and is marked passed; what can't come back is said
    in a note. A release in the ledger keeps the function from judging it again. Nothing is overwritten: where a newer
    upload has the key, it is refused, and so is what is not in the quarantine. The copy in quarantine stays. Run
    again after it was interrupted, it does what is left. Without --yes nothing is changed.

    Exit codes: 0 it is back (or would be), 1 it can't be brought back, 2 the command line is wrong.
    """
    if not reason.strip():
        raise click.BadParameter("say why, in a few words", param_hint="--reason")
    buckets = {LEDGER: ledger, QUARANTINE: quarantine}
    with explained(buckets):
        account, where = open_account(endpoint, region, buckets), Where(quarantine, prefix, ledger, tag_prefix)
        plan = plan_restore(account, where, location)
        done = yes and not plan.is_done
        if done:
            carry_out(account, where, plan, Grounds(by, reason))
    if as_json:
        click.echo(json.dumps({"v": 1, "done": done, **describe(plan), "by": by, "reason": reason}))
    else:
        show(account, plan, done=done, by=by, reason=reason)


def describe(plan: Restore) -> dict[str, object]:
    """The plan for a program."""
    return {
        "from": plan.held.copy.location,
        "to": f"{plan.held.bucket}/{plan.held.key}",
        "was_done_before": plan.is_done,
        "was_interrupted": plan.unfinished is not None,
        "object": {name: value for name, value in asdict(plan.copy).items() if name in SHOWN},
        "provenance": plan.held.facts,
        "notes": plan.notes,
    }


def show(account: Account, plan: Restore, *, done: bool, by: str, reason: str) -> None:
    """The plan for a person."""
    console = open_console()
    held, copy = plan.held, plan.copy
    verb = "restored" if done else "is back already" if plan.is_done else "would restore"
    console.print(styled((f"{verb:16}", "bold"), f"{held.bucket}/{held.key}"))
    console.print(styled("from            ", held.copy.location))
    console.print(styled("uploaded        ", held.uploaded_at, " by request ", held.request_id))
    console.print(styled("held by         ", held.facts.get("policy", "?"), ", rule ", held.facts.get("rule", "?")))
    console.print(styled("labels          ", held.facts.get("labels", "none")))
    console.print(styled("headers         ", json.dumps(copy.headers)))
    console.print(styled("metadata        ", json.dumps(copy.metadata)))
    console.print(styled("tags            ", json.dumps(copy.tags)))
    console.print(styled("ACL             ", copy.acl))
    console.print(styled("storage class   ", copy.storage_class or "that of the bucket"))
    console.print(styled("released by     ", by, ": ", reason))
    for note in plan.notes:
        console.print(styled(("note            ", "yellow"), note))
    if plan.beneath is not None and not (plan.is_done or plan.unfinished):
        console.print(styled("comes over      ", f"version {plan.beneath.version_id}, which stays below"))
    if not (done or plan.is_done):
        console.print(f"nothing was changed ({account.meter.oss} calls to OSS, all reading); add --yes to do it")
