"""The settings of a bucket: encryption, lifecycle, retention, replication, public access, ACL.

Each is kept and answered as the XML that set it, without being carried out, but for encryption and retention, which
their own modules do. What is not set is answered with the code of the API reference, and with
`NoSuchReplicationConfiguration`, as an older edition of it has it; a Block Public Access that nobody set is answered as
off.
"""

from xml.etree import ElementTree as ET

from scripts.localcloud.oss import encryption
from scripts.localcloud.oss.call import Call
from scripts.localcloud.oss.protocol import Answer, OssError, text, xml, xml_answer

BUCKET_ACLS = frozenset({"private", "public-read", "public-read-write"})
_ABSENT = {
    "GetBucketEncryption": ("NoSuchServerSideEncryptionRule", "The server side encryption configuration is not found."),
    "GetBucketLifecycle": ("NoSuchLifecycle", "No Row found in Lifecycle Table."),
    "GetBucketWorm": ("NoSuchWORMConfiguration", "The bucket has no WORM configuration."),
    "GetBucketReplication": (
        "NoSuchReplicationConfiguration",
        "The bucket you specified does not have replication configuration.",
    ),
}
_OPEN = xml("PublicAccessBlockConfiguration", text("BlockPublicAccess", "false"))


def get_setting(call: Call) -> Answer:
    """GetBucketLifecycle, GetBucketReplication: what was put. Raises OssError 404 where nothing was."""
    with call.store.lock:
        call.store.bucket(call.request.bucket)
        return _answer(call, call.store.settings.get((call.request.bucket, _name_of(call)), ""))


def get_public_access_block(call: Call) -> Answer:
    """GetBucketPublicAccessBlock, and GetPublicAccessBlock of the account."""
    with call.store.lock:
        if call.request.bucket:
            call.store.bucket(call.request.bucket)
        return xml_answer(call.store.settings.get((call.request.bucket, _name_of(call)), _OPEN))


def put_setting(call: Call) -> Answer:
    """PutBucketLifecycle. Raises OssError 400 MalformedXML."""
    root = _parse(call)
    with call.store.lock:
        call.store.bucket(call.request.bucket)
        call.store.settings[call.request.bucket, _name_of(call)] = ET.tostring(root, encoding="unicode")
    return Answer(200)


def put_public_access_block(call: Call) -> Answer:
    """PutBucketPublicAccessBlock, PutPublicAccessBlock. Raises OssError 400 MalformedXML."""
    value = _parse(call).findtext("BlockPublicAccess", "").lower()  # oss2 writes `True`
    if value not in {"true", "false"}:
        raise OssError(400, "MalformedXML", "The XML you provided did not validate against our published schema.")
    with call.store.lock:
        if call.request.bucket:
            call.store.bucket(call.request.bucket)
        root = xml("PublicAccessBlockConfiguration", text("BlockPublicAccess", value))
        call.store.settings[call.request.bucket, _name_of(call)] = root
    return Answer(200)


def put_replication(call: Call) -> Answer:
    """PutBucketReplication, which adds rules; from then on OSS says of each how far it is."""
    rules = _parse(call).findall("Rule")
    for rule in rules:
        _fill(rule, {"Status": "doing", "HistoricalObjectReplication": "enabled", "Action": "ALL"})
    place = call.request.bucket, "Replication"
    with call.store.lock:
        call.store.bucket(call.request.bucket)
        known = ET.fromstring(call.store.settings.get(place, "<ReplicationConfiguration/>"))  # noqa: S314 -- our own
        known.extend(rules)
        call.store.settings[place] = ET.tostring(known, encoding="unicode")
    return Answer(200)


def get_encryption(call: Call) -> Answer:
    """GetBucketEncryption. The key is named only where one was."""
    with call.store.lock:
        rule = dict(call.store.bucket(call.request.bucket).encryption or {})
    fields = [text("SSEAlgorithm", rule[encryption.METHOD])] if rule else []
    fields += [text("KMSMasterKeyID", rule[encryption.KEY_ID])] if encryption.KEY_ID in rule else []
    root = xml("ServerSideEncryptionRule", xml("ApplyServerSideEncryptionByDefault", *fields))
    return _answer(call, root if rule else "")


def get_worm(call: Call) -> Answer:
    """GetBucketWorm: a policy is always locked here, for a day."""
    with call.store.lock:
        is_retained = call.store.is_retained(call.request.bucket)
    fields = (
        text("WormId", "1666E2CFB2B3418"),
        text("State", "Locked"),
        text("RetentionPeriodInDays", 1),
        text("CreationDate", "2020-10-15T15:50:32.000Z"),
    )
    return _answer(call, xml("WormConfiguration", *fields) if is_retained else "")


def put_bucket_acl(call: Call) -> Answer:
    """PutBucketAcl. Raises OssError 400 InvalidArgument for an unknown one."""
    acl = call.request.headers.get("x-oss-acl", "")
    if acl not in BUCKET_ACLS:
        raise OssError(400, "InvalidArgument", f"No such bucket ACL: {acl!r}.")
    with call.store.lock:
        call.store.bucket(call.request.bucket)
        call.store.settings[call.request.bucket, "Acl"] = acl
    return Answer(200)


def _name_of(call: Call) -> str:
    """`GetBucketLifecycle` and `PutBucketLifecycle` -> `Lifecycle`."""
    return call.operation.removeprefix("Get").removeprefix("Put").removeprefix("Bucket")


def _answer(call: Call, root: str) -> Answer:
    if not root:
        code, message = _ABSENT[call.operation]
        raise OssError(404, code, message)
    return xml_answer(root)


def _parse(call: Call) -> ET.Element:
    try:
        return ET.fromstring(call.request.body)  # noqa: S314 -- our own tests and demos
    except ET.ParseError as error:
        raise OssError(400, "MalformedXML", "The XML you provided was not well-formed.") from error


def _fill(rule: ET.Element, fields: dict[str, str]) -> None:
    for name, value in fields.items():
        if rule.find(name) is None:
            ET.SubElement(rule, name).text = value
