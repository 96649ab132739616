"""The journal of what was sent."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.operations.journal import NoJournal, open_journal, read_journal


def test_what_is_noted_is_read_again(tmp_path: Path) -> None:
    """By whoever opens it next, and by whoever only looks."""
    path = tmp_path / "j"
    with open_journal(path) as journal:
        journal.note("a")
        journal.note("b")
    with open_journal(path) as journal:
        assert journal.sent == {"a", "b"}
        journal.note("c")
    assert read_journal(path).sent == {"a", "b", "c"}


def test_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    """No file is made, and none is changed."""
    path = tmp_path / "j"
    read_journal(path).note("a")
    assert not path.exists()


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """The second is told; once the first has ended, it may."""
    path = tmp_path / "j"
    with open_journal(path), pytest.raises(NoJournal, match="another redrive is at work"), open_journal(path):
        pass
    with open_journal(path):
        pass


def test_half_a_line_spoils_no_other(tmp_path: Path) -> None:
    """A run that was killed in the middle of a note."""
    path = tmp_path / "j"
    path.write_text("aaaa\nbb")
    with open_journal(path) as journal:
        journal.note("cccc")
    with open_journal(path) as journal:
        assert {"aaaa", "cccc"} <= journal.sent


def test_a_journal_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With its path, before anything is sent."""
    with (
        pytest.raises(NoJournal, match="missing/j: the journal of what was sent can't be kept"),
        open_journal(tmp_path / "missing" / "j"),
    ):
        pass
    with pytest.raises(NoJournal, match="can't be kept"):
        read_journal(tmp_path)


@contextmanager
def full_disk(size_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond that; a write fails as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_fills_up_is_told(tmp_path: Path) -> None:
    """In our words, though the file has to be closed then; what was noted before stays."""
    path = tmp_path / "j"
    with full_disk(70), open_journal(path) as journal:
        journal.note("a" * 64)
        with pytest.raises(NoJournal, match="can't be kept"):
            journal.note("b" * 64)
    with open_journal(path) as journal:
        assert "a" * 64 in journal.sent


@given(
    content=st.one_of(
        st.binary(min_size=1).filter(lambda content: content.strip(b"0123456789abcdef \t\r\n\x0b\x0c")),
        st.just(b'{"requestContext": {}}\n'),
        st.just(b"a" * 65),
    )
)
def test_another_file_is_no_journal_and_stays_as_it_is(content: bytes) -> None:
    """The letters themselves, or anything else that a slip of the pen names."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "j"
        path.write_bytes(content)
        with pytest.raises(NoJournal, match="is no line of a journal"):
            read_journal(path)
        with pytest.raises(NoJournal, match="is no line of a journal"), open_journal(path):
            pass
        assert path.read_bytes() == content
