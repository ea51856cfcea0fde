"""
How the store's memory stands, in the log of each process that has met it nearly full.

Sweeps look at it, and each of them falls to some process or other. So one that has said that
memory is nearly used up looks again by itself until there is room: the sweep that finds room may
be another one's, and its own next one far away.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from bridge.app.outage import Outage
from bridge.app.ports import NEARLY_FULL, StoreMemory

#: Seconds between two lines about a store that is nearly full.
REMIND_EVERY = 600.0
#: Seconds without a sign of it after which it is over.
QUIET = 30.0


class MemoryLog:
    """What one process has said about the store's memory."""

    def __init__(self, *, elapsed: Callable[[], float] = time.monotonic) -> None:
        """Assume that there is room, and that nothing is evicted; *elapsed* only goes forward."""
        self._memory = Outage(
            "store.nearly_full",
            "store.has_room",
            quiet=QUIET,
            remind_every=REMIND_EVERY,
            elapsed=elapsed,
        )
        self._eviction = Outage("store.evicts", "store.keeps_all", elapsed=elapsed)

    def note(self, memory: StoreMemory) -> None:
        """Take note of how it stands, and log what is news."""
        if memory.share >= NEARLY_FULL:
            self._memory.failed("polling pauses", used=f"{memory.share:.0%}")
        else:
            self._memory.worked()
        if memory.evicts:
            self._eviction.failed(
                f"maxmemory-policy is {memory.evicts}: when memory is full, tasks and "
                "deliveries are evicted; set noeviction"
            )
        else:
            self._eviction.worked()

    async def follow(self, watch: Callable[[], Awaitable[StoreMemory | None]]) -> None:
        """
        Look again, if what was said last is that something is wrong.

        Args:
            watch: See `HousekeepingStore.watch_memory`.
        """
        if not (self._memory.lasts or self._eviction.lasts):
            return
        if (memory := await watch()) is not None:
            self.note(memory)


#: This process's.
memory_log = MemoryLog()
