"""HTTP of the stand-ins but that for OSS: requests in, bytes out, connections kept alive and closed at will."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from scripts.localcloud.listening import Listener

_LARGEST_REQUEST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. `path`, and `target` with the query, are as they were sent; header names are in lower case."""

    method: str
    target: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. None in its place closes the connection without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Respond = Callable[[Request], Reply | None]
"""A request -> what is answered. Called by many threads at once."""


class ApiServer(Listener):
    """Answers every GET, POST and DELETE with `respond`."""

    def __init__(self, respond: Respond, port: int) -> None:
        super().__init__(port, _Handler)
        self.respond = respond


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet per answer: header and body apart would wait 40 ms for the client's delayed acknowledgement.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    server: ApiServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_REQUEST_BYTES:
            self.send_error(413)
            self.close_connection = True
            return
        url = urlsplit(self.path)
        request = Request(
            method=self.command,
            target=self.path,
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )
        with self.server.answering():
            reply = self.server.respond(request)
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Say nothing: every call is in the stand-in's own record."""
