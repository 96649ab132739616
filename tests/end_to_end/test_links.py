"""Links: however one came under a key that is looked at, it goes (or is marked), and what it points to stays.

Bytes that were judged under one key's rules, or never, are not to be served under another.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import oss2
import pytest

from scripts.localcloud.wire import Fault, WireCall
from tests.end_to_end.ledgered_cloud import Ledgered
from tests.end_to_end.test_crash_matrix import seldom
from tests.end_to_end.warden_cloud import Document, Record, WardenCloud, earlier, picture

AVATARS = (
    "version: 1\nname: avatars\nrules: []\nscope: {include: ['avatars/**', 'x/']}\n"
    "quarantine: {bucket: quarantine, prefix: h/}\n"
)
TARGET = "documents/bad.png"
KEY = "avatars/me.png"
BUCKETS = ["uploads", "versioned"]
Make = Callable[[WardenCloud, str, str], Record]


def put(cloud: WardenCloud, bucket: str, key: str = KEY) -> Record:
    """Put a link."""
    cloud.bucket(bucket).put_symlink(TARGET, key)
    return cloud.records[-1]


def copy(cloud: WardenCloud, bucket: str, key: str = KEY) -> Record:
    """Copy a link from where nobody looks in the same bucket."""
    cloud.bucket(bucket).put_symlink(TARGET, "documents/link")
    cloud.bucket(bucket).copy_object(bucket, "documents/link", key).resp.read()
    return cloud.records[-1]


def copy_from_elsewhere(cloud: WardenCloud, bucket: str, key: str = KEY) -> Record:
    """Copy a link from a bucket of the uploader's own."""
    own_bucket(cloud, "elsewhere", versioned=False)
    cloud.bucket("elsewhere").put_symlink(TARGET, "link")
    cloud.bucket(bucket).copy_object("elsewhere", "link", key).resp.read()
    return cloud.records[-1]


def own_bucket(cloud: WardenCloud, name: str, *, versioned: bool) -> None:
    """Create a bucket that nobody watches, once."""
    try:
        cloud.bucket(name).get_bucket_info()
    except oss2.exceptions.NoSuchBucket:
        cloud.oss.create_bucket(name, versioned=versioned)


def replicate(cloud: WardenCloud, bucket: str, key: str = KEY) -> Record:
    """Put a link into a bucket that is replicated."""
    own_bucket(cloud, "origin", versioned=bucket == "versioned")
    cloud.bucket("origin").put_symlink(TARGET, key)
    cloud.oss.replicate("origin", key, bucket)
    return cloud.records[-1]


WAYS: dict[str, Make] = {
    "put": put,
    "copied": copy,
    "copied from elsewhere": copy_from_elsewhere,
    "replicated": replicate,
}


def start(ledgered: Ledgered, policy: str = AVATARS, ledger: str = "ledger") -> WardenCloud:
    """Start the function on a policy that looks at avatars only, with bad bytes where it does not look."""
    cloud = ledgered.cloud
    cloud.start(policy, LEDGER_BUCKET=ledger)
    for bucket in BUCKETS:
        cloud.upload(TARGET, picture("NUDE"), bucket=bucket)
    return cloud


def links(cloud: WardenCloud, bucket: str, key: str = KEY) -> list[str]:
    """The versions under the key that are links; without versions, the one that may be there."""
    listed = cloud.bucket(bucket).list_object_versions(prefix=key).versions
    return [version.versionid for version in listed if version.key == key and version.type == "Symlink"]


def of(record: Record, moment: datetime) -> Record:
    """The event of another moment."""
    return {**record, "eventTime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


def is_untouched(cloud: WardenCloud, bucket: str) -> bool:
    """Whether the target is as it was uploaded, and nothing was held."""
    return cloud.body(bucket, TARGET) == picture("NUDE") and not cloud.tags(bucket, TARGET) and not cloud.held()


def settle(cloud: WardenCloud, *records: Record) -> list[Document]:
    """Deliver each event until its invocation succeeds, three times at the most; the last document of each."""
    return [document for record in records for document in until_done(cloud, record)]


def until_done(cloud: WardenCloud, record: Record, **how: Any) -> list[Document]:  # noqa: ANN401
    """Deliver one event until its invocation succeeds."""
    for delivery in (1, 2, 3):
        documents = cloud.deliver(record, delivery=delivery, **how)
        if cloud.error is None:
            return documents
    raise AssertionError(f"it never ended well: {cloud.error}")


@pytest.mark.parametrize("ledger", ["", "ledger"], ids=["no ledger", "ledger"])
@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("way", WAYS)
def test_a_link_goes_however_it_came(ledgered: Ledgered, way: str, bucket: str, ledger: str) -> None:
    """One delivery, no call to the service; the outcome names the link, and its target is untouched."""
    cloud = start(ledgered, ledger=ledger)
    (document,) = cloud.deliver(WAYS[way](cloud, bucket, KEY))
    assert (document["outcome"]["status"], cloud.error) == ("deleted", None)
    assert document["decision"]["failure"] == "symlink"
    assert document["outcome"]["calls"]["green"] == 0
    ((name),) = document["outcome"]["links"]
    assert name.partition("?")[0] == f"{bucket}/{KEY}"
    assert KEY not in cloud.keys(bucket)
    assert links(cloud, bucket) == []
    assert is_untouched(cloud, bucket)


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("way", ["put", "copied"])
def test_a_link_between_keys_of_other_rules_goes(cloud: WardenCloud, way: str, bucket: str) -> None:
    """What passes under one key by its rule is not served under another, where it would not."""
    cloud.start(
        "version: 1\nname: keyed\nrules:\n"
        "  - {name: art, match: {labels: [pornographic_adultContent], keys: ['documents/**']}, action: pass}\n"
        "  - {name: nude, match: {labels: [pornographic_adultContent]}, action: quarantine}\n"
        "quarantine: {bucket: quarantine, prefix: h/}\n"
    )
    assert cloud.moderate(TARGET, picture("NUDE"), bucket=bucket)["outcome"]["status"] == "passed"
    record = WAYS[way](cloud, bucket, KEY)
    assert settle(cloud, record)[0]["outcome"]["status"] == "deleted"
    assert KEY not in cloud.keys(bucket)
    assert cloud.tags(bucket, TARGET)["moderation-status"] == "passed"


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_link_that_is_out_of_scope_stays(ledgered: Ledgered, bucket: str) -> None:
    """It costs nothing but, for a copy of it, nothing either: only the key says what is looked at."""
    cloud = start(ledgered)
    records = [put(cloud, bucket, "documents/a"), copy(cloud, bucket, "documents/b")]
    documents = cloud.deliver(*records)
    assert [document["outcome"]["status"] for document in documents] == ["out-of-scope"] * 2
    assert {"documents/a", "documents/b"} <= set(cloud.keys(bucket))


TARGETS: dict[str, Callable[[oss2.Bucket], object]] = {
    "missing": lambda bucket: bucket.delete_object(TARGET),
    "a link": lambda bucket: bucket.put_symlink("documents/other", TARGET),
    "archived": lambda bucket: bucket.put_object(TARGET, b"x", headers={"x-oss-storage-class": "Archive"}),
    "empty": lambda bucket: bucket.put_object(TARGET, b""),
}


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("way", ["put", "copied"])
@pytest.mark.parametrize("target", TARGETS)
def test_whatever_a_link_leads_to_it_goes(ledgered: Ledgered, target: str, way: str, bucket: str) -> None:
    """HEAD answers for the target, or not at all: the link is seen all the same, and gone after one delivery."""
    cloud = start(ledgered)
    record = WAYS[way](cloud, bucket, KEY)
    TARGETS[target](cloud.bucket(bucket))
    (document,) = cloud.deliver(record)
    assert (document["outcome"]["status"], cloud.error) == ("deleted", None)
    assert document["outcome"]["calls"]["green"] == 0
    assert links(cloud, bucket) == []


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("way", ["put", "copied"])
def test_a_link_whose_key_looks_like_a_folder_goes(ledgered: Ledgered, way: str, bucket: str) -> None:
    """A folder's marker holds no picture; a link to an empty object under such a name may lead to one later."""
    cloud = start(ledgered)
    record = WAYS[way](cloud, bucket, "x/")
    cloud.upload(TARGET, b"", bucket=bucket)
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "deleted"
    assert "x/" not in cloud.keys(bucket)
    assert links(cloud, bucket, "x/") == []


@pytest.mark.parametrize("way", ["put", "copied", "replicated"])
@pytest.mark.parametrize("cover", ["a deletion", "a picture", "a bad picture"])
def test_a_link_under_something_newer_goes(ledgered: Ledgered, way: str, cover: str) -> None:
    """What hides it today may be removed tomorrow; what hides it stays or goes by itself."""
    cloud = start(ledgered)
    record = WAYS[way](cloud, "versioned", KEY)
    if cover == "a deletion":
        cloud.bucket("versioned").delete_object(KEY)
        covers = []
    else:
        covers = [cloud.upload(KEY, picture("GOOD" if cover == "a picture" else "NUDE"), bucket="versioned")]
    (document,) = settle(cloud, record)
    assert document["outcome"]["status"] == "deleted"
    assert links(cloud, "versioned") == []
    settle(cloud, *covers)
    assert (KEY in cloud.keys("versioned")) == (cover == "a picture")


@pytest.mark.parametrize("ledger", ["ledger", ""])
@pytest.mark.parametrize("way", ["copied", "copied from elsewhere", "replicated"])
def test_a_link_under_an_object_of_its_own_etag_goes(ledgered: Ledgered, way: str, ledger: str) -> None:
    """Its event fits the object too, and the object's finds the link too old: links are looked for before all else."""
    cloud = start(ledgered, AVATARS + "failures: {unsupported: tag}\n", ledger)
    link = WAYS[way](cloud, "versioned", KEY)
    (own,) = links(cloud, "versioned")
    cover = cloud.upload(KEY, b"", bucket="versioned")
    assert link["oss"]["object"]["eTag"] == cover["oss"]["object"]["eTag"]
    # Last-Modified is cut to seconds: less than two from the link's event, and more from the link's own.
    link_at = datetime.now(timezone.utc).replace(microsecond=400_000) - timedelta(seconds=20)
    cover_at = link_at + timedelta(seconds=2.1)
    for key, versions in cloud.oss._store.iterate("versioned"):  # noqa: SLF001  (time goes by)
        for version in versions if key == KEY else []:
            moment = link_at if version.version_id == own else cover_at
            version.last_modified = moment.replace(tzinfo=version.last_modified.tzinfo)
    settle(cloud, of(link, link_at), of(cover, cover_at))
    assert links(cloud, "versioned") == []
    assert cloud.tags("versioned", KEY)["moderation-status"] == "unverified"


@pytest.mark.parametrize("ledger", ["", "ledger"], ids=["no ledger", "ledger"])
@pytest.mark.parametrize("target", [TARGET, "nothing", KEY], ids=["bad", "missing", "itself"])
@pytest.mark.parametrize("kind", ["put", seldom("copy")])
@pytest.mark.parametrize("cover", ["", "nothing new", "a deletion", "a picture"])
def test_a_link_without_a_version_of_its_own_goes(
    ledgered: Ledgered, cover: str, kind: str, target: str, ledger: str
) -> None:
    """Put while versioning was suspended, beside a picture of the same moment; then it is perhaps enabled again."""
    cloud = start(ledgered, ledger=ledger)
    cloud.oss._store.bucket("versioned").versioning_status = "Suspended"  # noqa: SLF001
    picture_record = WRITE[kind](cloud, "versioned", picture("GOOD", salt=kind))
    cloud.bucket("versioned").put_symlink(target, KEY)
    record = cloud.records[-1]
    if cover:
        cloud.oss._store.bucket("versioned").versioning_status = "Enabled"  # noqa: SLF001
    if cover == "a deletion":
        cloud.bucket("versioned").delete_object(KEY)
    elif cover == "a picture":
        cloud.upload(KEY, picture("FLAG"), bucket="versioned")
    settle(cloud, picture_record, record)
    assert links(cloud, "versioned") == []
    assert (KEY in cloud.keys("versioned")) == (cover == "a picture")
    assert is_untouched(cloud, "versioned")


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("kind", ["put", "post", "append", "multipart", "copy"])
def test_the_event_of_another_kind_deals_with_a_link(ledgered: Ledgered, kind: str, bucket: str) -> None:
    """A link of the same moment, put over a picture, goes with the picture's event, which then looks for its own."""
    cloud = start(ledgered)
    body = picture("NUDE", salt=kind)
    record = WRITE[kind](cloud, bucket, body)
    put(cloud, bucket)
    (document,) = settle(cloud, record)
    assert links(cloud, bucket) == []
    assert KEY not in cloud.keys(bucket)
    if bucket == "versioned":
        assert document["outcome"]["status"] == "quarantined"
        assert body in [held for _, held in cloud.held()]
    else:
        # The link was written over the picture. A copy's event may as well be the link's own.
        assert document["outcome"]["status"] == ("deleted" if kind == "copy" else "gone")


def post(cloud: WardenCloud, bucket: str, body: bytes) -> Record:
    """Write as a browser's form does, by its event: the bytes come as by any other way."""
    record = cloud.upload(KEY, body, bucket=bucket)
    return {**record, "eventName": "ObjectCreated:PostObject"}


def append(cloud: WardenCloud, bucket: str, body: bytes) -> Record:
    """Append to nothing."""
    cloud.bucket(bucket).append_object(KEY, 0, body)
    return cloud.records[-1]


def upload_in_parts(cloud: WardenCloud, bucket: str, body: bytes) -> Record:
    """Upload as one part."""
    to = cloud.bucket(bucket)
    upload_id = to.init_multipart_upload(KEY).upload_id
    etag = to.upload_part(KEY, upload_id, 1, body).etag
    to.complete_multipart_upload(KEY, upload_id, [oss2.models.PartInfo(1, etag)]).resp.read()
    return cloud.records[-1]


def copy_picture(cloud: WardenCloud, bucket: str, body: bytes) -> Record:
    """Copy from where nobody looks."""
    cloud.upload("documents/source.png", body, bucket=bucket)
    cloud.bucket(bucket).copy_object(bucket, "documents/source.png", KEY).resp.read()
    return cloud.records[-1]


WRITE: dict[str, Callable[[WardenCloud, str, bytes], Record]] = {
    "put": lambda cloud, bucket, body: cloud.upload(KEY, body, bucket=bucket),
    "post": post,
    "append": append,
    "multipart": upload_in_parts,
    "copy": copy_picture,
}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_link_that_is_newer_than_the_event_is_left_to_its_own(ledgered: Ledgered, bucket: str) -> None:
    """An older event ends by what became of its bytes; the link goes with its own event."""
    cloud = start(ledgered)
    record = cloud.upload(KEY, picture("GOOD"), bucket=bucket)
    link = put(cloud, bucket)
    (first,) = settle(cloud, earlier(record))
    assert first["outcome"]["links"] == []
    assert first["outcome"]["status"] == ("gone" if bucket == "versioned" else "superseded")
    assert links(cloud, bucket) != []
    assert settle(cloud, link)[0]["outcome"]["status"] == "deleted"
    assert links(cloud, bucket) == []


@pytest.mark.parametrize(
    ("way", "bucket", "ledger"),
    [
        ("put", "versioned", "ledger"),
        ("copied", "uploads", ""),
        seldom("put", "versioned", ""),
        seldom("copied", "versioned", "ledger"),
        seldom("copied", "versioned", ""),
        seldom("put", "uploads", "ledger"),
    ],
)
def test_twin_links_leave_none_in_any_gap(ledgered: Ledgered, way: str, bucket: str, ledger: str) -> None:
    """The same link three times within a second, the events of the later two delivered in each gap of the first's."""
    cloud = start(ledgered, ledger=ledger)
    gap = 0
    happened = True
    while happened:
        gap += 1
        records = [WAYS[way](cloud, bucket, KEY) for _ in range(3)]
        inner: list[Document] = []
        cloud.watcher.calls.clear()
        cloud.watcher.interfere = {gap: lambda records=records, inner=inner: inner.extend(settle(cloud, *records[1:]))}  # type: ignore[misc]
        outer = settle(cloud, records[0])
        happened = not cloud.watcher.interfere
        cloud.watcher.interfere = {}
        outer += inner or settle(cloud, *records[1:])
        assert links(cloud, bucket) == [], f"after call {gap}"
        assert KEY not in cloud.keys(bucket)
        ends = {document["outcome"]["status"] for document in outer}
        assert "deleted" in ends
        assert ends <= {"deleted", "gone", "superseded"}, f"after call {gap}"
    assert gap > 3
    assert is_untouched(cloud, bucket)


@pytest.mark.parametrize(
    ("way", "bucket"),
    [
        ("copied", "uploads"),
        ("copied", "versioned"),
        seldom("put", "uploads"),
        seldom("put", "versioned"),
        seldom("replicated", "uploads"),
        seldom("replicated", "versioned"),
    ],
)
def test_a_link_goes_whenever_the_function_is_killed(ledgered: Ledgered, way: str, bucket: str) -> None:
    """Killed after any call, delivered again: the link is gone, and its target as it was."""
    cloud = start(ledgered)
    kill, documents = 0, None
    while documents is None:
        kill += 1
        record = WAYS[way](cloud, bucket, KEY)
        documents = ledgered.deliver(record, kill_after=kill)
        if documents is None:
            ledgered.age(hours=2)
            (document,) = until_done(cloud, record, request_id="1-other")
            # Once how it ended was written down, it is a duplicate.
            assert document["outcome"]["status"] in {"deleted", "gone", "duplicate"}
        assert links(cloud, bucket) == [], f"killed after call {kill}"
        assert KEY not in cloud.keys(bucket)
    assert kill > 3
    assert is_untouched(cloud, bucket)


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("way", WAYS)
def test_with_tag_every_link_is_marked_unverified(ledgered: Ledgered, way: str, bucket: str) -> None:
    """`symlink: tag`: the link stays, marked; its target is not, and nothing is held."""
    cloud = start(ledgered, AVATARS + "failures: {symlink: tag}\n")
    record = WAYS[way](cloud, bucket, KEY)
    (document,) = settle(cloud, record)
    assert document["outcome"]["status"] == "unverified"
    assert cloud.tags(bucket, KEY)["moderation-status"] == "unverified"
    assert len(links(cloud, bucket)) == 1
    assert is_untouched(cloud, bucket)
    # It is a matter of the bytes: the end of a redelivery is the same, and final.
    assert cloud.deliver(record, delivery=2)[0]["outcome"]["status"] == "duplicate"


def test_with_tag_twin_links_are_each_marked(ledgered: Ledgered) -> None:
    """In a versioned bucket no version of a link stays without a mark, and none is marked by each event again."""
    cloud = start(ledgered, AVATARS + "failures: {symlink: tag}\n")
    records = [put(cloud, "versioned") for _ in range(3)]
    cloud.watcher.calls.clear()
    documents = settle(cloud, *records)
    assert cloud.watcher.operations.count("PutObjectTagging") == 3
    assert {document["outcome"]["status"] for document in documents} == {"unverified"}
    marks = [cloud.tags("versioned", KEY, version) for version in links(cloud, "versioned")]
    assert [mark.get("moderation-status") for mark in marks] == ["unverified"] * 3


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("way", WAYS)
def test_with_none_a_link_is_left_alone(ledgered: Ledgered, way: str, bucket: str) -> None:
    """`symlink: none`: nobody touches it, and nobody takes it for a picture."""
    cloud = start(ledgered, AVATARS + "failures: {symlink: none}\n")
    (document,) = settle(cloud, WAYS[way](cloud, bucket, KEY))
    assert document["outcome"]["status"] == "left-alone"
    assert document["outcome"]["calls"]["green"] == 0
    assert cloud.tags(bucket, KEY) == {}
    assert len(links(cloud, bucket)) == 1


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_link_that_may_not_be_removed_is_marked_and_told(ledgered: Ledgered, bucket: str) -> None:
    """Under a retention policy it stays: marked, and the outcome gives the true reason."""
    cloud = start(ledgered)
    record = copy(cloud, bucket)
    cloud.watcher.spoil = lambda call: (
        Fault(status=409, code="FileImmutable") if call.operation == "DeleteObject" else None
    )
    (document,) = cloud.deliver(record)
    assert document["outcome"]["status"] == "failed"
    assert "retention policy" in document["outcome"]["error"]
    assert cloud.tags(bucket, KEY)["moderation-status"] == "unverified"
    assert is_untouched(cloud, bucket)


UPLOADS: dict[str, Callable[[WardenCloud], Record]] = {
    "put": lambda cloud: cloud.upload(KEY, picture("NUDE"), bucket="versioned"),
    "copied": lambda cloud: copy_picture(cloud, "versioned", picture("NUDE")),
}


def nudes(action: str) -> str:
    """A policy that holds nudes, and does this with links."""
    return (
        "version: 1\nname: nudes\nrules: [{name: n, match: {labels: ['pornographic_*']}, action: quarantine}]\n"
        f"scope: {{include: ['avatars/**']}}\nquarantine: {{bucket: quarantine, prefix: h/}}\n"
        f"failures: {{symlink: {action}}}\n"
    )


@pytest.mark.parametrize("ledger", ["", "ledger"], ids=["no ledger", "ledger"])
@pytest.mark.parametrize("way", ["put", "copied"])
@pytest.mark.parametrize(("action", "operation"), [("delete", "DeleteObject"), ("tag", "PutObjectTagging")])
def test_a_link_that_has_to_stay_shields_no_picture(
    ledgered: Ledgered, action: str, operation: str, way: str, ledger: str
) -> None:
    """Neither one put beside it nor one copied; what keeps the link fails the invocation all the same."""
    cloud = start(ledgered, nudes(action), ledger)
    record = UPLOADS[way](cloud)
    link = put(cloud, "versioned")
    (kept,) = links(cloud, "versioned")
    cloud.watcher.spoil = lambda call: (
        Fault(status=409, code="FileImmutable") if call.operation == operation and kept in str(call) else None
    )
    (document,) = cloud.deliver(record, timeout_s=30)
    assert document["outcome"]["status"] == "quarantined"
    assert "retention policy" in document["outcome"]["error"]
    assert cloud.versions("versioned", KEY) == [kept]
    assert [body for _, body in cloud.held()] == [picture("NUDE")]
    (document,) = cloud.deliver(link, timeout_s=30)
    assert document["outcome"]["status"] == "failed"
    assert "retention policy" in document["outcome"]["error"]


@pytest.mark.parametrize(
    ("action", "way", "ledger"),
    [
        ("tag", "put", "ledger"),
        ("delete", "copied", ""),
        seldom("tag", "copied", ""),
        seldom("delete", "put", "ledger"),
    ],
)
def test_many_links_keep_nobody_from_a_picture(ledgered: Ledgered, action: str, way: str, ledger: str) -> None:
    """A few come first, then the picture, then the others: all in one delivery, and the picture's end is told."""
    cloud = start(ledgered, nudes(action), ledger)
    for _ in range(20):
        put(cloud, "versioned")
    record = UPLOADS[way](cloud)
    for _ in range(20):
        put(cloud, "versioned")
    cloud.watcher.calls.clear()
    (document,) = cloud.deliver(record, timeout_s=60)
    assert (cloud.error, document["outcome"]["status"], document["decision"]["rule"]) == (None, "quarantined", "n")
    assert document["verdict"]["findings"]
    assert len(document["outcome"]["links"]) == 40
    assert cloud.watcher.operations.index("ImageModeration") < 70
    marks = [cloud.tags("versioned", KEY, link) for link in links(cloud, "versioned")]
    assert [mark["moderation-status"] for mark in marks] == ([] if action == "delete" else ["unverified"] * 40)


@pytest.mark.parametrize("way", ["put", "copied"])
def test_what_stops_the_links_after_a_picture_leaves_its_end(ledgered: Ledgered, way: str) -> None:
    """OSS is down for the last of them: the picture is held, the outcome says so, and the invocation fails."""
    cloud = start(ledgered, nudes("delete"))
    record = UPLOADS[way](cloud)
    events = [put(cloud, "versioned") for _ in range(12)]

    def spoil(call: WireCall) -> Fault | None:
        is_after = "ImageModeration" in cloud.watcher.operations and call.version_id in versions
        return Fault(status=503, code="ServiceUnavailable") if is_after else None

    versions = links(cloud, "versioned")
    cloud.watcher.spoil = spoil
    (document,) = cloud.deliver(record, timeout_s=60)
    assert (document["outcome"]["status"], document["decision"]["rule"]) == ("quarantined", "n")
    assert "ServiceUnavailable" in document["outcome"]["error"]
    assert cloud.error is not None
    cloud.watcher.spoil = lambda _: None
    settle(cloud, *events)
    assert links(cloud, "versioned") == []


@pytest.mark.parametrize("way", ["put", "copied"])
@pytest.mark.parametrize("action", ["delete", "tag"])
def test_a_link_under_a_picture_that_was_removed_leaves_its_end(ledgered: Ledgered, action: str, way: str) -> None:
    """Without a ledger a removal is followed by a look for twins, which meets the link: what was judged is told."""
    cloud = start(ledgered, nudes(action), "")
    put(cloud, "versioned")
    (link,) = links(cloud, "versioned")
    record = UPLOADS[way](cloud)
    make_older(cloud, link)
    (document,) = cloud.deliver(record, timeout_s=30)
    assert (document["outcome"]["status"], document["decision"]["rule"]) == ("quarantined", "n")
    assert document["verdict"]["findings"]
    assert document["outcome"]["location"].startswith("quarantine/h/versioned/")
    assert document["outcome"]["links"] == [f"versioned/{KEY}?versionId={link}"]


def make_older(cloud: WardenCloud, version_id: str) -> None:
    """Make one version of the key some seconds older."""
    for key, versions in cloud.oss._store.iterate("versioned"):  # noqa: SLF001  (time goes by)
        for version in versions if key == KEY else []:
            version.last_modified -= timedelta(seconds=8 if version.version_id == version_id else 0)


@pytest.mark.parametrize("ledger", ["", "ledger"], ids=["no ledger", "ledger"])
@pytest.mark.parametrize("way", ["put", "copied"])
@pytest.mark.parametrize("action", ["delete", "tag"])
def test_a_link_shields_no_picture_that_took_long(ledgered: Ledgered, action: str, way: str, ledger: str) -> None:
    """Older than its event by its Last-Modified, it is found below a link of the event's moment too."""
    cloud = start(ledgered, nudes(action), ledger)
    record = UPLOADS[way](cloud)
    (own,) = cloud.versions("versioned", KEY)
    put(cloud, "versioned")
    make_older(cloud, own)
    (document,) = cloud.deliver(record, timeout_s=30)
    assert (document["outcome"]["status"], document["decision"]["rule"]) == ("quarantined", "n")
    assert [body for _, body in cloud.held()] == [picture("NUDE")]


@pytest.mark.parametrize("ledger", ["", "ledger"], ids=["no ledger", "ledger"])
@pytest.mark.parametrize("way", ["put", "copied"])
def test_an_older_link_that_comes_to_light_leaves_the_decision(ledgered: Ledgered, way: str, ledger: str) -> None:
    """The end of the event's own link is told with why, whatever lay below it."""
    cloud = start(ledgered, ledger=ledger)
    put(cloud, "versioned")
    (older,) = links(cloud, "versioned")
    record = WAYS[way](cloud, "versioned", KEY)
    make_older(cloud, older)
    (document,) = cloud.deliver(record)
    assert len(document["outcome"]["links"]) == 2
    assert (document["outcome"]["status"], document["decision"]["failure"]) == ("deleted", "symlink")


@pytest.mark.exhaustive
def test_a_copy_beside_a_link_is_held_once_whenever_the_function_is_killed(ledgered: Ledgered) -> None:
    """Killed after any call, delivered again: the place is the upload's own, so that it is found there, and told."""
    cloud = start(ledgered, nudes("delete"))
    kill, documents = 0, None
    while documents is None:
        kill += 1
        record = copy_picture(cloud, "versioned", picture("NUDE"))
        put(cloud, "versioned")
        documents = ledgered.deliver(record, kill_after=kill, timeout_s=30)
        ledgered.age(hours=2)
        (document,) = documents or until_done(cloud, record, request_id="1-other", timeout_s=30)
        # Once how it ended was written down, it is a duplicate.
        assert document["outcome"]["status"] in {"quarantined", "duplicate"}, f"killed after call {kill}"
        ((held, body),) = cloud.held()
        assert (document["outcome"]["location"], body) == (f"quarantine/{held}", picture("NUDE"))
        assert cloud.versions("versioned", KEY) == [], f"killed after call {kill}"
        cloud.bucket("quarantine").delete_object(held)
    assert kill > 3


@pytest.mark.exhaustive
@pytest.mark.parametrize(("way", "ledger"), [("put", "ledger"), seldom("put", ""), seldom("copied", "ledger")])
def test_links_that_an_outage_left_are_marked_by_the_next_delivery(ledgered: Ledgered, way: str, ledger: str) -> None:
    """The end of one link is no end of its event while others are left: it may as well be theirs."""
    cloud = start(ledgered, nudes("tag"), ledger)
    events = [WAYS[way](cloud, "versioned", KEY) for _ in range(11)]
    versions = links(cloud, "versioned")
    down = Fault(status=503, code="ServiceUnavailable")
    cloud.watcher.spoil = lambda call: down if call.version_id in versions[10:] else None
    documents = [document for event in events for document in cloud.deliver(event, timeout_s=30)]
    assert {document["outcome"]["status"] for document in documents} == {"failed"}
    cloud.watcher.spoil = lambda _: None
    documents = [document for event in events for document in cloud.deliver(event, delivery=2, timeout_s=30)]
    assert {document["outcome"]["status"] for document in documents} == {"unverified"}
    marks = [cloud.tags("versioned", KEY, version).get("moderation-status") for version in versions]
    assert marks == ["unverified"] * 11
