"""The demo's output in README.md, kept true: written by this module, compared by a test.

    python -m scripts.cli.demo.readme        writes it anew, in the environment `eyes` or `dev`

The block is between `<!-- demo -->` and `<!-- /demo -->`: the command after a `$`, and what it printed.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from scripts.environment.making import LAUNCHER, ROOT

README = ROOT / "README.md"
WIDTH = 80
_BLOCK = re.compile(
    r"(?<=<!-- demo -->\n```console\n\$ scripts/warden )([^\n]+)\n(.*?)(?=```\n<!-- /demo -->)", re.DOTALL
)
# Times, memory, confidences past the point, the policy's checksum, request ids: they differ from run to run, or from
# machine to machine, or with each edit of the policy.
_VOLATILE = re.compile(r"\d+\.\d+ s\b|\d+ MB\b|(?<= )\d+\.\d\d(?= \()|(?<=default:)[0-9a-f]{8}|-[0-9A-F]{24}(?=\.)")


class NoBlock(Exception):
    """The text has no such block; the message says how one looks."""


def read_block(text: str) -> tuple[str, str]:
    """The arguments of scripts/warden in the block, and what it is said to print. Raises NoBlock."""
    found = _BLOCK.search(text)
    if not found:
        raise NoBlock("no '<!-- demo -->', '```console', '$ scripts/warden demo …' on lines of their own")
    return found[1], found[2]


def run_demo(arguments: str) -> str:
    """What `scripts/warden ARGUMENTS` prints when it is piped, 80 columns wide."""
    command = [sys.executable, "-c", LAUNCHER, str(ROOT), "scripts.cli", *shlex.split(arguments)]
    environment = {"PATH": "/usr/bin:/bin", "COLUMNS": str(WIDTH), "PYTHONUTF8": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603


def mask(shown: str) -> str:
    """The output without what differs from run to run, and without the line breaks that depend on it."""
    return " ".join(_VOLATILE.sub("#", shown).split())


def write(path: Path) -> None:
    """Put what the demo prints now into the block of this file. Raises NoBlock."""
    text = path.read_text("utf-8")
    arguments, _ = read_block(text)
    printed = run_demo(arguments)
    path.write_text(_BLOCK.sub(lambda found: f"{found[1]}\n{printed}", text), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else README)
