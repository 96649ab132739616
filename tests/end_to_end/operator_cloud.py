"""The operator's side of these tests: commands that are run as he runs them, and what a restore leaves."""

import json
import os
from typing import Any

import pytest
from click.testing import CliRunner, Result
from moto.s3.models import FakeKey

from scripts.cli.__main__ import warden
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import APP, Record, WardenCloud, picture

REASON = ("--reason", "a statue", "--by", "ann")


@pytest.fixture
def operator(ledgered: Ledgered, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator's environment."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", APP.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", APP.access_key_secret)
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
    monkeypatch.setenv("OSS_ENDPOINT", ledgered.cloud.oss.endpoint)
    monkeypatch.delenv("WATCHED_BUCKETS")
    assert os.environ["LEDGER_BUCKET"] == "ledger"


def run(*arguments: str, code: int = 0) -> Result:
    """Run a command; it has to end with that code."""
    result = CliRunner().invoke(warden, arguments)
    assert result.exit_code == code, result.output
    return result


def quarantine(cloud: WardenCloud, key: str = "a/ä b.png", bucket: str = "uploads", **uploaded: Any) -> str:  # noqa: ANN401
    """Have a picture quarantined; where it is held."""
    document = cloud.moderate(key, picture("NUDE"), bucket=bucket, **uploaded)
    assert document["outcome"]["status"] == "quarantined"
    return str(document["outcome"]["location"])


def releases(cloud: WardenCloud) -> list[Any]:
    """Every release of the ledger, as JSON."""
    keys = [key for key in cloud.keys("ledger") if key.startswith("release/")]
    return [json.loads(cloud.body("ledger", key))["release"] for key in keys]


def event_of_the_copy(cloud: WardenCloud) -> Record:
    """The event of the latest restore into a watched bucket."""
    copies = [record for record in cloud.records if record["eventName"] == "ObjectCreated:CompleteMultipartUpload"]
    return next(r for r in reversed(copies) if r["oss"]["bucket"]["name"] in {"uploads", "versioned"})


def stored(cloud: WardenCloud, bucket: str, key: str) -> FakeKey:
    """The object itself, of which no request can change what is to be changed."""
    found = cloud.oss._store.current(bucket, key)  # noqa: SLF001
    assert found is not None
    return found


def twin_of(body: bytes) -> bytes:
    """Other bytes of the same length, in which the same is seen."""
    return body[:-1] + bytes([body[-1] ^ 1])
