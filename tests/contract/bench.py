"""A workbench: a store, real or fake, and short words for what tests do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, Protocol

from bridge.app.housekeeping import HousekeepingStore
from bridge.app.ports import (
    Delivery,
    DeliveryStore,
    DueTask,
    EndpointRow,
    EventRow,
    PollClaim,
    PollLimits,
    PollResult,
    Publication,
    Settlement,
    TaskRow,
    TaskStore,
    Tracked,
)
from bridge.core.change import TaskState
from bridge.core.delivery import Attempt, Disposition, Fault, Verdict
from bridge.core.endpoint import Endpoint, Rate
from bridge.core.event import Event, Json
from bridge.core.task import TaskKey

LIMITS = PollLimits(
    batch_size=50,
    concurrency=4,
    rate=Rate(per_second=1000.0, burst=1000.0),
    lease=40.0,
)


class Store(TaskStore, DeliveryStore, Protocol):
    """The store as use cases see it, and where tasks come in."""

    async def track(
        self, upstream: str, ids: Sequence[str], metadata: Mapping[str, Json]
    ) -> tuple[Tracked, bool]: ...


class StoreAdmin(HousekeepingStore, Protocol):
    """The whole of the operator's desk."""

    async def untrack(self, key: TaskKey) -> bool | None: ...

    async def switch(
        self, endpoint: str, what: Literal["pause", "resume"]
    ) -> tuple[bool, bool]: ...

    async def redeliver(
        self, event_id: str, endpoint: str, *, dead_only: bool = False
    ) -> tuple[Literal["queued", "open", "recent", "unknown", "skipped"], bool]: ...


class StoreQueries(Protocol):
    """What tests look up."""

    async def find(
        self, task_id: str, upstreams: Sequence[str]
    ) -> Sequence[TaskRow]: ...

    async def event(self, event_id: str) -> EventRow | None: ...

    async def story(self, subject: str) -> Sequence[EventRow]: ...

    async def endpoints(self, now: float) -> Sequence[EndpointRow]: ...


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
    took: float = 0.01,
    fault: Fault | None = None,
) -> Attempt:
    return Attempt(started=delivery.now, took=took, status=status, fault=fault)


@dataclass
class Bench:
    """See the module."""

    name: str
    store: Store
    admin: StoreAdmin
    queries: StoreQueries
    let_pass: Callable[[float], Awaitable[None]]

    def __post_init__(self) -> None:
        self._numbers = count(1)

    # --- tasks ------------------------------------------------------------------------

    async def track(self, *ids: str, upstream: str = "u") -> Tracked:
        tracked, _wake = await self.store.track(upstream, ids, {})
        return tracked

    async def claim_tasks(
        self, upstream: str = "u", limits: PollLimits = LIMITS
    ) -> PollClaim:
        return await self.store.claim_tasks(upstream, limits)

    async def due(self, upstream: str = "u") -> list[str]:
        """Claim what is due and free the place at once; names the ids."""
        claim = await self.claim_tasks(upstream)
        await self.store.answered(upstream, claim)
        return sorted(due.key.id for due in claim.tasks)

    async def task(self, task_id: str, upstream: str = "u") -> TaskRow:
        return (await self.queries.find(task_id, [upstream]))[0]

    def event(self, kind: str, due: DueTask, *, at: float) -> Event:
        return Event(
            id=f"evt_{self.name}{next(self._numbers)}",
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
        await self.store.track(lane, ["1"], {})
        claim = await self.claim_tasks(lane)
        await self.store.answered(lane, claim)
        (due,) = claim.tasks
        event = self.event(kind, due, at=claim.now)
        result = PollResult(
            due=due,
            task_state=TaskState(digest=event.id),
            next_in=0.0,
            publication=Publication(event=event, endpoints=tuple(to)),
        )
        recorded = await self.store.record([result])
        assert recorded.applied == [True]
        return event

    def notice(self, kind: str, *, to: Sequence[str] = ("ops",)) -> Publication:
        event = Event(
            id=f"evt_{self.name}{next(self._numbers)}",
            type=kind,
            subject="@endpoint:a",
            upstream=None,
            sequence=0,
            at=0.0,
            body="{}",
        )
        return Publication(event=event, endpoints=tuple(to))

    # --- deliveries -------------------------------------------------------------------

    async def claim(
        self, *, limit: int = 100, slow_limit: int = 100, alone: bool = False
    ) -> list[Delivery]:
        claim = await self.store.claim_deliveries(
            limit=limit, slow_limit=slow_limit, alone=alone
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
    ) -> bool:
        settlement = Settlement(
            delivery=delivery,
            attempt=attempt,
            verdict=verdict,
            notices=tuple(notices),
            extra=extra,
        )
        return (await self.store.settle([settlement])).applied[0]

    async def succeed(
        self, delivery: Delivery, *, took: float = 0.01, extra: int = 0
    ) -> bool:
        attempt = attempted(delivery, status=200, took=took)
        delivered = Verdict(disposition=Disposition.DELIVERED)
        return await self.settle(delivery, attempt, delivered, extra=extra)

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
            failures=delivery.tried.failures + 1,
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
        settlement = Settlement(delivery=delivery, away=True)
        return (await self.store.settle([settlement])).applied[0]

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

    # --- looking up -------------------------------------------------------------------

    async def state(self, event: Event, name: str = "a") -> str | None:
        row = await self.queries.event(event.id)
        rows = row.deliveries if row is not None else ()
        return next((one.state for one in rows if one.endpoint == name), None)

    async def attempts(self, event: Event) -> int:
        row = await self.queries.event(event.id)
        return 0 if row is None else len(row.attempts)

    async def health(self, name: str = "a") -> EndpointRow:
        rows = await self.queries.endpoints(await self.admin.clock())
        return next(row for row in rows if row.name == name)
