"""pip, told by its user's configuration how to reach an index, and by nothing else in it.

What a person set up for installing things for themselves (`user = true`, a target, constraints, no wheels, …) would
put our packages elsewhere, or others in their place. What they set up for the network is needed: mirrors, proxies and
certificates. Every package is checked against its hash, wherever it came from.

Standard library only, and importable on Python 3.8, as making.py.
"""

from __future__ import annotations

import ast
import os
import subprocess
from typing import TYPE_CHECKING

from scripts.environment.causes import find_cause
from scripts.environment.words import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Run = Callable[[Mapping[str, str]], tuple[int, Sequence[str]]]

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
NO = frozenset({"0", "false", "n", "no", "off"})
SHOWN_LINES = 15


def run_with_index(python: Path, command: str, run: Run) -> list[str] | None:
    """Run a pip command with the user's own index, and where that fails with PyPI; None, or what pip said of both.

    The user's own is for those who can't reach PyPI; PyPI for those whose index lacks what we need.
    """
    said: list[str] = []
    for name, variables in pip_environments(python, command):
        returned, lines = run(variables)
        if not returned:
            return None
        # Of a missing network pip warns a dozen times before it says what it could not find, and not why.
        shown = [line.rstrip() for line in lines if not line.startswith("WARNING: ")]
        why = [line.rstrip() for line in lines if line.startswith("WARNING: ") and find_cause([line])]
        said += [f"with {name} pip said:", *(f"  {line}" for line in why[-1:] + shown[-SHOWN_LINES:])]
    return said


def pip_environments(python: Path, command: str) -> list[tuple[str, dict[str, str]]]:
    """The environments to run that pip command in, each with the name of the index that it asks."""
    options = _read_options(python, command)
    own = {name: value for name, value in options.items() if name in SOURCES}
    network = {name: value for name, value in options.items() if name not in SOURCES}
    if not own:
        return [("PyPI", _environment(network))]
    configured = ("the index of your pip configuration", _environment(options))
    return [configured] if "no-index" in options else [configured, ("PyPI", _environment(network))]


def _read_options(python: Path, command: str) -> dict[str, str]:
    """What of pip's configuration and of its environment variables is heeded; variables win, as with pip."""
    returned, lines = _ask(python, "list")
    if returned:
        say(f"pip's own configuration is passed over; pip said: {lines[-1] if lines else 'nothing'}")
        return {}
    options: dict[str, str] = {}
    for section in ("global", command, ":env:"):
        named = [line[len(section) + 1 :].partition("=") for line in lines if line.startswith(section + ".")]
        for name in {name for name, _, _ in named} & (SOURCES | NETWORK):
            values = [value for other, _, value in named if other == name]
            text = str(ast.literal_eval(values[-1]))
            if len(values) > 1:
                # Of several files the list does not say which one counts.
                text = "\n".join(_ask(python, "get", f"{section}.{name}")[1])
            # A list is written with line breaks in it, and what is empty counts as not set.
            if value := " ".join(text.split()):
                options[name] = value
    if options.get("no-index", "").lower() in NO:
        del options["no-index"]
    if options.get("retries") == "0":
        options["retries"] = "1"  # without one pip does not say why it got no answer
    return options


def _ask(python: Path, *question: str) -> tuple[int, list[str]]:
    """What pip's own `config` says; also where a configuration tells it to be quiet."""
    command = [str(python), "-m", "pip", "config", *question]
    kept = {name: value for name, value in os.environ.items() if name not in ("PIP_PYTHON", "PIP_LOG")}
    variables = {**kept, "PIP_QUIET": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(  # noqa: S603 - an interpreter of ours
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables
    )
    return done.returncode, done.stdout.splitlines()


def _environment(options: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    given = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in options.items()}
    return {**kept, **given, "PIP_CONFIG_FILE": os.devnull}
