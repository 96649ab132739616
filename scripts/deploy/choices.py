"""What `warden rights` is told beside template and policy, and the note of it that lies with its documents.

Without the note an update would have to be told the same again, and what was forgotten would be a right that is taken
away in production.
"""

import re
import shlex
from pathlib import Path

import msgspec
from msgspec import Struct

from scripts.deploy.deployment import BadDeployment

NOTE = "rights.json"
EVERYBODY = "*"
# The names that our documents have, in every version: a folder that has one and no note is an older version's.
OURS = re.compile(
    r"(function|trigger)-role(-trust)?\.json|(deployer|operators)\.json|(uploaders|gate)-.+\.json"
    r"|(quarantine|ledger)-lifecycle\.xml"
)


class Choices(Struct, frozen=True, forbid_unknown_fields=True):
    """Watched buckets that have versions, ARNs of KMS keys, and whether a gate is wanted.

    `readers` are account or user ids, or ARNs of assumed roles; none named is everybody.
    """

    versioned: tuple[str, ...] = ()
    kms_keys: tuple[str, ...] = ()
    gate: bool = False
    readers: tuple[str, ...] = ()

    def add(self, more: "Choices") -> "Choices":
        """Both together: nothing that was chosen is dropped."""
        return Choices(
            versioned=_join(self.versioned, more.versioned),
            kms_keys=_join(self.kms_keys, more.kms_keys),
            gate=self.gate or more.gate,
            readers=_join(self.readers, more.readers),
        )

    @property
    def who_reads(self) -> tuple[str, ...]:
        """The principals of the gate."""
        return self.readers or (EVERYBODY,)

    def __str__(self) -> str:
        """The options of `warden rights` that say the same."""
        options = [f"--versioned {shlex.quote(bucket)}" for bucket in self.versioned]
        options += [f"--kms-key {shlex.quote(key)}" for key in self.kms_keys]
        options += ["--gate"] if self.gate else []
        options += [f"--reader {shlex.quote(reader)}" for reader in self.readers]
        return " ".join(options) or "no options"


def read_choices(folder: Path) -> Choices | None:
    """What the documents in a folder were written for; None where it holds none.

    Raises BadDeployment for documents without a note (version 0.1.0 wrote none), and for a note that can't be read.
    """
    note = folder / NOTE
    try:
        return _read(note.read_bytes())
    except FileNotFoundError:
        if not (folder.is_dir() and any(OURS.fullmatch(path.name) for path in folder.iterdir())):
            return None
        raise BadDeployment(
            f"{folder}: it has documents and no {NOTE}, so that nobody knows which options they were written with; "
            f"{_write_anew(folder)}"
        ) from None
    except OSError as error:
        raise BadDeployment(f"{note}: it can't be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadDeployment(f"{note}: it is not what warden rights writes ({error}); {_write_anew(folder)}") from error


def _read(text: bytes) -> Choices:
    """The choices of a note. One that leaves out a field says nothing of it, which is not "none"."""
    choices = msgspec.json.decode(text, type=Choices)
    missing = [name for name in Choices.__struct_fields__ if name not in msgspec.json.decode(text)]
    if missing:
        raise msgspec.ValidationError(f"{missing[0]!r} is missing")
    return choices


def _write_anew(folder: Path) -> str:
    return (
        f"write them with every option that they need: scripts/warden rights --out {folder} --anew "
        "(--versioned for each bucket that has versions, --kms-key for each key, --gate where there is a gate)"
    )


def note_of(choices: Choices) -> str:
    """The note, as a file."""
    return msgspec.json.format(msgspec.json.encode(choices), indent=2).decode() + "\n"


def _join(before: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*before, *more)))
