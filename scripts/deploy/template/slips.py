"""Keys at the wrong place or mistyped, and what is missing because of them: one mistake, told once."""

from collections.abc import Collection, Iterator, Mapping

from handler.policy.tree import Path, Remark

_PROPS = 3  # resources, NAME, props


def find_home(path: Path, names: Mapping[str, Collection[str]]) -> Path | None:
    """Where in the function's properties an unknown key belongs; None where that is nowhere, or in several places.

    One around which there is more of where it stands goes before.
    `names` are those that the component knows, by the place that they stand under.
    """
    if path[:1] != ("resources",) or len(path) <= len(("resources", "NAME")):
        return None
    places = [place.split(".") if place else [] for place, known in names.items() if path[-1] in known]
    homes = [(shared, home) for place in places for shared, home in _place_in(place, path)]
    nearest = [home for shared, home in homes if shared == max(shared for shared, _ in homes)]
    return nearest[0] if len(nearest) == 1 else None


def _place_in(place: list[str], path: Path) -> Iterator[tuple[int, Path]]:
    """How many keys a place shares with a path, and the path there; nothing where it lies in a list elsewhere."""
    here = [*path[_PROPS:-1]]
    kept = 0
    for key in here:
        if not isinstance(key, int):
            if place[:1] != [key]:
                break
            place = place[1:]
        kept += 1
    if "triggers" not in place:
        yield kept, (*path[:2], "props", *here[:kept], *place, path[-1])


def join_slips(remarks: list[Remark], meant: Mapping[Path, Path]) -> list[Remark]:
    """Say of a key that is wrong, and of what is missing therefore, one thing: at the key, and as an error."""
    joined: dict[Path, Remark] = {}
    for remark in remarks:
        for slip, place in meant.items():
            if remark.severity == "error" and slip not in joined and _is_missing(remark, place):
                joined[slip] = remark
                break
    said = [_join(remark, joined[remark.path]) if remark.path in joined else remark for remark in remarks]
    return [remark for remark in said if remark not in joined.values()]


def _is_missing(remark: Remark, place: Path) -> bool:
    """Whether it is said of this place, or that this place or one around it is missing."""
    around = {str(key): place[:number] for number, key in enumerate(place)}
    return remark.path == place or any(
        remark.message.startswith(f"{key!r} is missing") and remark.path in (before, (*before, key))
        for key, before in around.items()
    )


def _join(slip: Remark, missing: Remark) -> Remark:
    unknown = slip.message.partition("; Serverless Devs")[0]
    return Remark("error", slip.path, f"{unknown}; {missing.message}")
