"""Looking whether clicks on buttons in chats would arrive."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bridge.adapters.http.sender import HttpSender
from bridge.app.click_findings import of_clicks
from bridge.app.findings import Finding
from bridge.channels import channel_for
from bridge.channels.telegram import api as telegram_api
from bridge.core.endpoint import Endpoint
from bridge.runtime.discovery import endpoints_of
from bridge.settings import Settings


async def clicks_of(
    endpoint: Endpoint, settings: Settings, *, online: bool
) -> Sequence[Finding]:
    """Look whether clicks on an endpoint's own buttons would arrive."""
    if getattr(endpoint.options, "buttons", "off") != "native":
        return ()
    probe = channel_for(endpoint.kind).INFO.probe
    request = probe.request(endpoint) if probe else None
    siblings: Sequence[Endpoint] = ()
    if endpoint.kind == "telegram":
        request = telegram_api.call(endpoint, "getWebhookInfo", {})
        siblings = telegram_api.native_of_bot(endpoint, endpoints_of(settings))
    answer = None
    if online and request is not None:
        sender = HttpSender()
        try:
            answer = await sender.send(endpoint, request)
        finally:
            await sender.aclose()
    return list(
        of_clicks(
            endpoint,
            settings.public_url,
            answer,
            siblings=[one.name for one in siblings],
            now=time.time(),
        )
    )
