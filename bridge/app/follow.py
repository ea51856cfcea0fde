"""Following tasks: what happens to them, as it happens, until they have ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from bridge.app.ports import Feed, TaskQueries, TaskRow
from bridge.core.event import Event
from bridge.core.task import TaskKey

#: Seconds that a read of the feed waits for news, and events that it returns at most.
BLOCK, MOST = 1.0, 500
#: Seconds between two reads of tasks where people watch and where programs wait, and the
#: share of time that reading may take.
WATCH_EVERY, CHECK_EVERY, READING_SHARE = 0.3, 1.0, 0.25
#: Tasks of an upstream that are shown if none are named.
MAX_SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A task to which nothing more will happen; without a row if it is no longer kept."""

    key: TaskKey
    row: TaskRow | None


class Follower:
    """Follows tasks from a moment on: nothing is missed or repeated between two reads."""

    def __init__(self, queries: TaskQueries, feed: Feed) -> None:
        self._queries = queries
        self._feed = feed
        self._position = ""

    async def start(self) -> None:
        """Begin with what happens from now on."""
        self._position = await self._feed.position()

    async def events(self, upstreams: Sequence[str]) -> AsyncIterator[Event]:
        """Yield the events of all tasks of some upstreams, for ever."""
        while True:
            events, _ = await self._read(BLOCK)
            for event in events:
                if event.upstream in upstreams:
                    yield event

    async def until_ended(
        self, keys: Iterable[TaskKey], *, include_current: bool = False
    ) -> AsyncIterator[Event | Ended]:
        """
        Yield the events of tasks, and each task when it has ended, until all have.

        Args:
            keys: The keys of the tasks.

            include_current: Whether to begin with where they stand: the last event of each that has
                not ended.
        """
        waiting = {str(key): key for key in keys}
        sequences = dict.fromkeys(waiting, 0)
        if include_current:
            async for event in self._last_events(waiting.values()):
                sequences[event.subject] = event.sequence
                yield event
        check_at = 0.0
        while waiting:
            rows: Sequence[TaskRow] | None = None
            if (began := time.monotonic()) >= check_at:
                rows = await self._queries.rows(list(waiting.values()))
                took = time.monotonic() - began
                check_at = began + max(CHECK_EVERY, took / READING_SHARE)
            found = {} if rows is None else {str(row.key): row for row in rows}
            ended = [
                Ended(key=key, row=found.get(name))
                for name, key in waiting.items()
                if rows is not None and not (name in found and found[name].active)
            ]
            # All events of a task that has ended are in the feed.
            events, is_all = await self._read(0.0 if ended else BLOCK)
            for event in events:
                if event.sequence > sequences.get(event.subject, event.sequence):
                    yield event
            for one in ended if is_all else ():
                del waiting[str(one.key)], sequences[str(one.key)]
                yield one

    async def rows(self, keys: dict[TaskKey, None]) -> AsyncIterator[Sequence[TaskRow]]:
        """Read tasks again and again; *keys* may be changed in between."""
        while True:
            began = time.monotonic()
            yield await self._queries.rows(list(keys))
            _stop_if_cancelled()
            took = time.monotonic() - began
            await asyncio.sleep(max(WATCH_EVERY, took / READING_SHARE))

    async def active(self, upstreams: Iterable[str]) -> Sequence[TaskKey]:
        """Return the tasks of some upstreams that are polled now."""
        return [
            key
            for name in upstreams
            for key in await self._queries.active(name, MAX_SHOWN)
        ]

    async def _last_events(self, keys: Iterable[TaskKey]) -> AsyncIterator[Event]:
        for row in await self._queries.rows(list(keys)):
            if row.active and row.sequence:
                for found in await self._queries.story(str(row.key), 1):
                    yield found.event

    async def _read(self, block: float) -> tuple[Sequence[Event], bool]:
        """Return what is new, and whether that is all."""
        news = await self._feed.after(self._position, block=block, most=MOST)
        _stop_if_cancelled()
        self._position = news.position
        return [one.event for one in news.entries], len(news.entries) < MOST


def _stop_if_cancelled() -> None:
    # Until Python 3.12, asyncio.wait_for, which the store's client uses, swallows a
    # cancellation that comes just as what it waits for is done.
    if (task := asyncio.current_task()) and task.cancelling():
        raise asyncio.CancelledError
