"""pip, told by its user's configuration how to reach an index, and by nothing else in it.

What a person set up for installing things for themselves (`user = true`, a target, constraints, no wheels, …) would
put our packages elsewhere, or others in their place. What they set up for the network is needed: mirrors, proxies and
certificates. Every package is checked against its hash, wherever it came from.

Standard library only, and importable on old Pythons, as making.py.
"""

from __future__ import annotations

import ast
import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Options of pip that say where packages come from, and how to get there.
SOURCES = frozenset({"index-url", "extra-index-url", "find-links"})
NETWORK = frozenset(
    {
        "cache-dir",
        "cert",
        "client-cert",
        "default-timeout",
        "keyring-provider",
        "no-index",
        "proxy",
        "retries",
        "timeout",
        "trusted-host",
        "use-deprecated",
        "use-feature",
    }
)


def pip_environments(python: Path, command: str = "install") -> Iterator[dict[str, str]]:
    """The environments to run that pip command in, the next where one failed: first the user's index, then PyPI.

    The user's own does for those who can't reach PyPI; PyPI for those whose index lacks what we need.
    """
    options = _read_options(python, command)
    yield _environment(options)
    if SOURCES & options.keys() and "no-index" not in options:
        yield _environment({name: value for name, value in options.items() if name not in SOURCES})


def _read_options(python: Path, command: str) -> dict[str, str]:
    """What of pip's configuration and of its environment variables is heeded; the later wins, as with pip."""
    asked = [str(python), "-m", "pip", "config", "list"]
    lines = subprocess.run(asked, check=False, capture_output=True, text=True).stdout.splitlines()  # noqa: S603 - an interpreter of ours
    found = {section: _section(lines, section) for section in ("global", command, ":env:")}
    options = {name: value for section in found.values() for name, value in section.items()}
    return {name: value for name, value in options.items() if name in SOURCES | NETWORK}


def _section(lines: list[str], section: str) -> dict[str, str]:
    """`global.index-url='https://…'` is a line; a list is written with line breaks in it."""
    named = [line[len(section) + 1 :].partition("=") for line in lines if line.startswith(section + ".")]
    return {name: " ".join(str(ast.literal_eval(value)).split()) for name, _, value in named}


def _environment(options: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    given = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in options.items()}
    return {**kept, **given, "PIP_CONFIG_FILE": os.devnull}
