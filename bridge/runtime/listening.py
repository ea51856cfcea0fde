"""
Listening for wake-ups: one blocked read of the store, and the process sleeps until there is work.

No tick and no message is needed for what comes up: they are what finds the work of processes
that died, and what still works where waiting in the store does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bridge.app.outage import store_outage
from bridge.app.ports import Queue, Wakeups
from bridge.core.cadence import STORE_RETRY, TICK
from bridge.errors import BridgeError, StoreForbids

log = structlog.get_logger(__name__)


async def listen(
    wakeups: Wakeups, queue: Queue, look: Callable[[], Awaitable[None]]
) -> None:
    """
    Begin work as soon as there is any; runs until it is cancelled.

    Args:
        wakeups: The store's.

        queue: What to wait for.

        look: Looks for work. While no wake-up comes, that is done every few seconds; after one
            that failed there is a pause, however much work is told of.
    """
    forbidden = False
    while True:
        try:
            await wakeups.wait(queue)
        except StoreForbids as error:
            if not forbidden:
                forbidden = True
                log.warning("wakeups.not_heard", reason=str(error), every=TICK)
            await asyncio.sleep(TICK)
        except BridgeError as error:
            store_outage.failed(str(error))
            await asyncio.sleep(STORE_RETRY)
        try:
            await look()
        except Exception:
            log.exception(
                "wakeups.failed"
            )  # the next one may do better, but not at once
            await asyncio.sleep(STORE_RETRY)
