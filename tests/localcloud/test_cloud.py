"""The local cloud as a whole: an upload by a real client is judged, decided and acted on by the real function."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import alibabacloud_oss_v2 as oss
import oss2
import pytest
import requests
from PIL import Image

from handler.adapters.oss.network import OssSession
from handler.errors import BadPolicy
from scripts.localcloud.cloud import APPLICATION, REGION, LocalCloud, read_outcome
from scripts.localcloud.eyes.script import load_script

IDLE_S = 60
POLICY = """
version: 1
name: small
rules:
  - {name: guns, match: {labels: [violent_gun]}, action: quarantine}
quarantine: {bucket: "${QUARANTINE_BUCKET}", prefix: held/}
"""
VERDICTS = """
v: 1
verdicts:
  - key: "guns/**"
    verdict: {risk: high, findings: [{label: violent_gun, confidence: 91.5, risk: high}]}
"""


def draw() -> bytes:
    """A picture that the service takes."""
    out = io.BytesIO()
    Image.new("RGB", (320, 240), "teal").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A policy that quarantines guns."""
    path = tmp_path / "policy.yml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def cloud(policy: Path, tmp_path: Path) -> Iterator[LocalCloud]:
    """A running local cloud whose service sees guns under guns/."""
    script = tmp_path / "verdicts.yml"
    script.write_text(VERDICTS)
    with LocalCloud(policy=policy, eyes=load_script(script), instances=1) as cloud:
        yield cloud


@pytest.fixture
def uploads(cloud: LocalCloud) -> Iterator[oss2.Bucket]:
    """The application's client of the watched bucket."""
    credentials = oss2.credentials.StaticCredentialsProvider(APPLICATION.access_key_id, APPLICATION.access_key_secret)
    session = OssSession()
    auth = oss2.ProviderAuthV4(credentials)
    yield oss2.Bucket(auth, cloud.oss.endpoint, cloud.bucket, session=session, region=REGION, is_path_style=True)
    session.session.close()


def test_uploads_are_moderated(cloud: LocalCloud, uploads: oss2.Bucket) -> None:
    """A harmless picture stays, one with a gun goes to the quarantine bucket; each has one outcome."""
    uploads.put_object("cats/ä +%.png", draw())
    uploads.put_object("guns/b.png", draw())
    assert cloud.fc.wait_idle(IDLE_S)
    ends = {outcome["upload"]["key"]: outcome["outcome"] for outcome in cloud.outcomes}
    assert {key: end["status"] for key, end in ends.items()} == {"cats/ä +%.png": "passed", "guns/b.png": "quarantined"}
    assert len(cloud.outcomes) == 2
    assert ends["guns/b.png"]["location"].startswith("quarantine/held/uploads/")
    assert (uploads.object_exists("cats/ä +%.png"), uploads.object_exists("guns/b.png")) == (True, False)
    assert cloud.green.billed == 2
    assert cloud.fc.deliveries == 2


def test_only_finished_uploads_to_the_watched_bucket_trigger(cloud: LocalCloud, uploads: oss2.Bucket) -> None:
    """A multipart upload is one invocation, however many parts it has; tags and deletions are none."""
    upload = uploads.init_multipart_upload("big.png")
    part = uploads.upload_part("big.png", upload.upload_id, 1, draw())
    uploads.complete_multipart_upload("big.png", upload.upload_id, [oss2.models.PartInfo(1, part.etag)])
    uploads.delete_object("big.png")
    assert cloud.fc.wait_idle(IDLE_S)
    assert cloud.fc.deliveries == 1


def test_description_is_what_a_client_needs(cloud: LocalCloud) -> None:
    """The ready line names endpoints, keys, region, buckets and the policy, and is JSON."""
    assert json.loads(json.dumps(cloud.describe())) == {
        "oss": {"endpoint": cloud.oss.endpoint, "region": "ap-southeast-1"},
        "green": {"endpoint": cloud.green.endpoint},
        "fc": {"endpoint": cloud.fc_api.endpoint, "function": "bucket-warden"},
        "access_key_id": "LocalApplication",
        "access_key_secret": "local-application-secret",
        "buckets": {"uploads": "uploads", "quarantine": "quarantine"},
        "policy": cloud.loaded.id,
    }


def test_bad_policy_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """A policy with a mistake is no local cloud."""
    path = tmp_path / "policy.yml"
    path.write_text("version: 1\nname: x\nrules: []\nunknown: 1\n")
    with pytest.raises(BadPolicy, match="unknown"):
        LocalCloud(policy=path)


@pytest.mark.parametrize("line", ["text", "[1]", "{", '{"event": "other"}', ""])
def test_other_lines_are_no_outcomes(line: str) -> None:
    """Only the function's own JSON line about an upload is an outcome."""
    assert read_outcome(line) is None


def test_uploads_of_another_sdk_are_moderated(cloud: LocalCloud, uploads: oss2.Bucket) -> None:
    """A client that none of our code uses uploads by header and by presigned URL, and each triggers the function."""
    del uploads
    session = requests.Session()
    config = oss.config.load_default()
    config.region = REGION
    config.endpoint = cloud.oss.endpoint
    config.use_path_style = True
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(
        APPLICATION.access_key_id, APPLICATION.access_key_secret
    )
    config.http_client = oss.transport.RequestsHttpClient(session=session)
    client = oss.Client(config)
    client.put_object(oss.PutObjectRequest(bucket=cloud.bucket, key="guns/header.png", body=draw()))
    presigned = client.presign(
        oss.PutObjectRequest(bucket=cloud.bucket, key="cats/presigned.png"), expires=timedelta(minutes=1)
    )
    session.put(presigned.url, data=draw(), headers=presigned.signed_headers).raise_for_status()
    assert cloud.fc.wait_idle(IDLE_S)
    session.close()
    statuses = {outcome["upload"]["key"]: outcome["outcome"]["status"] for outcome in cloud.outcomes}
    assert statuses == {"guns/header.png": "quarantined", "cats/presigned.png": "passed"}
