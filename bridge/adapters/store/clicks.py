"""Clicks in the store. See `bridge.app.ports.ClickStore`."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.adapters.store.keyspace import Keyspace
from bridge.app.ports import ClickOutcome

_FOLLOWED = "followed"


class StoredClicks:
    """The clicks of one deployment."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    async def count(self, endpoint: str, outcome: ClickOutcome) -> None:
        """Count a click, for metrics."""
        await self._keys.count("counters", f"clicks:{endpoint}:{outcome}")

    async def follow(self, action_id: str, text: str) -> None:
        """Keep how a message that says how a press stands is changed, until it is forgotten."""
        await self._keys.set_field(_FOLLOWED, action_id, text)

    async def followed(self) -> Mapping[str, str]:
        """Return what is kept of all presses that are followed, by their ids."""
        return await self._keys.hash(_FOLLOWED)

    async def forget(self, action_id: str) -> None:
        """Forget a press that nobody has to follow any more."""
        await self._keys.remove_field(_FOLLOWED, action_id)
