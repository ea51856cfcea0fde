"""What the tests of polling share: a gateway that follows a script, and an upstream that asks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from aiohttp import web

from bridge.adapters.gateway.upstream import HttpUpstream, UpstreamOptions
from bridge.app.ports import FetchResult
from tests.gateways import Asked, Gateway, Script, lists, says, scripted

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"
LIST = "/mj/task/list-by-condition"


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'[{"id":"1","status":"SUCCESS"}]'


@asynccontextmanager
async def polled(url: str, **options: object) -> AsyncIterator[HttpUpstream]:
    base = UpstreamOptions(name="default", base_url=url, api_key=KEY, timeout=10)
    upstream = HttpUpstream(replace(base, **options))  # type: ignore[arg-type]
    try:
        yield upstream
    finally:
        await upstream.aclose()


@asynccontextmanager
async def asking(
    script: Script, **options: object
) -> AsyncIterator[tuple[Gateway, HttpUpstream]]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(scripted(script))
        yield gateway, await stack.enter_async_context(polled(gateway.url, **options))


async def answer_to(
    script: Script, ids: Sequence[str] = ("1",), **options: object
) -> FetchResult:
    async with asking(script, **options) as (_, upstream):
        return await upstream.fetch(ids)


async def never() -> web.Response:
    waiting: asyncio.Future[web.Response] = asyncio.get_running_loop().create_future()
    return await waiting


def rows(*ids: str) -> list[dict[str, object]]:
    return [{"id": task_id, "status": "IN_PROGRESS"} for task_id in ids]


def poisoned(*poisons: str, known: Sequence[str] = (), status: int = 400) -> Script:
    """A gateway that refuses every question with one of these ids in it."""
    listing = lists(rows(*known))

    def script(asked: Asked) -> web.Response:
        if set(poisons) & set(asked.ids):
            return says({"description": "do_request_failed ", "code": 4}, status)
        return listing(asked)

    return script
