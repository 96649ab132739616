"""Eyes made of small open models: a nudity score, QR codes, and text judged by patterns. Not the vendor's model.

They see what the table in the README lists and are blind to everything else (violence, faces, flags, logos, ...).
Confidences and risks are ours, in the vendor's words and ranges.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, final

from handler.model import Finding, Risk
from scripts.localcloud.eyes.decoder import decode
from scripts.localcloud.eyes.text import judge_lines
from scripts.localcloud.green.answer import HARMLESS, Answer, Asked

if TYPE_CHECKING:
    from scripts.localcloud.eyes.models import Models

NUDE_FROM: Final = 0.8
SUGGESTIVE_FROM: Final = 0.5
READ_CODE_CONFIDENCE: Final = 99.0
BROKEN_CODE_CONFIDENCE: Final = 80.0

_LIKELIEST = 99.99
# Per label the confidences from which its risk is medium and high, as an account sets them in the vendor's console.
_NEVER = 101.0
RISKS_FROM: Final[Mapping[str, tuple[float, float]]] = {
    "pornographic_adultContent": (0, 90),
    "sexual_suggestiveContent": (65, _NEVER),
    "QR code": (0, _NEVER),
    "pt_toDirectContact_tii": (75, _NEVER),
    "profanity_oral_tii": (_NEVER, _NEVER),
    "profanity_offensive_tii": (0, _NEVER),
    "contraband_gamble_tii": (0, 90),
    "contraband_drug_tii": (0, 80),
}


@final
class ModelEyes:
    """The Eyes that look with models; thread-safe, one picture at a time.

    The models load with the first picture, or before by `load`; they come in wheels and nothing is fetched.
    Raises Refused 407 for an image that cannot be decoded.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: Models | None = None

    def load(self) -> None:
        """Load the models if they are not. Raises ImportError outside of the environment `eyes`."""
        with self._lock:
            self._loaded()

    def __call__(self, image: bytes, asked: Asked, /) -> Answer:
        """What is seen in one image: a finding for each label, or `nonLabel`."""
        del asked
        picture = decode(image)
        with self._lock:
            seen = self._loaded().look(picture)
        confidences = {**_nudity(seen.nudity), **_codes(seen.codes_read), **judge_lines(seen.lines)}
        return answer_with(confidences)

    def _loaded(self) -> "Models":
        if self._models is None:
            # The models and their libraries take a second and 300 MB, which the other commands do without.
            from scripts.localcloud.eyes.models import Models  # noqa: PLC0415

            self._models = Models()
        return self._models


def answer_with(confidences: Mapping[str, float]) -> Answer:
    """The answer for labels with their confidences (0-100): each with its risk, and the gravest of these overall."""
    findings = tuple(
        Finding(label, min(round(confidence, 2), _LIKELIEST), _risk(label, confidence).value)
        for label, confidence in sorted(confidences.items(), key=lambda item: -item[1])
    )
    if not findings:
        return HARMLESS
    return Answer(findings=findings, risk=_gravest(finding.risk for finding in findings))


def _risk(label: str, confidence: float) -> Risk:
    medium_from, high_from = RISKS_FROM[label]
    if confidence >= high_from:
        return Risk.HIGH
    return Risk.MEDIUM if confidence >= medium_from else Risk.LOW


def _gravest(words: Iterable[str | None]) -> str:
    order: Callable[[str], int] = [risk.value for risk in Risk].index
    return max((word for word in words if word), key=order)


def _nudity(score: float) -> dict[str, float]:
    if score >= NUDE_FROM:
        return {"pornographic_adultContent": 100 * score}
    return {"sexual_suggestiveContent": 100 * score} if score >= SUGGESTIVE_FROM else {}


def _codes(codes_read: Iterable[bool]) -> dict[str, float]:
    confidences = [READ_CODE_CONFIDENCE if read else BROKEN_CODE_CONFIDENCE for read in codes_read]
    return {"QR code": max(confidences)} if confidences else {}
