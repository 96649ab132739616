"""Which files the demo takes, and the keys that they get."""

import os
from pathlib import Path

import pytest

from scripts.cli.demo.pictures import LARGEST_BYTES, NoPictures, gather


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with images, in it and below, and with other things."""
    for name in ("b.PNG", "a.jpg", "notes.txt", "sub/a.jpg", "sub/c d.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_folder_gives_its_images_in_order(folder: Path) -> None:
    """Images are taken by their suffix, also below; their keys are their paths in the folder."""
    assert [picture.key for picture in gather([folder])] == ["a.jpg", "b.PNG", "sub/a.jpg", "sub/c d.heic"]


def test_files_of_one_name_get_keys_of_their_own(folder: Path) -> None:
    """The second file of a name is numbered; nothing overwrites anything."""
    pictures = gather([folder / "a.jpg", folder / "sub" / "a.jpg"])
    assert [picture.key for picture in pictures] == ["a.jpg", "a (2).jpg"]


def test_file_is_taken_once(folder: Path) -> None:
    """A file that is given twice, or with its folder too, is uploaded once."""
    assert len(gather([folder / "a.jpg", folder, folder / "sub" / ".." / "a.jpg"])) == 4


def test_file_is_taken_whatever_it_is_called(folder: Path) -> None:
    """What is named itself is meant."""
    assert [picture.key for picture in gather([folder / "notes.txt"])] == ["notes.txt"]


def test_odd_names_become_keys(tmp_path: Path) -> None:
    """Brackets, spaces and line breaks stay; bytes that are no UTF-8 are replaced, for a key has to be."""
    for name in (b"[bold]x.jpg", b"a\nb.jpg", b"bad\xff.jpg"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    assert [picture.key for picture in gather([tmp_path])] == ["[bold]x.jpg", "a\nb.jpg", "bad\ufffd.jpg"]


def test_loop_of_links_ends(folder: Path) -> None:
    """A link to a folder is not followed."""
    (folder / "loop").symlink_to(folder)
    assert len(gather([folder])) == 4


def write_large(path: Path) -> None:
    """A file over the demo's limit, without its bytes."""
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.mkdir(), "no images in '.*here'; images are called .*[.]png"),
        (lambda _path: None, "'.*here' does not exist"),
        (os.mkfifo, "'.*here' is neither a file nor a folder"),
        (write_large, "takes files up to 100,"),
        (lambda path: path.symlink_to("gone"), "'.*here' does not exist"),
    ],
    ids=["empty folder", "missing", "pipe", "too large", "broken link"],
)
def test_nothing_to_upload_is_said(tmp_path: Path, make: object, message: str) -> None:
    """Each kind of nothing has its line."""
    assert callable(make)
    make(tmp_path / "here")
    with pytest.raises(NoPictures, match=message):
        gather([tmp_path / "here"])
