"""Endpoints: how they are doing, and what can be done about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException

from bridge.app.endpoint_control import KnownEndpoint
from bridge.app.lookup import OPEN
from bridge.app.views import View
from bridge.app.views.endpoints import EndpointView, SampleView
from bridge.core.action import KIND as UPSTREAM_KIND
from bridge.core.archive import KIND as ARCHIVE_KIND
from bridge.core.hook import is_hook
from bridge.web.api.answers import FEED_POSITION, LIST_HEADERS, PageView, ProblemDetails
from bridge.web.api.idempotency import IDEMPOTENT, RequestName
from bridge.web.api.requests import (
    NO_PARAMETERS,
    Body,
    Services,
    ShortListParameters,
    Time,
    about,
    with_example,
)
from bridge.web.context import WebContext

router = APIRouter(tags=["endpoints"])

#: The type of event that a test sends.
SAMPLE = "task.succeeded"


class EndpointNameConvertor(StringConvertor):
    """The name of an endpoint; that of a task's hook has slashes: ``hook:https://host:443``."""

    regex = "hook:[a-z]+://[^/]+|[^/]+"


register_url_convertor("endpoint", EndpointNameConvertor())

Name = Annotated[str, Path(description="As in the configuration.")]


class RedeliverEndpointBody(Body):
    """What an endpoint is sent again."""

    model_config = with_example(since="2024-11-03T08:00:00Z", dead=True, dryRun=True)

    since: Time = Field(
        description="Events seen at this time or later; not in the future."
    )
    dead: bool = Field(default=False, description="Only deliveries that were given up.")
    dry_run: bool = Field(default=False, description="Count them, and send nothing.")


class CountView(View):
    """How many deliveries."""

    count: int


@router.get("/endpoints", responses=LIST_HEADERS)
async def list_endpoints(
    given: Annotated[ShortListParameters, Query()],
    services: Services,
    response: Response,
) -> PageView[EndpointView]:
    """List endpoints in the order of the configuration."""
    response.headers[FEED_POSITION] = await services.feed.position()
    known = await services.endpoint_control.endpoints()
    shown = {one.row.name: EndpointView.of(one.endpoint, one.row) for one in known}
    return PageView.part(shown, limit=given.limit, cursor=given.cursor)


@router.get(
    "/endpoints/{name:endpoint}",
    dependencies=[NO_PARAMETERS],
    responses=ProblemDetails.answers(404),
)
async def show_endpoint(name: Name, services: Services) -> EndpointView:
    """Show an endpoint, and how it is doing."""
    known = await _find(name, services)
    return EndpointView.of(known.endpoint, known.row)


@router.post(
    "/endpoints/{name:endpoint}/test",
    dependencies=[NO_PARAMETERS, IDEMPOTENT],
    responses=ProblemDetails.answers(404, 409),
)
async def send_sample(name: Name, services: Services) -> SampleView:
    """Send an endpoint a sample event now, marked as one; nothing of it is kept."""
    known = await _find(name, services)
    if known.endpoint is None:
        raise HTTPException(409, "This endpoint is not configured.")
    if known.endpoint.kind in {ARCHIVE_KIND, UPSTREAM_KIND}:
        raise HTTPException(
            409, "This is work of the bridge's own: no events are sent."
        )
    if is_hook(name):
        raise HTTPException(409, "Hooks belong to their tasks: there is none to test.")
    attempt = await services.try_endpoint(known.endpoint, SAMPLE)
    return SampleView.of(name, SAMPLE, attempt)


@router.post(
    "/endpoints/{name:endpoint}/pause",
    dependencies=[NO_PARAMETERS],
    responses=ProblemDetails.answers(404, 409),
)
async def pause(name: Name, services: Services, request: RequestName) -> EndpointView:
    """Hold an endpoint's deliveries; they go on collecting."""
    await _find(name, services)
    await services.endpoint_control.pause(name, request=request)
    return await show_endpoint(name, services)


@router.post(
    "/endpoints/{name:endpoint}/resume",
    dependencies=[NO_PARAMETERS],
    responses=ProblemDetails.answers(404, 409),
)
async def resume(name: Name, services: Services, request: RequestName) -> EndpointView:
    """
    Deliver again to an endpoint that was paused, or disabled by a 410; and try at once what
    waits for its next attempt.
    """
    await _find(name, services)
    await services.endpoint_control.resume(name, request=request)
    return await show_endpoint(name, services)


@router.post(
    "/endpoints/{name:endpoint}/redeliver",
    status_code=202,
    dependencies=[NO_PARAMETERS],
    responses=ProblemDetails.answers(404, 409, 413, 415),
)
async def redeliver(
    name: Name,
    body: RedeliverEndpointBody,
    services: Services,
    request: RequestName,
) -> CountView:
    """
    Send an endpoint again what it was to get since a time, the oldest first.

    Superseded progress and what is still on the way are left alone. Asking twice sends once.
    """
    await _find(name, services)
    redelivery = services.redelivery
    with about("/since"):
        found = await redelivery.eligible(name, body.since, dead_only=body.dead)
    if body.dry_run:
        return CountView(count=sum(one.state not in OPEN for one in found))
    done = redelivery.send(found, dead_only=body.dead, request=request)
    count = [one.result async for one in done].count("queued")
    if request is not None:
        count = await services.requests.queued(request)
    return CountView(count=count)


async def _find(name: str, services: WebContext) -> KnownEndpoint:
    for one in await services.endpoint_control.endpoints():
        if one.row.name == name:
            return one
    raise HTTPException(404, "There is no endpoint of this name.")
