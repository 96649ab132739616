"""An account's buckets, and what may be wrong with them."""

from collections.abc import Callable

import oss2
from click.testing import CliRunner, Result
from oss2.models import BucketLifecycle, BucketVersioningConfig, LifecycleRule, ReplicationRule

from scripts.cli.rights import command as rights_command
from scripts.localcloud.cloud import REGION
from tests.deploy.live.accounts import KEYS, Account

Spoil = Callable[["Storage"], None]
SILENT = (0, "nothing to mend (the account too), 0 warnings\n")


class Storage(Account):
    """An account whose rights are in a folder."""

    def write_rights(self, *options: str) -> None:
        """`rights --out`, with these options beside those of before."""
        asked = ["--template", str(self.checkout.template), "--out", str(self.checkout.folder / "rights"), *options]
        done = CliRunner().invoke(rights_command, asked)
        assert done.exit_code == 0, done.output

    def look(self) -> Result:
        """`doctor --live --rights`."""
        return self.checkout.examine("--live", "--rights", str(self.checkout.folder / "rights"), env=KEYS)


def replicate(source: str, target: str) -> Spoil:
    """Replication from a bucket to another."""

    def put(storage: Storage) -> None:
        with storage.open(source) as bucket:
            bucket.put_bucket_replication(
                ReplicationRule(rule_id="r", target_bucket_name=target, target_bucket_location="oss-ap-southeast-1")
            )

    return put


def encrypt(name: str, method: str, key: str = "") -> Spoil:
    """Encryption of a bucket by default."""
    return lambda storage: storage.oss.encrypt_by_default(name, method, key)


def publish(name: str) -> Spoil:
    """A bucket that everybody can read."""

    def put(storage: Storage) -> None:
        with storage.open(name) as bucket:
            bucket.put_bucket_acl("public-read")

    return put


def rules(name: str, *given: LifecycleRule) -> Spoil:
    """The lifecycle rules of a bucket."""

    def put(storage: Storage) -> None:
        with storage.open(name) as bucket:
            bucket.put_bucket_lifecycle(BucketLifecycle(list(given)))

    return put


def version(name: str, status: str) -> Spoil:
    """The versioning of a bucket."""

    def put(storage: Storage) -> None:
        with storage.open(name) as bucket:
            bucket.put_bucket_versioning(BucketVersioningConfig(status))

    return put


def retain(name: str) -> Spoil:
    """A retention policy."""
    return lambda storage: storage.oss.retain(name)


def rights(*options: str) -> Spoil:
    """The rights, written anew."""
    return lambda storage: storage.write_rights("--anew", *options)


def block(storage: Storage) -> None:
    """A gate for everybody, and a bucket that blocks public access."""
    storage.write_rights("--gate")
    with storage.open("uploads") as bucket:
        bucket.put_bucket_public_access_block(block_public_access=True)


def block_account(storage: Storage) -> None:
    """A gate for everybody, and an account that blocks public access."""
    storage.write_rights("--gate", "--reader", "123", "--reader", "*")
    with storage.open("uploads") as bucket:
        service = oss2.Service(bucket.auth, storage.oss.endpoint, session=bucket.session, region=REGION)
        service.put_public_access_block(block_public_access=True)


def block_only(storage: Storage) -> None:
    """A bucket that blocks public access."""
    with storage.open("uploads") as bucket:
        bucket.put_bucket_public_access_block(block_public_access=True)


def together(*spoils: Spoil) -> Spoil:
    """Several things at once."""

    def put(storage: Storage) -> None:
        for spoil in spoils:
            spoil(storage)

    return put
