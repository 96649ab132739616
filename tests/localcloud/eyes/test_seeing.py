"""The eyes with their real models, on the samples and on pictures made here."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from scripts.environment.making import ROOT
from scripts.localcloud.eyes.script import load_script
from scripts.localcloud.eyes.seeing import RISKS_FROM, ModelEyes
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked, Refused

pytest_plugins = ["tests.localcloud.eyes.eyes_fixtures"]

ASKED = Asked("postImageCheckByVL_global")
SAMPLES = ROOT / "samples"
SEEN = {
    "qr_clean.png": ("medium", ["QR code"]),
    "qr_in_photo.jpg": ("medium", ["QR code"]),
    "qr_inverted.png": ("medium", ["QR code"]),
    "sk_astronaut.jpg": ("none", ["nonLabel"]),
    "sk_camera.jpg": ("none", ["nonLabel"]),
    "sk_chelsea.jpg": ("none", ["nonLabel"]),
    "sk_coffee.jpg": ("none", ["nonLabel"]),
    "sk_moon.jpg": ("none", ["nonLabel"]),
    "sk_rocket.jpg": ("none", ["nonLabel"]),
    "synthetic_dunes.jpg": ("medium", ["pornographic_adultContent"]),
    "txt_clean.png": ("none", ["nonLabel"]),
    "txt_contact.png": ("medium", ["pt_toDirectContact_tii"]),
    "txt_contact_zh.png": ("medium", ["pt_toDirectContact_tii"]),
    "txt_gamble.png": ("high", ["contraband_gamble_tii"]),
    "txt_profanity.png": ("medium", ["profanity_offensive_tii", "profanity_oral_tii"]),
}
# A process in which no connection can be made looks at a picture with text.
OFFLINE = """
import socket, sys
from pathlib import Path
def refuse(*_): raise AssertionError("something is fetched")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from scripts.localcloud.eyes.seeing import ModelEyes
from scripts.localcloud.green.answer import Asked
answer = ModelEyes()(Path("samples/txt_gamble.png").read_bytes(), Asked("s"))
print(*(finding.label for finding in answer.findings))
"""


def labels(answer: Answer) -> list[str]:
    """The labels of an answer, in order."""
    return [finding.label for finding in answer.findings]


def test_every_sample_has_an_expectation() -> None:
    """No sample lies about untested."""
    assert sorted(SEEN) == sorted(path.name for path in SAMPLES.iterdir() if path.suffix in (".png", ".jpg"))


@pytest.mark.parametrize("name", SEEN)
def test_sample_is_seen(eyes: ModelEyes, name: str) -> None:
    """Each sample has its labels, and the gravest of their risks; confidences have two decimals, from 0 to 100."""
    answer = eyes((SAMPLES / name).read_bytes(), ASKED)
    assert (answer.risk, labels(answer)) == SEEN[name]
    for finding in answer.findings if answer != HARMLESS else ():
        assert finding.label in RISKS_FROM
        assert finding.confidence is not None
        assert 0 <= finding.confidence <= 100
        assert finding.confidence == round(finding.confidence, 2)


@pytest.mark.parametrize("name", SEEN)
def test_scripted_verdict_of_a_sample_is_what_the_eyes_say(name: str) -> None:
    """The script that comes with the samples says the same, without models."""
    scripted = load_script(SAMPLES / "verdicts.yml")((SAMPLES / name).read_bytes(), Asked("s", "uploads", name))
    assert (scripted.risk, labels(scripted)) == SEEN[name]


def test_broken_qr_code_is_seen(eyes: ModelEyes) -> None:
    """A QR code that is there but cannot be decoded is reported, with less confidence."""
    picture = Image.open(SAMPLES / "qr_clean.png").convert("RGB")
    side = picture.width
    ImageDraw.Draw(picture).rectangle((0.35 * side, 0.35 * side, 0.7 * side, 0.7 * side), fill="white")
    file = io.BytesIO()
    picture.save(file, "PNG")
    (finding,) = eyes(file.getvalue(), ASKED).findings
    assert (finding.label, finding.confidence) == ("QR code", 80.0)


def test_text_in_a_drawing_is_read(eyes: ModelEyes) -> None:
    """An SVG is drawn, also its text, whatever fonts this machine has."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="300pt" height="80pt">'
        '<text x="10" y="50" font-size="24" font-family="No Such Font">Online casino, bet now</text></svg>'
    )
    assert labels(eyes(svg.encode(), ASKED)) == ["contraband_gamble_tii"]


@pytest.mark.exhaustive
def test_several_at_once_see_the_same(eyes: ModelEyes) -> None:
    """Calls from several threads do not disturb one another."""
    names = ["txt_contact.png", "txt_gamble.png", "qr_clean.png", "sk_chelsea.jpg"] * 2
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda name: eyes((SAMPLES / name).read_bytes(), ASKED), names))
    assert [(answer.risk, labels(answer)) for answer in answers] == [SEEN[name] for name in names]


def test_what_is_no_image_is_refused(eyes: ModelEyes) -> None:
    """A text file gets the vendor's code for an unsupported format."""
    with pytest.raises(Refused) as caught:
        eyes(b"not a picture", ASKED)
    assert caught.value.code == 407


@pytest.mark.exhaustive
def test_nothing_is_fetched_or_reported(tmp_path: Path) -> None:
    """Without a network the models see the same, and leave nothing at home: telemetry would keep a device id there."""
    shown = subprocess.run(  # noqa: S603 - started by the test
        [sys.executable, "-c", OFFLINE],
        cwd=ROOT,
        env={"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},  # and no CI, by which telemetry is off
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == "contraband_gamble_tii\n"
    assert list(tmp_path.iterdir()) == []
