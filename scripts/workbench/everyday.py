"""What people call it who look for a label: everyday words, the labels that they lead to, and what no label means.

The vendor's words are few, and its families are not where one would look. What is missing is told too: whoever looks
for a label that there is not would else take the next best for it. The words themselves are in everyday.yml.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

WORDS = Path(__file__).with_suffix(".yml")
_FILLERS = {"a", "an", "and", "by", "for", "in", "of", "on", "or", "the", "with"}
_FILLERS |= {"picture", "pictures", "photo", "photos", "image", "images", "label"}
_SPLIT = re.compile(r"[^\w-]+")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What words lead to: labels by their names, and what is to be said besides."""

    labels: frozenset[str]
    notes: tuple[str, ...]


def look_up(text: str) -> Meaning:
    """What these everyday words mean, one or several."""
    asked = set(_spellings(text))
    leads = [lead for lead in _read()["leads"] if asked & set(lead["words"].split())]
    notes = [missing["note"] for missing in _read()["missing"] if asked & set(missing["words"].split())]
    return Meaning(frozenset(label for lead in leads for label in lead["labels"]), tuple(notes))


def split(text: str) -> list[str]:
    """The words that carry something."""
    return [word for word in _SPLIT.split(text.lower()) if word and word not in _FILLERS]


def known_words() -> set[str]:
    """Every word that leads somewhere."""
    return {word for part in _read().values() for entry in part for word in entry["words"].split()}


def _spellings(text: str) -> Iterator[str]:
    """The words, each by itself and all of them joined, and their singular."""
    for word in (*split(text), "-".join(split(text))):
        yield word
        yield word.removesuffix("s")
        yield word.removesuffix("es")


@cache
def _read() -> dict[str, list[dict[str, Any]]]:
    read: dict[str, list[dict[str, Any]]] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return read
