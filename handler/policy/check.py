"""What a policy file must not say, beyond its shape: everything that is refused, all at once."""

from collections.abc import Container, Iterator, Mapping, Sequence

from msgspec import UnsetType

from handler.policy.compiler import compile_conditions, is_sound, sound
from handler.policy.globs import compile_key, some_text
from handler.policy.labels import CATALOGUE, DEFAULT_SERVICE, LIBRARY_SUFFIX, compile_labels, is_known
from handler.policy.reach import find_clash
from handler.policy.rules import FINAL
from handler.policy.shape import ConditionsShape, PolicyShape, RuleShape
from handler.policy.tree import Path, Remark, Severity, suggest
from handler.policy.words import BUCKET_NAME

_FINAL = frozenset(action.value for action in FINAL)
_OUR_TAGS = ("status", "policy", "labels")
_MOST_TAGS = 10  # on an OSS object
_LONGEST_TAG_KEY = 128
_LONGEST_PREFIX_BYTES = 800  # of the 1,023 that an OSS key has; the rest is for bucket, hash, request id and suffix


def find_mistakes(shape: PolicyShape, places: Container[Path], watched_buckets: Sequence[str]) -> Iterator[Remark]:
    """Find what is refused. `places` holds the paths that are in the file, right or wrong."""
    yield from _check_names(shape)
    yield from _check_lists(shape)
    for index, rule in enumerate(shape.rules):
        yield from _check_rule(shape, rule, ("rules", index))
    yield from _check_quarantine(shape, places)
    yield from _check_loop(shape, watched_buckets)


def _check_names(shape: PolicyShape) -> Iterator[Remark]:
    first: dict[str, int] = {}
    for index, rule in enumerate(shape.rules):
        if isinstance(rule.name, UnsetType):
            continue
        if rule.name in first:
            message = f"the rule name {rule.name!r} is taken by rules[{first[rule.name]}]; give each rule its own"
            yield Remark("error", ("rules", index, "name"), message)
        first.setdefault(rule.name, index)


def _check_lists(shape: PolicyShape) -> Iterator[Remark]:
    for name, patterns in shape.lists.items():
        for index, pattern in enumerate(patterns):
            path = ("lists", name, index)
            if is_sound(pattern) and pattern.startswith("$"):
                yield Remark("error", path, f"a list in a list, {pattern!r}; write its labels out here")
            elif is_sound(pattern):
                yield from _check_label(shape, pattern, path)


def _check_rule(shape: PolicyShape, rule: RuleShape, path: Path) -> Iterator[Remark]:
    yield from _check_conditions(shape, rule.match, (*path, "match"))
    if is_sound(rule.match.content_types) and is_sound(rule.action) and rule.action not in _FINAL:
        message = (
            f"content_types in a rule that ends in {rule.action!r}; the uploader chooses the content type, so that"
        )
        yield Remark("error", (*path, "match", "content_types"), f"{message} only quarantine and delete may ask for it")
    if not isinstance(rule.unless, UnsetType):
        yield from _check_unless(shape, rule, rule.unless, (*path, "unless"))
    yield from _check_tags(shape, rule.tags, (*path, "tags"))


def _check_unless(shape: PolicyShape, rule: RuleShape, unless: ConditionsShape, path: Path) -> Iterator[Remark]:
    yield from _check_conditions(shape, unless, path)
    if is_sound(unless.content_types):
        message = "content_types in `unless`; the uploader chooses the content type, so that it spares nothing"
        yield Remark("error", (*path, "content_types"), message)
    clash = find_clash(compile_conditions(rule.match, shape.lists), compile_conditions(unless, shape.lists))
    if clash is not None:
        message = f"this `unless` never holds: no finding that `match` fits has its {clash}; mend it or take it out"
        yield Remark("error", path, message)


def _check_conditions(shape: PolicyShape, conditions: ConditionsShape, path: Path) -> Iterator[Remark]:
    if not isinstance(conditions.labels, UnsetType):
        for index, pattern in enumerate(conditions.labels):
            if is_sound(pattern):
                yield from _check_label(shape, pattern, (*path, "labels", index))
    yield from _check_band(conditions.min_confidence, conditions.max_confidence, (*path, "max_confidence"))
    yield from _check_band(conditions.min_size_bytes, conditions.max_size_bytes, (*path, "max_size_bytes"))


def _check_band(low: float | UnsetType, high: float | UnsetType, path: Path) -> Iterator[Remark]:
    if isinstance(high, UnsetType):
        return
    floor = 0 if isinstance(low, UnsetType) else low
    if floor >= high:
        message = f"an empty band: nothing is at least {floor:.12g} and below {high:.12g}; raise {path[-1]}"
        is_fraction = path[-1] == "max_confidence" and high < 1
        yield Remark("error", path, f"{message}, to {high * 100:.12g} if that is meant" if is_fraction else message)


def _check_label(shape: PolicyShape, pattern: str, path: Path) -> Iterator[Remark]:
    """Check one pattern. What a copied service can find is not known to us: there it is a warning."""
    if pattern.startswith("$"):
        if pattern[1:] not in shape.lists:
            known = [f"${name}" for name in shape.lists]
            yield Remark("error", path, f"no list {pattern!r}{suggest(pattern, known)}; lists stand under `lists`")
        return
    extra = sound(shape.moderation.extra_labels)
    severity: Severity = "error" if shape.moderation.service == DEFAULT_SERVICE else "warning"
    if "*" not in pattern:
        if not is_known(pattern, extra):
            hint = _hint_label(shape, pattern)
            search = "" if hint else "; `scripts/warden policy labels` finds one by an everyday word"
            message = f"unknown label {pattern!r}{hint}; new labels go into moderation.extra_labels{search}"
            yield Remark(severity, path, message)
        return
    labels = compile_labels([pattern])
    if not any(labels.matches(label) or labels.matches(label + LIBRARY_SUFFIX) for label in (*CATALOGUE, *extra)):
        yield Remark(severity, path, f"{pattern!r} matches no label{_hint_label(shape, pattern)}")


def _hint_label(shape: PolicyShape, pattern: str) -> str:
    """What was meant by an unknown label: a list without its $, several labels in one, a family, or another label."""
    from handler.policy.foreign import split_labels  # noqa: PLC0415 - costs cold start, and only a wrong policy needs it

    known = [*CATALOGUE, *sound(shape.moderation.extra_labels)]
    if pattern in shape.lists:
        return f"; did you mean '${pattern}'"
    parts = split_labels(pattern, known)
    return f"; write {', '.join(map(repr, parts))}" if parts else suggest(pattern.strip("*"), known)


def _check_tags(shape: PolicyShape, tags: Mapping[str, str], path: Path) -> Iterator[Remark]:
    for key in tags:
        if key in _OUR_TAGS:
            yield Remark("error", (*path, key), f"the tag {key!r} is ours; choose another name")
        elif len(shape.tags.prefix) + len(key) > _LONGEST_TAG_KEY:
            message = f"{shape.tags.prefix + key!r} is over {_LONGEST_TAG_KEY} characters, prefix included; shorten it"
            yield Remark("error", (*path, key), message)
    ours = len(_OUR_TAGS) if shape.tags.labels else len(_OUR_TAGS) - 1
    if len(tags) > _MOST_TAGS - ours:
        message = f"{len(tags)} tags; OSS allows {_MOST_TAGS}, and {ours} are ours: at most {_MOST_TAGS - ours}"
        yield Remark("error", path, message)


def _check_quarantine(shape: PolicyShape, places: Container[Path]) -> Iterator[Remark]:
    bucket, prefix = shape.quarantine.bucket, shape.quarantine.prefix
    need = _find_need(shape)
    if need is not None and ("quarantine", "bucket") not in places:
        message = f"'bucket' is missing, and {need}; add quarantine: {{bucket: …}}"
        yield Remark("error", ("quarantine",), message)
    if not isinstance(bucket, UnsetType) and "${" not in bucket and not BUCKET_NAME.fullmatch(bucket):
        name = " for the setting, write ${QUARANTINE_BUCKET};" if "QUARANTINE_BUCKET" in bucket else ""
        message = (
            f"{bucket!r} is no bucket name;{name} 3 to 63 lower-case letters, digits and hyphens, no hyphen at the ends"
        )
        yield Remark("error", ("quarantine", "bucket"), message)
    if prefix.startswith(("/", "\\")) or len(prefix.encode()) > _LONGEST_PREFIX_BYTES:
        message = f"{prefix[:40]!r} is no prefix; at most {_LONGEST_PREFIX_BYTES} bytes that do not start with / or \\"
        yield Remark("error", ("quarantine", "prefix"), message)


def _find_need(shape: PolicyShape) -> str | None:
    """Say which part of the policy, the first of them, can quarantine."""
    parts = [(f"rule {rule.name!r}", rule.action) for rule in shape.rules if rule.status == "enforce"]
    parts += [(f"otherwise.{risk}", getattr(shape.otherwise, risk)) for risk in shape.otherwise.__struct_fields__]
    for part, action in parts:
        if action == "quarantine":
            return f"{part} can quarantine"
        if action == "delete":
            return f"{part} can delete, which without a confidence becomes quarantine"
    for kind in shape.failures.__struct_fields__:
        if getattr(shape.failures, kind) == "quarantine":
            return f"failures.{kind} can quarantine"
    return "tags.when_full can quarantine" if shape.tags.when_full == "quarantine" else None


def _check_loop(shape: PolicyShape, watched_buckets: Sequence[str]) -> Iterator[Remark]:
    """Refuse a quarantine whose copies would themselves be moderated."""
    bucket, prefix = shape.quarantine.bucket, shape.quarantine.prefix
    if isinstance(bucket, UnsetType) or bucket not in watched_buckets:
        return
    included = [compile_key(pattern) for pattern in sound(shape.scope.include)]
    excluded = [compile_key(pattern) for pattern in sound(shape.scope.exclude)]
    for source in watched_buckets:
        copies = compile_key(f"{prefix}{source}/*-*")
        if any(some_text((copies, include), excluded) for include in included):
            message = (
                f"a loop: the bucket {bucket!r} is watched, and copies under {prefix + source + '/'!r} are in scope"
            )
            advice = f"exclude {prefix + '**'!r} in scope, or quarantine to a bucket that is not watched"
            yield Remark("error", ("quarantine", "bucket"), f"{message}; {advice}")
            return
