"""Lists that are read page by page, as if they were one page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from bridge.app.ports import Page, Row

#: Rows on a page.
PAGE_SIZE = 200


class PageReader(Protocol[Row]):
    """Reads pages of one list."""

    async def __call__(self, *, cursor: str | None, limit: int) -> Page[Row]:
        """Return the page at a cursor; the first one for ``None``."""


async def all_rows(read: PageReader[Row]) -> AsyncIterator[Row]:
    """Yield the rows of a list; a page is read when its first row is asked for."""
    cursor: str | None = None
    while True:
        page = await read(cursor=cursor, limit=PAGE_SIZE)
        for row in page.items:
            yield row
        if page.next is None:
            return
        cursor = page.next
