"""The options of the suite, and what makes it fast."""

import os
import signal
import socket
import socketserver
import sys
from typing import Any

import pytest
from hypothesis import settings

# `scripts/test` tries some examples of each law, the same each time; `scripts/test --all`, and pytest by itself, more.
settings.register_profile("quick", max_examples=50, derandomize=True)
settings.register_profile("thorough", max_examples=200)
settings.load_profile("thorough")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`scripts/test --chaos-examples 500 --chaos-seed 7 tests/end_to_end/test_chaos.py` looks longer, and elsewhere."""
    parser.addoption("--chaos-examples", type=int, default=10, help="Histories that the chaos test tries.")
    parser.addoption("--chaos-seed", type=int, default=4, help="The seed that the histories are drawn from.")


def pytest_configure() -> None:
    """Shut the machine's own settings out, and the threads of the stand-ins out of the coverage.

    The stand-ins run nothing of what is covered, and to trace them costs a lot.
    """
    # For clients that are not ours. Proxies stay for pip; where one is needed for packages, it is for nothing else.
    os.environ["NETRC"] = os.devnull
    # A shell that starts the suite in the background has it ignore Ctrl-C, and with it every command that is tried.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1,localhost")))
    serve = socketserver.ThreadingMixIn.process_request_thread

    def serve_untraced(*call: Any) -> None:  # noqa: ANN401  (as the original)
        sys.settrace(None)
        serve(*call)

    socketserver.ThreadingMixIn.process_request_thread = serve_untraced  # type: ignore[assignment,method-assign]


@pytest.fixture
def own_domain(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name of the customer's own, which leads to this machine."""
    name, resolve = "pics.example", socket.getaddrinfo

    def resolve_ours(host: str, *others: Any, **named: Any) -> Any:  # noqa: ANN401  (as socket has it)
        return resolve("127.0.0.1" if host == name else host, *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_ours)
    return name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the deployed package, which only a CPython 3.10 can build."""
    for item in items:
        if "packaged" in getattr(item, "fixturenames", ()):
            item.add_marker("packaged")
