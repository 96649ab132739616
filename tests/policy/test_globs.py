"""Patterns for keys and labels."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handler.policy.globs import compile_key, compile_label, some_text

LAW = settings(deadline=None)  # a busy machine breaks no law
TEXT = st.text(alphabet="ab/.\n*[", max_size=8)
PATTERN = st.text(alphabet="ab/*.[", max_size=6)


def oracle(pattern: str) -> re.Pattern[str]:
    """Say the same with a regular expression: slow on bad days, and obviously right."""
    parts = re.split(r"(\*+)", pattern)
    stars = {"": "", "*": "[^/]*"}
    return re.compile("".join(stars.get(p, ".*") if p.strip("*") == "" else re.escape(p) for p in parts), re.DOTALL)


@pytest.mark.parametrize(
    ("pattern", "key", "fits"),
    [
        ("**", "", True),
        ("**", "a/../b\n//.c", True),
        ("a/**", "a", False),
        ("a/**", "a/", True),
        ("a/**", "a/b/c", True),
        ("**/x", "x", False),
        ("**/x", "/x", True),
        ("**/x", "a/b/x", True),
        ("*.jpg", "a.jpg", True),
        ("*.jpg", ".jpg", True),
        ("*.jpg", "a/b.jpg", False),
        ("**.jpg", "a/b.jpg", True),
        ("a/*/c", "a//c", True),
        ("a/*/c", "a/b/b/c", False),
        ("a/**/c", "a/c", False),
        ("a/**/c", "a//c", True),
        ("***", "a/b", True),
        ("[a].{b,c}?", "[a].{b,c}?", True),
        ("[a]", "a", False),
        ("?", "a", False),
        ("A", "a", False),
        ("a", "a\n", False),
        ("..", "..", True),
        (".", "a", False),
        ("caf\u00e9/*\U0001f600", "caf\u00e9/x\U0001f600", True),
        ("a*a*a", "aa", False),
        ("a*a*a", "aaa", True),
    ],
)
def test_key_globs_by_example(pattern: str, key: str, *, fits: bool) -> None:
    """Only `*` and `**` are special, either may be empty, and all else is an ordinary character."""
    assert compile_key(pattern).matches(key) is fits


@LAW
@given(st.text())
@example("\n")
@example("/")
def test_two_stars_match_every_key(key: str) -> None:
    """The law of `**`."""
    assert compile_key("**").matches(key)


@LAW
@given(st.text(min_size=1).filter(lambda text: "*" not in text))
def test_a_pattern_without_stars_matches_itself_only(key: str) -> None:
    """No character but the star is special."""
    glob = compile_key(key)
    assert glob.matches(key)
    assert not glob.matches(key + "x")
    assert not glob.matches(key[1:])


@LAW
@given(PATTERN, TEXT)
def test_key_globs_agree_with_regular_expressions(pattern: str, key: str) -> None:
    """For every pattern and key, the answer is that of the plain definition."""
    assert compile_key(pattern).matches(key) is (oracle(pattern).fullmatch(key) is not None)


@LAW
@given(PATTERN, TEXT)
def test_in_labels_every_star_passes_slashes(pattern: str, label: str) -> None:
    """A label has no folders: one star is as good as two."""
    expected = oracle(pattern.replace("*", "**")).fullmatch(label) is not None
    assert compile_label(pattern).matches(label) is expected


def test_hostile_keys_cost_no_more_than_their_length() -> None:
    """One step for each character, whatever the pattern: the pattern on which backtracking never ends."""
    glob = compile_key("*a" * 200 + "b")
    assert not glob.matches("a" * 1023)
    assert not compile_key("**a" * 200 + "b").matches("a" * 1023)


@LAW
@given(PATTERN, PATTERN, PATTERN, TEXT)
def test_some_text_never_denies_a_text_that_there_is(first: str, second: str, not_this: str, text: str) -> None:
    """Where a text fits two patterns and not a third, the search says that there is one."""
    one, other, no = compile_key(first), compile_key(second), compile_key(not_this)
    if one.matches(text) and other.matches(text) and not no.matches(text):
        assert some_text((one, other), (no,))


@pytest.mark.parametrize(
    ("every", "none", "there_is"),
    [
        (["a/**", "**.jpg"], [], True),
        (["a/**", "b/**"], [], False),
        (["a/*", "a/*/*"], [], False),
        (["a/**"], ["**"], False),
        (["a/**"], ["a/*"], True),
        (["a/*"], ["a/**"], False),
        (["**"], ["*", "*/**"], False),
        (["**"], ["*.jpg"], True),
        ([], [], True),
    ],
)
def test_some_text_by_example(every: list[str], none: list[str], *, there_is: bool) -> None:
    """Patterns that overlap, that exclude each other, and that leave nothing."""
    assert some_text([compile_key(p) for p in every], [compile_key(p) for p in none]) is there_is


def test_a_search_that_grows_too_large_answers_perhaps() -> None:
    """Beyond the limit the answer is the careful one; what is plain is known within it."""
    pattern = compile_key("**a" + "?*" * 20)
    assert some_text((pattern, compile_key("x")), steps=100) is False
    assert some_text((pattern,), (compile_key("**"),), steps=100) is False
    assert some_text((pattern,), (pattern,), steps=100) is True
    assert some_text((pattern,), (pattern,)) is False


def test_a_search_ends_however_many_patterns_there_are() -> None:
    """A hundred patterns that share nothing: the sets of positions multiply, and nobody waits for all of them."""
    words = [compile_key(f"**{chr(0x4E00 + number)}*b{number}") for number in range(100)]
    assert some_text((compile_key("**"),), words)
    assert some_text((compile_key("**z"),), (*words, compile_key("**z*"), compile_key("z/*")), steps=20_000)
