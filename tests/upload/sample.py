"""The upload that the tests of the ledger's records and claims are about."""

from handler.model import Upload
from handler.ports import StoredObject

UPLOAD = Upload(
    "uploads",
    "a.png",
    "E1",
    None,
    5,
    None,
    "ap-southeast-1",
    "ObjectCreated:PutObject",
    "2026-11-22T10:00:00.000Z",
    "R1",
)
FOUND = StoredObject("uploads", "a.png", "E1", "Sun, 22 Nov 2026 10:00:00 GMT", 5, crc64="1")
