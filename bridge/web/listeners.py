"""
Listeners: clicks that the bridge fetches, where a platform cannot reach it.

Slack hands them over a socket that we open (Socket Mode); Telegram to whoever asks (long
polling). Neither needs a public URL. A bot of Telegram's has one listener over all processes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from secrets import token_hex

import structlog

from bridge.app.clicks import ClickHandler
from bridge.app.ports import ExpiringTexts, Sender
from bridge.channels.endpoint_options import NativeOptions
from bridge.channels.interaction import Interaction
from bridge.channels.slack import inbound as slack
from bridge.channels.slack.api import web_api
from bridge.channels.telegram import api as telegram_api
from bridge.channels.telegram import inbound as telegram
from bridge.core.endpoint import Endpoint
from bridge.core.event_data import Json
from bridge.core.http import json_object
from bridge.core.redact import redact, secrets_of_endpoint
from bridge.core.token import Purpose
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds that Telegram may take to answer that there is nothing.
POLL = 8
#: Seconds for which one process is a bot's listener.
LEASE = 30.0
#: Seconds after something went wrong.
PAUSE = 5.0
#: Seconds for which the reason is kept: two who fetch a bot's clicks get an error in turn.
REMEMBERED = 60.0
#: Characters of what a platform says about it.
MAX_REASON = 200


class Listeners:
    """What one process listens to."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        clicks: ClickHandler,
        texts: ExpiringTexts,
        sender: Sender,
        public_url: str | None,
    ) -> None:
        """
        Listen to nothing yet.

        Args:
            endpoints: All that are configured.

            public_url: Where platforms reach us; Telegram is listened to without one.
        """
        self._clicks, self._texts, self._sender = clicks, texts, sender
        native = [
            one
            for one in endpoints
            if isinstance(one.options, NativeOptions)
            and one.options.buttons == "native"
        ]
        self._bots: dict[str, list[Endpoint]] = {}
        self._apps: dict[str, list[Endpoint]] = {}
        for one in native:
            if one.kind == Purpose.TELEGRAM and public_url is None:
                bot = telegram_api.bot_of(one.url) or one.url
                self._bots.setdefault(bot, []).append(one)
            token = getattr(one.options, "app_token", None)
            if one.kind == Purpose.SLACK and token:
                self._apps.setdefault(token, []).append(one)

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            for bot in self._bots.values():
                group.create_task(self._poll(bot))
            for token, app in self._apps.items():
                group.create_task(self._socket(token, app))

    # --- Telegram ---------------------------------------------------------------------

    async def _poll(self, endpoints: Sequence[Endpoint]) -> None:
        name, holder, offset = endpoints[0].name, token_hex(8), 0
        while True:
            try:
                offset = await self._fetch(endpoints, holder, offset)
            except Exception:  # the next time may do better
                log.exception("click.listener_failed", endpoint=name)
                await asyncio.sleep(PAUSE)

    async def _fetch(
        self, endpoints: Sequence[Endpoint], holder: str, offset: int
    ) -> int:
        """Ask once for clicks, if this process is the bot's listener; return where to go on."""
        name = endpoints[0].name
        try:
            mine = await self._texts.claim(f"listener:{name}", holder, LEASE)
        except BridgeError:
            mine = False
        if not mine:
            await asyncio.sleep(PAUSE)
            return offset
        body: dict[str, Json] = {
            "offset": offset,
            "timeout": POLL,
            "allowed_updates": ["callback_query"],
        }
        request = telegram_api.call(endpoints[0], "getUpdates", body)
        response = await self._sender.send(endpoints[0], request)
        answer = json_object(response.body)
        updates = answer.get("result")
        if response.status != 200 or not isinstance(updates, list):
            said = answer.get("description") or f"HTTP {response.status}"
            reason = response.detail or str(said)
            log.warning(
                "click.not_fetched",
                endpoint=name,
                status=response.status,
                reason=reason,
            )
            await self._note_error(endpoints, reason)
            return offset
        for one in updates:
            number = one.get("update_id") if isinstance(one, dict) else None
            if isinstance(number, int):
                offset = max(offset, number + 1)
                await self._take(Purpose.TELEGRAM, telegram.update(one), endpoints)
        return offset

    # --- Slack ------------------------------------------------------------------------

    async def _socket(self, token: str, endpoints: Sequence[Endpoint]) -> None:
        # The library takes a while to import, and most deployments have no use for it.
        from slack_sdk.socket_mode.aiohttp import SocketModeClient
        from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
        from slack_sdk.socket_mode.request import SocketModeRequest
        from slack_sdk.socket_mode.response import SocketModeResponse
        from slack_sdk.web.async_client import AsyncWebClient

        async def heard(
            client: AsyncBaseSocketModeClient, request: SocketModeRequest
        ) -> None:
            await client.send_socket_mode_response(
                SocketModeResponse(envelope_id=request.envelope_id)
            )
            if request.type == "interactive":
                data: Mapping[str, object] = json_object(json.dumps(request.payload))
                await self._take(Purpose.SLACK, slack.payload(data), endpoints)

        while True:
            web = AsyncWebClient(base_url=web_api(endpoints[0].url))
            client = SocketModeClient(app_token=token, web_client=web)
            client.socket_mode_request_listeners.append(heard)
            try:
                await client.connect()  # type: ignore[no-untyped-call]  # the library's gap
                await asyncio.Event().wait()  # the library connects anew by itself
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the library raises
                # Its text may hold the socket's address, which is a secret.
                log.warning(
                    "click.no_socket",
                    endpoint=endpoints[0].name,
                    error=type(error).__name__,
                )
                reason = f"Slack opens no socket ({type(error).__name__})"
                await self._note_error(endpoints, reason)
            finally:
                with suppress(Exception):
                    await client.close()  # type: ignore[no-untyped-call]  # the library's gap

    async def _note_error(self, endpoints: Sequence[Endpoint], reason: str) -> None:
        """Keep the reason for whoever asks, and wait before the next try."""
        shown = redact(reason, secrets_of_endpoint(endpoints[0]))[:MAX_REASON]
        with suppress(BridgeError):
            for one in endpoints:
                await self._texts.keep(f"click_error:{one.name}", shown, REMEMBERED)
        await asyncio.sleep(PAUSE)

    async def _take(
        self, purpose: Purpose, found: object, endpoints: Sequence[Endpoint]
    ) -> None:
        """Take one click; that it fails costs none of the others."""
        if not isinstance(found, Interaction):
            return
        try:
            await self._clicks.take(purpose, found, endpoints)
        except BridgeError as error:
            log.warning(
                "click.broken_off", endpoint=endpoints[0].name, error=str(error)
            )
        except Exception:  # a defect of ours, most likely
            log.exception("click.failed", endpoint=endpoints[0].name)
