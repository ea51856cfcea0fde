"""Clicks in the store: how many there were, which presses are followed, and texts that expire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, TypeAlias

#: What came of a click: it pressed; it came too late, or on no button of ours; whoever clicked
#: may not press; the press could not work.
ClickOutcome: TypeAlias = Literal["pressed", "late", "not_allowed", "refused"]


class ClickStore(Protocol):
    """The store as clicks see it."""

    async def count(self, endpoint: str, outcome: ClickOutcome) -> None:
        """Count a click, for metrics."""

    async def follow(self, action_id: str, text: str) -> None:
        """Keep how a message that says how a press stands is changed, until it is forgotten."""

    async def followed(self) -> Mapping[str, str]:
        """Return what is kept of all presses that are followed, by their ids."""

    async def forget(self, action_id: str) -> None:
        """Forget a press that nobody has to follow any more."""


class ExpiringTexts(Protocol):
    """Keeps texts by name, each for its own time: what no task and no event is a place for."""

    async def keep(self, name: str, text: str, seconds: float) -> None:
        """Keep a text from now on, in the place of another one."""

    async def kept(self, name: str) -> str | None:
        """Return a text; ``None`` if it was never kept, or its time is over."""

    async def claim(self, name: str, holder: str, seconds: float) -> bool:
        """Keep *holder* if nobody else is kept under this name; return whether it is kept."""

    async def release(self, name: str, holder: str) -> None:
        """Forget that *holder* is kept under a name; nothing happens to anybody else's claim."""
