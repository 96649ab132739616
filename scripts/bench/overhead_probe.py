"""The process that is measured: the packaged handler, and the calls that it makes made bare, taking turns.

Run by path on the packaged tree (argv[1]), with the work as JSON on standard input; imports nothing of this project but
what is packaged. Prints, as its last line, the CPU seconds of each round.
"""

import json
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

LONG_ENOUGH_S = 60
KEYS = ("access_key_id", "access_key_secret", "security_token")
TAGS = {"moderation-status": "passed", "moderation-policy": "default:01234567", "moderation-labels": "nonLabel"}


def main() -> None:
    """Do the rounds and print."""
    sys.path.insert(0, sys.argv[1])
    work = json.load(sys.stdin)
    calls: list[dict[str, int]] = []
    handle, moderate_bare = make_function(work, calls), make_bare(work)
    first, *records = work["records"]
    handle(first)
    moderate_bare(first)  # both are warm now: connections open, everything imported
    seconds: dict[str, list[float]] = {"function_s": [], "bare_s": []}
    for start in range(0, len(records), work["uploads"]):
        function_s = bare_s = 0.0
        for record in records[start : start + work["uploads"]]:
            # In turns, so that a noisy machine meets both; the function first, for which tags would be a call more.
            function_s += measure(handle, record)
            bare_s += measure(moderate_bare, record)
        seconds["function_s"].append(function_s)
        seconds["bare_s"].append(bare_s)
    print(json.dumps({**seconds, "calls": calls[-1]}))  # noqa: T201 - the result


def measure(moderate: Callable[[Any], object], record: Any) -> float:  # noqa: ANN401 - a record of an event
    """The CPU seconds of this process, its own and the system's for it."""
    started = time.process_time()
    moderate(record)
    return time.process_time() - started


def make_function(work: dict[str, Any], calls: list[dict[str, int]]) -> Callable[[Any], None]:
    """The handler; it notes the calls that it made."""
    from handler import index  # noqa: PLC0415 - on the path only now

    context = SimpleNamespace(
        request_id="1-bench",
        credentials=SimpleNamespace(**dict(zip(KEYS, work["keys"], strict=True))),
        function=SimpleNamespace(name="bucket-warden", timeout=LONG_ENOUGH_S),
        region=work["region"],
        account_id="1234567890123456",
        retry_count=None,
    )
    index.initializer(context)

    def handle(record: Any) -> None:  # noqa: ANN401 - a record of an event
        event = json.dumps({"events": [record]}).encode()
        (document,) = json.loads(index.handler(event, context))["outcomes"]
        if document["outcome"]["status"] != "passed":
            raise RuntimeError(f"the upload was not passed but {document['outcome']['status']!r}")
        calls.append(document["outcome"]["calls"])

    return handle


def make_bare(work: dict[str, Any]) -> Callable[[Any], None]:
    """The same calls without us: look, ask, look, tag, look."""
    bucket, ask, tag = connect_oss(work), make_asker(work), make_tagger()

    def moderate_bare(record: Any) -> None:  # noqa: ANN401 - a record of an event
        key = record["oss"]["object"]["key"]
        bucket.head_object(key)
        ask(key)
        bucket.head_object(key)
        tag(bucket, key)
        bucket.head_object(key)

    return moderate_bare


def connect_oss(work: dict[str, Any]) -> Any:  # noqa: ANN401 - an oss2.Bucket, which has no types
    """The SDK's client of the bucket."""
    import oss2  # noqa: PLC0415 - on the path only now

    auth = oss2.ProviderAuthV4(oss2.credentials.StaticCredentialsProvider(*work["keys"]))
    return oss2.Bucket(auth, work["oss"], "uploads", region=work["region"], is_path_style=True)


def make_asker(work: dict[str, Any]) -> Callable[[str], object]:
    """The SDK's call to the service, for a key."""
    from alibabacloud_green20220302.client import Client  # noqa: PLC0415 - on the path only now
    from alibabacloud_green20220302.models import ImageModerationRequest  # noqa: PLC0415
    from alibabacloud_tea_openapi.utils_models import Config  # noqa: PLC0415
    from darabonba.runtime import RuntimeOptions  # noqa: PLC0415

    url, named = urlsplit(work["green"]), zip(KEYS, work["keys"], strict=True)
    client = Client(Config(**dict(named), endpoint=url.netloc, protocol=url.scheme.upper(), region_id=work["region"]))

    def ask(key: str) -> object:
        parameters = {"ossBucketName": "uploads", "ossObjectName": key, "ossRegionId": work["region"], "dataId": "1"}
        request = ImageModerationRequest(service="postImageCheckByVL_global", service_parameters=json.dumps(parameters))
        return client.image_moderation_with_options(request, RuntimeOptions(autoretry=False))

    return ask


def make_tagger() -> Callable[[Any, str], object]:
    """The SDK's call that tags a key in a bucket."""
    from oss2.models import Tagging, TaggingRule  # noqa: PLC0415 - on the path only now

    def tag(bucket: Any, key: str) -> object:  # noqa: ANN401 - an oss2.Bucket
        rule = TaggingRule()
        for name, value in TAGS.items():
            rule.add(name, value)
        return bucket.put_object_tagging(key, Tagging(rule))

    return tag


if __name__ == "__main__":
    main()
