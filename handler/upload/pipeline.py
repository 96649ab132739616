"""One Upload -> one Outcome: the story, in one function."""

from handler.errors import ObjectChanged, ObjectGone, WardenError
from handler.model import Delivery, Outcome, Upload
from handler.policy.rules import Policy
from handler.upload.acting import act, confirm
from handler.upload.claiming import claim
from handler.upload.deciding import decide
from handler.upload.judging import judge
from handler.upload.locating import locate_next
from handler.upload.progress import Progress, Run, Services
from handler.upload.recording import record


def moderate(upload: Upload, policy: Policy, services: Services, delivery: Delivery, *, share_s: float) -> Outcome:
    """Bring one upload to its Outcome within `share_s` seconds of asking the service; raises nothing of its own.

    What OSS or the service refuses, and what another delivery may mend, is an Outcome with an error.
    """
    run = Run.begin(policy, services, delivery, share_s)
    progress = Progress.begin(upload, run)
    try:
        progress = claim(progress, run)
        while not progress.is_over:
            try:
                progress, found = locate_next(progress, run)
                if found is None:  # it has ended, or another look has to tell
                    continue
                answer = judge(progress, run, found)
                decision = decide(progress, run, answer.said)
                progress, found = confirm(progress, run, found, answer, decision)
                # Not the end where links are left, nor where a removal may have brought an older twin to light.
                progress = act(progress, run, found, answer, decision)
            except (ObjectGone, ObjectChanged) as exc:
                # The bytes changed under our hands: the next look tells what became of them.
                progress = progress.look_again(exc)
    except WardenError as exc:
        progress = progress.fail(str(exc))
    return record(progress, run)
