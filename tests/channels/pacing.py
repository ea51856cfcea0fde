"""
Many deliveries at once, at an endpoint's own rate, in no time.

The store and the channel are the real ones; time is let pass from one thing that is due
to the next, so that a minute of waiting takes none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bridge.app.delivery.attempt import AttemptRunner
from bridge.app.ports import ClaimLimits, PollResult, Publication, Sender
from bridge.channels.base import Channel
from bridge.core.endpoint import Endpoint
from bridge.core.event import Event
from bridge.core.http import AnyRequest, Request, Response
from tests.channels.cases import NOW
from tests.contract.bench import Bench


@dataclass
class Answering:
    """A sender with a platform behind it, and no network."""

    answers: Callable[[Request], Response]

    async def send(
        self,
        endpoint: Endpoint,  # noqa: ARG002 - there is one
        request: AnyRequest,
    ) -> Response:
        assert isinstance(request, Request), "nothing here is a notification"
        return self.answers(request)

    async def aclose(self) -> None:
        """Close nothing."""


@dataclass
class Pace:
    """
    An endpoint that gets events as fast as its limits allow.

    Attributes:
        duration: Seconds that all of it has taken, with those that were let pass.
    """

    bench: Bench
    channel: Channel
    to: Endpoint
    sender: Sender
    duration: float = 0.0
    began: float = field(default_factory=time.time)

    def now(self) -> float:
        """The time, for the platform too: one at which the samples' pictures work."""
        return NOW + time.time() - self.began + self.bench.passed

    async def publish(self, events: Iterable[Event]) -> None:
        """Have all of these delivered, and everything that has to be tried again."""
        began = self.now()
        await self.bench.admin.configure([self.to])
        await self._record({event.subject: event for event in events})
        deliveries = self.bench.deliveries
        runner = AttemptRunner(
            store=deliveries,
            sender=self.sender,
            endpoints={self.to.name: self.to},
            channels={self.to.kind: self.channel},
            now=self.now,
            elapsed=self.now,
            roll=lambda: 0.0,
        )
        while True:
            claim = await deliveries.claim_deliveries(
                ClaimLimits(limit=200, slow_limit=200)
            )
            if claim.deliveries:
                attempts = map(runner.attempt, claim.deliveries)
                await deliveries.settle(await asyncio.gather(*attempts))
            elif claim.next_in is None:
                self.duration += self.now() - began
                return
            else:
                await self.bench.let_pass(claim.next_in)

    async def _record(self, events: dict[str, Event]) -> None:
        """Have the store hold these events, by their subjects."""
        ids = [subject.partition(":")[2] for subject in events]
        await self.bench.track(*ids, upstream="default")
        while tasks := (await self.bench.claim_tasks("default")).tasks:
            await self.bench.tasks.record(
                [
                    PollResult(
                        due=due,
                        poll_again_in=None,
                        publication=Publication(
                            event=events[str(due.key)], recipients=(self.to.name,)
                        ),
                    )
                    for due in tasks
                ]
            )

    async def states(self, events: Iterable[Event]) -> set[str | None]:
        """What became of these."""
        return {await self.bench.state(event, self.to.name) for event in events}


def busiest(moments: Iterable[float], seconds: float) -> int:
    """The most of these moments that are within so many seconds."""
    at = sorted(moments)
    return max(sum(0 <= other - one < seconds for other in at) for one in at)
