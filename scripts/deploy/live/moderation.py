"""The moderation service, asked once about an image that is there: may it read the bucket? The call is billed."""

from collections.abc import Iterator

import oss2

from handler.adapters.green import GreenModerator
from handler.credentials import Credentials
from handler.errors import NoVerdict, OperatorError
from handler.meter import Meter
from handler.model import Upload
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.deployment import Deployment
from scripts.deploy.live.buckets import FAILURES, Buckets, say

CALL_TIMEOUT_S = 10.0
AUTHORISE = "if the image is there, the service may not read the bucket: authorise it once (docs/operations.md, step 2)"


def ask_service(deployment: Deployment, credentials: Credentials, buckets: Buckets) -> Iterator[Diagnosis]:
    """Ask about the first object of the first watched bucket."""
    bucket = deployment.settings.watched_buckets[0]
    try:
        listed = buckets.open(bucket).list_objects_v2(max_keys=1).object_list
    except oss2.exceptions.AccessDenied as error:
        message = f"bucket {bucket} cannot be listed, so that the service was not asked ({say(error)})"
        yield Diagnosis("warning", f"{message}; it takes the right oss:ListObjects")
        return
    except FAILURES as error:
        yield Diagnosis("error", f"bucket {bucket} cannot be listed, so that the service was not asked: {say(error)}")
        return
    if not listed:
        yield Diagnosis("warning", f"bucket {bucket} is empty: upload an image to have the service asked about it")
        return
    try:
        upload = _upload(deployment, bucket, listed[0])
        _moderator(deployment, credentials).judge(upload, url=None, timeout_s=CALL_TIMEOUT_S)
    except OperatorError as error:
        yield Diagnosis("error", str(error))
    except NoVerdict as error:
        yield Diagnosis("warning", f"no verdict on {bucket}/{listed[0].key!r}: {error}; {AUTHORISE}")


def _moderator(deployment: Deployment, credentials: Credentials) -> GreenModerator:
    settings, moderation = deployment.settings, deployment.policy.moderation
    return GreenModerator(
        credentials,
        endpoint=settings.green_endpoint.replace("green-cip-vpc.", "green-cip."),
        region=settings.green_region,
        service=moderation.service,
        info_types=moderation.info_types,
        referer=moderation.referer,
        meter=Meter(),
    )


def _upload(deployment: Deployment, bucket: str, listed: oss2.models.SimplifiedObjectInfo) -> Upload:
    return Upload(
        bucket=bucket,
        key=listed.key,
        etag=listed.etag,
        version_id=None,
        size_bytes=listed.size,
        content_type=None,
        region=deployment.region,
        event_name="ObjectCreated:PutObject",
        uploaded_at="",
        request_id="doctor",
    )
