"""Views of events, their deliveries, and the attempts at these."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias

from pydantic import Field

from bridge.app.ports import (
    DeliveryRow,
    DeliveryState,
    EventRow,
    RedeliveryResult,
    Wait,
)
from bridge.app.views import View, milliseconds, moment, moment_or_none
from bridge.app.waiting import Cause, Explanation, explain, next_attempt
from bridge.core.delivery import Attempt, Disposition
from bridge.core.event import Event
from bridge.core.task import TaskKey

#: Why deliveries wait, by the event's id and the endpoint's name.
Waits: TypeAlias = Mapping[tuple[str, str], Wait]


class EventView(View):
    """An event: what receivers are sent, and the id they know it by."""

    event_id: str = Field(description="The webhook-id of each attempt.")
    type: str = Field(description="task.succeeded, ...")
    timestamp: str = Field(description="When the bridge saw the change; RFC 3339, UTC.")
    data: dict[str, Any] = Field(description="As it is sent to receivers.")

    @classmethod
    def of(cls, event: Event) -> Self:
        """Show an event."""
        return cls(event_id=event.id, **json.loads(event.body))


class AttemptView(View):
    """One attempt to deliver an event to an endpoint."""

    at: str = Field(description="When it began; RFC 3339, UTC.")
    took_ms: int = Field(description="Milliseconds until the answer was read.")
    status: int | None = Field(description="The HTTP status; null if none came.")
    outcome: str = Field(
        description="delivered; 3xx, 4xx or 5xx; timeout, connection, forbidden or "
        "rendering; refused by a platform that says so with 200."
    )
    detail: str = Field(description="The answer's beginning, or what went wrong.")

    @classmethod
    def of(cls, attempt: Mapping[str, Any]) -> Self:
        """Show an attempt of the log."""
        return cls(
            at=moment(attempt["started"]),
            took_ms=milliseconds(attempt["took"]),
            status=attempt["status"],
            outcome=outcome_of(attempt),
            detail=attempt["detail"],
        )


class WaitView(View):
    """Why a delivery waits: what `reason` says in English."""

    cause: Cause
    at: str | None = Field(
        description="Since when it is switched off, or overdue; or until when it waits."
    )
    number: int | None = Field(
        description="Of the event that goes first, or of attempts under way."
    )

    @classmethod
    def of(cls, explanation: Explanation) -> Self:
        """Show an explanation."""
        return cls(
            cause=explanation.cause,
            at=moment_or_none(explanation.at),
            number=explanation.number,
        )


class EventDeliveryView(View):
    """How an event's delivery to one endpoint stands."""

    endpoint: str
    state: DeliveryState
    attempts: list[AttemptView] = Field(description="Oldest first.")
    next_at: str | None = Field(description="When it is tried next, if that is known.")
    reason: str | None = Field(description="Why it waits, or was given up.")
    wait: WaitView | None = Field(description="Why it waits, for programs.")

    @classmethod
    def of(
        cls,
        row: DeliveryRow,
        attempts: Sequence[Mapping[str, Any]],
        wait: Wait | None = None,
    ) -> Self:
        """Show a delivery, its attempts among all of its event, and why it waits."""
        explanation = None if wait is None else explain(wait)
        return cls(
            endpoint=row.endpoint,
            state=row.state,
            attempts=[
                AttemptView.of(one)
                for one in attempts
                if one["endpoint"] == row.endpoint
            ],
            next_at=None if wait is None else moment_or_none(next_attempt(wait)),
            reason=explanation.sentence(moment) if explanation else row.reason,
            wait=None if explanation is None else WaitView.of(explanation),
        )


class EventDetailView(EventView):
    """An event and its deliveries."""

    deliveries: list[EventDeliveryView]

    @classmethod
    def of_row(cls, row: EventRow, waits: Waits | None = None) -> Self:
        """Show an event as the store keeps it, with why its open deliveries wait."""
        known = waits or {}
        return cls(
            event_id=row.event.id,
            **json.loads(row.event.body),
            deliveries=[
                EventDeliveryView.of(
                    one, row.attempts, known.get((row.event.id, one.endpoint))
                )
                for one in row.deliveries
            ],
        )


class DeliveryView(View):
    """A delivery in a list: one event for one endpoint."""

    event_id: str
    type: str
    task: str | None = Field(description="The task's id; null for operators' events.")
    upstream: str | None
    endpoint: str
    state: DeliveryState
    timestamp: str = Field(description="When the bridge saw the change; RFC 3339, UTC.")
    reason: str | None = Field(description="Why it waits, or was given up.")
    wait: WaitView | None = Field(description="Why it waits, for programs.")

    @classmethod
    def of(cls, row: DeliveryRow, wait: Wait | None = None) -> Self:
        """Show a delivery, and why it waits if that was asked."""
        explanation = None if wait is None else explain(wait)
        key = None if row.subject.startswith("@") else TaskKey.read(row.subject)
        return cls(
            event_id=row.event_id,
            type=row.type,
            task=key.id if key else None,
            upstream=key.upstream if key else None,
            endpoint=row.endpoint,
            state=row.state,
            timestamp=moment(row.at),
            reason=explanation.sentence(moment) if explanation else row.reason,
            wait=None if explanation is None else WaitView.of(explanation),
        )


class RedeliveryView(View):
    """What became of the request to send an event again."""

    event_id: str
    endpoint: str
    result: RedeliveryResult


def outcome_of(attempt: Mapping[str, Any]) -> str:
    """Return what an attempt of the log came to, in the word that metrics use."""
    if attempt["verdict"] == Disposition.DELIVERED:
        return "delivered"
    status, fault = attempt["status"], attempt["fault"]
    if status is not None and 200 <= status < 300:
        return "refused"  # by what the platform says in its answer
    made = Attempt(started=0.0, duration=0.0, status=status, fault=fault)
    return made.outcome
