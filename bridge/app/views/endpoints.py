"""Views of endpoints, of what is delivered to them, and of what `mjbridge check` finds."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from bridge.app.humanize import masked_url
from bridge.app.ports import (
    DeliveryRow,
    DeliveryState,
    EndpointRow,
    EndpointState,
    RedeliveryResult,
)
from bridge.app.views import View
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.core.event import iso
from bridge.core.task import TaskKey


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


class FindingView(View):
    """One thing that `mjbridge check` looked at."""

    check: str = Field(
        description="configuration, store, workers, upstream or endpoint."
    )
    name: str | None = Field(description="Which upstream or endpoint.")
    level: Literal["ok", "note", "warning", "error"]
    detail: str = Field(description="What was found.")
    mend: str | None = Field(description="What to do about it.")
