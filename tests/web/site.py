"""A site: the process ``web`` of one deployment, served to tests on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bridge.app.actions import Actions
from bridge.sandbox.server import base_url_of, bind
from bridge.settings import Settings
from bridge.web.http_server import Server
from bridge.web.server import application

TOKEN = "a-long-random-token"


@dataclass(frozen=True, kw_only=True)
class Site:
    """
    A process that answers.

    Attributes:
        http: A client whose paths begin at the site's root; it presents no token.
    """

    url: str
    port: int
    http: httpx.AsyncClient

    async def raw(self, request: bytes, *, within_s: float = 5.0) -> bytes:
        """Send bytes as they are; returns all that comes back until it hangs up or rests."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        try:
            writer.write(request)
            async with asyncio.timeout(within_s):
                while chunk := await reader.read(65536):
                    answer += chunk
                    if _is_whole(answer):
                        break
        except (ConnectionResetError, TimeoutError):
            pass
        finally:
            writer.close()
        return answer


def _is_whole(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bool(blank) and len(body) >= int(line.partition(b":")[2])
    return False


@asynccontextmanager
async def open_site(
    redis_url: str,
    namespace: str,
    *,
    port: int = 0,
    waits: bool = True,
    actions: Actions | None = None,
    **settings: Any,
) -> AsyncIterator[Site]:
    """
    Serve a deployment in the running loop.

    Args:
        redis_url: Where its store is.

        namespace: Its own in that store.

        port: Where to listen; 0 for a free one.

        waits: Whether to wait until the store has been checked.

        actions: Presses buttons, instead of the deployment's own.

        settings: Further ones, as `Settings` takes them.
    """
    settings = {"upstreams": {"default": {"api_key": "sk-test"}}} | settings
    configured = Settings.model_validate(
        {"redis_url": redis_url, "namespace": namespace, **settings}
    )
    bound = bind("127.0.0.1", port)
    url, port = base_url_of(bound), bound.getsockname()[1]
    async with (
        Server(application(configured, actions=actions)).serving(bound),
        # To read the system's certificates takes longer than most tests, and none is looked at.
        httpx.AsyncClient(base_url=url, verify=False, timeout=30) as client,
    ):
        async with asyncio.timeout(30):
            shown = {"authorization": f"Bearer {settings.get('api_token', 'none')}"}
            while (
                waits
                and (await client.get("/api/v1/", headers=shown)).status_code == 503
            ):
                await asyncio.sleep(0.01)
        yield Site(url=url, port=port, http=client)
