"""The account, or the local cloud, that an operator's command talks to."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import click

from handler.adapters.ledger import OssLedger
from handler.adapters.oss.connection import OssConnection, translated
from handler.adapters.oss.copying import OssQuarantine
from handler.adapters.oss.store import OssStore
from handler.credentials import Credentials
from handler.errors import BadSettings, WardenError
from handler.meter import Meter
from scripts.operations.causes import explain_error, refuse_bad_names

Client = TypeVar("Client")

# Ten pages of a list: nobody looks through more.
MOST_KEYS = 10_000
KEYS = "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (with ALIBABA_CLOUD_SECURITY_TOKEN for STS)"


@dataclass(frozen=True)
class Account:
    """One identity at one endpoint of OSS. `meter` counts the calls that were made; each client is made once.

    Not for several threads at once: each has a fork.
    """

    credentials: Credentials
    endpoint: str
    region: str
    meter: Meter
    clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str], endpoint: str | None, region: str) -> "Account":
        """The keys of the environment. Raises BadSettings without them."""
        return cls(read_credentials(env), endpoint or f"https://oss-{region}.aliyuncs.com", region, Meter())

    def fork(self) -> "Account":
        """The same identity with connections and a meter of its own."""
        return replace(self, meter=Meter(), clients={})

    def connect(self) -> OssConnection:
        """A connection for calls that no port has."""
        return self._once("connection", lambda: OssConnection(**self._named()))

    def store(self) -> OssStore:
        """The buckets of uploads and of the quarantine."""
        return self._once("store", lambda: OssStore(public_endpoint=self.endpoint, **self._named()))

    def quarantine(self) -> OssQuarantine:
        """Copies in the quarantine, and out of it, to where others write.

        Always in parts, be it one: such an object has an etag of its own kind, so that no event of a plain upload of
        the same bytes takes it for its own; it is made once, though its answer be lost; and what OSS does not copy by
        itself still causes an event at which the function looks for a release.
        """
        return self._once("quarantine", lambda: OssQuarantine(self.store(), resumes=False, single_copy_bytes=0))

    def ledger(self, bucket: str) -> OssLedger:
        """The ledger."""
        return self._once(f"ledger {bucket}", lambda: OssLedger(bucket=bucket, **self._named()))

    def _once(self, name: str, make: Callable[[], Client]) -> Client:
        if name not in self.clients:
            self.clients[name] = make()
        return cast("Client", self.clients[name])

    def _named(self) -> dict[str, Any]:
        return {
            "credentials": self.credentials,
            "endpoint": self.endpoint,
            "region": self.region,
            "meter": self.meter,
            "sleep": time.sleep,
        }


def read_credentials(env: Mapping[str, str]) -> Credentials:
    """The keys of the environment. Raises BadSettings without them."""
    try:
        return Credentials.find(None, env)
    except BadSettings as exc:
        raise BadSettings(f"no credentials in the environment; set {KEYS}") from exc


def list_keys(connection: OssConnection, bucket: str, prefix: str, most: int = MOST_KEYS) -> tuple[list[str], bool]:
    """The first keys that begin so, in order, and whether there are more. Raises OperatorError and StoreUnavailable."""
    keys: list[str] = []
    token = ""
    while True:
        page = connection.call(
            "list",
            bucket,
            prefix,
            lambda token=token: _list_page(connection, bucket, prefix, token),  # type: ignore[misc]
        )
        keys += [found.key for found in page.object_list]
        if len(keys) > most or not page.is_truncated:
            return keys[:most], len(keys) > most
        token = page.next_continuation_token


def _list_page(connection: OssConnection, bucket: str, prefix: str, token: str) -> Any:  # noqa: ANN401  (an oss2 result)
    return connection.bucket(bucket).list_objects_v2(prefix=prefix, continuation_token=token, max_keys=1000)


def read_object(connection: OssConnection, bucket: str, key: str) -> bytes:
    """The bytes of a small object. Raises ObjectGone, OperatorError and StoreUnavailable."""

    def read() -> bytes:
        with connection.bucket(bucket).get_object(key) as answer:
            return bytes(answer.read())

    with translated("read", bucket, key):
        return read()


@contextmanager
def explained(buckets: Mapping[str, str | None] | None = None) -> Iterator[None]:
    """Show what the function's own code complains of as one line, exit code 1; `buckets` by the options of causes."""
    try:
        yield
    except WardenError as exc:
        raise click.ClickException(explain_error(exc, buckets or {})) from exc


def account_options(command: Any) -> Any:  # noqa: ANN401  (click's decorators are untyped in this)
    """The options by which a command finds its account."""
    for option in (
        click.option(
            "--endpoint", envvar="OSS_ENDPOINT", show_envvar=True, help="Of OSS; without it the region's public one."
        ),
        click.option(
            "--region",
            envvar="GREEN_REGION",
            show_envvar=True,
            default="ap-southeast-1",
            show_default=True,
            help="Of the buckets.",
        ),
    ):
        command = option(command)
    return command


def open_account(endpoint: str | None, region: str, buckets: Mapping[str, str | None]) -> Account:
    """The account that options and environment name; `buckets` are those to be asked, by option. Raises BadSettings."""
    refuse_bad_names(buckets, {"--endpoint (OSS_ENDPOINT)": endpoint or None})
    return Account.from_env(os.environ, endpoint, region)
