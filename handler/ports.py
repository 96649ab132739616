"""The seams between the pipeline and the SDKs, and the values that cross them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from handler.model import Upload, Verdict

# Nobody can read these before their owner has restored them (vendor's API reference, RestoreObject).
ARCHIVE_CLASSES = frozenset({"Archive", "ColdArchive", "DeepColdArchive"})


# The user metadata of a copy in quarantine that names the version it was made of.
OF_VERSION = "warden-version"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What OSS says of the bytes that are under a key now, or of one version of them.

    `etag` is upper-case without quotes. `last_modified` is the HTTP date as OSS wrote it (one-second resolution).
    `version_id` is None in a bucket that never had versions, "null" for bytes written while versioning was not
    enabled. `headers` are the standard ones that travel with the bytes (Content-Type, Cache-Control, …), `metadata`
    the user's own, without the `x-oss-meta-` prefix. `object_type`: Normal, Multipart, Appendable, Symlink, or
    DeleteMarker where a versioned bucket says that its current version is a deletion. `storage_class` is OSS's word;
    `is_thawed`: of an archive class, and readable for a while because its owner restored it. `encryption` are the
    headers by which the bytes were encrypted at OSS (`x-oss-server-side-encryption`, …), none where they were not.
    """

    bucket: str
    key: str
    etag: str
    last_modified: str
    size_bytes: int
    version_id: str | None = None
    is_current: bool = True
    object_type: str = "Normal"
    crc64: str | None = None
    tag_count: int = 0
    storage_class: str = "Standard"
    is_thawed: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    encryption: dict[str, str] = field(default_factory=dict)

    @property
    def is_archived(self) -> bool:
        """Nobody can read or copy the bytes as they are."""
        return self.storage_class in ARCHIVE_CLASSES and not self.is_thawed

    @property
    def is_symlink(self) -> bool:
        """A link: its etag and size are those of its target."""
        return self.object_type == "Symlink"

    @property
    def is_deletion(self) -> bool:
        """The current version says that the key was deleted; older bytes may lie below."""
        return self.object_type == "DeleteMarker"

    @property
    def is_pinned(self) -> bool:
        """The version id names these bytes for ever: no overwrite can put others in their place.

        A null version is overwritten while versioning is suspended, and no answer tells whether it is. An appendable
        object grows in place, under the same version id (vendor's API reference, AppendObject).
        """
        return self.version_id not in {None, "null"} and self.object_type != "Appendable"

    @property
    def location(self) -> str:
        """`bucket/key`."""
        return f"{self.bucket}/{self.key}"

    def holds_same_bytes_as(self, other: "StoredObject") -> bool:
        """Whether both are one upload: by version id, and where that is not enough by all that OSS tells of the bytes.

        An etag is an MD5 at best, and two files of one MD5 are made in seconds.
        """
        # What was written before versioning was enabled is the null version from then on.
        if (self.version_id or "null") != (other.version_id or "null") or self.is_pinned != other.is_pinned:
            return False
        if self.is_pinned:
            return True
        sums_differ = self.crc64 is not None and other.crc64 is not None and self.crc64 != other.crc64
        mine, others = ((one.etag, one.last_modified, one.object_type) for one in (self, other))
        return mine == others and not sums_differ


@dataclass(frozen=True, slots=True)
class HeldCopy:
    """How a copy into or out of quarantine is written: where, with which headers, metadata and tags.

    `headers` are the standard ones (Content-Type, …), `metadata` is the copy's whole user metadata (at most 8 KB);
    `sidecar` is the JSON of what had no room in these, written beside the copy before it, or None. `acl` is the
    copy's. `storage_class` is asked for where it is not None, `encryption` are the headers that ask for it: none leave
    it to the bucket. A copy overwrites nothing, which OSS heeds only in a bucket that never had versions.
    """

    bucket: str
    key: str
    headers: dict[str, str]
    metadata: dict[str, str]
    tags: dict[str, str]
    sidecar: bytes | None = None
    acl: str = "private"
    storage_class: str | None = None
    encryption: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a copy.

    `note`: what it had to go without. `request_id` is that of the request that finished it, which its event names
    too; empty where the copy was there already. `version_id` is that of the copy, where the answer named one.
    `is_tagged`: it was begun here with all its tags; which are on one that an earlier delivery made, or began, nobody
    knows.
    """

    note: str | None = None
    request_id: str = ""
    version_id: str | None = None
    is_tagged: bool = False


@dataclass(frozen=True, slots=True)
class VersionPage:
    """Some versions of a key, newest first, deletions left out.

    `after` is where the next page begins; None: there is none.
    """

    versions: list[StoredObject]
    after: str | None = None


class Moderator(Protocol):
    """The moderation service."""

    def judge(self, upload: Upload, *, url: str | None, timeout_s: float) -> Verdict:
        """Ask once, by bucket and key, or by a signed URL where one is given.

        Raises NoVerdict with its kind, or OperatorError.
        """


class Store(Protocol):
    """The bucket that is watched.

    Every method raises OperatorError where OSS refuses us and StoreUnavailable where it fails.
    """

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """What is under the key now, or that version of it; None where nothing is.

        A link answers for its target, and for itself where that can't be read.
        """

    def link(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """The link itself, also where its target is missing; None where the key, or that version, holds no link."""

    def versions(self, bucket: str, key: str, after: str | None = None) -> VersionPage:
        """A page of the versions under exactly this key, of at most 999, that begins where another one ended."""

    def delete(self, found: StoredObject) -> None:
        """Remove these bytes: the exact version where there is one. A missing object counts as done."""

    def acl(self, found: StoredObject) -> str:
        """The object's own ACL: default, private, public-read or public-read-write. Raises ObjectGone."""

    def sign(self, found: StoredObject, *, expires_s: int) -> str:
        """A URL that reads exactly this object (and version) from the public network for that long."""

    def check_link(self, found: StoredObject) -> None:
        """Look whether it is the account that keeps signed URLs from being read, whatever is behind them.

        Raises OperatorError where OSS says so; that no answer came, or another, says nothing.
        """


class Tags(Protocol):
    """The tags of an object (at most 10)."""

    def read_tags(self, found: StoredObject, *, is_fresh: bool = False) -> dict[str, str]:
        """All tags. Raises ObjectGone.

        `is_fresh`: the object was looked at just now, so that no call is needed where it had none then.
        """

    def write_tags(self, found: StoredObject, tags: dict[str, str]) -> None:
        """Replace all tags. Raises ObjectGone."""


class Quarantine(Protocol):
    """The bucket that holds what was quarantined."""

    def hold(self, found: StoredObject, copy: HeldCopy, *, keep_going: Callable[[], None]) -> Copied:
        """Copy exactly these bytes and verify the copy (size and CRC-64; read and compared where there is none).

        A copy that is there already and holds the same bytes is done. What takes longer than one call goes in parts,
        which the next delivery carries on: `keep_going` is called before each and before they are joined, and raises
        StoreUnavailable where the time is used up. Raises PlaceTaken where other bytes are there, ObjectChanged where
        the source is no longer what was found, ObjectGone, CannotCopy, OperatorError, StoreUnavailable.
        """

    def find(self, bucket: str, key: str) -> StoredObject | None:
        """The copy at that place, or None."""

    def sha256(self, found: StoredObject, *, keep_going: Callable[[], None]) -> str:
        """The SHA-256 of exactly these bytes, in hexadecimal, wherever they are; read within one delivery.

        `keep_going` as above. Raises ObjectGone, ObjectChanged, OperatorError and StoreUnavailable.
        """


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder of the ledger holds: when each record was written, by its name in the folder.

    All in seconds since 1970 by the clock of the ledger, `now` too: no clock of ours is compared with it.
    """

    now: float
    written_at: dict[str, float]


class Ledger(Protocol):
    """Where it is kept what was claimed, paid for and done. A record is a JSON object under a name with slashes.

    Every method raises OperatorError where the ledger refuses us and StoreUnavailable where it fails.
    """

    def create(self, name: str, record: dict[str, Any]) -> bool:
        """Write a record that is not there yet; False where it is. Of many who try at once, one succeeds."""

    def write(self, name: str, record: dict[str, Any]) -> None:
        """Write a record, over what is there."""

    def read(self, name: str) -> dict[str, Any] | None:
        """What is there; None where nothing is. Raises BadRecord where it is no JSON object."""

    def look(self, folder: str) -> Listing:
        """List the records of a folder, which ends in a slash."""

    def check(self) -> None:
        """Raise BadSettings where this bucket can't tell a first claim from a second."""


class NoLedger:
    """The ledger of who keeps none: every claim is the first, and no version is another upload's."""

    def create(self, name: str, record: dict[str, Any]) -> bool:
        """See Ledger."""
        del name, record
        return True

    def write(self, name: str, record: dict[str, Any]) -> None:
        """See Ledger."""

    def read(self, name: str) -> dict[str, Any] | None:
        """See Ledger."""
        del name
        return None

    def look(self, folder: str) -> Listing:
        """See Ledger."""
        del folder
        return Listing(0.0, {})

    def check(self) -> None:
        """See Ledger."""
