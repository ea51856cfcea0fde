"""
Queries: what people and programs read in the store.

Reading changes nothing, and costs what is returned: no list reads rows that it does not
return.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from bridge.app.ports.counters import Counters
from bridge.app.ports.life import SignsOfLife
from bridge.app.ports.rows import (
    DeliveryRow,
    DeliveryState,
    EndpointRow,
    EventRow,
    Page,
    TaskRow,
    UpstreamRow,
    Wait,
)
from bridge.core.task import TaskKey


class TaskQueries(Protocol):
    """Reads tasks and what happened to them."""

    async def rows(self, keys: Sequence[TaskKey]) -> Sequence[TaskRow]:
        """Return tasks in the order of their keys, without those that are not kept."""

    async def active(self, upstream: str, most: int) -> Sequence[TaskKey]:
        """Return the tasks of an upstream that are polled, the next due first."""

    async def story(self, subject: str, most: int = 50) -> Sequence[EventRow]:
        """Return the newest events of a task, or of another subject, oldest first."""


class Queries(TaskQueries, Protocol):
    """Reads a deployment; changes nothing."""

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
        """
        List tasks, the newest tracked first.

        Args:
            status: As in `TaskRow`; ``-`` for those never seen.

            upstream: Those of this upstream.

            active: Those that are polled, or those that are not.

            search: A task's id, or words of its id or prompt, in any case and order.

            cursor: Where to go on, see `Page`.

            limit: 1 to 500.

        Raises:
            InvalidCursor: The cursor does not come from a list.
        """

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
        """
        List events, those seen last first.

        Args:
            types: Patterns of types, as in an endpoint's `events`; all if there are none.

            subject: Those of a task, of which the newest 500 are listed.

            upstream: Those that concern this upstream.

            since: Those seen at this time or later.

            cursor: Where to go on, see `Page`.

            limit: 1 to 500.

        Raises:
            InvalidCursor: The cursor does not come from a list.
        """

    async def delivery_page(
        self,
        *,
        endpoint: str | None = None,
        state: DeliveryState | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[DeliveryRow]:
        """
        List deliveries, those of the event seen last first.

        Raises:
            InvalidCursor: The cursor does not come from a list.
        """

    async def event(self, event_id: str) -> EventRow | None:
        """Return an event; ``None`` if it is not kept."""

    async def endpoints(self, now: float) -> Sequence[EndpointRow]:
        """Return every endpoint that a worker has ever had configured."""

    async def upstreams(
        self, now: float, *, names: Iterable[str] = ()
    ) -> Sequence[UpstreamRow]:
        """Return the upstreams that kept tasks were tracked at, and those that are named."""

    async def waits(
        self, deliveries: Sequence[tuple[str, str]]
    ) -> Sequence[Wait | None]:
        """
        Return why deliveries wait; ``None`` for those that are not open.

        Args:
            deliveries: Each an event's id and an endpoint's name.
        """

    async def counters(self) -> Counters:
        """Return what metrics are made of."""

    async def memory_full(self) -> bool:
        """Check whether the store's memory is nearly used up, so that polling pauses."""

    async def signs_of_life(self) -> SignsOfLife:
        """Return when beat and workers were last heard of."""
