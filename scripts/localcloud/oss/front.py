"""The sockets of the OSS stand-in: HTTP/1.1 with keep-alive, one thread a connection, headers as they were sent."""

from collections.abc import Callable
from email.utils import formatdate
from http.client import responses
from http.server import BaseHTTPRequestHandler

from scripts.localcloud.listening import Listener, close_abruptly
from scripts.localcloud.oss.protocol import Answer

# Takes method, target, headers, body and the peer's address; None closes the connection without an answer.
Respond = Callable[[str, str, dict[str, str], bytes, str], Answer | None]


class Front(Listener):
    """Hands every request to `respond`."""

    def __init__(self, port: int, respond: Respond) -> None:
        super().__init__(port, _Handler)
        self.respond = respond


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
        body, peer = self._read_body(headers), self.client_address[0]
        with self.server.answering():
            answer = self.server.respond(self.command, target, headers, body, peer)
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
