"""Looking whether clicks on buttons in chats would arrive."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bridge.adapters.http.sender import HttpSender
from bridge.app.click_findings import of_clicks, of_door, place_of_clicks
from bridge.app.findings import Finding
from bridge.channels import channel_for
from bridge.channels.endpoint_options import has_native_buttons
from bridge.channels.slack import api as slack_api
from bridge.channels.telegram import api as telegram_api
from bridge.core.endpoint import Endpoint
from bridge.core.http import USER_AGENT, Request, Response
from bridge.runtime.discovery import endpoints_of
from bridge.settings import Settings


async def clicks_of(
    endpoint: Endpoint, settings: Settings, *, online: bool
) -> Sequence[Finding]:
    """Look whether clicks on an endpoint's own buttons would arrive."""
    if not has_native_buttons(endpoint):
        return ()
    probe = channel_for(endpoint.kind).INFO.probe
    request = probe.request(endpoint) if probe else None
    socket = None
    siblings: Sequence[Endpoint] = ()
    if endpoint.kind == "telegram":
        request = telegram_api.call(endpoint, "getWebhookInfo", {})
        siblings = telegram_api.native_of_bot(endpoint, endpoints_of(settings))
    if endpoint.kind == "slack":
        socket = slack_api.open_socket(endpoint)
    place = None if socket else place_of_clicks(endpoint, settings.public_url)
    knock = None
    if place is not None:  # without the proof that a platform would bring
        headers = {"content-type": "application/json", "user-agent": USER_AGENT}
        knock = Request(url=place, body=b"{}", headers=headers)
    answers: list[Response | None] = [None, None, None]
    if online:
        sender = HttpSender()
        try:
            answers = [
                await sender.send(endpoint, one) if one is not None else None
                for one in (request, socket, knock)
            ]
        finally:
            await sender.aclose()
    answer, opened, at_the_door = answers
    found = of_clicks(
        endpoint,
        settings.public_url,
        answer,
        opened=opened,
        siblings=siblings,
        now=time.time(),
    )
    return [*found, *of_door(endpoint, place, at_the_door)]
