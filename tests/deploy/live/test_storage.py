"""`warden doctor --live` and OSS: each finding appears where it is true, and a right account gives none."""

import json
from datetime import date

import pytest
from oss2.models import AbortMultipartUpload as Abort
from oss2.models import FilterNot, FilterNotTag
from oss2.models import LifecycleExpiration as After
from oss2.models import LifecycleFilter as Filter
from oss2.models import LifecycleRule as Rule

from scripts.environment.making import ROOT
from tests.deploy.live.storages import (
    SILENT,
    Spoil,
    Storage,
    block,
    block_account,
    block_only,
    encrypt,
    publish,
    replicate,
    retain,
    rights,
    rules,
    together,
    version,
)
from tests.deploy.template.templates import add_trigger

ARN = "acs:kms:ap-southeast-1:1234567890123456:key/key-1"
ABORT = Rule("abort", "", abort_multipart_upload=Abort(days=7))
ONE_DAY = date(2030, 1, 1)
PARTLY = Filter(filter_not=[FilterNot("ledger/v1/2026", FilterNotTag("a", "b"))])
ANEW = "and apply them"
# What is done to a right account; how the only finding begins; how it ends, which is what to do.
FOUND: dict[str, tuple[Spoil, str, str]] = {
    "versions without rights": (
        rights(),
        "error: bucket uploads: it has versions (Enabled), and the rights were written without them",
        "so that nothing can be judged; scripts/warden rights --out DIR --versioned uploads, and apply them",
    ),
    "versions that were suspended": (
        version("uploads", "Suspended"),
        "warning: bucket uploads: without versions an overwrite",
        "enable them",
    ),
    "a ledger with versions": (
        version("ledger", "Suspended"),
        "error: ledger bucket ledger: its versioning is Suspended, and no claim in it would hold",
        "make a new one, never versioned",
    ),
    "public uploads": (
        publish("uploads"),
        "warning: bucket uploads is public-read: a gate has no effect",
        "make it private",
    ),
    "a public quarantine": (
        publish("quarantine"),
        "error: bucket quarantine is public-read: what is held can be read",
        "make it private",
    ),
    "a public ledger": (publish("ledger"), "error: ledger bucket ledger is public-read: everybody", "make it private"),
    "uploads under a key": (
        encrypt("uploads", "KMS", "key-1"),
        "error: bucket uploads is encrypted by KMS with the key 'key-1', to which the rights give none",
        "rights --out DIR --kms-key acs:kms:ap-southeast-1:ACCOUNT:key/key-1, and apply them",
    ),
    "a quarantine under a key": (
        together(rights("--versioned", "uploads", "--kms-key", ARN), encrypt("quarantine", "KMS", "key-2")),
        "error: bucket quarantine is encrypted by KMS with the key 'key-2', to which the rights give none",
        ANEW,
    ),
    "a ledger under a key": (
        encrypt("ledger", "KMS", "key-2"),
        "error: ledger bucket ledger is encrypted by KMS with the key 'key-2'",
        ANEW,
    ),
    "a key that OSS makes": (
        encrypt("uploads", "KMS"),
        "warning: bucket uploads is encrypted by KMS, by a key that OSS makes: which right that takes",
        "name a key of your own there, and in rights --kms-key",
    ),
    "uploads that are kept": (
        retain("uploads"),
        "warning: bucket uploads keeps everything for 1 days (retention policy, Locked): what is quarantined",
        "use one without, or only tag",
    ),
    "a quarantine that is kept": (
        retain("quarantine"),
        "warning: bucket quarantine keeps everything for 1 days",
        "use one without",
    ),
    "a ledger that is kept": (
        retain("ledger"),
        "error: ledger bucket ledger keeps everything for 1 days (retention policy, Locked): records in it are written",
        "use one without",
    ),
    "uploads that are replicated": (
        replicate("uploads", "elsewhere"),
        "warning: bucket uploads is replicated to elsewhere: what is uploaded is there too, unjudged",
        "let nobody read it there, or end the replication",
    ),
    "a quarantine that is replicated": (
        replicate("quarantine", "elsewhere"),
        "warning: bucket quarantine is replicated to elsewhere: what is held is there too",
        "let nobody but your reviewers read it there, or end the replication",
    ),
    "a quarantine that is written into": (
        replicate("uploads", "quarantine"),
        "error: bucket uploads is replicated to quarantine: what OSS writes there would count as held or released",
        "end the replication",
    ),
    "a ledger that is written into": (
        replicate("uploads", "ledger"),
        "error: bucket uploads is replicated to ledger: what OSS writes there would count as held or released",
        "end the replication",
    ),
    "replicas that are not judged": (
        replicate("quarantine", "uploads"),
        "error: bucket quarantine is replicated to uploads: no replica is judged; add ",
        "oss:ObjectReplication:ObjectCreated, oss:ObjectReplication:ObjectModified to the trigger of uploads",
    ),
    "parts that stay": (
        rules("quarantine", Rule("x", "other/", abort_multipart_upload=Abort(days=7))),
        "warning: bucket quarantine: no rule gives up copies in parts that nobody goes on with",
        "add quarantine-lifecycle.xml (warden rights)",
    ),
    "parts that go at a date": (
        rules("quarantine", Rule("x", "", abort_multipart_upload=Abort(created_before_date=ONE_DAY))),
        "warning: bucket quarantine: no rule gives up copies in parts",
        "add quarantine-lifecycle.xml (warden rights)",
    ),
    "parts that go too soon": (
        rules("quarantine", Rule("soon", "held/", abort_multipart_upload=Abort(days=6))),
        "warning: bucket quarantine: its lifecycle rule 'soon' gives up copies in parts after 6 days",
        "a dead letter can go on with one for 7; give it as many",
    ),
    "held copies that go": (
        rules("quarantine", ABORT, Rule("tidy", "held/up", expiration=After(30))),
        "warning: bucket quarantine: its lifecycle rule 'tidy' deletes what is held",
        "narrow its prefix, or be sure",
    ),
    "held copies that go at a date": (
        rules("quarantine", ABORT, Rule("tidy", "", expiration=After(created_before_date=ONE_DAY))),
        "warning: bucket quarantine: its lifecycle rule 'tidy' deletes what is held",
        "narrow its prefix, or be sure",
    ),
    "records that stay": (
        rules("ledger", Rule("x", "ledger/v2/", expiration=After(90))),
        "warning: ledger bucket ledger: no rule deletes old records, which nobody reads and which are billed",
        "add ledger-lifecycle.xml (warden rights)",
    ),
    "records that stay in part": (
        rules("ledger", Rule("x", "ledger/", expiration=After(90), filter=PARTLY)),
        "warning: ledger bucket ledger: no rule deletes old records",
        "add ledger-lifecycle.xml (warden rights)",
    ),
    "records that go too soon": (
        rules("ledger", Rule("soon", "ledger/", expiration=After(7))),
        "warning: ledger bucket ledger: its lifecycle rule 'soon' deletes records after 7 days",
        "would be paid and done again; give it more",
    ),
    "releases that go": (
        rules("ledger", Rule("all", "", expiration=After(90))),
        "warning: ledger bucket ledger: its lifecycle rule 'all' deletes releases",
        "narrow its prefix to 'ledger/v1/'",
    ),
    "a bucket that blocks the gate": (
        block,
        "error: bucket uploads: Block Public Access is on: the gate for everybody is refused or ignored",
        "switch it off here, or name readers (rights --reader)",
    ),
    "an account that blocks the gate": (
        block_account,
        "error: the account: Block Public Access is on: a gate for everybody is refused or ignored in every bucket",
        "switch it off, or name readers (rights --reader)",
    ),
}


def test_a_right_account_is_silent(storage: Storage) -> None:
    """With and without a look at the rights."""
    assert (storage.look().exit_code, storage.look().output) == SILENT
    assert (storage.examine().exit_code, storage.examine().output) == SILENT


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FOUND)
def test_it_is_found(storage: Storage, name: str) -> None:
    """Once, with its bucket, what it does and how to mend it; an error stops, a warning does not."""
    spoil, wanted, mend = FOUND[name]
    spoil(storage)
    done = storage.look()
    (line,) = [line for line in done.output.splitlines() if line.startswith(("error: ", "warning: "))]
    assert line.startswith(wanted)
    assert line.endswith(mend)
    assert done.exit_code == line.startswith("error: ")


MARKERS = """\
<LifecycleConfiguration>
  <Rule><ID>a</ID><Prefix/><Status>Enabled</Status><AbortMultipartUpload><Days>7</Days></AbortMultipartUpload></Rule>
  <Rule><ID>b</ID><Prefix/><Status>Enabled</Status>
    <Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>
  </Rule>
</LifecycleConfiguration>
"""


def clear_markers(storage: Storage) -> None:
    """A rule that takes nothing but delete markers; oss2 itself writes `True`, which it can't read."""
    with storage.open("quarantine") as bucket:
        bucket.put_bucket_lifecycle(MARKERS)


SILENT_TOO: dict[str, Spoil] = {
    "a key that the rights name": together(
        encrypt("uploads", "KMS", "key-1"),
        encrypt("ledger", "KMS", "key-1"),
        rights("--versioned", "uploads", "--kms-key", ARN),
    ),
    "encryption by OSS itself": encrypt("uploads", "AES256"),
    "wider rules": together(rules("quarantine", ABORT), rules("ledger", Rule("old", "ledger/", expiration=After(8)))),
    "rules that are switched off": rules("quarantine", ABORT, Rule("a", "", status="Disabled", expiration=After(1))),
    "rules elsewhere in the quarantine": rules("quarantine", ABORT, Rule("a", "exports/", expiration=After(1))),
    "delete markers that go": clear_markers,
    "a ledger that is replicated": replicate("ledger", "elsewhere"),
    "a gate in an open bucket": rights("--versioned", "uploads", "--gate"),
    "a gate for readers that are named": together(
        rights("--versioned", "uploads", "--gate", "--reader", "1234567890123456"), block_only
    ),
    "a bucket without a gate that blocks public access": block_only,
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SILENT_TOO)
def test_what_is_right_is_not_told(storage: Storage, name: str) -> None:
    """No false alarm."""
    SILENT_TOO[name](storage)
    done = storage.look()
    assert (done.exit_code, done.output) == SILENT


def test_replicas_that_are_announced_are_right(storage: Storage) -> None:
    """Where the trigger of the destination has both events; the source's own warning stays away."""
    second = add_trigger(
        ("triggerName: uploads", "triggerName: copies"),
        ("${vars.bucket}", "copies"),
        (
            "              # - oss:ObjectReplication:ObjectCreated",
            "              - oss:ObjectReplication:ObjectCreated",
        ),
        (
            "              # - oss:ObjectReplication:ObjectModified",
            "              - oss:ObjectReplication:ObjectModified",
        ),
    )
    storage.deploy(("${vars.bucket}  ", '"uploads,copies"  '), second)
    storage.oss.create_bucket("copies", versioned=True)
    storage.write_rights("--versioned", "copies")
    replicate("uploads", "copies")(storage)
    done = storage.look()
    assert (done.exit_code, done.output) == SILENT


REPLICATED = ("Replication:ObjectCreated", "Replication:ObjectModified")


@pytest.mark.parametrize(
    ("types", "is_announced"),
    [
        (["oss:ObjectCreated:PutObject"], False),
        (["oss:ObjectCreated:PutObject", "oss:ObjectReplication:ObjectCreated"], False),
        ([f"oss:Object{what}" for what in ("Created:PutObject", *REPLICATED)], True),
        ([{"prefix": "oss:Object"}], True),
        (None, True),
    ],
)
@pytest.mark.parametrize("watched", ["copies", "others"])
def test_replicas_may_be_announced_by_eventbridge(
    storage: Storage, types: list[object] | None, watched: str, *, is_announced: bool
) -> None:
    """Where its rule is about the destination and brings both events, by name, by prefix or with all others."""
    kinds = {} if types is None else {"type": types}
    rule = {"source": ["acs.oss"], **kinds, "data": {"oss": {"bucket": {"name": ["uploads", watched]}}}}
    head, _, _ = storage.checkout.template.read_text().partition("      triggers:\n")
    config = {"triggerEnable": True, "asyncInvocationType": True, "eventRuleFilterPattern": json.dumps(rule)}
    trigger = {"triggerName": "bus", "triggerType": "eventbridge", "triggerConfig": config}
    head = head.replace("WATCHED_BUCKETS: ${vars.bucket}", f"WATCHED_BUCKETS: uploads,{watched}")
    storage.checkout.template.write_text(f"{head}      triggers: {json.dumps([trigger])}\n")
    for name in {"copies", watched}:
        storage.oss.create_bucket(name, versioned=True)
    replicate("uploads", "copies")(storage)
    said = storage.examine().output
    assert ("no replica is judged" in said) == (watched == "copies" and not is_announced)


def test_versions_that_were_suspended_take_rights_too(storage: Storage) -> None:
    """What lies there has a version, if only `null`."""
    together(rights(), version("uploads", "Suspended"))(storage)
    done = storage.look()
    assert done.exit_code == 1
    assert "error: bucket uploads: it has versions (Suspended), and the rights were written without them" in done.output


def test_without_quarantine_and_ledger_there_is_less_to_look_at(storage: Storage) -> None:
    """A policy that only tags names one bucket; the others may be as they like."""
    storage.checkout.policy.write_bytes((ROOT / "policies" / "tag-only.yml").read_bytes())
    storage.deploy(("ledger_bucket: ledger", 'ledger_bucket: ""'))
    for path in (storage.checkout.folder / "rights").iterdir():
        path.unlink()
    storage.write_rights("--versioned", "uploads")
    together(publish("quarantine"), publish("ledger"), retain("ledger"), retain("uploads"))(storage)
    done = storage.look()
    assert (done.exit_code, done.output) == SILENT


def test_a_quarantine_among_the_uploads_is_looked_at_as_both(storage: Storage) -> None:
    """Its lifecycle is that of the uploads: rules below the quarantine's prefix are told, others are not."""
    text = storage.checkout.policy.read_text()
    assert 'quarantine: {bucket: "${QUARANTINE_BUCKET}"' in text
    text = text.replace('quarantine: {bucket: "${QUARANTINE_BUCKET}"', "quarantine: {bucket: uploads")
    storage.checkout.policy.write_text(text + '\nscope: {exclude: ["held/**"]}\n')
    storage.deploy(('prefix: ""', "prefix: avatars/"))
    storage.write_rights()
    rules("uploads", ABORT, Rule("drafts", "drafts/", expiration=After(1)))(storage)
    assert (storage.look().exit_code, storage.look().output) == SILENT
    rules("uploads", ABORT, Rule("all", "", expiration=After(1)))(storage)
    retain("uploads")(storage)
    told = [line.split(":")[1] for line in storage.look().output.splitlines()[:-1]]
    assert told == [" bucket uploads keeps everything for 1 days (retention policy, Locked)"] * 2 + [" bucket uploads"]


def test_a_policy_that_removes_nothing_may_have_a_retention(storage: Storage) -> None:
    """What only tags is not hindered by what may not be removed."""
    text = storage.checkout.policy.read_text()
    storage.checkout.policy.write_text(text.replace("mode: enforce", "mode: shadow"))
    storage.write_rights()
    storage.oss.retain("uploads")
    assert "keeps everything" not in storage.look().output


def test_a_key_is_told_where_the_rights_are_not_known(storage: Storage) -> None:
    """Without --rights nobody can say whether it fits."""
    encrypt("uploads", "KMS", "key-1")(storage)
    done = storage.examine()
    assert done.exit_code == 0
    assert "warning: bucket uploads is encrypted by KMS with the key 'key-1': doctor --rights DIR says" in done.output
