"""Views of endpoints and upstreams, and of what `mjbridge check` finds."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field

from bridge.app.click_errors import explain_click_error
from bridge.app.humanize import host_of, written_rate
from bridge.app.ports import EndpointRow, EndpointState, UpstreamRow, UpstreamState
from bridge.app.views import View, milliseconds, moment, moment_or_none
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint


class RequestView(View):
    """A request as an endpoint would get it, without what lets somebody in."""

    method: str
    url: str = Field(description="Masked.")
    headers: dict[str, str]
    body: str = Field(description="Bytes that are not text are counted.")


class LatencyView(View):
    """How long the deliveries of the last 24 hours took, in milliseconds."""

    p50: int
    p95: int

    @classmethod
    def of(cls, row: EndpointRow) -> Self | None:
        """Show an endpoint's latency; ``None`` if nothing was tried lately."""
        if row.p50 is None or row.p95 is None:
            return None
        return cls(p50=milliseconds(row.p50), p95=milliseconds(row.p95))


class SlotView(View):
    """The attempts of five minutes."""

    at: str = Field(description="When they began.")
    ok: int
    failed: int


class EndpointView(View):
    """An endpoint, and how it is doing."""

    name: str
    kind: str | None
    host: str | None = Field(description="Never the URL: that is a secret.")
    configured: bool = Field(description="False: only the store still knows it.")
    events: list[str] = Field(description="Globs over the types that it subscribes to.")
    state: EndpointState
    since: str | None = Field(description="Since when it is not up; RFC 3339, UTC.")
    reason: str | None = Field(description="Why it is not up.")
    retry_at: str | None = Field(description="When it is tried again.")
    failures: int = Field(description="Failed attempts in a row.")
    pending: int = Field(description="Deliveries that wait.")
    oldest_pending_at: str | None = Field(description="When the oldest was seen.")
    dead: int = Field(description="Deliveries that were given up.")
    delivered: int = Field(description="Deliveries that arrived, as far as is kept.")
    latency_ms: LatencyView | None
    last_success_at: str | None
    rate_limit: str | None = Field(description="20/s, 30/m; null for none.")
    clicks_reason: str | None = Field(
        description="Why clicks on its buttons do not arrive, and what to do; null if nothing is known."
    )
    history: list[SlotView] = Field(
        description="The last 24 hours, the oldest first, without idle slots."
    )

    @classmethod
    def of(cls, endpoint: Endpoint | None, row: EndpointRow) -> Self:
        """Show an endpoint: its configuration, if there is one, and what the store knows."""
        return cls(
            name=row.name,
            kind=endpoint.kind if endpoint else row.kind or None,
            host=(host_of(endpoint.url) or None) if endpoint else None,
            configured=endpoint is not None,
            events=list(endpoint.events) if endpoint else [],
            state=row.state,
            since=moment_or_none(row.since),
            reason=row.reason,
            retry_at=moment_or_none(row.until),
            failures=row.failures,
            pending=row.pending,
            oldest_pending_at=moment_or_none(row.oldest_pending_at),
            dead=row.dead,
            delivered=row.delivered,
            latency_ms=LatencyView.of(row),
            last_success_at=moment_or_none(row.succeeded_at),
            rate_limit=written_rate(endpoint.rate) if endpoint else None,
            clicks_reason="; ".join(explain_click_error(row)) or None,
            history=[
                SlotView(at=moment(one.at), ok=one.ok, failed=one.failed)
                for one in row.history
            ],
        )


class UpstreamView(View):
    """An upstream, and how it answers."""

    name: str
    host: str | None = Field(description="Null if it is not configured any more.")
    state: UpstreamState
    since: str | None = Field(description="Since when it is not up; RFC 3339, UTC.")
    reason: str | None = Field(description="What was wrong with its last answer.")
    tracked: int = Field(description="Tasks that are kept of it.")
    active: int = Field(description="Tasks of it that are polled.")
    last_answer_at: str | None = Field(description="When it last answered validly.")
    requests_per_minute: float = Field(
        description="Over the last five minutes, or since the first request in them."
    )
    lag_seconds: float = Field(description="How late polls are.")

    @classmethod
    def of(cls, row: UpstreamRow, base_url: str | None) -> Self:
        """Show an upstream; without a base URL it is not configured any more."""
        return cls(
            name=row.name,
            host=None if base_url is None else host_of(base_url),
            state=row.state,
            since=moment_or_none(row.since),
            reason=row.reason,
            tracked=row.tracked,
            active=row.active,
            last_answer_at=moment_or_none(row.last_answer_at),
            requests_per_minute=round(row.requests_per_minute, 2),
            lag_seconds=round(row.lag, 3),
        )


class SampleView(View):
    """How an endpoint answered to a sample event."""

    endpoint: str
    type: str
    outcome: str = Field(description="delivered, or why not: as in attempts.")
    status: int | None = Field(description="The HTTP status; null if none came.")
    took_ms: int = Field(description="Milliseconds until the answer was read.")
    detail: str = Field(description="The answer's beginning, or what went wrong.")

    @classmethod
    def of(cls, endpoint: str, event_type: str, attempt: Attempt) -> Self:
        """Show the answer."""
        return cls(
            endpoint=endpoint,
            type=event_type,
            outcome=attempt.outcome,
            status=attempt.status,
            took_ms=milliseconds(attempt.duration),
            detail=attempt.detail,
        )


class FindingView(View):
    """One thing that `mjbridge check` looked at."""

    check: str = Field(
        description="configuration, store, workers, upstream or endpoint."
    )
    name: str | None = Field(description="Which upstream or endpoint.")
    level: Literal["ok", "note", "warning", "error"]
    detail: str = Field(description="What was found.")
    mend: str | None = Field(description="What to do about it.")
