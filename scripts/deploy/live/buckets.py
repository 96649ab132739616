"""The buckets: are they there, in the right region, private, with versions or without."""

from collections.abc import Iterator

import oss2

from handler.adapters.oss.network import OssSession, explain
from handler.credentials import Credentials
from handler.errors import plain
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.deployment import Deployment


class Buckets:
    """The buckets of an account, by their names, over one session."""

    def __init__(self, deployment: Deployment, credentials: Credentials) -> None:
        self._deployment = deployment
        self._credentials = credentials
        self._session = OssSession()

    def close(self) -> None:
        """Give the connections back."""
        self._session.session.close()

    @property
    def endpoint(self) -> str:
        """The public address of OSS in the region: the function's own answers inside Alibaba Cloud only."""
        endpoint = self._deployment.settings.oss_endpoint or f"https://oss-{self._deployment.region}.aliyuncs.com"
        return endpoint.replace("-internal.aliyuncs.com", ".aliyuncs.com")

    def open(self, name: str) -> oss2.Bucket:
        """A bucket, asked at the public address of its region."""
        endpoint = self.endpoint
        keys = self._credentials
        provider = oss2.credentials.StaticCredentialsProvider(
            keys.access_key_id, keys.access_key_secret, keys.security_token or None
        )
        return oss2.Bucket(
            oss2.ProviderAuthV4(provider),
            endpoint,
            name,
            session=self._session,
            region=self._deployment.region,
            is_path_style=endpoint.startswith("http://"),
        )


def examine_buckets(deployment: Deployment, buckets: Buckets) -> Iterator[Diagnosis]:
    """Look at each bucket that the deployment names. Reads only."""
    watched, rules = deployment.settings.watched_buckets, deployment.policy.quarantine
    for name in (*watched, *((rules.bucket,) if rules else ())):
        yield from _examine_bucket(deployment, buckets.open(name), is_watched=name in watched)
    ledger = deployment.settings.ledger_bucket
    if ledger is not None:
        yield from _examine_ledger(buckets.open(ledger))


def _examine_bucket(deployment: Deployment, bucket: oss2.Bucket, *, is_watched: bool) -> Iterator[Diagnosis]:
    name = bucket.bucket_name
    try:
        info = bucket.get_bucket_info()
    except oss2.exceptions.OssError as error:
        yield Diagnosis("error", f"bucket {name}: {say(error)}; create it, or mend the name in template.yml")
        return
    region = deployment.region
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


def _examine_ledger(bucket: oss2.Bucket) -> Iterator[Diagnosis]:
    name = bucket.bucket_name
    try:
        status = bucket.get_bucket_versioning().status
    except oss2.exceptions.OssError as error:
        yield Diagnosis("error", f"ledger bucket {name}: {say(error)}; create it, or mend LEDGER_BUCKET")
        return
    if status is not None:
        message = f"its versioning is {status}, and no claim in it would hold; make a new one, never versioned"
        yield Diagnosis("error", f"ledger bucket {name}: {message}")


def say(error: oss2.exceptions.OssError) -> str:
    """What OSS said, in a few words and without anything secret."""
    if isinstance(error, oss2.exceptions.RequestError):
        return f"OSS gave no answer ({explain(error.exception)})"
    return f"HTTP {error.status} {plain(error.code, 'code')} (request {plain(error.request_id, 'id')})"
