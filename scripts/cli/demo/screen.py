"""What the demo shows a person: what became of each picture, a summary, and how to look for oneself."""

import json
import os
import statistics
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, final

import click
from rich.console import Console
from rich.text import Text

from handler.model import Status
from handler.policy.rules import FAILURES, OTHERWISE
from handler.upload.recording import USD_PER_CALL
from scripts.cli.demo.session import Judged, Session

_STYLES: Final = {
    Status.PASSED.value: "green",
    Status.FLAGGED.value: "yellow",
    Status.QUARANTINED.value: "magenta",
    Status.DELETED.value: "red",
    Status.UNVERIFIED.value: "bold red",
    Status.FAILED.value: "bold red",
}
_RULES: Final = {OTHERWISE: "none matched, so otherwise", FAILURES: "there is no verdict, so failures"}
_NO_RISK: Final = "nonLabel"
_TITLE_WIDTH: Final = 13
_LABEL_WIDTH: Final = 11


@final
class Screen:
    """Writes to a console: in colour on a terminal; names and texts are data, never markup or control characters."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def busy(self, doing: str) -> AbstractContextManager[object]:
        """Say what is being waited for, on a terminal only, and take it back."""
        return self._console.status(Text(visible(doing)))

    def show_picture(self, judged: Judged) -> None:
        """What was seen in a picture, what was done and why, where it is now, its tags, and what that took."""
        self._show(judged.status.ljust(_TITLE_WIDTH), _name(judged), _STYLES.get(judged.status, "bold"), "bold")
        if judged.error:
            self._detail("error", judged.error)
        if judged.findings or judged.reason:
            self._detail("seen", ", ".join(map(_describe, judged.findings)) or f"no verdict ({judged.reason})")
        if judged.rule:
            undone = "" if judged.action == judged.decided else ", not carried out"
            self._detail("rule", f"{_RULES.get(judged.rule, judged.rule)}: {judged.decided}{undone}")
            for rule, action in judged.shadow:
                self._detail("shadow", f"{rule}: would {action}")
            self._detail("now at", judged.location or "nowhere, it is gone")
        if judged.tags:
            self._detail("tags", ", ".join(f"{name}={value}" for name, value in judged.tags.items()))
        memory = "" if judged.memory_mb is None else f", {judged.memory_mb} MB"
        self._detail("took", f"{judged.duration_ms / 1000:.2f} s{memory}, ${judged.cost_usd:.4f}")
        self._console.print()

    def show_summary(self, judged: Sequence[Judged], session: Session, elapsed_s: float) -> None:
        """How many pictures ended how, what the vendor would ask for them, time and memory, what the buckets hold."""
        counts = Counter(each.status for each in judged)
        ended = ", ".join(f"{number} {status}" for status, number in counts.most_common())
        self._show("summary".ljust(_TITLE_WIDTH), f"{_plural(len(judged), 'picture')}: {ended}", "bold", "bold")
        cost_usd, calls = sum(each.cost_usd for each in judged), sum(each.billed for each in judged)
        price = f"${1000 * USD_PER_CALL:.2f} per 1,000"
        self._detail("cost", f"${cost_usd:.4f}: {_plural(calls, 'call')} at the vendor's {price}. Here: free")
        self._detail(
            "time", f"{_spread([each.duration_ms / 1000 for each in judged], '.2f', 's')}; {elapsed_s:.1f} s in all"
        )
        peaks_mb = [each.memory_mb for each in judged if each.memory_mb is not None]
        if peaks_mb:
            self._detail("memory", f"{_spread(peaks_mb, '.0f', 'MB')}; the models are a part of it")
        buckets = dict.fromkeys((session.cloud.bucket, session.held_bucket))
        held = (f"{bucket} holds {_plural(session.count_objects(bucket), 'object')}" for bucket in buckets)
        self._detail("buckets", ", ".join(held))
        self._detail(
            "note",
            "judged by small open models that see nudity, QR codes and some kinds of text, and nothing else. They are "
            "not the vendor's model: README.md says what they miss",
        )

    def show_access(self, session: Session) -> None:
        """What a client needs to look at the local cloud that is kept."""
        cloud = session.cloud.describe()
        oss: Any = cloud["oss"]
        endpoint, region = oss["endpoint"], oss["region"]
        buckets = " and ".join(dict.fromkeys((session.cloud.bucket, session.held_bucket)))
        key_id, key = cloud["access_key_id"], cloud["access_key_secret"]
        self._console.print()
        self._show(
            "running".ljust(_TITLE_WIDTH), "the local cloud. Ctrl-C ends it, and forgets all objects", "bold", "bold"
        )
        self._detail("endpoint", f"{endpoint}, region {region}, path style, V4 signatures")
        self._detail("keys", f"{key_id} / {key}")
        self._detail("buckets", f"{buckets}; what you upload to {session.cloud.bucket} is judged and shown here")
        self._detail("look", "with any OSS client; in Python, with oss2:")
        lines = (
            "import oss2",
            "session = oss2.Session()",
            "session.session.trust_env = False  # past proxies, and without .netrc",
            f"auth = oss2.AuthV4({key_id!r}, {key!r})",
            f"bucket = oss2.Bucket(auth, {endpoint!r}, {session.held_bucket!r},",
            f"                     session=session, region={region!r}, is_path_style=True)",
            "print([held.key for held in oss2.ObjectIterator(bucket)])",
        )
        for line in lines:  # as they are, to be copied
            self._console.print(Text(f"    {line}"), soft_wrap=True)
        self._console.print()

    def _detail(self, label: str, value: str) -> None:
        self._show(f"  {label}".ljust(_LABEL_WIDTH), value, "dim", "")

    def _show(self, label: str, value: str, label_style: str, value_style: str) -> None:
        """A label and a value, which goes on below itself where the line is full."""
        lines = Text(visible(value), value_style).wrap(self._console, max(20, self._console.width - len(label)))
        for number, line in enumerate(lines):
            line.rstrip()
            start = label if number == 0 else " " * len(label)
            self._console.print(Text.assemble((start, label_style), line), soft_wrap=True)


@final
class JsonLines:
    """One object a picture on standard output and nothing else; how to look for oneself goes to standard error."""

    def busy(self, doing: str) -> AbstractContextManager[object]:
        """Nothing: standard error may be read by a program too."""
        del doing
        return nullcontext()

    def show_picture(self, judged: Judged) -> None:
        """One line of ASCII; an error goes to standard error."""
        click.echo(json.dumps(judged.as_json()))
        if judged.error:
            click.echo(f"{visible(judged.key)}: {visible(judged.error)}", err=True)

    def show_summary(self, judged: Sequence[Judged], session: Session, elapsed_s: float) -> None:
        """Nothing: whoever wants a summary has the numbers."""
        del judged, session, elapsed_s

    def show_access(self, session: Session) -> None:
        """For the person who started this."""
        Screen(Console(stderr=True, highlight=False)).show_access(session)


def visible(text: str) -> str:
    """The text with its control characters, of Unicode's too, as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _name(judged: Judged) -> str:
    """The file by its shortest path, or the key of what somebody else uploaded."""
    if judged.file is None:
        return judged.key
    absolute = Path(judged.file).absolute()
    return min((judged.file, os.path.relpath(absolute)), key=len)


def _describe(finding: dict[str, Any]) -> str:
    if finding["label"] == _NO_RISK:
        return f"no risk ({_NO_RISK})"
    confidence = "" if finding["confidence"] is None else f" {finding['confidence']:.2f}"
    return f"{finding['label']}{confidence} ({finding['risk']} risk)"


def _spread(numbers: Sequence[float], form: str, unit: str) -> str:
    return f"{statistics.median(numbers):{form}} {unit} for a typical picture, {max(numbers):{form}} {unit} at most"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
