"""Port of waking: work in the store wakes whoever waits for it."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

#: What a worker may wait for: deliveries that are due, or tasks that were tracked just now.
Queue: TypeAlias = Literal["deliver", "poll"]


class Wakeups(Protocol):
    """
    Wakes one worker for what has come up, at the moment in which it does.

    Whoever makes work leaves a wake-up in the same step; the worker that has waited longest
    takes it. One that is taken and not followed is lost: workers also look by themselves.
    """

    async def wait(self, queue: Queue) -> bool:
        """Wait for a wake-up, for a few seconds; return whether one came."""
