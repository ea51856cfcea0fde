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
from bridge.core.cadence import STORE_RETRY, TICK
from bridge.errors import BridgeError, StoreForbids

log = structlog.get_logger(__name__)


async def listen(
    wait: Callable[[], Awaitable[None]], look: Callable[[], Awaitable[None]]
) -> None:
    """
    Begin work as soon as there is any; runs until it is cancelled.

    Args:
        wait: Waits for a wake-up, for a few seconds, and begins what there is to do.

        look: Looks for work by itself, where nothing can be waited for.
    """
    forbidden = False
    while True:
        pause = STORE_RETRY
        try:
            await wait()
            continue
        except StoreForbids as error:
            pause = TICK
            if not forbidden:
                forbidden = True
                log.warning("wakeups.not_heard", reason=str(error), every=TICK)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one may do better
            _tell(error)
        await asyncio.sleep(pause)
        try:
            await look()
        except Exception as error:  # noqa: BLE001
            _tell(error)


def _tell(error: Exception) -> None:
    if isinstance(error, BridgeError):
        store_outage.failed(str(error))
    else:
        log.error("wakeups.failed", exc_info=error)
