"""Interactions: where platforms send clicks to, and what they are answered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bridge.channels.discord import inbound as discord
from bridge.channels.endpoint_options import NativeOptions
from bridge.channels.interaction import Acknowledgement, Inbound, Interaction
from bridge.channels.slack import inbound as slack
from bridge.channels.telegram import api as telegram_api
from bridge.channels.telegram import inbound as telegram
from bridge.core.endpoint import Endpoint
from bridge.core.token import Purpose, TokenKeys
from bridge.web.context import WebContext

log = structlog.get_logger(__name__)

PREFIX = "/interactions/"

#: How each platform's clicks are read and answered.
PLATFORMS = {
    Purpose.SLACK: slack,
    Purpose.DISCORD: discord,
    Purpose.TELEGRAM: telegram,
}
#: Reads a request: its raw body, its headers, the time, and what may prove it.
Read = Callable[[bytes, Mapping[str, str], float, Sequence[str]], Inbound]


def routes(context: WebContext) -> Sequence[BaseRoute]:
    """Return the routes of clicks."""
    doors = _Doors(context)
    return [
        Route(f"{PREFIX}slack", doors.slack, methods=["POST"]),
        Route(f"{PREFIX}discord", doors.discord, methods=["POST"]),
        Route(f"{PREFIX}telegram/{{endpoint}}", doors.telegram, methods=["POST"]),
    ]


def telegram_secrets(keys: TokenKeys, endpoint: Endpoint) -> Sequence[str]:
    """Return what a Telegram webhook is set up with: the first is new ones', all are accepted."""
    return keys.seals(Purpose.WEBHOOK, endpoint.name, endpoint.url)


class _Doors:
    """The addresses that platforms are told."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._clicks = context.clicks
        native = [
            one
            for name, settings in context.settings.endpoints.items()
            if isinstance((one := settings.to_endpoint(name)).options, NativeOptions)
            and one.options.buttons == "native"
        ]
        self._by_kind = {
            purpose: [one for one in native if one.kind == purpose]
            for purpose in PLATFORMS
        }

    async def slack(self, request: Request) -> Response:
        """Take a click in Slack."""
        return await self._signed(request, Purpose.SLACK, "signing_secret")

    async def discord(self, request: Request) -> Response:
        """Take a click in Discord."""
        return await self._signed(request, Purpose.DISCORD, "public_key")

    async def telegram(self, request: Request) -> Response:
        """Take a click in Telegram."""
        keys = await self._context.links.keys()
        wanted, known = request.path_params["endpoint"], self._by_kind[Purpose.TELEGRAM]
        # A bot has one webhook: clicks of all its endpoints come to the address of one.
        proofs = {
            secret: telegram_api.native_of_bot(one, known)
            for one in known
            if one.name == wanted
            for secret in telegram_secrets(keys, one)
        }
        return await self._take(request, Purpose.TELEGRAM, telegram.read, proofs)

    async def _signed(
        self, request: Request, purpose: Purpose, setting: str
    ) -> Response:
        proofs: dict[str, list[Endpoint]] = {}
        for one in self._by_kind[purpose]:
            if proof := getattr(one.options, setting):
                proofs.setdefault(proof, []).append(one)
        return await self._take(request, purpose, PLATFORMS[purpose].read, proofs)

    async def _take(
        self,
        request: Request,
        purpose: Purpose,
        read: Read,
        proofs: Mapping[str, Sequence[Endpoint]],
    ) -> Response:
        body, headers, now = await request.body(), _headers(request), time.time()
        answer = Acknowledgement(status=401, reason="no endpoint here takes clicks")
        for proof, endpoints in proofs.items():
            found = read(body, headers, now, [proof])
            if isinstance(found, Interaction):
                return _response(await self._clicks.take(purpose, found, endpoints))
            answer = found
            if answer.status != 401:
                break
        if answer.reason:
            log.info("click.not_taken", platform=str(purpose), reason=answer.reason)
        return _response(answer)


def _headers(request: Request) -> Mapping[str, str]:
    """Return headers by name; what came twice counts as one that nobody would sign."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _response(answer: Acknowledgement) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status)
    body: Any = dict(answer.body)
    return Response(json.dumps(body), answer.status, media_type="application/json")
