"""Upstreams: how they answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from bridge.app.views.endpoints import UpstreamView
from bridge.web.api.answers import FEED_POSITION, LIST_HEADERS, PageView
from bridge.web.api.requests import Services, ShortListParameters

router = APIRouter(tags=["upstreams"])


@router.get(
    "/upstreams",
    responses=LIST_HEADERS,
)
async def list_upstreams(
    given: Annotated[ShortListParameters, Query()],
    services: Services,
    response: Response,
) -> PageView[UpstreamView]:
    """List upstreams in the order of the configuration."""
    response.headers[FEED_POSITION] = await services.feed.position()
    configured = services.settings.upstreams
    rows = {
        row.name: row
        for row in await services.queries.upstreams(
            await services.clock(), names=configured
        )
    }
    shown = {
        name: UpstreamView.of(
            rows[name], configured[name].base_url if name in configured else None
        )
        for name in dict.fromkeys([*configured, *sorted(rows)])
    }
    return PageView.part(shown, limit=given.limit, cursor=given.cursor)
