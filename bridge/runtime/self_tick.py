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
from itertools import count

import structlog

from bridge.app.outage import store_outage
from bridge.errors import BridgeError

log = structlog.get_logger(__name__)

#: Seconds after which a heartbeat is old. It is renewed every 5 s.
TAKE_OVER_AFTER = 12.0
#: Seconds between two checks of the heartbeat, and between two ticks of our own.
CHECK_EVERY = 5.0
TICK_EVERY = 1.0
#: Own ticks from one sweep to the next.
TICKS_TO_SWEEP = 5


async def tick_while_silent(
    try_write: Callable[[], Awaitable[None]],
    silent_for: Callable[[], Awaitable[float]],
    tick: Callable[[], Awaitable[None]],
    sweep: Callable[[], Awaitable[None]],
) -> None:
    """
    Tick while beat does not; runs until it is cancelled.

    Args:
        try_write: Writes to the store; whether that is possible is what is logged of it.

        silent_for: Says that this worker is there, and returns the age of the heartbeat, in
            seconds.

        tick: Does what a tick of each kind would.

        sweep: Does what a tick of the sweep would.
    """
    ticking, ticks = False, 0
    for look in count():
        if look:  # the first is at once: others want to know that this worker is there
            await asyncio.sleep(TICK_EVERY if ticking else CHECK_EVERY)
        try:
            await _watch(try_write)
            silent = await silent_for() > TAKE_OVER_AFTER
            if silent != ticking:
                if silent:
                    log.warning("ticks.missing", effect="this process ticks by itself")
                else:
                    log.warning("ticks.are_back")
            ticking = silent
            if not ticking:
                continue
            await tick()
            ticks += 1
            if ticks % TICKS_TO_SWEEP == 0:
                await sweep()
        except BridgeError as error:
            store_outage.failed(str(error))
        except Exception:
            log.exception("ticks.failed")  # the next one may do better


async def _watch(try_write: Callable[[], Awaitable[None]]) -> None:
    # One that takes no writes is away for whoever has something to record, and its ticks go
    # on all the same: what it holds is delivered.
    try:
        await try_write()
    except BridgeError as error:
        store_outage.failed(str(error))
    else:
        store_outage.worked()
