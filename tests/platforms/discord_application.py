"""A bot's application at Discord: it owns webhooks, and says where clicks on their messages go."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.platforms import clicks
from tests.platforms.discord import CHANNEL, TOKEN, WEBHOOK, Discord

BOT_TOKEN = "b0t-t0ken"
APPLICATION = "900"


@dataclass(kw_only=True)
class DiscordApplication:
    """
    Discord, with a bot in one channel.

    Attributes:
        may_make_webhooks: Whether the bot has "Manage Webhooks".

        made: How many webhooks it has made.

        clicks_go_to: Where the developer portal says that clicks go.
    """

    discord: Discord = field(default_factory=Discord)
    may_make_webhooks: bool = True
    made: int = 0
    clicks_go_to: str | None = None

    @property
    def app(self) -> Starlette:
        me, webhooks = "/api/v10/applications/@me", "/api/v10/channels/{id}/webhooks"
        return Starlette(
            routes=[
                Route(me, self._me, methods=["GET", "PATCH"]),
                Route(webhooks, self._make, methods=["POST"]),
                Mount("/", self.discord.app),
            ]
        )

    async def _me(self, request: Request) -> Response:
        if not _is_bot(request):
            return _no(401, 0, "401: Unauthorized")
        if request.method == "PATCH":
            place = (await request.json())["interactions_endpoint_url"]
            if not await _proves_itself(place):
                words = "interactions_endpoint_url: The specified interactions endpoint url could not be verified."
                return _no(400, 50035, words)
            self.clicks_go_to = place
        return JSONResponse(
            {
                "id": APPLICATION,
                "verify_key": clicks.PUBLIC_KEY,
                "interactions_endpoint_url": self.clicks_go_to,
            }
        )

    async def _make(self, request: Request) -> Response:
        if not _is_bot(request):
            return _no(401, 0, "401: Unauthorized")
        if request.path_params["id"] != CHANNEL:
            return _no(404, 10003, "Unknown Channel")
        if not self.may_make_webhooks:
            return _no(403, 50013, "Missing Permissions")
        self.made += 1
        self.discord.application = APPLICATION
        return JSONResponse(
            {"id": WEBHOOK, "token": TOKEN, "application_id": APPLICATION}
        )


def _is_bot(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bot {BOT_TOKEN}"


async def _proves_itself(place: str) -> bool:
    """Send a PING, and one that somebody else has signed: both have to be seen for that."""
    body = json.dumps({"type": 1}).encode()
    stamp = str(int(time.time()))
    signed = clicks.DISCORD_KEY.sign(stamp.encode() + body).hex()
    said = []
    async with httpx.AsyncClient(trust_env=False) as client:
        for signature in (signed, signed[::-1]):
            headers = {
                "content-type": "application/json",
                "x-signature-timestamp": stamp,
                "x-signature-ed25519": signature,
            }
            try:
                said.append(await client.post(place, content=body, headers=headers))
            except httpx.HTTPError:
                return False
    ping, forged = said
    return (
        ping.status_code == 200
        and ping.json() == {"type": 1}
        and forged.status_code == 401
    )


def _no(status: int, code: int, message: str) -> Response:
    return JSONResponse({"message": message, "code": code}, status)
