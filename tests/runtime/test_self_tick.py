"""What a worker does by itself: it ticks while no tick comes, and watches the store."""

from __future__ import annotations

import asyncio

import structlog

from bridge.errors import StoreUnavailable
from bridge.runtime.self_tick import TAKE_OVER_AFTER, tick_while_silent


async def test_a_store_that_takes_no_writes_is_away_and_its_ticks_go_on() -> None:
    ticked = asyncio.Event()

    async def refuse() -> None:
        msg = "the store's memory is used up; raise it"
        raise StoreUnavailable(msg)

    async def silent_for() -> float:
        return TAKE_OVER_AFTER + 1

    async def tick() -> None:
        ticked.set()

    with structlog.testing.capture_logs() as logs:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            running = group.create_task(
                tick_while_silent(refuse, silent_for, tick, tick)
            )
            await ticked.wait()
            running.cancel()

    [away] = [line for line in logs if line["event"] == "store.away"]
    assert away["reason"].startswith("the store's memory is used up")
