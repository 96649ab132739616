"""What is allowed, and was probably meant otherwise: a value that another scale or another tool would be right with.

Each value is looked at by itself, in time that grows with the file: so the function tells of these too when it starts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import UnsetType

from handler.policy.compiler import sound
from handler.policy.shape import ConditionsShape, PolicyShape
from handler.policy.tree import Path, Remark
from handler.policy.words import BUCKET_NAME

_NO_BUCKET = re.compile("[^a-z0-9-]")
# Folders with stars behind them, or a suffix: nearly every pattern, and nothing is to be said of these.
_PLAIN = re.compile(r"\w[\w-]*/(\w[\w.-]*/)*\*\*?|\*\*(\.\w+)?")
_CONTENT_TYPE = re.compile(r"\s*[\w.+-]+/[\w.+-]+\s*(;.*)?", re.DOTALL)
_LONGEST_SHOWN = 200


def find_slips(shape: PolicyShape, watched_buckets: Sequence[str]) -> Iterator[Remark]:
    """Find them in the values that fitted the shape."""
    buckets = _known_buckets(shape, watched_buckets)
    for part in ("include", "exclude"):
        yield from _check_keys(getattr(shape.scope, part), ("scope", part), buckets)
    for index, rule in enumerate(shape.rules):
        yield from _check_conditions(rule.match, ("rules", index, "match"), buckets)
        yield from _check_tags(rule.tags, shape.tags.prefix, ("rules", index, "tags"))
        if not isinstance(rule.unless, UnsetType):
            yield from _check_conditions(rule.unless, ("rules", index, "unless"), buckets)
    yield from _check_prefix(shape.quarantine.prefix)


def _check_prefix(prefix: str) -> Iterator[Remark]:
    """What is put in front of each copy's key, letter by letter."""
    folders = prefix.rpartition("://")[2].replace("\\", "/").replace("*", "").split("/")
    right = "".join(f"{folder.strip()}/" for folder in folders if folder.strip() not in {"", ".", ".."})
    if not prefix or prefix == right:
        return
    message = f"{prefix!r} stands in front of the key of each copy as it is, so that they lie in no folder of that name"
    yield Remark("warning", ("quarantine", "prefix"), f"{message}; write {right!r}")


def _check_tags(tags: Mapping[str, str], prefix: str, path: Path) -> Iterator[Remark]:
    for key in tags:
        if key.startswith(prefix) and key != prefix:
            message = f"{key!r} gets {prefix!r} in front once more; write {key.removeprefix(prefix)!r}"
            yield Remark("warning", (*path, key), message)


def _known_buckets(shape: PolicyShape, watched_buckets: Sequence[str]) -> list[str]:
    named = [bucket for rule in shape.rules if isinstance(rule.match.buckets, list) for bucket in rule.match.buckets]
    return [bucket for bucket in dict.fromkeys([*watched_buckets, *sound(named)]) if BUCKET_NAME.fullmatch(bucket)]


def _check_conditions(conditions: ConditionsShape, path: Path, buckets: Sequence[str]) -> Iterator[Remark]:
    yield from _check_scale(conditions.min_confidence, (*path, "min_confidence"))
    yield from _check_scale(conditions.max_confidence, (*path, "max_confidence"))
    if not isinstance(conditions.keys, UnsetType):
        yield from _check_keys(conditions.keys, (*path, "keys"), buckets)
    yield from _check_literals(conditions, path)


def _check_scale(confidence: float | UnsetType, path: Path) -> Iterator[Remark]:
    if not isinstance(confidence, UnsetType) and 0 < confidence <= 1:
        right = f"{confidence * 100:.12g}"
        message = f"{confidence:.12g} of 100 is next to nothing, for a confidence goes from 0 to 100"
        is_open = confidence == 1 and path[-1] == "max_confidence"  # 100 is refused there
        advice = "leave it out" if is_open else f"write {right}"
        yield Remark("warning", path, f"{message}; {advice} if {right} % is meant")


def _check_literals(conditions: ConditionsShape, path: Path) -> Iterator[Remark]:
    """Buckets and content types are compared as they stand."""
    for index, bucket in enumerate([] if isinstance(conditions.buckets, UnsetType) else conditions.buckets):
        if isinstance(bucket, str) and "${" not in bucket and _NO_BUCKET.search(bucket):
            message = f"{bucket!r} is no bucket's name, and no bucket fits it; write the whole name and nothing else"
            yield Remark("warning", (*path, "buckets", index), message)
    types = [] if isinstance(conditions.content_types, UnsetType) else conditions.content_types
    for index, content_type in enumerate(types):
        if isinstance(content_type, str) and not _CONTENT_TYPE.fullmatch(content_type):
            message = f"{content_type!r} is no content type, and no upload fits it; name each, such as image/png"
            yield Remark("warning", (*path, "content_types", index), message)


def _check_keys(patterns: Sequence[str], path: Path, buckets: Sequence[str]) -> Iterator[Remark]:
    fronts = tuple(f"{bucket}/" for bucket in buckets)
    for index, pattern in enumerate(patterns):
        if not isinstance(pattern, str) or (_PLAIN.fullmatch(pattern) and not pattern.startswith(fronts)):
            continue
        from handler.policy.mending import mend  # noqa: PLC0415 - costs cold start, and few patterns need it

        if mended := mend(pattern, buckets):
            yield Remark("warning", (*path, index), f"{pattern[:_LONGEST_SHOWN]!r}: {mended[0]}; {mended[1]}")
