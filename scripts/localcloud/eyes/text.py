"""Text in a picture, judged by the patterns of words.py: which labels, and how sure."""

import math
import unicodedata
from collections.abc import Iterable
from typing import Final

from scripts.localcloud.eyes.words import PATTERNS

REPORTED_FROM: Final = 60.0
LONGEST_LINE: Final = 500  # the patterns are linear, and a line of text in a picture is not longer


def judge_lines(lines: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The labels for these lines, each a text with the score (0-1) of its reading; confidences are 60 to 100.

    A pattern says how likely (0-1) its label is where it is found; times the score that is its evidence. Several
    patterns of a label found together add up as independent witnesses do, so that weak words need company.
    """
    plain = [(_plain(text), score) for text, score in lines]
    confidences = {}
    for label, patterns in PATTERNS.items():
        evidence = [
            strength * max((score for text, score in plain if pattern.search(text)), default=0.0)
            for pattern, strength in patterns
        ]
        confidence = 100 * (1 - math.prod(1 - each for each in evidence))
        if confidence >= REPORTED_FROM:
            confidences[label] = confidence
    return confidences


def _plain(text: str) -> str:
    """Wide and styled letters as plain ones, in lower case."""
    return unicodedata.normalize("NFKC", text[:LONGEST_LINE]).casefold()
