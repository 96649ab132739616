"""What is known of the bytes -> Decision, or none yet."""

from handler.errors import FailureKind, NoVerdict
from handler.model import Decision, Verdict
from handler.policy import rules
from handler.upload.progress import Progress, Run
from handler.upload.records import Release

WAITING_FAILURES = frozenset({FailureKind.UNAVAILABLE, FailureKind.UNREADABLE})


def decide(progress: Progress, run: Run, said: Verdict | NoVerdict | Release) -> Decision | None:
    """Ask the policy; None where there is no verdict yet and another delivery may bring one. Pure."""
    match said:
        case Verdict():
            return rules.decide(run.policy, progress.upload, said)
        case Release():
            return rules.decide_release(run.policy, said.by, said.reason)
    if said.kind in WAITING_FAILURES and not run.delivery.is_last:
        return None
    return rules.decide_failure(run.policy, progress.upload, said.kind)
