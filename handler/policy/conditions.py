"""Conditions of a policy's rules, and whether a finding and its upload meet them.

The answers are the name of the first condition that is not met, or None, so that an explanation of a decision is told
by the code that decides.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from handler.model import Finding, Risk, Upload, Verdict
from handler.policy.globs import Glob
from handler.policy.labels import NO_RISK_LABELS, LabelSet, is_library

OVERALL = "(overall)"
GRAVITY = {Risk.NONE: 0, Risk.LOW: 1, Risk.MEDIUM: 2, Risk.HIGH: 3}
_RISKS = {risk.value: risk for risk in Risk}
_LOWEST, _HIGHEST = 0.0, 100.0  # confidence


class Library(str, Enum):
    """Whether hits in the customer's own image library count."""

    ONLY = "only"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding as rules see it.

    `risk` is its own or a borrowed one; `confidence` is None where the service gave none, or none between 0 and 100.
    `is_overall`: this is the verdict's overall risk, which no label pattern but `*` matches.
    """

    finding: Finding
    risk: Risk
    confidence: float | None
    is_overall: bool = False

    @property
    def is_harmless(self) -> bool:
        """One of the labels that say "nothing found", and without risk."""
        return self.risk is Risk.NONE and self.finding.label in NO_RISK_LABELS and not self.is_overall


@dataclass(frozen=True, slots=True)
class Conditions:
    """One `match` or `unless`; None is a condition that was not set.

    Confidences are 0-100; `min_…` is inclusive and `max_…` exclusive.
    """

    labels: LabelSet | None = None
    risk: frozenset[Risk] | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None
    library: Library | None = None
    keys: tuple[Glob, ...] | None = None
    buckets: frozenset[str] | None = None
    min_size_bytes: int | None = None
    max_size_bytes: int | None = None
    content_types: frozenset[str] | None = None

    @property
    def is_about_confidence(self) -> bool:
        """A finding without a confidence needs a rule of its own here."""
        return self.min_confidence is not None or self.max_confidence is not None

    @property
    def is_about_findings(self) -> bool:
        """False: every finding is matched, also the harmless ones."""
        return self.labels is not None or self.risk is not None or self.library is not None or self.is_about_confidence

    def upload_miss(self, upload: Upload) -> str | None:
        """Name the first condition that the upload does not meet."""
        if self.keys is not None and not matches_any(self.keys, upload.key):
            return "keys"
        if self.buckets is not None and upload.bucket not in self.buckets:
            return "buckets"
        if self.min_size_bytes is not None and upload.size_bytes < self.min_size_bytes:
            return "min_size_bytes"
        if self.max_size_bytes is not None and upload.size_bytes >= self.max_size_bytes:
            return "max_size_bytes"
        if self.content_types is not None and media_type(upload.content_type or "") not in self.content_types:
            return "content_types"
        return None

    def finding_miss(self, judged: Judged, *, unknown_fits: bool) -> str | None:
        """Name the first condition that the finding does not meet.

        `unknown_fits`: whether a finding without a confidence meets the conditions on it.
        """
        if self.labels is not None and not self._names(self.labels, judged):
            return "labels"
        if self.risk is not None and judged.risk not in self.risk:
            return "risk"
        if judged.is_harmless and self.is_about_findings and not self._means_harmless(judged):
            return "labels" if self.labels is not None else "risk"
        if self.library is not None and is_library(judged.finding.label) is not (self.library is Library.ONLY):
            return "library"
        return self._confidence_miss(judged.confidence, unknown_fits=unknown_fits)

    def _names(self, labels: LabelSet, judged: Judged) -> bool:
        return labels.everything if judged.is_overall else labels.matches(judged.finding.label)

    def _means_harmless(self, judged: Judged) -> bool:
        """`nonLabel` and its like are meant only by their exact name or by the risk `none`, never by the way."""
        named = self.labels is not None and judged.finding.label in self.labels.exact
        return named or (self.risk is not None and Risk.NONE in self.risk)

    def _confidence_miss(self, confidence: float | None, *, unknown_fits: bool) -> str | None:
        if confidence is None:
            if unknown_fits:
                return None
            confidence_name = "min_confidence" if self.min_confidence is not None else "max_confidence"
            return confidence_name if self.is_about_confidence else None
        if self.min_confidence is not None and confidence < self.min_confidence:
            return "min_confidence"
        if self.max_confidence is not None and confidence >= self.max_confidence:
            return "max_confidence"
        return None


def media_type(content_type: str) -> str:
    """The type alone, in lower case: neither its parameters nor its case make it another (RFC 9110, 8.3.1)."""
    return content_type.partition(";")[0].strip().lower()


def matches_any(globs: Iterable[Glob], text: str) -> bool:
    """Tell whether one of the patterns fits the whole text."""
    return any(glob.matches(text) for glob in globs)


def read_findings(verdict: Verdict) -> tuple[Judged, ...]:
    """Give each finding of a verdict the risk that counts, and add the overall risk where it stands out.

    A word for risk that we do not know counts as high. A finding without a risk borrows the overall one, high where
    there is none either. The overall risk is a finding of its own where it is graver than every finding's own.
    """
    overall = None if verdict.risk is None else _RISKS.get(verdict.risk, Risk.HIGH)
    judged = [_read_finding(finding, overall or Risk.HIGH) for finding in verdict.findings]
    own = [read.risk for read in judged if read.finding.risk is not None]
    if overall is not None and GRAVITY[overall] > max((GRAVITY[risk] for risk in own), default=0):
        judged.append(Judged(Finding(OVERALL, None, verdict.risk), overall, None, is_overall=True))
    return tuple(judged)


def _read_finding(finding: Finding, borrowed: Risk) -> Judged:
    risk = borrowed if finding.risk is None else _RISKS.get(finding.risk, Risk.HIGH)
    confidence = finding.confidence
    is_known = confidence is not None and _LOWEST <= confidence <= _HIGHEST
    return Judged(finding, risk, confidence if is_known else None)
