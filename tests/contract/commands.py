"""Counting what a store is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis


async def commands(
    client: Redis, namespace: str, work: Callable[[], Awaitable[object]]
) -> int:
    """Count the commands that clients send to a namespace meanwhile, not those of scripts."""
    async with client.monitor() as monitor:
        marker = f"over {namespace}"

        async def count() -> int:
            counted = 0
            async for seen in monitor.listen():
                if marker in seen["command"]:
                    return counted
                # A process tries its store by itself if another test has left that away.
                by_itself = seen["client_type"] == "lua" or ":probe" in seen["command"]
                if namespace in seen["command"] and not by_itself:
                    counted += 1
            return counted

        counting = asyncio.create_task(count())
        await work()
        await client.echo(marker)
        return await asyncio.wait_for(counting, 30.0)
