"""
The self-tick: what a worker does by itself while no tick comes through.

Ticks come from beat through a broker, and either may be away. Above all, a store that is
also the broker takes no message when its memory is full, while what it holds could still
be delivered and forgotten, which is the only way out. So an engine checks the heartbeat
that each sweep on a tick leaves; while that is old, it ticks by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds after which a heartbeat is old. It is renewed every 5 s.
SILENT_AFTER = 12.0
#: Seconds between two checks of the heartbeat, and between two ticks of our own.
CHECK_EVERY = 3.0
TICK_EVERY = 1.0
#: Own ticks from one sweep to the next.
TICKS_TO_SWEEP = 5


async def tick_while_silent(
    silent_for: Callable[[], Awaitable[float]],
    tick: Callable[[], Awaitable[None]],
    sweep: Callable[[], Awaitable[None]],
) -> None:
    """
    Tick while beat does not; runs until it is cancelled.

    Args:
        silent_for: Returns the age of the heartbeat, in seconds.

        tick: Does what a tick of each kind would.

        sweep: Does what a tick of the sweep would.
    """
    ticking, ticks = False, 0
    while True:
        await asyncio.sleep(TICK_EVERY if ticking else CHECK_EVERY)
        try:
            silent = await silent_for() > SILENT_AFTER
            if silent != ticking:
                log.warning("ticks.missing" if silent else "ticks.are_back")
            ticking = silent
            if not ticking:
                continue
            await tick()
            ticks += 1
            if ticks % TICKS_TO_SWEEP == 0:
                await sweep()
        except BridgeError as error:
            log.warning("ticks.store_away", error=str(error))
        except Exception:
            log.exception("ticks.failed")  # the next one may do better
