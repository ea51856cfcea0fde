"""A workbench: one deployment's part of the real store, and short words for what tests do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from redis.asyncio import Redis

from bridge.adapters.store.admin import StoreAdmin
from bridge.adapters.store.deliveries import StoredDeliveries
from bridge.adapters.store.feed import StoreFeed
from bridge.adapters.store.housekeeping import StoreHousekeeping
from bridge.adapters.store.keyspace import Keyspace
from bridge.adapters.store.queries import StoreQueries
from bridge.adapters.store.scripts import Script
from bridge.adapters.store.tasks import StoredTasks
from bridge.adapters.store.texts import StoredTexts
from bridge.app.ports import (
    QUEUES,
    ClaimLimits,
    Delivery,
    DueTask,
    EndpointRow,
    PollClaim,
    PollLimits,
    PollResult,
    Publication,
    Settlement,
    TaskRow,
    Tracked,
)
from bridge.core.change import TaskState
from bridge.core.delivery import Attempt, Disposition, Fault, Verdict
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.event import Event
from bridge.core.task import TaskKey
from bridge.errors import StoreUnavailable
from tests.contract.ageing import let_pass

#: Seconds that what is over is kept.
RETENTION = 604800.0
LIMITS = PollLimits(
    batch_size=50,
    concurrency=4,
    rate=Rate(per_second=1000.0, burst=1000.0),
    lease=40.0,
)


class InterruptibleKeys(Keyspace):
    """
    The keys of a store that can be taken away.

    Attributes:
        away: Whether its scripts do not answer.

        mute: Whether they run, but their replies get lost.

        gate: Set while they answer at once; clear it to have them wait.

        asked: Set when one was called.
    """

    def __init__(self, client: Redis, *, namespace: str) -> None:
        super().__init__(client, namespace=namespace, retention=RETENTION)
        self.away = False
        self.mute = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def run(self, script: Script, *args: str | float) -> Any:
        self.asked.set()
        await self.gate.wait()
        if self.away:
            raise StoreUnavailable
        reply = await super().run(script, *args)
        if self.mute:
            raise StoreUnavailable
        return reply


def endpoint(
    name: str = "a",
    *,
    url: str = "http://r/",
    concurrency: int = 20,
    rate: Rate | None = None,
    edits: bool = False,
) -> Endpoint:
    return Endpoint(name=name, url=url, concurrency=concurrency, rate=rate, edits=edits)


def attempted(
    delivery: Delivery,
    *,
    status: int | None = 500,
    duration: float = 0.01,
    fault: Fault | None = None,
) -> Attempt:
    return Attempt(started=delivery.now, duration=duration, status=status, fault=fault)


def delivered(delivery: Delivery, *notices: Publication) -> Settlement:
    return Settlement(
        delivery=delivery,
        attempt=attempted(delivery, status=200),
        verdict=Verdict(disposition=Disposition.DELIVERED),
        notices=notices,
    )


class Bench:
    """See the module."""

    def __init__(self, client: Redis, namespace: str) -> None:
        self.client = client
        self.namespace = namespace
        self.keys = InterruptibleKeys(client, namespace=namespace)
        self.tasks = StoredTasks(self.keys)
        self.deliveries = StoredDeliveries(self.keys)
        self.admin = StoreAdmin(self.keys)
        self.housekeeping = StoreHousekeeping(self.keys)
        self.queries = StoreQueries(self.keys)
        self.feed = StoreFeed(self.keys)
        self.texts = StoredTexts(self.keys)
        #: Seconds that were let pass.
        self.passed = 0.0
        self._numbers = count(1)

    async def let_pass(self, seconds: float) -> None:
        """Make everything in the store older; negative to set its clock back."""
        await let_pass(self.client, self.namespace, seconds)
        self.passed += seconds

    async def all_is_well(self, *, queues: Sequence[str] = QUEUES) -> None:
        """Have a tick of beat answered now, and a worker be there for each queue."""
        await self.housekeeping.beat(await self.admin.clock())
        await self.admin.sign_on(queues, "digest")

    # --- tasks ------------------------------------------------------------------------

    async def track(self, *ids: str, upstream: str = "u") -> Tracked:
        return await self.tasks.track(upstream, ids, {})

    async def claim_tasks(
        self, upstream: str = "u", limits: PollLimits = LIMITS
    ) -> PollClaim:
        return await self.tasks.claim_tasks(upstream, limits)

    async def due(self, upstream: str = "u") -> list[str]:
        """Claim what is due and free the place at once; names the ids."""
        claim = await self.claim_tasks(upstream)
        await self.tasks.poll_succeeded(claim)
        return sorted(due.key.id for due in claim.tasks)

    async def task(self, task_id: str, upstream: str = "u") -> TaskRow:
        return (await self.queries.rows([TaskKey(upstream, task_id)]))[0]

    def event(self, kind: str, due: DueTask, *, at: float) -> Event:
        return Event(
            id=f"evt_{next(self._numbers)}",
            type=kind,
            subject=str(due.key),
            upstream=due.key.upstream,
            sequence=due.sequence + 1,
            at=at,
            body='{"type":"…"}',
        )

    # --- events -----------------------------------------------------------------------

    async def tell(
        self, lane: str, kind: str = "task.started", *, to: Sequence[str] = ("a",)
    ) -> Event:
        """Record a change of the task `lane:1` that is told to endpoints."""
        await self.tasks.track(lane, ["1"], {})
        claim = await self.claim_tasks(lane)
        await self.tasks.poll_succeeded(claim)
        (due,) = claim.tasks
        event = self.event(kind, due, at=claim.now)
        result = PollResult(
            due=due,
            task_state=TaskState(digest=event.id),
            poll_again_in=0.0,
            publication=Publication(event=event, recipients=tuple(to)),
        )
        recorded = await self.tasks.record([result])
        assert recorded.applied == [True]
        return event

    async def tell_many(self, count: int, *, to: Sequence[str] = ("a",)) -> None:
        """Record a change of as many tasks, all in one step."""
        await self.track(*map(str, range(count)), upstream="many")
        claim = await self.claim_tasks("many", replace(LIMITS, batch_size=count))
        await self.tasks.poll_succeeded(claim)
        await self.tasks.record(
            [
                PollResult(
                    due=due,
                    poll_again_in=None,
                    publication=Publication(
                        event=self.event("task.started", due, at=claim.now),
                        recipients=tuple(to),
                    ),
                )
                for due in claim.tasks
            ]
        )

    def notice(self, kind: str, *, to: Sequence[str] = ("ops",)) -> Publication:
        event = Event(
            id=f"evt_{next(self._numbers)}",
            type=kind,
            subject="@endpoint:a",
            upstream=None,
            sequence=0,
            at=0.0,
            body="{}",
        )
        return Publication(event=event, recipients=tuple(to))

    # --- deliveries -------------------------------------------------------------------

    async def claim(
        self, *, limit: int = 100, slow_limit: int = 100, alone: bool = False
    ) -> list[Delivery]:
        claim = await self.deliveries.claim_deliveries(
            ClaimLimits(limit=limit, slow_limit=slow_limit), alone=alone
        )
        return list(claim.deliveries)

    async def claim_one(self, *, alone: bool = False) -> Delivery:
        (delivery,) = await self.claim(alone=alone)
        return delivery

    async def claimed(self) -> list[str]:
        """Claim everything; names the events."""
        return [delivery.event.id for delivery in await self.claim()]

    async def settle(
        self,
        delivery: Delivery,
        attempt: Attempt | None,
        verdict: Verdict | None,
        notices: Sequence[Publication] = (),
        *,
        extra: int = 0,
        edit_in: float = 0.0,
    ) -> bool:
        settlement = Settlement(
            delivery=delivery,
            attempt=attempt,
            verdict=verdict,
            notices=tuple(notices),
            extra_requests=extra,
            hold_progress=edit_in,
        )
        return (await self.deliveries.settle([settlement])).applied[0]

    async def succeed(
        self,
        delivery: Delivery,
        *,
        duration: float = 0.01,
        extra: int = 0,
        edit_in: float = 0.0,
    ) -> bool:
        attempt = attempted(delivery, status=200, duration=duration)
        delivered = Verdict(disposition=Disposition.DELIVERED)
        return await self.settle(
            delivery, attempt, delivered, extra=extra, edit_in=edit_in
        )

    async def fail(
        self,
        delivery: Delivery,
        *,
        status: int | None = 500,
        again_in: float = 300.0,
        hold: float = 0.0,
    ) -> bool:
        fault = Fault.TIMEOUT if status is None else None
        attempt = attempted(delivery, status=status, fault=fault)
        verdict = Verdict(
            disposition=Disposition.RETRY,
            due=delivery.now + again_in,
            failures=delivery.history.failures + 1,
            reason="because",
            hold=hold,
        )
        return await self.settle(delivery, attempt, verdict)

    async def disable(self, delivery: Delivery, *notices: Publication) -> bool:
        attempt = attempted(delivery, status=410)
        verdict = Verdict(
            disposition=Disposition.RETRY, due=delivery.now, reason="gone", disable=True
        )
        return await self.settle(delivery, attempt, verdict, notices)

    async def kill(self, delivery: Delivery, *notices: Publication) -> bool:
        verdict = Verdict(disposition=Disposition.DEAD, reason="enough", failures=1)
        return await self.settle(delivery, attempted(delivery), verdict, notices)

    async def hand_back(self, delivery: Delivery) -> bool:
        return await self.settle(delivery, None, None)

    async def give_away(self, delivery: Delivery) -> bool:
        settlement = Settlement(delivery=delivery, endpoint_unknown=True)
        return (await self.deliveries.settle([settlement])).applied[0]

    async def open_breaker(self, name: str = "a") -> None:
        """Let an endpoint fail until its breaker opens; the lanes are due in 5 s."""
        for number in range(10):
            await self.tell(f"{name}{number}", to=[name])
        while deliveries := await self.claim():
            for delivery in deliveries:
                await self.fail(delivery, again_in=5.0)

    async def prove(self, *names: str) -> None:
        """Let endpoints show that they answer, and how fast."""
        for name in names:
            await self.tell(f"first{name}", to=[name])
        for delivery in await self.claim():
            await self.succeed(delivery)

    async def until_blocked(self) -> None:
        """Wait until somebody waits for a wake-up in this store."""
        async with asyncio.timeout(30):
            while not (await self.client.info("clients"))["blocked_clients"]:
                await asyncio.sleep(0.005)

    async def woken(self, queue: str = "deliver") -> bool:
        """Take the wake-up that waits for a worker, if there is one."""
        return await self.client.lpop(f"{{{self.namespace}}}:wakeups:{queue}") == "1"

    async def redeliver(
        self, event_id: str, name: str, *, dead_only: bool = False
    ) -> str:
        """Ask for one event to be sent again; what came of it."""
        (result,) = await self.admin.redeliver([(event_id, name)], dead_only=dead_only)
        return result

    # --- looking up -------------------------------------------------------------------

    async def state(self, event: Event, name: str = "a") -> str | None:
        row = await self.queries.event(event.id)
        rows = row.deliveries if row is not None else ()
        return next((one.state for one in rows if one.endpoint == name), None)

    async def events(self) -> Sequence[Event]:
        """All events, in the order in which they were recorded."""
        news = await self.feed.after("0-0", block=0.0)
        return [entry.event for entry in news.entries]

    async def attempts(self, event: Event) -> int:
        row = await self.queries.event(event.id)
        return 0 if row is None else len(row.attempts)

    async def health(self, name: str = "a") -> EndpointRow:
        rows = await self.queries.endpoints(await self.admin.clock())
        return next(row for row in rows if row.name == name)
