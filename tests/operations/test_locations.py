"""Places as they are copied and exported: read back whole, whatever is around and beside them."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.operations.locations import clean, list_locations

PREFIX = "held/"
WORDS = st.text("abc019.-", min_size=1, max_size=12)
PLACES = st.builds(
    lambda bucket, name, end: f"{bucket}/{PREFIX}uploads/{name}-{end}", st.just("quarantine"), WORDS, st.just("5A.jpg")
)
# What uploaders call their files: everything that a table or a line of JSON could stumble over.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ROWS = st.lists(st.tuples(NAMES, PLACES), min_size=1, max_size=8)


def written(rows: list[tuple[str, str]], form: str) -> bytes:
    """The answer of query 9."""
    named = [{"bucket": "uploads", "key": key, "location": place, "logged_at": "2026"} for key, place in rows]
    if form == "list":
        return json.dumps(named, ensure_ascii=False).encode()
    if form == "lines":
        return "\n".join(json.dumps(row, ensure_ascii=False) for row in named).encode()
    if form == "texts":
        return json.dumps([place for _, place in rows], indent=1).encode()
    if form == "column":
        return "\n".join(["location", *(place for _, place in rows)]).encode()
    end = "\r" if form == "table \r" else "\r\n"
    text = io.StringIO(newline="")
    separator = SEPARATORS.get(form, ",")
    table = csv.DictWriter(text, list(named[0]), delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    table.writeheader()
    table.writerows(named)
    body = text.getvalue()
    return (body.replace("location", "Location", 1) if form == "table ;" else body).encode()


# As spreadsheets write them again: with another separator, end of line or capital.
SEPARATORS = {"table ;": ";", "table tab": "\t", "table |": "|"}
FORMS = ["list", "lines", "table", "table \r", *SEPARATORS, "texts", "column"]


@pytest.mark.parametrize("form", FORMS)
@given(rows=ROWS, is_packed=st.booleans())
def test_every_place_of_a_file_is_read(
    tmp_path_factory: pytest.TempPathFactory, form: str, rows: list[tuple[str, str]], *, is_packed: bool
) -> None:
    """Once, in order, whatever the keys beside them are; nothing is told as unread."""
    body = written(rows, form)
    file = tmp_path_factory.mktemp("rows") / "query-9"
    file.write_bytes(gzip.compress(body) if is_packed else body)
    listed = list_locations((), [file], PREFIX)
    places = list(dict.fromkeys(place for _, place in rows))
    assert list(listed.locations) == places
    assert (listed.repeated, listed.is_short) == (len(rows) - len(places), False)


@given(
    place=PLACES,
    quote=st.sampled_from(["", "'", '"', "`", "“", "»", ",", ";"]),
    scheme=st.sampled_from(["", "oss://"]),
    blanks=st.text(" \t\r\n\u200b\u202a\u2069\ufeff\0", max_size=3),
    is_encoded=st.booleans(),
)
def test_what_comes_along_with_a_copied_place_is_left_away(
    *, place: str, quote: str, scheme: str, blanks: str, is_encoded: bool
) -> None:
    """And what is clean stays as it is."""
    bucket, _, key = place.partition("/")
    spelled = f"{bucket}/{key.replace('/', '%2F')}" if is_encoded else place
    assert clean(f"{blanks}{quote}{scheme}{spelled}{quote}{blanks}", PREFIX) == place
    assert clean(place, PREFIX) == place


@pytest.mark.parametrize("place", ["quarantine/held%2F/a.jpg", "quarantine/held/a%2Fb.jpg", "a%2Fheld/b"])
def test_a_percent_sign_of_its_own_stays(place: str) -> None:
    """Only where the prefix is not to be seen otherwise is anything decoded."""
    assert clean(place, "held%2F/" if place.startswith("quarantine/held%") else PREFIX) == place


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("key;status\na;quarantined\n", "without 'location', so of another query than 9"),
        ('{"location": 1}', "without 'location', so of another query than 9"),
        ('["quarantine/held/a", 1]', "not JSON, or cut short"),
        ('["quarantine/held/a", "quaran', "not JSON, or cut short"),
        ("", "{file} is empty"),
    ],
)
def test_what_names_no_place_is_told(tmp_path: Path, text: str, why: str) -> None:
    """Nothing of it is taken for a place."""
    file = tmp_path / "answer"
    file.write_text(text)
    listed = list_locations((), [file], PREFIX)
    assert (listed.locations, listed.is_short) == ((), True)
    assert list(listed.unread) == [why.format(file=file)]


def test_files_that_cannot_be_opened_are_told(tmp_path: Path) -> None:
    """By the system's own error, which names the file."""
    with pytest.raises(OSError, match="nothing"):
        list_locations((), [tmp_path / "nothing"], PREFIX)
