"""The project's template, with the variables that a user must set."""

from scripts.environment.making import ROOT

SET = (
    ('account: "CHANGE-ME"', 'account: "1234567890123456"'),
    ("CHANGE-ME-uploads", "uploads"),
    ("CHANGE-ME-quarantine", "quarantine"),
    ("CHANGE-ME-ledger", "ledger"),
    ("CHANGE-ME-logs", "warden-logs"),
)


def edit_template(*edits: tuple[str, str]) -> str:
    """The template's text with the variables set and each edit made; every edit has to find its place."""
    text = (ROOT / "template.yml").read_text(encoding="utf-8")
    for before, after in (*SET, *edits):
        if before not in text:
            raise AssertionError(f"{before!r} is not in template.yml")
        text = text.replace(before, after)
    return text


def add_trigger(*edits: tuple[str, str]) -> tuple[str, str]:
    """An edit that adds a second trigger: the first one, edited."""
    text = (ROOT / "template.yml").read_text(encoding="utf-8")
    _, _, first = text.partition("      triggers:\n")
    second = first
    for before, after in edits:
        if before not in second:
            raise AssertionError(f"{before!r} is not in the trigger")
        second = second.replace(before, after)
    return first, first.rstrip() + "\n" + second
