"""A feed that a test writes, for what takes a real store too long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress

from bridge.app.ports import FeedEntry, News, Outcome
from bridge.core.event import Event
from bridge.errors import StoreUnavailable


def event(number: int, *, type: str = "task.progress", task: str = "1", upstream: str = "default", size: int = 0) -> Event:  # noqa: A002 - as events call it  # fmt: skip
    """Make a task's event that says its number, and is larger by some bytes."""
    data = {"number": number, "padding": "x" * size}
    return Event(
        id=f"evt_{number}",
        type=type,
        subject=f"{upstream}:{task}",
        upstream=upstream,
        sequence=number,
        at=0.0,
        body=json.dumps({"type": type, "data": data}),
    )


class WrittenFeed:
    """
    A feed in memory, whose positions are the numbers of its entries.

    Attributes:
        kept: How many of the newest entries can be read.

        away: Whether it does not answer.

        reads: How often it was read.

        refusals: How often it did not answer.
    """

    def __init__(self, *, kept: int = 10_000) -> None:
        self.kept = kept
        self.away = False
        self.reads = 0
        self.refusals = 0
        self._events: list[Event] = []
        self._outcomes: list[Outcome] = []
        self._news = asyncio.Event()

    def add(self, *events: Event) -> None:
        """Let events happen."""
        self._events += events
        self._news.set()

    def settle(self, outcome: Outcome) -> None:
        """Let a delivery end."""
        self._outcomes.append(outcome)
        self._news.set()

    async def position(self) -> str:
        self._answer()
        return f"{len(self._events)}-0"

    async def after(self, position: str, *, block: float, most: int = 500) -> News:
        self._answer()
        self.reads += 1
        number = int(position[:-2]) if position.endswith("-0") else -1
        if number >= len(self._events) and block:
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), block)
        oldest = max(len(self._events) - self.kept, 0)
        start = max(number, oldest)
        entries = [
            FeedEntry(position=f"{start + n}-0", event=one)
            for n, one in enumerate(self._events[start : start + most], 1)
        ]
        return News(
            position=entries[-1].position if entries else f"{start}-0",
            entries=entries,
            reset=number < oldest,
        )

    async def outcomes(self, position: str) -> tuple[Sequence[Outcome], str]:
        self._answer()
        start = int(position or len(self._outcomes))
        return self._outcomes[start:], str(len(self._outcomes))

    def _answer(self) -> None:
        if self.away:
            self.refusals += 1
            raise StoreUnavailable
