"""Words of other tools, and what they are called here. Read only where a word is wrong."""

from collections.abc import Collection

# Of several meanings the first that fits the place is offered: `drop` is an action, and what is done with a tag.
_MEANINGS = {
    # actions
    "quarantine": "hold held block blocked deny denied reject rejected isolate hide hidden review queue moderate move "
    "escalate suspend withhold takedown unpublish",
    "delete": "remove removed drop purge erase destroy trash unlink kill",
    "pass": "allow allowed accept accepted approve approved permit ok okay publish release keep continue good",
    "tag": "flag flagged mark marked warn warning label notify report alert annotate",
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
    "keys": "key path paths prefix prefixes folder folders object objects pattern patterns glob name_pattern files",
    "buckets": "bucket",
    "min_size_bytes": "min_size size_min larger bigger",
    "max_size_bytes": "max_size size_max smaller size",
    "content_types": "content_type mime mime_type mime_types mimetype types type",
    "status": "mode enabled state",
    "tags": "metadata annotations",
    "name": "id rule title",
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


def translate(word: str, known: Collection[str]) -> str | None:
    """What is called so elsewhere, of the words that are known in this place; None if nothing is."""
    plain = word.strip().lower()
    if plain in known:
        return plain
    spelt = {plain, plain.replace("_", "-"), plain.replace(" ", "-"), plain.replace("-", "_")}
    return next((own for own, foreign in _MEANINGS.items() if own in known and spelt & set(foreign.split())), None)
