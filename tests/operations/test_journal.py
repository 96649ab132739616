"""The journal of what was sent."""

from pathlib import Path

import pytest

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
