"""What accounts, regions, buckets and ARNs look like. What is not known here (`${…}`) may be anything."""

import re
from functools import cache

from msgspec import UNSET

PLACEHOLDER = "CHANGE-ME"
_UNKNOWN = r"\$\{[^}]*\}"
# "Bucket naming conventions" of OSS: 3 to 63 lower-case letters, digits and hyphens, no hyphen at the ends.
BUCKET_RULE = "3 to 63 of a-z, 0-9 and -, a letter or digit at both ends"
_BUCKET = r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
_ACCOUNT = r"[0-9]{16}"
_REGION = r"[a-z]{2}-[a-z]+(?:-[a-z0-9]+)*"
_ROLE_NAME = r"[A-Za-z0-9.@_-]{1,64}"
# "functionName" and "triggerName" of the API reference (CreateFunctionInput, CreateTriggerInput).
FUNCTION_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_-]{{0,63}}|.*{_UNKNOWN}.*")
TRIGGER_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_-]{{0,127}}|.*{_UNKNOWN}.*")
NAME_RULE = "letters, digits, - and _, no digit and no - at the beginning, at most"
# The component completes a bare name of a role with the account (`completionArn` in fc3's src/base.ts).
ROLE = re.compile(rf"acs:ram::({_ACCOUNT}|{_UNKNOWN}):role/({_ROLE_NAME}|{_UNKNOWN})|{_ROLE_NAME}|{_UNKNOWN}")
SOURCE = re.compile(rf"acs:oss:({_REGION}|{_UNKNOWN}):({_ACCOUNT}|{_UNKNOWN}):({_BUCKET}|{_UNKNOWN})|{_UNKNOWN}")
QUEUE = re.compile(
    rf"acs:mns:({_REGION}|{_UNKNOWN}):({_ACCOUNT}|{_UNKNOWN}):/queues/(?:[A-Za-z0-9-]+|{_UNKNOWN})/messages|{_UNKNOWN}"
)
# Those of the component's schema (IRegion in fc3's src/schema.json, 2026): where Function Compute is.
REGIONS = tuple(
    f"{area}-{name}"
    for area, names in {
        "ap": "northeast-1 northeast-2 south-1 southeast-1 southeast-2 southeast-3 southeast-5 southeast-7",
        "cn": "beijing chengdu hangzhou heyuan-acdr-1 hongkong huhehaote qingdao shanghai shanghai-cloudspe "
        "shanghai-finance-1 shenzhen wulanchabu zhangjiakou",
        "eu": "central-1 west-1",
        "me": "central-1",
        "us": "east-1 west-1",
    }.items()
    for name in names.split()
)


def is_unknown(text: object) -> bool:
    """Whether a value is missing, was refused, or is known at deployment only."""
    return text is UNSET or (isinstance(text, str) and "${" in text)


def is_account(text: str) -> bool:
    """Whether it has the form of an account's id."""
    return bool(_pattern(_ACCOUNT).fullmatch(text))


def is_bucket(text: str) -> bool:
    """Whether OSS would take it for a bucket's name."""
    return bool(_pattern(_BUCKET).fullmatch(text))


def is_region(text: str) -> bool:
    """Whether it has the form of a region's id; whether there is such a region is another question."""
    return bool(_pattern(_REGION).fullmatch(text))


def role_of(arn: str) -> tuple[str, str]:
    """Account and name in a role's ARN; no account in a bare name. Raises ValueError for any other."""
    found = ROLE.fullmatch(arn)
    if found is None:
        raise ValueError(f"{arn!r} is no role; acs:ram::ACCOUNT:role/NAME is one")
    return found[1] or "", arn.rpartition("/")[2]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)
