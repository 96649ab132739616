"""The process that plays one instance of Function Compute's python3.10 runtime.

Started by path, isolated (`python -I`), and importing nothing of this project: what it runs must stand alone. One JSON
line a request comes in over the socket whose number is argv[1], one goes back. Standard output and error stay the
function's own, they are its log.

Requests are `{"do": "initialize" | "invoke", "request_id", "retry_count", "payload" (base64), "credentials"}`; answers
`{"ok": bool, "payload" (base64)}`. argv: socket, code directory, handler, initializer (may be empty), and the
function's own facts as JSON: name, memory_mb, timeout_s, region, account_id.
"""

import base64
import importlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

CONTEXT_LOG_FORMAT = "%(asctime)s.%(msecs)03dZ %(request_id)s [%(levelname)s] %(message)s"


class LogDecorator(logging.Handler):
    """Puts the time, the request id and the level before each line, as the runtime's root handler does."""

    request_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one decorated line."""
        record.request_id = self.request_id
        print(self.format(record))  # noqa: T201 - standard output is the function's log


def load(path: str) -> Callable[..., Any]:
    """`handler.index.handler` -> that callable.

    The older runtimes load with `imp`, which takes no package without `__init__.py`: refuse here what fails there.
    Raises ImportError or AttributeError.
    """
    module_path, _, name = path.rpartition(".")
    parent, _, _ = module_path.rpartition(".")
    if parent and importlib.import_module(parent).__file__ is None:
        raise ImportError(f"{parent!r} has no __init__.py: Function Compute would not load {path!r}")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module_path), name)
    return loaded


def describe(error: BaseException) -> bytes:
    """What the runtime answers for an exception: message, type and the stack, without the frames of this file."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    stack = [[f'File "{f.filename}"', f"line {f.lineno}", f"in {f.name}", f.line] for f in frames]
    answer = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": stack}
    return json.dumps(answer).encode()


def encode(value: object) -> bytes:
    """A str or bytes as it is, anything else as JSON. Raises TypeError for what JSON cannot hold."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


class Runtime:
    """Loads the function once and carries out requests one at a time."""

    def __init__(self, handler: str, initializer: str, function: dict[str, Any]) -> None:
        self._handler_path, self._initializer_path = handler, initializer
        self._function = function
        self._handler: Callable[..., Any] | None = None
        self._decorator = LogDecorator()
        self._decorator.setFormatter(logging.Formatter(CONTEXT_LOG_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S"))
        logging.getLogger().handlers = [self._decorator]
        logging.getLogger().setLevel(logging.INFO)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request; an exception of the function becomes the runtime's own description of it."""
        self._decorator.request_id = request["request_id"]
        try:
            payload = self._carry_out(request)
        except Exception as error:  # noqa: BLE001 - whatever the function raises fails this invocation only
            traceback.print_exception(type(error), error, error.__traceback__)
            return {"ok": False, "payload": base64.b64encode(describe(error)).decode()}
        return {"ok": True, "payload": base64.b64encode(payload).decode()}

    def _carry_out(self, request: dict[str, Any]) -> bytes:
        context = self._context(request)
        if request["do"] == "initialize":
            self._handler = load(self._handler_path)
            if self._initializer_path:
                load(self._initializer_path)(context)
            return b""
        if self._handler is None:
            raise RuntimeError("invoked before it was initialized")
        return encode(self._handler(base64.b64decode(request["payload"]), context))

    def _context(self, request: dict[str, Any]) -> SimpleNamespace:
        function = self._function
        return SimpleNamespace(
            request_id=request["request_id"],
            credentials=SimpleNamespace(**request["credentials"]),
            function=SimpleNamespace(
                name=function["name"],
                handler=self._handler_path,
                memory=function["memory_mb"],
                timeout=function["timeout_s"],
            ),
            service=SimpleNamespace(name="", log_project="", log_store="", qualifier="LATEST", version_id=""),
            region=function["region"],
            account_id=function["account_id"],
            retry_count=request["retry_count"],
            logger=logging.getLogger(),
        )


def main() -> None:
    """Serve until the other end closes the socket, which it also does by dying."""
    number, code_dir, handler, initializer, function = sys.argv[1:]
    os.set_inheritable(int(number), False)  # noqa: FBT003 - its only parameter; a child of the function must not hold it
    os.chdir(code_dir)
    sys.path.insert(0, code_dir)
    runtime = Runtime(handler, initializer, json.loads(function))
    with os.fdopen(int(number), "rb") as requests, os.fdopen(os.dup(int(number)), "wb") as answers:
        for line in requests:
            answer = runtime.answer(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.flush()


if __name__ == "__main__":
    main()
