"""Lists whose newest rows come first: how many of them a person is shown at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

from bridge.cli.options import SCREENFUL
from bridge.cli.output import emit, say, stdout

Row = TypeVar("Row")


async def list_newest(
    found: AsyncIterator[Row],
    *,
    limit: int | None,
    to_json: Callable[[Row], Mapping[str, Any]] | None,
    to_table: Callable[[list[Row]], None],
) -> None:
    """
    List rows, the newest first; on a terminal a screenful, unless a limit is given.

    Args:
        found: All there are.

        limit: How many at most, 0 for all; ``None`` if nobody said.

        to_json: Makes an object of a row, if that is wanted: each is written at once.

        to_table: Prints the rows, if it is not.
    """
    most = limit
    if most is None and stdout().is_terminal and to_json is None:
        most = SCREENFUL
    rows: list[Row] = []
    more = False
    async for row in found:
        if most and len(rows) == most:
            more = True
            break
        if to_json is not None:
            emit(to_json(row))
        rows.append(row)
    if to_json is None:
        to_table(rows)
    if more and limit is None:
        say(f"these are the newest {most}; --limit 0 lists all")
