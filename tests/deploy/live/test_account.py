"""`warden doctor --live`: what is wrong with the account is found, with how to mend it."""

from dataclasses import replace

import pytest

from scripts.bench.overhead import PIXEL
from scripts.localcloud.cloud import APPLICATION, SERVICE_ROLE
from scripts.localcloud.wire import Bystander, Fault, WireCall
from tests.deploy.live.accounts import KEYS, Account
from tests.deploy.template.templates import add_trigger


def test_a_right_account_is_asked_and_pays_one_call(account: Account) -> None:
    """Buckets are looked at, and the service judges one image."""
    account.upload()
    done = account.examine()
    assert (done.exit_code, done.output) == (0, "nothing to mend (the account too), 0 warnings\n")
    assert account.green.billed == 1


def test_without_live_nobody_is_asked(account: Account) -> None:
    """The default is offline, also where there are keys."""
    account.upload()
    assert account.checkout.examine(env=KEYS).exit_code == 0
    assert account.green.calls == []


def test_live_without_keys_says_which(account: Account) -> None:
    """The variables are named."""
    done = account.examine(dict.fromkeys(KEYS, ""))
    assert done.exit_code == 1
    assert "--live needs keys of the account; set ALIBABA_CLOUD_ACCESS_KEY_ID and" in done.output


def test_what_is_wrong_with_the_buckets_is_found(account: Account) -> None:
    """A bucket that is not there, one without versions, a versioned ledger, and an empty one."""
    account.oss.reset()
    account.oss.create_bucket("uploads")
    account.oss.create_bucket("ledger", versioned=True)
    done = account.examine()
    assert done.exit_code == 1
    assert "error: bucket quarantine: HTTP 404 NoSuchBucket" in done.output
    assert "create it, or mend the name in template.yml" in done.output
    assert "warning: bucket uploads: without versions an overwrite" in done.output
    assert "error: ledger bucket ledger: its versioning is Enabled, and no claim in it would hold" in done.output
    assert "warning: bucket uploads is empty: upload an image" in done.output


def test_buckets_that_are_not_there_are_all_named(account: Account) -> None:
    """Each is an error of its own."""
    account.oss.reset()
    done = account.examine()
    assert "error: bucket uploads: HTTP 404 NoSuchBucket" in done.output
    assert "error: ledger bucket ledger: HTTP 404 NoSuchBucket" in done.output
    assert (
        "error: bucket uploads cannot be listed, so that the service was not asked: HTTP 404 NoSuchBucket"
        in done.output
    )


def test_a_service_that_may_not_read_the_bucket_is_found(account: Account) -> None:
    """The step in the console that authorises it is named."""
    account.upload()
    account.oss.add_identity(replace(SERVICE_ROLE, rights=frozenset()))
    done = account.examine()
    assert "warning: no verdict on uploads/'a.png'" in done.output
    assert "authorise it once (docs/operations.md, step 2)" in done.output


def test_a_service_that_refuses_us_is_an_error(account: Account) -> None:
    """Keys without the right to moderate are the operator's to mend."""
    account.upload()
    account.green.add_identity(replace(APPLICATION, rights=frozenset()))
    done = account.examine()
    assert done.exit_code == 1
    assert "needs yundun-greenweb:ImageModeration" in done.output


def test_an_unready_template_keeps_the_account_unasked(account: Account) -> None:
    """What is wrong offline is mended first."""
    account.upload()
    account.checkout.edit(("memorySize: 256", "memorySize: 1"))
    done = account.examine()
    assert done.exit_code == 1
    assert "the account is asked only once nothing is wrong offline" in done.output
    assert account.green.calls == []


def test_links_that_the_account_may_not_hand_out_are_found(account: Account) -> None:
    """In mainland China: before every upload fails for it, with what to mend."""
    account.upload()
    account.oss.is_public_endpoint_open = False
    done = account.examine()
    assert done.exit_code == 1
    assert "error: bucket uploads, by a signed link: could not read by a link uploads/'a.png'" in done.output
    assert "map a domain of your own to the bucket, and name it in OSS_CUSTOM_DOMAINS" in done.output


class Spoiler(Bystander):
    """Spoils one operation of OSS in one bucket."""

    def __init__(self, operation: str, bucket: str, fault: Fault) -> None:
        self.operation, self.bucket, self.fault = operation, bucket, fault

    def before(self, call: WireCall) -> Fault | None:
        """Spoil it."""
        return self.fault if (call.operation, call.bucket) == (self.operation, self.bucket) else None


FAULTS = {
    "OSS's answer can't be read": Fault(garbage=True),
    "HTTP 503 ServiceUnavailable": Fault(status=503, code="ServiceUnavailable"),
    "OSS gave no answer (the connection broke off)": Fault(drop="before"),
    "HTTP 403 SecurityTokenExpired": Fault(status=403, code="SecurityTokenExpired"),
}


@pytest.mark.parametrize("said", FAULTS)
def test_a_bucket_that_gives_no_answer_is_not_called_missing(account: Account, said: str) -> None:
    """Nobody is told to create what is there."""
    account.upload()
    account.oss.observer = Spoiler("GetBucketInfo", "uploads", FAULTS[said])
    done = account.examine()
    assert f"warning: bucket uploads: it could not be looked at ({said}" in done.output
    assert "create it" not in done.output


@pytest.mark.parametrize("said", FAULTS)
def test_a_list_that_does_not_come_is_told_of_each_bucket(account: Account, said: str) -> None:
    """Of the first because nothing could be asked about it, of the others because no link could be tried."""
    account.oss.create_bucket("second", versioned=True)
    trigger = add_trigger(("triggerName: uploads", "triggerName: second"), ("${vars.bucket}", "second"))
    account.deploy(("WATCHED_BUCKETS: ${vars.bucket} ", "WATCHED_BUCKETS: uploads,second "), trigger)
    account.oss.observer = Spoiler("ListObjectsV2", "second", FAULTS[said])
    assert (
        f"warning: bucket second cannot be listed, so that no link to it was tried ({said}" in account.examine().output
    )
    account.oss.observer = Spoiler("ListObjectsV2", "uploads", FAULTS[said])
    assert (
        f"error: bucket uploads cannot be listed, so that the service was not asked: {said}" in account.examine().output
    )


@pytest.mark.parametrize(
    ("name", "value"), [*((name, "secret\udcff") for name in KEYS), ("ALIBABA_CLOUD_ACCESS_KEY_ID", "secret\nx")]
)
def test_keys_that_no_request_can_carry_are_told_once_a_bucket(account: Account, name: str, value: str) -> None:
    """No traceback, and nothing of them."""
    done = account.examine({**KEYS, name: value})
    assert done.exit_code == 1
    assert done.output.count("OSS was not asked: a key, the token or the address holds what no request can carry") == 4
    assert "secret" not in done.output


def test_what_only_the_deployment_knows_leaves_the_account_unasked(account: Account) -> None:
    """That is said, behind what was found without it."""
    account.deploy()
    account.checkout.edit(
        ('account: "1234567890123456"', "account: ${config('AccountID')}"),
        ("reservedConcurrency: 8", "reservedConcurrency: 80"),
    )
    done = account.examine()
    assert done.exit_code == 1
    assert "concurrencyConfig.reservedConcurrency: 80 instances are more than" in done.output
    assert "Error: the account was not asked: " in done.output
    assert "account, queue: only the deployment itself will know; write the value out\n" in done.output


def test_an_archived_image_says_nothing_of_links(account: Account) -> None:
    """Nobody can read it, by whatever address."""
    with account.open("uploads") as bucket:
        bucket.put_object("a.png", PIXEL, headers={"x-oss-storage-class": "Archive"})
    assert "by a signed link" not in account.examine().output
