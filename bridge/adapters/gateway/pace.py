"""Pace: requests of one process, one after the other in time."""

from __future__ import annotations

import asyncio


class Pace:
    """Gives out turns, so many a second; for one event loop."""

    def __init__(self, per_second: float | None) -> None:
        """Begin with a turn to be had at once; ``None``: all turns are."""
        self._gap = 1.0 / per_second if per_second else 0.0
        self._next_at = 0.0

    async def turn(self) -> None:
        """Wait for a turn."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next_at)
        self._next_at = mine + self._gap
        if mine > now:
            await asyncio.sleep(mine - now)
