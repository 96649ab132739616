"""The Message Service (SMQ, formerly MNS): one queue, what it is like, and its messages.

Source: the API reference of version 2015-06-06 (GetQueueAttributes, BatchReceiveMessage, BatchDeleteMessage); answers
and errors are XML ("Error codes"). Not tried on a live account.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from handler.credentials import Credentials
from handler.errors import BadSettings
from scripts.services.client import STRANGE, Client, NoAnswer, Refused, find_endpoint
from scripts.services.signature import MNS, Signature

MOST_AT_ONCE = 16
# An empty answer then means more than that one of its servers had none.
WAIT_S = 3
ENDPOINT = "MNS_ENDPOINT"
NAMESPACE = "http://mns.aliyuncs.com/doc/v1/"

_NUMBER = re.compile(r"[0-9]{1,18}")
_ARN = re.compile(r"acs:mns:([a-z0-9-]+):([0-9]+):/queues/([A-Za-z0-9-]+)/messages")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a queue says of itself, in seconds and bytes; None where it does not say.

    `waiting` counts its messages, about: "GetQueueAttributes" says (2026-01) that these counts will be 0 some day.
    """

    retention_s: int | None
    invisible_s: int | None
    largest_bytes: int | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came, with the handle by which it is deleted until it shows up again."""

    body: str
    handle: str


class Queue:
    """One queue. Each question raises Refused and NoAnswer."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._path = f"/queues/{name}"
        self.name = name

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def attributes(self) -> Attributes:
        """Refused with the code QueueNotExist where there is no queue. The right is mns:GetQueueAttributes."""
        found = self._ask("GET", self._path, answered="Queue")
        counts = (_number(found, f"{state}Messages") for state in ("Active", "Inactive", "Delay"))
        return Attributes(
            retention_s=_number(found, "MessageRetentionPeriod"),
            invisible_s=_number(found, "VisibilityTimeout"),
            largest_bytes=_number(found, "MaximumMessageSize"),
            waiting=sum(count or 0 for count in counts),
        )

    def receive(self) -> list[Message]:
        """Some messages, which nobody else sees for the queue's visibility timeout; none where it is empty.

        The right is mns:BatchReceiveMessage.
        """
        path = f"{self._path}/messages?numOfMessages={MOST_AT_ONCE}&waitseconds={WAIT_S}"
        try:
            found = self._ask("GET", path, answered="Messages")
        except Refused as refused:
            if refused.code == "MessageNotExist":
                return []
            raise
        messages = [
            Message(each.findtext("{*}MessageBody", ""), each.findtext("{*}ReceiptHandle", ""))
            for each in found.iterfind("{*}Message")
        ]
        if not messages or not all(message.handle for message in messages):
            raise NoAnswer(f"HTTP 200, but {STRANGE}")
        return messages

    def delete(self, messages: Iterable[Message]) -> None:
        """Delete what was received; Refused where one of them could not be. The right is mns:BatchDeleteMessage."""
        handles = "".join(f"<ReceiptHandle>{escape(message.handle)}</ReceiptHandle>" for message in messages)
        body = f'<?xml version="1.0" encoding="UTF-8"?><ReceiptHandles xmlns="{NAMESPACE}">{handles}</ReceiptHandles>'
        self._ask("DELETE", f"{self._path}/messages", body=body.encode())

    def _ask(self, method: str, path: str, *, body: bytes | None = None, answered: str = "") -> ET.Element:
        answer = self._client.ask(method, path, body)
        if answer.status_code == HTTPStatus.NO_CONTENT and not answered:
            return ET.Element("Done")
        root = _parse(answer.content, answer.status_code)
        if answer.status_code == HTTPStatus.OK and root.tag.rpartition("}")[2] == answered:
            return root
        # Of several deletions each that failed has an error of its own.
        code = root.findtext("{*}Code") or root.findtext("{*}Error/{*}ErrorCode")
        if code is None:
            raise NoAnswer(f"HTTP {answer.status_code}, but {STRANGE}")
        raise Refused(answer.status_code, code, root.findtext("{*}Message", ""))


def open_queue(arn: str, credentials: Credentials, env: Mapping[str, str]) -> Queue:
    """The queue of an ARN, as onFailure names it, at the public address of its region or at MNS_ENDPOINT (a URL).

    Raises BadSettings where either is none.
    """
    found = _ARN.fullmatch(arn)
    if found is None:
        raise BadSettings(f"{arn!r} is no queue; acs:mns:REGION:ACCOUNT:/queues/NAME/messages would be right")
    region, account, name = found.groups()
    endpoint = find_endpoint(env, ENDPOINT, f"https://{account}.mns.{region}.aliyuncs.com")
    return Queue(Client(endpoint, Signature(MNS, credentials)), name)


def _parse(content: bytes, status: int) -> ET.Element:
    """An answer, which is UTF-8 ("Request protocol") and has no entities of its own. Raises NoAnswer."""
    try:
        text = content.decode()
        if "<!DOCTYPE" not in text:  # else entities may grow without end
            return ET.fromstring(text)  # noqa: S314  (see above)
    except (ET.ParseError, ValueError):
        pass
    raise NoAnswer(f"HTTP {status}, but {STRANGE}")


def _number(root: ET.Element, name: str) -> int | None:
    text = root.findtext(f"{{*}}{name}", "")
    return int(text) if _NUMBER.fullmatch(text) else None
