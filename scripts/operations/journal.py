"""What was sent, noted in a file: one digest a line, by one run at a time."""

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from handler.errors import WardenError

# A digest, or as much of one as a run that was killed got to the disk; perhaps with blanks of an editor's around it.
LINE = re.compile(r"\s*[0-9a-f]{0,64}\s*", re.ASCII)


class NoJournal(WardenError):
    """The journal can't be read or written, is none, or another run has it."""


class Journal:
    """The digests of what was sent. `file` is None where nothing is to be noted on the disk."""

    def __init__(self, path: Path, sent: set[str], file: IO[bytes] | None = None) -> None:
        self.sent = sent
        self._path, self._file = path, file

    def note(self, digest: str) -> None:
        """Note a letter that was sent; on the disk once this returns. Raises NoJournal."""
        self.sent.add(digest)
        if self._file:
            with translated(self._path):
                line = f"{digest}\n".encode()
                if self._file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(self._file.fileno())


def read_journal(path: Path) -> Journal:
    """Only read it: what is noted then is not written. Raises NoJournal."""
    with translated(path):
        return Journal(path, _read(path, path.read_bytes()) if path.exists() else set())


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Read it and write on, alone until the end. Raises NoJournal."""
    with translated(path):
        # Without a buffer nothing is left to be written, and to fail once more, when it is closed.
        file = path.open("a+b", buffering=0)
    with file:
        with translated(path):
            sent = _take(path, file)
        yield Journal(path, sent, file)


def _take(path: Path, file: IO[bytes]) -> set[str]:
    """Lock the file and read what it has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise NoJournal(f"{path}: another redrive is at work with this journal; wait for it to end") from exc
    file.seek(0)
    content = file.read()
    sent = _read(path, content)
    if content and not content.endswith(b"\n"):
        file.write(b"\n")  # a run that was killed left half a line: the next digest must not be glued to it
    return sent


def _read(path: Path, content: bytes) -> set[str]:
    """The digests. Another file must not be written to, and what was sent must not be overlooked. Raises NoJournal."""
    lines = content.decode(errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if not LINE.fullmatch(line):
            raise NoJournal(
                f"{path}:{number}: {line[:20]!r} is no line of a journal; name the right one with --journal"
            )
    return {line.strip() for line in lines} - {""}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Say in our words what the disk does not do."""
    try:
        yield
    except OSError as exc:
        message = f"{path}: the journal of what was sent can't be kept ({exc.strerror}); mend that first"
        raise NoJournal(message) from exc
