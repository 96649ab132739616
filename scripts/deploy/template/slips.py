"""Keys at the wrong place or mistyped, and what is missing because of them: one mistake, told once."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

from handler.policy.tree import Path, Remark

_PROPS = 3  # resources, NAME, props
_LISTS = {"triggers", "mountPoints", "dnsOptions", "tags", "scheduledActions", "targetTrackingPolicies"}
_MISSING = re.compile(r"'(\w+)' is missing.*", re.DOTALL)
_ALIKE = 0.6  # as alike as `asyncConfiguration` and `asyncInvokeConfig`: enough where that very key is missing


def find_home(path: Path, names: Mapping[str, Collection[str]]) -> Path | None:
    """Below where it stands, where an unknown key belongs; None where that is nowhere, or in several places.

    `names` are those that the component knows, by the place that they stand under.
    """
    if path[:1] != ("resources",) or len(path) <= len(("resources", "NAME")):
        return None
    here = [key for key in path[_PROPS:-1] if not isinstance(key, int)]
    places = [place.split(".") if place else [] for place, known in names.items() if path[-1] in known]
    below = [place[len(here) :] for place in places if place[: len(here)] == here]
    homes = [place for place in below if not _LISTS.intersection(place)]
    return (*path[:2], "props", *path[_PROPS:-1], *homes[0], path[-1]) if len(homes) == 1 else None


def join_slips(remarks: list[Remark], meant: Mapping[Path, Path]) -> list[Remark]:
    """Say of a key that is wrong, and of what is missing therefore, one thing: at the key, and as an error.

    `meant` is which place an unknown key was meant for; it may also have been meant for one that is missing beside it.
    """
    joined: dict[Path, Remark] = {}
    for remark in remarks:
        for slip, place in (*meant.items(), *_guess(remarks, meant)):
            if remark.severity == "error" and slip not in joined and _is_missing(remark, place):
                joined[slip] = remark
                break
    said = [_join(remark, joined[remark.path]) if remark.path in joined else remark for remark in remarks]
    return [remark for remark in said if remark not in joined.values()]


def _guess(remarks: list[Remark], meant: Mapping[Path, Path]) -> Iterator[tuple[Path, Path]]:
    """Unknown keys that are less alike than a slip, and the missing one beside them that each may mean."""
    missing: dict[Path, list[str]] = {}
    for remark in remarks:
        if found := _MISSING.fullmatch(remark.message):
            around = remark.path[:-1] if remark.path[-1:] == (found[1],) else remark.path
            missing.setdefault(around, []).append(found[1])
    for remark in remarks:
        if remark.message.startswith("unknown key") and remark.path not in meant:
            name = str(remark.path[-1]).casefold()
            absent = {key.casefold(): key for key in missing.get(remark.path[:-1], [])}
            within = [key for key in absent if name in key]
            for key in within[:1] or get_close_matches(name, absent, n=1, cutoff=_ALIKE):
                yield remark.path, (*remark.path[:-1], absent[key])


def _is_missing(remark: Remark, place: Path) -> bool:
    """Whether it is said of this place, or that this place or one around it is missing."""
    around = {str(key): place[:number] for number, key in enumerate(place)}
    return remark.path == place or any(
        remark.message.startswith(f"{key!r} is missing") and remark.path in (before, (*before, key))
        for key, before in around.items()
    )


def _join(slip: Remark, missing: Remark) -> Remark:
    unknown = slip.message.partition("; Serverless Devs")[0]
    if found := _MISSING.fullmatch(missing.message if ";" not in unknown else ""):
        unknown += f"; did you mean {found[1]!r}"
    return Remark("error", slip.path, f"{unknown}; {missing.message}")
