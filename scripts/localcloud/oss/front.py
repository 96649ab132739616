"""The sockets of the OSS stand-in: HTTP/1.1 with keep-alive, one thread a connection, headers as they were sent."""

import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.client import responses
from http.server import BaseHTTPRequestHandler
from typing import Any

from scripts.localcloud.oss.protocol import Answer

# Takes method, target, headers, body and the peer's address; None closes the connection without an answer.
Respond = Callable[[str, str, dict[str, str], bytes, str], Answer | None]


class Front(socketserver.ThreadingTCPServer):
    """A listening socket on 127.0.0.1 that hands every request to `respond`."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, respond: Respond) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.respond = respond
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        self._serving: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self.serve_forever, args=(0.05,), name="oss-front", daemon=True)

    def start(self) -> None:
        """Begin to accept connections."""
        self._acceptor.start()

    def stop(self) -> None:
        """Stop accepting, close what is open, and wait until no thread of ours is left."""
        if self._acceptor.is_alive():
            self.shutdown()
            self._acceptor.join()
        with self._connections_lock:
            for connection in self._connections:
                close_abruptly(connection)
        for thread in self._serving:
            thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 -- socketserver's own types
        """Serve a connection in a thread of its own that stop() can wait for."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._connections_lock:
            self._connections.add(request)
            self._serving = [*(one for one in self._serving if one.is_alive()), thread]
            thread.start()

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 -- socketserver's own types
        """Forget a connection that is over."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 -- socketserver's own types
        """Let a client that went away go; anything else is a fault of ours and is shown as socketserver does."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def close_abruptly(connection: socket.socket) -> None:
    """Close a connection in the middle of whatever it is doing."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the peer was faster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Front

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if not self.parse_request():
            return
        # Only these two are white space in HTTP: a UTF-8 value may end in a byte that Python takes for some.
        headers = {name.lower(): value.strip(" \t") for name, value in self.headers.items()}
        # http.server folds a leading `//`, so the target is taken from the line itself.
        target = self.raw_requestline.split()[1].decode("latin-1")
        answer = self.server.respond(self.command, target, headers, self._read_body(headers), self.client_address[0])
        if answer is None:
            self.close_connection = True
            close_abruptly(self.connection)
            return
        self._send(answer)

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self._read_exactly(int(headers.get("content-length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            chunks.append(self._read_exactly(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _read_exactly(self, size: int) -> bytes:
        body = self.rfile.read(size)
        if len(body) < size:
            # Half an upload is none: OSS stores nothing of it.
            raise ConnectionAbortedError(f"{len(body)} of {size} bytes came")
        return body

    def _send(self, answer: Answer) -> None:
        headers = {
            "Server": "AliyunOSS",
            "Date": formatdate(usegmt=True),
            "Connection": "close" if self.close_connection else "keep-alive",
        }
        headers |= answer.headers
        # OSS sends a length with 204 and 304 too; without one oss2 does not give the connection back to its pool.
        headers.setdefault("Content-Length", str(len(answer.body)))
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self.wfile.write(head if self.command == "HEAD" else head + answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's own name
        """Keep quiet: who wants to know what happened gives an Observer."""
