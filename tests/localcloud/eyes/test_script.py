"""Scripted verdicts: which entry speaks, what it says, and what is said of a file that is wrong."""

import hashlib
import json
from pathlib import Path

import pytest

from handler.model import Finding
from scripts.localcloud.eyes.script import BadScript, load_script
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked

IMAGE = b"\x89PNG some text inside"
SCRIPT = f"""
v: 1
verdicts:
  - key: avatars/*
    contains: inside
    verdict: {{risk: high, findings: [{{label: violent_gun, confidence: 91.5, risk: high, description: A gun}}]}}
  - key: avatars/**
    verdict:
      {{risk: medium, ext: {{VlContent: {{OutputText: x}}}}, findings: [{{label: QR code}}, {{label: nonLabel}}]}}
  - sha256: {hashlib.sha256(b"exact").hexdigest().upper()}
    code: 407
  - contains: Grüße
    http: {{status: 503, code: ServiceUnavailable}}
"""
GUN = Answer(findings=(Finding("violent_gun", 91.5, "high", "A gun"),), risk="high")
QR = Answer(findings=(Finding("QR code"), Finding("nonLabel")), risk="medium", ext={"VlContent": {"OutputText": "x"}})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The script above, in a file."""
    path = tmp_path / "verdicts.yaml"
    path.write_text(SCRIPT, "utf-8")
    return path


@pytest.mark.parametrize(
    ("key", "image", "answer"),
    [
        ("avatars/a.png", IMAGE, GUN),
        ("avatars/a.png", b"", QR),
        ("avatars/x/a.png", IMAGE, QR),
        ("a.png", b"exact", Answer(code=407)),
        ("a.png", "viele Grüße".encode(), Answer(status=503, error="ServiceUnavailable")),
        ("a.png", IMAGE, HARMLESS),
    ],
)
def test_the_first_entry_that_fits_speaks(file: Path, key: str, image: bytes, answer: Answer) -> None:
    """All conditions of an entry must hold; where none does, the image is harmless."""
    assert load_script(file)(image, Asked("s", "uploads", key, "r")) == answer


@pytest.mark.parametrize("path", ["/avatars/a.png", "/uploads/avatars/a.png", "/uploads/avatars%2Fa.png?versionId=1"])
def test_keys_are_found_in_urls(file: Path, path: str) -> None:
    """A signed URL names the key in its path, with the bucket before it in path style."""
    assert load_script(file)(IMAGE, Asked("s", url=f"http://127.0.0.1:80{path}")) == GUN


def test_a_default_speaks_for_the_rest(tmp_path: Path) -> None:
    """It says whatever an entry can say; JSON is as good as YAML."""
    path = tmp_path / "verdicts.json"
    path.write_text(json.dumps({"v": 1, "verdicts": [], "default": {"code": 500}}), "utf-8")
    assert load_script(str(path))(IMAGE, Asked("s", key="k")) == Answer(code=500)


def test_a_logged_verdict_can_be_pasted(tmp_path: Path) -> None:
    """What a verdict says of the call that gave it plays no part."""
    logged = {
        "service": "postImageCheckByVL_global",
        "risk": "none",
        "findings": [{"label": "nonLabel", "confidence": None, "risk": "none"}],
        "request_id": "R",
        "data_id": "d",
        "billed": 1,
        "latency_ms": 300,
        "ext": None,
    }
    path = tmp_path / "verdicts.json"
    path.write_text(json.dumps({"v": 1, "verdicts": [{"key": "**", "verdict": logged}]}), "utf-8")
    assert load_script(path)(IMAGE, Asked("s", key="k")) == HARMLESS


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("v: 1\nverdicts: [", "neither YAML nor JSON"),
        ("", "the whole file: None: Expected `object`, got `null`; an entry has"),
        ("v: 2\nverdicts: []", "v: 2: Invalid enum value 2; 1 is the version"),
        ("v: 1", "the whole file: {'v': 1}: Object missing required field `verdicts`; an entry has"),
        ("v: 1\nverdicts: {}", "verdicts: {}: Expected `array`, got `object`; a list of entries"),
        ("v: 1\nverdicts: [{code: 407}]", "verdicts[0]: {'code': 407}: nothing says which images are meant; an entry"),
        ("v: 1\nverdicts: [{key: a}]", "verdicts[0]: {'key': 'a'}: 0 of verdict, code, http are given; an entry"),
        ("v: 1\nverdicts: [{key: a, code: 500, http: {status: 500, code: X}}]", "2 of verdict, code, http are given"),
        ("v: 1\nverdicts: [{keys: a, code: 407}]", "Object contains unknown field `keys`; an entry has one or more of"),
        ("v: 1\nverdicts: [{key: a, code: 200}]", "verdicts[0].code: 200: Invalid enum value 200; the codes without"),
        ("v: 1\nverdicts: [{key: a, http: {status: 200, code: X}}]", "verdicts[0].http.status: 200: Expected `int` >="),
        ("v: 1\nverdicts: [{sha256: abc, code: 407}]", "verdicts[0].sha256: 'abc': Expected `str` matching regex"),
        (
            "v: 1\nverdicts: [{key: a, verdict: {risk: hihg, findings: [{label: x}]}}]",
            "verdicts[0].verdict.risk: 'hihg': Invalid enum value 'hihg'; none, low, medium and high are the risks",
        ),
        (
            "v: 1\nverdicts: [{key: a, verdict: {findings: []}}]",
            "verdicts[0].verdict.findings: []: Expected `array` of length >= 1; a verdict has at least one finding",
        ),
        (
            "v: 1\nverdicts: []\ndefault: {verdict: {findings: [{label: x}, {label: y, confidence: 101}]}}",
            "default.verdict.findings[1].confidence: 101: Expected `float` <= 100.0; a confidence is a number",
        ),
    ],
)
def test_a_bad_file_is_refused_with_place_and_remedy(tmp_path: Path, text: str, complaint: str) -> None:
    """The message names the file, the place, what stands there and what would be right."""
    path = tmp_path / "verdicts.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadScript) as refused:
        load_script(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert complaint in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """No such file, or no text."""
    with pytest.raises(BadScript, match="cannot be read"):
        load_script(tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"v: 1 # \xfc")
    with pytest.raises(BadScript, match="cannot be read"):
        load_script(tmp_path / "latin.yaml")
