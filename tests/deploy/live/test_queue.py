"""`warden doctor --live`: what is wrong with the queue of dead letters is found."""

from collections.abc import Callable

import pytest

from handler.credentials import Credentials
from scripts.deploy.live.queue import examine_queue
from scripts.localcloud.cloud import APPLICATION
from scripts.localcloud.wire import Identity
from tests.deploy.checkout import Checkout
from tests.deploy.deployments import DEFAULT, deploy
from tests.services.http import NOBODY_THERE, Answer
from tests.services.queue_stand_in import QueueStandIn, queue_stand_in

Examine = Callable[..., list[str]]
QUEUE = "bucket-warden-dead-letters"
KEYS = Credentials(APPLICATION.access_key_id, APPLICATION.access_key_secret)


@pytest.fixture
def found(checkout: Checkout, letters: QueueStandIn) -> Examine:
    """Examine the queue of the template; what is said, one line each."""
    deployment = deploy(checkout.folder, DEFAULT)

    def examine(endpoint: str = "", keys: Credentials = KEYS) -> list[str]:
        env = {"MNS_ENDPOINT": endpoint or letters.endpoint}
        return [str(finding) for finding in examine_queue(deployment, keys, env)]

    return examine


def test_a_right_queue_is_silent_and_nothing_is_received(found: Examine, letters: QueueStandIn) -> None:
    """One question; messages stay as they are."""
    assert found() == []
    assert letters.asked == [f"GET /queues/{QUEUE}"]


def test_temporary_keys_are_sent_with_their_token(checkout: Checkout) -> None:
    """Which this service does not want signed."""
    deployment = deploy(checkout.folder, DEFAULT)
    with queue_stand_in(Identity("STS.id", "secret", "CAIS+token=/"), QUEUE) as right:
        env = {"MNS_ENDPOINT": right.endpoint}
        assert [*examine_queue(deployment, Credentials("STS.id", "secret", "CAIS+token=/"), env)] == []


def test_a_queue_that_is_not_there_is_an_error(found: Examine, letters: QueueStandIn) -> None:
    """What is lost without it, and the step that makes it."""
    letters.name = None
    (said,) = found()
    assert said.startswith(f"error: queue {QUEUE}: there is none in ap-southeast-1, so that events that fail for good")
    assert "make it (docs/operations.md, step 3), or mend dead_letters in template.yml" in said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(345600, "4 days"), (86400, "1 day"), (604799, "604,799 s"), (129600, "129,600 s"), (60, "60 s")],
)
def test_letters_that_expire_sooner_than_need_be_are_said(
    found: Examine, letters: QueueStandIn, seconds: int, said: str
) -> None:
    """Seven days are the most that a queue keeps; the default is four."""
    letters.attributes["MessageRetentionPeriod"] = seconds
    (line,) = found()
    assert line == (
        f"warning: queue {QUEUE}: a letter is lost after {said}; set MessageRetentionPeriod to 604800, 7 days"
    )


@pytest.mark.parametrize(("count", "said"), [(1, "1 dead letter waits"), (12, "12 dead letters wait")])
def test_letters_that_wait_are_counted(found: Examine, letters: QueueStandIn, count: int, said: str) -> None:
    """With the place that says what to do; those that somebody is taking out too."""
    letters.send(*["{}"] * count)
    (line,) = found()
    assert line == f"warning: queue {QUEUE}: {said}; docs/operations.md, Send dead letters again"
    letters.messages, letters.received = {}, letters.messages
    assert found() == [line]


def test_a_queue_that_refuses_large_letters_or_shows_them_too_soon_is_said(
    found: Examine, letters: QueueStandIn
) -> None:
    """Each with the value that would be right."""
    letters.attributes.update(MaximumMessageSize=1024, VisibilityTimeout=1)
    size, time = found()
    assert "letters over 1024 bytes are lost; set MaximumMessageSize to 65536" in size
    assert "shows up again after 1 s; set VisibilityTimeout to 30" in time


def test_what_a_queue_does_not_say_is_not_complained_of(found: Examine, letters: QueueStandIn) -> None:
    """An attribute that is left out, or is no number."""
    letters.attributes.clear()
    assert found() == []
    letters.instead = Answer(200, b"<Queue><MessageRetentionPeriod>\xc2\xb2</MessageRetentionPeriod></Queue>")
    assert found() == []


def test_a_missing_right_is_named(found: Examine, letters: QueueStandIn) -> None:
    """The documented one: the service itself does not say which."""
    letters.denied = {"mns:GetQueueAttributes"}
    (said,) = found()
    assert said == (f"warning: queue {QUEUE}: could not look: needs mns:GetQueueAttributes (HTTP 403 AccessDenied)")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, b"<html><body>Sign in</body></html>"), "HTTP 200, but its answer is none of this service"),
        (Answer(200, b'{"Queue": 1}'), "HTTP 200, but its answer is none of this service"),
        (Answer(204, b""), "HTTP 204, but its answer is none of this service"),
        (Answer(301, b""), "HTTP 301, but its answer is none of this service"),
        (Answer(502, b"<html>bad gateway</html>"), "HTTP 502, but its answer is none of this service"),
        (
            Answer(200, b'<!DOCTYPE a [<!ENTITY b "c">]><Queue>&b;</Queue>'),
            "HTTP 200, but its answer is none of this service",
        ),
        (Answer(400, b"<Error><Code>TimeExpired</Code></Error>"), "could not look: HTTP 400 TimeExpired"),
        (Answer(403, b"<Error><Code>LTAI x</Code></Error>"), "could not look: HTTP 403 an unreadable code"),
    ],
)
def test_a_strange_answer_is_a_warning(found: Examine, letters: QueueStandIn, answer: Answer, said: str) -> None:
    """Whatever it is: never silence, never a traceback."""
    letters.instead = answer
    (line,) = found()
    assert line.startswith(f"warning: queue {QUEUE}: could not look: ")
    assert said in line


def test_wrong_keys_are_told_without_them(found: Examine) -> None:
    """The code, and neither key nor signature."""
    (said,) = found(keys=Credentials(APPLICATION.access_key_id, "wrong"))
    assert "could not look: HTTP 403 SignatureDoesNotMatch" in said
    assert APPLICATION.access_key_id not in said


@pytest.mark.parametrize(("endpoint", "said"), NOBODY_THERE)
def test_no_answer_names_its_cause(found: Examine, endpoint: str, said: str) -> None:
    """As for the other services."""
    (line,) = found(endpoint)
    assert line.startswith("warning: ")
    assert said in line


def test_an_endpoint_that_is_no_url_is_an_error(found: Examine) -> None:
    """With the variable, the value and a right one."""
    (said,) = found("mns.example")
    assert said.startswith(
        "error: MNS_ENDPOINT: 'mns.example' is no URL of a host; one like https://1234567890123456.mns."
    )
