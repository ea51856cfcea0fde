"""Events and their deliveries: list them, show them, send them again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from bridge.app.ports import DeliveryState, RedeliveryResult
from bridge.app.redelivery import deliveries_to
from bridge.app.views import View
from bridge.app.views.events import DeliveryView, EventDetailView, EventView
from bridge.web.api.answers import FEED_POSITION, LIST_HEADERS, PageView, ProblemDetails
from bridge.web.api.idempotency import RequestName
from bridge.web.api.requests import (
    MAX_TEXT,
    NO_PARAMETERS,
    Body,
    InvalidRequest,
    PageParameters,
    Services,
    Time,
    with_example,
)

router = APIRouter(tags=["events"])

#: Why an event is not sent again, in words.
SKIPPED: dict[RedeliveryResult, str] = {
    "open": "it is still on the way",
    "recent": "it was sent again a moment ago",
    "skipped": "it is not dead",
    "unknown": "it is not kept any more",
}


class EventPageParameters(PageParameters):
    """Which events to list."""

    type: list[Annotated[str, Field(max_length=MAX_TEXT)]] = Field(
        default=[],
        max_length=16,
        description="Patterns: `task.*`, `*.dead`; any of them is enough. Several may stand "
        "in one, with commas between.",
    )
    task: str | None = Field(
        default=None, max_length=MAX_TEXT, description="Those of a task."
    )
    upstream: str | None = Field(default=None, max_length=MAX_TEXT)
    since: Time | None = Field(
        default=None, description="Those seen at this time or later."
    )

    def types(self) -> list[str]:
        """Return the patterns one by one; several may stand in one text, with commas."""
        parts = [part.strip() for value in self.type for part in value.split(",")]
        return [part for part in parts if part]


class DeliveryPageParameters(PageParameters):
    """Which deliveries to list."""

    endpoint: str | None = Field(default=None, max_length=MAX_TEXT)
    state: DeliveryState | None = None


class RedeliverEventBody(Body):
    """To whom an event is sent again."""

    model_config = with_example(endpoint="pipeline")

    endpoint: str | None = Field(
        default=None, max_length=MAX_TEXT, description="By default all that it was for."
    )


class SkippedView(View):
    """An endpoint that an event is not sent to again."""

    endpoint: str
    reason: str


class RedeliveredView(View):
    """What became of an event that was to be sent again."""

    queued: list[str] = Field(description="Endpoints that it is sent to again.")
    skipped: list[SkippedView]


EventId = Annotated[str, Path(description="evt_...")]


@router.get("/events", responses=LIST_HEADERS | ProblemDetails.answers(409))
async def list_events(
    given: Annotated[EventPageParameters, Query()],
    services: Services,
    response: Response,
) -> PageView[EventView]:
    """
    List events, those seen last first.

    Where several upstreams know the task, `upstream` has to say which one is meant.
    """
    response.headers[FEED_POSITION] = await services.feed.position()
    subject = None
    if given.task is not None:
        subject = await services.lookup.subject_of(given.task, given.upstream)
    page = await services.queries.event_page(
        types=given.types(),
        subject=subject,
        upstream=given.upstream,
        since=given.since,
        cursor=given.cursor,
        limit=given.limit,
    )
    return PageView.of(page, lambda row: EventView.of(row.event))


@router.get(
    "/events/{event_id}",
    dependencies=[NO_PARAMETERS],
    responses=ProblemDetails.answers(404),
)
async def show_event(event_id: EventId, services: Services) -> EventDetailView:
    """Show an event, its deliveries with all their attempts, and why they wait."""
    row = await services.lookup.find_event(event_id)
    waits = await services.lookup.waits_of(row.deliveries)
    return EventDetailView.of_row(row, waits)


@router.post(
    "/events/{event_id}/redeliver",
    status_code=202,
    dependencies=[NO_PARAMETERS],
    responses=ProblemDetails.answers(404, 409, 413, 415),
)
async def redeliver_event(
    event_id: EventId,
    services: Services,
    request: RequestName,
    body: RedeliverEventBody = RedeliverEventBody(),  # noqa: B008 - it is frozen
) -> RedeliveredView:
    """
    Send an event again, out of order and marked ``webhook-redelivery: true``.

    What is still on the way is left alone, and asking twice sends once.
    """
    row = await services.lookup.find_event(event_id)
    wanted = deliveries_to(row, body.endpoint)
    if body.endpoint is not None and not wanted:
        detail = "The event was not for an endpoint of this name."
        raise InvalidRequest(pointer="/endpoint", detail=detail)
    queued: list[str] = []
    skipped: list[SkippedView] = []
    async for one in services.redelivery.send(wanted, request=request):
        if one.result == "queued":
            queued.append(one.endpoint)
        else:
            reason = SKIPPED[one.result]
            skipped.append(SkippedView(endpoint=one.endpoint, reason=reason))
    return RedeliveredView(queued=queued, skipped=skipped)


@router.get("/deliveries", responses=LIST_HEADERS)
async def list_deliveries(
    given: Annotated[DeliveryPageParameters, Query()],
    services: Services,
    response: Response,
) -> PageView[DeliveryView]:
    """List deliveries, those of the event seen last first, and why those wait that do."""
    response.headers[FEED_POSITION] = await services.feed.position()
    page = await services.lookup.delivery_page(
        endpoint=given.endpoint,
        state=given.state,
        cursor=given.cursor,
        limit=given.limit,
    )
    return PageView.of(page, lambda one: DeliveryView.of(one.row, one.wait))
