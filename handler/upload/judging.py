"""Located bytes -> what is known of them: a verdict, the reason why there is none, or that they were released."""

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from handler.errors import FailureKind, NoVerdict, OperatorError
from handler.model import Upload, Verdict
from handler.ports import Moderator, Store, StoredObject
from handler.upload.patience import Patience
from handler.upload.progress import Progress, Run
from handler.upload.releases import Release

# The vendor's limits for an image: at most 20 MB; an empty one is none.
LARGEST_IMAGE_BYTES = 20 * 1024 * 1024
LONGEST_URL = 2048
URL_LIFE_S = 300
# Below this a call is not worth starting: the service alone may take 3 s to download.
SHORTEST_CALL_S = 1.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of the bytes, and whether it is certain to be of these very bytes."""

    said: Verdict | NoVerdict | Release
    is_exact: bool


def judge(progress: Progress, run: Run, found: StoredObject) -> Answer:
    """Take what is known of these bytes: that they were released, or the verdict that was paid for before; else ask.

    The look that found them is the look after an earlier verdict. Raises OperatorError and StoreUnavailable.
    """
    entry, services = progress.entry, run.services
    release = entry.find_release(
        progress.upload,
        found,
        lambda: services.quarantine.sha256(found, keep_going=lambda: run.keep_going(entry)),
    )
    if release is not None:
        return Answer(release, is_exact=True)
    paid = entry.find_verdict(found, run.policy.moderation.service)
    if paid is not None:
        return Answer(paid, is_exact=True)
    asker = Judge(
        services.moderator,
        services.store,
        services.clock,
        services.sleep,
        run.deadline_s,
        run.patience,
        lambda: run.keep_going(entry),
    )
    said, is_exact = asker.judge(progress.upload, found)
    if isinstance(said, Verdict) or _is_taken(progress, found, said):
        entry.keep(found, said, is_exact=is_exact)
    return Answer(said, is_exact)


def _is_taken(progress: Progress, found: StoredObject, said: NoVerdict) -> bool:
    """Whether a version was taken that may be gone when a takeover looks, so that why it went has to be written down.

    A link is dealt with on the way to the upload's own bytes, and taken by nobody.
    """
    is_for_the_next = said.kind.is_passing and not progress.is_last
    return progress.takes_versions and found.is_pinned and not found.is_symlink and not is_for_the_next


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks the service about one upload, again while it is worth it and there is time.

    `deadline` is on `clock`, in seconds; `keep_going` is called before each try.
    """

    moderator: Moderator
    store: Store
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    deadline: float
    patience: Patience
    keep_going: Callable[[], None]

    def judge(self, upload: Upload, found: StoredObject) -> tuple[Verdict | NoVerdict, bool]:
        """Answer with the verdict (or why there is none), and whether it is certain to be of these very bytes.

        What has a version id is judged by a signed URL that names it; the null version, and what is appended to, may
        change under it all the same. All else goes by name, and what is under that may have changed meanwhile. Where
        there are versions the name would not do, however often it is looked at: a cover that an uploader puts on top
        while the service looks, and that we ourselves then remove, leaves no trace. Raises OperatorError.
        """
        ruled_out = rule_out(upload, found)
        if ruled_out is not None:
            return ruled_out, True
        if found.version_id is not None or not found.is_current:
            return self._judge_by_link_alone(upload, found), found.is_pinned
        answer = self._ask(upload, None)
        if isinstance(answer, NoVerdict) and answer.kind is FailureKind.REJECTED:
            return self._ask_otherwise(upload, found, answer), False
        return answer, False

    def _judge_by_link_alone(self, upload: Upload, found: StoredObject) -> Verdict | NoVerdict:
        """Where every upload is judged by a link, an account that may hand out none must not look like bad pictures."""
        answer = self.judge_exactly(upload, found)
        if isinstance(answer, NoVerdict) and answer.kind is FailureKind.UNREADABLE:
            self.store.check_link(found)
        return answer

    def judge_exactly(self, upload: Upload, found: StoredObject) -> Verdict | NoVerdict:
        """Have this version judged, by a signed URL."""
        url = self._sign(found)
        return url if isinstance(url, NoVerdict) else self._ask(upload, url)

    def _ask_otherwise(self, upload: Upload, found: StoredObject, refused: NoVerdict) -> Verdict | NoVerdict:
        """Try a signed URL where the service refused the request itself, e.g. for its key."""
        answer = self.judge_exactly(upload, found)
        if isinstance(answer, NoVerdict) and answer.kind is FailureKind.UNREADABLE:
            return refused
        return answer

    def _sign(self, found: StoredObject) -> str | NoVerdict:
        try:
            url = self.store.sign(found, expires_s=URL_LIFE_S)
        except OperatorError as exc:
            return NoVerdict(FailureKind.REJECTED, f"no link can be signed for {found.location!r}: {exc}")
        if len(url) > LONGEST_URL:
            message = f"a signed link to {found.location!r} has {len(url)} characters; the service takes {LONGEST_URL}"
            return NoVerdict(FailureKind.REJECTED, message)
        return url

    def _ask(self, upload: Upload, url: str | None) -> Verdict | NoVerdict:
        retrying = Retrying(
            retry=retry_if_exception(lambda exc: self._may_pass(exc, upload, url)),
            stop=self._is_too_late,
            # Full jitter: instances share no memory, so chance must keep them apart.
            wait=wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(lambda: self._ask_once(upload, url))
        except NoVerdict as exc:
            return exc

    def _ask_once(self, upload: Upload, url: str | None) -> Verdict:
        if self.patience.is_used_up:
            # Its bytes changed since, and with them what is asked about; but not how slow the service is.
            raise NoVerdict(FailureKind.UNAVAILABLE, "the service did not answer in time, and is not asked once more")
        self.keep_going()
        return self.moderator.judge(upload, url=url, timeout_s=self._time_left_s())

    def _may_pass(self, exc: BaseException, upload: Upload, url: str | None) -> bool:
        """Whether to ask again: what can't be read because it is gone, or is another by now, needs no more tries."""
        if not isinstance(exc, NoVerdict) or not self.patience.allows_another(exc):
            return False
        if exc.kind is FailureKind.UNREADABLE:
            now = self.store.head(upload.bucket, upload.key, upload.version_id if url else None)
            return now is not None and now.etag == upload.etag and not now.is_archived
        return True

    def _is_too_late(self, state: RetryCallState) -> bool:
        return self.clock() + state.upcoming_sleep + SHORTEST_CALL_S > self.deadline

    def _time_left_s(self) -> float:
        return max(self.deadline - self.clock(), SHORTEST_CALL_S)


def rule_out(upload: Upload, found: StoredObject) -> NoVerdict | None:
    """Say why no call is needed to know that there will be no verdict; None where one is."""
    if found.is_symlink:
        return NoVerdict(FailureKind.SYMLINK, f"{found.location!r} is a link, not an image")
    if found.is_archived:
        message = f"{found.location!r} is of the class {found.storage_class}: nobody can read it before it is restored"
        return NoVerdict(FailureKind.ARCHIVED, message)
    if upload.size_bytes == 0:
        return NoVerdict(FailureKind.UNSUPPORTED, f"{found.location!r} is empty")
    if upload.size_bytes > LARGEST_IMAGE_BYTES:
        message = f"{found.location!r} has {upload.size_bytes} bytes; the service takes {LARGEST_IMAGE_BYTES}"
        return NoVerdict(FailureKind.TOO_LARGE, message)
    return None
