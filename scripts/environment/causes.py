"""Why an environment can't be made, read off what pip, venv or the system said of it.

Standard library only, and importable on Python 3.8, as making.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# The words to look for, and the cause with its mend. Most telling first: without space or a right nothing else counts,
# and whatever else goes wrong on the way ends, with pip, in a package that can't be found.
CAUSES = (
    (r"No space left on device|\[Errno 28\]|Disk quota exceeded", "no space is left on the disk; free some"),
    (r"No usable temporary directory", "no folder for temporary files can be written; name one in TMPDIR"),
    (
        r"Permission denied|Operation not permitted|Read-only file system|\[Errno (?:1|13|30)\]",
        "a folder may not be written, or nothing run from it; work in a copy of the project that is yours",
    ),
    (
        r"Tunnel connection failed: 407",
        "the proxy wants a name and a password; give them in HTTPS_PROXY or PIP_PROXY",
    ),
    (
        r"Tunnel connection failed",
        "the proxy refuses to connect to the package index; have it allowed, or name a mirror in PIP_INDEX_URL",
    ),
    (r"ProxyError|proxy URL", "the proxy does not answer; mend HTTPS_PROXY, or what pip config list says of a proxy"),
    (r"SOCKS support", "a SOCKS proxy is not spoken; name an HTTP proxy in HTTPS_PROXY, and unset ALL_PROXY"),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "the certificate of the package index is not trusted; where a proxy opens TLS, name its CA's file in PIP_CERT",
    ),
    (r"CA certificate bundle", "the file of certificates that pip's configuration names is not there"),
    (r"SSLError|\[SSL", "no encrypted connection to the package index; something on the way breaks TLS"),
    (
        r"DO NOT MATCH THE HASHES",
        "other files came than those that are locked; the index, or something on the way, hands out its own",
    ),
    (r"\b40[137] (?:Client )?Error", "the package index refuses; it wants a name and a password, or a proxy"),
    (
        r"NameResolutionError|NewConnectionError|Name or service not known|Network is unreachable|Connection refused",
        "no network, or nothing answers at the package index",
    ),
    (r"timed out|TimeoutError", "the package index does not answer in time; try again, or name a mirror"),
)


def find_cause(said: Sequence[str]) -> str | None:
    """The cause that these lines tell of, with its mend; None where they tell of none that is known."""
    text = "\n".join(said)
    return next((cause for words, cause in CAUSES if re.search(words, text)), None)


def complain(what: str, guess: str, said: Sequence[str]) -> str:
    """The message that something can't be done: the cause, or else a guess; and below it what was said."""
    return "\n  ".join([f"cannot {what} ({find_cause(said) or guess})", *said])
