"""Key patterns as other tools have them: what is suggested is right, and what is right is let alone."""

import ast
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from handler.policy.mending import mend

LAW = settings(deadline=None)  # a busy machine breaks no law
BUCKETS = ("uploads",)
SUGGESTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")

FOLDERS = st.sampled_from(["avatars", "posts/2024", "users/*", "头像", "my photos", "a.b", "C++", "50%", "v1.2"])
FILES = st.sampled_from(["**", "*", "*.jpg", "**.png", "ann.jpg", "photo (1).jpg", "img_*", "Smith, John.jpg"])
RIGHT = st.builds("{}/{}".format, FOLDERS, FILES) | st.sampled_from(["**", "**.svg", "**/logo.png", "logo.*"])
FRONTS = st.sampled_from(
    [
        "/",
        "./",
        "../",
        "~/",
        "C:/",
        "oss://uploads/",
        "https://example.com/",
        "uploads/",
        "glob:",
        "'",
        '"',
        " ",
        "\u200b",
    ]
)
SLIPS = ["/", "/*", "/**", "*", "**", "/**/*", ".jpg", "?", "[a-z]", "[0-9]+", "{a,b}", "(a|b)", "{id}", "<id>", "%"]
SLIPS += [
    ".*",
    ".+",
    "$",
    "^",
    "\\",
    ", ",
    ";",
    "|",
    "...",
    "..",
    "%20",
    " ",
    "!",
    "avatars",
    "img_",
    "2024",
    "头像",
    "\uff0a",
    "\uff0f",
]


def suggested(pattern: str) -> list[str]:
    """The patterns that are suggested in its place."""
    mended = mend(pattern, BUCKETS)
    return [] if mended is None else [ast.literal_eval(found) for found in SUGGESTED.findall(mended[1])]


@LAW
@given(RIGHT)
def test_a_pattern_of_ours_is_let_alone(pattern: str) -> None:
    """Folders and files with stars, in any language and with any sign in their names."""
    assert mend(pattern, BUCKETS) is None


@LAW
@given(FRONTS, RIGHT)
def test_what_stands_in_front_elsewhere_is_taken_off_and_nothing_else(front: str, pattern: str) -> None:
    """The rest is suggested as it is, and fits what was meant."""
    assert suggested(front + pattern) == [pattern]


@LAW
@given(st.lists(st.sampled_from(SLIPS), min_size=1, max_size=4).map("".join))
def test_what_is_suggested_is_not_doubted_in_its_turn(pattern: str) -> None:
    """Whoever follows the advice is done, however many slips there were."""
    for right in suggested(pattern):
        assert mend(right, BUCKETS) is None
