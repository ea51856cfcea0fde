"""Tasks and deliveries that nobody would look for any more: they are put back where they belong."""

from __future__ import annotations

from bridge.adapters.store.keyspace import Keyspace


class LostPlaces:
    """Looks through what is polled and what is open, a bounded part at a time."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys
        #: How many open events the last calls have passed.
        self._passed = 0

    async def restore_tasks(
        self, upstream: str, passed: int, most: int
    ) -> tuple[int, int]:
        """
        Have tasks polled again that are tracked and nowhere due.

        Args:
            upstream: Whose.

            passed: How many to pass over.

            most: How many are examined in one call.

        Returns:
            How many were examined, which is none where none can be missing; and how many of
            them are polled again.
        """
        examined, restored = await self._keys.run(
            "restore_tasks", upstream, passed, most
        )
        return examined, restored

    async def restore_deliveries(self, most: int) -> int:
        """
        Have deliveries made that are open and waited nowhere.

        Args:
            most: How many events are examined in one call. It goes on where the last one
                ended, and from the last event to the oldest.

        Returns:
            How many deliveries were put back.
        """
        examined, restored = await self._keys.run(
            "restore_deliveries", self._keys.retention, self._passed, most
        )
        self._passed = self._passed + examined if examined == most else 0
        return int(restored)
