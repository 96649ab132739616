"""The parameters of an ImageModeration call, checked as the vendor's page words its codes 400, 401 and 402.

Which of the three codes answers which mistake is our reading of one sentence each on the page: empty 400, invalid
401, too long 402. Unverified beyond that: a call with both an imageUrl and an OSS object (401 here), and infoType,
whose values the page leaves out (any is taken).
"""

import json
import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qs

from scripts.localcloud.green.answer import Asked, Refused

EMPTY = 400
INVALID = 401
TOO_LONG = 402

_OBJECT_PARAMETERS = ("ossBucketName", "ossObjectName", "ossRegionId")
_PARAMETERS = ("imageUrl", *_OBJECT_PARAMETERS, "dataId", "infoType", "referer")
_LONGEST = {"imageUrl": 2048, "referer": 256, "dataId": 64}
_DATA_ID = re.compile(r"[A-Za-z0-9_.-]*")
_URL = re.compile(r"https?://[^/?#\s]", re.IGNORECASE)
# CJK ideographs with their punctuation and full-width forms: our reading of "Chinese characters".
_CHINESE = re.compile(
    r"[\u2e80-\u2fdf\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)


def read_form(body: bytes) -> dict[str, str]:
    """The form fields of the request body; of a repeated field the first."""
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def describe(form: Mapping[str, str]) -> Asked:
    """What is asked, unchecked; a parameter that is no text, or cannot be read, counts as not given."""
    try:
        parameters = _parameters(form)
    except Refused:
        parameters = {}
    text = {name: value if isinstance(value := parameters.get(name), str) else "" for name in _PARAMETERS}
    return Asked(
        service=form.get("Service", ""),
        bucket=text["ossBucketName"],
        key=text["ossObjectName"],
        region=text["ossRegionId"],
        url=text["imageUrl"],
        data_id=text["dataId"],
        referer=text["referer"],
        info_types=tuple(word for part in text["infoType"].split(",") if (word := part.strip())),
    )


def check(form: Mapping[str, str], services: Collection[str]) -> None:
    """Raises Refused, 400 to 402, at the first parameter that is not as the vendor's page wants it."""
    parameters = _parameters(form)
    asked = describe(form)
    if not asked.service:
        raise Refused(EMPTY)
    if asked.service not in services:
        raise Refused(INVALID)
    for name in _PARAMETERS:
        _check_text(name, parameters.get(name))
    _check_source(asked)
    if asked.url and (_CHINESE.search(asked.url) or not _URL.match(asked.url)):
        raise Refused(INVALID)
    if not _DATA_ID.fullmatch(asked.data_id):
        raise Refused(INVALID)


def _parameters(form: Mapping[str, str]) -> dict[str, object]:
    text = form.get("ServiceParameters", "")
    if not text:
        raise Refused(EMPTY)
    try:
        parameters = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise Refused(INVALID) from exc
    if not isinstance(parameters, dict):
        raise Refused(INVALID)
    return parameters


def _check_text(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not _is_unicode(value):
        raise Refused(INVALID)
    if name in _LONGEST and len(value) > _LONGEST[name]:
        raise Refused(TOO_LONG)


def _is_unicode(text: str) -> bool:
    """Whether the text can be sent on; JSON can spell half of a surrogate pair, which nothing else can."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _check_source(asked: Asked) -> None:
    named = (asked.bucket, asked.key, asked.region)
    if asked.url and any(named):
        raise Refused(INVALID)
    if not asked.url and not all(named):
        raise Refused(EMPTY)
