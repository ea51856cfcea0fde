"""A sample that is delivered now: what `mjbridge endpoints test` sends, and the page of an endpoint."""

from __future__ import annotations

import asyncio
import time

from bridge.adapters.http.guard import Guard
from bridge.adapters.http.sender import HttpSender
from bridge.app import endpoint_control
from bridge.app.samples import send_sample
from bridge.channels.endpoint_options import has_native_buttons
from bridge.core.delivery import Attempt
from bridge.core.endpoint import Endpoint
from bridge.core.token import ActionLinks
from bridge.errors import BridgeError
from bridge.runtime.deployment import Deployment
from bridge.runtime.discovery import has_store
from bridge.settings import Settings

#: Seconds that the store has to tell how an endpoint is; the sample is sent in any case.
_QUICK = 1.0


async def try_endpoint(settings: Settings, endpoint: Endpoint, event: str) -> Attempt:
    """Send a sample event of a type to an endpoint now."""
    sender = HttpSender(guard=Guard(settings.allow_networks))
    try:
        return await send_sample(
            endpoint,
            event,
            sender=sender,
            now=time.time,
            elapsed=time.monotonic,
            links=await _links(settings, endpoint),
        )
    finally:
        await sender.aclose()


async def why_later(settings: Settings, name: str) -> str:
    """
    Return why an endpoint is sent nothing else just now, as far as the store tells at once.

    Returns:
        Nothing, if it is; and where the store is away.
    """
    if not has_store(settings):
        return ""
    try:
        async with asyncio.timeout(_QUICK), Deployment(settings) as deployment:
            now = await deployment.admin.clock()
            rows = await deployment.queries.endpoints(now)
    except (BridgeError, TimeoutError):
        return ""
    return next(
        (endpoint_control.why_later(row, now) for row in rows if row.name == name), ""
    )


async def _links(settings: Settings, endpoint: Endpoint) -> ActionLinks | None:
    """Return what signs a sample's buttons, where it is to have some and the store is there."""
    if not has_native_buttons(endpoint) or not has_store(settings):
        return None
    try:
        async with Deployment(settings) as deployment:
            keys = await deployment.links.keys()
    except BridgeError:
        return None
    return ActionLinks(
        keys=keys, public_url=settings.public_url, ttl=settings.links.ttl
    )
