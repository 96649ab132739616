"""What `doctor --live` may not look at, or gets no answer to, is told: silence would pass for health."""

from dataclasses import replace

import pytest

from scripts.deploy.choices import Choices
from scripts.deploy.deployment import load_deployment
from scripts.deploy.people import deployer_document
from scripts.localcloud.cloud import APPLICATION
from scripts.localcloud.wire import Bystander, Fault, WireCall
from tests.deploy.live.storages import SILENT, Storage


def rights_to_look(storage: Storage) -> frozenset[tuple[str, str]]:
    """What deployer.json allows, as the stand-in holds it."""
    document = deployer_document(load_deployment(storage.checkout.template, {}), Choices())
    return frozenset(
        (action, where.split(":", 4)[-1] if where.startswith("acs:oss:") else where)
        for statement in document["Statement"]
        for action in statement["Action"]
        for where in statement["Resource"]
    )


LOOKS = [
    ("oss:GetBucketInfo", "uploads", "bucket uploads: it"),
    ("oss:GetBucketInfo", "quarantine", "bucket quarantine: it"),
    ("oss:GetBucketInfo", "ledger", "ledger bucket ledger: it"),
    ("oss:GetBucketVersioning", "ledger", "ledger bucket ledger: its versioning"),
    *(
        (action, name, f"{label}: its {what}")
        for name, label in (
            ("uploads", "bucket uploads"),
            ("quarantine", "bucket quarantine"),
            ("ledger", "ledger bucket ledger"),
        )
        for action, what in (
            ("oss:GetBucketEncryption", "encryption"),
            ("oss:GetBucketWorm", "retention policy"),
            ("oss:GetBucketReplication", "replication"),
        )
    ),
    ("oss:GetBucketLifecycle", "quarantine", "bucket quarantine: its lifecycle"),
    ("oss:GetBucketLifecycle", "ledger", "ledger bucket ledger: its lifecycle"),
    ("oss:GetBucketPublicAccessBlock", "uploads", "bucket uploads: its Block Public Access"),
    ("oss:GetPublicAccessBlock", "*", "the account: its Block Public Access"),
]


def test_the_deployers_rights_are_enough_to_look(storage: Storage) -> None:
    """With exactly what deployer.json allows nothing is left unseen; a gate is looked at too."""
    storage.write_rights("--gate")
    storage.oss.add_identity(replace(APPLICATION, rights=rights_to_look(storage)))
    assert (storage.look().exit_code, storage.look().output) == SILENT


@pytest.mark.exhaustive
@pytest.mark.parametrize(("action", "resource", "what"), LOOKS)
def test_what_could_not_be_looked_at_is_told(storage: Storage, action: str, resource: str, what: str) -> None:
    """With one right fewer there is one warning, which names the right; it is no error, and no silence."""
    storage.write_rights("--gate")
    allowed = rights_to_look(storage)
    assert (action, resource) in allowed
    storage.oss.add_identity(replace(APPLICATION, rights=allowed - {(action, resource)}))
    done = storage.look()
    (line,) = done.output.splitlines()[:-1]
    assert line.startswith(f"warning: {what} could not be looked at (HTTP 403 AccessDenied (request ")
    assert f"it takes the right {action}" in line
    assert done.exit_code == 0


def test_a_service_that_could_not_be_asked_is_told(storage: Storage) -> None:
    """Without the right to list there is no image to ask about; nothing is paid."""
    storage.oss.add_identity(replace(APPLICATION, rights=rights_to_look(storage) - {("oss:ListObjects", "uploads")}))
    done = storage.look()
    (line,) = done.output.splitlines()[:-1]
    assert line.startswith("warning: bucket uploads cannot be listed, so that the service was not asked (HTTP 403")
    assert line.endswith("it takes the right oss:ListObjects")
    assert storage.green.billed == 0


class Garbler(Bystander):
    """Answers one operation with something else than XML of OSS."""

    def __init__(self, operation: str) -> None:
        self.operation = operation

    def before(self, call: WireCall) -> Fault | None:
        """Spoil it."""
        return Fault(garbage=True) if call.operation == self.operation else None


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "operation",
    [
        "GetBucketInfo",
        "GetBucketVersioning",
        "GetBucketEncryption",
        "GetBucketWorm",
        "GetBucketReplication",
        "GetBucketLifecycle",
        "GetBucketPublicAccessBlock",
        "GetPublicAccessBlock",
    ],
)
def test_an_answer_that_is_none_is_told(storage: Storage, operation: str) -> None:
    """Whatever stands between may answer in OSS's place: a warning, not a traceback."""
    storage.write_rights("--gate")
    storage.oss.observer = Garbler(operation)
    done = storage.look()
    assert done.exit_code == 0
    assert "could not be looked at (OSS's answer can't be read)" in done.output
