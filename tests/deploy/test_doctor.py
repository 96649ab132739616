"""`warden doctor`: what would go wrong once deployed is found before, with how to mend it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts.cli.doctor import command
from scripts.cli.rights import command as rights_command
from scripts.deploy.package import wheels
from scripts.environment.making import ROOT
from tests.deploy.checkout import Checkout
from tests.deploy.template.templates import add_trigger

pytestmark = pytest.mark.usefixtures("python_for_the_build")


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
    "a custom domain without encryption": (
        ("LOG_LEVEL: INFO", "OSS_CUSTOM_DOMAINS: uploads=http://pictures.example.com"),
        "'http://pictures.example.com' is not encrypted; write https://",
    ),
    "a custom domain that answers inside only": (
        ("LOG_LEVEL: INFO", "OSS_CUSTOM_DOMAINS: uploads=https://uploads.oss-ap-southeast-1-internal.aliyuncs.com"),
        "answers only inside Alibaba Cloud's network, and the service reads from outside; name the bucket's own domain",
    ),
    "a custom domain of a bucket that is not watched": (
        ("LOG_LEVEL: INFO", "OSS_CUSTOM_DOMAINS: upload=https://pictures.example.com"),
        "OSS_CUSTOM_DOMAINS: 'upload' is not in WATCHED_BUCKETS",
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


@pytest.mark.parametrize(
    ("region", "warns"), [("cn-hangzhou", True), ("cn-hongkong", False), ("ap-southeast-1", False)]
)
def test_in_mainland_china_links_need_a_domain(checkout: Checkout, region: str, *, warns: bool) -> None:
    """A warning: only the account knows whether it is new. It is silent once a domain is named, be it the default."""
    moved = ("region: ap-southeast-1", f"region: {region}")
    checkout.edit(moved)
    done = checkout.examine()
    assert done.exit_code == 0
    own = f"uploads=https://uploads.oss-{region}.aliyuncs.com"
    assert (
        f'map a domain of your own to \'uploads\' and write "uploads=https://YOUR.DOMAIN", or "{own}"' in done.output
    ) == warns
    checkout.edit(moved, ("LOG_LEVEL: INFO", f"OSS_CUSTOM_DOMAINS: {own}"))
    assert "0 warnings" in checkout.examine().output


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
    assert "function-role.json: not what template, policy and rights.json ask for now; run scripts/" in done.output
    assert "uploaders-uploads.json: missing; run scripts/warden rights" in done.output
    assert "quarantine-lifecycle.xml: nothing asks for it any more" in done.output


def test_rights_are_compared_once_nothing_else_is_wrong(checkout: Checkout) -> None:
    """What a wrong template asks for is not known."""
    (checkout.folder / "rights").mkdir()
    checkout.edit(("memorySize: 256", "memorySize: 1"))
    assert "no documents" not in checkout.examine("--rights", str(checkout.folder / "rights")).output
