"""The buckets of the account: which there are, what each is for, and how they are reached."""

from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import ParseError

import oss2

from handler.adapters.oss.errors import HINTS
from handler.adapters.oss.network import OssSession, explain
from handler.credentials import Credentials
from handler.errors import plain
from scripts.deploy.choices import Choices
from scripts.deploy.deployment import Deployment
from scripts.services.client import UNSENDABLE

Use = Literal["uploads", "quarantine", "ledger"]
UPLOADS: Use = "uploads"
QUARANTINE: Use = "quarantine"
LEDGER: Use = "ledger"

# What oss2 raises: its own, and where an answer is not the XML that it knows, or a key can't be put on the wire.
FAILURES = (oss2.exceptions.OssError, ParseError, RuntimeError, ValueError, AttributeError)


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
        return oss2.Bucket(
            self._auth(),
            self.endpoint,
            name,
            session=self._session,
            region=self._deployment.region,
            is_path_style=self.endpoint.startswith("http://"),
        )

    def open_account(self) -> oss2.Service:
        """What is set for all buckets of the account."""
        return oss2.Service(self._auth(), self.endpoint, session=self._session, region=self._deployment.region)

    def _auth(self) -> oss2.ProviderAuthV4:
        keys = self._credentials
        provider = oss2.credentials.StaticCredentialsProvider(
            keys.access_key_id, keys.access_key_secret, keys.security_token or None
        )
        return oss2.ProviderAuthV4(provider)


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket that the deployment names, what it is used for, and what the rights were written for, if known."""

    deployment: Deployment
    bucket: oss2.Bucket
    uses: frozenset[Use]
    choices: Choices | None

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{'ledger ' if LEDGER in self.uses else ''}bucket {self.bucket.bucket_name}"


def uses_of(deployment: Deployment) -> dict[str, frozenset[Use]]:
    """The buckets, by name. A quarantine may be a part of a bucket of uploads."""
    uses: dict[str, set[Use]] = {name: {UPLOADS} for name in deployment.settings.watched_buckets}
    if deployment.policy.quarantine is not None:
        uses.setdefault(deployment.policy.quarantine.bucket, set()).add(QUARANTINE)
    if deployment.settings.ledger_bucket is not None:
        uses.setdefault(deployment.settings.ledger_bucket, set()).add(LEDGER)
    return {name: frozenset(each) for name, each in uses.items()}


def say(error: Exception) -> str:
    """What became of a question to OSS (one of FAILURES), in a few words and without anything secret."""
    if isinstance(error, UnicodeEncodeError) or isinstance(getattr(error, "exception", None), ValueError):
        return f"OSS was not asked: {UNSENDABLE}"
    if isinstance(error, oss2.exceptions.RequestError):
        return f"OSS gave no answer ({explain(error.exception)})"
    if not isinstance(error, oss2.exceptions.OssError):
        return "OSS's answer can't be read"
    facts = f"HTTP {error.status} {plain(error.code, 'code')} (request {plain(error.request_id, 'id')})"
    hint = "" if error.code == "NoSuchBucket" else HINTS.get(error.code, "")
    return f"{facts}; {hint}" if hint else facts
