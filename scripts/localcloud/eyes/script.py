"""Scripted verdicts: what the moderation stand-in is to say of which image, from a YAML or JSON file.

    v: 1
    verdicts:                       # the first entry that fits decides
      - key: avatars/**             # a key glob, as in policies
        verdict: {risk: high, findings: [{label: violent_gun, confidence: 91.5, risk: high}]}
      - sha256: 5f70bf18…           # of the stored bytes, in hex
        code: 407                   # any code of the vendor's but 200
      - contains: EICAR             # text somewhere in the bytes, as UTF-8
        http: {status: 503, code: ServiceUnavailable}
    default:                        # without it: no risk (nonLabel)
      verdict: {risk: none, findings: [{label: nonLabel, risk: none}]}

An entry has one or more of `key`, `sha256`, `contains`, which must all fit, and exactly one of `verdict`, `code`,
`http`. A verdict is in the project's one JSON form, so that a logged one can be pasted: what it says of itself
(`service`, `request_id`, `data_id`, `billed`, `latency_ms`) is taken and plays no part.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec
import yaml
from msgspec import Meta, Struct

from handler.model import Finding, Risk
from handler.policy.globs import Glob, compile_key
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked, Eyes

_LONGEST_VALUE_SHOWN = 80
_ENTRY = "an entry has one or more of key, sha256, contains, and exactly one of verdict, code, http"
_RIGHT = {
    "v": "1 is the version of this form",
    "verdicts": "a list of entries is wanted",
    "risk": "none, low, medium and high are the risks",
    "confidence": "a confidence is a number from 0 to 100, or left out",
    "findings": "a verdict has at least one finding; an image without risk has {label: nonLabel, risk: none}",
    "label": "a label is text, and not empty",
    "code": "the codes without a verdict are 400 to 408 and 500; an HTTP code is text (ServiceUnavailable)",
    "status": "an HTTP status is a number from 400 to 599",
    "sha256": "a sha256 is 64 hex digits, in quotes",
}


class BadScript(Exception):
    """The file is no script of verdicts; the message names the file, the place and what would be right."""


class _Finding(Struct, forbid_unknown_fields=True):
    label: Annotated[str, Meta(min_length=1)]
    confidence: Annotated[float, Meta(ge=0, le=100)] | None = None
    risk: Risk | None = None
    description: str | None = None


class _Verdict(Struct, forbid_unknown_fields=True):
    findings: Annotated[list[_Finding], Meta(min_length=1)]
    risk: Risk | None = None
    ext: dict[str, Any] | None = None
    service: str = ""
    request_id: str = ""
    data_id: str = ""
    billed: int = 1
    latency_ms: int = 0


class _Http(Struct, forbid_unknown_fields=True):
    status: Annotated[int, Meta(ge=400, le=599)]
    code: Annotated[str, Meta(min_length=1)]


class _Said(Struct, forbid_unknown_fields=True, kw_only=True):
    verdict: _Verdict | None = None
    code: Literal[400, 401, 402, 403, 404, 405, 406, 407, 408, 500] | None = None
    http: _Http | None = None

    def __post_init__(self) -> None:
        given = sum(said is not None for said in (self.verdict, self.code, self.http))
        if given != 1:
            raise ValueError(f"{given} of verdict, code, http are given")


class _Entry(_Said, kw_only=True):
    key: Annotated[str, Meta(min_length=1)] | None = None
    sha256: Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")] | None = None
    contains: Annotated[str, Meta(min_length=1)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.key is None and self.sha256 is None and self.contains is None:
            raise ValueError("nothing says which images are meant")


class _Script(Struct, forbid_unknown_fields=True):
    v: Literal[1]
    verdicts: list[_Entry]
    default: _Said | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """An entry, ready to be tried: conditions that are None are not set."""

    key: Glob | None
    sha256: str | None
    contains: bytes | None
    answer: Answer

    def fits(self, image: bytes, asked: Asked) -> bool:
        """Whether all conditions hold for this image."""
        if self.key is not None and not any(self.key.matches(key) for key in _keys(asked)):
            return False
        if self.contains is not None and self.contains not in image:
            return False
        return self.sha256 is None or self.sha256 == hashlib.sha256(image).hexdigest()


def load_script(path: str | Path) -> Eyes:
    """Eyes that say what the file says, by its first entry that fits. Raises BadScript.

    For an image asked for by URL, `key` is tried on the URL's path with and without its first segment, which in the
    path style of a local OSS is the bucket.
    """
    script = _convert(Path(path))
    lines = [
        _Line(
            key=compile_key(entry.key) if entry.key is not None else None,
            sha256=entry.sha256.lower() if entry.sha256 is not None else None,
            contains=entry.contains.encode() if entry.contains is not None else None,
            answer=_answer(entry),
        )
        for entry in script.verdicts
    ]
    default = _answer(script.default) if script.default is not None else HARMLESS

    def look(image: bytes, asked: Asked, /) -> Answer:
        return next((line.answer for line in lines if line.fits(image, asked)), default)

    return look


def _convert(path: Path) -> _Script:
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise BadScript(f"{path}: cannot be read as UTF-8 text: {exc}") from exc
    except yaml.YAMLError as exc:
        raise BadScript(f"{path}: neither YAML nor JSON: {exc}") from exc
    try:
        return msgspec.convert(raw, _Script)
    except msgspec.ValidationError as exc:
        raise BadScript(_complaint(path, raw, str(exc))) from exc


def _complaint(path: Path, raw: object, message: str) -> str:
    """`Expected … - at `$.verdicts[0].code`` of msgspec, as file: place: what; what would be right."""
    what, _, at = message.partition(" - at `$")
    place = at.rstrip("`").lstrip(".")
    found = raw
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", f".{place}"):
        found = found.get(name) if isinstance(found, dict) else found[int(index)] if isinstance(found, list) else found
    shown = repr(found)[:_LONGEST_VALUE_SHOWN]
    right = _RIGHT.get(place.rpartition(".")[2], _ENTRY)
    return f"{path}: {place or 'the whole file'}: {shown}: {what}; {right}"


def _keys(asked: Asked) -> tuple[str, ...]:
    if not asked.url:
        return (asked.key,)
    path = unquote(urlsplit(asked.url).path).removeprefix("/")
    return path, path.partition("/")[2]


def _answer(said: _Said) -> Answer:
    if said.http is not None:
        return Answer(status=said.http.status, error=said.http.code)
    if said.verdict is None:
        return Answer(code=said.code or 500)
    findings = tuple(
        Finding(found.label, found.confidence, _word(found.risk), found.description) for found in said.verdict.findings
    )
    return Answer(findings=findings, risk=_word(said.verdict.risk), ext=said.verdict.ext)


def _word(risk: Risk | None) -> str | None:
    return None if risk is None else risk.value
