"""The tags that an object shall carry: the user's own and ours. Pure.

OSS allows 10 tags an object, keys of 128 and values of 256 characters, of letters, digits, space and `+ - = . _ : /`
(vendor's API reference, PutObjectTagging). Ours all begin with the policy's prefix; what strangers put under it is
dropped, so that no uploader can be taken for us.
"""

import re
from dataclasses import dataclass, replace

from handler.model import Decision, Finding, Status

MOST_TAGS = 10
LONGEST_KEY = 128
LONGEST_VALUE = 256
ILLEGAL = re.compile(r"[^A-Za-z0-9 +\-=._:/]")


@dataclass(frozen=True, slots=True)
class TagPlan:
    """`tags`: all that the object shall carry. `ours`: those of them that are ours. `note`: what had no room.

    `is_in_place`: it carries exactly these already. `given_up`: the names of the user's tags that gave way to ours.
    """

    tags: dict[str, str]
    ours: dict[str, str]
    note: str | None = None
    is_in_place: bool = False
    given_up: tuple[str, ...] = ()

    def noting(self, note: str) -> "TagPlan":
        """The plan with one more note."""
        return replace(self, note=join_notes(self.note, note))


def plan_tags(present: dict[str, str], wanted: dict[str, str], *, prefix: str, evict: bool) -> TagPlan:
    """Join the user's tags with ours, ours in the order of their importance (status first).

    The user's come before all of ours but the first. Where they leave no slot at all for that one, `evict` drops a
    user's tag (the last by name); else the plan holds none of ours.
    """
    users = users_tags(present, prefix)
    status, *others = wanted.items()
    if len(users) >= MOST_TAGS and not evict:
        return TagPlan(
            users, {}, f"untagged: the object carries {len(users)} tags of its own, and OSS allows {MOST_TAGS}"
        )
    dropped = sorted(users)[MOST_TAGS - 1 :]
    kept = {key: value for key, value in users.items() if key not in dropped}
    ours = dict([status, *others[: MOST_TAGS - 1 - len(kept)]])
    missing = [key for key in wanted if key not in ours]
    return TagPlan({**ours, **kept}, ours, _note(dropped, missing), given_up=tuple(dropped))


def join_notes(*notes: str | None) -> str | None:
    """Those that there are, as one."""
    return "; ".join(filter(None, notes)) or None


def users_tags(present: dict[str, str], prefix: str) -> dict[str, str]:
    """Those that are not under our prefix."""
    return {key: value for key, value in present.items() if not key.startswith(prefix)}


def is_failure_mark(present: dict[str, str], prefix: str) -> bool:
    """Whether they say that nobody has looked."""
    return present.get(legal(f"{prefix}status", LONGEST_KEY)) == Status.UNVERIFIED.value


def _note(dropped: list[str], missing: list[str]) -> str | None:
    parts = []
    if dropped:
        parts.append(f"the user's tags {dropped!r} gave way to ours")
    if missing:
        parts.append(f"no room for {', '.join(missing)}")
    return join_notes(*parts)


def wanted_tags(decision: Decision, status: str, *, prefix: str, labels: bool) -> dict[str, str]:
    """Our tags for a decision, most important first: status, the rule's own, policy, labels. Always legal for OSS."""
    wanted = {"status": status, **decision.tags, "policy": decision.policy}
    if labels and decision.findings:
        wanted["labels"] = join_labels(decision.findings)
    return {legal(prefix + key, LONGEST_KEY): legal(value, LONGEST_VALUE) for key, value in wanted.items()}


def join_labels(findings: tuple[Finding, ...]) -> str:
    """The labels, joined by `/`, each whole, as many as a tag value holds; the overall finding is written `overall`."""
    text = ""
    for label in dict.fromkeys("overall" if f.label == "(overall)" else f.label for f in findings):
        longer = f"{text}/{label}" if text else label
        if len(longer) > LONGEST_VALUE:
            break
        text = longer
    return text


def legal(text: str, longest: int) -> str:
    """The text with each character that OSS would refuse replaced by `_`, cut to the length."""
    return ILLEGAL.sub("_", text)[:longest]
