"""A stand-in for the Message Service: one queue, asked over its REST API by somebody who signs."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from scripts.localcloud.http import Request
from scripts.localcloud.wire import Identity
from tests.services.http import Answer, is_signed, serving

XMLNS = 'xmlns="http://mns.aliyuncs.com/doc/v1/"'


class QueueStandIn:
    """A queue as docs/operations.md would have it; a test changes what it is about.

    A message that was received and not deleted comes again: `reappear` is the end of the visibility timeout.
    """

    def __init__(self, identity: Identity, name: str) -> None:
        self.identity = identity
        self.name: str | None = name
        self.attributes = {
            "MessageRetentionPeriod": 604800,
            "VisibilityTimeout": 30,
            "MaximumMessageSize": 65536,
        }
        self.messages: dict[str, str] = {}
        self.received: dict[str, str] = {}
        self.sent = 0
        self.denied: set[str] = set()
        self.instead: Answer | None = None
        self.asked: list[str] = []
        self.endpoint = ""

    def send(self, *bodies: str) -> None:
        """Put messages into the queue."""
        for body in bodies:
            self.sent += 1
            self.messages[f"{self.sent}-handle&<{self.sent}>"] = body

    def reappear(self) -> None:
        """What was received and not deleted is visible again, under other handles."""
        again, self.received = self.received, {}
        self.send(*again.values())

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        if self.instead is not None:
            return self.instead
        if not is_signed(request, self.identity, "MNS", ("x-mns-",), "security-token"):
            return _refuse(403, "SignatureDoesNotMatch", "The request signature does not match.")
        self.asked.append(f"{request.method} {request.target}")
        path = urlsplit(request.target).path.split("/")
        if path[2] != self.name:
            return _refuse(404, "QueueNotExist", "The queue name you provided is not exist.")
        if len(path) == 3:
            return self._attributes()
        return self._receive(request.target) if request.method == "GET" else self._delete(request.body)

    def _denies(self, action: str) -> Answer | None:
        said = "The OwnerId that your Access Key Id associated to is forbidden for this operation."
        return _refuse(403, "AccessDenied", said) if action in self.denied else None

    def _attributes(self) -> Answer:
        counts = {"ActiveMessages": len(self.messages), "InactiveMessages": len(self.received), "DelayMessages": 0}
        others = dict.fromkeys(("CreateTime", "LastModifyTime", "DelaySeconds", "PollingWaitSeconds"), 0)
        fields = {"QueueName": self.name, **others, "LoggingEnabled": False, **self.attributes, **counts}
        text = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        return self._denies("mns:GetQueueAttributes") or _answer(200, f"<Queue {XMLNS}>{text}</Queue>")

    def _receive(self, target: str) -> Answer:
        if denial := self._denies("mns:BatchReceiveMessage"):
            return denial
        most = int(parse_qs(urlsplit(target).query)["numOfMessages"][0])
        taken = dict(list(self.messages.items())[:most])
        if not taken:
            return _refuse(404, "MessageNotExist", "Message not exist.")
        self.messages = {handle: body for handle, body in self.messages.items() if handle not in taken}
        self.received |= taken
        text = "".join(_message(handle, body) for handle, body in taken.items())
        return _answer(200, f"<Messages {XMLNS}>{text}</Messages>")

    def _delete(self, body: bytes) -> Answer:
        if denial := self._denies("mns:BatchDeleteMessage"):
            return denial
        handles = [each.text or "" for each in ET.fromstring(body).iterfind("{*}ReceiptHandle")]  # noqa: S314
        stale = [handle for handle in handles if self.received.pop(handle, None) is None]
        if not stale:
            return Answer(204)
        error = "<ErrorCode>ReceiptHandleError</ErrorCode><ErrorMessage>not valid</ErrorMessage>"
        text = "".join(f"<Error>{error}<ReceiptHandle>{escape(each)}</ReceiptHandle></Error>" for each in stale)
        return _answer(404, f"<Errors {XMLNS}>{text}</Errors>")


@contextmanager
def queue_stand_in(identity: Identity, name: str) -> Iterator[QueueStandIn]:
    """One that runs."""
    stand_in = QueueStandIn(identity, name)
    with serving(stand_in.respond) as port:
        stand_in.endpoint = f"http://127.0.0.1:{port}"
        yield stand_in


def _message(handle: str, body: str) -> str:
    digest = hashlib.md5(body.encode()).hexdigest().upper()  # noqa: S324  (the protocol's)
    fields = {"MessageId": handle.partition("-")[0], "ReceiptHandle": escape(handle), "MessageBody": escape(body)}
    times = dict.fromkeys(("EnqueueTime", "FirstDequeueTime", "NextVisibleTime"), 1_795_000_000_000)
    fields |= {"MessageBodyMD5": digest, "DequeueCount": "1", "Priority": "8"}
    return f"<Message>{''.join(f'<{name}>{value}</{name}>' for name, value in (fields | times).items())}</Message>"


def _answer(status: int, text: str) -> Answer:
    return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode())


def _refuse(status: int, code: str, message: str) -> Answer:
    said = f"<Code>{code}</Code><Message>{message}</Message><RequestId>5F</RequestId><HostId>http://x</HostId>"
    return _answer(status, f"<Error {XMLNS}>{said}</Error>")
