"""Setting a chat up for buttons: what can be done for the user, and what there is to say."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from bridge.adapters.http.sender import HttpSender
from bridge.app.click_marks import clicked_name
from bridge.channels.discord import api as discord_api
from bridge.channels.telegram import api as telegram_api
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import Response, json_object
from bridge.core.token import Purpose, TokenKeys
from bridge.errors import Misconfigured
from bridge.runtime.deployment import Deployment
from bridge.runtime.sample_delivery import try_endpoint
from bridge.settings import Settings

#: Where Discord's API is.
DISCORD = "https://discord.com"
#: Seconds between two looks whether the test button was pressed.
_LOOK_EVERY = 0.25


def slack_app_url(settings: Settings) -> str:
    """Return the page that makes a Slack app whose clicks reach this deployment."""
    interactivity: dict[str, Json] = {"is_enabled": True}
    more: dict[str, Json] = {"interactivity": interactivity}
    if settings.public_url is None:
        more["socket_mode_enabled"] = True
    else:
        interactivity["request_url"] = f"{_public(settings)}/interactions/slack"
    manifest: dict[str, Json] = {
        "display_information": {"name": "mjbridge"},
        "features": {"bot_user": {"display_name": "mjbridge"}},
        "oauth_config": {"scopes": {"bot": ["incoming-webhook", "chat:write"]}},
        "settings": more,
    }
    text = json.dumps(manifest, separators=(",", ":"))
    return f"https://api.slack.com/apps?new_app=1&manifest_json={quote(text, safe='')}"


class DiscordApplication:
    """What a bot's token lets us do with its application."""

    def __init__(self, *, token: str, api: str = DISCORD) -> None:
        """
        Ask nothing yet.

        Args:
            token: The bot's.

            api: Where Discord's API is.
        """
        self._token, self._api = token, api
        self._endpoint = Endpoint(name="setup", url=api, kind=str(Purpose.DISCORD))

    async def make_webhook(self, channel: str) -> Mapping[str, str]:
        """
        Make a webhook in a channel that the application owns.

        Returns:
            The settings of an endpoint that posts there.

        Raises:
            Misconfigured: Discord refuses a step; the text says which, and what to do.
        """
        me = await self._ask("read the application", "GET", "/applications/@me")
        webhook = await self._ask(
            "make a webhook (the bot needs Manage Webhooks there)",
            "POST",
            f"/channels/{quote(channel, safe='')}/webhooks",
            {"name": "Midjourney"},
        )
        return {
            "url": f"{self._api}/api/webhooks/{webhook.get('id')}/{webhook.get('token')}",
            "public_key": str(me.get("verify_key")),
        }

    async def send_clicks_to(self, public_url: str, public_key: str) -> str:
        """
        Have Discord send clicks to a deployment, which it asks for a proof at once.

        Args:
            public_url: Where the deployment is reached.

            public_key: The application's, as it is configured there.

        Returns:
            Where they are sent.

        Raises:
            Misconfigured: Discord refuses; the text says what to do.
        """
        me = await self._ask("read the application", "GET", "/applications/@me")
        if me.get("verify_key") not in {None, public_key}:
            msg = "the bot's application has another public_key than the endpoint: its clicks would be refused"
            raise Misconfigured(msg)
        place = f"{public_url.rstrip('/')}/interactions/discord"
        await self._ask(
            f"have clicks sent to {place} (does the process web answer there, and was it started with this public_key?)",
            "PATCH",
            "/applications/@me",
            {"interactions_endpoint_url": place},
        )
        return place

    async def _ask(
        self, what: str, method: str, path: str, body: Mapping[str, Json] | None = None
    ) -> dict[str, Any]:
        made = discord_api.request(
            self._endpoint,
            method,
            f"{self._api}/api/v10{path}",
            "application/json" if body else "",
            json.dumps(body).encode() if body else b"",
        )
        headers = {**made.headers, "authorization": f"Bot {self._token}"}
        sender = HttpSender()
        try:
            answer = await sender.send(self._endpoint, replace(made, headers=headers))
        finally:
            await sender.aclose()
        _check(what, answer)
        return json_object(answer.body)


async def set_up_telegram(deployment: Deployment, endpoint: Endpoint) -> str:
    """
    Have Telegram send clicks here, or keep them until they are fetched.

    Returns:
        Which of the two it is, for a person.

    Raises:
        Misconfigured: Telegram refuses.
    """
    settings = deployment.settings
    method, body = "deleteWebhook", dict[str, Json]()
    said = "clicks are fetched by the process web (long polling)"
    if settings.public_url is not None:
        keys: TokenKeys = await deployment.links.keys()
        place = f"{_public(settings)}/interactions/telegram/{endpoint.name}"
        method, said = "setWebhook", f"clicks are sent to {place}"
        body = {
            "url": place,
            "secret_token": keys.seal(Purpose.WEBHOOK, endpoint.name, endpoint.url),
            "allowed_updates": ["callback_query"],
        }
    sender = HttpSender()
    try:
        request = telegram_api.call(endpoint, method, body)
        _check(method, await sender.send(endpoint, request))
    finally:
        await sender.aclose()
    return said


async def try_buttons(
    deployment: Deployment, endpoint: Endpoint, *, patience: float
) -> AsyncIterator[str]:
    """
    Send a message with test buttons, and wait until one is pressed; yields what happens.

    Raises:
        Misconfigured: It could not be sent, or nobody's click has arrived.
    """
    await deployment.texts.keep(clicked_name(endpoint.name), "", 0.001)
    attempt = await try_endpoint(deployment.settings, endpoint, "task.succeeded")
    if not attempt.succeeded:
        msg = f"the test message was not taken: {attempt.detail or attempt.outcome}"
        raise Misconfigured(msg)
    yield "a message with buttons is in the chat: press one of them"
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if who := await deployment.texts.kept(clicked_name(endpoint.name)):
            yield f"it works: {who} has pressed a button"
            return
        await asyncio.sleep(_LOOK_EVERY)
    msg = (
        f"no click has arrived within {patience:g} s; is the process web running, and "
        "what does `mjbridge check --online` say?"
    )
    raise Misconfigured(msg)


def _public(settings: Settings) -> str:
    return (settings.public_url or "").rstrip("/")


def _check(what: str, answer: Response) -> None:
    body = json_object(answer.body)
    if answer.status is not None and answer.status < 300 and body.get("ok", True):
        return
    reason = body.get("message") or body.get("description") or answer.detail
    msg = f"could not {what}: {answer.status or 'no answer'} {reason or ''}".rstrip()
    raise Misconfigured(msg)
