"""Key patterns as other tools have them: why they fit no key, or few, and what would be right."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice, product
from urllib.parse import unquote

_MOST_SHOWN = 6
_MOST_SPELLINGS = 32
_MOST_ROUNDS = 3
_LONGEST_MENDED = 1023  # bytes of an OSS key

# What stands in front of a key elsewhere, and why no key begins so. Taken off in this order.
_FRONT = (
    (re.compile(r"acs:oss:[^/]*/?"), "a key has no account and no bucket in it"),
    (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*/?"), "a key is what follows the bucket, without an address"),
    (re.compile(r"!"), "nothing is negated here: exceptions stand under `unless` or `scope.exclude`"),
    (re.compile(r"(\.{0,2}/)+"), "no key begins with / or ./"),
)
_REGEX = re.compile(r"\^|.*\$$|(.*/)?\.[*+]|.*(\\\.|\\[dws](?![A-Za-z])|\([^()]*\|[^()]*\)|\[\^)", re.DOTALL)
# In the place of its parts, in this order. What may be left out is written as a choice, and spelt out after the first.
_REGEX_CHOICES = ((re.compile(r"\(\?[a-z]+\)"), ""), (re.compile(r"(\w)\?"), r"{\1,}"))
_REGEX_STEPS = (
    (re.compile(r"\[\^/\][*+]|(\\[dw]|\[[^\]]*\])(\{[\d,]+\}|[*+?])?"), "*"),
    (re.compile(r"\(?\.[*+]\??\)?"), "**"),
    (re.compile(r"\\(.)"), r"\1"),
    (re.compile(r"\^|\$$"), ""),
    (re.compile(r"\*{3,}"), "**"),
)
_CHOICE = re.compile(r"\{([^{},]*(?:,[^{},]*)+)\}|\(\??:?([^()|]*(?:\|[^()|]*)+)\)")
_ODD_WILDCARD = re.compile(r"(?:(?<=[\w*?/.-])\?|\[[^\[\]/]+-[^\[\]/]+\]|\[!?\w{2,}\])(?:\*(?!\*))?")
_ANY_SUFFIX = re.compile(r"[^*]+\.\*")  # logo.*: one picture, of whatever kind
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_WORD = re.compile(r"[^\W\d]{2}")
_NAME = re.compile(r"\$\{?[A-Za-z]")


def mend(pattern: str, buckets: Sequence[str]) -> tuple[str, str] | None:
    """Say why a pattern fits no key, or few, and what would be right; None where there is nothing to say."""
    if len(pattern) > _LONGEST_MENDED:
        return "no key is as long as this", "a key has at most 1,023 bytes"
    if _NAME.match(pattern) or "${" in pattern:
        return "nothing is put in the place of a name here, and lists hold labels", "write the patterns out"
    why: list[str] = []
    mended = _mend_characters(pattern, why)
    parts = [part.strip() for part in mended.split(",")]
    if len(parts) > 1 and all("/" in part or "*" in part for part in parts) and "{" not in mended:
        return "this is one pattern with a comma in it", f"write each by itself: {_quote(_mend_fully(parts))}"
    spellings = _mend_once(mended, buckets, why)
    return (" and ".join(dict.fromkeys(why)), f"write {_quote(_mend_fully(spellings))}") if why else None


def _mend_fully(spellings: Sequence[str]) -> list[str]:
    """What was under one slip may be another."""
    for _ in range(_MOST_ROUNDS):
        mended = (right for spelling in spellings for right in _mend_once(_mend_characters(spelling, []), (), []))
        spellings = list(islice(dict.fromkeys(mended), _MOST_SPELLINGS))
    return list(spellings)


def _mend_once(pattern: str, buckets: Sequence[str], why: list[str]) -> list[str]:
    """Mend what is seen at first, and note in `why` what it was."""
    spellings = _mend_wildcards(_mend_front(pattern, buckets, why), why)
    return list(dict.fromkeys(_mend_reach(spelling, why) for spelling in spellings))


def _mend_characters(pattern: str, why: list[str]) -> str:
    unseen = [char for char in pattern if not char.isprintable()]
    if unseen:
        why.append(f"the character {unseen[0]!a} cannot be seen, and is a part of it")
    mended = "".join(char for char in pattern if char.isprintable())
    if mended != mended.strip():
        why.append("the blank at its end or beginning is a part of it")
    mended = mended.strip()
    if _PERCENT.search(mended):
        why.append("keys are written as they are, without %-codes")
        mended = unquote(mended)
    return mended


def _mend_front(pattern: str, buckets: Sequence[str], why: list[str]) -> str:
    for front, reason in _FRONT:
        if found := front.match(pattern):
            why.append(reason)
            pattern = pattern[found.end() :]
    for bucket in buckets:
        if pattern.startswith(f"{bucket}/"):
            why.append(f"the bucket {bucket!r} is no part of a key")
            return pattern[len(bucket) + 1 :]
    return pattern


def _mend_wildcards(pattern: str, why: list[str]) -> list[str]:
    """Put our stars in the place of the wildcards of other tools."""
    if _REGEX.match(pattern):
        why.append("this is a regular expression, and only * and ** are special here")
        outer = _spell(_replace(pattern, _REGEX_CHOICES))
        return [_replace(spelling, _REGEX_STEPS) for inner in outer for spelling in _spell(inner)]
    if "\\" in pattern:
        why.append("folders are parted by /")
        pattern = pattern.replace("\\", "/")
    spellings = _spell(pattern)
    if len(spellings) > 1:
        why.append("braces stand for themselves")
    if _ODD_WILDCARD.search(pattern):
        why.append("? and [ ] stand for themselves")
        spellings = [_ODD_WILDCARD.sub("*", spelling) for spelling in spellings]
    return spellings


def _replace(text: str, steps: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for part, instead in steps:
        text = part.sub(instead, text)
    return text


def _spell(pattern: str) -> list[str]:
    """Write `{a,b}` and `(a|b)` out."""
    pieces = _CHOICE.split(pattern)  # text, then for each choice: its words with commas, or with bars, and text
    choices: list[list[str]] = [[pieces[0]]]
    for index in range(1, len(pieces), 3):
        commas, bars, text = pieces[index : index + 3]
        choices += [commas.split(",") if commas is not None else bars.split("|"), [text]]
    return ["".join(parts) for parts in islice(product(*choices), _MOST_SPELLINGS)]


def _mend_reach(pattern: str, why: list[str]) -> str:
    """Widen what fits only keys outside folders, or one key alone."""
    if "//" in pattern:
        why.append("// fits only a folder without a name")
        pattern = re.sub("/{2,}", "/", pattern)
    if pattern.startswith("**/*"):
        why.append("leaves out keys that are in no folder")
        pattern = "**" + pattern[4:].removeprefix("*")
    if not pattern:
        return "**"
    if pattern.endswith("/"):
        why.append("fits only the folder's own marker, and nothing in the folder")
        return pattern[:-1] if pattern.endswith("**/") else pattern + "**"
    last = pattern.rpartition("/")[2]
    if "*" not in pattern and "." not in last and ("/" in pattern or _WORD.search(last)):
        why.append(f"fits only the one key {pattern!r}, and nothing in a folder of that name")
        return pattern + "/**"
    if "*" in pattern and "**" not in pattern and "/" not in pattern and not _ANY_SUFFIX.fullmatch(pattern):
        why.append("fits only keys that are in no folder, for * stops at /")
        return pattern.replace("*", "**")
    return pattern


def _quote(patterns: Sequence[str]) -> str:
    shown = ", ".join(repr(pattern) for pattern in patterns[:_MOST_SHOWN])
    return shown if len(patterns) <= _MOST_SHOWN else f"{shown} and so on"
