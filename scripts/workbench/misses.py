"""Why a rule did not match, in words; which condition it was, the deciding code itself says."""

from handler.model import Upload
from handler.policy.conditions import Conditions, Judged, Library
from handler.policy.globs import Glob
from handler.policy.labels import NO_RISK_LABELS
from handler.policy.rules import Rule
from scripts.workbench.short_form import describe_finding

_MOST_NAMED = 6


def upload_reason(rule: Rule, upload: Upload) -> str | None:
    """Why the rule is not about this upload; None if it is."""
    miss = rule.upload_miss(upload)
    return None if miss is None else _upload_sentence(rule.match, miss, upload)


def finding_reason(rule: Rule, upload: Upload, judged: Judged) -> str | None:
    """Why the rule does not match this finding; None if it does."""
    miss = rule.finding_miss(upload, judged)
    if miss is None:
        return None
    if miss == "unless":
        return f"{describe_finding(judged)} is spared by `unless`{_spared_for(rule, upload)}"
    return f"{describe_finding(judged)} {_finding_sentence(rule, miss, judged)}"


def match_note(rule: Rule, judged: Judged) -> str:
    """What has to be said of a finding that matched: that it did so for want of a confidence."""
    if judged.confidence is None and rule.match.is_about_confidence:
        return f"{judged.finding.label} has no confidence, which meets every condition on it here: unknown never helps"
    return ""


def describe_conditions(conditions: Conditions) -> list[str]:
    """The conditions on more than labels, each in a few words."""
    words = []
    if conditions.risk is not None:
        words.append("risk " + " or ".join(sorted(risk.value for risk in conditions.risk)))
    if conditions.min_confidence is not None:
        words.append(f"from {conditions.min_confidence:.12g}")
    if conditions.max_confidence is not None:
        words.append(f"below {conditions.max_confidence:.12g}")
    if conditions.library is not None:
        words.append(f"library {conditions.library.value}")
    if conditions.keys is not None:
        words.append(f"keys {_globs(conditions.keys)}")
    if conditions.buckets is not None:
        words.append(f"bucket {_names(sorted(conditions.buckets))}")
    if conditions.min_size_bytes is not None:
        words.append(f"{conditions.min_size_bytes:,} bytes or more")
    if conditions.max_size_bytes is not None:
        words.append(f"under {conditions.max_size_bytes:,} bytes")
    if conditions.content_types is not None:
        words.append(f"content type {_names(sorted(conditions.content_types))}")
    return words


def _upload_sentence(conditions: Conditions, miss: str, upload: Upload) -> str:
    match miss:
        case "keys":
            return f"key {upload.key!r} fits none of {_globs(conditions.keys or ())}"
        case "buckets":
            return f"bucket {upload.bucket!r} is not one of {_names(sorted(conditions.buckets or ()))}"
        case "min_size_bytes":
            return f"{upload.size_bytes} bytes are below min_size_bytes {conditions.min_size_bytes}"
        case "max_size_bytes":
            return f"{upload.size_bytes} bytes are not below max_size_bytes {conditions.max_size_bytes}"
        case _:
            types = _names(sorted(conditions.content_types or ()))
            return f"content type {upload.content_type!r} is not one of {types}"


def _finding_sentence(rule: Rule, miss: str, judged: Judged) -> str:  # noqa: PLR0911 - one sentence for each condition
    conditions = rule.match
    if judged.is_harmless and (conditions.labels is None or conditions.labels.matches(judged.finding.label)):
        how = "risk: [none] or by its exact name" if judged.finding.label in NO_RISK_LABELS else "risk: [none]"
        return f"says that nothing was found; it is matched only by {how}"
    match miss:
        case "labels" if judged.is_overall:
            return "is the overall risk, which no label names; only '*' and risk match it"
        case "labels":
            return "is not one of its labels"
        case "risk":
            return f"has risk {judged.risk.value}, not {' or '.join(sorted(r.value for r in conditions.risk or ()))}"
        case "library":
            return "is a hit in your own image library" if conditions.library is Library.NEVER else "is no library hit"
        case _ if judged.confidence is None:
            return f"has no confidence, which meets no {miss} of a rule that ends in {rule.action.value}"
        case "min_confidence":
            return f"is below min_confidence {conditions.min_confidence:.12g}"
        case _:
            return f"is not below max_confidence {conditions.max_confidence:.12g}"


def _spared_for(rule: Rule, upload: Upload) -> str:
    words = describe_conditions(rule.unless) if rule.unless is not None else []
    if rule.unless is not None and rule.unless.keys is not None:
        words.append(f"the key is {upload.key!r}")
    return f": {'; '.join(words)}" if words else ""


def _globs(globs: tuple[Glob, ...]) -> str:
    return _names([glob.text for glob in globs])


def _names(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_MOST_NAMED])
    return shown if len(names) <= _MOST_NAMED else f"{shown} and {len(names) - _MOST_NAMED} more"
