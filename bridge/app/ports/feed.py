"""The feed: what happens, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.app.ports.rows import DeliveryState
from bridge.core.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """An event, and its position in the feed."""

    position: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """
    What has happened since a position of the feed.

    Attributes:
        position: Where to go on.

        entries: The events since then, oldest first; without those that are no longer kept.

        reset: Whether something may be missing before them: the feed does not reach back
            that far, or the position is not one of this store.
    """

    position: str
    entries: Sequence[FeedEntry] = ()
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A delivery that has just ended, or was queued again."""

    event_id: str
    endpoint: str
    state: DeliveryState


class Feed(Protocol):
    """
    What happens, in its order. At least the newest 10,000 events can be read again.

    Positions rise, also when the clock is set back, and are opaque otherwise.
    """

    async def position(self) -> str:
        """Return the newest event's position; ``0-0`` if there never was one."""

    async def after(self, position: str, *, block: float, most: int = 500) -> News:
        """
        Return what happened after a position.

        Args:
            position: From `position`, or from the news before. One that is none is read
                as too old.

            block: Seconds to wait if nothing has; 0 not to wait. It may be less: up to
                three seconds are waited in one call, and the news is empty then.

            most: Events that are returned at most, 500 or less.
        """

    async def outcomes(self, position: str) -> tuple[Sequence[Outcome], str]:
        """
        Return how deliveries ended after a position, and where to go on.

        A hint for pages: only the newest two thousand steps are kept, and what is missing
        is not reported.

        Args:
            position: From the call before; ``""`` to begin with what comes next.
        """
