"""Object tags: read from a header or from XML, held against OSS's limits, written back as XML."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from scripts.localcloud.oss.protocol import Answer, OssError, text, xml, xml_answer

MAX_TAGS = 10
MAX_KEY_CHARACTERS = 128
MAX_VALUE_CHARACTERS = 256
_LEGAL = re.compile(r"[A-Za-z0-9 +\-=._:/]*")


def read_tagging_header(value: str) -> dict[str, str]:
    """Read `x-oss-tagging`: `k=v&k2=v2`, URL-encoded. Raises OssError 400 InvalidTag."""
    return check_tags(parse_qsl(value, keep_blank_values=True))


def read_tagging_xml(body: bytes) -> dict[str, str]:
    """Read the body of PutObjectTagging. Raises OssError 400 MalformedXML or InvalidTag."""
    try:
        root = ET.fromstring(body)  # noqa: S314 -- it comes from our own tests and demos
    except ET.ParseError as error:
        raise OssError(400, "MalformedXML", "The XML you provided was not well-formed.") from error
    return check_tags((tag.findtext("Key", ""), tag.findtext("Value", "")) for tag in root.iterfind("TagSet/Tag"))


def check_tags(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Turn pairs into a set of tags. Raises OssError 400 InvalidTag for what OSS refuses."""
    tags: dict[str, str] = {}
    for key, value in pairs:
        if key in tags:
            raise OssError(400, "InvalidTag", f"The tag {key!r} is given twice.")
        if not 0 < len(key) <= MAX_KEY_CHARACTERS or not _LEGAL.fullmatch(key):
            raise OssError(400, "InvalidTag", f"The TagKey you have provided is invalid: {key!r}.")
        if len(value) > MAX_VALUE_CHARACTERS or not _LEGAL.fullmatch(value):
            raise OssError(400, "InvalidTag", f"The TagValue you have provided is invalid: {value!r}.")
        tags[key] = value
    if len(tags) > MAX_TAGS:
        raise OssError(400, "InvalidTag", f"Object tags cannot be greater than {MAX_TAGS}.")
    return tags


def tagging_answer(tags: dict[str, str]) -> Answer:
    """Write the body of GetObjectTagging."""
    pairs = (xml("Tag", text("Key", key), text("Value", value)) for key, value in tags.items())
    return xml_answer(xml("Tagging", xml("TagSet", *pairs)))
