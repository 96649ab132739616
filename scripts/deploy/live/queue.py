"""The queue of dead letters: whether it is there, keeps a letter long enough, and one waits."""

from collections.abc import Iterator, Mapping
from contextlib import closing

from handler.credentials import Credentials
from handler.errors import BadSettings
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.deployment import Deployment
from scripts.deploy.live.unseen import unseen
from scripts.services.client import NoAnswer, Refused
from scripts.services.message_service import Attributes, open_queue

# The Message Service keeps a message no longer than that ("CreateQueue"), and 4 days where nobody says otherwise.
LONGEST_S = 604_800
# Its default; taking letters out writes up to 16 of them to the disk within that.
ENOUGH_INVISIBLE_S = 30
# Function Compute hands over up to 64 KB; what a queue refuses for its size is lost, and only counted.
LARGEST_BYTES = 65_536
A_DAY_S = 86_400


def examine_queue(deployment: Deployment, credentials: Credentials, env: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Look at the queue of the template's onFailure. Reads only, and receives nothing.

    `env` may have another endpoint, MNS_ENDPOINT, as a URL.
    """
    try:
        queue = open_queue(deployment.dead_letters, credentials, env)
    except BadSettings as error:
        yield Diagnosis("error", str(error))
        return
    where = f"queue {queue.name}"
    with closing(queue):
        try:
            attributes = queue.attributes()
        except (Refused, NoAnswer) as error:
            yield _missing(deployment, where, error)
            return
    yield from _examine_attributes(where, attributes)


def _missing(deployment: Deployment, where: str, error: Refused | NoAnswer) -> Diagnosis:
    if isinstance(error, Refused) and error.code == "QueueNotExist":
        message = f"there is none in {deployment.region}, so that events that fail for good are lost"
        mend = "make it (docs/operations.md, step 3), or mend dead_letters in template.yml"
        return Diagnosis("error", f"{where}: {message}; {mend}")
    return unseen(where, error, "mns:GetQueueAttributes")


def _examine_attributes(where: str, found: Attributes) -> Iterator[Diagnosis]:
    if found.retention_s is not None and found.retention_s < LONGEST_S:
        message = (
            f"a letter is lost after {_days(found.retention_s)}; set MessageRetentionPeriod to {LONGEST_S}, 7 days"
        )
        yield Diagnosis("warning", f"{where}: {message}")
    if found.largest_bytes is not None and found.largest_bytes < LARGEST_BYTES:
        message = f"letters over {found.largest_bytes} bytes are lost; set MaximumMessageSize to {LARGEST_BYTES}"
        yield Diagnosis("warning", f"{where}: {message}")
    if found.invisible_s is not None and found.invisible_s < ENOUGH_INVISIBLE_S:
        message = f"a letter that is being taken out shows up again after {found.invisible_s} s"
        yield Diagnosis("warning", f"{where}: {message}; set VisibilityTimeout to {ENOUGH_INVISIBLE_S}")
    if found.waiting:
        letters = "1 dead letter waits" if found.waiting == 1 else f"{found.waiting:,} dead letters wait"
        yield Diagnosis("warning", f"{where}: {letters}; docs/operations.md, Send dead letters again")


def _days(seconds: int) -> str:
    days, rest = divmod(seconds, A_DAY_S)
    return f"{seconds:,} s" if rest or not days else f"{days} day{'s' if days > 1 else ''}"
