"""
The feed: what is new of some tasks since a position.

A task's position is the sequence of its last event that was read. Nothing is missed or
repeated between two reads, however far apart they are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from bridge.app.ports import EventRow, TaskQueries, TaskRow
from bridge.core.task import TaskKey

#: Seconds between two reads of the store, and the share of time that reading may take.
READ_EVERY, READING_SHARE = 0.3, 0.25
#: Tasks of an upstream that are followed if none are named.
MAX_FOLLOWED = 500


class Feed:
    """Reads tasks again and again, and yields the events that happened in between."""

    def __init__(
        self, queries: TaskQueries, positions: Mapping[TaskKey, int] | None = None
    ) -> None:
        """
        Begin to read.

        Args:
            queries: Reads the store.

            positions: Where to go on. A task that has none begins with its last event,
                if it has not ended.
        """
        self._queries = queries
        self._positions = dict(positions or {})

    async def begin_at_the_end(self, keys: Sequence[TaskKey]) -> None:
        """Skip all that has happened to some tasks so far."""
        for row in await self._queries.rows(keys):
            self._positions[row.key] = row.sequence

    async def rows(self, keys: dict[TaskKey, None]) -> AsyncIterator[Sequence[TaskRow]]:
        """Read tasks again and again; *keys* may be changed in between."""
        while True:
            began = time.monotonic()
            yield await self._queries.rows(list(keys))
            # Until Python 3.12, asyncio.wait_for, which the store's client uses, swallows
            # a cancellation that comes just as what it waits for is done.
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError
            took = time.monotonic() - began
            await asyncio.sleep(max(READ_EVERY, took / READING_SHARE))

    async def news(self, row: TaskRow) -> Sequence[EventRow]:
        """Return the events of a task since its position, and move that on."""
        before = self._positions.get(row.key)
        if before == row.sequence or (before is None and not row.active):
            return ()
        self._positions[row.key] = row.sequence
        if before is None and row.sequence == 0:
            return ()
        events = await self._queries.story(str(row.key))
        if before is None:
            return events[-1:]  # how the task stands now
        return [one for one in events if one.event.sequence > before]

    async def active(self, upstreams: Iterable[str]) -> Sequence[TaskKey]:
        """Return the tasks of some upstreams that are polled now."""
        return [
            key
            for name in upstreams
            for key in await self._queries.active(name, MAX_FOLLOWED)
        ]
