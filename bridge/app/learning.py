"""How upstreams are polled, with what has been learned of how long their tasks take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bridge.app.ports import TaskStore
from bridge.core.cadence import LEARN_EVERY, PollPolicy


class LearnedPolicies:
    """Policies, read again from time to time: all processes learn from one another."""

    def __init__(
        self,
        store: TaskStore,
        policies: Mapping[str, PollPolicy],
        elapsed: Callable[[], float],
    ) -> None:
        """
        Begin with what was set.

        Args:
            store: Where it is learned.

            policies: By the names of the upstreams.

            elapsed: A clock that only goes forward, in seconds.
        """
        self._store = store
        self._policies = dict(policies)
        self._elapsed = elapsed
        self._read_at: dict[str, float] = {}

    async def of(self, upstream: str) -> PollPolicy:
        """Return an upstream's policy."""
        now = self._elapsed()
        read_at = self._read_at.get(upstream)
        if read_at is None or now >= read_at + LEARN_EVERY:
            sketches = await self._store.sketches(upstream)
            known = self._policies[upstream]
            self._policies[upstream] = replace(known, sketches=sketches)
            self._read_at[upstream] = now
        return self._policies[upstream]
