"""The wildcards of other tools in a key pattern, and ours in their place: regular expressions, braces, ? and [ ], %."""

import re
from collections.abc import Iterable
from itertools import islice, product

MOST_SPELLINGS = 32

_REGEX = re.compile(
    r"\^|.*\$$|(?!\*)(?!.*\*\*)(.*/)?\.[*+]|.*(\\\.|\\[dws](?![A-Za-z])|\[\^|\][+{]|\.\{\d|\(\?|\([^()|]*\)[*+?$])",
    re.DOTALL,
)
# In the place of its parts, in this order. What may be left out is written as a choice, and spelt out after the first.
_REGEX_CHOICES = ((re.compile(r"\(\?[a-z]+\)"), ""), (re.compile(r"(\w)\?"), r"{\1,}"))
_REGEX_STEPS = (
    (re.compile(r"\(\?<?[!=][^()]*\)"), ""),
    (re.compile(r"\[\^/\][*+]|(\\[dw]|\[[^\]]*\])(\{[\d,]+\}|[*+?])?"), "*"),
    (re.compile(r"\.\{[\d,]+\}"), "*"),
    (re.compile(r"\(?\.[*+]\??\)?"), "**"),
    (re.compile(r"\\(.)"), r"\1"),
    (re.compile(r"\^\$?|\$$"), ""),
    (re.compile(r"\((?:\?:)?([^()]*)\)[*+?]?"), r"\1"),
    (re.compile(r"\*{3,}"), "**"),
)
_CHOICE = re.compile(r"\{([^{},]*(?:,[^{},]*)+)\}|[@+?$]?\(\??:?([^()|]*(?:\|[^()|]*)+)\)")
_ODD = r"(?:(?<![^\w*?/.-])\?|\[[^\[\]/]+-[^\[\]/]+\]|(?<! )\[!?\w{2,}\](?! )|\[!\w+\]|\{\w+\.\.\w+\})"
_ODD_WILDCARDS = re.compile(rf"\**{_ODD}+\**")
_EITHER_CASE = re.compile(r"\[(\w)((?i:\1))\]")
_PLACEHOLDER = re.compile(r"\{\{? ?[A-Za-z_][\w.-]* ?\}?\}|<[A-Za-z_][\w. -]*>|(?<=/):[A-Za-z]\w*(?=/|$)")
_SQL = re.compile(r"(?:(?<=/)|^)%(?=[.\w-]|$)|(?<=[^\W\d])%$")
_DOTS = re.compile(r"(?:(?<=/)|^)(\.\.\.|…)$")


def mend_wildcards(pattern: str, why: list[str]) -> list[str]:
    """Put our stars in the place of the wildcards of other tools, and note in `why` what they were."""
    if _REGEX.match(pattern):
        why.append("this is a regular expression, and only * and ** are special here")
        outer = _spell(_replace(pattern, _REGEX_CHOICES))
        mended = [_replace(spelling, _REGEX_STEPS) for inner in outer for spelling in _spell(inner)]
        # Without a ^ it may begin anywhere, as a suffix does.
        return [f"**{one}" if one.startswith(".") and not pattern.startswith("^") else one for one in mended]
    if "\\" in pattern:
        why.append("folders are parted by /")
        pattern = pattern.replace("\\", "/").lstrip("/$")
    if _DOTS.search(pattern):
        why.append("dots stand for themselves")
        pattern = _DOTS.sub("**", pattern)
    if _EITHER_CASE.search(pattern):
        why.append("? and [ ] stand for themselves")
        return [_EITHER_CASE.sub(letter, pattern) for letter in (r"\1", r"\2")]
    spellings = _spell(pattern)
    if len(spellings) > 1:
        why.append("braces stand for themselves" if "{" in pattern else "( ) and | stand for themselves")
    return [_mend_single(spelling, why) for spelling in spellings]


def _mend_single(pattern: str, why: list[str]) -> str:
    if _PLACEHOLDER.search(pattern):
        why.append("nothing is put in the place of a name here")
        pattern = _PLACEHOLDER.sub("*", pattern)
    if found := _ODD_WILDCARDS.search(pattern):
        why.append("braces stand for themselves" if "{" in found[0] else "? and [ ] stand for themselves")
        pattern = _ODD_WILDCARDS.sub(lambda found: "**" if "**" in found[0] else "*", pattern)
    if "*" not in pattern and _SQL.search(pattern):
        why.append("% stands for itself")
        pattern = _SQL.sub("**", pattern)
    return pattern


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
        words = commas.split(",") if commas is not None else bars.split("|")
        choices += [[word.strip() for word in words], [text]]
    return ["".join(parts) for parts in islice(product(*choices), MOST_SPELLINGS)]
