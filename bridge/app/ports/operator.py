"""
The operator's side: what people and programs read in the store, and change there.

Times are in seconds since the epoch, by the store's clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from bridge.app.ports.delivery import Waiting
from bridge.app.ports.polling import Tracked
from bridge.app.ports.publication import Publication
from bridge.core.event import Event, Json
from bridge.core.task import TaskKey, TaskSnapshot

DeliveryState: TypeAlias = Literal["pending", "held", "delivered", "superseded", "dead"]
EndpointState: TypeAlias = Literal[
    "ok", "failing", "open", "throttled", "paused", "disabled", "idle"
]
#: What became of the request to send an event again: it is queued; its first delivery is
#: still open; it was sent again a moment ago; it is no longer kept; it is not dead.
RedeliveryResult: TypeAlias = Literal["queued", "open", "recent", "unknown", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """
    A task as the store keeps it.

    Attributes:
        status: As in events; ``LOST`` for a lost task, ``None`` for one never seen.

        next_look: When it is polled next; ``None`` if it is not.
    """

    key: TaskKey
    active: bool
    status: str | None
    sequence: int
    tracked_at: float
    metadata: Mapping[str, Json]
    snapshot: TaskSnapshot | None
    next_look: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One event for one endpoint."""

    event_id: str
    type: str
    subject: str
    endpoint: str
    state: DeliveryState
    at: float
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event, its deliveries, and the attempts made for them, oldest first."""

    event: Event
    deliveries: Sequence[DeliveryRow]
    attempts: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """
    An endpoint as the deployment knows it.

    Attributes:
        until: When an open or throttled endpoint is tried again.

        latency: Seconds that its recent attempts took.

        seen_at: When a worker last had it configured.
    """

    name: str
    kind: str = ""
    state: EndpointState = "idle"
    pending: int = 0
    dead: int = 0
    failures: int = 0
    failing_since: float | None = None
    reason: str | None = None
    until: float | None = None
    latency: float | None = None
    succeeded_at: float | None = None
    seen_at: float | None = None


class TaskQueries(Protocol):
    """Reads tasks and what happened to them."""

    async def rows(self, keys: Sequence[TaskKey]) -> Sequence[TaskRow]:
        """Return tasks in the order of their keys, without those that are not kept."""

    async def active(self, upstream: str, most: int) -> Sequence[TaskKey]:
        """Return the tasks of an upstream that are polled, the next due first."""

    async def story(self, subject: str) -> Sequence[EventRow]:
        """Return the events of a task, or of another subject, oldest first."""


class Queries(TaskQueries, Protocol):
    """Reads a deployment; changes nothing."""

    def tasks(
        self,
        *,
        status: str | None = None,
        active: bool = False,
        upstream: str | None = None,
    ) -> AsyncIterator[TaskRow]:
        """List tasks, the newest tracked first."""

    async def upstreams(self) -> Sequence[str]:
        """Return the names of the upstreams that kept tasks were tracked at."""

    async def event(self, event_id: str) -> EventRow | None:
        """Return an event; ``None`` if it is not kept."""

    def deliveries(
        self, *, endpoint: str | None = None, state: DeliveryState | None = None
    ) -> AsyncIterator[DeliveryRow]:
        """List deliveries, those of the newest event first."""

    async def endpoints(self, now: float) -> Sequence[EndpointRow]:
        """Return every endpoint that a worker has ever had configured."""

    async def heartbeat(self) -> float | None:
        """Return when the last sweep on a tick ran; ``None`` if none ever did."""


class Tracker(Protocol):
    """Takes tasks to be polled."""

    async def track(
        self, upstream: str, ids: Sequence[str], metadata: Mapping[str, Json]
    ) -> tuple[Tracked, bool]:
        """Track tasks; the second value is whether a worker should be woken."""


class Admin(Protocol):
    """Changes a deployment. Each method is one atomic step."""

    async def clock(self) -> float:
        """Return the store's clock."""

    async def untrack(self, key: TaskKey) -> bool | None:
        """Stop polling a task; false if it was not polled, ``None`` if it is unknown."""

    async def switch(
        self, endpoint: str, what: Literal["pause", "resume"]
    ) -> tuple[bool, bool]:
        """Pause or resume an endpoint; whether that changed anything, and whether to wake."""

    async def redeliver(
        self, event_id: str, endpoint: str, *, dead_only: bool = False
    ) -> tuple[RedeliveryResult, bool]:
        """Queue an event again; what came of it, and whether to wake a worker."""

    async def open_at(self, endpoint: str, most: int) -> Sequence[Waiting]:
        """Return up to *most* open deliveries of an endpoint."""

    async def give_up(
        self,
        waiting: Sequence[Waiting],
        reason: str,
        notices: Sequence[Sequence[Publication]] = (),
    ) -> int:
        """Give up deliveries that nobody is attempting; return how many that were."""
