"""What a deployment says of a function, and the environment that Function Compute makes of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.localcloud.wire import Identity

RESERVED_PREFIX = "FC_"
MOST_ENV_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed function. `python` is the interpreter of its instances, `env` the user's own variables.

    Raises ValueError for an environment that Function Compute refuses: over 4 KB in all.
    """

    code_dir: Path
    handler: str
    initializer: str | None
    name: str
    timeout_s: float
    memory_mb: int
    region: str
    account_id: str
    python: str
    env: Mapping[str, str]

    def __post_init__(self) -> None:
        size_bytes = sum(len(name.encode()) + len(value.encode()) for name, value in self.env.items())
        if size_bytes > MOST_ENV_BYTES:
            raise ValueError(f"the environment has {size_bytes} bytes; Function Compute takes {MOST_ENV_BYTES}")

    def environment(self, identity: Identity) -> dict[str, str]:
        """All that an instance finds in its environment; nothing of this machine's own.

        The user's names that begin with FC_ are removed. HOME is not the developer's: the SDKs would read
        configuration there that is not deployed.
        """
        own = {name: value for name, value in self.env.items() if not name.startswith(RESERVED_PREFIX)}
        return own | {
            "PATH": os.defpath,
            "HOME": "/tmp",  # noqa: S108 - what Function Compute leaves writable
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "FC_ACCOUNT_ID": self.account_id,
            "FC_FUNC_CODE_PATH": str(self.code_dir),
            "FC_FUNCTION_HANDLER": self.handler,
            "FC_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "FC_FUNCTION_NAME": self.name,
            "FC_REGION": self.region,
            "ALIBABA_CLOUD_ACCESS_KEY_ID": identity.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": identity.access_key_secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": identity.security_token or "",
        }
