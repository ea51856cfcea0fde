"""Sending events again, out of order: one of them, or all that an endpoint was to get."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial

from bridge.app.lookup import Lookup
from bridge.app.paging import all_rows
from bridge.app.ports import Admin, DeliveryRow, EventRow, Queries, RedeliveryResult
from bridge.core.archive import is_archive
from bridge.errors import Misconfigured, NotFound

#: Deliveries queued in one call of a script, so that none blocks the store for long.
QUEUED_AT_ONCE = 200
#: Seconds that a time in the past may be ahead of the store's clock: clocks differ.
CLOCK_SKEW = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Redelivered:
    """What became of one event that was to be sent to one endpoint again."""

    event_id: str
    endpoint: str
    result: RedeliveryResult


def deliveries_to(row: EventRow, endpoint: str | None) -> list[DeliveryRow]:
    """
    Return an event's deliveries to one endpoint, or to all receivers.

    The archive is none: its pictures are kept again only where it is named.
    """
    if endpoint is None:
        return [one for one in row.deliveries if not is_archive(one.endpoint)]
    return [one for one in row.deliveries if one.endpoint == endpoint]


class Redelivery:
    """Sends events of one deployment again."""

    def __init__(self, *, admin: Admin, queries: Queries, lookup: Lookup) -> None:
        """Bind it to a store, and to the names that are known."""
        self._admin = admin
        self._queries = queries
        self._lookup = lookup

    async def event(
        self, event_id: str, endpoint: str | None = None, *, dead_only: bool = False
    ) -> AsyncIterator[Redelivered]:
        """
        Send an event again, to one endpoint or to all that it was for.

        Raises:
            NotFound: No such event is kept, or it was not for the endpoint.
        """
        await self._lookup.check_endpoint(endpoint)
        row = await self._lookup.find_event(event_id)
        wanted = deliveries_to(row, endpoint)
        if not wanted:
            whom = f"endpoint {endpoint}" if endpoint else "any endpoint"
            msg = f"event {event_id} was not for {whom}"
            raise NotFound(msg)
        async for done in self.send(wanted, dead_only=dead_only):
            yield done

    async def since(
        self, endpoint: str, since: float, *, dead_only: bool = False
    ) -> AsyncIterator[Redelivered]:
        """
        Send again what an endpoint was to get since a time, the oldest first.

        Raises:
            Misconfigured: There is no such endpoint, or the time is in the future.
        """
        found = await self.eligible(endpoint, since, dead_only=dead_only)
        async for done in self.send(found, dead_only=dead_only):
            yield done

    async def eligible(
        self, endpoint: str, since: float, *, dead_only: bool = False
    ) -> Sequence[DeliveryRow]:
        """
        Return what an endpoint was to get since a time, the oldest first.

        Progress that newer events superseded is left out. With *dead_only*, so is all that
        was not given up; without it, what is still on the way is included.

        Raises:
            Misconfigured: There is no such endpoint, or the time is in the future.
        """
        await self._lookup.check_endpoint(endpoint)
        if since > await self._admin.clock() + CLOCK_SKEW:
            msg = "This time is in the future; check its date and its zone."
            raise Misconfigured(msg)
        found: list[DeliveryRow] = []
        deliveries = partial(
            self._queries.delivery_page,
            endpoint=endpoint,
            state="dead" if dead_only else None,
        )
        async for row in all_rows(deliveries):
            if row.at < since:
                break
            if row.state != "superseded":
                found.append(row)
        return found[::-1]

    async def send(
        self,
        rows: Sequence[DeliveryRow],
        *,
        dead_only: bool = False,
        request: str | None = None,
    ) -> AsyncIterator[Redelivered]:
        """
        Send events again, each to the endpoint of its delivery.

        Args:
            rows: The deliveries.

            dead_only: Whether to skip those that were not given up.

            request: The name under which this takes effect once, if it has one.
        """
        for start in range(0, len(rows), QUEUED_AT_ONCE):
            some = rows[start : start + QUEUED_AT_ONCE]
            pairs = [(row.event_id, row.endpoint) for row in some]
            results = await self._admin.redeliver(
                pairs, dead_only=dead_only, request=request
            )
            for (event_id, endpoint), result in zip(pairs, results, strict=True):
                yield Redelivered(event_id=event_id, endpoint=endpoint, result=result)
