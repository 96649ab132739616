"""The application beside a local cloud: its own clients of the buckets, and its events, delivered one at a time."""

import json
from typing import Any

import oss2

from handler.adapters.oss.network import OssSession
from scripts.localcloud.cloud import APPLICATION, REGION, LocalCloud
from scripts.localcloud.fc.queue import Answer

WARM_UP_S = 120.0
Record = dict[str, Any]


class Application:
    """Uploads to a local cloud and looks at what became of it. Close it before the cloud."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self._session = OssSession()
        self._auth = oss2.AuthV4(APPLICATION.access_key_id, APPLICATION.access_key_secret)
        self.uploads = self.bucket(cloud.bucket)
        self.quarantine = self.bucket(cloud.quarantine_bucket)

    def bucket(self, name: str) -> oss2.Bucket:
        """A client of any bucket; all share their connections."""
        endpoint = self.cloud.oss.endpoint
        return oss2.Bucket(self._auth, endpoint, name, session=self._session, region=REGION, is_path_style=True)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.session.close()

    def warm_up(self, folder: str, body: bytes) -> None:
        """Have each instance started, and its clients connected: as many uploads at once as there are instances."""
        self.cloud.fc.hold()
        for number in range(self.cloud.instances):
            self.uploads.put_object(f"{folder}/{number}.png", body)
        self.cloud.fc.release()
        self.cloud.fc.wait_idle(WARM_UP_S)


class Deliveries:
    """The trigger's place: events reach the function one at a time, when they are told to, and once each."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self._records: list[Record] = []
        cloud.oss.on_event = self._records.append

    def newest(self, bucket: str) -> Record:
        """The record of the last upload to a bucket; copies into others are events too."""
        return next(record for record in reversed(self._records) if record["oss"]["bucket"]["name"] == bucket)

    def deliver(self, record: Record, *, retry_count: int | None = None, request_id: str | None = None) -> Answer:
        """Deliver one event, and wait until the function is done with it, whether it fails or not.

        A retry of a delivery has its request id, and the count of those before it.
        """
        event = json.dumps({"events": [record]}, ensure_ascii=False).encode()
        return self._cloud.fc.invoke(event, retry_count=retry_count, request_id=request_id)
