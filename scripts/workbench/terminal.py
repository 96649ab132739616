"""Words for a person on a terminal, plain lines for everything else.

Keys, labels and file names are strangers' text: every character that a terminal might obey is written as an escape.
"""

from rich.console import Console
from rich.table import Table
from rich.text import Text

ACTION_STYLES = {"pass": "green", "tag": "yellow", "quarantine": "red", "delete": "bold red", "none": "dim"}
_PLAIN_WIDTH = 100_000  # so that nothing is wrapped where no terminal is: one finding, one line


def open_console(*, to_errors: bool = False) -> Console:
    """A console on standard output (or error): colours and the terminal's width only where that is a terminal."""
    console = Console(stderr=to_errors, markup=False, highlight=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    return console


def printable(text: str) -> str:
    """The text on one line, with what is not printable written as Python escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def styled(*parts: str | tuple[str, str]) -> Text:
    """A line of parts, some of them (text, style), with no escape sequence of a stranger's in it."""
    return Text.assemble(
        *((printable(part), "") if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts)
    )


def action_style(action: str) -> str:
    """The colour of an action."""
    return ACTION_STYLES.get(action, "")


def make_table(*headings: str) -> Table:
    """A table without lines, as command lines show them."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for heading in headings:
        table.add_column(heading, header_style="bold", overflow="fold")
    return table


def show_table(console: Console, table: Table) -> None:
    """Show a table: to a terminal as wide as that is, else each row on one line without blanks at its end."""
    if console.is_terminal:
        console.print(table, soft_wrap=False)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        console.print(line.rstrip())
