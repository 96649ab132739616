"""A listening socket on 127.0.0.1, one thread a connection, that can be stopped in the middle of whatever it does."""

import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from typing_extensions import Self

from scripts.localcloud.wire import Identity

Standing = TypeVar("Standing", bound="StandIn")

_POLL_S = 0.02
# More than the slowest answer: a large picture is drawn apart, with 7 s to do it in.
LONGEST_WAIT_S = 10.0


class Listener(socketserver.ThreadingTCPServer):
    """Takes connections for a handler from construction on, and serves them from `start` on. `port` 0 takes a free one.

    `stop` closes the connections that are open, so that nobody talks on to a server that is gone, and waits for the
    answers under way, LONGEST_WAIT_S at the most: a thread that is still inside a model when Python ends takes the
    process down with it.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    # A burst opens hundreds of connections at once; socketserver's 5 would refuse most of them.
    request_queue_size = 1024

    def __init__(self, port: int, handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._answered = threading.Condition()
        self._under_way = 0
        self._serving: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self.serve_forever, args=(_POLL_S,), name="acceptor", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Begin to serve connections."""
        self._acceptor.start()

    def stop(self) -> None:
        """Stop accepting, close what is open, and wait for what is under way."""
        if self._acceptor.is_alive():
            self.shutdown()
            self._acceptor.join()
        with self._lock:
            for connection in self._connections:
                close_abruptly(connection)
        deadline_s = time.monotonic() + LONGEST_WAIT_S
        for thread in self._serving:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        self.server_close()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request as under way, from its first line to its effect."""
        with self._answered:
            self._under_way += 1
        try:
            yield
        finally:
            with self._answered:
                self._under_way -= 1
                self._answered.notify_all()

    def settle(self) -> None:
        """Wait for the requests under way, LONGEST_WAIT_S at the most: also those whose client has given them up."""
        with self._answered:
            self._answered.wait_for(lambda: self._under_way == 0, LONGEST_WAIT_S)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 -- socketserver's own types
        """Serve a connection in a thread of its own that stop() can wait for."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._lock:
            self._connections.add(request)
            self._serving = [*(one for one in self._serving if one.is_alive()), thread]
            thread.start()

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 -- socketserver's own types
        """Forget a connection that is over."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 -- socketserver's own types
        """Let a client that went away go; anything else is a fault of ours and is shown as socketserver does."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class StandIn:
    """A service on 127.0.0.1, which has its port from construction on; a context manager.

    `_identities`, by their access key ids, may sign requests; the tokens of those in `_expired` are over.
    """

    def __init__(self, listener: Listener, identities: Iterable[Identity]) -> None:
        self._listener = listener
        self._identities = {identity.access_key_id: identity for identity in identities}
        self._expired: frozenset[str] = frozenset()
        self.endpoint = f"http://127.0.0.1:{listener.port}"

    def start(self) -> None:
        """Begin to answer."""
        self._listener.start()

    def stop(self) -> None:
        """Stop for good, and close every connection."""
        self._listener.stop()

    def settle(self) -> None:
        """Wait for the effects of calls that nobody waits for any more."""
        self._listener.settle()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def add_identity(self, identity: Identity) -> None:
        """Let somebody sign requests, in place of whoever had that access key id."""
        self._identities[identity.access_key_id] = identity
        self._expired -= {identity.access_key_id}


def close_abruptly(connection: socket.socket) -> None:
    """Close a connection in the middle of whatever it is doing."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the peer was faster
