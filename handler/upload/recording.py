"""The last step: the Outcome as it is told, to the ledger first."""

from dataclasses import replace

from handler.errors import WardenError
from handler.model import Outcome
from handler.upload.progress import Progress, Run
from handler.upload.tagging import join_notes

# Price of the vendor's page: USD 1.20 for 1,000 calls answered 200.
USD_PER_CALL = 0.0012


def record(progress: Progress, run: Run) -> Outcome:
    """Complete how it ended by what was judged and decided on the way, and close its entry; raises nothing."""
    outcome = replace(
        progress.ending,
        upload=progress.upload,
        verdict=progress.verdict,
        decision=progress.decision,
        superseded=progress.superseded,
        links=progress.links,
        delivery=run.delivery.number,
        error=join_notes(progress.link_error, progress.ending.error),
    )
    outcome = _account(outcome, run)
    # Whatever the upload's share: how it ended must be known.
    run.services.meter.ends_s = float("inf")
    try:
        progress.entry.close(outcome, progress.listed_to)
    except WardenError as exc:
        outcome = replace(outcome, error=join_notes(outcome.error, str(exc)))
    return _account(outcome, run)


def _account(outcome: Outcome, run: Run) -> Outcome:
    """Add the calls and the time that it took so far."""
    calls = run.services.meter.calls()
    return replace(
        outcome,
        attempts=calls.green,
        calls=calls,
        cost_usd=round(calls.billed * USD_PER_CALL, 6),
        duration_ms=round((run.services.clock() - run.started_s) * 1000),
        request_ids=run.services.meter.request_ids(run.delivery.request_id),
    )
