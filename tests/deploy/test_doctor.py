"""`warden doctor`: what would go wrong once deployed is found before, with how to mend it."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import oss2
import pytest
from click.testing import CliRunner, Result

from handler.adapters.oss.network import OssSession
from scripts.bench.overhead import PIXEL
from scripts.cli.doctor import command
from scripts.cli.rights import command as rights_command
from scripts.deploy.package import wheels
from scripts.environment.making import ROOT
from scripts.localcloud.cloud import APPLICATION, REGION, SERVICE_ROLE, see_no_risk
from scripts.localcloud.green.fetch import OssFetch
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.oss.server import OssServer
from tests.deploy.template.templates import add_trigger, edit_template

KEYS = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": APPLICATION.access_key_id,
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": APPLICATION.access_key_secret,
    "ALIBABA_CLOUD_SECURITY_TOKEN": "",
}


class Checkout:
    """A folder with a template and a policy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.yml"
        self.policy = folder / "policies" / "default.yml"
        self.policy.parent.mkdir()
        self.policy.write_bytes((ROOT / "policies" / "default.yml").read_bytes())
        self.edit()

    def edit(self, *edits: tuple[str, str]) -> None:
        """Write the template, edited."""
        self.template.write_text(edit_template(*edits), encoding="utf-8")

    def examine(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run the command."""
        return CliRunner().invoke(command, ["--template", str(self.template), *arguments], env=env)


@pytest.fixture(autouse=True)
def _python_for_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one, whatever this machine has."""
    monkeypatch.setattr(wheels, "find_python", lambda _version: Path(sys.executable))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A folder in which all is well."""
    return Checkout(tmp_path)


def test_nothing_is_to_be_mended_in_a_right_deployment(checkout: Checkout) -> None:
    """The project's own template and policy, with the variables set, are right; nobody was asked."""
    done = checkout.examine()
    assert (done.exit_code, done.output) == (0, "nothing to mend (offline; --live asks the account), 0 warnings\n")


def test_the_template_as_it_comes_is_not_ready() -> None:
    """What the user must set is named, so that a deployment stops before anything has changed."""
    done = CliRunner().invoke(command, ["--template", str(ROOT / "template.yml")])
    assert done.exit_code == 1
    assert "vars.account: 'CHANGE-ME' is not set yet" in done.output
    assert "Error: 5 to mend before it is deployed" in done.output


@pytest.mark.parametrize(
    ("reserved", "limit", "warns"), [(40, "20", False), (41, "20", True), (41, "50", False), (8, "3", True)]
)
def test_more_instances_than_the_limit_feeds_are_warned_of(
    checkout: Checkout, reserved: int, limit: str, *, warns: bool
) -> None:
    """Whatever the account's limit is; a warning, for an account may know better."""
    checkout.edit(
        ("reservedConcurrency: 8", f"reservedConcurrency: {reserved}"),
        ('GREEN_CALLS_A_SECOND: "20"', f'GREEN_CALLS_A_SECOND: "{limit}"'),
    )
    done = checkout.examine()
    assert done.exit_code == 0
    said = f"reservedConcurrency: {reserved} instances are more than {limit} calls a second can feed"
    assert (said in done.output) == warns


MISTAKES: dict[str, tuple[tuple[str, str], str]] = {
    "of the template": (("memorySize: 256", "memorySize: 1"), "memorySize: 1 is too low"),
    "a wildcard event": (("oss:ObjectCreated:PutObject", '"oss:ObjectCreated:*"'), "fires for each part"),
    "of a setting": (("LOG_LEVEL: INFO", "LOG_LEVEL: LOUD"), "LOG_LEVEL: 'LOUD' is unknown"),
    "another region's OSS": (
        ("LOG_LEVEL: INFO", "OSS_ENDPOINT: https://oss-cn-hangzhou.aliyuncs.com"),
        "'https://oss-cn-hangzhou.aliyuncs.com' is not of the region 'ap-southeast-1'; leave it out",
    ),
    "another region's service": (
        ("LOG_LEVEL: INFO", "GREEN_ENDPOINT: https://green-cip.cn-shanghai.aliyuncs.com"),
        "is not of the region 'ap-southeast-1'",
    ),
    "no encryption": (
        ("LOG_LEVEL: INFO", "OSS_ENDPOINT: http://oss-ap-southeast-1.aliyuncs.com"),
        "'http://oss-ap-southeast-1.aliyuncs.com' is not encrypted; write https://",
    ),
    "a policy that is not there": (
        ("policies/default.yml", "policies/nothing.yml"),
        "the policy 'policies/nothing.yml' cannot be read (No such file or directory); known: default.yml; POLICY is",
    ),
    "a quarantine that is watched": (
        ("quarantine_bucket: quarantine", "quarantine_bucket: uploads"),
        "quarantine.bucket: a loop: the bucket 'uploads' is watched",
    ),
    "a ledger that is watched": (
        ("ledger_bucket: ledger", "ledger_bucket: uploads"),
        "LEDGER_BUCKET: 'uploads' holds uploads; the ledger needs a bucket of its own",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(checkout: Checkout, mistake: str) -> None:
    """Each is an error with its place and how to mend it."""
    edit, wanted = MISTAKES[mistake]
    checkout.edit(edit)
    done = checkout.examine()
    assert done.exit_code == 1
    (line,) = [line for line in done.output.splitlines() if wanted in line]
    assert line.startswith(f"error: {checkout.folder}")


def test_a_quarantine_inside_a_triggers_prefix_is_found(checkout: Checkout) -> None:
    """Even where the policy would ignore the copies: each would cost an invocation."""
    trigger = add_trigger(("triggerName: uploads", "triggerName: held"), ("${vars.bucket}", "quarantine"))
    checkout.edit(trigger, ("${vars.bucket}  ", '"uploads,quarantine"  '))
    checkout.policy.write_text(checkout.policy.read_text() + 'scope: {exclude: ["held/**"]}\n')
    done = checkout.examine()
    assert "the quarantine, quarantine/held/, is inside this trigger's prefix ''" in done.output
    assert "triggers[1].triggerConfig.filter.key.prefix" in done.output


def test_a_policy_that_does_not_check_is_found(checkout: Checkout) -> None:
    """The policy's errors are among the findings, with their place in the policy."""
    checkout.policy.write_text("version: 2\nname: a\nrules: []\n")
    done = checkout.examine()
    assert f"error: {checkout.policy}:1:10: version:" in done.output


def test_a_policy_that_was_probably_meant_otherwise_is_a_warning(checkout: Checkout) -> None:
    """Fractions, a bucket in front of a key, and a policy that holds everything: said before they are deployed."""
    checkout.policy.write_text(
        "version: 1\nname: doubtful\nquarantine: {bucket: quarantine}\nrules:\n"
        '  - {name: a, match: {min_confidence: 0.9, keys: ["uploads/avatars/**"]}, action: delete}\n'
        "  - {name: b, match: {min_size_bytes: 1}, action: quarantine}\n"
    )
    done = checkout.examine()
    assert done.exit_code == 0
    for told in (
        "rules[0].match.min_confidence: 0.9 of 100 is next to nothing",
        "'uploads/avatars/**': the bucket 'uploads' is no part of a key; write 'avatars/**'",
        "rule 'b' holds every upload, also where nothing was found in it",
    ):
        (line,) = [line for line in done.output.splitlines() if told in line]
        assert line.startswith(f"warning: {checkout.policy}:")


def test_a_policy_is_checked_before_the_variables_are_set(checkout: Checkout) -> None:
    """An example value in place of a bucket is said once, not as a mistake of the policy too."""
    checkout.edit(("quarantine_bucket: quarantine", "quarantine_bucket: CHANGE-ME-quarantine"))
    done = checkout.examine()
    assert [line.split(": ")[2] for line in done.output.splitlines()[:-1]] == ["vars.quarantine_bucket"]


def test_a_suffix_is_a_warning(checkout: Checkout) -> None:
    """A trigger that looks at names only is legal, and can be walked around."""
    checkout.edit(('suffix: ""', 'suffix: ".jpg"'))
    done = checkout.examine()
    assert done.exit_code == 0
    assert "warning: " in done.output
    assert "only keys that end in '.jpg' are judged" in done.output


def test_no_python_for_the_build_is_found(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packaging would fail later for want of it."""
    monkeypatch.setattr(wheels, "find_python", lambda _version: None)
    done = checkout.examine()
    assert done.exit_code == 1
    assert "error: packaging needs CPython 3.10" in done.output


def test_no_template_is_said(tmp_path: Path) -> None:
    """The file is named, with the option that names another."""
    done = CliRunner().invoke(command, ["--template", str(tmp_path / "no.yml")])
    assert done.exit_code == 1
    assert "no.yml: the template cannot be read (No such file or directory); name one with --template" in done.output


def test_rights_that_are_out_of_date_are_found(checkout: Checkout) -> None:
    """After an edit of the policy the documents are compared, and a missing one is named."""
    folder = checkout.folder / "rights"
    asked = ["--template", str(checkout.template), "--gate", "--out", str(folder)]
    assert CliRunner().invoke(rights_command, asked).exit_code == 0
    assert checkout.examine("--rights", str(folder)).exit_code == 0
    (folder / "uploaders-uploads.json").unlink()
    checkout.policy.write_bytes((ROOT / "policies" / "tag-only.yml").read_bytes())
    done = checkout.examine("--rights", str(folder))
    assert done.exit_code == 1
    assert "function-role.json: not what template and policy ask for now; run scripts/warden rights" in done.output
    assert "uploaders-uploads.json: missing; run scripts/warden rights" in done.output
    assert "a gate without uploaders-uploads.json: uploaders could tag their own objects as passed" in done.output


def test_rights_to_a_key_are_compared_too(checkout: Checkout) -> None:
    """Documents that were written for a key fit only where the doctor is told of the same key."""
    folder, key = str(checkout.folder / "rights"), "acs:kms:ap-southeast-1:1234567890123456:key/key-1"
    asked = ["--template", str(checkout.template), "--kms-key", key, "--out", folder]
    assert CliRunner().invoke(rights_command, asked).exit_code == 0
    assert checkout.examine("--rights", folder, "--kms-key", key).exit_code == 0
    done = checkout.examine("--rights", folder)
    assert done.exit_code == 1
    assert "function-role.json: not what template and policy ask for now; run scripts/warden rights" in done.output


def test_rights_of_a_bucket_that_is_not_watched_are_refused(checkout: Checkout) -> None:
    """A mistyped --versioned is an error, not a silence."""
    (checkout.folder / "rights").mkdir()
    done = checkout.examine("--rights", str(checkout.folder / "rights"), "--versioned", "upload")
    assert "error: --versioned upload: not watched; the watched ones: uploads" in done.output


class Account:
    """An account of the local cloud, and a deployment in it."""

    def __init__(self, oss: OssServer, green: GreenServer, checkout: Checkout) -> None:
        self.oss, self.green, self.checkout = oss, green, checkout

    def examine(self, env: dict[str, str] | None = None) -> Result:
        """Run the command with --live."""
        return self.checkout.examine("--live", env=KEYS if env is None else env)

    def upload(self) -> None:
        """Put an image into the watched bucket."""
        session = OssSession()
        auth = oss2.AuthV4(APPLICATION.access_key_id, APPLICATION.access_key_secret)
        bucket = oss2.Bucket(auth, self.oss.endpoint, "uploads", session=session, region=REGION, is_path_style=True)
        bucket.put_object("a.png", PIXEL)
        session.session.close()


@pytest.fixture
def account(checkout: Checkout) -> Iterator[Account]:
    """The local cloud, reached by the endpoints of the template."""
    with (
        OssServer([APPLICATION, SERVICE_ROLE], region=REGION) as oss,
        GreenServer(
            [APPLICATION], fetch=OssFetch(oss.endpoint, REGION, SERVICE_ROLE), eyes=see_no_risk, region=REGION
        ) as green,
    ):
        endpoints = f"OSS_ENDPOINT: {oss.endpoint}\n        GREEN_ENDPOINT: {green.endpoint}"
        checkout.edit(("LOG_LEVEL: INFO", endpoints))
        oss.create_bucket("uploads", versioned=True)
        oss.create_bucket("quarantine")
        oss.create_bucket("ledger")
        yield Account(oss, green, checkout)


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
    assert "error: bucket uploads cannot be listed: HTTP 404 NoSuchBucket" in done.output


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
