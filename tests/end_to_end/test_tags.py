"""A user's tags: kept where they can be read, never replaced where they can't, never given to another's bytes."""

import pytest

from scripts.localcloud.wire import Fault, Identity, WireCall
from tests.end_to_end.chaos_world import VirtualClock
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import seldom
from tests.end_to_end.test_window import tag
from tests.end_to_end.warden_cloud import FUNCTION, POLICY, Document, Record, WardenCloud, picture, refusing

BUCKETS = ["uploads", "versioned"]
WORDS = ["GOOD", "SPAM", "NUDE", "GORE"]
MINE = {"owner": "ann", "album": "7"}
ALL_BUT_TAGS = (
    "GetObject",
    "GetObjectVersion",
    "GetObjectAcl",
    "GetObjectVersionAcl",
    "PutObject",
    "DeleteObject",
    "DeleteObjectVersion",
    "PutObjectTagging",
    "PutObjectVersionTagging",
)


def forbid_reading_tags(cloud: WardenCloud, but: str = "") -> None:
    """Give the function's role every right but to read tags (`but` those of such keys): HEAD counts none for it."""
    buckets = (*BUCKETS, "quarantine", "ledger")
    reading = ("GetObjectTagging", "GetObjectVersionTagging") if but else ()
    rights = {(f"oss:{name}", f"{bucket}/{but}") for name in reading for bucket in BUCKETS}
    rights |= {(f"oss:{name}", f"{bucket}/*") for name in ALL_BUT_TAGS for bucket in buckets}
    rights |= {(f"oss:{name}", bucket) for name in ("ListObjectVersions", "ListObjects") for bucket in buckets}
    rights |= {("yundun-greenweb:ImageModeration", "*")}
    cloud.oss.add_identity(
        Identity(FUNCTION.access_key_id, FUNCTION.access_key_secret, FUNCTION.security_token, frozenset(rights))
    )


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("word", WORDS)
def test_a_role_that_may_not_read_tags_replaces_none(ledgered: Ledgered, word: str, bucket: str) -> None:
    """HEAD says nothing of tags to it: what stays keeps its own and fails with what to grant; what is bad goes."""
    cloud = ledgered.cloud
    forbid_reading_tags(cloud)
    record = cloud.upload("a.png", picture(word), bucket=bucket, tags=MINE)
    (document,) = cloud.deliver(record)
    if word in {"GOOD", "SPAM"}:
        assert cloud.tags(bucket, "a.png") == MINE
        assert document["outcome"]["status"] == "failed"
        assert "oss:GetObjectTagging" in document["outcome"]["error"]
        return
    assert document["outcome"]["status"] == {"NUDE": "quarantined", "GORE": "deleted"}[word]
    assert cloud.versions(bucket, "a.png") == []
    if word == "NUDE":
        assert "the user's tags are not on the copy" in document["outcome"]["tag_note"]


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("word", WORDS)
def test_that_the_tags_of_one_key_may_be_read_says_nothing_of_others(
    ledgered: Ledgered, word: str, bucket: str
) -> None:
    """A right is a matter of the key: an instance that read some in one folder replaces none in another unseen."""
    cloud = ledgered.cloud
    forbid_reading_tags(cloud, but="a/*")
    cloud.moderate("a/warm.png", picture("GOOD", salt="warm"), bucket=bucket)
    document = cloud.moderate("b/a.png", picture(word), bucket=bucket, tags=MINE)
    if word in {"GOOD", "SPAM"}:
        assert cloud.tags(bucket, "b/a.png") == MINE
        assert "oss:GetObjectTagging" in document["outcome"]["error"]
    elif word == "NUDE":
        assert document["outcome"]["status"] == "quarantined"
        assert "the user's tags are not on the copy" in document["outcome"]["tag_note"]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_tags_that_were_replaced_unseen_are_told(ledgered: Ledgered, bucket: str) -> None:
    """Rights that differ within a folder show only afterwards, where the look back counts none of our own."""
    cloud = ledgered.cloud
    forbid_reading_tags(cloud, but="a/readable*")
    cloud.moderate("a/readable.png", picture("GOOD", salt="warm"), bucket=bucket)
    document = cloud.moderate("a/hidden.png", picture("GOOD"), bucket=bucket, tags=MINE)
    kept = cloud.tags(bucket, "a/hidden.png") == MINE
    assert kept or "may be lost" in document["outcome"]["tag_note"]
    assert kept is (bucket == "versioned")


def test_a_right_to_read_tags_is_remembered_for_so_many_folders(
    cloud: WardenCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may upload makes as many folders as he likes: then it is asked again."""
    monkeypatch.setattr("handler.adapters.oss.store.MOST_FOLDERS", 2)
    for folder in "abca":
        cloud.moderate(f"{folder}/1.png", picture("GOOD", salt=folder))
    assert cloud.watcher.operations.count("GetObjectTagging") == 4
    cloud.moderate("a/2.png", picture("GOOD", salt="2"))
    assert cloud.watcher.operations.count("GetObjectTagging") == 4


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_links_own_tags_are_kept(cloud: WardenCloud, bucket: str) -> None:
    """A look at a link counts no tags, so they are always read."""
    policy = POLICY.read_text("utf-8") + "failures: {symlink: tag}\n"
    cloud.start(policy)
    cloud.warm_up()
    cloud.bucket(bucket).put_symlink("target.png", "link.png")
    record = cloud.records[-1]
    set_tags(cloud, bucket, "link.png", MINE)
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "unverified"
    assert document["outcome"]["tag_note"] is None
    assert MINE.items() <= cloud.tags(bucket, "link.png").items()
    assert cloud.tags(bucket, "link.png")["moderation-status"] == "unverified"


@pytest.mark.exhaustive
@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("word", WORDS)
def test_tags_set_in_any_gap_are_kept(ledgered: Ledgered, word: str, bucket: str) -> None:
    """An application that tags at any time before ours are written loses nothing on what stays."""
    cloud = ledgered.cloud
    cloud.warm_up()
    for gap in range(1, count_calls(cloud, word, bucket)):
        key = f"{gap}.png"
        record = cloud.upload(key, picture(word), bucket=bucket)
        document = deliver_with_tags_in_gap(cloud, record, bucket, key, gap)
        if word not in {"GOOD", "SPAM"}:
            assert document["outcome"]["status"] in {"quarantined", "deleted"}
            continue
        place = cloud.watcher.operations.index("PutObjectTagging")
        tags = cloud.tags(bucket, key)
        # Between the last look at the tags and our writing of them lies one call, which OSS gives no means to close.
        assert tags.get("owner") == "ann" or gap == place
        assert "moderation-status" in tags or gap > place


def count_calls(cloud: WardenCloud, word: str, bucket: str) -> int:
    """The wire calls of an undisturbed delivery."""
    cloud.watcher.calls.clear()
    cloud.moderate("undisturbed.png", picture(word), bucket=bucket)
    return len(cloud.watcher.calls)


def deliver_with_tags_in_gap(cloud: WardenCloud, record: Record, bucket: str, key: str, gap: int) -> Document:
    """Deliver, with a tag of the user's set right after the call of that number, where the object is still there."""

    def tag() -> None:
        if key in cloud.keys(bucket):
            set_tags(cloud, bucket, key, MINE)

    cloud.watcher.calls.clear()
    cloud.watcher.interfere = {gap: tag}
    (document,) = cloud.deliver(record)
    cloud.watcher.interfere = {}
    return document


def set_tags(cloud: WardenCloud, bucket: str, key: str, tags: dict[str, str]) -> None:
    """Tag as the application does."""
    tagging = "".join(f"<Tag><Key>{name}</Key><Value>{value}</Value></Tag>" for name, value in tags.items())
    body = f"<Tagging><TagSet>{tagging}</TagSet></Tagging>"
    cloud.bucket(bucket)._do("PUT", bucket, key, data=body, params={"tagging": ""}).read()  # noqa: SLF001


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("word", "successor"), [("GOOD", "SPAM"), ("SPAM", "GOOD"), seldom("GOOD", "GOOD"), seldom("SPAM", "FLAG")]
)
@pytest.mark.parametrize("its_tags", [{}, {"owner": "bob"}], ids=["without tags", "with tags"])
def test_a_successor_never_has_its_predecessors_tags(
    ledgered: Ledgered, word: str, successor: str, its_tags: dict[str, str]
) -> None:
    """Overwritten in each gap: what is there in the end has none of the first one's tags, and its own or a note."""
    cloud = ledgered.cloud
    cloud.warm_up()
    cloud.watcher.calls.clear()
    cloud.moderate("undisturbed.png", picture(word, salt="1"), tags=MINE)
    for gap in range(1, len(cloud.watcher.calls)):
        key = f"{gap}.png"
        record = cloud.upload(key, picture(word, salt="1"), tags=MINE)
        second: list[Record] = []
        cloud.watcher.calls.clear()
        cloud.watcher.interfere = {
            gap: lambda key=key, second=second: second.append(  # type: ignore[misc]
                cloud.upload(key, picture(successor, salt="2"), tags=its_tags)
            )
        }
        documents = cloud.deliver(record)
        assert not cloud.watcher.interfere
        documents += cloud.deliver(*second)
        tags = cloud.tags("uploads", key)
        assert "album" not in tags, f"in gap {gap}"
        assert tags.get("owner") in {None, "bob"}
        notes = [document["outcome"]["tag_note"] or "" for document in documents]
        assert tags.get("owner") == its_tags.get("owner") or any("its own are lost" in note for note in notes)
        expected = {"GOOD": "passed", "SPAM": "flagged", "FLAG": None}[successor]
        assert tags.get("moderation-status") == expected


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("word", ["GOOD", "SPAM"])
def test_a_stray_mark_does_not_stay_on_what_is_left_alone(ledgered: Ledgered, word: str, bucket: str) -> None:
    """Killed right after its tag met other bytes: the next delivery takes it off, and leaves the user's tags there."""
    cloud = ledgered.cloud
    cloud.warm_up()
    key, kill = "probe.png", 0
    record = cloud.upload(key, picture(word, salt="1"), bucket=bucket)
    cloud.watcher.calls.clear()
    cloud.deliver(record)
    kill = cloud.watcher.operations.index("PutObjectTagging") + 1
    record = cloud.upload("a.png", picture(word, salt="1"), bucket=bucket)
    second: list[Record] = []
    cloud.watcher.interfere = {
        kill - 1: lambda: second.append(
            cloud.upload("a.png", picture("FLAG", salt="2"), bucket=bucket, tags={"owner": "bob"})
        )
    }
    assert ledgered.deliver(record, kill_after=kill) is None
    cloud.deliver(record, delivery=2)
    assert cloud.error is None
    (document,) = cloud.deliver(*second)
    assert document["outcome"]["status"] == "left-alone"
    assert "moderation-status" not in cloud.tags(bucket, "a.png")
    assert "moderation-policy" not in cloud.tags(bucket, "a.png")


def test_tags_that_come_late_and_can_not_be_written_are_told(cloud: WardenCloud) -> None:
    """The copy is whole, but for them."""
    record = cloud.upload("a.png", picture("NUDE"))
    cloud.watcher.interfere = {2: lambda: tag(cloud, "uploads", "a.png", {"owner": "ann"})}
    cloud.watcher.spoil = refusing("PutObjectTagging", "quarantine")
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "quarantined"
    assert "latest tags" in document["outcome"]["tag_note"]


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_copy_that_goes_before_its_source_is_made_again(cloud: WardenCloud, bucket: str) -> None:
    """Somebody removes it right before it gets the latest tags: nothing is held, so nothing is told as held."""
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket)
    left = [True]

    def spoil(call: WireCall) -> None:
        if call.service == "green" and left:
            tag(cloud, bucket, "a.png", {"owner": "ann"})
        if (call.operation, call.bucket) == ("PutObjectTagging", "quarantine") and left:
            left.clear()
            for held, _ in cloud.held():
                cloud.bucket("quarantine").delete_object(held)

    cloud.watcher.spoil = spoil
    (document,) = cloud.deliver(record)
    assert (document["outcome"]["status"], cloud.held()) == ("failed", [])
    assert "the copy went away" in document["outcome"]["error"]
    assert cloud.body(bucket, "a.png") == picture("NUDE")
    (document,) = cloud.deliver(record, delivery=2)
    assert (document["outcome"]["status"], cloud.error) == ("quarantined", None)
    assert cloud.versions(bucket, "a.png") == []
    assert [body for _, body in cloud.held()] == [picture("NUDE")]


def test_a_redelivery_of_what_is_left_alone_leaves_its_tags_alone(cloud: WardenCloud) -> None:
    """Only a mark of ours is taken back; the user's tags are no business of a policy that says `none`."""
    record = cloud.upload("a.png", picture("FLAG"), tags=MINE)
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["status"] == "left-alone"
    assert "PutObjectTagging" not in cloud.watcher.operations
    assert cloud.tags("uploads", "a.png") == MINE


def test_a_mark_of_a_failure_goes_with_the_verdict(ledgered: Ledgered, clock: VirtualClock) -> None:
    """Marked as not verified at the last delivery, judged by a redelivery, and then to be left alone."""
    del clock
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("FLAG"), tags=MINE)
    cloud.watcher.spoil = lambda call: Fault(status=500, code="Down") if call.service == "green" else None
    for delivery in (1, 2, 3):
        cloud.deliver(record, delivery=delivery, timeout_s=20)
    assert cloud.tags("uploads", "a.png")["moderation-status"] == "unverified"
    cloud.watcher.spoil = lambda _: None
    (document,) = cloud.deliver(record, request_id="1-redriven")
    assert document["outcome"]["status"] == "left-alone"
    assert cloud.tags("uploads", "a.png") == MINE


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("before", [{}, {"owner": "bob", "album": "1"}], ids=["none before", "as many before"])
def test_a_copy_has_the_tags_of_its_last_moment(ledgered: Ledgered, before: dict[str, str], bucket: str) -> None:
    """Set or changed in any gap up to the last look at the tags, while the service looks or the copy is made."""
    cloud = ledgered.cloud
    cloud.warm_up()
    cloud.moderate("undisturbed.png", picture("NUDE"), bucket=bucket, tags=before)
    last = last_of(cloud, "GetObjectTagging")
    for gap in range(1, last):
        record = cloud.upload(f"{gap}.png", picture("NUDE"), bucket=bucket, tags=before)
        document = deliver_with_tags_in_gap(cloud, record, bucket, f"{gap}.png", gap)
        _, held = document["outcome"]["location"].split("/", 1)
        assert cloud.tags("quarantine", held) == {**MINE, **document["outcome"]["tags"]}, f"in gap {gap}"
        assert document["outcome"]["tag_note"] is None


def last_of(cloud: WardenCloud, operation: str) -> int:
    """The number of the last such call."""
    return max(number for number, name in enumerate(cloud.watcher.operations, start=1) if name == operation)


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("still", [True, False], ids=["still refused", "granted meanwhile"])
def test_a_copy_that_is_there_is_not_taken_for_tagged(ledgered: Ledgered, bucket: str, *, still: bool) -> None:
    """Its tags were refused, and the function killed right after it: what is told of them is what it carries."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"), bucket=bucket, tags=MINE)
    copies: list[WireCall] = []

    def refuse_the_tags_and_die(call: WireCall) -> Fault | None:
        if call.operation != "CopyObject":
            return None
        copies.append(call)
        ledgered.kill_after = len(cloud.watcher.calls) if len(copies) > 1 else ledgered.kill_after
        return Fault(status=403, code="AccessDenied") if len(copies) == 1 else None

    cloud.watcher.spoil = refuse_the_tags_and_die
    assert ledgered.deliver(record, kill_after=10_000) is None
    ((held, _),) = cloud.held()
    assert cloud.tags("quarantine", held) == {}
    cloud.watcher.spoil = refusing("PutObjectTagging", "quarantine") if still else lambda _: None
    (document,) = cloud.deliver(record, delivery=2)
    outcome = document["outcome"]
    assert outcome["status"] == "quarantined"
    assert cloud.tags("quarantine", held) == ({} if still else {**MINE, **outcome["tags"]})
    assert (outcome["tags"] == {}) is ("is not known" in (outcome["tag_note"] or "")) is still


def test_a_source_that_changes_under_an_old_copy_lends_it_no_tags(ledgered: Ledgered) -> None:
    """The copy was there, and while its tags are looked for somebody writes other bytes with others."""
    cloud = ledgered.cloud
    record = cloud.upload("a.png", picture("NUDE"), tags=MINE)
    cloud.watcher.calls.clear()
    cloud.deliver(cloud.upload("probe.png", picture("NUDE"), tags=MINE))
    kill = cloud.watcher.operations.index("CopyObject") + 1
    assert ledgered.deliver(record, kill_after=kill) is None
    before = {key: cloud.tags("quarantine", key) for key, _ in cloud.held()}
    second: list[Record] = []

    def overwrite(call: WireCall) -> None:
        if call.operation == "GetObjectTagging" and copied(cloud) and not second:
            second.append(cloud.upload("a.png", picture("GOOD"), tags={"owner": "eve"}))

    cloud.watcher.spoil = overwrite
    cloud.watcher.calls.clear()
    (document,) = cloud.deliver(record, delivery=2)
    assert document["outcome"]["status"] == "quarantined"
    assert document["outcome"]["tags"] == {}
    assert {key: cloud.tags("quarantine", key) for key, _ in cloud.held()} == before
    assert cloud.tags("uploads", "a.png") == {"owner": "eve"}


def copied(cloud: WardenCloud) -> bool:
    """Whether the function asked for a copy in this delivery."""
    return "CopyObject" in cloud.watcher.operations


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("word", ["GOOD", "SPAM"])
def test_a_mark_that_is_there_is_not_written_again(cloud: WardenCloud, word: str, bucket: str) -> None:
    """Without a ledger a redelivery is judged again: what it finds is what it would write."""
    record = cloud.upload("a.png", picture(word), bucket=bucket, tags=MINE)
    (first,) = cloud.deliver(record)
    cloud.watcher.calls.clear()
    (again,) = cloud.deliver(record, delivery=2)
    assert "PutObjectTagging" not in cloud.watcher.operations
    assert again["outcome"]["tags"] == first["outcome"]["tags"] != {}
    assert cloud.tags(bucket, "a.png") == {**MINE, **first["outcome"]["tags"]}


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("refusals", [1, 2], ids=["once", "for good"])
def test_tags_that_can_not_be_read_stop_no_quarantine(cloud: WardenCloud, bucket: str, refusals: int) -> None:
    """What was refused before the copy is tried once more after it; then it is told."""
    cloud.warm_up()
    left = [Fault(status=403, code="AccessDenied")] * refusals
    cloud.watcher.spoil = lambda call: left.pop() if call.operation == "GetObjectTagging" and left else None
    document = cloud.moderate("a.png", picture("NUDE"), bucket=bucket, tags=MINE)
    ((held, _),) = cloud.held()
    outcome = document["outcome"]
    assert outcome["status"] == "quarantined"
    assert cloud.tags("quarantine", held) == {**(MINE if refusals == 1 else {}), **outcome["tags"]}
    assert ("the user's tags are not on the copy" in (outcome["tag_note"] or "")) is (refusals > 1)


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_copy_that_takes_no_tags_is_told_as_untagged(cloud: WardenCloud, bucket: str) -> None:
    """What OSS refused with the copy is not asked of it again."""
    refused = [Fault(status=403, code="AccessDenied")]
    cloud.watcher.spoil = lambda call: refused.pop() if call.operation == "CopyObject" and refused else None
    document = cloud.moderate("a.png", picture("NUDE"), bucket=bucket, tags=MINE)
    ((held, _),) = cloud.held()
    assert (document["outcome"]["status"], document["outcome"]["tags"]) == ("quarantined", {})
    assert cloud.tags("quarantine", held) == {}
    assert "the copy is untagged" in document["outcome"]["tag_note"]
    assert "PutObjectTagging" not in cloud.watcher.operations


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("changes", [1, 10])
def test_tags_that_change_while_they_are_taken_over(cloud: WardenCloud, bucket: str, changes: int) -> None:
    """The copy gets them until it has those of now; who changes them all the time keeps nothing where it is."""
    left = list(range(changes))

    def change(call: WireCall) -> None:
        if call.service == "green" or (call.bucket == "quarantine" and call.operation == "PutObjectTagging" and left):
            set_tags(cloud, bucket, "a.png", {"owner": f"ann {left.pop() if call.service == 'oss' else ''}"})

    cloud.watcher.spoil = change
    document = cloud.moderate("a.png", picture("NUDE"), bucket=bucket)
    ((held, _),) = cloud.held()
    assert document["outcome"]["status"] == "quarantined"
    assert ("kept changing" in (document["outcome"]["tag_note"] or "")) is (changes > 1)
    assert cloud.versions(bucket, "a.png") == []
    assert cloud.watcher.operations.count("PutObjectTagging") == min(changes + 1, 3)
    assert cloud.tags("quarantine", held)["owner"] == ("ann 0" if changes == 1 else "ann 8")
