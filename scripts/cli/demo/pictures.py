"""Which files the demo uploads, and under which keys."""

import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# The formats of the service, and two that it does not take but browsers show.
SUFFIXES: Final = frozenset(
    ".png .jpg .jpeg .bmp .webp .tif .tiff .svg .heic .heif .gif .ico .avif .jxl".split()  # noqa: SIM905 - readable
)
LARGEST_BYTES: Final = 100_000_000


class NoPictures(Exception):
    """What was given holds nothing to upload; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file, and the key that it is uploaded under: its name, or its path in the folder that was given."""

    file: Path
    key: str


def gather(paths: Iterable[Path]) -> list[Picture]:
    """The pictures that these files and folders mean, each file once, each under a key of its own.

    A file is taken whatever it is called; of a folder and all below it, what is called as images are. Links to folders
    are not followed. Raises NoPictures for a folder without images, for what does not exist, what is neither file
    nor folder, and over 100 MB.
    """
    pictures: dict[Path, Picture] = {}
    taken: set[str] = set()
    for path in paths:
        for file in _walk(path) if path.is_dir() else [path]:
            _check(file)
            if file.resolve() in pictures:
                continue
            name = file.relative_to(path).as_posix() if file != path else path.name
            key = _free_key(name, taken)
            taken.add(key)
            pictures[file.resolve()] = Picture(file, key)
    return list(pictures.values())


def _walk(folder: Path) -> list[Path]:
    files = [Path(at, name) for at, _, names in os.walk(folder) for name in names]
    images = sorted(file for file in files if file.suffix.lower() in SUFFIXES)
    if not images:
        raise NoPictures(f"no images in {str(folder)!r}; images are called {', '.join(sorted(SUFFIXES))}")
    return images


def _check(file: Path) -> None:
    if not file.exists():
        raise NoPictures(f"{str(file)!r} does not exist")
    if not file.is_file():
        raise NoPictures(f"{str(file)!r} is neither a file nor a folder")
    size_bytes = file.stat().st_size
    if size_bytes > LARGEST_BYTES:
        raise NoPictures(f"{str(file)!r} has {size_bytes:,} bytes; the demo takes files up to {LARGEST_BYTES:,}")


def _free_key(name: str, taken: set[str]) -> str:
    """The name as a key, in UTF-8 whatever the file system holds; ` (2)` and so on where another file has it."""
    key = os.fsencode(name).decode("utf-8", "replace")
    stem, suffix = os.path.splitext(key)  # noqa: PTH122 - a key is no path
    numbered = (f"{stem} ({number}){suffix}" for number in itertools.count(2))
    return next(candidate for candidate in itertools.chain([key], numbered) if candidate not in taken)
