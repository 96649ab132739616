"""The words and single values of the policy language, each with what it means."""

import re
from typing import Annotated, Literal

from msgspec import Meta

from handler.policy.labels import CATALOGUE

BUCKET_NAME = re.compile("[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
TAG_TEXT = r"[A-Za-z0-9 +\-=._:/]"
TAG_RIGHT = "letters, digits, spaces and + - = . _ : / are allowed in tags"


def describe(meanings: dict[str, str], description: str, right: str | None = None) -> Meta:
    """Describe a choice of words; editors show a meaning beside each, in the (sorted) order of the schema's `enum`.

    `right`: what else is to be said of a word that is none of them.
    """
    shown = [meanings[word] for word in sorted(meanings)]
    extra = None if right is None else {"right": right}
    return Meta(description=description, extra=extra, extra_json_schema={"enumDescriptions": shown})


_ACTIONS = {
    "pass": "marked as passed; stays where it is",
    "tag": "marked as flagged; stays where it is",
    "quarantine": "moved to the quarantine bucket, from where it can be restored",
    "delete": "deleted for good; becomes quarantine where the service gave no confidence",
    "none": "not touched at all, not even tagged",
}
_NO_PASS = {word: meaning for word, meaning in _ACTIONS.items() if word != "pass"}
_RISK_WORDS = {
    "high": "act at once",
    "medium": "worth a look by a person",
    "low": "act only where nothing must be missed",
    "none": "nothing found",
}
STATUSES = {
    "enforce": "the rule acts",
    "shadow": "the rule is judged at its place and logged, and settles nothing",
}
MODES = {
    "enforce": "do what the policy says",
    "shadow": "decide and log everything, touch nothing",
}
_SYMLINK_ACTIONS = {
    "tag": "the link is marked as not verified",
    "delete": "the link is deleted, never what it leads to",
    "none": "the link is not touched",
}
WHEN_FULL = {
    "quarantine": "a flagged object goes to quarantine; a passed one stays as it is, untagged",
    "evict": "one of the user's own tags is dropped to make room",
}
LIBRARY = {
    "only": "only hits in your own image library (labels that end in _lib)",
    "never": "no hits in your own image library: there, confidence is a similarity",
}

ActionWord = Annotated[
    Literal["delete", "none", "pass", "quarantine", "tag"], describe(_ACTIONS, "What is done to the object.")
]
FailureWord = Annotated[
    Literal["delete", "none", "quarantine", "tag"],
    describe(
        _NO_PASS,
        "What is done to an object without a verdict. Never `pass`: nobody has looked at it.",
        "never pass, for nobody has looked at it: tag leaves it where it is",
    ),
]
SymlinkWord = Annotated[
    Literal["delete", "none", "tag"],
    describe(
        _SYMLINK_ACTIONS,
        "A link to another object, not an image.",
        "a link is no image: delete takes the link away and never its target, tag and none leave it",
    ),
]
RiskWord = Annotated[Literal["high", "low", "medium", "none"], describe(_RISK_WORDS, "A risk word of the service.")]

Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$",
        description="At most 64 letters, digits, spaces, dots, underscores and hyphens.",
        extra={
            "right": "a name has at most 64 letters (a to z), digits, spaces, dots, underscores and hyphens, and "
            "begins with a letter or digit"
        },
    ),
]
LabelPattern = Annotated[
    str,
    Meta(
        min_length=1,
        description="A label, a pattern with `*` in quotes, or the $name of a list. A label includes its _lib form.",
        extra={"right": "a label is text"},
        extra_json_schema={
            "anyOf": [
                {
                    "enum": list(CATALOGUE),
                    "enumDescriptions": [label.meaning for label in CATALOGUE.values()],
                },
                {"type": "string"},
            ]
        },
    ),
]
KeyPattern = Annotated[
    str,
    Meta(
        min_length=1,
        description="A pattern for object keys, in quotes: `*` is anything within a folder, `**` anything at all.",
        examples=["avatars/**", "**.svg"],
        extra={"right": "a key pattern is text such as 'avatars/**'"},
    ),
]
PlainLabel = Annotated[
    str,
    Meta(pattern=r"^[^*$]+$", extra={"right": "an extra label is written out, without * and $"}),
]
SettingText = Annotated[
    str,
    Meta(min_length=1, extra={"right": "it must not be empty", "interpolated": True}),
]
TagKey = Annotated[str, Meta(pattern=rf"^{TAG_TEXT}{{1,128}}$", extra={"right": TAG_RIGHT + ", 1 to 128 of them"})]
TagValue = Annotated[str, Meta(pattern=rf"^{TAG_TEXT}{{0,256}}$", extra={"right": TAG_RIGHT + ", at most 256"})]
SizeBytes = Annotated[int, Meta(ge=0, extra={"right": "a size is a whole number of bytes, such as 1048576"})]
Labels = Annotated[list[LabelPattern], Meta(min_length=1)]
