"""The settings of a bucket at the OSS stand-in: what is answered where one is set, and where none is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import oss2
import pytest
from oss2.models import (
    AbortMultipartUpload,
    BucketLifecycle,
    LifecycleExpiration,
    LifecycleRule,
    ReplicationRule,
)

from scripts.localcloud.oss.server import OssServer
from tests.localcloud.oss.oss_clients import OWNER, Connect, auth_of, refusal

ABSENT: dict[str, tuple[Callable[[oss2.Bucket], object], str]] = {
    "GetBucketEncryption": (lambda bucket: bucket.get_bucket_encryption(), "NoSuchServerSideEncryptionRule"),
    "GetBucketLifecycle": (lambda bucket: bucket.get_bucket_lifecycle(), "NoSuchLifecycle"),
    "GetBucketWorm": (lambda bucket: bucket.get_bucket_worm(), "NoSuchWORMConfiguration"),
    "GetBucketReplication": (lambda bucket: bucket.get_bucket_replication(), "NoSuchReplicationConfiguration"),
}
BLOCK = "GetBucketPublicAccessBlock"
ASKED = {name: ask for name, (ask, _) in ABSENT.items()} | {BLOCK: lambda b: b.get_bucket_public_access_block()}


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_not_set_is_404(connect: Connect, name: str) -> None:
    """Each with a code of its own, and not taken for a listing."""
    ask, code = ABSENT[name]
    assert refusal(lambda: ask(connect())) == (404, code)


@pytest.mark.parametrize("name", ASKED)
def test_each_needs_its_right_and_its_bucket(server: OssServer, connect: Connect, name: str) -> None:
    """The right has the name of the operation; a bucket that is not there is 404."""
    ask = ASKED[name]
    assert refusal(lambda: ask(connect("nowhere"))) == (404, "NoSuchBucket")
    server.add_identity(replace(OWNER, rights=frozenset({("oss:ListObjects", "*")})))
    assert refusal(lambda: ask(connect())) == (403, "AccessDenied")


def test_lifecycle_rules_are_given_back(connect: Connect) -> None:
    """As they were put, all at once."""
    bucket = connect()
    for days in (1, 7):
        rules = [
            LifecycleRule("a", "held/", abort_multipart_upload=AbortMultipartUpload(days=days)),
            LifecycleRule("b", "x/", status="Disabled", expiration=LifecycleExpiration(days=days)),
        ]
        bucket.put_bucket_lifecycle(BucketLifecycle(rules))
        first, second = bucket.get_bucket_lifecycle().rules
        assert (first.prefix, first.status, first.abort_multipart_upload.days) == ("held/", "Enabled", days)
        assert (second.id, second.status, second.expiration.days) == ("b", "Disabled", days)
    assert refusal(lambda: bucket.put_bucket_lifecycle("<Rule")) == (400, "MalformedXML")


def test_rules_of_replication_are_added(connect: Connect) -> None:
    """Each says where to, and that it is under way."""
    bucket = connect()
    for target in ("elsewhere", "versions"):
        bucket.put_bucket_replication(
            ReplicationRule(rule_id=target, target_bucket_name=target, target_bucket_location="oss-ap-southeast-1")
        )
    rules = bucket.get_bucket_replication().rule_list
    assert [(rule.target_bucket_name, rule.status) for rule in rules] == [("elsewhere", "doing"), ("versions", "doing")]


def test_retention_and_encryption_are_told_as_they_are(server: OssServer, connect: Connect) -> None:
    """The settings that the stand-in heeds are those that it answers with."""
    server.retain("uploads")
    server.encrypt_by_default("uploads", "KMS", "key-1")
    server.encrypt_by_default("versions", "AES256")
    rule, other = connect().get_bucket_encryption(), connect("versions").get_bucket_encryption()
    assert (rule.sse_algorithm, rule.kms_master_keyid) == ("KMS", "key-1")
    assert (other.sse_algorithm, other.kms_master_keyid) == ("AES256", None)
    worm = connect().get_bucket_worm()
    assert (worm.state, worm.retention_period_days) == ("Locked", 1)
    assert refusal(connect("versions").get_bucket_worm) == (404, "NoSuchWORMConfiguration")


def test_public_access_is_blocked_by_bucket_and_by_account(server: OssServer, connect: Connect) -> None:
    """Off until it is put on; neither is told as the other's."""
    bucket = connect()
    service = oss2.Service(auth_of(OWNER), server.endpoint, session=bucket.session, region="ap-southeast-1")

    def told() -> list[Any]:
        return [
            each.block_public_access
            for each in (bucket.get_bucket_public_access_block(), service.get_public_access_block())
        ]

    assert told() == [False, False]
    bucket.put_bucket_public_access_block(block_public_access=True)
    assert told() == [True, False]
    bucket.put_bucket_public_access_block(block_public_access=False)
    service.put_public_access_block(block_public_access=True)
    assert told() == [False, True]


def test_the_acl_of_a_bucket_is_told(connect: Connect) -> None:
    """Private until another is put; an unknown one is refused."""
    bucket = connect()
    assert bucket.get_bucket_info().acl.grant == "private"
    bucket.put_bucket_acl("public-read")
    assert bucket.get_bucket_info().acl.grant == "public-read"
    assert refusal(lambda: bucket.put_bucket_acl("default")) == (400, "InvalidArgument")


def test_a_bucket_takes_its_settings_along(server: OssServer, connect: Connect) -> None:
    """One that is made anew under the name has none of them."""
    bucket = connect()
    bucket.put_bucket_lifecycle(BucketLifecycle([LifecycleRule("b", "x", expiration=LifecycleExpiration(days=1))]))
    bucket.delete_bucket()
    server.create_bucket("uploads")
    assert refusal(bucket.get_bucket_lifecycle) == (404, "NoSuchLifecycle")
