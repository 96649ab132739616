"""Documents out of any text; the forms of exports are tested by the commands that read them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.logs.entries import NOT_JSON, find_documents, split_objects
from scripts.logs.files import Unread

OBJECTS = st.lists(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), min_size=1), max_size=4)
NOISE = st.sampled_from(["", " ", "\n", ",", "2026-03-01 10:11:12 1-63fc [INFO] "])


@given(OBJECTS, NOISE)
def test_every_object_of_a_text_is_found_once(objects: list[dict[str, int | str]], noise: str) -> None:
    """Law: whatever stands between them, if it is no JSON itself."""
    text = noise.join(["", *map(json.dumps, objects), ""])
    assert list(split_objects(text)) == objects


@given(
    st.integers(16_370, 16_400) | st.integers(262_130, 262_160),
    st.sampled_from(["x", "\u7167", '"', "\\", "\n"]),
    st.sampled_from([True, None, -1.5, float("-inf"), {"a": []}, "end"]),
)
def test_an_object_of_any_length_is_found(length: int, character: str, last: object) -> None:
    """Law: also where it ends, or a word or an escape in it, just where a look at the text ends."""
    document = {"v": character * (length // len(json.dumps(character)[1:-1])), "w": last}
    text = json.dumps(document)
    assert list(split_objects(f"{text}\n{text}")) == [document, document]
    assert list(split_objects(text[:-1])) == [NOT_JSON]


@given(st.text(alphabet='{}[]":,v1_ \n', max_size=80))
def test_any_text_has_an_end(text: str) -> None:
    """Law: nothing raises, and no piece is without an answer."""
    assert list(find_documents(text.encode()))


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", ['{"v": ', '{"v": 1\n"}', '{"v": "', '[{"v": 1, "x"'])
def test_what_is_made_to_be_slow_has_an_end(part: str) -> None:
    """A line in which everything seems to begin anew is read all the same."""
    assert set(split_objects(part * 20_000)) == {NOT_JSON}


@pytest.mark.parametrize("wrapped", [{"message": {"message": {}}}, {"logs": [{"logs": [{"logs": [{"logs": []}]}]}]}])
def test_wrappers_within_wrappers_end(wrapped: dict[str, object]) -> None:
    """Also where somebody nested more of them than anything that is exported has."""
    assert not any(isinstance(document, Unread) for document in find_documents(json.dumps(wrapped).encode()))
