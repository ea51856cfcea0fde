"""The store in memory, see `FakeStore`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Any, Literal

from bridge.app.ports import (
    Delivery,
    DeliveryClaim,
    DeliveryRow,
    DueTask,
    EndpointRow,
    EventRow,
    PollClaim,
    PollLimits,
    PollResult,
    Publication,
    Recorded,
    Settled,
    Settlement,
    TaskRow,
    Tracked,
    Waiting,
)
from bridge.core.change import TaskState
from bridge.core.endpoint import Endpoint
from bridge.core.event import Json
from bridge.core.http import ChannelState
from bridge.core.task import TaskKey, TaskSnapshot
from bridge.errors import StoreUnavailable
from tests.fake_lanes import Clock, FakeLanes, Health


@dataclass
class Task:
    """A task that is tracked, or was."""

    key: TaskKey
    tracked_at: float
    tracked_clock: float
    incarnation: str
    metadata: Mapping[str, Json]
    version: int = 0
    sequence: int = 0
    task_state: TaskState = field(default_factory=TaskState)
    snapshot: TaskSnapshot | None = None
    misses: int = 0
    missed_clock: float = 0.0
    due: float | None = None  #: When to look next; ``None`` if it is not looked at.
    ended_at: float = inf


@dataclass
class Gateway:
    """What is known of an upstream."""

    failures: int = 0
    failing_since: float = 0.0
    failed_at: float = -inf
    hold_until: float = 0.0
    unhealthy: bool = False
    clock: float = 0.0
    answered_at: float | None = None
    tokens: float = inf
    tokens_at: float = 0.0
    places: dict[str, float] = field(default_factory=dict)
    step: float = 120.0

    def gone_on(self, now: float) -> float:
        """How far the answering clock goes on from the last valid answer to now."""
        return min(max(0.0, now - (self.answered_at or now)), self.step)


class FakeStore:
    """
    The store in memory: both ports, the operator's desk and the ledger, with a clock
    that is set by hand.

    Attributes:
        clock_: The clock.

        away: Whether it does not answer.
    """

    def __init__(self, *, retention: float = 604800.0) -> None:
        self.clock_ = Clock()
        self.lanes = FakeLanes(self.clock_, retention)
        self.tasks: dict[TaskKey, Task] = {}
        self.upstreams: dict[str, Gateway] = {}
        self.full = False
        self.away = False
        self.heartbeat: float | None = None
        self._retention = retention
        self._numbers = count(1)

    def _now(self) -> float:
        if self.away:
            raise StoreUnavailable
        return self.clock_.now

    # --- tasks ------------------------------------------------------------------------

    async def track(
        self, upstream: str, ids: Sequence[str], metadata: Mapping[str, Json]
    ) -> tuple[Tracked, bool]:
        now = self._now()
        tracked, known = [], []
        self._set_the_clock(upstream, ids)
        for task_id in ids:
            key = TaskKey(upstream, task_id)
            old = self.tasks.get(key)
            if old is not None and old.due is not None:
                known.append(task_id)
                continue
            new = Task(
                key=key,
                tracked_at=now,
                tracked_clock=self._gateway(upstream).clock,
                incarnation=f"incarnation{next(self._numbers)}",
                metadata=metadata,
                due=now,
            )
            if old is not None:
                new.sequence, new.task_state, new.snapshot = (
                    old.sequence,
                    old.task_state,
                    old.snapshot,
                )
                new.metadata = metadata or old.metadata
            self.tasks[key] = new
            tracked.append(task_id)
        wake = bool(tracked) and self.lanes.wake("poll")
        return Tracked(tracked=tuple(tracked), known=tuple(known)), wake

    def _set_the_clock(self, upstream: str, ids: Sequence[str]) -> None:
        """Put an upstream's answering clock right, if new tasks are to be timed by it."""
        gateway, now = self._gateway(upstream), self.clock_.now
        active = {key for key, task in self.tasks.items() if task.due is not None}
        if (
            gateway.answered_at is None
            or {TaskKey(upstream, one) for one in ids} <= active
        ):
            return
        if any(key.upstream == upstream for key in active):
            gateway.clock += gateway.gone_on(now)
        gateway.answered_at = now

    async def untrack(self, key: TaskKey) -> bool | None:
        now = self._now()
        task = self.tasks.get(key)
        if task is None or task.due is None:
            return None if task is None else False
        task.due, task.ended_at = None, now
        task.incarnation = f"incarnation{next(self._numbers)}"
        return True

    async def claim_tasks(self, upstream: str, limits: PollLimits) -> PollClaim:
        now, gateway = self._now(), self._gateway(upstream)
        token = f"poll{next(self._numbers)}"
        gateway.places = {
            name: end for name, end in gateway.places.items() if end > now
        }
        gateway.tokens_at = min(gateway.tokens_at, now)
        flown = max(0.0, now - gateway.tokens_at) * limits.rate.per_second
        tokens = min(limits.rate.burst, gateway.tokens + flown + 1e-6)
        width = 1 if gateway.failures else limits.concurrency
        has_place = not self.full and len(gateway.places) < width
        short_for = max(0.0, 1 - tokens) / limits.rate.per_second
        allowed = max(now, gateway.hold_until, now + short_for)
        free = has_place and allowed <= now
        due = sorted(
            (
                task
                for task in self.tasks.values()
                if task.key.upstream == upstream and (task.due or inf) <= now
            ),
            key=lambda task: task.due or 0.0,
        )
        batch = due[: limits.batch_size] if free else []
        if batch:
            gateway.tokens, gateway.tokens_at = tokens - 1, now
            gateway.places[token] = now + limits.lease
        for task in batch:
            task.due = now + limits.lease
        first = min(
            (
                task.due or inf
                for task in self.tasks.values()
                if task.key.upstream == upstream
            ),
            default=inf,
        )
        next_at = allowed if first <= now else max(allowed, first + 0.1)
        waits = has_place and not batch and next_at < inf
        return PollClaim(
            tasks=[_due(task) for task in batch],
            now=now,
            clock=gateway.clock,
            failures=gateway.failures,
            unhealthy=gateway.unhealthy,
            unhealthy_since=gateway.failing_since,
            token=token,
            next_in=max(0.0, next_at - now) if waits else None,
        )

    async def answered(
        self,
        upstream: str,
        claim: PollClaim,
        *,
        hold: float | None = None,
        outcome: str = "ok",  # noqa: ARG002 - for metrics, which nobody asks us for
        reason: str = "",  # noqa: ARG002 - for people
        since: float = 0.0,  # noqa: ARG002 - for people
        notice: Publication | None = None,
        requests: int = 1,
        step: float = 0.0,
    ) -> bool:
        now, gateway = self._now(), self._gateway(upstream)
        if gateway.places.pop(claim.token, None) is None:
            return False
        gateway.tokens -= requests - 1
        gateway.step = max(120.0, step)
        outrun = claim.now <= gateway.failed_at <= now
        told = False
        if hold is not None:
            if not outrun:
                gateway.failing_since = (
                    gateway.failing_since if gateway.failures else claim.now
                )
                gateway.failures += 1
            gateway.failed_at, gateway.answered_at = now, None
            gateway.hold_until = max(gateway.hold_until, now + hold)
            for due in claim.tasks:
                task = self.tasks.get(due.key)
                if task is not None and task.due is not None:
                    task.due = now + hold
            if notice is not None and not gateway.unhealthy:
                gateway.unhealthy = told = True
        elif not outrun:
            if gateway.answered_at is not None:
                gateway.clock += gateway.gone_on(now)
            told = gateway.unhealthy
            gateway.failures, gateway.answered_at = 0, now
            gateway.unhealthy, gateway.failing_since = False, 0.0
        if not told or notice is None:
            return False
        self.lanes.tell(notice)
        return self.lanes.wake("deliver")

    async def return_tasks(self, upstream: str, claim: PollClaim) -> None:
        now = self._now()
        if self._gateway(upstream).places.pop(claim.token, None) is not None:
            for due in claim.tasks:
                task = self.tasks.get(due.key)
                if task is not None and task.due is not None:
                    task.due = now

    async def record(self, results: Sequence[PollResult]) -> Recorded:
        self._now()
        applied = [self._record(result) for result in results]
        told = any(
            done and result.publication is not None and result.publication.endpoints
            for done, result in zip(applied, results, strict=True)
        )
        return Recorded(applied=applied, wake=told and self.lanes.wake("deliver"))

    def _record(self, result: PollResult) -> bool:
        task = self.tasks.get(result.due.key)
        if task is None or task.due is None:
            return False
        current = task.incarnation, task.version
        if current != (result.due.incarnation, result.due.version):
            return False
        if result.next_in is None:
            task.due, task.ended_at = None, self.clock_.now
        else:
            task.due = self.clock_.now + result.next_in
        written = (
            result.task_state or result.publication or result.misses != task.misses
        )
        task.task_state = result.task_state or task.task_state
        task.snapshot = result.snapshot or task.snapshot
        if written:
            task.version += 1
            task.misses, task.missed_clock = result.misses, result.missed_clock
        if result.publication is not None:
            task.sequence = result.publication.event.sequence
            self.lanes.tell(result.publication)
        return True

    async def snapshot(self, key: TaskKey) -> TaskSnapshot | None:
        self._now()
        task = self.tasks.get(key)
        return None if task is None else task.snapshot

    def _gateway(self, name: str) -> Gateway:
        return self.upstreams.setdefault(name, Gateway())

    # --- deliveries -------------------------------------------------------------------

    async def claim_deliveries(
        self, *, limit: int, slow_limit: int, alone: bool = False, woken: bool = False
    ) -> DeliveryClaim:
        self._now()
        if woken:
            self.lanes.gates.pop("deliver", None)
        return self.lanes.claim(limit, slow_limit, alone=alone)

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        self._now()
        return self.lanes.settle(settlements)

    async def save_state(self, delivery: Delivery, channel_state: ChannelState) -> bool:
        self._now()
        return self.lanes.save_state(delivery, channel_state)

    # --- the desk ---------------------------------------------------------------------

    async def configure(self, endpoints: Sequence[Endpoint]) -> Sequence[str]:
        self._now()
        return self.lanes.configure(endpoints)

    async def switch(
        self, endpoint: str, what: Literal["pause", "resume"]
    ) -> tuple[bool, bool]:
        self._now()
        health = self.lanes.endpoint(endpoint)
        before = health.paused, health.disabled
        if what == "pause":
            health.paused = True
            return not before[0], False
        health.paused = health.disabled = False
        health.faults = health.opens = 0
        health.open_until = health.trial_until = 0.0
        return any(before), self.lanes.wake("deliver")

    async def redeliver(
        self, event_id: str, endpoint: str, *, dead_only: bool = False
    ) -> tuple[Literal["queued", "open", "recent", "unknown", "skipped"], bool]:
        self._now()
        outcome = self.lanes.redeliver(event_id, endpoint, dead_only=dead_only)
        return outcome, outcome == "queued" and self.lanes.wake("deliver")

    async def give_up(
        self,
        waiting: Sequence[Waiting],
        reason: str,
        notices: Sequence[Sequence[Publication]] = (),
    ) -> int:
        self._now()
        buried = 0
        for place, one in enumerate(waiting):
            if self.lanes.give_up(one.endpoint, one.lane, one.event.id, reason):
                buried += 1
                for publication in notices[place] if notices else ():
                    self.lanes.tell(publication)
        return buried

    async def open_before(self, cutoff: float, most: int) -> Sequence[Waiting]:
        old = [kept for kept in self.lanes.kept.values() if kept.since <= cutoff]
        ids = [kept.event.id for kept in old if kept.closed_at is None][:most]
        return [one for one in self._open() if one.event.id in ids]

    async def open_at(
        self, endpoint: str, most: int, *, before: float | None = None
    ) -> Sequence[Waiting]:
        return [
            one
            for one in self._open()
            if one.endpoint == endpoint
            and (before is None or self.lanes.kept[one.event.id].since <= before)
        ][:most]

    async def holding(self) -> Sequence[str]:
        self._now()
        endpoints = self.lanes.health.values()
        return [one.name for one in endpoints if one.paused or one.disabled]

    def _open(self) -> list[Waiting]:
        self._now()
        return [
            Waiting(
                event=self.lanes.kept[event_id].event,
                endpoint=lane.endpoint,
                lane=lane.name,
            )
            for lane in self.lanes.lanes.values()
            for event_id in lane.queue
        ]

    async def unconfigured(self, since: float) -> Sequence[str]:
        self._now()
        return [one.name for one in self.lanes.health.values() if one.seen_at <= since]

    async def forget_endpoint(self, name: str, since: float) -> bool:
        health = self.lanes.health.get(name)
        if health is None or health.seen_at > since or await self.open_at(name, 1):
            return False
        return bool(self.lanes.health.pop(name))

    async def tidy(self, most: int) -> int:
        cutoff = self._now() - self._retention
        told = {kept.event.subject for kept in self.lanes.kept.values()}
        ended = [
            key
            for key, task in self.tasks.items()
            if task.ended_at <= cutoff and str(key) not in told
        ]
        for key in ended[:most]:
            del self.tasks[key]
        closed = [
            event_id
            for event_id, kept in self.lanes.kept.items()
            if kept.closed_at is not None and kept.closed_at <= cutoff
        ]
        for event_id in closed[:most]:
            del self.lanes.kept[event_id]
        return len(ended[:most]) + len(closed[:most])

    async def watch_memory(self) -> float | None:
        self._now()
        return 0.9 if self.full else None

    async def clock(self) -> float:
        return self._now()

    async def beat(self, now: float) -> None:
        self._now()
        self.heartbeat = now

    # --- the ledger -------------------------------------------------------------------

    async def find(self, task_id: str, upstreams: Sequence[str]) -> Sequence[TaskRow]:
        keys = [TaskKey(name, task_id) for name in upstreams]
        return [_row(self.tasks[key]) for key in keys if key in self.tasks]

    async def event(self, event_id: str) -> EventRow | None:
        self._now()
        kept = self.lanes.find(event_id)
        if kept is None:
            return None
        deliveries = []
        for endpoint, written in kept.states.items():
            task_state = written == "pending" and self.lanes.health[endpoint].task_state
            row = DeliveryRow(
                event_id=event_id,
                type=kept.event.type,
                subject=kept.event.subject,
                endpoint=endpoint,
                state="held" if task_state else written,
                at=kept.event.at,
                reason=kept.why.get(endpoint),
            )
            deliveries.append(row)
        attempts: list[Mapping[str, Any]] = [
            {
                "endpoint": endpoint,
                "status": attempt.status,
                "fault": attempt.fault,
                "verdict": verdict,
            }
            for endpoint, attempt, verdict in kept.attempts
        ]
        return EventRow(event=kept.event, deliveries=deliveries, attempts=attempts)

    async def story(self, subject: str) -> Sequence[EventRow]:
        kept = self.lanes.kept.values()
        ids = [one.event.id for one in kept if one.event.subject == subject]
        rows = [await self.event(event_id) for event_id in ids]
        return [row for row in rows if row is not None]

    async def endpoints(self, now: float) -> Sequence[EndpointRow]:
        return [self._endpoint(health, now) for health in self.lanes.health.values()]

    def _endpoint(self, health: Health, now: float) -> EndpointRow:
        state: Any = "ok" if health.succeeded_at is not None else "idle"
        if health.disabled:
            state = "disabled"
        elif health.paused:
            state = "paused"
        elif health.hold_until > now:
            state = "throttled"
        elif health.opens:
            state = "open"
        elif health.failures:
            state = "failing"
        states = [
            kept.states[health.name]
            for kept in self.lanes.kept.values()
            if health.name in kept.states
        ]
        return EndpointRow(
            name=health.name,
            kind=health.kind,
            state=state,
            pending=states.count("pending"),
            dead=states.count("dead"),
            failures=health.failures,
            reason=health.reason,
            latency=health.latency,
        )


def _due(task: Task) -> DueTask:
    return DueTask(
        key=task.key,
        incarnation=task.incarnation,
        version=task.version,
        sequence=task.sequence,
        task_state=task.task_state,
        metadata=task.metadata,
        tracked_at=task.tracked_at,
        tracked_clock=task.tracked_clock,
        misses=task.misses,
        missed_clock=task.missed_clock,
    )


def _row(task: Task) -> TaskRow:
    lost = task.task_state.ended == "task.lost"
    return TaskRow(
        key=task.key,
        active=task.due is not None,
        status="LOST" if lost else task.task_state.status,
        sequence=task.sequence,
        tracked_at=task.tracked_at,
        metadata=task.metadata,
        snapshot=task.snapshot,
        next_look=task.due,
    )
