"""A folder of documents that `warden rights --out` writes, and whether it still says what is wanted."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from scripts.deploy.checkup import Diagnosis
from scripts.deploy.choices import NOTE, OURS, Choices, note_of, read_choices
from scripts.deploy.deployment import BadDeployment, load_deployment
from scripts.deploy.documents import write_documents
from scripts.deploy.statements import Document

# What CreatePolicy takes (API reference of Resource Management, PolicyDocument); whether blanks count is not said.
MOST_CHARACTERS = 6144
LEFT_OVER = "nothing asks for it any more; take it off what it was applied to, then remove the file"
_FUNCTION = "function-role.json"
# By what a role was written for one that is to be named: `warden rights` gives these for no other reason.
_NAMED_BY = {"oss:ListObjectVersions": "--versioned", "kms:Decrypt": "--kms-key"}


def write_folder(folder: Path, documents: Mapping[str, Document | str], choices: Choices) -> list[Path]:
    """Write every document and the note of what they were written for; the paths, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {name: text_of(document) for name, document in documents.items()} | {NOTE: note_of(choices)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def text_of(document: Document | str) -> str:
    """A document as its file has it."""
    return document if isinstance(document, str) else json.dumps(document, indent=2) + "\n"


def find_leftovers(folder: Path, wanted: Collection[str]) -> list[Path]:
    """Documents of ours that template, policy and choices ask for no more; they may still be applied."""
    return [path for path in sorted(folder.iterdir()) if OURS.fullmatch(path.name) and path.name not in wanted]


def find_dropped(folder: Path, documents: Mapping[str, Document | str]) -> list[str]:
    """The options that the function's role there was written with, and that in these documents is not.

    Whatever the note says. A bucket that is watched no more needs none.
    """
    before, now = _named_in(_load(folder / _FUNCTION)), _named_in(documents.get(_FUNCTION))
    gone = sorted(before - now)
    return [
        f"{option} {name}" for option, name in gone if option != "--versioned" or f"uploaders-{name}.json" in documents
    ]


def _load(path: Path) -> object:
    """A document that lies there; None where it can't be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _named_in(role: object) -> set[tuple[str, str]]:
    """The options that a role's document was written for: each with the bucket, or the key."""
    statements = role.get("Statement") if isinstance(role, dict) else None
    named: set[tuple[str, str]] = set()
    for statement in statements if isinstance(statements, list) else []:
        if not isinstance(statement, dict):
            continue
        resources = [place for place in _texts(statement.get("Resource")) if place.startswith("acs:")]
        for option in (_NAMED_BY[action] for action in _texts(statement.get("Action")) if action in _NAMED_BY):
            named |= {(option, _name_of(place, option)) for place in resources}
    return named


def _name_of(place: str, option: str) -> str:
    """A key is named by its ARN, a bucket by the end of its own."""
    return place if option == "--kms-key" else place.rpartition(":")[2]


def _texts(value: object) -> list[str]:
    """RAM takes one, or a list."""
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def find_too_long(documents: Mapping[str, Document | str]) -> Iterator[str]:
    """What to say of each document that RAM would refuse for its length; a gate is OSS's, which takes more."""
    for name, document in documents.items():
        length = len(text_of(document))
        if not isinstance(document, str) and not name.startswith("gate-") and length > MOST_CHARACTERS:
            yield f"{name} has {length} characters, and RAM takes {MOST_CHARACTERS}: make two policies of it"


def examine_folder(file: Path, env: Mapping[str, str], folder: Path) -> Iterator[Diagnosis]:
    """Compare the documents in a folder with those that template, policy and the folder's own note ask for now."""
    try:
        choices = read_choices(folder)
        wanted = None if choices is None else write_documents(load_deployment(file, env), choices)
    except BadDeployment as error:
        yield Diagnosis("error", str(error))
        return
    if wanted is None:
        yield Diagnosis("error", f"{folder}: no documents are in it; write them: scripts/warden rights --out {folder}")
        return
    again = f"run scripts/warden rights --out {folder} again, and apply it"
    for name, document in wanted.items():
        found = folder / name
        if not found.exists():
            yield Diagnosis("error", f"{found}: missing; {again}")
        elif not found.is_file() or found.read_bytes() != text_of(document).encode():
            yield Diagnosis("error", f"{found}: not what template, policy and {NOTE} ask for now; {again}")
    for message in find_too_long(wanted):
        yield Diagnosis("warning", f"{folder}: {message}")
    for path in find_leftovers(folder, wanted):
        yield Diagnosis("error", f"{path}: {LEFT_OVER}")
