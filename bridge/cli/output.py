"""
Output: tables for people, lines for programs.

On a terminal, colours mean something and lines fit; in a pipe, text is plain and whole.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

#: Cells that a column which gives way keeps at least.
NARROWEST = 10

STATUS_STYLES = {
    "NOT_START": "blue",
    "SUBMITTED": "blue",
    "MODAL": "bold yellow",
    "IN_PROGRESS": "cyan",
    "SUCCESS": "green",
    "FAILURE": "red",
    "CANCEL": "magenta",
    "LOST": "red",
}
STATE_STYLES = {
    "pending": "yellow",
    "held": "magenta",
    "delivered": "green",
    "superseded": "dim",
    "dead": "red",
    "ok": "green",
    "idle": "dim",
    "failing": "yellow",
    "open": "red",
    "throttled": "yellow",
    "paused": "magenta",
    "disabled": "red",
}


@cache
def stdout() -> Console:
    """Return where results go."""
    from rich.console import Console

    return Console(highlight=False)


@cache
def stderr() -> Console:
    """Return where messages go."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(line: str) -> None:
    """Tell a person something that is not a result."""
    text = f"mjbridge: {line}"
    if sys.stderr.isatty():
        text = textwrap.fill(text, stderr().width, subsequent_indent="  ")
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def program() -> str:
    """Say how a person calls this program from where they are: it may not be on the PATH."""
    called = Path(sys.argv[0])
    found = shutil.which("mjbridge")
    here = called.name == "mjbridge" and called.exists()
    if not here or (found and called.samefile(found)):
        return "mjbridge"
    return sys.argv[0]


def emit(value: Mapping[str, Any]) -> None:
    """Write one object on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def text(value: object, style: str = "") -> Text:
    """Make a cell; nothing in it can steer a terminal."""
    from rich.text import Text

    return Text("" if value is None else plain(value), style=style)


def plain(value: object) -> str:
    """Return one line of text without the control characters that a terminal would obey."""
    return "".join(
        " " if character in "\n\t" else character
        for character in str(value).replace("\r\n", "\n")
        if character in "\n\t" or _is_harmless(character)
    )


def _is_harmless(character: str) -> bool:
    """Neither a control character nor one that turns the direction of writing."""
    # The joiner that emoji are made with is of the same category as the latter.
    forbidden = unicodedata.category(character) in {"Cc", "Cf", "Cs"}
    return not forbidden or character == "\u200d"


def line(content: Text) -> None:
    """Print one line, with its colours if there is a terminal to see them."""
    if stdout().is_terminal:
        stdout().print(content, soft_wrap=True)
    else:
        write(content.plain.rstrip())


def indented(content: Text, by: int) -> None:
    """Print text of any length to the right of *by* columns."""
    if stdout().is_terminal:
        from rich.padding import Padding

        stdout().print(Padding(content, (0, 0, 0, by)))
    else:
        write(" " * by + content.plain)


def write(plain: str) -> None:
    """Write one line as it is, at once: who reads a pipe may be waiting for it."""
    sys.stdout.write(plain + "\n")
    sys.stdout.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A table's column; one that `gives_way` is cut where a terminal is too narrow."""

    title: str
    gives_way: bool = False
    right: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> None:
    """Print a table: as wide as what is in it, or as the terminal."""
    from rich.text import Text

    console = stdout()
    widths = [
        max([len(column.title), *(row[place].cell_len for row in rows)])
        for place, column in enumerate(columns)
    ]
    if not console.is_terminal:
        _plain_table(columns, rows, widths)
        return
    _narrow(widths, columns, console.width)
    head = [Text(column.title, style="dim") for column in columns]
    for row in (head, *rows):
        joined = Text("  ").join(
            _fitted(cell, width, column)
            for cell, width, column in zip(row, widths, columns, strict=True)
        )
        joined.rstrip()
        joined.truncate(console.width, overflow="ellipsis")
        console.print(joined, soft_wrap=True)


def _plain_table(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], widths: Sequence[int]
) -> None:
    head = [(column.title, len(column.title)) for column in columns]
    for cells in (
        head,
        *([(cell.plain, cell.cell_len) for cell in row] for row in rows),
    ):
        padded = (
            " " * (width - size) + plain
            if column.right
            else plain + " " * (width - size)
            for (plain, size), width, column in zip(cells, widths, columns, strict=True)
        )
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _narrow(widths: list[int], columns: Sequence[Column], room: int) -> None:
    """Take what is too much from the columns that give way, from the widest first."""
    excess = sum(widths) + 2 * (len(widths) - 1) - room
    while excess > 0:
        yielding = [
            (widths[place], place)
            for place, column in enumerate(columns)
            if column.gives_way and widths[place] > NARROWEST
        ]
        if not yielding:
            return
        widths[max(yielding)[1]] -= 1
        excess -= 1


def _fitted(cell: Text, width: int, column: Column) -> Text:
    fitted = cell.copy()
    if fitted.cell_len > width:
        fitted.truncate(width, overflow="ellipsis")
    missing = max(0, width - fitted.cell_len)
    fitted.pad_left(missing) if column.right else fitted.pad_right(missing)
    return fitted
