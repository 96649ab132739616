"""The function's settings, read once from its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from handler.errors import BadSettings

# Function Compute delivers an asynchronous event once and retries it up to 8 times
# (`asyncInvokeConfig.maxAsyncRetryAttempts`, 0-8).
MOST_DELIVERIES = 9
# What the moderation service lets an account make, by the vendor's page on it. The billing page (2026-03) names 50 for
# the large-model version: an account's own limit is for whoever has it to say.
CALLS_A_SECOND: float = 20
NAMES = (
    "POLICY",
    "QUARANTINE_BUCKET",
    "LEDGER_BUCKET",
    "WATCHED_BUCKETS",
    "MAX_DELIVERIES",
    "OSS_ENDPOINT",
    "OSS_CUSTOM_DOMAINS",
    "GREEN_ENDPOINT",
    "GREEN_REGION",
    "GREEN_CALLS_A_SECOND",
    "LOG_LEVEL",
    "LOG_DETAILS",
)
NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of the function, checked.

    `policy` is the path of the policy file, as seen from the template's folder. `max_deliveries` (1-9) is one more than
    the function's `maxAsyncRetryAttempts`. Endpoints are URLs; `oss_endpoint` is None where the function's region
    decides, `ledger_bucket` where no ledger is kept. `policy_values` are the settings that a policy may name as
    `${NAME}`. `calls_a_second` is the account's limit at the moderation service, for all instances together.
    `custom_domains` are the URLs, by bucket, of the customer's own names for buckets: what is signed for the moderation
    service goes by them.
    """

    policy: str
    watched_buckets: tuple[str, ...]
    max_deliveries: int
    quarantine_bucket: str | None
    ledger_bucket: str | None
    oss_endpoint: str | None
    green_endpoint: str
    green_region: str
    log_level: str
    log_details: bool
    calls_a_second: float = CALLS_A_SECOND
    custom_domains: Mapping[str, str] = field(default_factory=dict)

    @property
    def policy_values(self) -> dict[str, str]:
        """The settings that a policy may name, those that are set."""
        values = {"QUARANTINE_BUCKET": self.quarantine_bucket, "GREEN_REGION": self.green_region}
        return {name: value for name, value in values.items() if value}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings; raises BadSettings with every mistake, one a line, each with the variable's name."""
        mistakes = _misspelt(env)
        region = env.get("GREEN_REGION") or "ap-southeast-1"
        settings = cls(
            policy=_required(env, "POLICY", "the path of the policy file, e.g. policies/default.yml", mistakes),
            watched_buckets=_buckets(env, mistakes),
            max_deliveries=_max_deliveries(env, mistakes),
            quarantine_bucket=env.get("QUARANTINE_BUCKET") or None,
            ledger_bucket=env.get("LEDGER_BUCKET") or None,
            oss_endpoint=_endpoint(env, "OSS_ENDPOINT", mistakes),
            green_endpoint=_endpoint(env, "GREEN_ENDPOINT", mistakes) or f"https://green-cip.{region}.aliyuncs.com",
            green_region=region,
            log_level=_one_of(env, "LOG_LEVEL", LOG_LEVELS, "INFO", mistakes),
            log_details=_one_of(env, "LOG_DETAILS", ("true", "false"), "false", mistakes) == "true",
            calls_a_second=_calls_a_second(env, mistakes),
            custom_domains=_custom_domains(env, mistakes),
        )
        if settings.ledger_bucket in {*settings.watched_buckets, settings.quarantine_bucket} - {None}:
            mistakes.append(
                f"LEDGER_BUCKET: {settings.ledger_bucket!r} holds uploads; the ledger needs a bucket of its own"
            )
        if mistakes:
            raise BadSettings("\n".join(mistakes))
        return settings


def _misspelt(env: Mapping[str, str]) -> list[str]:
    """Name the variables that look like a setting of ours but are none: an environment is full of strangers' names."""
    import difflib  # noqa: PLC0415  (costs cold start, and is needed only where a setting is unknown)

    unknown = [name for name in env if name not in NAMES]
    close = [(name, difflib.get_close_matches(name.upper(), NAMES, n=1, cutoff=0.85)) for name in sorted(unknown)]
    return [f"{name}: unknown setting; did you mean {match[0]}?" for name, match in close if match]


def _required(env: Mapping[str, str], name: str, meaning: str, mistakes: list[str]) -> str:
    value = env.get(name, "")
    if not value:
        mistakes.append(f"{name}: missing; set it to {meaning}")
    return value


def _buckets(env: Mapping[str, str], mistakes: list[str]) -> tuple[str, ...]:
    text = _required(env, "WATCHED_BUCKETS", "the buckets whose triggers call this function, with commas", mistakes)
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if text and not names:
        mistakes.append(f"WATCHED_BUCKETS: {text!r} names no bucket")
    return names


def _max_deliveries(env: Mapping[str, str], mistakes: list[str]) -> int:
    text = _required(env, "MAX_DELIVERIES", "one more than the function's maxAsyncRetryAttempts", mistakes)
    if text in {str(number) for number in range(1, MOST_DELIVERIES + 1)}:
        return int(text)
    if text:
        mistakes.append(f"MAX_DELIVERIES: {text!r} is no whole number from 1 to {MOST_DELIVERIES}")
    return 1


def _calls_a_second(env: Mapping[str, str], mistakes: list[str]) -> float:
    text = env.get("GREEN_CALLS_A_SECOND") or f"{CALLS_A_SECOND:g}"
    if NUMBER.fullmatch(text) and float(text) > 0:
        return float(text)
    mistakes.append(f"GREEN_CALLS_A_SECOND: {text!r} is no number above 0; {CALLS_A_SECOND:g} is what the vendor names")
    return CALLS_A_SECOND


def _endpoint(env: Mapping[str, str], name: str, mistakes: list[str]) -> str | None:
    value = env.get(name, "")
    if value and not is_url(value):
        host = {"OSS_ENDPOINT": "oss-ap-southeast-1", "GREEN_ENDPOINT": "green-cip.ap-southeast-1"}[name]
        mistakes.append(f"{name}: {value!r} is no URL; one like https://{host}.aliyuncs.com would be right")
    return value or None


def _custom_domains(env: Mapping[str, str], mistakes: list[str]) -> dict[str, str]:
    """`BUCKET=URL`, with commas. A domain is mapped to one bucket ("Access OSS through a custom domain name")."""
    domains: dict[str, str] = {}
    for text in filter(None, map(str.strip, env.get("OSS_CUSTOM_DOMAINS", "").split(","))):
        bucket, _, url = map(str.strip, text.partition("="))
        if "@" in url:  # what stands before it may be a password
            mistakes.append(f"OSS_CUSTOM_DOMAINS: the URL for {bucket!r} has a user in it; name the domain alone")
        elif not bucket or not is_url(url) or re.search(r"[?#]", url) or urlsplit(url).path.strip("/"):
            right = "BUCKET=URL, such as my-uploads=https://pictures.example.com"
            mistakes.append(f"OSS_CUSTOM_DOMAINS: {text!r} is no bucket with the URL of its domain; {right}")
        elif domains.setdefault(bucket, url.rstrip("/")) != url.rstrip("/"):
            mistakes.append(f"OSS_CUSTOM_DOMAINS: {bucket!r} has two domains; name one")
    mistakes += [
        f"OSS_CUSTOM_DOMAINS: {domain!r} is of {' and '.join(map(repr, buckets))}; a domain leads to one bucket"
        for domain in dict.fromkeys(domains.values())
        if len(buckets := [bucket for bucket, url in domains.items() if url == domain]) > 1
    ]
    watched = [name.strip() for name in env.get("WATCHED_BUCKETS", "").split(",")]
    strangers = [bucket for bucket in domains if bucket not in watched]
    unwatched = "is not in WATCHED_BUCKETS, so nothing of it is judged"
    mistakes += [f"OSS_CUSTOM_DOMAINS: {bucket!r} {unwatched}" for bucket in strangers]
    return domains


def is_url(value: str) -> bool:
    """Whether it is the address of a server, over HTTP or HTTPS."""
    try:
        url = urlsplit(value)
        return url.scheme in {"https", "http"} and bool(url.hostname) and url.port != 0
    except ValueError:  # of brackets, or of a port that is no number
        return False


def _one_of(env: Mapping[str, str], name: str, words: tuple[str, ...], default: str, mistakes: list[str]) -> str:
    value = env.get(name) or default
    if value not in words:
        mistakes.append(f"{name}: {value!r} is unknown; one of {', '.join(words)} would be right")
    return value
