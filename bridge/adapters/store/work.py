"""
The store, as the use cases see it: each method is one script, and so one atomic step.

The client does not repeat a call by itself. redis-py would, and was seen to run an
``INCR`` twice after a lost answer; a claim that is repeated hides a second batch until
its lease ends. What is worth repeating is repeated by the use cases, which know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any, TypeVar

from bridge.adapters.store import codec
from bridge.adapters.store.connection import Client, store_errors
from bridge.adapters.store.scripts import Scripts
from bridge.app.ports import (
    Delivery,
    DeliveryClaim,
    DueTask,
    PollClaim,
    PollLimits,
    PollResult,
    Publication,
    Recorded,
    Settled,
    Settlement,
    Tracked,
)
from bridge.core.delivery import Tried
from bridge.core.event import Event, Json
from bridge.core.http import ChannelState
from bridge.core.task import TaskKey, TaskSnapshot

Item = TypeVar("Item")

#: Ids in one call of the track script, so that none blocks the store for long.
TRACKED_AT_ONCE = 500
#: What one call of the record script may cost, for the same reason: a look counts for
#: one, and so does each delivery that it leads to.
RECORDED_AT_ONCE = 500


class RedisStore:
    """The tasks and deliveries of one deployment, in Redis or Valkey."""

    def __init__(self, client: Client, *, namespace: str, retention: float) -> None:
        """
        Use a client that decodes answers and does not repeat calls.

        Args:
            client: See `bridge.adapters.store.connection`.

            namespace: Deployments that share a server differ in it.

            retention: Seconds that finished tasks and closed events are kept.
        """
        self._client = client
        self._scripts = Scripts(client, namespace)
        self._prefix = self._scripts.prefix
        self._retention = retention

    async def track(
        self, upstream: str, ids: Sequence[str], metadata: Mapping[str, Json]
    ) -> tuple[Tracked, bool]:
        """
        Begin to look at tasks, at once.

        Returns:
            Which are new and which were followed already, in the order given, and
            whether a poller should be woken.
        """
        tracked: list[str] = []
        known: list[str] = []
        wake = False
        text = codec.dumps(metadata)
        for chunk in _chunks(ids, TRACKED_AT_ONCE):
            given = {
                "upstream": upstream,
                "incarnation": token_hex(8),
                "metadata": text,
                "ids": chunk,
            }
            woke, news = await self._scripts.run("track", [codec.dumps(given)])
            wake = wake or bool(woke)
            for task_id, new in zip(chunk, news, strict=True):
                (tracked if new else known).append(task_id)
        return Tracked(tracked=tuple(tracked), known=tuple(known)), wake

    async def claim_tasks(self, upstream: str, limits: PollLimits) -> PollClaim:
        """Claim a batch of due tasks within the upstream's limits."""
        token = token_hex(8)
        now, clock, failures, unhealthy, since, rows, wait = await self._scripts.run(
            "claim_tasks",
            [
                upstream,
                token,
                limits.batch_size,
                limits.concurrency,
                limits.rate.per_second,
                limits.rate.burst,
                limits.lease,
            ],
        )
        return PollClaim(
            tasks=[_due_task(row) for row in rows],
            now=float(now),
            clock=float(clock),
            failures=int(failures),
            unhealthy=bool(unhealthy),
            unhealthy_since=float(since),
            token=token,
            next_in=float(wait) if wait else None,
        )

    async def answered(
        self,
        upstream: str,
        claim: PollClaim,
        *,
        hold: float | None = None,
        outcome: str = "ok",
        reason: str = "",
        since: float = 0.0,
        notice: Publication | None = None,
        requests: int = 1,
        step: float = 0.0,
    ) -> bool:
        """Say how the request of a claim ended; see the port."""
        given: dict[str, object] = {
            "upstream": upstream,
            "token": claim.token,
            "claimed_at": claim.now,
            "retention": self._retention,
            "tasks": [str(due.key) for due in claim.tasks],
            "outcome": outcome,
            "extra": requests - 1,
            "step": step,
        }
        if hold is not None:
            given |= {"hold": hold, "reason": reason, "since": since}
            given["announce"] = notice is not None
        if notice is not None:
            given |= _telling(notice)
        wake, _told = await self._scripts.run("answered", [codec.dumps(given)])
        return bool(wake)

    async def return_tasks(self, upstream: str, claim: PollClaim) -> None:
        """Give a claim back that was not asked about."""
        tasks = [str(due.key) for due in claim.tasks]
        given = {"upstream": upstream, "token": claim.token, "tasks": tasks}
        await self._scripts.run("return_tasks", [codec.dumps(given)])

    async def record(self, results: Sequence[PollResult]) -> Recorded:
        """Record looks, each as a whole or not at all."""
        applied: list[bool] = []
        wake = False
        for some in _portions(results):
            given = {
                "retention": self._retention,
                "looks": [_look(result) for result in some],
            }
            woke, done = await self._scripts.run("record", [codec.dumps(given)])
            wake = wake or bool(woke)
            applied += [bool(one) for one in done]
        return Recorded(applied=applied, wake=wake)

    async def snapshot(self, key: TaskKey) -> TaskSnapshot | None:
        """Return the snapshot kept of a task, if it was ever seen."""
        with store_errors():
            text = await self._client.hget(f"{self._prefix}task:{key}", "snapshot")
        return codec.read_snapshot(text)

    async def claim_deliveries(
        self, *, limit: int, slow_limit: int, alone: bool = False, woken: bool = False
    ) -> DeliveryClaim:
        """Claim the heads of due lanes, fairly over the endpoints."""
        now, suspects, next_in, rows = await self._scripts.run(
            "claim_deliveries",
            [
                token_hex(8),
                limit,
                slow_limit,
                int(alone),
                int(woken),
                self._retention,
            ],
        )
        return DeliveryClaim(
            deliveries=[_delivery(row, float(now)) for row in rows],
            suspects=bool(suspects),
            next_in=float(next_in) if next_in else None,
        )

    async def settle(self, settlements: Sequence[Settlement]) -> Settled:
        """Record what came of claimed deliveries."""
        given = {
            "retention": self._retention,
            "items": [_settlement(settlement) for settlement in settlements],
        }
        more, applied = await self._scripts.run("settle", [codec.dumps(given)])
        return Settled(applied=[bool(one) for one in applied], more=bool(more))

    async def save_state(self, delivery: Delivery, channel_state: ChannelState) -> bool:
        """Keep a channel's memory in the middle of an attempt, if it still is one."""
        given = (delivery.endpoint, delivery.lane, delivery.token)
        kept = (delivery.event.subject, codec.dumps(channel_state), self._retention)
        return bool(await self._scripts.run("remember", [*given, *kept]))


def _chunks(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _portions(results: Sequence[PollResult]) -> list[list[PollResult]]:
    """Cut looks into calls that cost the store about the same, at most."""
    portions: list[list[PollResult]] = []
    room = 0
    for result in results:
        cost = 1 + (
            len(result.publication.endpoints) if result.publication is not None else 0
        )
        if cost > room:
            portions.append([])
            room = RECORDED_AT_ONCE
        portions[-1].append(result)
        room -= cost
    return portions


def _due_task(row: list[Any]) -> DueTask:
    task, incarnation, version, sequence, task_state, metadata = row[:6]
    tracked_at, tracked_clock, misses, missed_clock = row[6:]
    return DueTask(
        key=TaskKey.read(task),
        incarnation=incarnation,
        version=int(version),
        sequence=int(sequence),
        task_state=codec.read_task_state(task_state),
        metadata=json.loads(metadata),
        tracked_at=float(tracked_at),
        tracked_clock=float(tracked_clock),
        misses=int(misses),
        missed_clock=float(missed_clock),
    )


def _telling(publication: Publication) -> dict[str, object]:
    return {
        "event": codec.write_event(publication.event),
        "endpoints": list(publication.endpoints),
    }


def _look(result: PollResult) -> dict[str, object]:
    due = result.due
    row: dict[str, object] = {
        "task": str(due.key),
        "upstream": due.key.upstream,
        "incarnation": due.incarnation,
        "version": due.version,
        "misses": result.misses,
        "missed_clock": result.missed_clock,
    }
    if result.next_in is not None:
        row["next_in"] = result.next_in
    if result.task_state is not None:
        row["held"] = codec.write_task_state(result.task_state)
        row["status"] = result.task_state.status or ""
    if result.snapshot is not None:
        row["snapshot"] = codec.write_snapshot(result.snapshot)
    if result.publication is not None:
        row |= _telling(result.publication)
    if (
        result.task_state is not None
        or result.publication is not None
        or result.misses != due.misses
    ):
        row["written"] = True
    return row


def _delivery(row: list[Any], now: float) -> Delivery:
    endpoint, lane, token, was_disabled, crashes, event_id = row[:6]
    kind, subject, upstream, sequence, at, body = row[6:12]
    attempts, first, due, failures, refusals, slow, channel_state, loss = row[12:]
    return Delivery(
        endpoint=endpoint,
        lane=lane,
        event=Event(
            id=event_id,
            type=kind,
            subject=subject,
            upstream=upstream or None,
            sequence=int(sequence),
            at=float(at),
            body=body,
            loss=codec.read_loss(loss),
        ),
        token=token,
        tried=Tried(
            first=float(first) if first else None,
            due=float(due),
            failures=int(failures),
            refusals=int(refusals),
        ),
        attempts=int(attempts),
        crashes=int(crashes),
        redelivery=lane.startswith("~"),
        was_disabled=bool(was_disabled),
        slow=bool(slow),
        now=now,
        channel_state=json.loads(channel_state) if channel_state else {},
    )


def _settlement(settlement: Settlement) -> dict[str, object]:
    delivery, attempt = settlement.delivery, settlement.attempt
    row: dict[str, object] = {
        "endpoint": delivery.endpoint,
        "lane": delivery.lane,
        "id": delivery.event.id,
        "token": delivery.token,
        "was_disabled": delivery.was_disabled,
        "fate": "returned",
        "away": settlement.away,
    }
    if settlement.verdict is None:
        return row
    verdict = settlement.verdict
    row |= {
        "fate": verdict.disposition,
        "due": verdict.due,
        "failures": verdict.failures,
        "refusals": verdict.refusals,
        "reason": verdict.reason,
        "disable": verdict.disable,
        "hold": verdict.hold,
        "notices": [_telling(notice) for notice in settlement.notices],
        "subject": delivery.event.subject,
        "edit_in": settlement.edit_in,
        "extra": settlement.extra,
    }
    if settlement.channel_state is not None:
        row["memory"] = codec.dumps(settlement.channel_state)
    if attempt is not None:
        row |= {
            "attempt": codec.write_attempt(
                attempt, endpoint=delivery.endpoint, verdict=verdict.disposition
            ),
            "outcome": attempt.outcome,
            "took": attempt.took,
            "blames": attempt.blames_endpoint,
            "answered": attempt.status is not None,
            "first": attempt.started
            if delivery.tried.first is None
            else delivery.tried.first,
        }
    return row
