"""An account of the local cloud, and a deployment in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import oss2
from click.testing import Result

from handler.adapters.oss.network import OssSession
from scripts.bench.overhead import PIXEL
from scripts.deploy.choices import Choices
from scripts.deploy.deployment import load_deployment
from scripts.deploy.documents import write_documents
from scripts.localcloud.cloud import APPLICATION, REGION
from scripts.localcloud.fc.api import FunctionApi
from scripts.localcloud.green.server import GreenServer
from scripts.localcloud.oss.server import OssServer
from tests.deploy.checkout import Checkout
from tests.deploy.live.deployed_function import deploy

KEYS = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": APPLICATION.access_key_id,
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": APPLICATION.access_key_secret,
    "ALIBABA_CLOUD_SECURITY_TOKEN": "",
}


class Account:
    """An account of the local cloud, and a deployment in it."""

    def __init__(self, oss: OssServer, green: GreenServer, fc: FunctionApi, checkout: Checkout) -> None:
        self.oss, self.green, self.fc, self.checkout = oss, green, fc, checkout

    def deploy(self, *edits: tuple[str, str]) -> None:
        """Edit the template, and deploy it."""
        endpoints = f"OSS_ENDPOINT: {self.oss.endpoint}\n        GREEN_ENDPOINT: {self.green.endpoint}"
        self.checkout.edit(("LOG_LEVEL: INFO", endpoints), *edits)
        self.fc.deployed = deploy(self.checkout.template)

    def examine(self, env: dict[str, str] | None = None) -> Result:
        """Run the command with --live."""
        return self.checkout.examine("--live", env=KEYS if env is None else env)

    def upload(self) -> None:
        """Put an image into the watched bucket."""
        with self.open("uploads") as bucket:
            bucket.put_object("a.png", PIXEL)

    def apply_lifecycles(self) -> None:
        """Apply the documents of `warden rights`."""
        for name, document in write_documents(load_deployment(self.checkout.template, {}), Choices()).items():
            if name.endswith("-lifecycle.xml"):
                with self.open(name.removesuffix("-lifecycle.xml")) as bucket:
                    bucket.put_bucket_lifecycle(document)

    @contextmanager
    def open(self, name: str) -> Iterator[oss2.Bucket]:
        """A bucket, as its owner has it."""
        session = OssSession()
        auth = oss2.AuthV4(APPLICATION.access_key_id, APPLICATION.access_key_secret)
        yield oss2.Bucket(auth, self.oss.endpoint, name, session=session, region=REGION, is_path_style=True)
        session.session.close()
