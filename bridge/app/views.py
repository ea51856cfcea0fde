"""
Views: what is shown of tasks, events, deliveries and endpoints, as JSON objects.

``--json`` prints them, and their schemas describe them. Rule: only what is written out
here is shown; no URL that lets somebody in, no secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from bridge.app.humanize import masked_url
from bridge.app.ports import (
    DeliveryRow,
    DeliveryState,
    EndpointRow,
    EndpointState,
    EventRow,
    RedeliveryResult,
    TaskRow,
)
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.core.event import iso, snapshot_json
from bridge.core.task import TaskKey

TrackingResult: TypeAlias = Literal["tracked", "known", "untracked", "not tracked"]


class View(BaseModel):
    """An object that is shown; its fields are camelCase, as in events."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True
    )

    def to_json(self) -> dict[str, Any]:
        """Return the object with the names that are shown."""
        return self.model_dump(by_alias=True)


# --- tasks ----------------------------------------------------------------------------


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


# --- deliveries -----------------------------------------------------------------------


class DeliveryView(View):
    """A delivery in a list: one event for one endpoint."""

    event: str
    type: str
    task: str | None = Field(description="The task's id; null for operators' events.")
    upstream: str | None
    endpoint: str
    state: DeliveryState
    at: str = Field(description="When the bridge saw the change; RFC 3339, UTC.")
    reason: str | None = Field(description="Why it is in that state.")

    @classmethod
    def of(cls, row: DeliveryRow) -> Self:
        """Show a delivery."""
        key = None if row.subject.startswith("@") else TaskKey.read(row.subject)
        return cls(
            event=row.event_id,
            type=row.type,
            task=key.id if key else None,
            upstream=key.upstream if key else None,
            endpoint=row.endpoint,
            state=row.state,
            at=iso(row.at),
            reason=row.reason,
        )


class RequestView(View):
    """A request as an endpoint would get it, without what lets somebody in."""

    method: str
    url: str = Field(description="Masked.")
    headers: dict[str, str]
    body: str = Field(description="Bytes that are not text are counted.")


class RedeliveryView(View):
    """What became of the request to send an event again."""

    event: str
    endpoint: str
    result: RedeliveryResult


# --- endpoints ------------------------------------------------------------------------


class EndpointView(View):
    """An endpoint, and how it is doing."""

    name: str
    kind: str | None
    url: str | None = Field(description="Masked: enough to know it by, not to use it.")
    configured: bool = Field(description="False: only the store still knows it.")
    state: EndpointState
    pending: int = Field(description="Deliveries that wait.")
    dead: int = Field(description="Deliveries that were given up.")
    failures: int = Field(description="Failed attempts in a row.")
    failing_since: str | None = Field(description="RFC 3339, UTC.")
    reason: str | None = Field(description="Why it is not ok.")
    until: str | None = Field(description="When it is tried again.")
    latency: float | None = Field(description="Seconds that recent attempts took.")
    succeeded_at: str | None = Field(description="RFC 3339, UTC.")

    @classmethod
    def of(cls, endpoint: Endpoint | None, row: EndpointRow) -> Self:
        """Show an endpoint: its configuration, if there is one, and what the store knows."""
        return cls(
            name=row.name,
            kind=endpoint.kind if endpoint else row.kind,
            url=masked_url(endpoint.url) if endpoint else None,
            configured=endpoint is not None,
            state=row.state,
            pending=row.pending,
            dead=row.dead,
            failures=row.failures,
            failing_since=_iso(row.failing_since),
            reason=row.reason,
            until=_iso(row.until),
            latency=None if row.latency is None else round(row.latency, 4),
            succeeded_at=_iso(row.succeeded_at),
        )


class SampleView(View):
    """How an endpoint answered to a sample event."""

    endpoint: str
    type: str
    delivered: bool
    status: int | None = Field(description="The HTTP status; null if none came.")
    fault: str | None = Field(description="Why no response came.")
    took: float = Field(description="Seconds.")
    detail: str = Field(description="The response's beginning, or what went wrong.")

    @classmethod
    def of(cls, endpoint: str, event_type: str, attempt: Attempt) -> Self:
        """Show the answer."""
        return cls(
            endpoint=endpoint,
            type=event_type,
            delivered=attempt.succeeded,
            status=attempt.status,
            fault=attempt.fault,
            took=round(attempt.took, 4),
            detail=attempt.detail,
        )


def _iso(at: float | None) -> str | None:
    return None if at is None else iso(at)


# --- the deployment -------------------------------------------------------------------


class FindingView(View):
    """One thing that `mjbridge check` looked at."""

    check: str = Field(
        description="configuration, store, workers, upstream or endpoint."
    )
    name: str | None = Field(description="Which upstream or endpoint.")
    level: Literal["ok", "note", "warning", "error"]
    detail: str = Field(description="What was found.")
    mend: str | None = Field(description="What to do about it.")
