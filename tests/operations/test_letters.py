"""`warden letters`: what waits in the queue comes into a file, whatever happens on the way, and is sent from there."""

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.credentials import Credentials
from scripts.cli.__main__ import warden
from scripts.localcloud.wire import Identity
from scripts.operations import letters
from scripts.operations.dead_letters import Letter, Strange, read_letters
from scripts.operations.letters import as_line, take_letters
from scripts.services.message_service import open_queue
from tests.deploy.checkout import Checkout
from tests.operations.test_redrive import event, letter
from tests.services.http import Answer
from tests.services.queue_stand_in import QueueStandIn, queue_stand_in

LAW = settings(deadline=None)  # a busy machine breaks no law
ME = Identity("LTAIoperator", "operator-secret")
NAME = "bucket-warden-dead-letters"


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueStandIn]:
    """A running queue, and the operator's environment."""
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", ME.access_key_id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ME.access_key_secret)
    monkeypatch.delenv("ALIBABA_CLOUD_SECURITY_TOKEN", raising=False)
    with queue_stand_in(ME, NAME) as stand_in:
        monkeypatch.setenv("MNS_ENDPOINT", stand_in.endpoint)
        yield stand_in


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template that is ready."""
    (tmp_path / "checkout").mkdir()
    return Checkout(tmp_path / "checkout").template


def run(template: Path, file: Path, code: int = 0) -> Result:
    """Run the command; it has to end with that code."""
    result = CliRunner().invoke(warden, ["letters", "--template", str(template), "--out", str(file)])
    assert result.exit_code == code, result.output
    return result


def letter_of(number: int) -> dict[str, Any]:
    """One letter of many."""
    return letter(event(f"{number}.png"), timestamp=number)


def uploads(file: Path) -> list[str]:
    """Of the letters in a file, in order; all has to be readable."""
    found = read_letters([file], "bucket-warden")
    assert all(isinstance(each, Letter) for each in found), found
    return [upload for each in found if isinstance(each, Letter) for upload in each.uploads]


def test_every_letter_comes_into_the_file_and_out_of_the_queue(
    queue: QueueStandIn, template: Path, tmp_path: Path
) -> None:
    """More than one handful, one a line, behind what is there already; what comes next is said."""
    file = tmp_path / "dead.jsonl"
    file.write_bytes(as_line(json.dumps(letter_of(0))))
    queue.send(*(json.dumps(letter_of(number)) for number in range(1, 40)))
    result = run(template, file)
    assert result.stdout == f"39 letters taken to {file}; to see and send them: scripts/warden redrive {file}\n"
    assert [json.loads(line) for line in file.read_text().splitlines()] == [letter_of(each) for each in range(40)]
    assert (queue.messages, queue.received) == ({}, {})


def test_an_empty_queue_makes_no_file(queue: QueueStandIn, template: Path, tmp_path: Path) -> None:
    """And is no error: it may be asked every hour."""
    assert run(template, tmp_path / "dead.jsonl").stdout == "no letter waits\n"
    assert not (tmp_path / "dead.jsonl").exists()
    assert queue.asked == [f"GET /queues/{NAME}/messages?numOfMessages=16&waitseconds=3"]


bodies = st.text(st.characters(codec="utf-8"), max_size=40)


@LAW
@given(
    key=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    form=st.sampled_from(["plain", "base64", "pretty"]),
)
def test_a_letter_is_the_same_from_the_file(key: str, form: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """However its body was wrapped, redrive reads what it would have read of the message; in one line."""
    body = json.dumps(letter(event(key)), indent=2 if form == "pretty" else None)
    line = as_line(base64.b64encode(body.encode()).decode() if form == "base64" else body)
    assert line.count(b"\n") == 1
    file = tmp_path_factory.mktemp("line") / "dead.jsonl"
    file.write_bytes(line)
    (found,) = read_letters([file], "bucket-warden")
    assert isinstance(found, Letter)
    assert found.payload == event(key)


@LAW
@given(body=bodies | st.sampled_from(["[" * 20_000, '{"a":' * 500, "null", '{"requestContext": NaN}', "e30="]))
def test_what_is_no_letter_is_kept_too(body: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As it came, in one line that is JSON, and named by redrive: nothing is deleted that is in no file."""
    line = as_line(body)
    assert line.count(b"\n") == 1
    kept = json.loads(line)
    assert kept == {"message": body} or "requestContext" in kept
    file = tmp_path_factory.mktemp("line") / "dead.jsonl"
    file.write_bytes(line)
    assert all(isinstance(found, Strange) for found in read_letters([file], "bucket-warden"))


@pytest.mark.parametrize("where", ["fsync", "delete", "torn"])
def test_killed_at_any_moment_nothing_is_lost(
    queue: QueueStandIn, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """What was not deleted comes again; what is in the file twice is one for redrive."""
    file = tmp_path / "dead.jsonl"
    queue.send(*(json.dumps(letter_of(number)) for number in range(20)))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if where == "delete":
            patch.setattr("scripts.services.message_service.Queue.delete", die)
        else:
            patch.setattr(os, "fsync", die)
        opened = open_queue(arn(), Credentials(ME.access_key_id, ME.access_key_secret), os.environ)
        with pytest.raises(KeyboardInterrupt):
            list(take_letters(opened, file))
        opened.close()
    if where == "torn":  # what is not yet on the disk may be there in part
        file.write_bytes(file.read_bytes()[:-50])
    assert len(queue.received) == 16
    queue.reappear()
    run(template, file)
    read = read_letters([file], "bucket-warden")
    found = {upload for each in read if isinstance(each, Letter) for upload in each.uploads}
    assert found == {f"uploads/{number}.png" for number in range(20)}
    assert len([each for each in read if isinstance(each, Strange)]) == (where == "torn")
    shown = CliRunner().invoke(warden, ["redrive", str(file)])
    assert shown.stdout.count("would send") == 20


def arn() -> str:
    """Of the queue in the template."""
    return f"acs:mns:ap-southeast-1:1234567890123456:/queues/{NAME}/messages"


def test_letters_are_deleted_only_once_they_are_on_the_disk(
    queue: QueueStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At that moment each is in the file, and still in the queue; afterwards in the file alone."""
    file = tmp_path / "dead.jsonl"
    seen: list[tuple[int, int]] = []
    sync = os.fsync

    def note() -> None:
        seen.append((file.read_bytes().count(b"\n"), len(queue.received)))

    def watched(descriptor: int) -> None:
        sync(descriptor)
        note()

    monkeypatch.setattr(os, "fsync", watched)
    queue.send(*["{}"] * 17)
    opened = open_queue(arn(), Credentials(ME.access_key_id, ME.access_key_secret), os.environ)
    for _ in take_letters(opened, file):
        note()
    opened.close()
    assert seen == [(16, 16), (16, 0), (17, 1), (17, 0)]


def test_what_can_not_be_deleted_stops_it(queue: QueueStandIn, template: Path, tmp_path: Path) -> None:
    """It would come again and again; the right is named."""
    queue.denied = {"mns:BatchDeleteMessage"}
    queue.send(json.dumps(letter_of(1)))
    result = run(template, tmp_path / "dead.jsonl", code=1)
    assert "needs mns:BatchReceiveMessage and mns:BatchDeleteMessage on its messages" in result.stderr
    assert uploads(tmp_path / "dead.jsonl") == ["uploads/1.png"]


def test_a_handle_that_is_stale_stops_it(queue: QueueStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the disk took longer than the visibility timeout: the letter is in the file, and again in the queue."""
    queue.send(json.dumps(letter_of(1)))
    monkeypatch.setattr(os, "fsync", lambda _: queue.reappear())
    opened = open_queue(arn(), Credentials(ME.access_key_id, ME.access_key_secret), os.environ)
    with pytest.raises(Exception, match="HTTP 404 ReceiptHandleError"):
        list(take_letters(opened, tmp_path / "dead.jsonl"))
    opened.close()
    assert len(queue.messages) == 1


def test_a_run_ends(queue: QueueStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where new letters come as fast as they are taken."""
    monkeypatch.setattr(letters, "MOST_LETTERS", 3)
    queue.send("{}")
    opened = open_queue(arn(), Credentials(ME.access_key_id, ME.access_key_secret), os.environ)
    taken = 0
    for count in take_letters(opened, tmp_path / "dead.jsonl"):
        taken += count
        queue.send("{}")
    opened.close()
    assert taken == 3


def test_a_run_that_leaves_some_says_so(
    template: Path, queue: QueueStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever schedules it must not take it for all."""
    monkeypatch.setattr(letters, "MOST_LETTERS", 2)
    for _ in range(2):
        queue.send("{}")
    result = run(template, tmp_path / "dead.jsonl", code=1)
    assert "it stopped at 2 letters, and more may wait; run it again" in result.stderr


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, b"<html/>"), "its answer is none of this service"),
        (Answer(200, b"<Messages/>"), "its answer is none of this service"),
        (Answer(200, b"<Messages><Message><MessageBody>a</MessageBody></Message></Messages>"), "none of this service"),
        (Answer(500, b"<Error><Code>InternalError</Code></Error>"), "HTTP 500 InternalError"),
        (Answer(404, b"<Error><Code>QueueNotExist</Code></Error>"), f"queue {NAME}: HTTP 404 QueueNotExist"),
    ],
)
def test_a_strange_answer_is_told(
    queue: QueueStandIn, template: Path, tmp_path: Path, answer: Answer, said: str
) -> None:
    """In one line; nothing is written."""
    queue.instead = answer
    assert said in run(template, tmp_path / "dead.jsonl", code=1).stderr
    assert not (tmp_path / "dead.jsonl").exists()


def test_a_file_that_can_not_be_written_is_told(queue: QueueStandIn, template: Path, tmp_path: Path) -> None:
    """And what was received stays in the queue."""
    queue.send("{}")
    result = run(template, tmp_path / "nowhere" / "dead.jsonl", code=1)
    assert "it cannot be written (No such file or directory)" in result.stderr
    assert len(queue.received) == 1


def test_without_keys_it_says_which(
    queue: QueueStandIn, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables are named, and nobody is asked."""
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID")
    assert "set ALIBABA_CLOUD_ACCESS_KEY_ID" in run(template, tmp_path / "dead.jsonl", code=1).stderr
    assert queue.asked == []


def test_a_template_that_is_not_ready_is_told(queue: QueueStandIn, template: Path, tmp_path: Path) -> None:
    """With what is wrong in it."""
    template.write_text(template.read_text().replace("/queues/", "/topics/"))
    assert "acs:mns:REGION:ACCOUNT:/queues/NAME/messages" in run(template, tmp_path / "dead.jsonl", code=1).stderr
    assert queue.asked == []


@pytest.mark.parametrize("name", ["ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN"])
def test_keys_that_no_request_can_carry_are_told(
    queue: QueueStandIn, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With the queue that was not asked, and nothing of them."""
    monkeypatch.setenv(f"ALIBABA_CLOUD_{name}", "secret\udcff")
    said = run(template, tmp_path / "letters", code=1).output
    assert said.startswith(f"Error: queue {NAME}: no answer (a key, the token or the address")
    assert "secret" not in said
    assert queue.asked == []
