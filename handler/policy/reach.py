"""What sets of conditions have in common: whether two can hold at once, and whether one holds wherever another does.

Both answers are on the safe side: conditions are said to clash, or to cover, only where that is certain.
"""

from collections.abc import Iterator

from handler.model import Risk
from handler.policy.conditions import Conditions, Library
from handler.policy.globs import Glob, compile_key, compile_label, some_text
from handler.policy.labels import LIBRARY_SUFFIX, NO_RISK_LABELS, LabelSet, is_library
from handler.policy.rules import Rule, Scope

_Words = frozenset[Risk] | frozenset[str] | None
_LIBRARY_GLOB = compile_label(f"*{LIBRARY_SUFFIX}")


def find_clash(first: Conditions, second: Conditions) -> str | None:
    """Name the condition on which the two can never agree, for any finding of any upload; None if there is none."""
    clashes = {
        "labels": _labels_clash(first, second),
        "risk": _are_disjoint(first.risk, second.risk),
        "confidence": _bands_clash(first, second),
        "library": first.library is not None and second.library is not None and first.library is not second.library,
        "keys": not _can_both_match(first.keys, second.keys),
        "buckets": _are_disjoint(first.buckets, second.buckets),
        "size": _sizes_clash(first, second),
        "content_types": _are_disjoint(first.content_types, second.content_types),
    }
    return next((name for name, is_clash in clashes.items() if is_clash), None)


def covers(first: Rule, second: Rule) -> bool:
    """Tell whether the first rule matches every finding that the second does, so that none is left for it."""
    if first.unless is not None:
        return False
    upper, lower = first.match, second.match
    return (
        _labels_cover(upper, lower)
        and _harmless_cover(upper, lower)
        and _is_within(lower.risk, upper.risk)
        and _band_covers(first, second)
        and upper.library in {None, lower.library}
        and _keys_cover(upper.keys, lower.keys)
        and _is_within(lower.buckets, upper.buckets)
        and (upper.min_size_bytes or 0) <= (lower.min_size_bytes or 0)
        and (upper.max_size_bytes is None or upper.max_size_bytes >= (lower.max_size_bytes or float("inf")))
        and _is_within(lower.content_types, upper.content_types)
    )


def reaches(conditions: Conditions, scope: Scope) -> bool:
    """Tell whether some key in scope can meet the conditions on keys."""
    keys = conditions.keys
    if keys is None:
        return True
    return any(some_text((key, include), scope.exclude) for key in keys for include in scope.include)


def _are_disjoint(first: _Words, second: _Words) -> bool:
    return first is not None and second is not None and first.isdisjoint(second)


def _is_within(inner: _Words, outer: _Words) -> bool:
    return outer is None or (inner is not None and inner <= outer)


def _bands_clash(first: Conditions, second: Conditions) -> bool:
    return _is_above(first.min_confidence, second.max_confidence) or _is_above(
        second.min_confidence, first.max_confidence
    )


def _sizes_clash(first: Conditions, second: Conditions) -> bool:
    return _is_above(first.min_size_bytes, second.max_size_bytes) or _is_above(
        second.min_size_bytes, first.max_size_bytes
    )


def _is_above(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low >= high


def _can_both_match(first: tuple[Glob, ...] | None, second: tuple[Glob, ...] | None) -> bool:
    if first is None or second is None:
        return True
    return any(some_text((one, other)) for one in first for other in second)


def _labels_clash(first: Conditions, second: Conditions) -> bool:
    library = first.library or second.library
    every = (_LIBRARY_GLOB,) if library is Library.ONLY else ()
    none = (_LIBRARY_GLOB,) if library is Library.NEVER else ()
    if first.labels is None or second.labels is None:
        named = first.labels or second.labels
        return named is not None and not any(some_text((glob, *every), none) for glob in named.globs())
    one, other = first.labels, second.labels
    if one.everything and other.everything and library is not Library.ONLY:
        return False
    names = {name for name in one.names | other.names if library is None or is_library(name) is bool(every)}
    if any(one.matches(name) and other.matches(name) for name in names):
        return False
    return not any(some_text((*pair, *every), none) for pair in _wildcard_pairs(one, other))


def _wildcard_pairs(one: LabelSet, other: LabelSet) -> Iterator[tuple[Glob, Glob]]:
    """Pairs of wildcards, and of one with the `_lib` form of the other; names are told apart without a search."""
    for glob in one.wildcards:
        for second in other.wildcards:
            yield glob, second
            yield compile_label(glob.text + LIBRARY_SUFFIX), second
            yield glob, compile_label(second.text + LIBRARY_SUFFIX)


def _labels_cover(upper: Conditions, lower: Conditions) -> bool:
    if upper.labels is None or upper.labels.everything:
        return True
    if lower.labels is None or lower.labels.everything:
        return False
    never = lower.library is Library.NEVER
    names = (name for name in lower.labels.names if not (never and is_library(name)))
    patterns = tuple(upper.labels.globs())
    return all(upper.labels.matches(name) for name in names) and not any(
        some_text((glob,), patterns) for glob in lower.labels.wildcards
    )


def _harmless_cover(upper: Conditions, lower: Conditions) -> bool:
    """Tell whether what `lower` matches of the no-risk labels, which must be meant to be matched, `upper` does too."""
    if not upper.is_about_findings or (upper.risk is not None and Risk.NONE in upper.risk):
        return True
    if not lower.is_about_findings or (lower.risk is not None and Risk.NONE in lower.risk):
        return False
    named = NO_RISK_LABELS & (lower.labels.exact if lower.labels is not None else frozenset())
    return named <= (upper.labels.exact if upper.labels is not None else frozenset())


def _band_covers(first: Rule, second: Rule) -> bool:
    upper, lower = first.match, second.match
    if upper.is_about_confidence and not first.is_final and (second.is_final or not lower.is_about_confidence):
        return False  # the first rule leaves findings without a confidence to the second
    return (upper.min_confidence or 0) <= (lower.min_confidence or 0) and (
        upper.max_confidence is None or upper.max_confidence >= (lower.max_confidence or float("inf"))
    )


def _keys_cover(upper: tuple[Glob, ...] | None, lower: tuple[Glob, ...] | None) -> bool:
    return upper is None or not any(some_text((key,), upper) for key in lower or (compile_key("**"),))
