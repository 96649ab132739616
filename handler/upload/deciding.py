"""What is known of the bytes -> Decision, or none yet."""

from dataclasses import replace

from handler.errors import NoVerdict
from handler.model import Action, Decision, Verdict
from handler.policy import rules
from handler.upload.progress import Progress, Run
from handler.upload.releases import Release


def decide(progress: Progress, run: Run, said: Verdict | NoVerdict | Release) -> Decision | None:
    """Ask the policy; None where there is no verdict yet and another delivery may bring one. Pure."""
    match said:
        case Verdict():
            return rules.decide(run.policy, progress.upload, said)
        case Release():
            return rules.decide_release(run.policy, said.by, said.reason)
    if said.kind.is_passing and not progress.is_last:
        return None
    decision = rules.decide_failure(run.policy, progress.upload, said.kind)
    return _soften(decision) if said.kind.is_passing and progress.is_unproven else decision


def _soften(decision: Decision) -> Decision:
    """Only mark what would be moved: it may be the first real try."""
    if decision.action not in rules.FINAL:
        return decision
    reason = f"{decision.reason}; only marked, because the ledger shows no delivery before this one"
    return replace(decision, action=Action.TAG, reason=reason)
