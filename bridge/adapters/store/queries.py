"""What people ask the store about tasks, events, deliveries and endpoints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from bridge.adapters.store import codec
from bridge.adapters.store.keyspace import Keyspace
from bridge.app.ports import (
    DeliveryRow,
    DeliveryState,
    EndpointRow,
    EventRow,
    TaskRow,
)
from bridge.core.task import TaskKey

#: Rows read from the store in one round trip.
PAGE = 200


class StoreQueries:
    """Reads a deployment; changes nothing."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    async def tasks(
        self,
        *,
        status: str | None = None,
        active: bool = False,
        upstream: str | None = None,
    ) -> AsyncIterator[TaskRow]:
        """List tasks, the newest tracked first."""
        async for keys in self._pages("tasks"):
            for row in await self._task_rows([TaskKey.read(key) for key in keys]):
                if status is not None and row.status != status:
                    continue
                if (active and not row.active) or upstream not in {
                    None,
                    row.key.upstream,
                }:
                    continue
                yield row

    async def find(self, task_id: str, upstreams: Sequence[str]) -> Sequence[TaskRow]:
        """Find an id at some upstreams."""
        return await self.rows([TaskKey(name, task_id) for name in upstreams])

    async def rows(self, keys: Sequence[TaskKey]) -> Sequence[TaskRow]:
        """Return tasks by their keys, in that order; those that are not kept are left out."""
        found: list[TaskRow] = []
        for start in range(0, len(keys), PAGE):
            found += await self._task_rows(keys[start : start + PAGE])
        return found

    async def active(self, upstream: str, most: int) -> Sequence[TaskKey]:
        """Name tasks of an upstream that are polled, the next due first."""
        names = await self._keys.members(f"poll:{upstream}", 0, most - 1)
        return [TaskKey.read(name) for name in names]

    async def upstreams(self) -> Sequence[str]:
        """Name the upstreams that tasks were ever tracked at, as far as they are kept."""
        names: dict[str, None] = {}
        async for keys in self._pages("tasks"):
            names.update(dict.fromkeys(TaskKey.read(key).upstream for key in keys))
        return list(names)

    async def story(self, subject: str) -> Sequence[EventRow]:
        """List the events of a task, or of another subject, oldest first."""
        ids = await self._keys.items(f"told:{subject}")
        rows = [await self.event(event_id) for event_id in ids]
        return [row for row in rows if row is not None]

    async def event(self, event_id: str) -> EventRow | None:
        """Return an event; ``None`` if it is not kept, or never was."""
        row = await self._keys.hash(f"event:{event_id}")
        attempts = await self._keys.items(f"attempts:{event_id}")
        if not row:
            return None
        held = await self._holding()
        return EventRow(
            event=codec.read_event(event_id, row),
            deliveries=_deliveries(event_id, row, held),
            attempts=[json.loads(attempt) for attempt in attempts],
        )

    async def deliveries(
        self, *, endpoint: str | None = None, state: DeliveryState | None = None
    ) -> AsyncIterator[DeliveryRow]:
        """List deliveries, the newest event first."""
        index = "open" if state in {"pending", "held"} else "events"
        if state == "dead" and endpoint is not None:
            index = f"dead:{endpoint}"
        held = await self._holding()
        async for ids in self._pages(index):
            rows = await self._keys.hashes(f"event:{event_id}" for event_id in ids)
            for event_id, row in zip(ids, rows, strict=True):
                for delivery in _deliveries(event_id, row, held) if row else ():
                    if endpoint in {None, delivery.endpoint} and state in {
                        None,
                        delivery.state,
                    }:
                        yield delivery

    async def endpoints(self, now: float) -> Sequence[EndpointRow]:
        """Describe every endpoint that a worker ever had configured."""
        rows = []
        for name, seen_at in await self._keys.members_with_scores("endpoints"):
            health = await self._keys.hash(f"health:{name}")
            dead = await self._keys.count(f"dead:{name}")
            rows.append(_endpoint(name, health, dead, seen_at, now))
        return rows

    async def heartbeat(self) -> float | None:
        """Return when the sweep last ran, by the store's clock."""
        beat = await self._keys.text("heartbeat")
        return float(beat) if beat else None

    async def _task_rows(self, keys: Sequence[TaskKey]) -> list[TaskRow]:
        rows = await self._keys.hashes(f"task:{key}" for key in keys)
        times = await self._keys.scores(
            (f"poll:{key.upstream}", str(key)) for key in keys
        )
        found = zip(keys, rows, times, strict=True)
        return [_task(key, row, due) for key, row, due in found if row]

    async def _holding(self) -> frozenset[str]:
        """Name the endpoints that hold what they have: paused, disabled, or not here."""
        flags = ("paused", "disabled", "away")
        return frozenset(
            [
                name
                for name in await self._keys.members("endpoints")
                if any(await self._keys.fields(f"health:{name}", *flags))
            ]
        )

    async def _pages(self, index: str) -> AsyncIterator[list[str]]:
        start = 0
        while True:
            page = await self._keys.members(index, start, start + PAGE - 1, desc=True)
            if not page:
                return
            yield page
            start += PAGE


def _task(key: TaskKey, row: Mapping[str, str], due: float | None) -> TaskRow:
    held = codec.read_task_state(row.get("held"))
    lost = held.ended == "task.lost"
    return TaskRow(
        key=key,
        active=row.get("active") == "1",
        status="LOST" if lost else held.status,
        sequence=int(row.get("sequence", 0)),
        tracked_at=float(row.get("tracked_at", 0)),
        metadata=json.loads(row.get("metadata") or "{}"),
        snapshot=codec.read_snapshot(row.get("snapshot")),
        next_look=due,
    )


def _deliveries(
    event_id: str, row: Mapping[str, str], held: frozenset[str]
) -> Sequence[DeliveryRow]:
    found = []
    for name, written in row.items():
        if not name.startswith("to:"):
            continue
        endpoint = name.removeprefix("to:")
        state: Any = "held" if written == "pending" and endpoint in held else written
        delivery = DeliveryRow(
            event_id=event_id,
            type=row["type"],
            subject=row["subject"],
            endpoint=endpoint,
            state=state,
            at=float(row["at"]),
            reason=row.get(f"why:{endpoint}"),
        )
        found.append(delivery)
    return found


def _endpoint(
    name: str, health: Mapping[str, str], dead: int, seen_at: float, now: float
) -> EndpointRow:
    def moment(key: str) -> float | None:
        return float(health[key]) if health.get(key) else None

    failures = int(health.get("failures", 0))
    opened, held = moment("open_until") or 0.0, moment("hold_until") or 0.0
    state: Any = "ok" if "succeeded_at" in health else "idle"
    until = None
    if health.get("disabled"):
        state = "disabled"
    elif health.get("paused"):
        state = "paused"
    elif held > now:
        state, until = "throttled", held
    elif int(health.get("opens", 0)) > 0:
        state, until = "open", max(opened, now)
    elif failures:
        state = "failing"
    return EndpointRow(
        name=name,
        kind=health.get("kind", ""),
        state=state,
        pending=int(health.get("pending", 0)),
        dead=dead,
        failures=failures,
        failing_since=moment("failing_since"),
        reason=health.get("reason") or None,
        until=until,
        latency=moment("latency"),
        succeeded_at=moment("succeeded_at"),
        seen_at=seen_at,
    )
