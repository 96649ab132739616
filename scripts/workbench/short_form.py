"""Findings and uploads as a person types them, in tests of policies and on the command line."""

import re
from collections.abc import Iterable

from handler.model import Finding, Risk, Upload
from handler.policy.conditions import Judged
from handler.policy.labels import CATALOGUE, is_known
from handler.policy.rules import Policy
from handler.policy.tree import suggest

KEY = "posts/picture.jpg"
BUCKET = "uploads"
RISKS = tuple(risk.value for risk in Risk)
RIGHT = "write a confidence from 0 to 100, a risk (high, medium, low, none), or both, such as 60 low"
_NUMBER = re.compile(r"[0-9]{1,3}(\.[0-9]{1,12})?")
_HIGHEST = 100.0  # confidence


def read_finding(text: str) -> Finding:
    """`LABEL`, `LABEL=CONFIDENCE` or `LABEL=CONFIDENCE,RISK`. Raises ValueError."""
    label, _, value = text.partition("=")
    return value_finding(label, value)


def value_finding(label: str, value: str) -> Finding:
    """A label with its confidence and risk, in this order, either left out: `60 low`, `60`, `low`.

    Raises ValueError.
    """
    parts = value.replace(",", " ").split()
    confidence = float(parts.pop(0)) if parts and _NUMBER.fullmatch(parts[0]) else None
    risk = parts.pop(0) if parts and parts[0] in RISKS else None
    if not label or parts or (confidence is not None and confidence > _HIGHEST):
        raise ValueError(f"{value!r} is no value for the label {label!r}; {RIGHT}")
    return Finding(label, confidence, risk)


def write_finding(finding: Finding) -> str:
    """The finding as `--label` takes it."""
    parts = ["" if finding.confidence is None else f"{finding.confidence:.12g}", finding.risk or ""]
    value = ",".join(parts).rstrip(",")
    return f"{finding.label}={value}" if value else finding.label


def sample_upload(
    key: str = KEY, bucket: str = BUCKET, size_bytes: int = 100_000, content_type: str | None = "image/jpeg"
) -> Upload:
    """An upload of which only what conditions ask for matters."""
    return Upload(
        bucket=bucket,
        key=key,
        etag="",
        version_id=None,
        size_bytes=size_bytes,
        content_type=content_type,
        region="",
        event_name="",
        uploaded_at="",
        request_id="",
    )


def describe_finding(judged: Judged) -> str:
    """`sexual_feet 63.2`, or the label alone."""
    return judged.finding.label if judged.confidence is None else f"{judged.finding.label} {judged.confidence:.12g}"


def doubt_label(policy: Policy, label: str) -> str | None:
    """Say so where the service, as far as we and the policy know, cannot give this label."""
    named = set[str]()
    for rule in policy.rules:
        for conditions in (rule.match, rule.unless):
            if conditions is not None and conditions.labels is not None:
                named |= conditions.labels.exact
    if is_known(label, named):
        return None
    return f"unknown label {label!r}{suggest(label, CATALOGUE)}; `warden policy labels` shows all"


def doubt_scale(findings: Iterable[Finding]) -> list[str]:
    """What is to be said of confidences that look like fractions."""
    return [
        f"{finding.label}: {finding.confidence:.12g} of 100 is next to nothing, for a confidence goes from 0 to 100; "
        f"write {finding.confidence * 100:.12g} if {finding.confidence * 100:.12g} % is meant"
        for finding in findings
        if finding.confidence is not None and 0 < finding.confidence <= 1
    ]


def doubt_labels(policy: Policy, findings: Iterable[Finding]) -> list[str]:
    """What is to be said of labels that look mistyped."""
    return [doubt for finding in findings if (doubt := doubt_label(policy, finding.label))]
