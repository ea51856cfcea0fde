"""
Slack's Socket Mode: clicks come over a socket that we open, by Slack's own library.

The library tries again by itself, for ever, and writes a traceback to the log each time, in which
the socket's address stands; that is a secret. So it gets a log of its own, which tells us what went
wrong and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from bridge.app.click_trouble import ClickTrouble
from bridge.core.http import json_object


async def listen_to_slack(
    take: Callable[[Mapping[str, object]], Awaitable[None]],
    *,
    web_api: str,
    app_token: str,
    trouble: ClickTrouble,
    pause: float,
) -> None:
    """
    Listen until cancelled.

    Args:
        take: Takes what somebody clicked, as Slack describes it. It does not raise.

        web_api: Where Slack's methods are.

        app_token: Opens sockets.

        trouble: Where it is noted that none opens, or that one broke.

        pause: Seconds between two tries.
    """
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
            await take(json_object(json.dumps(request.payload)))

    async def came(_: object) -> None:
        trouble.over()

    errors = _Errors()
    # Not one of those by name, so that nothing of it reaches any other log.
    logger = logging.Logger("slack", level=logging.ERROR)  # noqa: LOG001
    logger.addHandler(errors)
    client = SocketModeClient(
        app_token=app_token,
        logger=logger,
        web_client=AsyncWebClient(base_url=web_api, logger=logger),
        ping_interval=pause,
        on_message_listeners=[came],
    )
    client.socket_mode_request_listeners.append(heard)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.connect())  # type: ignore[no-untyped-call]  # the library's gap
            while True:
                error = await errors.next()
                # An address is good for one try, and the library would go on with it.
                client.wss_uri = None
                await trouble.met(f"Slack opens no socket ({_kind(error)})")
    finally:
        with suppress(Exception):
            await client.close()  # type: ignore[no-untyped-call]  # the library's gap


class _Errors(logging.Handler):
    """The errors that a library logs, each once."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._met: asyncio.Queue[BaseException] = asyncio.Queue()
        self._last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take the error that a line is about; its text is not looked at."""
        del record
        error = sys.exc_info()[1]
        if error is not None and error is not self._last:
            self._met.put_nowait(error)
        self._last = error

    async def next(self) -> BaseException:
        """Wait for the next one."""
        return await self._met.get()


def _kind(error: BaseException) -> str:
    """Return Slack's word for an error, or else our library's."""
    response: Any = getattr(error, "response", None)
    said = response.get("error") if hasattr(response, "get") else None
    return said if isinstance(said, str) and said else type(error).__name__
