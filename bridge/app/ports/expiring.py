"""Texts that the store keeps for a while, for what no task and no event is a place for."""

from __future__ import annotations

from typing import Protocol


class ExpiringTexts(Protocol):
    """Keeps texts by name, each for its own time."""

    async def keep(self, name: str, text: str, seconds: float) -> None:
        """Keep a text from now on, in the place of another one."""

    async def kept(self, name: str) -> str | None:
        """Return a text; ``None`` if it was never kept, or its time is over."""

    async def claim(self, name: str, holder: str, seconds: float) -> bool:
        """Keep *holder* if nobody else is kept under this name; return whether it is kept."""

    async def release(self, name: str, holder: str) -> None:
        """Forget that *holder* is kept under a name; nothing happens to anybody else's claim."""
