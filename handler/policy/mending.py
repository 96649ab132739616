"""Key patterns as other tools have them: why they fit no key, or few, and what would be right."""

import posixpath
import re
from collections.abc import Sequence
from itertools import islice
from urllib.parse import unquote

from handler.policy.wildcards import MOST_SPELLINGS, mend_wildcards

_MOST_SHOWN = 6
_MOST_ROUNDS = 6
_LONGEST_MENDED = 1023  # bytes of an OSS key

# What stands in front of a key elsewhere, and why no key begins so. Taken off in this order.
_NEGATED = "nothing is negated here: exceptions stand under `unless` or `scope.exclude`"
_ADDRESS = "a key is what follows the bucket, without an address"
_FRONT = (
    (re.compile(r"acs:oss:[^/]*/?"), "a key has no account and no bucket in it"),
    (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*/?"), _ADDRESS),
    (
        re.compile(r"([\w-]+\.)+aliyuncs\.com(/|$)|www\.[^/]*(/|$)"),
        "a key is what follows the bucket, without an address",
    ),
    (re.compile(r"!(?!\()|(not|except) (?=\S*[/*])", re.IGNORECASE), _NEGATED),
    (re.compile(r"[A-Za-z]:[\\/]+|~/"), "no key begins with a drive or a home"),
    (
        re.compile(r"(glob|regexp?|re|prefix|path|keys?|starts_with)[:=] ?", re.IGNORECASE),
        "no word stands in front of it",
    ),
    (re.compile(r"(\.{0,2}/)+"), "no key begins with / or ./"),
)
_EXCEPT = re.compile(r"!\(([^()]*)\)|\(\?<?!([^()]*)\)")  # as shells and regular expressions leave something out
_SEPARATOR = re.compile(r"\s*[,;|\uff0c\u3001]\s*|\s+(?:or|and)\s+")
_ANY_SUFFIX = re.compile(r"[^*]+\.\*")  # logo.*: one picture, of whatever kind
_SUFFIX = re.compile(r"\.?(jpe?g|png|gif|webp|bmp|svgz?|heic|heif|avif|tiff?|ico|jfif)", re.IGNORECASE)
_EVERY = {"all", "any", "every", "everything", "all keys", "all files", ".", ".."}
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_QUERY = re.compile(r"\?[\w-]+=.*$")
_QUOTED = re.compile("(['\"`])(.+)\\1|[\u201c\u2018\xab](.+)[\u201d\u2019\xbb]", re.DOTALL)
_STRAY = re.compile("[,;'\"`]+(?=[*/\\w])|.*[*/](?P<end>[,;'\"`]+)$", re.DOTALL)
_DOT_FOLDER = re.compile(r"(?<=/)\.\.?(?=/|$)")
_LOOKALIKES = str.maketrans("\uff0a\uff0f\u2215\u2044", "*///")  # as some keyboards write them
_BLANK_BESIDE = re.compile(r"\s+/\s*|/\s+")
_WORD = re.compile(r"\w{2}")
_NO_NAMES = ("nothing is put in the place of a name here, and lists hold labels", "write the patterns out")
_NAME = re.compile(r"\$\{?[A-Za-z]")


def mend(pattern: str, buckets: Sequence[str]) -> tuple[str, str] | None:
    """Say why a pattern fits no key, or few, and what would be right; None where there is nothing to say."""
    if len(pattern) > _LONGEST_MENDED:
        return "no key is as long as this", "a key has at most 1,023 bytes"
    if _NAME.match(pattern) or "${" in pattern:
        return _NO_NAMES
    why: list[str] = []
    mended = _mend_characters(pattern, why)
    if parts := _split(mended):
        separator = _SEPARATOR.search(mended)
        found = "a blank" if separator is None else "a comma" if "," in separator[0] else repr(separator[0].strip())
        return f"this is one pattern with {found} in it", f"write each by itself: {_quote(_mend_fully(parts, buckets))}"
    spellings = _mend_once(mended, buckets, why)
    there = " there" if _NEGATED in why else ""
    right = _mend_fully(spellings, ())
    if any(map(_NAME.match, right)):
        return _NO_NAMES
    return (" and ".join(dict.fromkeys(why)), f"write {_quote(right)}{there}") if why else None


def _split(pattern: str) -> list[str]:
    """The parts of what is several patterns in one text; none where it is one."""
    if "{" in pattern or "(" in pattern:
        return []
    parts = [part for part in _SEPARATOR.split(pattern) if part]
    if len(parts) < 2:  # noqa: PLR2004 - parted by blanks alone, perhaps
        parts = pattern.split()
        return parts if len(parts) > 1 and all("*" in part and part != "*" for part in parts) else []
    if all("/" in part or "*" in part for part in parts) or all(re.fullmatch(r"[\w-]+", part) for part in parts):
        return parts
    return []


def _mend_fully(spellings: Sequence[str], buckets: Sequence[str]) -> list[str]:
    """What was under one slip may be another."""
    for _ in range(_MOST_ROUNDS):
        cleaned = [_mend_characters(spelling, []) for spelling in spellings]
        parts = [part for spelling in cleaned for part in _split(spelling) or [spelling]]
        mended = (right for part in parts for right in _mend_once(part, buckets, []))
        spellings, buckets = list(islice(dict.fromkeys(mended), MOST_SPELLINGS)), ()
    return list(spellings)


def _mend_once(pattern: str, buckets: Sequence[str], why: list[str]) -> list[str]:
    """Mend what is seen at first, and note in `why` what it was."""
    spellings = mend_wildcards(_mend_front(pattern, buckets, why), why)
    return list(dict.fromkeys(_mend_reach(spelling, why) for spelling in spellings))


def _mend_characters(pattern: str, why: list[str]) -> str:
    unseen = [char for char in pattern if not char.isprintable()]
    if unseen:
        why.append(f"the character {unseen[0]!a} cannot be seen, and is a part of it")
    mended = "".join(char for char in pattern if char.isprintable())
    if mended != mended.strip():
        why.append("the blank at its end or beginning is a part of it")
    mended = mended.strip()
    if quoted := _QUOTED.fullmatch(mended):
        why.append("the quotes are a part of it")
        mended = (quoted[2] or quoted[3]).strip()
    if stray := _STRAY.match(mended):
        end = stray["end"] or ""
        why.append(f"the {(end or stray[0])[0]!r} at its end or beginning is a part of it")
        mended = mended.removesuffix(end) if end else mended[stray.end() :]
    if mended != mended.translate(_LOOKALIKES):
        why.append("it has a wide * or /, which is another character")
        mended = mended.translate(_LOOKALIKES)
    if _BLANK_BESIDE.search(mended):
        why.append("the blank beside / is a part of it")
        mended = _BLANK_BESIDE.sub("/", mended)
    if _PERCENT.search(mended):
        why.append("keys are written as they are, without %-codes")
        mended = unquote(mended)
    return mended


def _mend_front(pattern: str, buckets: Sequence[str], why: list[str]) -> str:
    """Take off what stands around a key elsewhere."""
    if _EXCEPT.search(pattern):
        why.append(_NEGATED)
        pattern = _EXCEPT.sub(r"\1\2", pattern.replace(".*", "**") if "(?" in pattern else pattern)
    for front, reason in _FRONT:
        if found := front.match(pattern):
            why.append(reason)
            pattern = pattern[found.end() :]
    if found := _QUERY.search(pattern):
        why.append("a key ends before the ? of an address")
        pattern = pattern[: found.start()]
    for bucket in buckets:
        if f"{pattern}/".startswith(f"{bucket}/"):
            why.append(f"the bucket {bucket!r} is no part of a key")
            return pattern[len(bucket) + 1 :]
    return pattern


def _mend_reach(pattern: str, why: list[str]) -> str:
    """Widen what fits only keys outside folders, or one key alone."""
    if "//" in pattern:
        why.append("// fits only a folder without a name")
        pattern = re.sub("/{2,}", "/", pattern)
    if _DOT_FOLDER.search(pattern):
        why.append(". and .. stand for themselves")
        pattern = posixpath.normpath(pattern).removeprefix("../")
    if pattern.startswith("**/*"):
        why.append("leaves out keys that are in no folder")
        pattern = "**" + pattern[4:].removeprefix("*")
    if "/**/*" in pattern:
        why.append("leaves out keys that are in the folder itself")
        pattern = re.sub(r"(/\*\*)(/\*+)+", r"\1", pattern)
    if not pattern:
        return "**"
    if pattern.endswith("/"):
        why.append("fits only the folder's own marker, and nothing in the folder")
        return pattern[:-1] if pattern.endswith("**/") else pattern + "**"
    return _mend_end(pattern, why)


def _mend_end(pattern: str, why: list[str]) -> str:
    last = pattern.rpartition("/")[2]
    if pattern.lower() in _EVERY or _SUFFIX.fullmatch(pattern):
        why.append(f"fits only the one key {pattern!r}")
        return "**" if pattern.lower() in _EVERY else f"**.{pattern.lstrip('.')}"
    if "*" not in pattern and "." not in last and ("/" in pattern or _WORD.search(last)):
        is_start = pattern.endswith(("_", "-"))
        nothing = "nothing that begins so" if is_start else "nothing in a folder of that name"
        why.append(f"fits only the one key {pattern!r}, and {nothing}")
        return pattern + ("**" if is_start else "/**")
    if "*" in pattern and "**" not in pattern and "/" not in pattern and not _ANY_SUFFIX.fullmatch(pattern):
        why.append("fits only keys that are in no folder, for * stops at /")
        if "." in pattern.rpartition("*")[2] and not pattern.startswith("*"):  # IMG_*.jpg
            return f"**{pattern}"
        stem, dot, suffix = pattern.rpartition(".")
        return f"{stem.replace('*', '**')}{dot}{suffix}" if "*" in stem else pattern.replace("*", "**")
    return pattern


def _quote(patterns: Sequence[str]) -> str:
    shown = ", ".join(repr(pattern) for pattern in patterns[:_MOST_SHOWN])
    return shown if len(patterns) <= _MOST_SHOWN else f"{shown} and so on"
