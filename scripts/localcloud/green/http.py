"""HTTP of the moderation stand-in: POST requests in, bytes out, connections kept alive and closed at will."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_LARGEST_REQUEST_BYTES = 1024 * 1024
_POLL_S = 0.02
# More than the slowest look at a picture: what is large is drawn apart, with 7 s to do it in.
LONGEST_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. None in its place closes the connection without one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Respond = Callable[[Mapping[str, str], bytes], Reply | None]
"""Headers with lower-case names, and the body -> what is answered. Called by many threads at once."""


class PostServer:
    """Answers every POST with `respond`, on 127.0.0.1. `port` 0 takes a free one.

    `stop` closes the connections that are open, so that nobody talks on to a server that is gone, and waits for the
    answers under way, LONGEST_WAIT_S at the most: a thread that is still inside a model when Python ends takes the
    process down with it.
    """

    def __init__(self, respond: Respond, port: int) -> None:
        self._server = _Server(respond, port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="moderation-stand-in", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, close what is open, and wait for what is under way."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.hang_up()
        deadline_s = time.monotonic() + LONGEST_WAIT_S
        for thread in self._server.answering:
            thread.join(max(0.0, deadline_s - time.monotonic()))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A burst opens hundreds of connections at once; socketserver's 5 would refuse most of them.
    request_queue_size = 1024

    def __init__(self, respond: Respond, port: int) -> None:
        self.respond = respond
        self.answering: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._is_over = False
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's own types
        """Serve a connection in a thread of its own that can be waited for."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self.answering = [*(one for one in self.answering if one.is_alive()), thread]
        thread.start()

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
            if self._is_over:
                _shut(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def hang_up(self) -> None:
        with self._lock:
            self._is_over = True
            for connection in self._open:
                _shut(connection)


def _shut(connection: socket.socket) -> None:
    # The other side may have gone first.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet per answer: header and body apart would wait 40 ms for the client's delayed acknowledgement.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True
    server: _Server
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        # A client that gave up waiting has closed its end.
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_REQUEST_BYTES:
            self.send_error(413)
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.respond(headers, body)
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
