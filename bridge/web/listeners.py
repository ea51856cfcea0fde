"""
Listeners: clicks that the bridge fetches, where a platform cannot reach it.

Slack hands them over a socket that we open (Socket Mode); Telegram to whoever asks (long
polling). Neither needs a public URL. A bot of Telegram's has one listener over all processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from secrets import token_hex

import structlog

from bridge.app.click_trouble import REMEMBERED, ClickTrouble
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
from bridge.core.token import Purpose
from bridge.errors import BridgeError
from bridge.web.slack_socket import listen_to_slack

log = structlog.get_logger(__name__)

#: Seconds that Telegram may take to answer that there is nothing.
POLL = 8
#: Seconds for which one process is a bot's listener.
LEASE = 30.0
#: Seconds after something went wrong.
PAUSE = 5.0
#: Telegram's answers that do not pass by themselves: a token that is not one, another reader.
LASTING = {401, 403, 404, 409}


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
        pause: float = PAUSE,
    ) -> None:
        """
        Listen to nothing yet.

        Args:
            endpoints: All that are configured.

            public_url: Where platforms reach us; Telegram is listened to without one.

            pause: Seconds after something went wrong.
        """
        self._pause = pause
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
        trouble = ClickTrouble(endpoints, texts=self._texts, quiet=REMEMBERED)
        holder, offset = token_hex(8), 0
        while True:
            try:
                if not await self._is_ours(endpoints[0].name, holder):
                    await asyncio.sleep(self._pause)
                    continue
                if (found := await self._fetch(endpoints, offset, trouble)) is not None:
                    offset = found
                    trouble.over()
                    continue
            except Exception as error:  # noqa: BLE001 - the next time may do better
                await trouble.met_unexpected(error)
            await asyncio.sleep(self._pause)

    async def _is_ours(self, name: str, holder: str) -> bool:
        """Return whether this process is the bot's listener for the next while."""
        try:
            return await self._texts.claim(f"listener:{name}", holder, LEASE)
        except BridgeError:
            return False

    async def _fetch(
        self, endpoints: Sequence[Endpoint], offset: int, trouble: ClickTrouble
    ) -> int | None:
        """Ask once for clicks; return where to go on, or nothing if it failed."""
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
            await trouble.met(
                response.detail or str(said),
                lasting=response.status in LASTING,
                status=response.status,
            )
            return None
        for one in updates:
            number = one.get("update_id") if isinstance(one, dict) else None
            if isinstance(number, int):
                offset = max(offset, number + 1)
                await self._take(Purpose.TELEGRAM, telegram.update(one), endpoints)
        return offset

    # --- Slack ------------------------------------------------------------------------

    async def _socket(self, token: str, endpoints: Sequence[Endpoint]) -> None:
        trouble = ClickTrouble(endpoints, texts=self._texts)

        async def take(payload: Mapping[str, object]) -> None:
            await self._take(Purpose.SLACK, slack.payload(payload), endpoints)

        while True:
            try:
                await listen_to_slack(
                    take,
                    web_api=web_api(endpoints[0].url),
                    app_token=token,
                    trouble=trouble,
                    pause=self._pause,
                )
            except Exception as error:  # noqa: BLE001 - whatever the library raises
                await trouble.met_unexpected(error)
                await asyncio.sleep(self._pause)

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
