"""
Many deliveries at once, at an endpoint's own rate, in no time.

The store's rules and the channel are the real ones; the clock is moved on from one thing
that is due to the next, so that a minute of waiting takes none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bridge.app.delivery.attempt import AttemptRunner, Recipient
from bridge.app.ports import Publication, Sender
from bridge.channels.base import Channel
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import Notification, Request, Response
from tests.fakes import FakeStore


@dataclass
class Answering:
    """A sender with a platform behind it, and no network."""

    answers: Callable[[Request], Response]

    async def send(
        self,
        endpoint: Endpoint,  # noqa: ARG002 - there is one
        request: Request | Notification,
    ) -> Response:
        assert isinstance(request, Request), "nothing here is a notification"
        return self.answers(request)

    async def aclose(self) -> None:
        """Close nothing."""


@dataclass
class Pace:
    """
    An endpoint that is told as fast as its limits allow.

    Attributes:
        took: Seconds that all of it has taken.
    """

    channel: Channel
    to: Endpoint
    sender: Sender
    store: FakeStore = field(default_factory=FakeStore)
    took: float = 0.0

    def now(self) -> float:
        """The time, for the platform too."""
        return self.store.clock_.now

    async def tell(self, events: Iterable[Event]) -> None:
        """Have all of these told, and everything that has to be tried again."""
        self.store.lanes.configure([self.to])
        for event in events:
            publication = Publication(event=event, endpoints=(self.to.name,))
            self.store.lanes.tell(publication)
        runner = AttemptRunner(
            store=self.store,
            sender=self.sender,
            receivers={self.to.name: Recipient(endpoint=self.to, channel=self.channel)},
            now=self.now,
            elapsed=self.now,
            roll=lambda: 0.0,
        )
        while True:
            claim = await self.store.claim_deliveries(limit=200, slow_limit=200)
            if claim.deliveries:
                attempts = map(runner.attempt, claim.deliveries)
                await self.store.settle(await asyncio.gather(*attempts))
            elif claim.next_in is None:
                return
            else:  # a microsecond later: this clock has no finer grain
                self.store.clock_.now += claim.next_in + 1e-6
                self.took += claim.next_in

    def states(self, events: Iterable[Event]) -> set[str]:
        """What became of these."""
        kept = self.store.lanes.kept
        return {kept[event.id].states[self.to.name] for event in events}


def busiest(moments: Iterable[float], seconds: float) -> int:
    """The most of these moments that are within so many seconds."""
    at = sorted(moments)
    return max(sum(0 <= other - one < seconds for other in at) for one in at)
