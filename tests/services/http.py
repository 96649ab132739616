"""What the stand-ins of the services share: their answers, and the check of a signature."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scripts.localcloud.http import ApiServer, Reply, Request
from scripts.localcloud.wire import Identity


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    location: str = ""

    def as_reply(self) -> Reply:
        """As the stand-ins' server has it."""
        return Reply(self.status, {"Location": self.location} if self.location else {}, self.body)


# Endpoints at which nobody answers, and what is said of it.
NOBODY_THERE = (
    ("http://127.0.0.1:9", "no answer (no connection; nothing listens there, or no network)"),
    ("https://nowhere.invalid", "the name of its host can't be resolved"),
)
Respond = Callable[[Request], Answer]


@contextmanager
def serving(respond: Respond) -> Iterator[int]:
    """A server of `respond` on this machine; its port."""
    server = ApiServer(lambda request: respond(request).as_reply(), 0)
    server.start()
    yield server.port
    server.stop()


def is_signed(request: Request, identity: Identity, word: str, prefixes: tuple[str, ...], token: str) -> bool:
    """Whether the signature is the identity's, as the vendor's pages on signatures put it together."""
    given = request.headers
    if given.get(token) != identity.security_token:
        return False
    text = f"{request.method}\n{given.get('content-md5', '')}\n{given.get('content-type', '')}\n{given['date']}\n"
    for name in sorted(given):
        if name.startswith(prefixes):
            text += f"{name}:{given[name]}\n"
    path, mark, query = request.target.partition("?")
    text += path + mark + "&".join(sorted(query.split("&")))
    digest = hmac.new(identity.access_key_secret.encode(), text.encode(), hashlib.sha1).digest()
    return given["authorization"] == f"{word} {identity.access_key_id}:{base64.b64encode(digest).decode()}"
