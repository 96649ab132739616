"""`warden policy explain`: every rule, and why it matched or did not."""

import json
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from handler.model import Finding, Upload, Verdict
from handler.policy.rules import Policy, decide
from scripts.cli.policy.arguments import FILE, FILE_OR_DASH, as_json, load, refuse
from scripts.workbench.explanation import Explanation, Reading, explain
from scripts.workbench.replay.logged_verdict import BadVerdict, read_logged
from scripts.workbench.short_form import RISKS, doubt_labels, doubt_scale, read_finding, sample_upload
from scripts.workbench.terminal import action_style, make_table, open_console, printable, show_table, styled

EXAMPLES = """\b
Examples:
  scripts/warden policy explain policies/default.yml --label sexual_feet=63.2,low --key avatars/ann.jpg
  scripts/warden policy explain policies/default.yml --label "QR code=90,low" --label violent_gun=81,high
  scripts/warden policy explain policies/default.yml --label contraband_certificate_tii --risk high
  scripts/warden policy explain policies/default.yml --verdict logged-line.json
  grep 4f9a- last-week.jsonl | scripts/warden policy explain policies/default.yml --verdict -
"""
_RESULT_STYLES = {"decides": "bold", "settles": "bold", "would": "bold magenta", "no match": "dim", "not read": "dim"}


@click.command("explain", epilog=EXAMPLES)
@click.argument("policy_file", metavar="POLICY", type=FILE)
@click.option(
    "--verdict",
    "verdict_file",
    metavar="FILE",
    type=FILE_OR_DASH,
    help="A verdict or a log line, in JSON; - is standard input.",
)
@click.option(
    "--label", "labels", metavar="LABEL[=CONFIDENCE[,RISK]]", multiple=True, help="A finding, instead. Repeatable."
)
@click.option("--risk", type=click.Choice(RISKS), help="The overall risk, beside --label.")
@click.option("--key", help="Key of the object  [default: posts/picture.jpg, or the logged one].")
@click.option("--bucket", help="Bucket of the object  [default: uploads, or the logged one].")
@click.option(
    "--size-bytes", type=click.IntRange(min=0), help="Size of the object  [default: 100000, or the logged one]."
)
@click.option("--content-type", help="Content type of the object  [default: image/jpeg, or the logged one].")
@as_json
def command(  # noqa: PLR0913 - click hands over each option by its name
    *,
    policy_file: Path,
    verdict_file: Path | None,
    labels: tuple[str, ...],
    risk: str | None,
    key: str | None,
    bucket: str | None,
    size_bytes: int | None,
    content_type: str | None,
    as_json: bool,
) -> None:
    """Explain what POLICY decides on a verdict.

    Every rule is shown, with what it matched or the exact reason why not, finding by finding.

    Give the verdict with --verdict, or its findings with --label. A risk that is left out is borrowed from the overall
    one (--risk); where that is left out too it counts as high, as the function counts it.
    """
    if bool(labels) == bool(verdict_file):
        raise click.UsageError("give a verdict: either --verdict FILE, or --label once for each finding")
    policy = load(policy_file)
    if verdict_file:
        if risk:
            raise click.UsageError("--risk goes with --label; a verdict file has its own")
        upload, verdict = _read_file(verdict_file)
    else:
        upload, verdict = sample_upload(), Verdict(policy.moderation.service, risk, _read_labels(labels))
    given = {"key": key, "bucket": bucket, "size_bytes": size_bytes, "content_type": content_type}
    upload = replace(upload, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    explanation = explain(policy, upload, verdict)
    doubts = [*doubt_labels(policy, verdict.findings), *(doubt_scale(verdict.findings) if labels else ())]
    for doubt in doubts:
        open_console(to_errors=True).print(styled(("warning: ", "bold yellow"), doubt))
    if not as_json and (note := _compare_risks(policy, upload, verdict)):
        open_console(to_errors=True).print(styled(("note: ", "bold yellow"), note))
    if as_json:
        click.echo(json.dumps({"policy": policy.id, "file": str(policy_file), **explanation.document()}))
    else:
        _show(open_console(), policy, upload, explanation)


def _read_labels(labels: tuple[str, ...]) -> tuple[Finding, ...]:
    try:
        return tuple(read_finding(label) for label in labels)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--label") from error


def _read_file(path: Path) -> tuple[Upload, Verdict]:
    try:
        with click.open_file(str(path), "rb") as file:
            return read_logged(file.read(), sample_upload())
    except BadVerdict as error:
        refuse(f"{path}: {error}")


def _compare_risks(policy: Policy, upload: Upload, verdict: Verdict) -> str | None:
    """What would be decided with each risk, where none was given: a person rarely means the one that is assumed."""
    if verdict.risk is not None or all(finding.risk is not None for finding in verdict.findings):
        return None
    decisions = {risk: decide(policy, upload, replace(verdict, risk=risk)) for risk in RISKS}
    told = [f"{risk}: {decision.action.value} by {decision.rule}" for risk, decision in decisions.items()]
    if len({(decision.rule, decision.action) for decision in decisions.values()}) == 1:
        return None
    return f"no risk was given, which counts as high; give it as in LABEL=60,low. By risk: {'; '.join(told)}"


def _show(console: Console, policy: Policy, upload: Upload, explanation: Explanation) -> None:
    console.print(styled(("policy   ", "bold"), f"{policy.id}, mode {policy.mode.value}"))
    about = f"{upload.bucket}/{upload.key}, {upload.size_bytes:,} bytes, {upload.content_type or 'no content type'}"
    console.print(styled(("upload   ", "bold"), about))
    for heading, found in zip(["found    ", *["         "] * len(explanation.found)], explanation.found, strict=False):
        console.print(styled((heading, "bold"), found))
    for note in explanation.notes:
        console.print(styled(("note     ", "bold yellow"), note))
    console.print()
    table = make_table("line", "rule", "action", "result", "why")
    for reading in explanation.readings:
        for cells in _rows(reading):
            table.add_row(*(styled(cell) for cell in cells), style=_RESULT_STYLES[reading.result])
    show_table(console, table)
    _show_decision(console, explanation)


def _rows(reading: Reading) -> list[tuple[str, str, str, str, str]]:
    shadow = " (shadow)" if reading.is_shadow else ""
    first = (str(reading.line or ""), reading.rule + shadow, reading.action, reading.result)
    return [
        (*(first if index == 0 else ("", "", "", "")), printable(reason))
        for index, reason in enumerate(reading.reasons)
    ]


def _show_decision(console: Console, explanation: Explanation) -> None:
    decision = explanation.decision
    action = decision.action.value
    where = f", line {decision.line}" if decision.line else ""
    console.print()
    console.print(styled(("decision ", "bold"), (action, action_style(action)), f", by {decision.rule}{where}"))
    for match in decision.shadow:
        console.print(styled(("shadow   ", "bold magenta"), f"rule {match.rule} would {match.action.value}"))
    for name, value in explanation.tags.items():
        console.print(styled(("tag      ", "bold"), f"{name}={value}"))
    console.print(styled(("log      ", "bold"), decision.reason))
