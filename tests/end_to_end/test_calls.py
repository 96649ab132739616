"""What one upload costs in wire calls, as recorded by the stand-ins."""

import pytest

from tests.end_to_end.warden_cloud import WardenCloud, calls, picture

CALLS = {
    # word, bucket -> the function's calls
    ("GOOD", "uploads"): ["HeadObject", "ImageModeration", "HeadObject", "PutObjectTagging", "HeadObject"],
    ("GOOD", "versioned"): ["HeadObject", "ImageModeration", "GetObjectTagging", "PutObjectTagging"],
    # The ACL is asked for so that a restore can give it back; the tags, so that the copy has those of its last moment.
    ("NUDE", "uploads"): [
        "HeadObject",
        "ImageModeration",
        "GetObjectAcl",
        "CopyObject",
        "HeadObject",
        "GetObjectTagging",
        "HeadObject",
        "DeleteObject",
    ],
    # In a versioned bucket, without a ledger, the last look is for a twin that the removal may have uncovered.
    ("NUDE", "versioned"): [
        "HeadObject",
        "ImageModeration",
        "GetObjectAcl",
        "CopyObject",
        "HeadObject",
        "GetObjectTagging",
        "DeleteObject",
        "HeadObject",
    ],
    ("GORE", "uploads"): ["HeadObject", "ImageModeration", "HeadObject", "DeleteObject"],
    ("GORE", "versioned"): ["HeadObject", "ImageModeration", "DeleteObject", "HeadObject"],
    ("FLAG", "uploads"): ["HeadObject", "ImageModeration", "HeadObject"],
}


@pytest.mark.parametrize(("word", "bucket"), CALLS)
def test_the_calls_of_each_action(cloud: WardenCloud, word: str, bucket: str) -> None:
    """One paid call each, and no more OSS calls than the design's budget; the outcome's own count is right."""
    cloud.warm_up()
    document = cloud.moderate("a.png", picture(word), bucket=bucket)
    assert cloud.watcher.operations == CALLS[word, bucket]
    assert document["outcome"]["calls"] == calls(oss=len(CALLS[word, bucket]) - 1, green=1, billed=1)
    assert len(document["outcome"]["request_ids"]["oss"]) == len(CALLS[word, bucket]) - 1


def test_whether_tags_may_be_read_is_asked_once_a_folder(cloud: WardenCloud) -> None:
    """HEAD counts tags only for who may read them, so the first untagged object of a folder costs a call more."""
    first, second, elsewhere = (cloud.moderate(key, picture("GOOD")) for key in ("1.png", "2.png", "else/3.png"))
    assert first["outcome"]["calls"]["oss"] == second["outcome"]["calls"]["oss"] + 1
    assert elsewhere["outcome"]["calls"] == first["outcome"]["calls"]


@pytest.mark.parametrize("word", ["GOOD", "NUDE"])
def test_tags_of_its_own_cost_one_call_more(cloud: WardenCloud, word: str) -> None:
    """The user's tags are read before what is done only where there are any."""
    cloud.warm_up()
    cloud.moderate("a.png", picture(word), tags={"owner": "ann"})
    expected = CALLS[word, "uploads"]
    assert sorted(cloud.watcher.operations) == sorted([*expected, "GetObjectTagging"])


@pytest.mark.parametrize("body", [b"", bytes(20 * 1024 * 1024 + 1)], ids=["empty", "too large"])
def test_what_the_event_rules_out_is_never_paid_for(cloud: WardenCloud, body: bytes) -> None:
    """No call to the service where size alone decides."""
    cloud.warm_up()
    cloud.moderate("a.png", body)
    assert cloud.watcher.operations == [name for name in CALLS["NUDE", "uploads"] if name != "ImageModeration"]
