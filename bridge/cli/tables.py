"""Tables, and lists whose newest rows come first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from bridge.app.paging import PageReader, all_rows
from bridge.app.ports import Row
from bridge.cli.output import emit, say, stdout

if TYPE_CHECKING:
    from bridge.app.views import View

#: Rows that a list has on a terminal, unless more are asked for.
SCREENFUL = 100
#: Cells that a column which gives way keeps at least.
NARROWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A table's column; one that `gives_way` is cut where a terminal is too narrow."""

    title: str
    gives_way: bool = False
    right: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> None:
    """Print a table: as wide as what is in it, or as the terminal."""
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


async def list_newest(
    read: PageReader[Row],
    *,
    limit: int | None,
    to_view: Callable[[Row], View] | None,
    to_table: Callable[[list[Row]], None],
) -> None:
    """
    List rows, the newest first; on a terminal a screenful, unless a limit is given.

    Args:
        read: Reads pages of the list.

        limit: How many at most, 0 for all; ``None`` if none was given.

        to_view: Makes the object that is emitted at once for each row, if objects are
            wanted.

        to_table: Prints the rows, if a table is wanted.
    """
    most = limit
    if most is None and stdout().is_terminal and to_view is None:
        most = SCREENFUL
    rows: list[Row] = []
    more = False
    async for row in all_rows(read):
        if most and len(rows) == most:
            more = True
            break
        if to_view is not None:
            emit(to_view(row))
        rows.append(row)
    if to_view is None:
        to_table(rows)
    if more and limit is None:
        say(f"these are the newest {most}; --limit 0 lists all")
