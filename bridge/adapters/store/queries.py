"""What people and programs read in the store; each call is one script, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from bridge.adapters.store import codec, reports, rows
from bridge.adapters.store.keyspace import Keyspace
from bridge.app.ports import (
    Counters,
    DeliveryRow,
    DeliveryState,
    EndpointRow,
    EventRow,
    Page,
    SignsOfLife,
    TaskRow,
    UpstreamRow,
    Wait,
)
from bridge.core.event import EVENT_TYPES
from bridge.core.task import TaskKey

#: Tasks read in one call.
TASKS_AT_ONCE = 200
#: Deliveries that are explained in one call.
WAITS_AT_ONCE = 500
#: Characters of a search that count.
LONGEST_SEARCH = 200


class StoreQueries:
    """Reads a deployment; see `bridge.app.ports.Queries`."""

    def __init__(self, keys: Keyspace) -> None:
        self._keys = keys

    # --- tasks ------------------------------------------------------------------------

    async def task_page(
        self,
        *,
        status: str | None = None,
        upstream: str | None = None,
        active: bool | None = None,
        search: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[TaskRow]:
        """List tasks, the newest tracked first."""
        facets: dict[str, Sequence[str]] = {}
        if status is not None:
            facets["status"] = [status]
        if upstream is not None:
            facets["upstream"] = [upstream]
        if active is not None:
            facets["active"] = [str(int(active))]
        given: dict[str, object] = {}
        if search is not None and (words := search[:LONGEST_SEARCH].split()):
            given["words"] = [codec.searchable(word) for word in words]
            given["exact"] = search.strip()
        next_, found = await self._page("tasks", facets, given, cursor, limit)
        return Page(items=[rows.task_row(row) for row in found], next=next_)

    async def rows(self, keys: Sequence[TaskKey]) -> Sequence[TaskRow]:
        """Return tasks by their keys, in that order; those that are not kept are left out."""
        found: list[TaskRow] = []
        for start in range(0, len(keys), TASKS_AT_ONCE):
            names = [str(key) for key in keys[start : start + TASKS_AT_ONCE]]
            reply = await self._keys.run("tasks", *names)
            found += [rows.task_row(row) for row in reply]
        return found

    async def active(self, upstream: str, most: int) -> Sequence[TaskKey]:
        """Name tasks of an upstream that are polled, the next due first."""
        names = await self._keys.members(f"poll:{upstream}", most)
        return [TaskKey.read(name) for name in names]

    # --- events and deliveries --------------------------------------------------------

    async def story(self, subject: str, most: int = 50) -> Sequence[EventRow]:
        """List the newest events of a task, or of another subject, oldest first."""
        reply = await self._keys.run("events", "subject", subject, most)
        return [rows.event_row(row) for row in reply]

    async def event(self, event_id: str) -> EventRow | None:
        """Return an event; ``None`` if it is not kept, or never was."""
        reply = await self._keys.run("events", "id", event_id)
        return rows.event_row(reply[0]) if reply else None

    async def event_page(
        self,
        *,
        types: Sequence[str] = (),
        subject: str | None = None,
        upstream: str | None = None,
        since: float | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[EventRow]:
        """List events, those seen last first."""
        facets: dict[str, Sequence[str]] = {}
        if types:
            facets["type"] = [
                kind
                for kind in EVENT_TYPES
                if any(fnmatchcase(kind, pattern) for pattern in types)
            ]
        if upstream is not None:
            facets["upstream"] = [upstream]
        given: dict[str, object] = {}
        if subject is not None:
            given["subject"] = subject
        if since is not None:
            given["since"] = since
        next_, found = await self._page("events", facets, given, cursor, limit)
        return Page(items=[rows.event_row(row) for row in found], next=next_)

    async def delivery_page(
        self,
        *,
        endpoint: str | None = None,
        state: DeliveryState | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[DeliveryRow]:
        """List deliveries, those of the event seen last first."""
        facets: dict[str, Sequence[str]] = {}
        if endpoint is not None:
            facets["endpoint"] = [endpoint]
        if state is not None:
            facets["state"] = [state]
        next_, found = await self._page("deliveries", facets, {}, cursor, limit)
        return Page(items=[rows.delivery_row(row) for row in found], next=next_)

    async def waits(
        self, deliveries: Sequence[tuple[str, str]]
    ) -> Sequence[Wait | None]:
        """Return why deliveries wait; ``None`` for those that are not open."""
        found: list[Wait | None] = []
        for start in range(0, len(deliveries), WAITS_AT_ONCE):
            some = deliveries[start : start + WAITS_AT_ONCE]
            reply = await self._keys.run(
                "waits", *(name for one in some for name in one)
            )
            found += [reports.wait_of(facts) if facts else None for facts in reply]
        return found

    # --- the deployment ---------------------------------------------------------------

    async def endpoints(self, now: float) -> Sequence[EndpointRow]:
        """Return every endpoint that a worker ever had configured."""
        bounds, found = await self._keys.run("endpoints")
        limits = [float(bound) for bound in bounds]
        return [reports.endpoint_row(row, limits, now) for row in found]

    async def upstreams(
        self, now: float, *, names: Iterable[str] = ()
    ) -> Sequence[UpstreamRow]:
        """Return the upstreams that kept tasks were tracked at, and those that are named."""
        reply = await self._keys.run("upstreams", *names)
        return [reports.upstream_row(row, now) for row in reply]

    async def counters(self) -> Counters:
        """Return what metrics are made of."""
        return reports.counters_of(await self._keys.run("counters"))

    async def memory_full(self) -> bool:
        """Check whether the last sweep found the store's memory nearly used up."""
        return await self._keys.exists("full")

    async def signs_of_life(self) -> SignsOfLife:
        """Return when beat and workers were last heard of, by the store's clock."""
        beat = await self._keys.text("heartbeat")
        return reports.signs_of_life(
            beat, await self._keys.members_with_scores("workers")
        )

    async def _page(
        self,
        name: str,
        facets: Mapping[str, Sequence[str]],
        given: dict[str, object],
        cursor: str | None,
        limit: int,
    ) -> tuple[str | None, Sequence[Any]]:
        """Read a page of a list: where it goes on, and the script's rows."""
        given |= {"list": name, "facets": facets, "limit": limit}
        if cursor is not None:
            given["after"] = rows.read_cursor(cursor)
        score, row, found = await self._keys.run("page", codec.dumps(given))
        return rows.write_cursor(score, row), found
