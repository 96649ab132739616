"""What the SDKs import at once and the function never uses: left out of a cold start, until something does use it.

oss2 brings its encryption in the client, the newer SDKs asynchronous HTTP, WebSockets and more: half of a cold start,
and no option leaves them out. Python's own `importlib.util.LazyLoader` is of no help, because the SDKs import names out
of modules, which it can't put off (PEP 810, "Why not use importlib.util.LazyLoader instead?").
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

# As the SDKs name them, at the pinned versions. The tests find what another version imports otherwise.
NEVER_USED = (
    "aiohttp",  # asynchronous calls
    "websocket",
    "websocket._abnf",
    "Crypto.Cipher",  # encryption in the client
    "Crypto.PublicKey",
    "aliyunsdkcore.client",  # the same, with keys of KMS
    "aliyunsdkkms.request.v20160120",
    "cryptography.hazmat.primitives",  # requests signed by a pair of RSA keys
    "cryptography.hazmat.primitives.asymmetric",
    "cryptography.hazmat.primitives.serialization",
    "apscheduler.schedulers.background",  # credentials renewed by a thread; ours come with the invocation
    "alibabacloud_green20220302.models",  # the typed forms of all its actions; we ask for one, without them
)


class Later(ModuleType):
    """Stands for a module, or for what an SDK took out of one; whoever uses it gets the real one, imported then."""

    is_importing = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever the real module has)
        if name.startswith("__"):  # what Python itself asks a module; this one is no package and has no file
            raise AttributeError(name)
        path = f"{self.__name__}.{name}"
        if Later.is_importing:
            return Later(path)
        self.__dict__[name] = found = resolve_name(path)  # from now on Python finds it without asking here
        return found

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401  (of a class or a function)
        """Make or do what the real one would."""
        return resolve_name(self.__name__)(*arguments, **named)


@contextmanager
def put_off(names: tuple[str, ...] = NEVER_USED) -> Iterator[None]:
    """Within this, each of these modules that is not there yet is not imported but stood for.

    Afterwards `sys.modules` knows nothing of it: whoever else imports one gets the real one. Meanwhile no other thread
    may: it would get the stand-in, and be told that it is no package.
    """
    stand_ins = {name: Later(name) for name in names if name not in sys.modules}
    sys.modules.update(stand_ins)
    was_importing, Later.is_importing = Later.is_importing, True
    try:
        yield
    finally:
        Later.is_importing = was_importing
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:  # or else the real one came meanwhile
                del sys.modules[name]
