"""The shape of a policy file, defined once: read by the loader, and turned into the JSON Schema that editors use.

Each class is a section of the file; the texts are shown to the analyst as help, `right` in error messages. What a
policy means is checked elsewhere; here is only what it may look like.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from handler.policy.labels import DEFAULT_SERVICE
from handler.policy.words import (
    LIBRARY,
    MODES,
    STATUSES,
    TAG_RIGHT,
    TAG_TEXT,
    WHEN_FULL,
    ActionWord,
    FailureWord,
    KeyPattern,
    Labels,
    Name,
    PlainLabel,
    RiskWord,
    SettingText,
    SizeBytes,
    SymlinkWord,
    TagKey,
    TagValue,
    describe,
)


class ConditionsShape(Struct, forbid_unknown_fields=True):
    """Conditions, all of which must hold: those on a finding for the same finding, the others for the upload."""

    labels: Annotated[Labels, Meta(description="The finding has one of these labels.")] | UnsetType = UNSET
    risk: (
        Annotated[list[RiskWord], Meta(min_length=1, description="The finding has one of these risks.")] | UnsetType
    ) = UNSET
    min_confidence: (
        Annotated[
            float,
            Meta(
                ge=0,
                le=100,
                description="The service is at least this sure, 0 to 100.",
                extra={"right": "a confidence is a number from 0 to 100, such as 85"},
            ),
        ]
        | UnsetType
    ) = UNSET
    max_confidence: (
        Annotated[
            float,
            Meta(
                gt=0,
                lt=100,
                description="The service is less sure than this. Leave it out for no upper bound.",
                extra={
                    "right": "max_confidence is a number above 0 and below 100, itself not included; "
                    "leave it out for no upper bound"
                },
            ),
        ]
        | UnsetType
    ) = UNSET
    library: Annotated[Literal["never", "only"], describe(LIBRARY, "Hits in your own image library.")] | UnsetType = (
        UNSET
    )
    keys: (
        Annotated[list[KeyPattern], Meta(min_length=1, description="The object's key fits one of these patterns.")]
        | UnsetType
    ) = UNSET
    buckets: (
        Annotated[list[SettingText], Meta(min_length=1, description="The upload went to one of these buckets.")]
        | UnsetType
    ) = UNSET
    min_size_bytes: Annotated[SizeBytes, Meta(description="The object has at least this many bytes.")] | UnsetType = (
        UNSET
    )
    max_size_bytes: Annotated[SizeBytes, Meta(description="The object has fewer bytes than this.")] | UnsetType = UNSET
    content_types: (
        Annotated[
            list[Annotated[str, Meta(min_length=1, extra={"right": "a content type is text such as image/png"})]],
            Meta(
                min_length=1,
                description="The object's content type is one of these. Only in `match` of quarantine and delete: "
                "the uploader chooses it.",
            ),
        ]
        | UnsetType
    ) = UNSET


class RuleShape(Struct, forbid_unknown_fields=True):
    """One rule. Quarantine and delete decide on the whole object; the others only on the findings that they match."""

    name: Annotated[Name, Meta(description="How logs and tags name the rule. Each name is used once.")]
    match: Annotated[
        ConditionsShape,
        Meta(description="What the rule is about.", extra_json_schema={"minProperties": 1}),
    ]
    action: ActionWord
    unless: (
        Annotated[
            ConditionsShape,
            Meta(
                description="Spares a finding that `match` fits, where all of this holds for it.",
                extra_json_schema={"minProperties": 1},
            ),
        ]
        | UnsetType
    ) = UNSET
    status: Annotated[Literal["enforce", "shadow"], describe(STATUSES, "Whether the rule acts.")] = "enforce"
    tags: Annotated[
        dict[TagKey, TagValue],
        Meta(description="Tags for the object, beside ours; each key gets the tag prefix."),
    ] = {}


class ModerationShape(Struct, forbid_unknown_fields=True):
    """What is asked of the moderation service."""

    service: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_-]+$",
            description="The service, or the code of a copy of it that was made in the vendor's console.",
            extra={"right": f"a service code such as {DEFAULT_SERVICE} has letters, digits, _ and -"},
        ),
    ] = DEFAULT_SERVICE
    info_types: Annotated[
        list[
            Annotated[str, Meta(pattern="^[A-Za-z0-9_]+$", extra={"right": "a type of information such as vlContent"})]
        ],
        Meta(description="Extra information to ask for, such as vlContent."),
    ] = []
    referer: (
        Annotated[
            str,
            Meta(
                pattern=r"^[ -~]{1,256}$",
                description="The Referer header that the service sends when it fetches the image.",
                extra={"right": "a referer has at most 256 plain characters"},
            ),
        ]
        | None
    ) = None
    extra_labels: Annotated[list[PlainLabel], Meta(description="Labels newer than those that we know.")] = []


class ScopeShape(Struct, forbid_unknown_fields=True):
    """Which keys are moderated. Deny uploaders the keys that you exclude: nobody looks at what is put there."""

    include: Annotated[
        list[KeyPattern],
        Meta(min_length=1, description="Keys that are moderated.", extra={"right": "'**' is every key"}),
    ] = msgspec.field(default_factory=lambda: ["**"])
    exclude: Annotated[list[KeyPattern], Meta(description="Keys that are not, although included.")] = []


class OtherwiseShape(Struct, forbid_unknown_fields=True):
    """What happens to a finding that no rule settled, by its own risk."""

    high: ActionWord = "quarantine"
    medium: ActionWord = "quarantine"
    low: ActionWord = "pass"
    none: ActionWord = "pass"


class FailuresShape(Struct, forbid_unknown_fields=True):
    """What happens to an object on which the service gave no verdict."""

    unsupported: Annotated[FailureWord, Meta(description="Empty, or not an image that the service takes.")] = (
        "quarantine"
    )
    too_large: Annotated[FailureWord, Meta(description="Over 20 MB, or too many pixels for the service.")] = (
        "quarantine"
    )
    unreadable: Annotated[FailureWord, Meta(description="There, but the service could not read it.")] = "quarantine"
    rejected: Annotated[FailureWord, Meta(description="The service refuses this very request, e.g. for the key.")] = (
        "quarantine"
    )
    unavailable: Annotated[FailureWord, Meta(description="No answer, even at the last attempt.")] = "tag"
    symlink: SymlinkWord = "delete"
    archived: (
        Annotated[
            FailureWord,
            Meta(
                description="Of an archive class: nobody can read it before it is restored from there. Where nothing "
                "is said here: quarantine, or tag where the policy has no quarantine."
            ),
        ]
        | UnsetType
    ) = UNSET


class QuarantineShape(Struct, forbid_unknown_fields=True):
    """Where quarantined objects go: a bucket that the public cannot read."""

    bucket: (
        Annotated[
            SettingText,
            Meta(description="The bucket.", examples=["${QUARANTINE_BUCKET}"]),
        ]
        | UnsetType
    ) = UNSET
    prefix: Annotated[
        str,
        Meta(
            description="What every key there starts with.", extra={"right": "a prefix is text", "interpolated": True}
        ),
    ] = "held/"


class TagsShape(Struct, forbid_unknown_fields=True):
    """How objects are tagged."""

    prefix: Annotated[
        str,
        Meta(
            pattern=rf"^{TAG_TEXT}{{1,122}}$",
            description="What our tags start with. Users must not be able to set tags with it.",
            extra={"right": TAG_RIGHT + ", 1 to 122 of them: without a prefix the user's tags would be ours"},
        ),
    ] = "moderation-"
    when_full: Annotated[
        Literal["evict", "quarantine"], describe(WHEN_FULL, "What happens if all 10 tags of an object are taken.")
    ] = "quarantine"
    labels: Annotated[bool, Meta(description="Whether the labels found are written into a tag.")] = True


class PolicyShape(Struct, forbid_unknown_fields=True):
    """What happens to uploaded images."""

    version: Annotated[Literal[1], Meta(description="The version of the policy language.")]
    name: Annotated[Name, Meta(description="The name of the policy; written into a tag of each object.")]
    rules: Annotated[list[RuleShape], Meta(description="Read from the top.")]
    mode: Annotated[Literal["enforce", "shadow"], describe(MODES, "Whether the policy acts.")] = "enforce"
    moderation: ModerationShape = msgspec.field(default_factory=ModerationShape)
    scope: ScopeShape = msgspec.field(default_factory=ScopeShape)
    lists: Annotated[
        dict[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$", extra={"right": "letters, digits, _ and -"})], Labels],
        Meta(description="Named lists of labels, for use as $name in rules."),
    ] = {}
    otherwise: OtherwiseShape = msgspec.field(default_factory=OtherwiseShape)
    failures: FailuresShape = msgspec.field(default_factory=FailuresShape)
    quarantine: QuarantineShape = msgspec.field(default_factory=QuarantineShape)
    tags: TagsShape = msgspec.field(default_factory=TagsShape)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a policy file."""
    body = msgspec.json.schema(PolicyShape)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Policy of Bucket Warden", **body}
