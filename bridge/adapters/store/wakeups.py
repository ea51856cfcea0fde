"""Wake-ups in the store. See `bridge.app.ports.Wakeups`."""

from __future__ import annotations

from bridge.adapters.store.keyspace import Keyspace
from bridge.app.ports import Queue

#: Seconds that one call blocks at most: less than a command may take.
LONGEST_CALL = 4.0


class StoreWakeups:
    """The wake-ups of one deployment, in Redis or Valkey."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    async def wait(self, queue: Queue) -> bool:
        """Wait for work that no other worker was woken for, for a few seconds."""
        return await self._keys.take(f"wakeups:{queue}", LONGEST_CALL)
