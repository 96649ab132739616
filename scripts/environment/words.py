"""Words to the person who waits for a command. Standard library only, and importable on Python 3.8, as making.py."""

import sys


def say(line: str) -> None:
    """Tell them; not on standard output, which belongs to the command."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the words of a command
