"""The feed in the store: what happens, in its order. See `bridge.app.ports.Feed`."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.adapters.store import rows
from bridge.adapters.store.keyspace import LONGEST_CALL, Keyspace
from bridge.app.ports import FeedEntry, News, Outcome

#: Steps of deliveries that one call returns.
OUTCOMES_AT_ONCE = 500


class StoreFeed:
    """The feed of one deployment, in Redis or Valkey."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    async def position(self) -> str:
        """Return the newest event's position."""
        return await self._keys.newest_entry("feed")

    async def after(self, position: str, *, block: float, most: int = 500) -> News:
        """Return what happened after a position, or wait for it."""
        news = await self._read(position, most)
        if news.entries or news.reset or news.position != position or block <= 0:
            return news
        if await self._keys.wait_for_entry("feed", position, min(block, LONGEST_CALL)):
            return await self._read(position, most)
        return news

    async def _read(self, position: str, most: int) -> News:
        position, reset, found = await self._keys.run("news", position, most)
        entries = [
            FeedEntry(position=at, event=rows.event_of(flat)) for at, flat in found
        ]
        return News(position=position, entries=entries, reset=bool(reset))

    async def outcomes(self, position: str) -> tuple[Sequence[Outcome], str]:
        """Return how deliveries ended after a position, and where to go on."""
        if not position:
            return (), await self._keys.newest_entry("settled")
        entries = await self._keys.entries_after("settled", position, OUTCOMES_AT_ONCE)
        found = [
            rows.outcome(row, state)
            for _, steps in entries
            for row, state in steps.items()
        ]
        return found, entries[-1][0] if entries else position
