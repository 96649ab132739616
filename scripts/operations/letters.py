"""Dead letters, taken out of their queue into a file, from which they are sent again (dead_letters.py).

A letter is deleted from the queue only once it is on the disk. Whatever stops that in between, it comes back after the
queue's visibility timeout and is written a second time: redrive sends one of two that are the same.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.operations.dead_letters import decode
from scripts.services.message_service import Message, Queue

# New ones may come as fast as they are taken: a run ends all the same.
MOST_LETTERS = 100_000


def take_letters(queue: Queue, file: Path) -> Iterator[int]:
    """Move what waits in the queue to the end of the file, one JSON object a line; after each handful, how many.

    Raises Refused, NoAnswer and OSError; what was not deleted by then is still in the queue.
    """
    taken = 0
    while taken < MOST_LETTERS and (messages := queue.receive()):
        _append(file, messages)
        queue.delete(messages)
        taken += len(messages)
        yield len(messages)


def _append(file: Path, messages: Sequence[Message]) -> None:
    """Once this returns, they are on the disk."""
    lines = [as_line(message.body) for message in messages]
    with file.open("a+b") as out:
        # A run that was killed may have left the begin of a line: ours must not be taken for its rest.
        if out.seek(0, os.SEEK_END):
            out.seek(-1, os.SEEK_END)
            lines.insert(0, b"" if out.read(1) == b"\n" else b"\n")
        out.write(b"".join(lines))
        out.flush()
        os.fsync(out.fileno())


def as_line(body: str) -> bytes:
    """The letter of a message's body, which may be wrapped in base64; what is no letter, as it is in `message`.

    That Function Compute writes plain JSON is shown by its pages and said by none; EventBridge's reader of such queues
    takes base64 unless told otherwise.
    """
    letter = decode(body)
    try:
        return json.dumps(letter if _is_letter(letter) else {"message": body}).encode() + b"\n"
    except RecursionError:
        return json.dumps({"message": body}).encode() + b"\n"


def _is_letter(value: object) -> bool:
    return isinstance(value, dict) and "requestContext" in value
