"""Where a quarantined upload is kept, and what is written beside its bytes."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.model import Action, Decision, Finding, Upload, Verdict
from handler.policy.rules import QuarantineRules
from handler.ports import HeldCopy, StoredObject
from handler.upload.holding import METADATA_BYTES, held_copy, held_key, is_held

UPLOAD = Upload(
    bucket="uploads",
    key="source/a.png",
    etag="688A7BF4F233DC9C88A80BF985AB7329",
    version_id="v1",
    size_bytes=5,
    content_type="image/png",
    region="ap-southeast-1",
    event_name="ObjectCreated:PutObject",
    uploaded_at="2022-08-13T06:45:43.000Z",
    request_id="58F9FF2D3DF792092E12044C",
)
FOUND = StoredObject("uploads", "source/a.png", UPLOAD.etag, "Sat, 13 Aug 2022 06:45:43 GMT", 5, version_id="v1")
DECISION = Decision("default:0123abcd", Action.QUARANTINE, "adult/säfe", 7, "because", findings=(Finding("QR code"),))
VERDICT = Verdict("svc", "high", (Finding("QR code"),), request_id="GREEN-1")

CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXT = st.text(CHARACTERS)
KEYS = st.text(CHARACTERS, min_size=1, max_size=255)
BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", fullmatch=True)
REQUEST_IDS = st.from_regex(r"[0-9A-F]{24}", fullmatch=True)


def copy_of(found: StoredObject = FOUND, **changes: Any) -> HeldCopy:  # noqa: ANN401  (any field of it)
    """The copy of `found`, all else being usual."""
    usual: dict[str, Any] = {"tags": {"a": "b"}, "upload": UPLOAD, "decision": DECISION, "verdict": VERDICT}
    return held_copy(found, bucket="held", key="k", **(usual | changes))


def metadata_bytes(copy: HeldCopy) -> int:
    """How OSS may count it: names with their prefix, and values."""
    return sum(len(f"x-oss-meta-{name}{value}".encode()) for name, value in copy.metadata.items())


def test_key_is_derived_from_the_upload_alone() -> None:
    """Prefix, bucket, a hash of the key, the request id and the suffix."""
    assert held_key(UPLOAD, "held/") == "held/uploads/3f296ab9cb85f7d5-58F9FF2D3DF792092E12044C.png"
    later = replace(UPLOAD, etag="other", version_id=None, size_bytes=9, content_type=None)
    assert held_key(later, "held/") == held_key(UPLOAD, "held/")


def test_key_of_other_bytes_than_the_events_names_them() -> None:
    """Each of several bytes that are held for one upload has a place of its own, also those of one etag."""
    first, second = (held_key(UPLOAD, "held/", identity) for identity in ("CAEQ1", "CAEQ2"))
    assert first.endswith("-58F9FF2D3DF792092E12044C-CAEQ1.png")
    assert second.endswith("-58F9FF2D3DF792092E12044C-CAEQ2.png")


@pytest.mark.parametrize(
    ("key", "suffix"),
    [("a.png", ".png"), ("a", ""), ("a.tar.gz", ".gz"), ("a.", ""), ("a.p/ng", ""), ("a.jpg\n", ".jpg"), ("a.é", "")],
)
def test_suffix_is_kept_where_it_is_plain(key: str, suffix: str) -> None:
    """Whoever opens a held copy wants to know what it is; odd suffixes stay out of the key."""
    assert held_key(replace(UPLOAD, key=key, request_id="R"), "").partition("-R")[2] == suffix


@given(KEYS, BUCKETS, st.text(CHARACTERS, min_size=1, max_size=300), TEXT)
def test_key_is_always_legal(key: str, bucket: str, request_id: str, etag: str) -> None:
    """1-1,023 bytes without a leading slash or backslash, also for odd request ids and etags."""
    upload = replace(UPLOAD, key=key, bucket=bucket, request_id=request_id, etag=etag)
    for held in (held_key(upload, "held/"), held_key(upload, "held/", "X"), held_key(upload, "")):
        assert 1 <= len((held + ".metadata.json").encode()) <= 1023
        assert not held.startswith(("/", "\\"))
        assert held.isascii()
        assert held.isprintable()


@pytest.mark.parametrize("request_id", ["A" * 2000, "..", "a/b", "a\nb", "\\"])
def test_request_id_that_is_none_is_hashed_where_it_must_be(request_id: str) -> None:
    """Long or odd, it makes no key that OSS would refuse, nor another folder."""
    held = held_key(replace(UPLOAD, request_id=request_id), "held/")
    assert len(held) < 200
    assert held.count("/") == 2


@given(st.lists(st.tuples(BUCKETS, KEYS, REQUEST_IDS), min_size=2, max_size=6, unique=True))
def test_key_is_unique(names: list[tuple[str, str, str]]) -> None:
    """Each upload has its own place, and each one that took an upload's place another."""
    uploads = [replace(UPLOAD, bucket=bucket, key=key, request_id=request_id) for bucket, key, request_id in names]
    keys = [held_key(upload, "held/", old) for upload in uploads for old in (None, "OLD")]
    assert len(set(keys)) == len(keys)


def test_held_copies_are_known_by_their_place() -> None:
    """By bucket and prefix, and by nothing that an uploader could write."""
    rules = QuarantineRules("held", "q/")
    assert is_held(replace(UPLOAD, bucket="held", key="q/uploads/x"), rules)
    assert not is_held(replace(UPLOAD, bucket="held", key="other/x"), rules)
    assert not is_held(replace(UPLOAD, key="q/uploads/x"), rules)
    assert not is_held(replace(UPLOAD, bucket="held", key="q/uploads/x"), None)


def test_copy_says_where_it_came_from() -> None:
    """Provenance is metadata, URL-encoded."""
    copy = copy_of(replace(FOUND, headers={"Content-Type": "image/png"}, metadata={"album": "summer"}))
    assert (copy.bucket, copy.key, copy.tags) == ("held", "k", {"a": "b"})
    assert copy.headers == {"Content-Type": "image/png"}
    assert copy.sidecar is None
    assert copy.metadata == {
        "album": "summer",
        "warden-source": "uploads/source/a.png",
        "warden-etag": UPLOAD.etag,
        "warden-version": "v1",
        "warden-storage-class": "Standard",
        "warden-encryption": "none",
        "warden-uploaded-at": "2022-08-13T06%3A45%3A43.000Z",
        "warden-policy": "default%3A0123abcd",
        "warden-rule": "adult/s%C3%A4fe",
        "warden-labels": "QR%20code",
        "warden-request-id": UPLOAD.request_id,
        "warden-green-request-id": "GREEN-1",
    }


def test_what_is_not_known_is_left_out() -> None:
    """Without version, verdict or findings there is nothing to write."""
    copy = copy_of(replace(FOUND, version_id=None), verdict=None, decision=replace(DECISION, findings=()))
    assert not {"warden-version", "warden-labels", "warden-green-request-id"} & set(copy.metadata)


def test_uploader_can_not_forge_provenance() -> None:
    """Where names collide ours wins, and theirs is kept in the sidecar."""
    copy = copy_of(replace(FOUND, metadata={"warden-source": "innocent", "warden-rule": "none"}))
    assert copy.metadata["warden-source"] == "uploads/source/a.png"
    assert copy.sidecar is not None
    assert json.loads(copy.sidecar) == {
        "v": 1,
        "metadata": {"warden-rule": "none", "warden-source": "innocent"},
        "headers": {},
    }


@pytest.mark.parametrize("value", ["caf\xe9", "a\r\nx-oss-object-acl: public-read", "a\x00b", "tab\there"])
def test_what_no_header_can_carry_goes_to_the_sidecar(value: str) -> None:
    """No header is injected through metadata or a content type, and nothing of the user's is lost."""
    copy = copy_of(replace(FOUND, headers={"Content-Type": value, "Expires": "0"}, metadata={"a": value, "b": "c"}))
    assert copy.headers == {"Expires": "0"}
    assert "a" not in copy.metadata
    assert copy.metadata["b"] == "c"
    assert copy.sidecar is not None
    assert json.loads(copy.sidecar) == {"v": 1, "metadata": {"a": value}, "headers": {"Content-Type": value}}


def test_metadata_past_the_limit_goes_to_the_sidecar() -> None:
    """Provenance comes first where 8 KB do not hold both."""
    copy = copy_of(replace(FOUND, metadata={"big": "x" * 8000, "small": "y"}))
    assert "big" not in copy.metadata
    assert copy.metadata["small"] == "y"
    assert copy.sidecar is not None
    assert json.loads(copy.sidecar)["metadata"] == {"big": "x" * 8000}


def test_longest_key_leaves_its_provenance_whole() -> None:
    """A key of 1,023 bytes, all of them escaped, and a tag value full of labels fit with the rest."""
    key = "🎉" * 255 + "abc"
    found = replace(FOUND, key=key, bucket="b" * 63)
    labels = tuple(Finding(f"label_{i:03}_of_many") for i in range(20))
    copy = copy_of(found, decision=replace(DECISION, rule="規" * 100, findings=labels))
    assert unquote(copy.metadata["warden-source"]) == f"{'b' * 63}/{key}"
    assert metadata_bytes(copy) <= METADATA_BYTES


def test_half_a_character_in_a_label_breaks_nothing() -> None:
    """JSON of the service could hold it; UTF-8 can't."""
    copy = copy_of(decision=replace(DECISION, findings=(Finding("a\ud800b"),)))
    assert copy.metadata["warden-labels"] == "a%3Fb"


@given(st.dictionaries(TEXT, st.text(CHARACTERS, max_size=3000), max_size=8))
def test_metadata_is_kept_or_displaced_and_fits(metadata: dict[str, str]) -> None:
    """At most 8 KB; what is not on the copy is in the sidecar, unchanged."""
    copy = copy_of(replace(FOUND, metadata=metadata))
    assert metadata_bytes(copy) <= METADATA_BYTES
    displaced = json.loads(copy.sidecar)["metadata"] if copy.sidecar else {}
    ours = {name for name in copy.metadata if name.startswith("warden-")}
    kept = {name: value for name, value in copy.metadata.items() if name not in ours}
    assert {**kept, **displaced} == metadata
    assert all(value.isascii() and value.isprintable() for value in copy.metadata.values())
