"""Words of other tools, and what they are called here. Read only where a word is wrong."""

import re
from collections.abc import Collection

_LONGEST_NUMBER = 24
_ACTIONS = ("quarantine", "pass")

# Of several meanings the first that fits the place is offered: `drop` is an action, and what is done with a tag.
_MEANINGS = {
    # actions
    "quarantine": "quarantined hold held block blocked deny denied reject rejected isolate hide hidden review queue "
    "moderate move escalate suspend withhold takedown unpublish ban archive manual-review human-review hold-for-review",
    "delete": "deleted remove removed drop purge erase destroy trash unlink kill rm del",
    "pass": "passed allow allowed accept accepted approve approved permit ok okay publish release keep continue good",
    "tag": "tagged flag flagged mark marked warn warning label notify report alert annotate",
    "none": "ignore ignored skip noop no-op nothing null ~ clean safe zero",
    # risks
    "high": "severe critical grave highest extreme very-high 3",
    "medium": "moderate mid middle med normal elevated 2",
    "low": "minor slight lowest little very-low 1",
    # modes and statuses
    "enforce": "on live active enabled enable enforcing enforced production prod block true yes",
    "shadow": "dry-run dryrun dry test testing monitor monitoring audit observe log log-only off disabled disable "
    "inactive report-only simulate trial count detect false no",
    # the library, and full tags
    "never": "exclude excluded without ignore no not false off",
    "only": "include included always yes just true on",
    "evict": "replace drop overwrite remove delete",
    # keys of a rule and its conditions
    "match": "if when where conditions condition filter criteria any all",
    "unless": "except exception exceptions exclude not but excluding unmatch",
    "action": "actions then do effect decision verdict",
    "labels": "label categories category class classes",
    "risk": "risks risk_level risklevel severity level",
    "min_confidence": "confidence threshold min score min_score minimum confidence_min min_conf above from rate",
    "max_confidence": "max max_score maximum confidence_max below to",
    "keys": "key path paths prefix prefixes folder folders object objects pattern patterns glob name_pattern file "
    "files filename filenames extension extensions ext suffix",
    "buckets": "bucket",
    "min_size_bytes": "min_size size_min larger bigger",
    "max_size_bytes": "max_size size_max smaller size",
    "content_types": "content_type mime mime_type mime_types mimetype types type",
    "status": "mode enabled disabled state active",
    "tags": "metadata annotations",
    "name": "id rule title",
    # reasons why there is no verdict
    "unavailable": "timeout timed-out throttled throttling error outage down offline",
    "unreadable": "corrupt corrupted broken damaged invalid unreachable missing",
    "too_large": "oversize oversized too-big large big size",
    "unsupported": "format bad-format unknown-format not-an-image no-image empty",
    "rejected": "refused forbidden",
    "archived": "archive cold frozen glacier",
    "symlink": "link links shortcut",
    # sections
    "rules": "policies rule statements policy",
    "otherwise": "default defaults else fallback rest",
    "failures": "errors error failure on_error on_failure",
    "scope": "filter include exclude paths",
    "include": "includes included in",
    "exclude": "excludes excluded ignore out",
    "mode": "status state dry_run",
    "moderation": "service services",
    "lists": "list groups sets aliases variables",
    "prefix": "folder path",
}


# Words for keys that there are elsewhere in the file, by a key that stands where they were written.
_CONDITIONS = (
    "labels risk min_confidence max_confidence library keys buckets min_size_bytes max_size_bytes content_types"
)
_HOMES = (
    ("match", _CONDITIONS, "it stands under `match`"),
    ("min_confidence", "action unless status tags name", "it stands beside `match`, as far to the left"),
    ("scope", "include exclude", "it stands under `scope`"),
    ("scope", "bucket quarantine_bucket", "it stands under `quarantine`, as bucket"),
    ("scope", "service info_types referer extra_labels", "it stands under `moderation`"),
    ("scope", "when_full tag_prefix", "it stands under `tags`"),
    ("scope", "high medium low", "it stands under `otherwise`"),
    ("scope", "unsupported too_large unreadable rejected unavailable symlink archived", "it stands under `failures`"),
    ("match", "queue", "write tags: {queue: ...}"),
    ("match", "priority order weight stop continue", "rules are read from the top, and quarantine and delete end that"),
    ("name", "description comment comments note notes reason message", "write it as a comment, behind a #"),
    ("min_confidence", "or any and all", "all conditions must hold; what may hold instead is a rule of its own"),
    ("min_confidence", "not", "exceptions stand under `unless`, beside `match`"),
)
_NUMBER = re.compile(r"[<>=~+ ]*(\d*[.,]?\d+|\d+[.,])( ?%)?\+?")
_SIZE = re.compile(r"(\d[\d_]*(?:\.\d+)?|\d+e\d) ?([kmg])?i?b?(?:ytes)?", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*[,;|]\s*")
_BRACES = re.compile(r"\^?([^{}()]*)[{(]([^{}()]*)[})]([^{}()]*?)\$?")
_TIMES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def split_labels(text: str, known: Collection[str]) -> list[str]:
    """The labels, and the families as patterns, that one text means which is none; nothing where it means none."""
    if found := _BRACES.fullmatch(text):
        parts = [found[1] + part + found[3] for part in _BETWEEN.split(found[2])]
    else:
        parts = _BETWEEN.split(text)
    meant = [part if part in known else _find_family(part, known) for part in parts if part]
    return [part for part in meant if part] if meant and all(meant) else []


def _find_family(part: str, known: Collection[str]) -> str:
    stem = part.strip("^$.*?/_- ").lower()
    return f"{stem}_*" if stem and any(label.startswith(f"{stem}_") for label in known) else ""


def find_home(key: str, known: Collection[str]) -> str | None:
    """Say where a key belongs that is unknown in this place; None where it belongs nowhere."""
    plain = key.strip().lower()
    return next((home for place, keys, home in _HOMES if place in known and plain in keys.split()), None)


def read_confidence(text: str) -> str | None:
    """The number from 0 to 100 that a text such as `90%`, `.9`, `0,9` or `>= 80` means; None where it means none."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None or len(text) > _LONGEST_NUMBER:
        return None
    number = float(found[1].replace(",", "."))
    number = number * 100 if 0 < number <= 1 and not found[2] else number
    return f"{number:.12g}" if number <= 100 else None  # noqa: PLR2004 - per cent


def read_size(text: str) -> str | None:
    """The bytes that a text such as `10 MB` or `1_000_000` means; None where it means none."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or len(text) > _LONGEST_NUMBER:
        return None
    return str(int(float(found[1].replace("_", "")) * _TIMES[(found[2] or "").lower()]))


def translate(word: str, known: Collection[str]) -> str | None:
    """What is called so elsewhere, of the words that are known in this place; None if nothing is."""
    plain = word.strip().lower()
    spelt = {plain, plain.replace("_", "-"), plain.replace(" ", "-"), plain.replace("-", "_")}
    for own, foreign in _MEANINGS.items():
        is_section = own in _ACTIONS and "rules" in known
        if own in known and not is_section and spelt & set(foreign.split()):
            return own
    return None
