"""Signed links: whether what has versions can be read by one, as the moderation service will."""

import time
from collections.abc import Iterator
from contextlib import closing

from handler.adapters.oss.errors import ARCHIVED_CODE, code_of
from handler.adapters.oss.store import OssStore
from handler.credentials import Credentials
from handler.errors import WardenError
from handler.meter import Meter
from handler.ports import StoredObject
from scripts.deploy.checkup import Diagnosis
from scripts.deploy.deployment import Deployment
from scripts.deploy.live.buckets import FAILURES, Buckets, say


def try_links(deployment: Deployment, credentials: Credentials, buckets: Buckets) -> Iterator[Diagnosis]:
    """Read one byte of each watched bucket's first object by a link that is signed as the function signs them."""
    endpoint = buckets.endpoint
    store = OssStore(
        credentials,
        endpoint=endpoint,
        public_endpoint=endpoint,
        region=deployment.region,
        meter=Meter(),
        sleep=time.sleep,
        custom_domains=deployment.settings.custom_domains,
    )
    with closing(store.connection.session.session):
        for number, bucket in enumerate(deployment.settings.watched_buckets):
            yield from _try_link(store, buckets, bucket, is_first=number == 0)


def _try_link(store: OssStore, buckets: Buckets, bucket: str, *, is_first: bool) -> Iterator[Diagnosis]:
    try:
        listed = buckets.open(bucket).list_objects_v2(max_keys=1).object_list
    except FAILURES as error:
        if not is_first:  # of the first it is said where the service is asked about it
            message = f"bucket {bucket} cannot be listed, so that no link to it was tried ({say(error)})"
            yield Diagnosis("warning", f"{message}; it takes the right oss:ListObjects")
        return
    try:
        if listed:
            store.read_by_link(StoredObject(bucket, listed[0].key, listed[0].etag, "", listed[0].size))
    except WardenError as error:
        if code_of(error) == ARCHIVED_CODE:
            return  # nobody reads it, by whatever address
        # What these keys may not read says nothing of the function's.
        severity = "warning" if code_of(error) == "AccessDenied" else "error"
        yield Diagnosis(severity, f"bucket {bucket}, by a signed link: {error}")  # type: ignore[arg-type]
