"""A connection to OSS through oss2: signed, metered, patient, with its errors in our words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from xml.etree.ElementTree import ParseError

import oss2
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from handler.adapters.oss.errors import translate
from handler.adapters.oss.network import OssSession
from handler.credentials import Credentials
from handler.errors import OutOfTime, StoreUnavailable, plain
from handler.meter import Meter

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
# Three tries with a pause of at most a second: longer troubles are for the next delivery.
TRIES = 3
LONGEST_PAUSE_S = 1.0
# What oss2 lets through while it reads an answer: a connection that broke in the middle of a body, and a body or a
# header that is not what OSS sends (oss2.xml_utils raises RuntimeError, `int` and dates ValueError, a link TypeError).
UNREADABLE_ANSWERS = (oss2.http.requests.RequestException, ParseError, RuntimeError, ValueError, TypeError)

Answer = TypeVar("Answer")


class MeteredSession(OssSession):
    """An oss2 session that counts each request that goes out."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def do_request(self, req: Any, timeout: Any) -> Any:  # noqa: ANN401  (oss2's own untyped signature)
        """Send it within the time that the upload has, and note the id that OSS gave to it. Raises OutOfTime."""
        left_s = self._meter.time_left_s()
        self._meter.oss += 1
        response = super().do_request(req, tuple(min(longest_s, left_s) for longest_s in timeout))
        self._meter.oss_request_ids.append(plain(response.request_id, "id"))
        return response


class OssConnection:
    """One pool of connections to an endpoint, as one identity.

    `sleep` pauses between tries. `timeouts_s` are those of connecting and of reading.
    """

    def __init__(  # noqa: PLR0913  (each adapter names its own)
        self,
        credentials: Credentials,
        *,
        endpoint: str,
        region: str,
        meter: Meter,
        sleep: Callable[[float], None],
        tries: int = TRIES,
        timeouts_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
    ) -> None:
        provider = oss2.credentials.StaticCredentialsProvider(
            credentials.access_key_id, credentials.access_key_secret, credentials.security_token or None
        )
        self._auth = oss2.ProviderAuthV4(provider)
        self._endpoint = endpoint
        self._region = region
        self.session = MeteredSession(meter)
        self._timeouts_s = timeouts_s
        self._buckets: dict[tuple[str, str], oss2.Bucket] = {}
        self._retrying = Retrying(
            retry=retry_if_exception(_is_worth_another_try),
            stop=stop_after_attempt(tries),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST_PAUSE_S),
            sleep=sleep,
            reraise=True,
        )

    def bucket(self, name: str, endpoint: str | None = None, *, is_custom_domain: bool = False) -> oss2.Bucket:
        """One Bucket object for a name and endpoint, all on one connection pool.

        `is_custom_domain`: the endpoint is a name of the customer's own for this one bucket.
        """
        at = endpoint or self._endpoint
        if (name, at) not in self._buckets:
            with translated("reach", name, ""):
                self._buckets[name, at] = oss2.Bucket(
                    self._auth,
                    at,
                    name,
                    session=self.session,
                    connect_timeout=self._timeouts_s,
                    region=self._region,
                    # Only a local server is reached over plain HTTP, and it has no name for each bucket.
                    is_path_style=at.startswith("http://"),
                    is_cname=is_custom_domain,
                )
        return self._buckets[name, at]

    def call(self, doing: str, bucket: str, key: str, call: Callable[[], Answer]) -> Answer:
        """Make one call that may be repeated, again where OSS was at fault; its errors are raised in our words."""
        return self._retrying(lambda: call_once(doing, bucket, key, call))


def _is_worth_another_try(exc: BaseException) -> bool:
    return isinstance(exc, StoreUnavailable) and not isinstance(exc, OutOfTime)


def call_once(doing: str, bucket: str, key: str, call: Callable[[], Answer]) -> Answer:
    """Make one call that must not be repeated; its errors are raised in our words."""
    with translated(doing, bucket, key):
        return call()


@contextmanager
def translated(doing: str, bucket: str, key: str) -> Iterator[None]:
    """Raise the errors of oss2 in our words; `doing` and the place begin the message."""
    try:
        yield
    except oss2.exceptions.OssError as exc:
        raise translate(exc, f"{doing} {bucket}/{key!r}") from exc
    except UNREADABLE_ANSWERS as exc:
        # Their messages repeat the answer, or a URL.
        raise StoreUnavailable(
            f"could not {doing} {bucket}/{key!r}: no readable answer of OSS ({type(exc).__name__})"
        ) from exc
