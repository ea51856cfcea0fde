"""
Rows: what reading the store returns.

Times are in seconds since the epoch, by the store's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from bridge.core.archive import Archived
from bridge.core.event import Event
from bridge.core.event_data import Json
from bridge.core.task import NO_LINEAGE, Lineage, TaskKey, TaskSnapshot

Row = TypeVar("Row")

#: Attempts that are kept of an event, for all of its endpoints.
ATTEMPTS_KEPT = 50

DeliveryState: TypeAlias = Literal["pending", "held", "delivered", "superseded", "dead"]
EndpointState: TypeAlias = Literal["up", "failing", "open", "paused", "disabled"]
UpstreamState: TypeAlias = Literal["up", "failing", "unhealthy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Row]):
    """
    A part of a list, the newest first.

    Attributes:
        items: Up to `limit` rows. A search looks into a bounded number of rows a call, so
            its pages may be short, or even empty, and still have a `next`.

        next: Where the list goes on; ``None`` at its end. It stays right while rows are
            added, change or end: what exists throughout is listed exactly once.
    """

    items: Sequence[Row]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """
    A task as the store keeps it.

    Attributes:
        status: As in events; ``LOST`` for a lost task, ``None`` for one never seen.

        seen_at: When the snapshot was seen; ``None`` if there is none, or it was seen by
            a version that did not note that.

        next_look: When it is polled next; ``None`` if it is not.

        hook_refused: Why it has no hook, if one was asked for with its submission.

        archived: What was kept of its pictures; ``None`` if that is not known (yet).
    """

    key: TaskKey
    active: bool
    status: str | None
    sequence: int
    tracked_at: float
    metadata: Mapping[str, Json]
    snapshot: TaskSnapshot | None
    seen_at: float | None = None
    next_look: float | None = None
    hook_refused: str = ""
    lineage: Lineage = NO_LINEAGE
    archived: Archived | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One event for one endpoint; pending where the endpoint holds what it has is ``held``."""

    event_id: str
    type: str
    subject: str
    endpoint: str
    state: DeliveryState
    at: float  #: When the event was seen.
    reason: str | None = None  #: Why it is dead.


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """
    An event, its deliveries, and the attempts made for them, oldest first.

    Attributes:
        attempts: Each with ``endpoint``, ``started``, ``took`` (seconds), ``status``,
            ``fault``, ``detail`` and ``verdict``; the newest
            `ATTEMPTS_KEPT`. Pages leave them out.
    """

    event: Event
    deliveries: Sequence[DeliveryRow]
    attempts: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The attempts of five minutes."""

    at: float  #: When they began.
    ok: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow:
    """
    An endpoint as the deployment knows it.

    Attributes:
        state: ``up`` also if it was never tried; ``open`` while the breaker is.

        since: When the state began, if it is not ``up``, as far as that is known.

        until: When it is tried again, if it is open or asked to be left alone.

        delivered: Deliveries that arrived, of the events that are kept.

        oldest_pending_at: When the oldest event that waits was seen.

        configured_at: When a worker last had it configured: some seconds ago while there is
            one, and an hour after that what waits is given up.

        latency: Seconds that its recent attempts took.

        p50: Half of the deliveries of the last 24 hours took no longer than this, in
            seconds, estimated from a histogram; ``None`` if there were none.

        p95: Likewise, 95 of a hundred.

        history: The last 24 hours, the oldest first, without the slots in which nothing
            was tried.

        click_error: What went wrong when the clicks on its buttons were fetched, if that was
            within the last minute.
    """

    name: str
    kind: str = ""
    state: EndpointState = "up"
    since: float | None = None
    pending: int = 0
    dead: int = 0
    delivered: int = 0
    oldest_pending_at: float | None = None
    configured_at: float | None = None
    failures: int = 0
    failing_since: float | None = None
    reason: str | None = None
    until: float | None = None
    latency: float | None = None
    p50: float | None = None
    p95: float | None = None
    history: Sequence[Slot] = ()
    succeeded_at: float | None = None
    click_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamRow:
    """
    An upstream as the deployment knows it.

    Attributes:
        state: ``failing`` since a poll got no valid answer, ``unhealthy`` once that was
            reported to operators.

        since: When it began to fail; ``None`` if it is up.

        reason: What was wrong with its last answer, for a person.

        tracked: Tasks that are kept of it.

        active: Those among them that are polled.

        last_answer_at: When it last gave a valid answer.

        requests_per_minute: Over the last five minutes, or as long as there were any in them;
            in the first minute, those so far.

        lag: Seconds for which the task that is due the longest has waited to be polled.
    """

    name: str
    state: UpstreamState = "up"
    since: float | None = None
    reason: str | None = None
    tracked: int = 0
    active: int = 0
    last_answer_at: float | None = None
    requests_per_minute: float = 0.0
    lag: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """
    The facts that say why an open delivery waits; several may hold at once.

    Attributes:
        now: The store's clock.

        paused_at: When the endpoint was paused; ``None`` if it is not.

        disabled_at: When it was disabled; ``None`` if it is not.

        unconfigured: Whether a worker found that it is not configured there.

        hold_until: Until when the receiver asked to be left alone, if that is to come.

        open_until: Until when the breaker is open, if that is to come.

        trial_until: Until when, at the latest, the half-open breaker awaits the outcome
            of a trial.

        next_token_at: When the rate allows another attempt, if it does not now.

        in_flight: Attempts that are under way at the endpoint.

        concurrency: How many may be.

        attempted_until: The delivery itself is under way, until then at the latest.

        behind: The event that goes first, as it is of the same task; ``None`` if this one
            is next.

        behind_sequence: That event's number among those of its task.

        suspect: Whether its worker did not survive it. It is then attempted alone.

        suspect_trial: Whether a suspect is being attempted, so that all others wait.

        next_at: When it may be attempted, by its own schedule; ``None`` while it is
            behind another, under way, or a suspect.

        attempts: Attempts so far.

        reason: Why the last of the endpoint's attempts failed.

        memory_full: Whether the store's memory is nearly used up.

        heartbeat: When a worker that delivers was last there; ``None`` if none ever was.
    """

    now: float
    paused_at: float | None = None
    disabled_at: float | None = None
    unconfigured: bool = False
    hold_until: float | None = None
    open_until: float | None = None
    trial_until: float | None = None
    next_token_at: float | None = None
    in_flight: int = 0
    concurrency: int = 1
    attempted_until: float | None = None
    behind: str | None = None
    behind_sequence: int | None = None
    suspect: bool = False
    suspect_trial: bool = False
    next_at: float | None = None
    attempts: int = 0
    reason: str | None = None
    memory_full: bool = False
    heartbeat: float | None = None
