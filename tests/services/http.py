"""What the stand-ins of the services share: a listening server, and the check of a signature."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from scripts.localcloud.listening import Listener
from scripts.localcloud.wire import Identity


@dataclass(frozen=True)
class Request:
    """What arrived. `target` is path and query as they were sent; header names are lower-case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    location: str = ""


Respond = Callable[[Request], Answer]


class _Server(Listener):
    respond: Respond


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer: head and body apart would wait for the client's delayed acknowledgement.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Any request."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        answer = self.server.respond(Request(self.command, self.path, headers, body))
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        if answer.location:
            self.send_header("Location", answer.location)
        self.end_headers()
        self.wfile.write(answer.body)

    do_DELETE = do_GET  # noqa: N815  (the name that http.server looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@contextmanager
def serving(respond: Respond) -> Iterator[int]:
    """A server of `respond` on this machine; its port."""
    server = _Server(0, _Handler)
    server.respond = respond
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
