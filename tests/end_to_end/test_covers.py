"""What is put over an upload while it is judged, or before: neither is judged by the other's verdict, none hides."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from scripts.localcloud.wire import WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.warden_cloud import Document, Record, WardenCloud, earlier, picture

KEY = "a.png"
LEDGERS = ["", "ledger"]


def switch(cloud: WardenCloud, status: str) -> None:
    """Suspend versioning, or enable it."""
    cloud.oss._store.bucket("versioned").versioning_status = status  # noqa: SLF001  (at once)


def upload(cloud: WardenCloud, kind: str, word: str) -> Record:
    """Upload what has no version of its own: what can be appended to, or a null version."""
    if kind == "appendable":
        cloud.bucket("versioned").append_object(KEY, 0, picture(word))
        return cloud.records[-1]
    switch(cloud, "Suspended")
    record = cloud.upload(KEY, picture(word), bucket="versioned")
    switch(cloud, "Enabled")
    return record


def while_the_service_looks(cloud: WardenCloud, do: Callable[[], object]) -> None:
    """Do it once, before the service answers."""

    def spoil(call: WireCall) -> None:
        if call.service == "green":
            cloud.watcher.spoil = lambda _: None
            do()

    cloud.watcher.spoil = spoil


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("word", ["NUDE", "GORE"])
@pytest.mark.parametrize("kind", ["appendable", "null"])
def test_what_is_harmless_stays_whatever_covers_it(ledgered: Ledgered, kind: str, word: str, ledger: str) -> None:
    """The verdict on what was put over it while the service looked is not its own."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET=ledger)
    record = upload(cloud, kind, "GOOD")
    (own,) = cloud.versions("versioned", KEY)
    covers: list[Record] = []
    while_the_service_looks(cloud, lambda: covers.append(cloud.upload(KEY, picture(word), bucket="versioned")))
    cloud.deliver(record, timeout_s=30)
    cloud.deliver(*covers, timeout_s=30)
    assert cloud.versions("versioned", KEY) == [own]
    assert cloud.tags("versioned", KEY, own)["moderation-status"] == "passed"


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("kind", ["appendable", "null"])
def test_no_link_over_it_lends_its_targets_verdict(ledgered: Ledgered, kind: str, ledger: str) -> None:
    """Put while the service looks, and removed by its own event before we look again: bad bytes stay bad."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET=ledger)
    cloud.upload("thumbnails/good.png", picture("GOOD"), bucket="versioned")
    record = upload(cloud, kind, "NUDE")

    def cover() -> None:
        cloud.bucket("versioned").put_symlink("thumbnails/good.png", KEY)
        link = cloud.records[-1]
        cloud.watcher.interfere = {
            len(cloud.watcher.calls): lambda: cloud.deliver(link, timeout_s=30, request_id="1-other")
        }

    while_the_service_looks(cloud, cover)
    cloud.deliver(record, timeout_s=30)
    bodies = [cloud.body("versioned", KEY, version) for version in cloud.versions("versioned", KEY)]
    assert picture("NUDE") not in bodies


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("cover", ["a folder", "a deletion"])
def test_no_folder_hides_a_picture(ledgered: Ledgered, cover: str, ledger: str) -> None:
    """What is empty and current says nothing of the bytes below it."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET=ledger)
    record = cloud.upload("album/", picture("NUDE"), bucket="versioned")
    if cover == "a folder":
        folder = cloud.upload("album/", b"", bucket="versioned")
        assert statuses(cloud.deliver(folder)) == {"out-of-scope"}
    else:
        cloud.bucket("versioned").delete_object("album/")
    assert statuses(cloud.deliver(record)) == {"quarantined"}


def test_a_folder_below_a_picture_is_a_folder(ledgered: Ledgered) -> None:
    """Its own event is about no picture."""
    cloud = ledgered.cloud
    record = cloud.upload("album/", b"", bucket="versioned")
    cloud.upload("album/", picture("GOOD"), bucket="versioned")
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "out-of-scope"
    assert cloud.held() == []


@pytest.mark.parametrize("word", ["NUDE", "GOOD"])
@pytest.mark.parametrize("age", [timedelta(seconds=10), timedelta(hours=1)])
def test_no_old_version_is_judged_in_place_of_what_was_uploaded(ledgered: Ledgered, word: str, age: timedelta) -> None:
    """The same bytes lie below, from before the ledger was kept: what is current is what the event tells of."""
    cloud = ledgered.cloud
    cloud.upload(KEY, picture(word), bucket="versioned")
    for _, versions in cloud.oss._store.iterate("versioned"):  # noqa: SLF001  (no request can do this)
        for version in versions:
            version.last_modified -= age
    switch(cloud, "Suspended")
    record = cloud.upload(KEY, picture(word), bucket="versioned")
    (document,) = cloud.deliver(record, timeout_s=30)
    assert document["upload"]["version_id"] == "null"
    assert ("null" in cloud.versions("versioned", KEY)) == (word == "GOOD")


def statuses(documents: list[Document]) -> set[str]:
    """How they ended."""
    return {document["outcome"]["status"] for document in documents}


@pytest.mark.exhaustive
@pytest.mark.parametrize("count", [15, 40])
def test_the_same_bytes_once_a_second_are_each_judged(ledgered: Ledgered, count: int) -> None:
    """Each event comes a second late and fits the next upload's version too: none is left to nobody in the end."""
    cloud = ledgered.cloud
    records: list[Record] = []
    documents: list[Document] = []
    for n in range(count + 1):
        for _, versions in cloud.oss._store.iterate("versioned"):  # noqa: SLF001  (time goes by)
            for version in versions:
                version.last_modified -= timedelta(seconds=1)
        records = [aged(record) for record in records]
        if n < count:
            records.append(cloud.upload(KEY, picture("GOOD"), bucket="versioned"))
        if n:
            documents += cloud.deliver(records[n - 1], timeout_s=30)
    assert statuses(documents) == {"passed"}
    marks = [cloud.tags("versioned", KEY, version) for version in cloud.versions("versioned", KEY)]
    assert [mark.get("moderation-status") for mark in marks] == ["passed"] * count


@pytest.mark.parametrize("ledger", LEDGERS)
def test_a_slow_upload_is_found_under_its_cover(ledgered: Ledgered, ledger: str) -> None:
    """Its Last-Modified is of seconds before its event: older, of the same bytes, and nobody else's."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET=ledger)
    bad = cloud.upload(KEY, picture("NUDE"), bucket="versioned")
    cover = cloud.upload(KEY, picture("GOOD"), bucket="versioned")
    cloud.deliver(earlier(bad, -10), earlier(cover, -10), timeout_s=30)
    assert [cloud.body("versioned", KEY, version) for version in cloud.versions("versioned", KEY)] == [picture("GOOD")]
    assert [body for _, body in cloud.held()] == [picture("NUDE")]


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("is_covered", [False, True])
def test_a_slow_upload_is_found_over_old_bytes_without_a_version(
    ledgered: Ledgered, ledger: str, *, is_covered: bool
) -> None:
    """The same bytes of an hour before have an event of their own: what is nearer is the event's."""
    cloud = ledgered.cloud
    cloud.start(LEDGER_BUCKET=ledger)
    cloud.deliver(upload(cloud, "null", "SPAM"), timeout_s=30)
    for _, versions in cloud.oss._store.iterate("versioned"):  # noqa: SLF001  (no request can do this)
        for version in versions:
            version.last_modified -= timedelta(hours=1)
    slow = cloud.upload(KEY, picture("SPAM"), bucket="versioned")
    own = cloud.versions("versioned", KEY)[0]
    if is_covered:
        cloud.upload(KEY, picture("GOOD"), bucket="versioned")
    (document,) = cloud.deliver(earlier(slow, -10), timeout_s=30)
    assert document["upload"]["version_id"] == own
    assert cloud.tags("versioned", KEY, own)["moderation-status"] == "flagged"


def aged(record: Record) -> Record:
    """The event of a second earlier."""
    return earlier(record, 1)
