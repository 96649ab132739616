"""One instance of the function as its parent sees it: a process, a socket for requests, a pipe for its log."""

import base64
import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scripts.localcloud.fc.function import Function
from scripts.localcloud.wire import Identity

INSTANCE = Path(__file__).with_name("instance.py")
CHUNK_BYTES = 65536


class InstanceDied(Exception):
    """The process ended before it answered."""


class InstanceTimedOut(Exception):
    """The process did not answer in time; it was killed, as Function Compute does."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the runtime said: the function's return value, or its description of an exception (`ok` False)."""

    ok: bool
    payload: bytes


class Instance:
    """A running instance. One request at a time; `kill` may come from any thread."""

    def __init__(self, function: Function, identity: Identity, on_log: Callable[[str], None]) -> None:
        """Start the process. Raises OSError if the interpreter cannot be run."""
        self._timeout_s = function.timeout_s
        self._on_log = on_log
        self._unfinished_line = b""
        self._kill_lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - runs the function that the caller deploys
                _command(function, theirs.fileno()),
                env=function.environment(identity),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the parent; and whatever the function starts goes with it
            )
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()
        if self._process.stdout is None:
            raise AssertionError("a process started with stdout=PIPE has one")
        self._log: IO[bytes] = self._process.stdout
        os.set_blocking(self._log.fileno(), False)

    def request(
        self, do: str, *, request_id: str, identity: Identity, retry_count: int | None = None, payload: bytes = b""
    ) -> Reply:
        """Have one request carried out; everything it logged is forwarded before this returns.

        `do` is `initialize` (load the code and run the initializer) or `invoke`. Raises InstanceDied or
        InstanceTimedOut; the process is gone then.
        """
        message = {
            "do": do,
            "request_id": request_id,
            "retry_count": None if retry_count is None else str(retry_count),
            "payload": base64.b64encode(payload).decode(),
            "credentials": {
                "access_key_id": identity.access_key_id,
                "access_key_secret": identity.access_key_secret,
                "security_token": identity.security_token,
            },
        }
        deadline = time.monotonic() + self._timeout_s
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            answer = json.loads(self._receive(deadline))
        except TimeoutError as error:
            self.kill()
            raise InstanceTimedOut(f"no answer within {self._timeout_s} s") from error
        except (ConnectionError, EOFError) as error:
            self.kill()
            raise InstanceDied("the process ended before it answered") from error
        finally:
            self._forward_log()
        return Reply(ok=answer["ok"], payload=base64.b64decode(answer["payload"]))

    @property
    def alive(self) -> bool:
        """Not killed, as far as is known here."""
        return self._process.returncode is None

    def kill(self) -> None:
        """End the process and all that it started, at once; returns when it is gone. Never raises."""
        with self._kill_lock:
            if self._process.returncode is None:  # not yet waited for, so the group's number cannot be another's
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """Kill, forward what is left of the log, and let go of the socket and the pipe."""
        self.kill()
        self._forward_log()
        if self._unfinished_line:
            self._on_log(self._unfinished_line.decode(errors="replace"))
        self._socket.close()
        self._log.close()

    def _receive(self, deadline: float) -> bytes:
        """One line from the socket, while the log is forwarded as it comes. Raises EOFError or TimeoutError."""
        received = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._log, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                left_s = deadline - time.monotonic()
                ready = [key.fileobj for key, _ in selector.select(left_s)] if left_s > 0 else []
                if not ready:
                    raise TimeoutError
                if self._log in ready and not self._forward_log():
                    selector.unregister(self._log)
                if self._socket in ready:
                    chunk = self._socket.recv(CHUNK_BYTES)
                    if not chunk:
                        raise EOFError
                    received += chunk
        return received

    def _forward_log(self) -> bool:
        """Forward what the log holds now, whole lines only; False once it has ended."""
        while True:
            try:
                chunk = os.read(self._log.fileno(), CHUNK_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            *lines, self._unfinished_line = (self._unfinished_line + chunk).split(b"\n")
            for line in lines:
                self._on_log(line.decode(errors="replace"))


def _command(function: Function, socket_number: int) -> list[str]:
    """-I keeps everything but the code directory and site-packages off sys.path, on 3.10 too.

    -B because the real code directory is read-only; -u so that a killed function has logged what it printed.
    """
    facts = {
        "name": function.name,
        "memory_mb": function.memory_mb,
        "timeout_s": function.timeout_s,
        "region": function.region,
        "account_id": function.account_id,
    }
    return [
        function.python,
        *("-I", "-B", "-u", str(INSTANCE)),
        str(socket_number),
        str(function.code_dir),
        function.handler,
        function.initializer or "",
        json.dumps(facts),
    ]
