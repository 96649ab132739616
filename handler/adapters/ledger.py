"""The ledger in a bucket of its own: the port Ledger.

Facts of the OSS API used here (vendor's API reference, not tried on a live account): PutObject with
`x-oss-forbid-overwrite: true` creates only what is not there (409 FileAlreadyExists), but has no effect on a bucket
whose versioning is enabled or was; every answer carries the `Date` of OSS's own clock.
"""

import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import oss2

from handler.adapters.oss.connection import OssConnection
from handler.credentials import Credentials
from handler.errors import BadRecord, BadSettings, ObjectGone, OperatorError, StoreUnavailable, plain
from handler.meter import Meter
from handler.ports import Listing

# A ledger that does not answer must not eat the time of what it serves.
TRIES = 2
TIMEOUTS_S = (1.0, 3.0)
# The longest record of ours is an outcome, of a few KB.
LONGEST_RECORD_BYTES = 1024 * 1024
# A folder holds a verdict, an outcome and as many claims as deliveries.
MOST_RECORDS = 1000
FORBID_OVERWRITE = {"Content-Type": "application/json", "x-oss-forbid-overwrite": "true"}
OVERWRITE = {"Content-Type": "application/json"}


class OssLedger:
    """The ledger's bucket, as one identity sees it."""

    def __init__(  # noqa: PLR0913  (the composition root names each)
        self,
        credentials: Credentials,
        *,
        bucket: str,
        endpoint: str,
        region: str,
        meter: Meter,
        sleep: Callable[[float], None],
    ) -> None:
        self._name = bucket
        self.connection = OssConnection(
            credentials,
            endpoint=endpoint,
            region=region,
            meter=meter,
            sleep=sleep,
            tries=TRIES,
            timeouts_s=TIMEOUTS_S,
        )

    def create(self, name: str, record: dict[str, Any]) -> bool:
        """See Ledger."""

        def put() -> bool:
            try:
                self._bucket.put_object(name, _encode(record), FORBID_OVERWRITE)
            except oss2.exceptions.ServerError as exc:
                if exc.code == "FileAlreadyExists":
                    return False
                raise
            return True

        return self.connection.call("create", self._name, name, put)

    def write(self, name: str, record: dict[str, Any]) -> None:
        """See Ledger."""
        self.connection.call(
            "write", self._name, name, lambda: self._bucket.put_object(name, _encode(record), OVERWRITE)
        )

    def read(self, name: str) -> dict[str, Any] | None:
        """See Ledger."""
        try:
            return _decode(self.connection.call("read", self._name, name, lambda: self._get(name)))
        except ObjectGone:
            return None

    def look(self, folder: str) -> Listing:
        """See Ledger."""
        page = self.connection.call(
            "list",
            self._name,
            folder,
            lambda: self._bucket.list_objects_v2(prefix=folder, delimiter="/", max_keys=MOST_RECORDS),
        )
        written_at = {found.key.removeprefix(folder): float(found.last_modified) for found in page.object_list}
        return Listing(_read_clock(page.headers.get("Date", "")), written_at)

    def check(self) -> None:
        """See Ledger. Raises BadSettings for a bucket that is or was versioned, and where OSS refuses us."""
        try:
            answer = self.connection.call("check", self._name, "", self._bucket.get_bucket_versioning)
        except OperatorError as exc:
            raise BadSettings(f"LEDGER_BUCKET: {exc}") from exc
        if answer.status is not None:
            status = plain(answer.status, "word")
            raise BadSettings(
                f"LEDGER_BUCKET: the versioning of {self._name!r} is {status}, and no claim in it would hold; "
                "that can't be undone: make a new bucket, never enable versioning on it, and set LEDGER_BUCKET to it"
            )

    @property
    def _bucket(self) -> oss2.Bucket:
        return self.connection.bucket(self._name)

    def _get(self, name: str) -> bytes:
        with self._bucket.get_object(name) as answer:
            # One byte more tells that it is too long.
            return bytes(answer.read(LONGEST_RECORD_BYTES + 1))


def _encode(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()


def _decode(body: bytes) -> dict[str, Any]:
    if len(body) > LONGEST_RECORD_BYTES:
        raise BadRecord(f"it is longer than {LONGEST_RECORD_BYTES} bytes")
    try:
        record = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise BadRecord("it is not JSON") from exc
    if not isinstance(record, dict):
        raise BadRecord(f"it is a JSON {type(record).__name__}; an object is needed there")
    return record


def _read_clock(date: str) -> float:
    """The time of OSS, in seconds since 1970."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError) as exc:
        raise StoreUnavailable("the answer has no readable date, so it is not of OSS") from exc
