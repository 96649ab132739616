"""Problems of policy files as a person or a program reads them."""

import re
from dataclasses import asdict
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from handler.policy.tree import Problem
from scripts.workbench.terminal import printable, styled

_STYLES = {"error": "bold red", "warning": "bold yellow"}
_MOST_SHOWN = 160  # characters of a line of the file
_TOKEN = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|[^\s,\[\]{}#]+|.""", re.DOTALL)
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML 1.1 takes for the end of a line
_HINT = re.compile(r"; did you mean ('[^']*')")


def show_problem(console: Console, problem: Problem, text: bytes) -> None:
    """Show one problem: on a terminal with its line of the file, else as one line."""
    if not console.is_terminal:
        console.print(plain_line(problem))
        return
    style = _STYLES[problem.severity]
    wrong, hint, right = _split(problem.message)
    place = f"{problem.file}:{problem.line}:{problem.column}:"
    console.print(styled((place, "bold"), " ", (problem.severity, style), ": ", (wrong, "bold")))
    for line in _excerpt(problem, text, style):
        console.print(line)
    indent = " " * len(str(problem.line))
    if problem.path:
        console.print(styled(f"{indent} = at ", (problem.path, "cyan")))
    if hint:
        console.print(styled(f"{indent} = ", ("did you mean ", "bold green"), (hint, "green"), "?"))
    if right:
        console.print(styled(f"{indent} = ", ("help: ", "bold"), right))
    console.print()


def plain_line(problem: Problem) -> str:
    """`file:line:column: severity: path: message`, whatever is in them, on one line; errors bear no word."""
    if problem.severity == "error":
        return printable(str(problem))
    path = f" {problem.path}:" if problem.path else ""
    return printable(f"{problem.file}:{problem.line}:{problem.column}: {problem.severity}:{path} {problem.message}")


def problem_document(problem: Problem) -> dict[str, Any]:
    """The problem for `--json`."""
    return asdict(problem)


def _split(message: str) -> tuple[str, str, str]:
    """What is wrong, the word that was perhaps meant, and what would be right."""
    found = _HINT.search(message)
    hint = found[1] if found else ""
    wrong, _, right = (message.replace(found[0], "", 1) if found else message).partition("; ")
    return wrong, hint, right


def _excerpt(problem: Problem, text: bytes, style: str) -> list[Text]:
    """The line of the file and a caret under the place, with what stands there underlined."""
    lines = _BREAK.split(text.decode("utf-8-sig", "replace"))
    if problem.line > len(lines):  # a parser that waits for more stands one line behind the last
        return []
    line = lines[problem.line - 1]
    column = min(problem.column - 1, len(line))
    start = max(0, column - _MOST_SHOWN // 2)
    shown = line[start : start + _MOST_SHOWN].replace("\t", " ")
    found = _TOKEN.match(shown, column - start)
    token = printable(found[0].rstrip(":") or ":") if found else " "
    number = str(problem.line)
    before = cell_len(printable(shown[: column - start]))  # as wide as it is shown
    return [
        styled((f"{number} | ", "dim"), shown),
        styled((f"{' ' * len(number)} | ", "dim"), " " * before, ("^" * cell_len(token), style)),
    ]
