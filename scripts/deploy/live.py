"""What `warden doctor --live` asks the real account: its buckets, and the moderation service once, which is billed."""

from collections.abc import Iterator, Mapping
from contextlib import closing

import oss2

from handler.adapters.green import GreenModerator
from handler.adapters.oss.network import OssSession, explain
from handler.credentials import Credentials
from handler.errors import BadSettings, NoVerdict, OperatorError, plain
from handler.meter import Meter
from handler.model import Upload
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.deployment import Deployment

CALL_TIMEOUT_S = 10.0
AUTHORISE = "if the image is there, the service may not read the bucket: authorise it once (docs/operations.md, step 2)"


def examine_account(deployment: Deployment, env: Mapping[str, str]) -> list[Diagnosis]:
    """Ask with the keys in the environment (ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET). Reads only; one call is paid."""
    try:
        credentials = Credentials.find(None, env)
    except BadSettings:
        names = "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET"
        return [Diagnosis("error", f"--live needs keys of the account; set {names}")]
    with closing(_Account(deployment, credentials)) as account:
        return [*account.examine()]


class _Account:
    def __init__(self, deployment: Deployment, credentials: Credentials) -> None:
        self._deployment = deployment
        self._credentials = credentials
        self._session = OssSession()

    def close(self) -> None:
        self._session.session.close()

    def examine(self) -> Iterator[Diagnosis]:
        watched, rules = self._deployment.settings.watched_buckets, self._deployment.policy.quarantine
        for name in (*watched, *((rules.bucket,) if rules else ())):
            yield from self._examine_bucket(name, is_watched=name in watched)
        ledger = self._deployment.settings.ledger_bucket
        if ledger is not None:
            yield from self._examine_ledger(ledger)
        yield from self._ask_service(watched[0])

    def _examine_bucket(self, name: str, *, is_watched: bool) -> Iterator[Diagnosis]:
        try:
            info = self._bucket(name).get_bucket_info()
        except oss2.exceptions.OssError as error:
            yield Diagnosis("error", f"bucket {name}: {_say(error)}; create it, or mend the name in template.yml")
            return
        region = self._deployment.region
        if (info.location or "").removeprefix("oss-") != region:
            yield Diagnosis(
                "error", f"bucket {name} is in {info.location!r}, and the function in {region!r}; use one region"
            )
        if info.acl.grant != "private":
            severity, why = ("warning", "a gate has no effect") if is_watched else ("error", "what is held can be read")
            yield Diagnosis(severity, f"bucket {name} is {info.acl.grant}: {why}; make it private")  # type: ignore[arg-type]
        if is_watched and info.versioning_status != "Enabled":
            message = "without versions an overwrite in the last instant before a deletion can't be told; enable them"
            yield Diagnosis("warning", f"bucket {name}: {message}")

    def _examine_ledger(self, name: str) -> Iterator[Diagnosis]:
        try:
            status = self._bucket(name).get_bucket_versioning().status
        except oss2.exceptions.OssError as error:
            yield Diagnosis("error", f"ledger bucket {name}: {_say(error)}; create it, or mend LEDGER_BUCKET")
            return
        if status is not None:
            message = f"its versioning is {status}, and no claim in it would hold; make a new one, never versioned"
            yield Diagnosis("error", f"ledger bucket {name}: {message}")

    def _ask_service(self, bucket: str) -> Iterator[Diagnosis]:
        try:
            listed = self._bucket(bucket).list_objects_v2(max_keys=1).object_list
        except oss2.exceptions.OssError as error:
            yield Diagnosis("error", f"bucket {bucket} cannot be listed: {_say(error)}")
            return
        if not listed:
            yield Diagnosis("warning", f"bucket {bucket} is empty: upload an image to have the service asked about it")
            return
        try:
            self._moderator().judge(self._upload(bucket, listed[0]), url=None, timeout_s=CALL_TIMEOUT_S)
        except OperatorError as error:
            yield Diagnosis("error", str(error))
        except NoVerdict as error:
            yield Diagnosis("warning", f"no verdict on {bucket}/{listed[0].key!r}: {error}; {AUTHORISE}")

    def _bucket(self, name: str) -> oss2.Bucket:
        endpoint = self._deployment.settings.oss_endpoint or f"https://oss-{self._deployment.region}.aliyuncs.com"
        keys = self._credentials
        provider = oss2.credentials.StaticCredentialsProvider(
            keys.access_key_id, keys.access_key_secret, keys.security_token or None
        )
        return oss2.Bucket(
            oss2.ProviderAuthV4(provider),
            # The function's address answers inside Alibaba Cloud only.
            endpoint.replace("-internal.aliyuncs.com", ".aliyuncs.com"),
            name,
            session=self._session,
            region=self._deployment.region,
            is_path_style=endpoint.startswith("http://"),
        )

    def _moderator(self) -> GreenModerator:
        settings, moderation = self._deployment.settings, self._deployment.policy.moderation
        return GreenModerator(
            self._credentials,
            endpoint=settings.green_endpoint.replace("green-cip-vpc.", "green-cip."),
            region=settings.green_region,
            service=moderation.service,
            info_types=moderation.info_types,
            referer=moderation.referer,
            meter=Meter(),
        )

    def _upload(self, bucket: str, listed: oss2.models.SimplifiedObjectInfo) -> Upload:
        return Upload(
            bucket=bucket,
            key=listed.key,
            etag=listed.etag,
            version_id=None,
            size_bytes=listed.size,
            content_type=None,
            region=self._deployment.region,
            event_name="ObjectCreated:PutObject",
            uploaded_at="",
            request_id="doctor",
        )


def _say(error: oss2.exceptions.OssError) -> str:
    if isinstance(error, oss2.exceptions.RequestError):
        return f"OSS gave no answer ({explain(error.exception)})"
    return f"HTTP {error.status} {plain(error.code, 'code')} (request {plain(error.request_id, 'id')})"
