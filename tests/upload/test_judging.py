"""A located upload -> Verdict, or the reason why there is none."""

from typing import Any

import pytest

from handler.errors import FailureKind, NoVerdict, OperatorError
from handler.model import Finding, Upload, Verdict
from handler.ports import StoredObject
from handler.upload.judging import LARGEST_IMAGE_BYTES, LONGEST_URL, Judge
from handler.upload.patience import Patience

UPLOAD = Upload(
    bucket="uploads",
    key="a.jpg",
    etag="E1",
    version_id=None,
    size_bytes=5,
    content_type="image/jpeg",
    region="ap-southeast-1",
    event_name="ObjectCreated:PutObject",
    uploaded_at="2022-08-13T06:45:43.000Z",
    request_id="58F9",
)
FOUND = StoredObject("uploads", "a.jpg", "E1", "T", 5)
OLDER = StoredObject("uploads", "a.jpg", "E1", "T", 5, version_id="v1", is_current=False)
VERDICT = Verdict("svc", "none", (Finding("nonLabel"),))
URL = "https://uploads.oss/a.jpg?signed"


class World:
    """A service that answers from a list (its last answer for ever), a store that signs, and a clock of its own."""

    def __init__(self, *answers: Verdict | Exception, url: str | Exception = URL, call_s: float = 0.5) -> None:
        self.answers = list(answers)
        self.url = url
        self.call_s = call_s
        self.now = 1000.0
        self.asked: list[str | None] = []
        self.asked_at: list[float] = []
        self.timeouts: list[float] = []
        self.pauses: list[float] = []
        self.signed: list[tuple[StoredObject, int]] = []
        self.present: StoredObject | None = FOUND
        self.refused: OperatorError | None = None

    def judge(self, upload: Upload, *, url: str | None, timeout_s: float) -> Verdict:
        """Answer the next."""
        assert upload.bucket == "uploads"
        self.asked.append(url)
        self.asked_at.append(self.now)
        self.timeouts.append(timeout_s)
        self.now += self.call_s
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sign(self, found: StoredObject, *, expires_s: int) -> str:
        """A URL, or a refusal."""
        self.signed.append((found, expires_s))
        if isinstance(self.url, Exception):
            raise self.url
        return self.url

    def check_link(self, found: StoredObject) -> None:
        """Whether the account may hand out links."""
        assert found == OLDER
        if self.refused is not None:
            raise self.refused

    def head(self, bucket: str, key: str, version_id: str | None = None) -> StoredObject | None:
        """What is there."""
        assert (bucket, key, version_id) == ("uploads", "a.jpg", None)
        return self.present

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.pauses.append(seconds)
        self.now += seconds

    def judging(self, within_s: float = 30.0) -> Judge:
        """A judge with that much time."""
        fake: Any = self
        return Judge(fake, fake, lambda: self.now, self.sleep, self.now + within_s, Patience(), lambda: None)


def no(kind: FailureKind) -> NoVerdict:
    """A refusal of that kind."""
    return NoVerdict(kind, f"it is {kind.value}")


def upload_of(size_bytes: int) -> Upload:
    """An upload of that size."""
    return Upload("uploads", "a.jpg", "E1", None, size_bytes, None, "r", "ObjectCreated:PutObject", "", "58F9")


def test_verdict_by_name_is_not_certain_to_be_of_these_bytes() -> None:
    """What is under the name may have changed while it was judged."""
    world = World(VERDICT)
    assert world.judging().judge(UPLOAD, FOUND) == (VERDICT, False)
    assert (world.asked, world.pauses, world.signed) == ([None], [], [])


def test_a_service_that_nobody_waits_for_any_more_is_not_asked_about_other_bytes() -> None:
    """The bytes changed under our hands: what may be billed unread is bounded for the delivery, not for each look."""
    world = World(NoVerdict(FailureKind.UNAVAILABLE, "a timeout", may_be_paid=True))
    judging = world.judging()
    judging.judge(UPLOAD, FOUND)
    said, _ = judging.judge(UPLOAD, FOUND)
    assert isinstance(said, NoVerdict)
    assert (said.kind, len(world.asked)) == (FailureKind.UNAVAILABLE, 2)
    assert "not asked once more" in str(said)


def test_older_version_is_judged_by_its_own_url() -> None:
    """A signed URL names the version, so the verdict is certain."""
    world = World(VERDICT)
    assert world.judging().judge(UPLOAD, OLDER) == (VERDICT, True)
    assert world.asked == [URL]
    assert world.signed == [(OLDER, 300)]


@pytest.mark.parametrize(
    ("upload", "found", "kind"),
    [
        (UPLOAD, StoredObject("uploads", "a.jpg", "", "", 5, object_type="Symlink"), FailureKind.SYMLINK),
        (upload_of(0), FOUND, FailureKind.UNSUPPORTED),
        (upload_of(LARGEST_IMAGE_BYTES + 1), FOUND, FailureKind.TOO_LARGE),
        (upload_of(10**30), FOUND, FailureKind.TOO_LARGE),
    ],
)
def test_what_is_known_beforehand_costs_no_call(upload: Upload, found: StoredObject, kind: FailureKind) -> None:
    """A link, an empty and an oversized object are ruled out, with certainty."""
    world = World(VERDICT)
    answer, is_exact = world.judging().judge(upload, found)
    assert isinstance(answer, NoVerdict)
    assert (answer.kind, is_exact, world.asked) == (kind, True, [])
    assert "uploads/a.jpg" in str(answer)


def test_largest_image_is_asked_about() -> None:
    """The limit itself is within it."""
    assert World(VERDICT).judging().judge(upload_of(LARGEST_IMAGE_BYTES), FOUND)[0] is VERDICT


@pytest.mark.parametrize("kind", [FailureKind.UNAVAILABLE, FailureKind.UNREADABLE])
def test_passing_trouble_is_waited_out(kind: FailureKind) -> None:
    """The service is asked again, after a pause that chance decides."""
    world = World(no(kind), no(kind), VERDICT)
    assert world.judging().judge(UPLOAD, FOUND)[0] is VERDICT
    assert len(world.asked) == 3
    assert len(world.pauses) == 2
    assert all(0 <= pause <= 5.0 for pause in world.pauses)


@pytest.mark.parametrize("kind", [FailureKind.UNAVAILABLE, FailureKind.UNREADABLE])
def test_lasting_trouble_ends_in_time(kind: FailureKind) -> None:
    """Within the deadline, with the reason; the next delivery goes on."""
    world = World(no(kind), call_s=0.05)
    deadline = world.now + 8.0
    answer, _ = world.judging(8.0).judge(UPLOAD, FOUND)
    assert isinstance(answer, NoVerdict)
    assert answer.kind is kind
    assert world.now <= deadline
    assert max(world.asked_at) <= deadline - 1.0
    assert len(world.asked) > 1


@pytest.mark.parametrize("kind", [FailureKind.TOO_LARGE, FailureKind.UNSUPPORTED])
def test_final_answers_are_not_asked_for_twice(kind: FailureKind) -> None:
    """Asking again changes nothing."""
    world = World(no(kind))
    answer, is_exact = world.judging().judge(UPLOAD, FOUND)
    assert isinstance(answer, NoVerdict)
    assert (answer.kind, is_exact, len(world.asked)) == (kind, False, 1)


def test_each_call_has_the_time_that_is_left() -> None:
    """Less from call to call, but never so little that no answer could come."""
    world = World(no(FailureKind.UNAVAILABLE))
    world.judging(6.0).judge(UPLOAD, FOUND)
    assert world.timeouts[0] == 6.0
    assert world.timeouts == sorted(world.timeouts, reverse=True)
    assert min(world.timeouts) >= 1.0


def test_record_without_time_left_is_still_asked_about_once() -> None:
    """Each record has its own try."""
    world = World(no(FailureKind.UNAVAILABLE))
    world.judging(-5.0).judge(UPLOAD, FOUND)
    assert world.timeouts == [1.0]
    assert world.pauses == []


def test_operators_fault_ends_at_once() -> None:
    """It is never the object's, and asking again does not mend an account."""
    world = World(OperatorError("activate it"))
    with pytest.raises(OperatorError, match="activate it"):
        world.judging().judge(UPLOAD, FOUND)
    assert len(world.asked) == 1


def test_refused_request_is_tried_once_by_url() -> None:
    """A key that the service does not take can still be read by a signed URL."""
    world = World(no(FailureKind.REJECTED), VERDICT)
    assert world.judging().judge(UPLOAD, FOUND) == (VERDICT, False)
    assert world.asked == [None, URL]
    assert world.signed == [(FOUND, 300)]


def test_a_version_is_judged_by_its_own_url_alone() -> None:
    """What a version id names is asked for by it, also while it is the current version."""
    world = World(VERDICT)
    assert world.judging().judge(UPLOAD, StoredObject("uploads", "a.jpg", "E1", "T", 5, "v1")) == (VERDICT, True)
    assert world.asked == [URL]


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (FailureKind.REJECTED, FailureKind.REJECTED),
        (FailureKind.UNREADABLE, FailureKind.REJECTED),
        (FailureKind.UNSUPPORTED, FailureKind.UNSUPPORTED),
        (FailureKind.UNAVAILABLE, FailureKind.UNAVAILABLE),
    ],
)
def test_refusal_by_url_too(second: FailureKind, kind: FailureKind) -> None:
    """A URL that the service could not read says nothing of the object; any other answer does."""
    answer, _ = World(no(FailureKind.REJECTED), no(second)).judging(3.0).judge(UPLOAD, FOUND)
    assert isinstance(answer, NoVerdict)
    assert answer.kind is kind


def test_url_too_long_for_the_service_is_not_sent() -> None:
    """A key of 1,023 bytes makes one; the refusal says so, and does not repeat the URL."""
    url = "https://x/?signature=" + "s" * LONGEST_URL
    world = World(no(FailureKind.REJECTED), VERDICT, url=url)
    answer, _ = world.judging().judge(UPLOAD, FOUND)
    assert isinstance(answer, NoVerdict)
    assert answer.kind is FailureKind.REJECTED
    assert f"has {len(url)} characters; the service takes {LONGEST_URL}" in str(answer)
    assert "sss" not in str(answer)
    assert world.asked == [None]


def test_url_of_the_longest_allowed_length_is_sent() -> None:
    """The limit itself is within it."""
    world = World(VERDICT, url="u" * LONGEST_URL)
    assert world.judging().judge_exactly(UPLOAD, OLDER) is VERDICT


def test_link_that_can_not_be_signed_is_a_refusal() -> None:
    """Some keys can't stand in a URL."""
    world = World(VERDICT, url=OperatorError("no such key in a URL"))
    answer, is_exact = world.judging().judge(UPLOAD, OLDER)
    assert isinstance(answer, NoVerdict)
    assert (answer.kind, is_exact, world.asked) == (FailureKind.REJECTED, True, [])
    assert "no link can be signed for 'uploads/a.jpg': no such key in a URL" in str(answer)


def test_an_account_that_may_hand_out_no_links_is_not_the_pictures_fault() -> None:
    """Every picture would look unreadable: it is said, and nothing is done to them."""
    world = World(no(FailureKind.UNREADABLE))
    world.present = None
    assert world.judging().judge(UPLOAD, OLDER)[0] is world.answers[0]
    world.refused = OperatorError("no links")
    with pytest.raises(OperatorError, match="no links"):
        world.judging().judge(UPLOAD, OLDER)


def test_a_refused_request_stays_refused_whatever_becomes_of_links() -> None:
    """By name the bucket is read: that a link is not does not keep the policy from being applied."""
    world = World(no(FailureKind.REJECTED), no(FailureKind.UNREADABLE))
    world.present, world.refused = None, OperatorError("no links")
    answer, _ = world.judging().judge(UPLOAD, FOUND)
    assert isinstance(answer, NoVerdict)
    assert answer.kind is FailureKind.REJECTED


def test_pauses_are_left_to_chance() -> None:
    """Instances share no memory: only chance keeps a crowd from asking in step."""
    runs = []
    for _ in range(4):
        world = World(no(FailureKind.UNAVAILABLE))
        world.judging(20.0).judge(UPLOAD, FOUND)
        runs.append(tuple(world.pauses))
    assert len(set(runs)) > 1


@pytest.mark.parametrize("present", [None, StoredObject("uploads", "a.jpg", "E2", "T", 5)], ids=["gone", "another"])
def test_what_went_away_is_not_asked_for_again(present: StoredObject | None) -> None:
    """The service can't read what is no longer there, however often it is asked."""
    world = World(no(FailureKind.UNREADABLE))
    world.present = present
    answer, is_exact = world.judging().judge(UPLOAD, FOUND)
    assert isinstance(answer, NoVerdict)
    assert (answer.kind, is_exact, world.asked) == (FailureKind.UNREADABLE, False, [None])
