"""Laws of reading: however a log is wrapped, written and packed, its documents are found; what is not is told."""

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from functools import partial, reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.log import EVENT
from scripts.logs.entries import NOT_JSON, NOT_OURS, WRAPPED, find_documents
from scripts.logs.files import BROKEN_ROW, CUT_FILE, LONGEST_LINE, PACKED, Unread, read_pieces
from scripts.logs.streams import find_encoding

Document = dict[str, Any]
Line = Callable[[str], str]
KEYS = st.text(min_size=1, max_size=12) | st.sampled_from(
    ['it\'s "x".png', '{"v": 1}', "a,b;c\td|e", "照片/ä.png", "{}"]
)


def entry(text: object, name: str = "message") -> str:
    """An entry of the log service."""
    return json.dumps({"__time__": "1764000000", "__source__": "", name: text, "functionName": "bucket-warden"})


def quoted(text: str, separator: str = ",") -> str:
    """A row of CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="").writerow(["1764000000", text])
    return buffer.getvalue()


def table(separator: str, lines: list[str]) -> str:
    """CSV with a heading."""
    return "\n".join([f"__time__{separator}Message", *(quoted(text, separator) for text in lines)])


LINES: dict[str, Line] = {
    "as it is": str,
    "after a time": lambda text: f"2026-03-01 10:11:12 1-63fc [INFO] {text}",
    "message": entry,
    "content": lambda text: entry(text, "content"),
    "log": lambda text: json.dumps({"log": text + "\n", "stream": "stdout"}),
    "a string": json.dumps,
    "a string of a string": lambda text: json.dumps(json.dumps(text)),
    "a row without a heading": quoted,
}
FILES: dict[str, Callable[[list[str]], str]] = {
    "lines": "\n".join,
    "carriage returns": "\r\n".join,
    "zeros at the end": lambda lines: "\n".join(lines) + "\n" + "\0" * 4096,
    "a list of strings": json.dumps,
    "a list of strings, indented": lambda lines: json.dumps(lines, indent=1),
    "a list of entries": lambda lines: f"[{','.join(map(entry, lines))}]",
    "an answer": lambda lines: json.dumps({"count": 1, "logs": [{"message": text} for text in lines]}, indent=2),
    "what PullLogs gives": lambda lines: json.dumps(
        {"__tags__": {}, "__logs__": [{"message": text} for text in lines]}
    ),
    **{f"a table with {separator!r}": partial(table, separator) for separator in ",;\t|"},
    "a table of a spreadsheet": lambda lines: "\r\n".join(["sep=,", "__time__,message", *map(quoted, lines)]),
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip of gzip": lambda text: gzip.compress(gzip.compress(text)),
    "gzip in parts": lambda text: gzip.compress(text[:7]) + gzip.compress(text[7:]),
}


def document(key: str) -> Document:
    """A line of ours, as far as reading looks at it; what is empty is written as it is in a real one."""
    return {"v": 1, "upload": {"key": key}, "decision": {"tags": {}, "shadow": []}, "event": EVENT, "level": "info"}


def read(path: Path, content: bytes) -> list[Document | Unread]:
    """Every answer for a file."""
    path.write_bytes(content)
    return [
        answer
        for piece in read_pieces(path)
        for answer in ((piece,) if isinstance(piece, Unread) else find_documents(piece))
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    keys=st.lists(KEYS, min_size=1, max_size=4),
    line=st.sampled_from(list(LINES)),
    form=st.tuples(st.sampled_from(list(FILES)), st.sampled_from(ENCODINGS), st.sampled_from(list(PACKINGS))),
)
def test_every_document_is_found_once(tmp_path: Path, keys: list[str], line: str, form: tuple[str, str, str]) -> None:
    """Law: in any wrapping, in any table, encoding and packing; nothing else comes of it."""
    file, encoding, packing = form
    documents = [document(key) for key in keys]
    text = FILES[file]([LINES[line](json.dumps(each)) for each in documents])
    assert read(tmp_path / "log", PACKINGS[packing](text.encode(encoding))) == documents


def test_a_table_of_fields_is_read(tmp_path: Path) -> None:
    """Where the log service took our line apart, in a column each; a dialect with other quotes too."""
    ours = document('it\'s "x".png')
    fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in ours.items()}
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(fields))
    writer.writeheader()
    writer.writerow(fields)
    assert read(tmp_path / "log", buffer.getvalue().encode()) == [ours]
    escaped = json.dumps(json.dumps(ours))
    assert read(tmp_path / "log", f"__time__,message\n1764000000,{escaped}\n".encode()) == [ours]


LISTS: dict[str, Callable[[list[Document]], str]] = {
    "in one line": json.dumps,
    "indented": partial(json.dumps, indent=2),
    "one a line": lambda documents: "[\n" + ",\n".join(map(json.dumps, documents)) + "\n]\n",
    "of lines": lambda documents: json.dumps([json.dumps(each) for each in documents]),
    "of entries": lambda documents: json.dumps([{"message": json.dumps(each)} for each in documents]),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=3), st.sampled_from(list(LISTS)), st.data())
def test_a_list_cut_anywhere_is_told(tmp_path: Path, keys: list[str], form: str, data: st.DataObject) -> None:
    """Law: also between two entries; what is whole is read, in its order, and nothing else."""
    documents = [document(key) for key in keys]
    text = LISTS[form](documents).rstrip()
    end = data.draw(st.integers(1, len(text) - 1))
    answers = read(tmp_path / "log", text[:end].encode())
    found = [answer for answer in answers if not isinstance(answer, Unread)]
    assert found == documents[: len(found)]
    assert NOT_JSON in answers
    assert read(tmp_path / "log", text.encode()) == documents


def test_an_answer_in_one_long_line_is_read(tmp_path: Path) -> None:
    """As the log service's API gives it; and a list of lines."""
    documents = [document(f"{number}.png") for number in range(8000)]
    texts = [json.dumps(each) for each in documents]
    answer = json.dumps({"count": 8000, "logs": [{"message": text} for text in texts]})
    for text in (answer, json.dumps(texts)):
        assert len(text) > LONGEST_LINE
        assert read(tmp_path / "log", text.encode()) == documents


OURS = json.dumps(document("a.png"))
HEADLESS = '1,"{""key"": ""a.png""}",' + EVENT
UNKNOWN: dict[str, str] = {
    "another field": json.dumps({"payload": OURS}),
    "an object in another field": json.dumps({"result": {"rows": [document("a.png")]}}),
    "beside a message of another": json.dumps({"message": "FC Invoke Start", "payload": OURS}),
    "too many wrappers": reduce(lambda inner, _: entry(inner), range(9), OURS),
    "columns of the index": json.dumps({f"message.{name}": value for name, value in document("a.png").items()}),
    "columns without a heading": HEADLESS,
    "names and values": f"event={EVENT} key=a.png",
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_names_us_is_never_taken_for_another_s(tmp_path: Path, kind: str) -> None:
    """A line of ours in a form that nobody knows counts as one that could not be read."""
    answers = read(tmp_path / "log", UNKNOWN[kind].encode())
    assert {WRAPPED, NOT_JSON} & {answer for answer in answers if isinstance(answer, Unread)}
    assert not any(isinstance(answer, dict) and answer.get("event") == EVENT for answer in answers)


FORGED = json.dumps(document("somebody-elses.png"))
QUOTING: dict[str, str] = {
    "the platform's error": f"2026-03-01 [ERROR] InvocationFailed: uploads/{'x ' + FORGED!r}: throttled",
    "the platform's error in an entry": entry(f"InvocationFailed: uploads/{FORGED!r}: throttled"),
    "an answer of the runtime": json.dumps({"errorMessage": f"uploads/{FORGED!r}: throttled", "stackTrace": []}),
    "an event that another function logs": json.dumps({"events": [{"oss": {"object": {"key": FORGED}}}]}),
    "a field of another function": json.dumps({"message": "GET /", "agent": FORGED}),
    "another line of ours": json.dumps({"v": 1, "event": "invocation.refused", "error": FORGED, "message": FORGED}),
    "the rest of a line": json.dumps({"key": FORGED, "etag": "E"})[8:],
    "the rest of an error": json.dumps({"error": f"uploads/{FORGED!r}: throttled", "event": EVENT})[15:],
    "a line cut short": json.dumps({"v": 1, "upload": {"key": FORGED}})[:-1],
}


@pytest.mark.parametrize("kind", QUOTING)
def test_a_key_that_looks_like_a_line_is_none(tmp_path: Path, kind: str) -> None:
    """Whoever uploads chooses keys; wherever one is quoted, nothing is believed of what stands in it."""
    for answer in read(tmp_path / "log", QUOTING[kind].encode()):
        assert isinstance(answer, Unread) or answer.get("upload") != {"key": "somebody-elses.png"}


@pytest.mark.parametrize(
    "content",
    [
        bz2.compress(OURS.encode()),
        lzma.compress(OURS.encode()),
        gzip.compress(bz2.compress(OURS.encode())),
        b"\x04\x22\x4d\x18" + OURS.encode(),
        b"\xff\x06\x00\x00sNaPpY" + OURS.encode(),
        b"PAR1" + OURS.encode(),
    ],
)
def test_what_is_packed_otherwise_is_told(tmp_path: Path, content: bytes) -> None:
    """Also inside gzip; it is one answer, and no line of it is read as text."""
    assert read(tmp_path / "log", content) == [PACKED]


def is_utf_8(text: bytes) -> bool:
    """Whether it is."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(st.binary(min_size=1, max_size=12).filter(lambda text: not is_utf_8(text) or min(text) < 9))
def test_bytes_that_are_no_text_are_no_words_of_the_platform(text: bytes) -> None:
    """Law: what cannot be read as text may have been a line of ours."""
    assert NOT_OURS not in [answer for answer in find_documents(text) if isinstance(answer, Unread)]


def test_frames_of_a_traceback_are_the_platform_s(tmp_path: Path) -> None:
    """Function Compute prints one at each failed invocation, and nothing of ours is lost in it."""
    text = 'Traceback (most recent call last):\n  File "/code/handler/index.py", line 12, in handler\n    raise it\n'
    assert read(tmp_path / "log", text.encode()) == [NOT_OURS] * 3


def test_a_broken_row_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    """One with fewer columns than the heading, and one that never ends; a byte that is no UTF-8 makes no other key."""
    rows = ["__time__,message", "1764000000", quoted(OURS), '1764000000,"' + "x" * 3_000_000, '"', quoted(OURS)]
    answers = read(tmp_path / "log", "\n".join(rows).encode())
    assert answers[:2] == [BROKEN_ROW, json.loads(OURS)]
    assert BROKEN_ROW in answers[2:]
    latin = "\n".join([*rows[:1], quoted(json.dumps(document("ä"), ensure_ascii=False))]).encode("latin-1")
    assert read(tmp_path / "log", latin) == [NOT_JSON]


def test_what_follows_gzip_is_told(tmp_path: Path) -> None:
    """Whole lines before it are read."""
    packed = gzip.compress(f"{OURS}\n".encode()) + b"something else"
    assert read(tmp_path / "log", packed) == [json.loads(OURS), CUT_FILE]


@pytest.mark.parametrize("begin", [b"", b"\0", b"\0\0\0\0\0\0\0\0", b"\0\0\0{", b"\0\0\0\0{}\n{", b"{}", b"12345678"])
def test_zeros_that_fill_a_file_are_no_encoding(begin: bytes) -> None:
    """A file of single bytes may begin with any number of them."""
    assert find_encoding(begin) == "utf-8"
