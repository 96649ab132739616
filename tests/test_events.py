"""Event -> Uploads. A case is a file: put one under `events/valid` or `events/malformed`."""

import base64
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.errors import BadEvent
from handler.events import is_redriven, parse_event
from handler.model import Upload

CASES = Path(__file__).parent / "events"
VALID = sorted((CASES / "valid").glob("*.json"))
MALFORMED = sorted((CASES / "malformed").glob("*.json"))

# Surrogates are allowed on purpose: JSON can name half a character.
TEXT = st.text(st.characters(exclude_categories=()))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=10
)
PATHS = (
    ("eventName",),
    ("eventTime",),
    ("region",),
    ("oss",),
    ("oss", "bucket"),
    ("oss", "bucket", "name"),
    ("oss", "object"),
    ("oss", "object", "key"),
    ("oss", "object", "eTag"),
    ("oss", "object", "size"),
    ("responseElements",),
    ("responseElements", "requestId"),
)


def sample() -> dict[str, Any]:
    """A record of the documented form."""
    record: dict[str, Any] = json.loads((CASES / "valid" / "put_object.json").read_text())["event"]["events"][0]
    return record


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_event_becomes_its_uploads(path: Path) -> None:
    """Each record becomes one Upload, in order, exactly as the file says."""
    case = json.loads(path.read_text())
    records = parse_event(json.dumps(case["event"]).encode())
    assert [asdict(record) for record in records if isinstance(record, Upload)] == case["uploads"]
    assert len(records) == len(case["uploads"])


def envelope(**inner: object) -> dict[str, object]:
    """A CloudEvents object."""
    return {"id": "1", "source": "acs.oss", "type": "oss:ObjectCreated:PutObject", "specversion": "1.0", **inner}


def in_base64(document: object) -> str:
    """A document as base64 of its JSON."""
    return base64.b64encode(json.dumps(document).encode()).decode()


# Each envelope that an event may come in, around whatever is in it.
WRAPPINGS: dict[str, Callable[[object], object]] = {
    "data": lambda inner: envelope(data=inner),
    "text data": lambda inner: envelope(data=json.dumps(inner)),
    "base64 data": lambda inner: envelope(data_base64=in_base64(inner)),
    "a list": lambda inner: [inner],
    "a list of texts": lambda inner: [json.dumps(inner)],
    "a topic's message": lambda inner: {"Message": json.dumps(inner), "MessageId": "1", "TopicName": "t"},
    "a topic's message in base64": lambda inner: {"Message": in_base64(inner), "MessageId": "1"},
    "a queue's message": lambda inner: envelope(data={"messageId": "1", "messageBody": inner}),
}
# Each form in which whoever invokes hands the event over.
HANDED: dict[str, Callable[[object], object]] = {
    "bytes": lambda event: json.dumps(event).encode(),
    "bytes of escapes": lambda event: json.dumps(event, ensure_ascii=True).encode("ascii"),
    "bytes with a mark": lambda event: b"\xef\xbb\xbf" + json.dumps(event).encode(),
    "UTF-16": lambda event: json.dumps(event).encode("utf-16"),
    "UTF-32": lambda event: json.dumps(event).encode("utf-32-le"),
    "a bytearray": lambda event: bytearray(json.dumps(event).encode()),
    "a memoryview": lambda event: memoryview(json.dumps(event).encode()),
    "text": json.dumps,
    "text with a mark": lambda event: "\ufeff" + json.dumps(event),
    "text in text": lambda event: json.dumps(json.dumps(event)),
    "decoded": lambda event: event,
}


@settings(deadline=None)  # the first example builds tables of every character
@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), min_size=1, max_size=3),
    st.booleans(),
    st.lists(st.sampled_from(sorted(WRAPPINGS)), max_size=3),
    st.sampled_from(sorted(HANDED)),
)
def test_any_wrapping_of_the_same_records_gives_the_same_uploads(
    keys: list[str],
    is_native: bool,  # noqa: FBT001
    wrappings: list[str],
    handed: str,
) -> None:
    """Whatever the records come in, and however it is handed over, they are the same uploads in the same order."""
    records = [sample() for _ in keys]
    for record, key in zip(records, keys, strict=True):
        record["oss"]["object"]["key"] = key
    event: object = {"events": records} if is_native else records if len(records) > 1 else records[0]
    for name in wrappings:
        event = WRAPPINGS[name](event)
    assert parse_event(HANDED[handed](event)) == parse_event(json.dumps({"events": records}).encode())


@pytest.mark.parametrize("event", [None, 7, 1.5, ["hello"], (), set()], ids=repr)
def test_what_is_handed_over_and_is_no_event_is_refused(event: object) -> None:
    """A test console may hand over anything."""
    assert "event" in refusal_of(event)


@pytest.mark.parametrize("handed", sorted(set(HANDED) - {"text in text"}))
def test_a_redriven_event_is_known_in_every_form(handed: str) -> None:
    """As the records are."""
    assert is_redriven(HANDED[handed]({"redriven": True, "events": [sample()]}))


def test_what_is_empty_in_a_batch_is_not_passed_over() -> None:
    """Each part of an event gives a result: what holds no record is refused in its place."""
    records = parse_event([sample(), [], envelope(data={"events": []}), sample()])
    assert [type(record) for record in records] == [Upload, BadEvent, BadEvent, Upload]
    assert [str(record).split()[0] for record in records[1:3]] == ["[1]", "[2].data.eventName"]


def test_no_wrapping_is_followed_for_ever() -> None:
    """What is wrapped more often than any trigger does it is refused, by its place."""
    event: object = sample()
    for _ in range(9):
        event = envelope(data=event)
    assert refusal_of(event).startswith("data.data.data.data.data.data.data.data.eventName is missing")
    assert "is a list" in refusal_of([[[[[[[[[event]]]]]]]]])


@pytest.mark.parametrize("path", MALFORMED, ids=lambda path: path.stem)
def test_malformed_event_is_refused_by_place(path: Path) -> None:
    """A malformed event, or its one record, is a BadEvent that names the place and the value."""
    case = json.loads(path.read_text())
    message = refusal_of(json.dumps(case["event"]).encode())
    assert case["says"] in message


def refusal_of(event: object) -> str:
    """The message with which an event, or its one record, is refused."""
    try:
        [record] = parse_event(event)
    except BadEvent as exc:
        return str(exc)
    assert isinstance(record, BadEvent)
    return str(record)


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"\xed\xa0\x80",
        b"[" * 100_000,
        b'{"events": [{"size": 1' + b"0" * 5000 + b"}]",
    ],
    ids=["empty", "cut", "utf-16 by half", "utf-8 of half a character", "deep", "huge number"],
)
def test_bytes_that_are_no_json_are_refused(event: bytes) -> None:
    """Bytes that are not JSON fail loudly, with their number, and nothing of their content."""
    with pytest.raises(BadEvent, match=rf"\({len(event)} bytes\) is not JSON"):
        parse_event(event)


@pytest.mark.parametrize("depth", [*range(60, 1000, 47), 50_000])
def test_value_nested_to_the_edge_is_refused_as_any_other(depth: int) -> None:
    """A value nested as deep as the JSON reader allows, which from Python 3.14 on is deep, breaks no message."""
    event = b'{"events": [{"eventName": ' + b"[" * depth + b"]" * depth + b"}]}"
    assert "eventName is [[[" in refusal_of(event) or "is not JSON" in refusal_of(event)


def test_long_value_is_cut_in_the_message() -> None:
    """The offending value is repeated, but not all of a long one."""
    record = sample() | {"eventName": ["x" * 10_000]}
    assert len(refusal_of(json.dumps({"events": [record]}).encode())) < 200


@pytest.mark.parametrize(
    "document", [{"x" * 10_000: 1}, {"triggerTime": "", "triggerName": "x" * 10_000}, {"triggerTime": [], "\ud800": []}]
)
def test_strange_document_is_described_in_short(document: dict[str, object]) -> None:
    """An event of somebody else does not fill the log."""
    with pytest.raises(BadEvent) as caught:
        parse_event(json.dumps(document).encode())
    assert len(str(caught.value)) < 400
    str(caught.value).encode()


def test_one_malformed_record_costs_the_others_nothing() -> None:
    """Every record is read for itself: a malformed one stands in its place."""
    records = parse_event(json.dumps({"events": [sample(), {}, sample()]}).encode())
    assert [type(record) for record in records] == [Upload, BadEvent, Upload]
    assert str(records[1]).startswith("events[1].eventName")


@given(st.binary())
def test_any_bytes_give_uploads_or_bad_event(event: bytes) -> None:
    """No bytes raise anything but BadEvent."""
    try:
        parse_event(event)
    except BadEvent as exc:
        assert str(exc)  # noqa: PT017  (either ending is right)


@given(JSON)
def test_any_json_gives_uploads_or_bad_event(document: object) -> None:
    """No JSON raises anything but BadEvent."""
    try:
        parse_event(json.dumps(document).encode())
    except BadEvent as exc:
        assert str(exc)  # noqa: PT017  (either ending is right)


@given(st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=4))
def test_each_record_of_any_event_gives_one_result_in_order(changes: list[tuple[tuple[str, ...], object]]) -> None:
    """Whatever stands in whatever place of a record: n records give n results, and the untouched ones are read."""
    changed = []
    for path, value in changes:
        record = sample()
        place: Any = record
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        changed.append(record)
    records = parse_event(json.dumps({"events": [sample(), *changed, sample()]}).encode())
    assert len(records) == len(changed) + 2
    assert isinstance(records[0], Upload)
    assert records[0] == records[-1]
    for i, result in enumerate(records):
        assert isinstance(result, Upload) or str(result).startswith(f"events[{i}]")
        str(result).encode()


@pytest.mark.parametrize(
    ("event", "is_it"),
    [
        (b'{"redriven": true, "events": []}', True),
        (b'{"redriven": true, "data": {}}', True),
        (b'{"redriven": "true", "events": []}', False),
        (b'{"redriven": 1, "events": []}', False),
        (b'{"redriven": false, "events": []}', False),
        (b'{"events": [{"redriven": true}]}', False),
        (b'{"data": {"redriven": true}}', False),
        (b'[{"redriven": true}]', False),
        (b"true", False),
        (b"{", False),
    ],
)
def test_only_beside_the_records_is_an_event_said_to_be_redriven(event: bytes, is_it: bool) -> None:  # noqa: FBT001
    """What stands inside a record may be an uploader's words."""
    assert is_redriven(event) == is_it
