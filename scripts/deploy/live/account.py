"""The whole account, asked with the keys in the environment: its services, and the moderation service once."""

from collections.abc import Iterator, Mapping
from contextlib import closing

from handler.credentials import Credentials
from handler.errors import BadSettings
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.choices import Choices
from scripts.deploy.deployment import Deployment
from scripts.deploy.live.buckets import Buckets
from scripts.deploy.live.function import examine_deployed
from scripts.deploy.live.links import try_links
from scripts.deploy.live.log_service import examine_log
from scripts.deploy.live.moderation import ask_service
from scripts.deploy.live.queue import examine_queue
from scripts.deploy.live.storage import examine_storage


def examine_account(deployment: Deployment, env: Mapping[str, str], choices: Choices | None) -> list[Diagnosis]:
    """Ask with the keys in the environment (ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET). Reads only; one call is paid.

    `choices` are what the rights were written for, where that is known.
    """
    try:
        credentials = Credentials.find(None, env)
    except BadSettings:
        names = "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET"
        return [Diagnosis("error", f"--live needs keys of the account; set {names}")]
    return [
        *_ask_oss(deployment, credentials, choices),
        *examine_deployed(deployment, credentials, env),
        *examine_log(deployment, credentials, env),
        *examine_queue(deployment, credentials, env),
    ]


def _ask_oss(deployment: Deployment, credentials: Credentials, choices: Choices | None) -> Iterator[Diagnosis]:
    with closing(Buckets(deployment, credentials)) as buckets:
        yield from examine_storage(deployment, buckets, choices)
        yield from try_links(deployment, credentials, buckets)
        yield from ask_service(deployment, credentials, buckets)
