"""Why a command of an operator's was refused, and what mends it: said here for all of them.

What OSS says is in our words already (handler/adapters/oss/errors.py); here it is joined with the option that names the
bucket. Function Compute's words are in scripts/services/function_compute.py.
"""

from collections.abc import Iterable, Mapping

from handler.adapters.oss.errors import code_of
from handler.errors import BadSettings, WardenError
from handler.policy.words import BUCKET_NAME
from handler.settings import is_url

BUCKET, LEDGER, QUARANTINE = (
    "--bucket (WATCHED_BUCKETS)",
    "--ledger (LEDGER_BUCKET)",
    "--quarantine (QUARANTINE_BUCKET)",
)
# What each is called in a sentence.
ROLES = {BUCKET: "the uploads' bucket", LEDGER: "the ledger's bucket", QUARANTINE: "the quarantine bucket"}


def explain_error(exc: WardenError, buckets: Mapping[str, str | None]) -> str:
    """The message of an error with its cause and the mend; `buckets` are those of the command by their options."""
    if code_of(exc) == "NoSuchBucket":
        return f"{exc}{_whose(_missing(exc), buckets)}"
    return str(exc)


def refuse_bad_names(buckets: Mapping[str, str | None], urls: Mapping[str, str | None]) -> None:
    """Refuse what is no name of a bucket, and no URL, before anybody is asked. Raises BadSettings."""
    for option, name in _given(buckets):
        if not BUCKET_NAME.fullmatch(name):
            raise BadSettings(
                f"{option}: {name!r} is no name of a bucket, which has 3 to 63 lower-case letters, digits and hyphens"
            )
        if option != LEDGER and name == buckets.get(LEDGER):
            # The function refuses this too (handler/settings.py): what is written there, it never reads.
            raise BadSettings(f"{LEDGER}: {name!r} is {option} too; the ledger is a bucket of its own")
    for option, url in _given(urls):
        if not is_url(url):
            raise BadSettings(f"{option}: {url!r} is no URL; one like https://oss-ap-southeast-1.aliyuncs.com is right")


def _given(options: Mapping[str, str | None]) -> Iterable[tuple[str, str]]:
    return ((option, value) for option, value in options.items() if value is not None)


def _missing(exc: WardenError) -> str:
    """The name of the bucket that is not there: as OSS says, else the one that was asked, with which a message begins.

    A copy asks two buckets, and the message has only its source.
    """
    said = getattr(exc.__cause__, "details", {}).get("BucketName")
    return str(said) if said else str(exc).partition("/")[0].rpartition(" ")[2]


def _whose(name: str, buckets: Mapping[str, str | None]) -> str:
    options = (option for option, bucket in buckets.items() if bucket == name)
    return "".join(f": {name!r} is {ROLES[option]}, named by {option}" for option in options)
