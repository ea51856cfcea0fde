"""What is expensive to find out, and may be a second old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

Found = TypeVar("Found")

#: Seconds for which what was found is returned to everyone who asks, if nothing else is said.
FRESH = 1.0


class Fresh(Generic[Found]):
    """Finds something out at most once in a while, however many ask."""

    def __init__(
        self, find: Callable[[], Awaitable[Found]], *, fresh: float = FRESH
    ) -> None:
        """
        Begin with nothing found.

        Args:
            find: Finds it out; what it raises is raised to whoever asks, and not kept.

            fresh: Seconds for which it is kept.
        """
        self._find = find
        self._fresh = fresh
        self._finding = asyncio.Lock()
        self._found: tuple[float, Found] | None = None

    async def get(self) -> Found:
        """Return what was found, or find it out."""
        async with self._finding:
            if self._found is None or monotonic() - self._found[0] >= self._fresh:
                found = await self._find()
                self._found = monotonic(), found
            return self._found[1]
