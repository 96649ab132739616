"""The OSS stand-in: a real HTTP server on 127.0.0.1 that the unmodified SDKs take for OSS.

Several servers may run in one process: each has its own store, and they share nothing.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, final

from scripts.localcloud.listening import StandIn
from scripts.localcloud.oss import archive, buckets, copies, encryption, forms, multipart, objects, settings
from scripts.localcloud.oss.call import Call
from scripts.localcloud.oss.events import Arrival, trigger_record
from scripts.localcloud.oss.forms import read_form
from scripts.localcloud.oss.front import Front
from scripts.localcloud.oss.protocol import Answer, OssError, Request, error_answer, name_operation, refuse_bad_names
from scripts.localcloud.oss.replication import replicate
from scripts.localcloud.oss.rights import needed_actions, refuse_without_rights
from scripts.localcloud.oss.signature import authenticate, is_link
from scripts.localcloud.oss.store import Store
from scripts.localcloud.wire import Bystander, Fault, Identity, Observer, WireCall

DEFAULT_ACCOUNT_ID = "1234567890123456"

_OPERATIONS: dict[str, Callable[[Call], Answer]] = {
    "ListBuckets": buckets.list_buckets,
    "PutBucket": buckets.put_bucket,
    "DeleteBucket": buckets.delete_bucket,
    "GetBucketInfo": buckets.get_bucket_info,
    "GetBucketLocation": buckets.get_bucket_location,
    "GetBucketVersioning": buckets.get_bucket_versioning,
    "PutBucketVersioning": buckets.put_bucket_versioning,
    "PutBucketAcl": settings.put_bucket_acl,
    "GetBucketEncryption": settings.get_encryption,
    "GetBucketWorm": settings.get_worm,
    "GetBucketLifecycle": settings.get_setting,
    "PutBucketLifecycle": settings.put_setting,
    "GetBucketReplication": settings.get_setting,
    "PutBucketReplication": settings.put_replication,
    "GetBucketPublicAccessBlock": settings.get_public_access_block,
    "PutBucketPublicAccessBlock": settings.put_public_access_block,
    "GetPublicAccessBlock": settings.get_public_access_block,
    "PutPublicAccessBlock": settings.put_public_access_block,
    "ListObjects": buckets.list_objects,
    "ListObjectsV2": buckets.list_objects,
    "ListObjectVersions": buckets.list_object_versions,
    "PutObject": objects.put_object,
    "PostObject": forms.post_object,
    "AppendObject": objects.append_object,
    "PutSymlink": objects.put_symlink,
    "GetSymlink": objects.get_symlink,
    "GetObject": objects.get_object,
    "HeadObject": objects.head_object,
    "GetObjectMeta": objects.head_object,
    "DeleteObject": objects.delete_object,
    "GetObjectAcl": objects.get_object_acl,
    "PutObjectAcl": objects.put_object_acl,
    "GetObjectTagging": objects.get_object_tagging,
    "PutObjectTagging": objects.put_object_tagging,
    "DeleteObjectTagging": objects.delete_object_tagging,
    "RestoreObject": archive.restore_object,
    "CopyObject": copies.copy_object,
    "InitiateMultipartUpload": multipart.initiate,
    "UploadPart": multipart.upload_part,
    "UploadPartCopy": multipart.upload_part_copy,
    "CompleteMultipartUpload": multipart.complete,
    "AbortMultipartUpload": multipart.abort,
    "ListParts": multipart.list_parts,
    "ListMultipartUploads": multipart.list_uploads,
}


@final
class OssServer(StandIn):
    """A running OSS stand-in; a context manager.

    `on_event` gets one trigger record (what stands inside `events[]`) for each finished upload, in the server's
    thread, after the effect, before the observer's `after` and before the answer is sent, and for each replication,
    in the caller's; no lock is held meanwhile.
    `observer` may be replaced at any time. A call that a Fault keeps from its effect has no `after`.
    """

    def __init__(  # noqa: PLR0913 -- all but the first are named and optional
        self,
        identities: Iterable[Identity],
        *,
        region: str = "ap-southeast-1",
        port: int = 0,
        account_id: str = DEFAULT_ACCOUNT_ID,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.region = region
        self.account_id = account_id
        self.on_event = on_event
        self.observer: Observer = observer or Bystander()
        self._domains: dict[str, str] = {}
        # Links of the default address are refused where not (mainland regions: "Access OSS through a custom domain
        # name"). A link is taken for what comes from outside; here there is one address for both sides.
        self.is_public_endpoint_open = True
        self._store = Store(region, account_id)
        super().__init__(Front(port, self._respond), identities)

    def stop(self) -> None:
        """Close every connection and drop every bucket."""
        super().stop()
        self._store.clear()

    def reset(self) -> None:
        """Drop every bucket and domain; identities, observer and connections stay. Takes about a millisecond."""
        self._store.clear()
        self._domains.clear()
        self.is_public_endpoint_open = True

    def create_bucket(self, bucket: str, *, versioned: bool = False) -> None:
        """Create a bucket without a request."""
        refuse_bad_names(bucket, "")
        created = self._store.create_bucket(bucket)
        created.versioning_status = "Enabled" if versioned else None

    def map_domain(self, host: str, bucket: str) -> None:
        """Serve a bucket under a custom domain name (with the port, where requests name it), its keys at the root."""
        self._domains[host] = bucket

    def retain(self, bucket: str, *, keep: bool = True) -> None:
        """Put a bucket under a retention policy, or lift it (see Store.retain): 409 FileImmutable from now on."""
        self._store.retain(bucket, keep=keep)

    @property
    def copies_have_crc(self) -> bool:
        """Whether what CopyObject writes has a CRC-64 (see Store.settle_crc_of_copy); true until set, and on reset."""
        return self._store.copies_have_crc

    @copies_have_crc.setter
    def copies_have_crc(self, value: bool) -> None:
        self._store.copies_have_crc = value

    def forget_crc(self, bucket: str, key: str, version_id: str | None = None) -> None:
        """Let an object (the current version, or the one named) answer without `x-oss-hash-crc64ecma` from now on."""
        with self._store.lock:
            self._store.forget_crc(self._store.find(bucket, key, version_id))

    def replicate(self, source_bucket: str, key: str, to_bucket: str) -> None:
        """Replicate an object without a request, as OSS itself does (see replication.replicate); `on_event` hears it.

        Whose request id and address such an event has is not documented: here, an id of its own and no address.
        """
        self._announce(replicate(self._store, source_bucket, key, to_bucket), _new_request_id(), "")

    def encrypt_by_default(self, bucket: str, method: str, key_id: str = "") -> None:
        """Encrypt what is written to a bucket and asks for nothing else: by AES256, SM4 or KMS and, there, a key."""
        keys = {encryption.KEY_ID: key_id} if key_id else {}
        self._store.bucket(bucket).encryption = {encryption.METHOD: method, **keys}

    def expire_identity(self, access_key_id: str) -> None:
        """End a token: requests signed with it are answered 403 SecurityTokenExpired from now on."""
        self._expired |= {access_key_id}

    def _respond(self, method: str, target: str, headers: dict[str, str], body: bytes, source_ip: str) -> Answer | None:
        path, _, query = target.partition("?")
        domain = self._domains.get(headers.get("host", ""))
        path = path if domain is None else f"/{domain}{path}"  # signatures are made over bucket and key
        request = Request(method, path, query, headers, body, source_ip, _new_request_id())
        try:
            answer = self._serve(request)
        except OssError as error:
            answer = error_answer(error, request.request_id, headers.get("host", ""))
        if answer is not None:
            answer.headers["x-oss-request-id"] = request.request_id
        return answer

    def _serve(self, request: Request) -> Answer | None:
        operation = name_operation(request)
        if operation == "PostObject":
            request, identity = read_form(request, self._identities, self._expired, self.region)
        else:
            identity = authenticate(request, self._identities, self._expired, self.region)
        refuse_bad_names(request.bucket, request.key)
        self._refuse_default_address(request)
        if operation not in _OPERATIONS:
            raise OssError(400, "NotImplemented", f"The local OSS does not do {operation}.")
        actions = needed_actions(operation, request)
        refuse_without_rights(identity, actions)
        wire_call = WireCall(
            "oss", operation, actions, request.bucket, request.key, request.version_id, identity.access_key_id
        )
        return self._observe(wire_call, Call(operation, request, identity, self._store))

    def _refuse_default_address(self, request: Request) -> None:
        is_by_domain = request.headers.get("host", "") in self._domains
        if not self.is_public_endpoint_open and is_link(request) and not is_by_domain:
            message = "The bucket you are attempting to access must be addressed using a custom domain name."
            raise OssError(400, "PublicEndpointForbidden", message)

    def _observe(self, wire_call: WireCall, call: Call) -> Answer | None:
        fault = self.observer.before(wire_call) or Fault()
        time.sleep(fault.delay_s)
        if fault.drop == "before":
            return None
        if fault.garbage:
            return Answer(200, {"Content-Type": "application/xml"}, b"<html>This is not OSS.")
        if fault.status is not None:
            raise OssError(fault.status, fault.code, "A fault that the local cloud was asked for.")
        answer = self._carry_out(call)
        self.observer.after(wire_call, answer.status)
        return None if fault.drop == "after" else answer

    def _carry_out(self, call: Call) -> Answer:
        request = call.request
        try:
            answer = _OPERATIONS[call.operation](call)
        except OssError as error:
            return error_answer(error, request.request_id, request.headers.get("host", ""))
        for arrival in call.arrivals:
            self._announce(arrival, request.request_id, request.source_ip)
        return answer

    def _announce(self, arrival: Arrival, request_id: str, source_ip: str) -> None:
        if self.on_event is None:
            return
        record = trigger_record(
            arrival, request_id=request_id, source_ip=source_ip, region=self.region, account_id=self.account_id
        )
        self.on_event(record)


def _new_request_id() -> str:
    return uuid.uuid4().hex[:24].upper()
