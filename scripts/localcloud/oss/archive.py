"""Archived objects: they can be looked at, tagged and deleted, but neither read nor copied before RestoreObject.

With OSS a restoration takes from a minute (Archive) to two days (DeepColdArchive), HEAD says `ongoing-request="true"`
meanwhile, and another RestoreObject is 409 RestoreAlreadyInProgress. Here it is done when it is answered.
"""

from datetime import timedelta, timezone
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

from moto.core.utils import utcnow
from moto.s3.models import FakeKey

from scripts.localcloud.oss.call import ARCHIVED, Call, version_header
from scripts.localcloud.oss.protocol import Answer, OssError

# RestoreObject in the API reference: how long an object of each class may stay readable.
_MAX_DAYS = {"Archive": 7, "ColdArchive": 365, "DeepColdArchive": 365}


def refuse_frozen(version: FakeKey) -> None:
    """Raise OssError 403 InvalidObjectState where the bytes can't be had: archived, and not (or no longer) restored."""
    if version.metadata["x-oss-storage-class"] in ARCHIVED and restoration_of(version) is None:
        raise OssError(403, "InvalidObjectState", "The operation is not valid for the object's state.")


def restoration_of(version: FakeKey) -> str | None:
    """Give `x-oss-restore` (in listings RestoreInfo) of an object that is readable for a time, or None."""
    expiry = version.expiry_date
    if expiry is None or parsedate_to_datetime(expiry) <= utcnow().replace(tzinfo=timezone.utc):
        return None
    return f'ongoing-request="false", expiry-date="{expiry}"'


def restore_object(call: Call) -> Answer:
    """RestoreObject: 202 for a frozen object, 200 for a restored one, which stays readable from now for as long again.

    Raises OssError 400 OperationNotSupported for an object that is not archived, 400 MalformedXML or InvalidArgument
    (the code of the last is not confirmed). What it means for a link is not documented; here, the link itself.
    """
    with call.store.lock:
        version = call.store.find(call.request.bucket, call.request.key, call.request.version_id)
        storage_class = version.metadata["x-oss-storage-class"]
        if storage_class not in ARCHIVED:
            raise OssError(400, "OperationNotSupported", "The operation is not supported for this resource.")
        days = _read_days(call.request.body, _MAX_DAYS[storage_class])
        status = 202 if restoration_of(version) is None else 200
        version.set_expiry(utcnow() + timedelta(days=days))
        return Answer(status, version_header(call, version))


def _read_days(body: bytes, max_days: int) -> int:
    if not body:
        return 1
    try:
        days = ET.fromstring(body).findtext("Days", "1")  # noqa: S314 -- it comes from our own tests and demos
    except ET.ParseError as error:
        raise OssError(400, "MalformedXML", "The XML you provided was not well-formed.") from error
    if not days.isdecimal() or not 0 < int(days) <= max_days:
        raise OssError(400, "InvalidArgument", f"Days must be a number from 1 to {max_days}, not {days!r}.")
    return int(days)
