"""What was sent, noted in a file: one digest a line, by one run at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from handler.errors import WardenError


class NoJournal(WardenError):
    """The journal can't be read or written, or another run has it."""


class Journal:
    """The digests of what was sent. `file` is None where nothing is to be noted on the disk."""

    def __init__(self, path: Path, sent: set[str], file: IO[str] | None = None) -> None:
        self.sent = sent
        self._path, self._file = path, file

    def note(self, digest: str) -> None:
        """Note a letter that was sent; on the disk once this returns. Raises NoJournal."""
        self.sent.add(digest)
        if self._file:
            with translated(self._path):
                self._file.write(digest + "\n")
                self._file.flush()
                os.fsync(self._file.fileno())


def read_journal(path: Path) -> Journal:
    """Only read it: what is noted then is not written. Raises NoJournal."""
    with translated(path):
        return Journal(path, set(path.read_text().split()) if path.exists() else set())


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Read it and write on, alone until the end. Raises NoJournal."""
    with translated(path):
        file = path.open("a+")
    with file:
        with translated(path):
            sent = _take(path, file)
        yield Journal(path, sent, file)


def _take(path: Path, file: IO[str]) -> set[str]:
    """Lock the file and read what it has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise NoJournal(f"{path}: another redrive is at work with this journal; wait for it to end") from exc
    file.seek(0)
    text = file.read()
    if text and not text.endswith("\n"):
        file.write("\n")  # a run that was killed left half a line: the next digest must not be glued to it
    return set(text.split())


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Say in our words what the disk does not do."""
    try:
        yield
    except OSError as exc:
        message = f"{path}: the journal of what was sent can't be kept ({exc.strerror}); mend that first"
        raise NoJournal(message) from exc
