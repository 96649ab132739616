"""The demo: the samples end as the policy says, the buckets agree, and whatever it is given becomes a clear line."""

import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import oss2
import pytest
from click.testing import CliRunner
from PIL import Image

from handler.adapters.oss.network import OssSession
from scripts.cli.__main__ import warden
from scripts.cli.demo import command
from scripts.cli.demo.pictures import gather
from scripts.cli.demo.session import Judged, Session
from scripts.environment.making import LAUNCHER, ROOT
from scripts.localcloud.eyes.seeing import ModelEyes

pytest_plugins = ["tests.localcloud.eyes.eyes_fixtures"]

SAMPLES = ROOT / "samples"
END_S = 100
Run = tuple[int, str, str]
RunHere = Callable[..., Run]
ENDS = {
    "qr_clean.png": ("flagged", "lures"),
    "qr_in_photo.jpg": ("flagged", "lures"),
    "qr_inverted.png": ("flagged", "lures"),
    "sk_astronaut.jpg": ("passed", "(otherwise)"),
    "sk_camera.jpg": ("passed", "(otherwise)"),
    "sk_chelsea.jpg": ("passed", "(otherwise)"),
    "sk_coffee.jpg": ("passed", "(otherwise)"),
    "sk_moon.jpg": ("passed", "(otherwise)"),
    "sk_rocket.jpg": ("passed", "(otherwise)"),
    "synthetic_dunes.jpg": ("quarantined", "adult"),
    "txt_clean.png": ("passed", "(otherwise)"),
    "txt_contact.png": ("flagged", "lures"),
    "txt_contact_zh.png": ("flagged", "lures"),
    "txt_gamble.png": ("quarantined", "gambling"),
    "txt_profanity.png": ("flagged", "rude-words"),
}


@contextmanager
def started(*arguments: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own with its temporary files in `cwd`, ended with the test."""
    environment = os.environ | {"TMPDIR": str(cwd), "COLUMNS": "80"}
    with subprocess.Popen(  # noqa: S603 - the command under test
        [sys.executable, "-c", LAUNCHER, str(ROOT), "scripts.cli", "demo", *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: str, cwd: Path) -> Run:
    """The exit code and both outputs; no traceback in them, no escape sequence, and nothing left running."""
    with started(*arguments, cwd=cwd) as process:
        out, err = process.communicate(timeout=END_S)
    assert "Traceback" not in out + err
    assert "\x1b" not in out + err
    assert left_running(cwd) == []
    return process.returncode, out, err


@pytest.fixture
def run_here(eyes: ModelEyes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunHere]:
    """The same in this process, with models that are loaded already: for what is not about processes."""
    monkeypatch.setattr(command, "ModelEyes", lambda: eyes)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    handled = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run_here(*arguments: str) -> Run:
        done = CliRunner().invoke(warden, ["demo", *arguments])
        assert "\x1b" not in done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.exit_code, done.stdout, done.stderr

    yield run_here
    for number, handler in handled.items():
        signal.signal(number, handler)


def left_running(cwd: Path) -> list[str]:
    """Command lines of processes that run the function from below this folder."""
    running = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it ended meanwhile
            continue
        if f"{cwd}/bucket-warden" in command:
            running.append(command)
    return running


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """What is printed up to a match of the pattern, and whatever came with it."""
    assert process.stdout is not None
    text = ""
    while not re.search(pattern, text):
        assert select.select([process.stdout], [], [], END_S)[0], f"{pattern!r} is not printed: {text}"
        chunk = os.read(process.stdout.fileno(), 65536)
        assert chunk, f"{pattern!r} is not printed: {text}"
        text += chunk.decode()
    return text


def interrupt(process: subprocess.Popen[str], cwd: Path) -> tuple[int, str]:
    """Press Ctrl-C; the exit code and standard error, when nothing runs any more."""
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=END_S)
    assert "Traceback" not in err
    deadline = time.monotonic() + END_S
    while left_running(cwd) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_running(cwd) == []
    return process.returncode, err


@pytest.fixture(scope="module")
def session(eyes: ModelEyes) -> Iterator[Session]:
    """A session under the default policy."""
    with Session(ROOT / "policies" / "default.yml", eyes) as session:
        yield session


@pytest.fixture(scope="module")
def judged(session: Session) -> dict[str, Judged]:
    """What became of each sample, by key."""
    return {picture.key: session.judge(picture) for picture in gather([SAMPLES])}


@pytest.mark.exhaustive
def test_samples_end_as_the_default_policy_says(judged: dict[str, Judged]) -> None:
    """Clean photos pass; the dunes, the codes and the texts are acted on; each was paid for once."""
    assert {key: (each.status, each.rule) for key, each in judged.items()} == ENDS
    assert {each.billed for each in judged.values()} == {1}


def test_buckets_agree_with_what_is_shown(judged: dict[str, Judged], session: Session) -> None:
    """Every object is where the demo says, with the tags it says, and there is no other."""
    held = {
        f"{name}/{found.key}": session.bucket(name).get_object_tagging(found.key).tag_set.tagging_rule
        for name in ("uploads", "quarantine")
        for found in oss2.ObjectIteratorV2(session.bucket(name))
    }
    assert held == {each.location: each.tags for each in judged.values()}
    assert (session.count_objects("uploads"), session.count_objects("quarantine")) == (13, 2)


def test_time_and_memory_are_measured(judged: dict[str, Judged]) -> None:
    """Each picture comes with the time it took and the memory that was held."""
    assert all(each.duration_ms > 0 and each.memory_mb is not None and each.memory_mb > 0 for each in judged.values())


def write_picture(path: Path, width: int = 64, height: int = 64, colour: str = "teal") -> None:
    """A picture of one colour, of the kind that its name says."""
    Image.new("RGB", (width, height), colour).save(path)


@pytest.mark.exhaustive
def test_odd_files_become_clear_lines(tmp_path: Path) -> None:
    """Whatever lies in a folder is judged or held back, and its name is shown as it is, without control characters."""
    pictures = tmp_path / "pictures"
    (pictures / "more").mkdir(parents=True)
    for name in ("a b.png", "[bold]loud.png", "line\nbreak.png", "esc\x1b[31m.png", "same.png", "more/same.png"):
        write_picture(pictures / name)
    Image.new("L", (10_000, 10_000), 200).save(pictures / "huge.png")
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(pictures / "moving.gif", save_all=True, append_images=frames[1:])
    (pictures / "text.jpg").write_text("hello")
    (pictures / "empty.jpg").touch()
    returned, out, err = run("pictures", cwd=tmp_path)
    assert (returned, err) == (0, "")
    for name in ("a b", "[bold]loud", r"line\nbreak", r"esc\x1b[31m", "same", "more/same", "huge"):
        assert f"passed       pictures/{name}.png\n" in out
    assert "passed       pictures/moving.gif\n" in out
    for name in ("text", "empty"):
        assert f"quarantined  pictures/{name}.jpg\n  seen     no verdict (failures.unsupported" in out
    assert "10 pictures: 8 passed, 2 quarantined" in out


def test_json_is_one_object_an_upload_and_nothing_else(run_here: RunHere) -> None:
    """Standard output is for programs; standard error says nothing."""
    paths = [str(SAMPLES / "synthetic_dunes.jpg"), str(SAMPLES / "sk_chelsea.jpg")]
    returned, out, err = run_here("--json", *paths)
    assert (returned, err) == (0, "")
    dunes, cat = (json.loads(line) for line in out.splitlines())
    (finding,) = dunes.pop("findings")
    assert (finding["label"], finding["risk"]) == ("pornographic_adultContent", "medium")
    assert dunes.pop("duration_ms") > 0
    assert dunes.pop("location").startswith("quarantine/held/uploads/")
    assert dunes.pop("tags").keys() == {
        "moderation-status",
        "moderation-policy",
        "moderation-labels",
        "moderation-queue",
    }
    assert dunes == {
        "file": paths[0],
        "key": "synthetic_dunes.jpg",
        "status": "quarantined",
        "rule": "adult",
        "action": "quarantine",
        "cost_usd": 0.0012,
    }
    assert (cat["status"], cat["location"], cat["findings"][0]["label"]) == (
        "passed",
        "uploads/sk_chelsea.jpg",
        "nonLabel",
    )


def test_another_policy_decides_otherwise(tmp_path: Path, run_here: RunHere) -> None:
    """`--policy` takes a file, also one that quarantines to a bucket of its own."""
    (tmp_path / "mine.yml").write_text(
        "version: 1\nname: mine\nrules:\n  - {name: codes, match: {labels: ['QR code']}, action: quarantine}\n"
        "quarantine: {bucket: my-own-bucket, prefix: x/}\n"
    )
    returned, out, _ = run_here("--policy", "mine.yml", str(SAMPLES / "qr_clean.png"))
    assert returned == 0
    assert "rule     codes: quarantine\n  now at   my-own-bucket/x/uploads/" in out
    assert "uploads holds 0 objects, my-own-bucket holds 1 object" in out


def test_shadow_policy_says_what_it_would_do(tmp_path: Path, run_here: RunHere) -> None:
    """In shadow mode the decision is shown as not carried out."""
    policy = (ROOT / "policies" / "strict.yml").read_text("utf-8").replace("mode: enforce", "mode: shadow")
    (tmp_path / "shadow.yml").write_text(policy, "utf-8")
    returned, out, _ = run_here("--policy", "shadow.yml", str(SAMPLES / "qr_clean.png"))
    assert returned == 0
    assert "rule     lures: quarantine, not carried out\n  now at   uploads/qr_clean.png\n" in out


def test_shadow_rule_says_what_it_would_do(run_here: RunHere) -> None:
    """A rule in shadow settles nothing, and is shown beside the one that did."""
    dunes, policy = str(SAMPLES / "synthetic_dunes.jpg"), str(ROOT / "policies" / "tag-only.yml")
    code, out, _ = run_here(dunes, "--policy", policy)
    assert code == 0
    assert "  rule     adult: tag\n  shadow   would-hold-adult: would quarantine\n" in out


def test_picture_that_cannot_be_uploaded_is_said(tmp_path: Path, run_here: RunHere) -> None:
    """What OSS refuses, here a key over 1,023 bytes, is a line of its own; the others go on, and the code is 1."""
    folder = tmp_path / "p"
    deep = folder.joinpath(*["x" * 250] * 4, "y" * 20)
    deep.mkdir(parents=True)
    write_picture(deep / "deep.png")
    write_picture(folder / "z.png")
    returned, out, _ = run_here("p")
    assert returned == 1
    assert "  error    OSS refused it: InvalidObjectName" in out
    assert "passed       p/z.png\n" in out
    assert "2 pictures: 1 failed, 1 passed" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere.jpg"], 1, "Error: 'nowhere.jpg' does not exist\n"),
        (["."], 1, "Error: no images in '.'; images are called .avif, "),
        (["--policy", "nowhere.yml"], 2, "'nowhere.yml' does not exist"),
        (["--policy", "bad.yml"], 1, "unknown key 'unknown'; known: version, name"),
        (["--port", "1"], 2, "No such option"),
    ],
)
def test_wrong_argument_is_a_clear_line(
    tmp_path: Path, run_here: RunHere, arguments: list[str], code: int, message: str
) -> None:
    """What is wrong with what was given ends with 1, what is wrong with the command line with 2."""
    (tmp_path / "bad.yml").write_text("unknown: 1\nversion: 1\nname: bad\nrules: []\n")
    returned, out, err = run_here(*arguments)
    assert (returned, out) == (code, "")
    assert message in err


@pytest.mark.exhaustive
def test_interrupt_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C while a picture is looked at ends with one line, and with the function's process."""
    (tmp_path / "many").mkdir()
    for number in range(60):
        shutil.copy(SAMPLES / "txt_contact.png", tmp_path / "many" / f"{number:02}.png")
    with started("many", cwd=tmp_path) as process:
        read_until(process, "many/01.png")
        time.sleep(0.1)  # the next is under way
        returned, err = interrupt(process, tmp_path)
    assert returned == 1
    assert re.fullmatch(r"stopped; \d+ of 60 judged, nothing is left running\n", err)


@pytest.mark.exhaustive
@pytest.mark.parametrize("delay_s", [0.3, 0.8, 1.6])
def test_interrupt_while_loading_is_one_line(tmp_path: Path, delay_s: float) -> None:
    """Ctrl-C before the first picture, whatever is being loaded then, ends without a traceback as well."""
    with started(str(SAMPLES), cwd=tmp_path) as process:
        time.sleep(delay_s)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=END_S)
    assert process.returncode != 0
    assert "Traceback" not in err


@pytest.mark.exhaustive
def test_kept_cloud_is_there_for_others(tmp_path: Path) -> None:
    """With `--keep` the printed lines are enough to look at it, and what others upload is judged; Ctrl-C ends it."""
    with started("--keep", str(SAMPLES / "synthetic_dunes.jpg"), cwd=tmp_path) as process:
        shown = read_until(process, r"print\(.*\n\n")
        program = "\n".join(line.strip() for line in shown.partition("with oss2:\n")[2].splitlines())
        looked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
        (held,) = json.loads(looked.stdout.replace("'", '"'))
        assert f"quarantine/{held}" in shown
        upload(shown)
        read_until(process, "passed       theirs.png")
        returned, err = interrupt(process, tmp_path)
    assert (returned, err) == (0, "stopped; nothing is left running\n")


def upload(shown: str) -> None:
    """Upload a picture with nothing but what is shown."""
    found = re.search(r"endpoint (\S+), region (\S+),[^/]*?keys +(\S+) / (\S+)", shown)
    assert found
    endpoint, region, key_id, key = found.groups()
    session = OssSession()
    bucket = oss2.Bucket(
        oss2.AuthV4(key_id, key), endpoint, "uploads", session=session, region=region, is_path_style=True
    )
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG")
    bucket.put_object("theirs.png", file.getvalue())
    session.session.close()
