"""Clicks in the store: how many there were, and which presses are followed."""

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
