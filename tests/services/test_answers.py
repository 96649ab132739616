"""Answers of anybody: whatever arrives, a question ends in an answer or in one of two errors that say what it was."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handler.credentials import Credentials
from scripts.localcloud.http import Request
from scripts.services.client import Client, NoAnswer, Refused
from scripts.services.log_service import LogService
from scripts.services.message_service import Queue
from scripts.services.signature import LOG, MNS, Signature
from tests.services.http import Answer, serving

LAW = settings(deadline=None)  # a busy machine breaks no law
KEYS = Credentials("LTAIx", "secret")
NESTED = b'{"dashboard":' + b"[" * 50_000
Ask = Callable[[Answer], list[bool]]

# Half of a document, with some of it replaced: nearer to the protocol than any bytes.
XML = [b"<Queue", b"<Messages>", b"<Message>", b"</Message>", b"<Error><Code>", b"</Code></Error>", b"</Queue>", b">"]
JSON = [b'{"ttl":', b'{"errorCode":', b'"results":[', b"{}", b"]", b"}", b'"', b",", b"9" * 5000, b"null", b"1e400"]
CODES = [b'<?xml version="1.0" encoding="big5"?>', b'<?xml version="1.0" encoding="foo"?>', b"\xff", b"\x00"]
fragments = st.sampled_from([*XML, *JSON, *CODES])
contents = st.lists(fragments | st.binary(max_size=4), max_size=6).map(b"".join)
statuses = st.sampled_from([200, 204, 302, 400, 401, 403, 404, 500, 503])


def is_answered(question: Callable[[], object]) -> bool:
    """Whether it has an answer; else it ends as the module says."""
    try:
        question()
    except (Refused, NoAnswer):
        return False
    return True


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Ask both services everything, with that answer to each; which of it was one."""
    current = [Answer(200)]

    def respond(_: Request) -> Answer:
        return current[0]

    with serving(respond) as port:
        endpoint = f"http://127.0.0.1:{port}"
        clients = Client(endpoint, Signature(LOG, KEYS)), Client(endpoint, Signature(MNS, KEYS))
        logs, queue = LogService(clients[0]), Queue(clients[1], "q")
        questions: list[Callable[[], object]] = [
            lambda: logs.logstore("a"),
            lambda: logs.index("a"),
            lambda: logs.alerts("a"),
            lambda: logs.require_dashboard("a"),
            queue.attributes,
            queue.receive,
            lambda: queue.delete([]),
        ]

        def ask_all(answer: Answer) -> list[bool]:
            current[0] = answer
            return [is_answered(question) for question in questions]

        yield ask_all
        for client in clients:
            client.close()


@LAW
@given(status=statuses, content=contents)
@example(status=200, content=NESTED)
@example(status=200, content=b'{"ttl":1,"mode":"\xff"}')
@example(status=200, content=b"<Queue><ActiveMessages>" + b"9" * 5000 + b"</ActiveMessages></Queue>")
@example(status=200, content='<!DOCTYPE a [<!ENTITY b "c">]><Queue>&b;</Queue>'.encode("utf-16"))
@example(status=200, content=b'<?xml version="1.0" encoding="foo"?><Messages/>')
def test_no_answer_is_a_traceback(ask: Ask, status: int, content: bytes) -> None:
    """Broken, of another protocol, of another encoding, or without end; and what is no success is never one."""
    answered = ask(Answer(status, b"" if status == 204 else content))
    assert status < 300 or not any(answered)
