"""Views of tasks, their events, and the attempts to deliver these."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field

from bridge.app.ports import DeliveryState, EventRow, TaskRow
from bridge.app.views import View
from bridge.core.event import iso, snapshot_json

TrackingResult: TypeAlias = Literal["tracked", "known", "untracked", "not tracked"]


class TaskView(View):
    """A task in a list."""

    id: str = Field(description="The id that the gateway gave it.")
    upstream: str = Field(description="The upstream where it is polled.")
    status: str | None = Field(
        description="As in events; LOST for a lost task, null for one never seen."
    )
    active: bool = Field(description="Whether it is polled.")
    progress: int | None = Field(description="0 to 100.")
    sequence: int = Field(description="How many events there were.")
    action: str | None = Field(description="IMAGINE, UPSCALE, ...")
    prompt: str | None
    fail_reason: str | None = Field(description="Why it failed.")
    image_url: str | None
    tracked_at: str = Field(description="When it was last tracked; RFC 3339, UTC.")
    next_look_at: str | None = Field(description="When it is polled next.")
    metadata: dict[str, Any] = Field(description="What it was tracked with.")

    @classmethod
    def of(cls, row: TaskRow) -> Self:
        """Show a task."""
        return cls(**_task_fields(row))


class TrackingView(View):
    """What tracking or untracking came to for one id."""

    id: str
    upstream: str
    result: TrackingResult


class TaskEndView(View):
    """How a task stands that nothing more will happen to."""

    id: str
    upstream: str
    status: str | None = Field(description="Null if the task was never seen.")
    progress: int | None

    @classmethod
    def of(cls, row: TaskRow) -> Self:
        """Show a task's end."""
        return cls(
            id=row.key.id,
            upstream=row.key.upstream,
            status=row.status,
            progress=row.snapshot.progress if row.snapshot else None,
        )


class NewsView(View):
    """An event as it happens."""

    event: str = Field(description="The event's id, webhook-id of each attempt.")
    type: str = Field(description="task.succeeded, ...")
    timestamp: str = Field(description="When the bridge saw the change.")
    data: dict[str, Any] = Field(description="As it is sent to receivers.")


class AttemptView(View):
    """One attempt to deliver an event to an endpoint."""

    endpoint: str
    started: str = Field(description="RFC 3339, UTC.")
    took: float = Field(description="Seconds until the response was read.")
    status: int | None = Field(description="The HTTP status; null if none came.")
    fault: str | None = Field(description="Why no response came.")
    detail: str = Field(description="The response's beginning, or what went wrong.")
    verdict: str = Field(description="What followed: delivered, retry or dead.")

    @classmethod
    def of(cls, attempt: Mapping[str, Any]) -> Self:
        """Show an attempt of the log."""
        return cls(**_attempt_fields(attempt))


class DeliveryStateView(View):
    """How an event's delivery to one endpoint stands."""

    endpoint: str
    state: DeliveryState
    reason: str | None = Field(description="Why it is in that state.")


class EventView(NewsView):
    """An event, its deliveries and its attempts."""

    deliveries: list[DeliveryStateView]
    attempts: list[AttemptView] = Field(description="Oldest first.")

    @classmethod
    def of(cls, row: EventRow) -> Self:
        """Show an event."""
        return cls(
            event=row.event.id,
            **json.loads(row.event.body),
            deliveries=[
                DeliveryStateView(
                    endpoint=one.endpoint, state=one.state, reason=one.reason
                )
                for one in row.deliveries
            ],
            attempts=[AttemptView.of(one) for one in row.attempts],
        )


class TaskDeliveryView(DeliveryStateView):
    """A delivery among all of a task."""

    event: str
    type: str


class TaskAttemptView(AttemptView):
    """An attempt among all of a task."""

    event: str
    type: str


class TaskDetailView(TaskView):
    """A task, and everything that is known of it."""

    snapshot: dict[str, Any] | None = Field(
        description="The task as last seen, in the spelling of events."
    )
    events: list[EventView] = Field(description="Oldest first.")
    deliveries: list[TaskDeliveryView] = Field(description="Those of all its events.")
    attempts: list[TaskAttemptView] = Field(description="Those of all its events.")

    @classmethod
    def whole(cls, row: TaskRow, events: Sequence[EventRow]) -> Self:
        """Show a task and its events."""
        return cls(
            **_task_fields(row),
            snapshot=snapshot_json(row.snapshot) if row.snapshot else None,
            events=[EventView.of(one) for one in events],
            deliveries=[
                TaskDeliveryView(
                    event=one.event.id,
                    type=one.event.type,
                    endpoint=delivery.endpoint,
                    state=delivery.state,
                    reason=delivery.reason,
                )
                for one in events
                for delivery in one.deliveries
            ],
            attempts=[
                TaskAttemptView(
                    event=one.event.id, type=one.event.type, **_attempt_fields(attempt)
                )
                for one in events
                for attempt in one.attempts
            ],
        )


def _task_fields(row: TaskRow) -> dict[str, Any]:
    snapshot = row.snapshot
    return {
        "id": row.key.id,
        "upstream": row.key.upstream,
        "status": row.status,
        "active": row.active,
        "progress": snapshot.progress if snapshot else None,
        "sequence": row.sequence,
        "action": snapshot.action if snapshot else None,
        "prompt": snapshot.prompt if snapshot else None,
        "fail_reason": snapshot.fail_reason if snapshot else None,
        "image_url": snapshot.image_url if snapshot else None,
        "tracked_at": iso(row.tracked_at),
        "next_look_at": iso(row.next_look) if row.next_look else None,
        "metadata": dict(row.metadata),
    }


def _attempt_fields(attempt: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **attempt,
        "started": iso(attempt["started"]),
        "took": round(attempt["took"], 4),
    }
