"""`warden bench`: what the function costs, measured against its budget in one run."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import click

from handler.settings import CALLS_A_SECOND
from scripts.bench import calls, capacity, cold, hopeless, overhead, twins
from scripts.bench.burst import BurstResult, measure_burst
from scripts.bench.pacing_simulation import simulate_burst
from scripts.bench.starvation import measure_starvation
from scripts.bench.storm import raise_storm
from scripts.deploy.package.staging import build_package
from scripts.deploy.package.wheels import CannotPackage, require_python
from scripts.environment.making import ROOT
from scripts.localcloud.green.throttle import LIMITERS
from scripts.workbench.terminal import make_table, open_console, show_table

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


@click.group(name="bench")
def group() -> None:
    """Measure what the function costs.

    `cold` and `overhead` package what is in this checkout and compare two things in the same run, so that their ratios
    hold on any machine. The others run it on the local cloud, with a process an instance; `calls`, `twins` and
    `hopeless` end with exit code 1 where a number is not as it is stated.
    """


@group.command("cold")
@AS_JSON
@click.option(
    "--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Fresh processes of each kind."
)
def measure_cold(*, as_json: bool, rounds: int) -> None:
    """Cold start: import and initializer, against the two SDKs alone."""
    code, python = _package()
    result = cold.measure_cold(code, python, rounds)
    text = (
        f"cold start: {result.function_ms} ms of CPU, {result.ratio} x the {result.sdks_ms} ms of the two SDKs alone "
        f"(budget {cold.RATIO_BUDGET})\n"
        f"without bytecode: {result.without_bytecode_ms} ms, so bytecode makes it {result.bytecode_speedup} x faster "
        f"(budget {cold.SPEEDUP_BUDGET})\n"
        f"memory: {result.memory_mb} MB (budget {cold.MEMORY_BUDGET_MB})"
    )
    _print(asdict(result), text, is_within_budget=result.is_within_budget, as_json=as_json)


@group.command("overhead")
@AS_JSON
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True, help="Rounds; the best one counts.")
@click.option("--uploads", type=click.IntRange(min=2), default=40, show_default=True, help="Uploads a round.")
def measure_overhead(*, as_json: bool, rounds: int, uploads: int) -> None:
    """CPU per upload, against the SDK calls that it makes."""
    code, python = _package()
    result = overhead.measure_overhead(code, python, rounds, uploads)
    text = (
        f"CPU per upload: {result.function_ms} ms, {result.ratio} x the {result.bare_ms} ms of its bare SDK calls "
        f"(budget {overhead.RATIO_BUDGET})\n"
        f"calls of one upload: {result.calls['oss']} to OSS, {result.calls['green']} to Content Moderation"
    )
    _print(asdict(result), text, is_within_budget=result.is_within_budget, as_json=as_json)


@group.command("burst")
@AS_JSON
@click.option("--uploads", type=click.IntRange(min=1), default=400, show_default=True, help="All there at once.")
@click.option(
    "--qps", type=click.FloatRange(min=1), default=CALLS_A_SECOND, show_default=True, help="Calls a second, for all."
)
@click.option("--latency-ms", type=click.FloatRange(min=0), default=300, show_default=True, help="Of one call.")
@click.option("--instances", type=click.IntRange(min=1), default=8, show_default=True, help="Reserved concurrency.")
@click.option(
    "--limiter",
    type=click.Choice(list(LIMITERS)),
    default="token-bucket",
    show_default=True,
    help="How calls a second are counted.",
)
def burst(  # noqa: PLR0913, PLR0917  (the options of a command)
    as_json: bool,  # noqa: FBT001  (click names it)
    uploads: int,
    qps: float,
    latency_ms: float,
    instances: int,
    limiter: str,
) -> None:
    """Many uploads at once, against the account's limit of calls a second."""
    result = measure_burst(uploads=uploads, qps=qps, latency_ms=latency_ms, instances=instances, limiter=limiter)
    on_paper = simulate_burst(
        uploads=uploads, qps=qps, latency_s=latency_ms / 1000, instances=instances, limiter=limiter
    )
    text = (
        f"{_describe_burst(result)}\n"
        f"simulated without a machine: {on_paper.seconds:.2f} s, ratio {on_paper.ratio:.3f}, "
        f"{on_paper.throttled_share:.1%} throttled"
    )
    _print(asdict(result), text, is_within_budget=result.is_within_budget, as_json=as_json)


def _describe_burst(result: BurstResult) -> str:
    return (
        f"{result.uploads} uploads in {result.seconds} s, {result.ratio} x the {result.limit_seconds} s of the limit\n"
        f"{result.calls} calls ({result.calls_per_upload} an upload), {result.throttled} throttled "
        f"({result.throttled / result.calls:.1%}), {result.retries} asked again\n"
        f"lost: {result.lost}; dead letters: {result.dead_letters}"
    )


@group.command("storm")
@AS_JSON
@click.option("--uploads", type=click.IntRange(min=1), default=1000, show_default=True, help="Pictures uploaded.")
@click.option("--copies", type=click.IntRange(min=1), default=3, show_default=True, help="Deliveries of each event.")
@click.option("--kill", type=click.FloatRange(0, 0.5), default=0.05, show_default=True, help="Share killed midway.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order, and of when to kill.")
@click.option("--instances", type=click.IntRange(min=1), default=4, show_default=True, help="Reserved concurrency.")
def storm(  # noqa: PLR0913, PLR0917  (the options of a command)
    as_json: bool,  # noqa: FBT001  (click names it)
    uploads: int,
    copies: int,
    kill: float,
    seed: int,
    instances: int,
) -> None:
    """Events delivered several times in random order, instances killed at work: nothing lost, nothing paid twice."""
    result = raise_storm(uploads=uploads, copies=copies, kill=kill, seed=seed, instances=instances)
    ends = ", ".join(f"{count} {status}" for status, count in result.statuses.items())
    text = (
        f"seed {seed}: {uploads} uploads, {result.deliveries} deliveries, {result.kills} killed, {result.seconds} s\n"
        f"final outcomes: {result.final}; logged: {ends}\n"
        f"lost: {result.lost}; misplaced: {result.misplaced}; dead letters: {result.dead_letters}\n"
        f"calls paid: {result.paid}, at most {result.paid_bound} (uploads + kills)"
    )
    _print(asdict(result), text, is_within_budget=result.is_within_budget, as_json=as_json)


@group.command("capacity")
@click.option(
    "--qps",
    type=click.FloatRange(min=0, min_open=True),
    default=CALLS_A_SECOND,
    show_default=True,
    help="Calls a second that the account may make.",
)
def show_capacity(*, qps: float) -> None:
    """The queue of an account from thousands to a hundred million uploads a month, simulated: docs/capacity.md."""
    click.echo("\n".join(capacity.table(qps)))


@group.command("calls")
@AS_JSON
def count_calls(*, as_json: bool) -> None:
    """Wire calls of one upload, by what comes of it, against the budget.

    Where more are made than that, the last column names the promise that needs them.

    Exit codes: 0 all are in the budget or explained, 1 some are not.
    """
    results = calls.measure_calls()
    are_right = all(result.is_within_budget for result in results)
    if as_json:
        _print_json({"uploads": [asdict(result) for result in results]}, are_right=are_right)
    else:
        _print_table(calls.HEADINGS, (result.row() for result in results))
    sys.exit(not are_right)


@group.command("twins")
@AS_JSON
@click.option(
    "--uploads",
    type=click.IntRange(min=1),
    multiple=True,
    default=twins.COUNTS,
    show_default=True,
    help="May be repeated.",
)
@click.option(
    "--instances", type=click.IntRange(min=1), default=twins.INSTANCES, show_default=True, help="Reserved concurrency."
)
def twin_uploads(*, as_json: bool, uploads: tuple[int, ...], instances: int) -> None:
    """Identical uploads to one key within a second: each paid once, each dealt with once.

    In a versioned bucket with a ledger; of a picture that is quarantined and of one that passes.

    Exit codes: 0 all are right, 1 some are not.
    """
    results = list(twins.measure_twins(uploads, instances=instances))
    are_right = all(result.is_right for result in results)
    if as_json:
        _print_json({"instances": instances, "rounds": [asdict(result) for result in results]}, are_right=are_right)
    else:
        click.echo(f"{instances} instances")
        _print_table(twins.HEADINGS, (result.row() for result in results))
    sys.exit(not are_right)


@group.command("hopeless")
@AS_JSON
@click.option(
    "--timeout-s",
    type=click.FloatRange(min=1),
    default=hopeless.TIMEOUT_S,
    show_default=True,
    help="The function's; where the service throttles, a delivery takes most of it.",
)
def try_hopeless(*, as_json: bool, timeout_s: float) -> None:
    """Time and calls of one delivery of what can't be judged or moved, each kind; about 2 x the timeout in all.

    The first delivery, and where that fails the last too. Then how long a bad picture waits behind such uploads.

    Exit codes: 0 every bound is kept, 1 some are not.
    """
    results = list(hopeless.measure_hopeless(timeout_s))
    waits = list(measure_starvation(timeout_s))
    are_right = all(result.is_bounded for result in results) and all(wait.was_held for wait in waits)
    if as_json:
        rows, behind = [asdict(result) for result in results], [asdict(wait) for wait in waits]
        _print_json({"deliveries": rows, "starvation": behind}, are_right=are_right)
    else:
        _print_table(hopeless.HEADINGS, (result.row() for result in results))
        click.echo("\n".join(wait.sentence() for wait in waits))
    sys.exit(not are_right)


def _print_json(result: Mapping[str, object], *, are_right: bool) -> None:
    click.echo(json.dumps({**result, "within_budget": are_right}))


def _print_table(headings: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    table = make_table(*headings)
    for row in rows:
        table.add_row(*row)
    show_table(open_console(), table)


def _package() -> tuple[Path, Path]:
    try:
        return build_package(ROOT / "build").code, require_python()
    except CannotPackage as error:
        raise click.ClickException(str(error)) from error


def _print(result: Mapping[str, object], text: str, *, is_within_budget: bool, as_json: bool) -> None:
    if as_json:
        _print_json(result, are_right=is_within_budget)
        return
    click.echo(text)
    click.echo("within budget" if is_within_budget else "OVER budget; run it again on a quiet machine, then profile")
