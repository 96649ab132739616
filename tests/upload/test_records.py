"""The ledger's records: their names, and what is refused in them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import BadRecord
from handler.model import Finding, Verdict
from handler.ports import StoredObject
from handler.upload.records import (
    GIVEN_BACK,
    HELD,
    Claim,
    Known,
    Take,
    claim_name,
    claim_record,
    folder_of,
    key_prefix,
    known_record,
    newest_claim,
    newest_take,
    read_claim,
    read_known,
    read_take,
    take_record,
    takes_of,
)
from tests.upload.sample import FOUND, UPLOAD

VERDICT = Verdict("service", "high", (Finding("violent_gun", 90.5, "high", "a gun"),), ext={"text": "words"})
CLAIM = Claim("1-a", 2, "token", 40.0, HELD)


def known(found: StoredObject = FOUND, *, is_exact: bool = True) -> Known:
    """What is known of these bytes, written down and read back."""
    return read_known(known_record(UPLOAD, Known(VERDICT, None, found, is_exact)), UPLOAD)


def test_a_folder_is_found_by_its_key_and_day() -> None:
    """Every redelivery comes to the same folder; all uploads of a key on a day begin alike."""
    folder = folder_of("bucket-warden", UPLOAD)
    assert folder == folder_of("bucket-warden", replace(UPLOAD, etag="E2", version_id="v", content_type="x"))
    assert folder.startswith(key_prefix("bucket-warden", "uploads", "a.png", "2026-11-22"))
    assert folder.startswith("ledger/v1/2026-11-22/")
    assert len(folder) == len("ledger/v1/2026-11-22/") + 32 + 1


@given(names=st.tuples(*[st.text(max_size=3)] * 4), others=st.tuples(*[st.text(max_size=3)] * 4))
def test_two_uploads_never_share_a_folder(names: tuple[str, ...], others: tuple[str, ...]) -> None:
    """However function, bucket, key and request id are cut."""

    def folder(function: str, bucket: str, key: str, request_id: str) -> str:
        return folder_of(function, replace(UPLOAD, bucket=bucket, key=key, request_id=request_id))

    assert (folder(*names) == folder(*others)) == (names == others)


@pytest.mark.parametrize("time", ["", "yesterday", "../../etc", "2026-11-2", "\uff12\uff10\uff12\uff16-11-22T"])
def test_an_odd_time_is_no_day(time: str) -> None:
    """An event's time is text from outside."""
    assert folder_of("f", replace(UPLOAD, uploaded_at=time)).startswith("ledger/v1/undated/")


def test_claims_count_by_number_and_not_by_letter() -> None:
    """The tenth claim is newer than the ninth."""
    names = [claim_name(number) for number in (1, 2, 9, 10)] + ["claim-011.json", "claim-x.json", "verdict.json"]
    assert newest_claim(names) == 10
    assert newest_claim(["outcome.json"]) == 0


@pytest.mark.parametrize("state", [HELD, GIVEN_BACK])
def test_a_claim_is_read_back(state: str) -> None:
    """What was written comes back."""
    claim = Claim("1-a", 2, "token", 40.0, state, first_at=1000.0, listed_to="v9")
    assert read_claim(claim_record(UPLOAD, claim), UPLOAD) == claim


def test_a_verdict_is_read_back_without_prose() -> None:
    """Everything but what the service says in words, which nothing is decided on."""
    paid = known()
    assert paid.verdict == replace(VERDICT, findings=(Finding("violent_gun", 90.5, "high"),), ext=None)
    assert paid.is_exact
    assert paid.is_of(FOUND)


@pytest.mark.parametrize(
    ("is_exact", "found", "fits"),
    [
        (False, FOUND, True),
        (True, replace(FOUND, etag="E2"), False),
        (True, replace(FOUND, last_modified="Sun, 22 Nov 2026 10:00:01 GMT"), False),
        (True, replace(FOUND, object_type="Symlink"), False),
        (True, replace(FOUND, crc64="2"), False),
        (True, replace(FOUND, crc64=None), True),
        (True, replace(FOUND, is_current=False), True),
        (False, replace(FOUND, is_current=False), False),
    ],
)
def test_a_verdict_is_of_these_very_bytes(*, is_exact: bool, found: StoredObject, fits: bool) -> None:
    """By etag and time; one that was asked for by name only while the name stands for them."""
    paid = known(is_exact=is_exact)
    assert paid.is_of(found) is fits


def test_a_version_is_known_by_its_id() -> None:
    """In a versioned bucket nothing else counts."""
    version = replace(FOUND, version_id="v1")
    paid = known(version)
    assert paid.is_of(replace(version, last_modified="later"))
    assert not paid.is_of(replace(version, version_id="v2"))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": "1"},
        {"upload": None},
        {"upload": {"bucket": "uploads", "request_id": "R2"}},
        {"upload": {"bucket": "other", "request_id": "R1"}},
        {"claim": None},
        {"claim": {}},
        {"claim": {"invocation": 1}},
    ],
)
def test_a_strange_claim_is_refused(change: dict[str, Any]) -> None:
    """Of another version, of another upload, or with fields that do not fit."""
    with pytest.raises(BadRecord):
        read_claim({**claim_record(UPLOAD, CLAIM), **change}, UPLOAD)


@pytest.mark.parametrize("lease_s", [0, -1, 86_401, 10**30, "120", None])
def test_no_claim_holds_for_ever(lease_s: object) -> None:
    """A lease is at most as long as a function may run."""
    record = claim_record(UPLOAD, CLAIM)
    record["claim"]["lease_s"] = lease_s
    with pytest.raises(BadRecord):
        read_claim(record, UPLOAD)


@pytest.mark.parametrize("verdict", [[], {}, {"service": "x", "risk": None, "findings": []}])
def test_a_verdict_that_is_none_is_refused(verdict: object) -> None:
    """Without findings there is no verdict."""
    record = known_record(UPLOAD, Known(VERDICT, None, FOUND, is_exact=True))
    with pytest.raises(BadRecord):
        read_known({**record, "verdict": verdict}, UPLOAD)


def test_a_take_is_of_one_version() -> None:
    """Its name is of function, bucket, key and version; what another name holds is refused."""
    version = replace(FOUND, version_id="v1")
    take = Take("ledger/v1/2026-11-22/f/", "token")
    record = take_record(UPLOAD, version, take)
    assert read_take(record, version) == take
    assert takes_of("f", version).startswith("ledger/v1/versions/")
    others = [replace(version, version_id="v2"), replace(version, key="b.png"), replace(version, bucket="other")]
    for other in others:
        assert takes_of("f", other) != takes_of("f", version)
        with pytest.raises(BadRecord):
            read_take(record, other)


def test_takes_count_by_number() -> None:
    """The tenth is newer than the ninth."""
    assert newest_take(["1.json", "9.json", "10.json", "x.json", "011.json"]) == 10
    assert newest_take([]) == 0
